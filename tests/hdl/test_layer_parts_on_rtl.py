"""Layers in parts on the generated Verilog, against golden model and cost model."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.hdl import PROCESSING_ELEMENTS, Accelerator

SIZE = 1152


def build(pe: str, rows: int, cols: int, folder, simulator: str = "icarus") -> Bench:
    require_simulator(simulator)
    environment = {"ACCELERATOR_ROWS": str(rows), "ACCELERATOR_COLS": str(cols),
                   "ACCELERATOR_BYTES": str(SIZE), "ACCELERATOR_PE": pe}  # fmt: skip
    component = Accelerator(rows, cols, PROCESSING_ELEMENTS[pe](), SIZE, SIZE, SIZE)
    return Bench(component, "accelerator", "parts_bench", folder, environment, simulator)


@pytest.mark.parametrize(
    ("pe", "rows", "cols"),
    [
        ("scalable", 4, 4),
        pytest.param("spatial", 2, 6, marks=pytest.mark.slow),
        pytest.param("dual", 6, 2, marks=pytest.mark.slow),
    ],
)
def test_parts_make_the_layer(pe, rows, cols, tmp_path):
    build(pe, rows, cols, tmp_path).run("layers_in_parts", PARTS_COUNT="3", PARTS_CYCLES="2000")


@pytest.mark.slow
def test_larger_layers(tmp_path):
    bench = build("scalable", 4, 4, tmp_path, "verilator")
    bench.run("layers_in_parts", PARTS_COUNT="20", PARTS_CYCLES="30000")


def test_stalls(tmp_path):
    build("scalable", 4, 4, tmp_path).run("slow_memories_stall_as_modelled")
