"""Layers in parts on the generated Verilog, against golden model and cost model, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.hdl import PROCESSING_ELEMENTS, Accelerator

SIZE = 1152


def build(pe: str, rows: int, cols: int, folder) -> Bench:
    require_simulator()
    environment = {"ACCELERATOR_ROWS": str(rows), "ACCELERATOR_COLS": str(cols),
                   "ACCELERATOR_BYTES": str(SIZE), "ACCELERATOR_PE": pe}  # fmt: skip
    component = Accelerator(rows, cols, PROCESSING_ELEMENTS[pe](), SIZE, SIZE, SIZE)
    return Bench(component, "accelerator", "parts_bench", folder, environment)


@pytest.mark.parametrize(
    ("pe", "rows", "cols"),
    [
        ("scalable", 4, 4),
        pytest.param("spatial", 2, 6, marks=pytest.mark.slow),
        pytest.param("dual", 6, 2, marks=pytest.mark.slow),
    ],
)
def test_parts_make_the_layer(pe, rows, cols, tmp_path):
    build(pe, rows, cols, tmp_path).run("layers_in_parts")


def test_stalls(tmp_path):
    build("scalable", 4, 4, tmp_path).run("slow_memories_stall_as_modelled")
