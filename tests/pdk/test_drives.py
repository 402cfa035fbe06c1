"""Drive strengths: which cells form a family, and libraries that swap their figures."""

import numpy as np
import pytest

from voltile.pdk import Direction, DriveChoice, drive_families, read_technology, with_relatives
from voltile.pdk.drives import with_drives


@pytest.fixture(scope="module")
def technology():
    return read_technology("freepdk45")


@pytest.fixture(scope="module")
def library(technology):
    return technology.library(1.0)


def names(library, families):
    return [[library.cell_name[cell] for cell in family] for family in families]


def test_families_are_cells_of_one_name_in_ascending_strength(library):
    """Names of this technology end in their strength, which the search does not read."""
    families = names(library, drive_families(library))
    assert len(families) >= 20
    for family in families:
        stems = {name.rpartition("_x")[0] for name in family}
        strengths = [float(name.rpartition("_x")[2].replace("p", ".")) for name in family]
        assert len(stems) == 1 and strengths == sorted(strengths)
    assert ["inv_x0p5", "inv_x1", "inv_x2", "inv_x4", "inv_x8", "inv_x16"] in families


def test_families_of_the_foundry_have_one_function(sky130hd):
    library = sky130hd.library(sky130hd.nominal_vdd)
    families = drive_families(library, sky130hd.dont_use)
    assert len(families) > 80
    for family in families:
        functions = {
            tuple(str(library.pin_function[pin]) for pin in library.pins_of(int(cell)))
            for cell in family
        }
        assert len(functions) == 1
        loads = [
            max(
                library.pin_max_capacitance[pin]
                for pin in library.pins_of(int(cell))
                if library.pin_direction[pin] == Direction.OUTPUT
            )
            for cell in family
            if "decap" not in library.cell_name[cell]
        ]
        assert loads == sorted(loads)


def test_cells_that_are_not_to_be_used_are_in_no_family(library):
    families = names(library, drive_families(library, ["inv_x1*", "buf_*"]))
    assert ["inv_x0p5", "inv_x2", "inv_x4", "inv_x8"] in families
    assert not any(name.startswith("buf_") for family in families for name in family)


def test_a_technology_is_cut_down_to_cells_and_their_relatives(technology):
    cut = with_relatives(technology, ["nand3_x1", "tie0_x1"])
    assert set(cut.library(1.0).cell_name) == {"nand3_x0p5", "nand3_x1", "tie0_x1"}


def test_figures_are_those_of_the_relative(library):
    families = drive_families(library)
    source = np.arange(len(library.cell_name))
    for family in families:
        source[family] = np.roll(family, -1)
    swapped = with_drives(library, source)
    assert swapped.cell_name == library.cell_name
    rng = np.random.default_rng(1)
    for family in families:
        for cell in family.tolist():
            other = int(source[cell])
            assert swapped.cell_area[cell] == library.cell_area[other]
            assert swapped.cell_leakage[cell] == library.cell_leakage[other]
            mine, theirs = library.pins_of(cell), library.pins_of(other)
            for figure in ("pin_capacitance", "pin_max_capacitance"):
                np.testing.assert_array_equal(
                    getattr(swapped, figure)[mine.start : mine.stop],
                    getattr(library, figure)[theirs.start : theirs.stop],
                )
            for owner, used in (("arc_cell", "arc_table"), ("power_cell", "power_table")):
                at, there = (np.flatnonzero(getattr(library, owner) == item)
                             for item in (cell, other))  # fmt: skip
                tables, wanted = (getattr(library, used)[rows].ravel() for rows in (at, there))
                tables, wanted = tables[tables >= 0], wanted[wanted >= 0]
                assert len(tables) == len(wanted)
                points = rng.random((2, len(tables), 3)) * [[[3e-10]], [[3e-14]]]
                np.testing.assert_array_equal(
                    swapped.tables.resample(tables, *points),
                    library.tables.resample(wanted, *points),
                )


def test_a_choice_holds_every_drive_once(technology, library):
    choice = DriveChoice(technology)
    inverter = library.cell_index["inv_x1"]
    rank = np.arange(6)
    cells = choice.cell(np.full(6, inverter), rank)
    assert [library.cell_name[cell] for cell in cells] == [
        f"inv_x{size}" for size in ("0p5", "1", "2", "4", "8", "16")
    ]
    assert choice.rank[cells].tolist() == rank.tolist()
    assert len(choice.libraries) == 6
    for drive in rank:
        assert (choice.libraries[drive].cell_area[inverter]
                == library.cell_area[cells[drive]])  # fmt: skip
    alone = library.cell_index["tie1_x1"]
    assert choice.last[alone] == 0 and choice.cell(np.array([alone]), np.array([0]))[0] == alone


def test_a_library_without_relatives_is_one_choice(toy_technology):
    cut = toy_technology.with_cells(["toy_nand2_1", "toy_nor2_1"])
    choice = DriveChoice(cut)
    assert len(choice.libraries) == 1 and not choice.last.any()
