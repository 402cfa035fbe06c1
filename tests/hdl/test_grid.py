"""The generated Verilog of Grid against the golden model, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.hdl import Grid


@pytest.mark.parametrize(("rows", "cols"), [(3, 2), (1, 2), (4, 4)])
def test_every_element_matches_the_golden_model(rows, cols, tmp_path):
    require_simulator()
    environment = {"GRID_ROWS": str(rows), "GRID_COLS": str(cols)}
    bench = Bench(Grid(rows, cols), "grid", "grid_bench", tmp_path, environment)
    bench.run("every_element_matches_the_golden_model")


SIZES = "rows and cols must be at least 1, and at most 1024 elements together"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2), f"{SIZES}, not 0 and 2"),
        ((2, 0), f"{SIZES}, not 2 and 0"),
        ((500, 500), f"{SIZES}, not 500 and 500"),
        ((2, 2, 7), "width must be even and from 4 to 32, not 7"),
    ],
)
def test_grid_rejects_bad_sizes(arguments, message):
    with pytest.raises(ValueError) as raised:
        Grid(*arguments)
    assert str(raised.value) == message
