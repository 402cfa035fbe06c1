"""Liberty that is written from arrays gives the same arrays when it is read."""

import numpy as np
import pytest

from voltile.pdk import ArcType, read_cell_library, write_timing_liberty

KEPT = (
    ArcType.COMBINATIONAL, ArcType.RISING_EDGE, ArcType.FALLING_EDGE, ArcType.SETUP_RISING,
    ArcType.SETUP_FALLING, ArcType.RECOVERY_RISING, ArcType.RECOVERY_FALLING,
)  # fmt: skip


@pytest.mark.parametrize("vdd", [0.6, 0.75, 1.0])
def test_timing_comes_back(toy_technology, tmp_path, vdd):
    library = toy_technology.library(vdd)
    write_timing_liberty(library, tmp_path / "made.lib", "made")
    result = read_cell_library(tmp_path / "made.lib")
    assert (result.name, result.vdd) == ("made", pytest.approx(vdd))
    assert result.cell_name == library.cell_name and result.pin_name == library.pin_name
    assert result.pin_function == library.pin_function
    assert result.sequential == library.sequential
    assert result.thresholds == library.thresholds
    assert library.thresholds["slew_upper_threshold_pct_rise"] == 80
    for name in ("cell_area", "pin_direction", "pin_is_clock", "pin_capacitance"):
        assert getattr(result, name) == pytest.approx(getattr(library, name), rel=1e-8, abs=0)
    arcs = np.flatnonzero(np.isin(library.arc_type, KEPT))
    for name in ("arc_cell", "arc_from", "arc_to", "arc_type"):
        assert np.array_equal(getattr(result, name), getattr(library, name)[arcs])
    delays = library.arc_type[arcs] == ArcType.COMBINATIONAL
    assert np.array_equal(result.arc_sense[delays], library.arc_sense[arcs][delays])
    assert result.arc_when == tuple(library.arc_when[arc] for arc in arcs)
    for new, old in zip(result.arc_table.ravel(), library.arc_table[arcs].ravel(), strict=True):
        assert (new < 0) == (old < 0)
        if new >= 0:
            assert table(result, new) == pytest.approx(table(library, old), rel=1e-8)


def table(library, number):
    rows, columns = library.tables.size[number]
    parts = (library.tables.slew_axis[number, :rows], library.tables.load_axis[number, :columns],
             library.tables.values[number, :rows, :columns].ravel())  # fmt: skip
    return np.concatenate(parts)


def test_names_of_cells_take_a_suffix_and_the_source_is_named(toy_technology, tmp_path):
    library = toy_technology.library(0.75)
    write_timing_liberty(library, tmp_path / "made.lib", "made", "__high")
    result = read_cell_library(tmp_path / "made.lib")
    assert result.cell_name == tuple(f"{name}__high" for name in library.cell_name)
    first = (tmp_path / "made.lib").read_text().splitlines()[0]
    assert library.name in first and "0.750 V" in first
