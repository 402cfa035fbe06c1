"""Algorithm 5 against the dissertation's pseudo-code, line by line, on a second timer."""

import numpy as np
import pytest
from reference_timer import ReferenceTimer
from toy_netlists import make_netlist, random_netlist, random_wires

from voltile.core import NetlistError, TimingInfeasible
from voltile.floorplan import (
    Constraints,
    Placement,
    TileGrid,
    TileTimer,
    Timer,
    VddPlan,
    Wires,
    build_timing_graph,
    place,
    select_vdd,
)
from voltile.floorplan.vdd_selection import tile_scores

VDDS = (0.7, 0.9)


def scattered(netlist, n, seed):
    """Cells in tiles at random; where in a tile does not matter here."""
    grid = TileGrid(n, 10, 100, 4, 2e-7, 1.4e-6)
    nothing = np.zeros(netlist.cells, dtype=np.int64)
    tile = np.random.default_rng([seed, 3]).integers(0, n * n, netlist.cells)
    return Placement(grid, nothing, nothing, tile, np.zeros(netlist.nets), nothing, nothing)


def algorithm_5(netlist, libraries, wires, placement, period):
    """The pseudo-code; returns the tiles raised, in order, and each step's shortest period.

    It ends also when no tile is left at VddL.
    """
    tiles = placement.grid.tiles
    at_low = list(range(tiles))  # 1: set_VddL(all tiles)
    raised, periods = [], []
    while True:
        supply = [int(tile not in at_low) for tile in placement.tile]
        timer = ReferenceTimer(netlist, libraries, supply, wires, Constraints())
        shortest, path = timer.critical_path()
        periods.append(shortest)
        if timer.worst_slack(period) >= 0 or not at_low:  # 2
            return raised, periods
        score = [0.0] * tiles  # 3
        for cell, delay in path:  # 4, 5, 6
            score[placement.tile[cell]] += delay  # 7, 8
        critical = max(at_low, key=lambda tile: (score[tile], -tile))  # 10, 11, 12
        at_low.remove(critical)  # 13
        raised.append(critical)


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 1), (2, 2), (3, 3), (3, 4)])
def test_plan_is_algorithm_5_at_every_frequency(toy_technology, n, seed):
    libraries = [toy_technology.library(vdd) for vdd in VDDS]
    netlist = random_netlist(libraries[0], seed, 40, 6)
    wires, placement = random_wires(netlist, seed), scattered(netlist, n, seed)
    graph = build_timing_graph(netlist, Constraints())
    plan = select_vdd(TileTimer.plain(Timer(graph, libraries), placement, wires))
    assert (plan.vdd_low, plan.vdd_high) == VDDS
    order, periods = algorithm_5(netlist, libraries, wires, placement, 0.0)
    assert plan.order.tolist() == order
    np.testing.assert_allclose(plan.period, periods, rtol=1e-6)
    for part in (0.0, 0.1, 0.35, 0.5, 0.8, 0.99, 1.1):
        period = periods[-1] + part * (periods[0] - periods[-1])
        period *= 1 + 1e-5  # apart from rounding
        tiles, steps = algorithm_5(netlist, libraries, wires, placement, period)
        if steps[-1] > period:
            continue  # not reached with all tiles raised, though perhaps before
        assert plan.raised(1 / period) == len(tiles)
        high = plan.tile_is_high(1 / period)
        assert sorted(np.flatnonzero(high).tolist()) == sorted(tiles)


def test_scores_are_the_delays_of_the_critical_path_in_each_tile(toy_technology):
    libraries = [toy_technology.library(vdd) for vdd in VDDS]
    netlist = random_netlist(libraries[0], 7, 60, 6)
    placement, wires = scattered(netlist, 3, 7), random_wires(netlist, 7)
    supply = np.zeros(netlist.cells, dtype=int)
    timing = Timer(build_timing_graph(netlist, Constraints()), libraries).analyze(supply, wires)
    _, path = ReferenceTimer(netlist, libraries, supply, wires, Constraints()).critical_path()
    expected = np.zeros(9)
    for cell, delay in path:
        expected[placement.tile[cell]] += delay
    np.testing.assert_allclose(tile_scores(timing, placement), expected, rtol=1e-5, atol=1e-18)


