"""The foundry's SKY130 libraries: what is in them, and supplies left out and interpolated again."""

import numpy as np
import pytest
from test_cell_library import facts

from voltile.pdk import ArcType, SequentialKind, interpolate_library, parse_expression
from voltile.pdk.library import select_cells


@pytest.fixture(scope="module")
def ladder(sky130hd):
    return {vdd: sky130hd.library(vdd) for vdd in (1.35, 1.40, 1.44)}


def test_library_holds_what_its_file_says(ladder):
    """Numbers copied from sky130_fd_sc_hd__ss_n40C_1v40.lib."""
    library = ladder[1.40]
    assert len(library.cell_name) == 428
    assert (library.vdd, library.temperature) == (1.40, -40.0)
    inv = library.cell_index["sky130_fd_sc_hd__inv_1"]
    assert library.cell_area[inv] == pytest.approx(3.7536e-12)
    assert library.cell_leakage[inv] == pytest.approx(0.0000481398e-9)
    states = library.leakage_cell == inv
    assert library.leakage_value[states] == pytest.approx([0.0000895003e-9, 0.0000067792e-9])
    a, y = library.pins_of(inv)
    assert library.pin_capacitance[a] == pytest.approx([0.002016e-12, 0.001883e-12])
    assert library.pin_function[y] == "(!A)"
    (power,) = np.flatnonzero(library.power_pin == y)
    energy = library.tables.lookup(
        library.power_table[power, 1:], np.array([0.01e-9]), np.array([0.0140572500e-12])
    )
    assert energy == pytest.approx([-0.0140741e-12])


def test_all_supplies_have_one_structure(sky130hd):
    first = sky130hd.library(sky130hd.vdds[0])
    for vdd in sky130hd.vdds[1:]:
        first.check_same_structure(sky130hd.library(vdd))
    for text in set(first.pin_function) - {""}:
        parse_expression(text)
    kinds = [item.kind for item in first.sequential.values()]
    assert all(kinds.count(kind) for kind in SequentialKind)


def test_supply_left_out_is_interpolated_within_a_few_percent(ladder):
    """Leave one out: 1.40 V from 1.35 V and 1.44 V against the foundry's own 1.40 V."""
    exact = ladder[1.40]
    mixed = interpolate_library(ladder[1.35], ladder[1.44], 1.40)
    timed = np.isin(exact.arc_type, [ArcType.COMBINATIONAL, ArcType.RISING_EDGE])
    delays = exact.arc_table[timed][:, :, 0].ravel()
    delays = delays[delays >= 0]
    for slew, load in ((50e-12, 5e-15), (300e-12, 20e-15)):
        at = np.full(len(delays), slew), np.full(len(delays), load)
        ratio = mixed.tables.lookup(delays, *at) / exact.tables.lookup(delays, *at)
        assert abs(np.median(ratio) - 1) < 0.02
        assert np.quantile(np.abs(ratio - 1), 0.95) < 0.05
    # The foundry's own leakage jumps up and down over Vdd, by several times, for a fifth of them.
    leak = mixed.cell_leakage / exact.cell_leakage
    assert np.quantile(np.abs(leak - 1), 0.7) < 0.02


def test_select_cells_keeps_every_number_of_some_cells(ladder):
    wanted = {f"sky130_fd_sc_hd__{name}" for name in
              ("a21oi_1", "dfrtp_2", "dlclkp_1", "xor2_1", "fa_1", "conb_1", "ebufn_1")}
    some = select_cells(ladder[1.44], wanted)
    assert facts(some, wanted) == facts(ladder[1.44], wanted)
