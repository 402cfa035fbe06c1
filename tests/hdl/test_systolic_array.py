"""The generated Verilog of SystolicArray against the golden model, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.core.yosys import run_yosys
from voltile.hdl import PROCESSING_ELEMENTS, ScalableMac, SystolicArray, write_verilog


@pytest.mark.parametrize(
    ("pe", "rows", "cols"),
    [("scalable", 1, 1), ("scalable", 4, 3), ("spatial", 2, 3), ("dual", 3, 2)],
)
def test_results_leave_in_the_wavefront(pe, rows, cols, tmp_path):
    require_simulator()
    environment = {"ARRAY_ROWS": str(rows), "ARRAY_COLS": str(cols), "ARRAY_PE": pe}
    component = SystolicArray(rows, cols, PROCESSING_ELEMENTS[pe]())
    bench = Bench(component, "array", "array_bench", tmp_path, environment)
    bench.run("results_leave_in_the_wavefront")


@pytest.mark.parametrize(("rows", "cols"), [(0, 2), (500, 500), (1, 1025)])
def test_array_rejects_sizes(rows, cols):
    message = f"and at most 1024 elements together, not {rows} and {cols}"
    with pytest.raises(ValueError, match=message):
        SystolicArray(rows, cols, ScalableMac())


@pytest.mark.parametrize("pe", PROCESSING_ELEMENTS)
def test_every_enable_becomes_a_clock_gate(pe, tmp_path):
    source = tmp_path / "array.v"
    write_verilog(SystolicArray(2, 2, PROCESSING_ELEMENTS[pe]()), "array", source)
    passes = [
        f"read_verilog {source}",
        "synth -flatten -top array",
        "select -assert-min 300 t:$_DFFE*",
        "clockgate -pos gate ce:clk:gclk -min_net_size 3",
        "select -assert-none t:$_DFFE* t:$_SDFFE* t:$_SDFFCE* t:$_DLATCH*",
    ]
    run_yosys(passes, tmp_path, "gates")
