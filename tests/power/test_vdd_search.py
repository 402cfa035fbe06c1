"""The search for the tiles at VddH against Algorithm 5, and against all there are."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from clock_trees import bare_tree
from made_netlists import netlist_of
from test_power import activity
from toy_netlists import random_wires

from voltile.floorplan import Constraints, TileTimer, Timer, build_timing_graph, select_vdd
from voltile.pdk import LibrarySet
from voltile.power.power import PowerModel
from voltile.power.vdd_search import TileStates, search_vdd


def states_of(made_technology, seed, n):
    """A random netlist in random tiles, each gate near those that drive it."""
    pair = LibrarySet.of(made_technology, (0.8, 1.0))
    netlist = netlist_of(made_technology.library(1.0), seed, gates=90, flops=12)
    graph = build_timing_graph(netlist, Constraints())
    rng = np.random.default_rng(seed)
    tile = np.sort(rng.integers(0, n * n, netlist.cells))
    placement = SimpleNamespace(grid=SimpleNamespace(tiles=n * n), tile=tile)
    rates = {name: float(rng.random() * 0.2) for name in netlist.net_name}
    model = PowerModel(
        netlist, bare_tree(netlist), activity(netlist, rates), pair.libraries, pair.mixed_supply,
        pair.leakage_corner,
    )  # fmt: skip
    timer = Timer(graph, pair.libraries, pair.mixed_supply)
    wires = random_wires(netlist, seed)
    design = TileTimer.plain(timer, placement, wires)
    return TileStates(design, model), select_vdd(design), (timer, model, wires, tile)


@pytest.mark.parametrize("seed", range(3))
def test_a_state_is_timed_and_measured_as_such(made_technology, seed):
    states, _, (timer, model, wires, tile) = states_of(made_technology, seed, 3)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        high = rng.random(9) < 0.5
        library = high[tile].astype(int)
        timing = timer.analyze(library, wires)
        report = model.evaluate(library, timing)
        assert states.period(high) == timing.min_period
        assert states.power(high, 2e9) == pytest.approx(report.power(2e9), rel=1e-12)
        area = timer.graph.netlist.cell_area
        assert states.area_at_low(high) == pytest.approx(area[library == 0].sum() / area.sum())


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (2, 1), (2, 2), (3, 3), (3, 4), (3, 5)])
def test_search_is_no_worse_than_algorithm_5_and_near_the_optimum(made_technology, n, seed):
    states, plan, _ = states_of(made_technology, seed, n)
    every = [np.array(bits) for bits in product((False, True), repeat=n * n)]
    best = states_of(made_technology, seed, n)[0]  # its own memory: what is enumerated is no start
    ends = 1 / plan.period[0], plan.reach
    gaps, found = [], np.ones(n * n, dtype=bool)
    for frequency in np.linspace(*ends, 6)[::-1]:
        published = plan.tile_is_high(frequency)
        found = search_vdd(states, [published, found], frequency)
        assert states.meets(found, frequency)
        ours, theirs = (states.power(item, frequency) for item in (found, published))
        optimum = min(best.power(item, frequency) for item in every if best.meets(item, frequency))
        assert optimum * (1 - 1e-12) <= ours <= theirs
        gaps.append((ours - optimum) / optimum)
    assert np.mean(gaps) < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_no_tile_that_could_be_lowered_is_passed_over(made_technology, seed):
    """By timing them one by one; many of those that cannot are passed over."""
    states, plan, _ = states_of(made_technology, seed, 3)
    hopeless, passed = 0, 0
    for frequency in np.linspace(1 / plan.period[0], plan.reach, 6)[1:]:
        high = plan.tile_is_high(frequency)
        open_ = states.may_be_lowered(high, frequency)
        assert not open_[~high].any()
        for tile in np.flatnonzero(high):
            other = high.copy()
            other[tile] = False
            if states.meets(other, frequency):
                assert open_[tile]
            else:
                hopeless, passed = hopeless + 1, passed + (not open_[tile])
    assert passed > 0.3 * hopeless
