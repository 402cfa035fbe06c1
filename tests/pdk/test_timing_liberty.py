"""Liberty that is written from arrays gives the same arrays when it is read."""

import numpy as np
import pytest

from voltile.pdk import ArcType, CellCopy, Sense, read_cell_library, write_timing_liberty

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


def arcs_of(library, name, related):
    """(sense, tables of rise and fall) of every arc of a cell from a pin."""
    cell = library.cell_index[name]
    pin = library.pin_index[cell, related]
    return [(Sense(int(library.arc_sense[arc])), library.arc_table[arc])
            for arc in np.flatnonzero(library.arc_from == pin)]  # fmt: skip


def copy_of(library, name, related, factor, added=0.0):
    """A copy whose arcs and checks with a pin differ, each in its own way."""
    cell = library.cell_index[name]
    pin = library.pin_index[cell, related]
    delay = {(int(arc), start, end): factor(start, end)
             for arc in np.flatnonzero(library.arc_from == pin)
             for start in (0, 1) for end in (0, 1)}  # fmt: skip
    check = {(int(arc), edge): added * (1 + edge)
             for arc in np.flatnonzero(library.arc_to == pin) for edge in (0, 1)}  # fmt: skip
    return CellCopy(cell, "__slow", delay, check)


def values(library, number):
    rows, columns = library.tables.size[number]
    return library.tables.values[number, :rows, :columns]


@pytest.mark.parametrize(
    ("name", "senses"),
    [("toy_xor2_1", {Sense.POSITIVE, Sense.NEGATIVE}), ("toy_nand2_1", {Sense.NEGATIVE}),
     ("toy_or2_1", {Sense.POSITIVE})],
)  # fmt: skip
def test_copies_are_slower_by_the_factor_of_every_edge(toy_technology, tmp_path, name, senses):
    library = toy_technology.library(0.8)
    factors = np.array([[(2, 7), (4, 9)], [(3, 8), (5, 10)]])  # by input edge and output edge
    copy = copy_of(library, name, "A", lambda start, end: tuple(factors[start, end]))
    write_timing_liberty(library, tmp_path / "made.lib", "made", "__x", [copy])
    result = read_cell_library(tmp_path / "made.lib")
    assert result.cell_name == (*(f"{item}__x" for item in library.cell_name), f"{name}__x__slow")
    ((_, before),) = arcs_of(library, name, "A")
    after = arcs_of(result, f"{name}__x__slow", "A")
    assert {sense for sense, _ in after} == senses and len(after) == len(senses)
    for sense, tables in after:
        for end in (0, 1):
            start = 1 - end if sense == Sense.NEGATIVE else end
            for column, factor in enumerate(factors[start, end]):
                new, old = tables[end, column], before[end, column]
                assert values(result, new) == pytest.approx(factor * values(library, old), rel=1e-8)
    # Its other arcs, and the cell itself, stay.
    for whole, related in ((f"{name}__x", "A"), (f"{name}__x__slow", "B")):
        ((sense, tables),) = arcs_of(result, whole, related)
        ((old_sense, old),) = arcs_of(library, name, related)
        assert sense == old_sense
        for new_table, old_table in zip(tables.ravel(), old.ravel(), strict=True):
            assert values(result, new_table) == pytest.approx(values(library, old_table), rel=1e-8)


def test_copies_ask_for_their_data_earlier(toy_technology, tmp_path):
    library = toy_technology.library(0.8)
    copy = copy_of(library, "toy_dff_1", "D", lambda start, end: (1, 1), 5e-12)
    write_timing_liberty(library, tmp_path / "made.lib", "made", "", [copy])
    result = read_cell_library(tmp_path / "made.lib")

    def setup(source, name):
        pin = source.pin_index[source.cell_index[name], "D"]
        (arc,) = np.flatnonzero((source.arc_to == pin) & (source.arc_type == ArcType.SETUP_RISING))
        return [values(source, source.arc_table[arc, edge, 0]) for edge in (0, 1)]

    for edge, (new, old) in enumerate(
        zip(setup(result, "toy_dff_1__slow"), setup(library, "toy_dff_1"), strict=True)
    ):
        assert new == pytest.approx(old + 5e-12 * (1 + edge), rel=1e-7)


def test_an_output_that_does_not_switch_takes_a_second(toy_technology, tmp_path):
    library = toy_technology.library(0.8)
    copy = copy_of(library, "toy_inv_1", "A", lambda start, end: (np.inf, np.inf))
    write_timing_liberty(library, tmp_path / "made.lib", "made", "", [copy])
    result = read_cell_library(tmp_path / "made.lib")
    ((_, tables),) = arcs_of(result, "toy_inv_1__slow", "A")
    ((_, old),) = arcs_of(library, "toy_inv_1", "A")
    for end in (0, 1):
        assert (values(result, tables[end, 0]) == 1).all()
        assert values(result, tables[end, 1]) == pytest.approx(values(library, old[end, 1]), 1e-8)
