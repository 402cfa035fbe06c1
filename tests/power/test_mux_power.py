"""What Vdd-MUX take, against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from voltile.core import TechnologyError
from voltile.floorplan import VddMuxes
from voltile.pdk import Header
from voltile.power import header_gates, mux_leakage

NONE = np.zeros(0, dtype=np.int64)
WIDTH = np.array([10e-6, 0.0, 30e-6, 5e-6])
MUXES = VddMuxes((), NONE, NONE, NONE, NONE, NONE, NONE, WIDTH, NONE, 0.0)


def header(flip_flop, corner):
    """22 nA/um through an off header from 1 V to 0.9 V, 40 nA/um to 0.6 V; 1.5 fF/um of gate."""
    return Header(
        finger_width=0.5e-6, gate_pitch=0.2e-6, well_gap=2, flip_flop=flip_flop,
        vdds=(0.6, 1.0), ratios=(0.6, 0.9, 1.0), resistance=np.ones((2, 3)),
        gate=np.array([1.2e-9, 1.5e-9]),
        off={corner: np.array([[30e-3, 20e-3, 0], [40e-3, 22e-3, 0]])},
    )  # fmt: skip


@pytest.fixture(scope="module")
def technology(toy_technology):
    """One gate length."""
    return replace(toy_technology, header=header("toy_dff_1", "typical"))


@pytest.mark.parametrize(("low", "current", "across"), [(0.9, 22e-3, 0.1), (0.6, 40e-3, 0.4)])
def test_lost_is_the_fall_over_the_header_that_is_off(technology, low, current, across):
    library = technology.library(1.0)
    flop, buffer = (library.cell_index[name] for name in ("toy_dff_1", technology.buffer_cell))
    select = library.cell_leakage[flop] + 2 * library.cell_leakage[buffer]
    found = mux_leakage(MUXES, technology, low, 1.0)
    np.testing.assert_allclose(found - select, WIDTH * current * across, rtol=1e-9, atol=1e-20)
    assert found[1] == pytest.approx(select) and select > 0


def test_select_has_the_gates_that_leak_least(made_technology):
    technology = replace(
        made_technology, header=header("DFF_X1", made_technology.leakage_corner)
    )
    library = technology.library(1.0, technology.biases[-1])
    flop, buffer = (library.cell_index[name] for name in ("DFF_X1", technology.buffer_cell))
    select = library.cell_leakage[flop] + 2 * library.cell_leakage[buffer]
    assert mux_leakage(MUXES, technology, 0.9, 1.0)[1] == pytest.approx(select)


def test_gates_are_those_of_one_header_at_the_highest_supply(technology):
    np.testing.assert_allclose(header_gates(MUXES, technology), [15e-15, 0, 45e-15, 7.5e-15])


def test_corner_that_was_not_measured_is_refused(technology):
    with pytest.raises(TechnologyError, match="^leakage corner 'hot' is not in the table"):
        mux_leakage(MUXES, replace(technology, leakage_corner="hot"), 0.9, 1.0)
