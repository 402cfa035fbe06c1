"""Poly-bias assignment: what it may touch, Eq. 4.2, and that no path gets longer."""

import measured_cells as made
import numpy as np
import pytest
from made_netlists import netlist_of
from reference_timer import ReferenceTimer
from toy_netlists import make_netlist, random_wires

from voltile.floorplan import (
    Constraints,
    Timer,
    Wires,
    assign_bias,
    build_timing_graph,
    cell_slack,
    interface_cells,
)
from voltile.floorplan.netlist import OPEN

SLOW_DOWN = {"pb0": 0.0, "pb1": 0.06, "pb2": 0.12}


@pytest.fixture
def libraries(made_technology):
    """One supply in three gate lengths."""
    return [made_technology.library(1.0, bias) for bias in made_technology.biases]


def leakage(libraries, netlist, bias):
    return sum(libraries[number].cell_leakage[kind]
               for number, kind in zip(bias, netlist.cell_type, strict=True))  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_interface_cells_are_driven_from_another_tile(libraries, seed):
    netlist = netlist_of(libraries[0], seed)
    tile = np.random.default_rng(seed).integers(0, 4, netlist.cells)
    graph = build_timing_graph(netlist, Constraints())
    found = interface_cells(netlist, graph.clocks.is_clock, tile)
    driven = np.flatnonzero(netlist.pin_is_output & (netlist.pin_net != OPEN))
    outputs = {int(netlist.pin_net[pin]): int(netlist.pin_cell[pin]) for pin in driven}
    for cell in range(netlist.cells):
        nets = netlist.pin_net[netlist.first_pin[cell] : netlist.first_pin[cell + 1]]
        drivers = {outputs[int(net)] for net in nets if int(net) in outputs} - {cell}
        assert found[cell] == any(tile[driver] != tile[cell] for driver in drivers)


@pytest.mark.parametrize("seed", range(5))
def test_no_path_gets_longer_and_only_what_may_change_does(libraries, seed):
    netlist = netlist_of(libraries[0], seed, gates=80)
    wires = random_wires(netlist, seed)
    graph = build_timing_graph(netlist, Constraints())
    may_change = np.random.default_rng(seed).random(netlist.cells) < 0.7
    plan = assign_bias(Timer(graph, libraries), wires, SLOW_DOWN, may_change)
    before = ReferenceTimer(
        netlist, libraries, np.zeros(netlist.cells, int), wires, Constraints()
    )
    after = ReferenceTimer(netlist, libraries, plan.bias, wires, Constraints())
    period, path = before.critical_path()
    assert plan.period == pytest.approx(1.001 * period, rel=1e-5)
    assert after.critical_path()[0] <= plan.period * (1 + 1e-5)
    assert not plan.bias[~may_change].any()
    assert leakage(libraries, netlist, plan.bias) < 0.9 * leakage(libraries, netlist, 0 * plan.bias)
    # Eq. 4.2, from the longest gate to the shortest.
    assert [stage.bias for stage in plan.stages] == ["pb2", "pb1"]
    mean = np.mean([delay for _, delay in path])
    for stage in plan.stages:
        assert stage.threshold == pytest.approx(mean * SLOW_DOWN[stage.bias], rel=1e-5)
        assert stage.period <= plan.period * (1 + 1e-8)
        assert stage.assigned == (plan.bias == made.BIASES.index(stage.bias)).sum()


@pytest.mark.parametrize("seed", range(3))
def test_it_saves_about_as_much_as_one_cell_at_a_time(libraries, seed):
    netlist = netlist_of(libraries[0], seed, gates=60)
    wires = random_wires(netlist, seed)
    timer = Timer(build_timing_graph(netlist, Constraints()), libraries)
    every = np.ones(netlist.cells, dtype=bool)
    plan = assign_bias(timer, wires, SLOW_DOWN, every)
    bias = np.zeros(netlist.cells, dtype=np.int64)
    for number in (2, 1):
        slack = cell_slack(timer.analyze(bias, wires), plan.period)
        for cell in np.argsort(-slack):
            if bias[cell] == 0:
                bias[cell] = number
                if timer.analyze(bias, wires).min_period > plan.period * (1 + 1e-9):
                    bias[cell] = 0
    none, ours, slow = (leakage(libraries, netlist, item) for item in (0 * bias, plan.bias, bias))
    assert none - ours > 0.9 * (none - slow)


def test_slack_of_a_cell_is_that_of_its_worst_path(libraries):
    cells = {
        "u0": ("INV_X1", {"A": "a", "Y": "n"}),
        "u1": ("INV_X1", {"A": "n", "Y": "y"}),
        "u2": ("BUF_X4", {"A": "n", "Y": "m"}),
        "u3": ("BUF_X4", {"A": "m", "Y": "z"}),
    }
    netlist = make_netlist(libraries[0], cells, ["a"], ["y", "z"])
    timing = Timer(build_timing_graph(netlist, Constraints()), libraries[:1]).analyze(
        np.zeros(4, int), Wires.none(netlist)
    )
    slack = cell_slack(timing, 1e-9)
    ends = {net: 1e-9 - timing.arrival[0].reshape(-1, 2)[netlist.net_name.index(net)].max()
            for net in "yz"}  # fmt: skip
    assert slack[0] == pytest.approx(min(ends.values()), rel=1e-12)
    assert slack[1] == pytest.approx(ends["y"], rel=1e-12)
    assert slack[2:] == pytest.approx([ends["z"]] * 2, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_spare_slack_is_left_to_paths(libraries, seed):
    """Paths that had it keep it; without bias elsewhere, all others keep what they have."""
    netlist = netlist_of(libraries[0], seed, gates=80)
    wires = random_wires(netlist, seed)
    timer = Timer(build_timing_graph(netlist, Constraints()), libraries)
    every = np.ones(netlist.cells, dtype=bool)
    none = np.zeros(netlist.cells, dtype=int)
    before = timer.analyze(none, wires)
    assigned = []
    for spare in (0.0, 0.2, 0.5):
        plan = assign_bias(timer, wires, SLOW_DOWN, every, spare=spare)
        after = timer.analyze(plan.bias, wires)
        had = cell_slack(before, plan.period) > spare * plan.period
        kept = cell_slack(after, plan.period)[had] > 0.97 * spare * plan.period
        assert kept.mean() > 0.9  # loads and slews of others take some
        assigned.append(int((plan.bias > 0).sum()))
    assert assigned[0] > assigned[1] > assigned[2]