def test_ends_of_a_plan_are_the_two_supplies(toy_mac, toy_technology):
    """On a placed design of about 900 cells."""
    netlist = toy_mac.netlist
    libraries = [toy_technology.library(vdd) for vdd in (0.8, 1.0)]
    placement = place(netlist, toy_mac.clocks, toy_technology, 3, 0.7)
    wires = placement.wires(toy_technology)
    timer = Timer(toy_mac, libraries)
    plan = select_vdd(TileTimer.plain(timer, placement, wires))
    assert sorted(plan.order.tolist()) == list(range(9)) and len(plan.period) == 10
    for level, period in ((0, plan.period[0]), (1, plan.period[-1])):
        every = np.full(netlist.cells, level)
        assert timer.analyze(every, wires).min_period == pytest.approx(period, rel=1e-12)
    # Raising cells loads their drivers more, so that a step may even cost a little.
    assert plan.period[-1] < 0.9 * plan.period[0]
    assert (np.diff(plan.period) < 0.02 * plan.period[0]).all()
    # Each step is what timing says of its tiles.
    for step in (2, 5):
        high = np.isin(np.arange(9), plan.order[:step])
        timing = timer.analyze(high[placement.tile].astype(int), wires)
        assert timing.min_period == pytest.approx(plan.period[step], rel=1e-12)
        assert timing.worst_slack(plan.period[step]) == pytest.approx(0.0, abs=1e-15)
    again = select_vdd(TileTimer.plain(timer, placement, wires))
    assert np.array_equal(again.order, plan.order) and np.array_equal(again.period, plan.period)


# By hand: no tile for 1 us and slower, and so on; the third step costs a little.
PLAN = VddPlan(0.8, 1.0, np.array([2, 0, 3, 1]), np.array([1.0, 0.8, 0.5, 0.55, 0.4]) * 1e-6)


@pytest.mark.parametrize(
    ("megahertz", "tiles"),
    [(0.1, []), (1.0, []), (1.001, [2]), (1.25, [2]), (1.9, [2, 0]), (2.0, [2, 0]),
     (2.1, [2, 0, 3, 1]), (2.5, [2, 0, 3, 1])],
)  # fmt: skip
def test_first_step_that_meets_the_frequency_is_taken(megahertz, tiles):
    assert PLAN.raised(megahertz * 1e6) == len(tiles)
    assert np.flatnonzero(PLAN.tile_is_high(megahertz * 1e6)).tolist() == sorted(tiles)


def test_frequency_of_a_period_meets_that_period():
    assert [PLAN.raised(1 / period) for period in PLAN.period] == [0, 1, 2, 2, 4]
    assert PLAN.reach == pytest.approx(2.5e6)


def test_raised_rejects_a_frequency_beyond_reach():
    with pytest.raises(TimingInfeasible) as fault:
        PLAN.raised(2.6e6)
    assert str(fault.value) == (
        "2.6 MHz is beyond the reach of VddL 0.80 V and VddH 1.00 V: at most 2.5 MHz"
    )
    assert (fault.value.frequency, fault.value.reach) == (2.6e6, pytest.approx(2.5e6))


@pytest.mark.parametrize("frequency", [0.0, -1e6, float("nan")])
def test_raised_rejects_a_frequency_that_is_none(frequency):
    with pytest.raises(ValueError) as fault:
        PLAN.raised(frequency)
    assert str(fault.value) == f"frequency must be positive, not {frequency:g} Hz"


def test_design_without_a_path_is_refused(toy_technology):
    libraries = [toy_technology.library(vdd) for vdd in VDDS]
    netlist = make_netlist(libraries[0], {"t": ("toy_tie_1", {"H": "y"})}, [], ["y"])
    timer = Timer(build_timing_graph(netlist, Constraints()), libraries)
    with pytest.raises(NetlistError, match="^toy has no path to time "):
        select_vdd(TileTimer.plain(timer, scattered(netlist, 2, 0), Wires.none(netlist)))
