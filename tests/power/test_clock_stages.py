"""Power of clock trees: by hand, against timing of the same stages, and against no tree at all."""

import measured_cells as made
import numpy as np
import pytest
from clock_trees import bare_tree, stand
from power_toy import make_netlist as make_plain
from power_toy import plane, toy_library
from test_power import activity
from test_power import timing as plain_timing
from toy_netlists import make_netlist, random_netlist, random_supply

from voltile.floorplan import (
    ClockTree,
    Constraints,
    Timer,
    Wires,
    build_clock_tree,
    build_timing_graph,
    trace_clocks,
)
from voltile.floorplan.clock_tree import TRUNK
from voltile.pdk import LibrarySet
from voltile.power import ClockStages, PowerModel

FF = 1e-15


def placed_by_chance(netlist, technology, seed, tiles, clocks=None):
    """A clock tree for instances anywhere in a core of 500 um, and their placement."""
    rng = np.random.default_rng(seed)
    place = {name: rng.uniform(0, 500, 2) for name in netlist.cell_name}
    tile = {name: int(rng.integers(tiles)) for name in netlist.cell_name}
    placement = stand(netlist, place, tile)
    clocks = clocks or trace_clocks(netlist)
    return build_clock_tree(netlist, clocks, placement, technology), placement


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    """One register in each of two tiles, leaves of 2 and 3 fF of wire, and a buffer above them."""
    folder = tmp_path_factory.mktemp("toy")
    energy = (
        'internal_power () {{ related_pin : "A"; '
        "rise_power (plane) {{ {} }} fall_power (plane) {{ {} }} }}"
    )
    extra = {("TBUF", "Y"): energy.format(plane(1, 0, 100), plane(3, 0, 200))}
    leakage = {"TBUF": {"A": 5, "!A": 1}}
    libraries = [toy_library(folder, vdd, extra, leakage) for vdd in (1.0, 2.0)]
    cells = [("TDF", {"CK": "clk", "D": "d", "Q": f"q{at}"}) for at in range(2)]
    netlist = make_plain(libraries[0], cells, ["clk", "d"])
    clk, nets = netlist.net_name.index("clk"), netlist.nets
    pin_net = netlist.pin_net.copy()
    pin_net[netlist.sink_pins[netlist.pin_net[netlist.sink_pins] == clk]] = [nets, nets + 1]
    wire = np.zeros(nets + 3)
    wire[[clk, nets, nets + 1, nets + 2]] = [5 * FF, 2 * FF, 3 * FF, 4 * FF]
    kind = np.full(3, libraries[0].cell_index["TBUF"])
    none = np.zeros(3)
    tree = ClockTree(
        trace_clocks(netlist), 0, 1, kind, np.full(3, clk), np.array([nets + 2, nets + 2, clk]),
        np.array([0, 1, TRUNK]), np.array([0, 0, 1]), none, none, none, pin_net, wire, wire,
    )  # fmt: skip
    model = PowerModel(netlist, tree, activity(netlist, {"clk": 2.0}, {"clk": 0.5}), libraries)
    # Without the tree, the clock bears two clock pins of 1.5 fF.
    return (
        model,
        plain_timing(netlist, loads={"clk": (3, 3)}),
        stand(netlist, {"u0": (0, 0), "u1": (0, 0)}, {"u0": 0, "u1": 1}),
    )


# Tile 0 at 1 V and tile 1 at 2 V; the leaf of each follows, the trunk is at 2 V.
LOW_HIGH = np.array([0, 1])


def test_stages_are_charged_at_their_own_supply(by_hand):
    model, seen, _ = by_hand
    report = model.evaluate(LOW_HIGH, seen)
    # A clock has two edges a cycle, of C V2 / 2 each. The port's wire of 5 fF and the pin of 1 fF
    # of the buffer that it drives are the buffer's; that one charges 4 fF of wire and two pins.
    leaves = [(2 + 1.5) * 1, (3 + 1.5) * 4]
    trunk = (5 + 1) * 4 + (4 + 2) * 4
    expected = np.array([0, 0, *leaves, trunk]) * FF
    np.testing.assert_allclose(report.switching_energy, expected, atol=1e-24)
    assert report.tree_totals(1e9).switching == pytest.approx(expected[2:].sum() * 1e9)


def test_buffers_take_internal_energy_at_their_load(by_hand):
    model, seen, _ = by_hand
    report = model.evaluate(LOW_HIGH, seen)
    # One rise and one fall a cycle: 1 + 100 C and 3 + 200 C [pJ, pF].
    loads = np.array([3.5, 4.5, 6]) * 1e-3
    np.testing.assert_allclose(report.internal_energy[2:], (4 + 300 * loads) * 1e-12)


def test_buffers_leak_by_the_state_of_their_clock(by_hand):
    model, seen, _ = by_hand
    report = model.evaluate(LOW_HIGH, seen)
    np.testing.assert_allclose(report.leakage[2:], 3e-9)
    assert report.tree_totals(1e9).leakage == pytest.approx(9e-9)


def test_tiles_feed_their_leaves_and_not_the_trunk(by_hand):
    model, seen, placement = by_hand
    report = model.evaluate(LOW_HIGH, seen)
    tiles = report.of_tiles(report.switching_energy, placement)
    np.testing.assert_allclose(tiles, np.array([3.5, 18]) * FF)
    both = report.of_tiles(report.leakage, placement)
    np.testing.assert_allclose(both, report.leakage[:2] + report.leakage[2:4])


@pytest.mark.parametrize("seed", range(3))
def test_transition_times_are_those_of_timing(toy_technology, seed):
    """The same stages as data: a tree of inverters and buffers, of which timing knows no clock."""
    libraries = [toy_technology.library(vdd) for vdd in (0.8, 1.0)]
    cells = {f"i{at}": ("toy_inv_1", {"A": "clk", "Y": f"n{at}"}) for at in range(60)}
    cells |= {f"j{at}": ("toy_inv_4", {"A": "n0", "Y": f"m{at}"}) for at in range(40)}
    netlist = make_netlist(libraries[0], cells, ["clk"])
    clocks = trace_clocks(netlist, ["clk"])
    tree, _ = placed_by_chance(netlist, toy_technology, seed, 4, clocks)
    stages = ClockStages(netlist, tree, libraries)
    assert len(np.unique(tree.level)) > 2
    every = random_supply(netlist, seed, 2)
    library = stages.libraries_of(every)
    wires = Wires(tree.wire_capacitance, np.zeros(stages.netlist.nets))
    seen = Timer(build_timing_graph(stages.netlist, Constraints()), libraries).analyze(
        library, wires
    )
    before = Timer(build_timing_graph(netlist, Constraints(clocks=("clk",))), libraries)
    load = stages.loads(library, before.analyze(every, Wires.none(netlist)).load)
    np.testing.assert_allclose(load, seen.load, rtol=1e-12, atol=1e-27)
    slew = stages.slews(library, load, np.zeros(2 * netlist.nets))
    clock = np.repeat(trace_clocks(stages.netlist, ["clk"]).is_clock, 2)
    np.testing.assert_allclose(slew[clock], seen.slew[clock], rtol=1e-9)


def test_clock_gates_hand_on_edges_of_their_own(toy_technology):
    """By the arc from its clock, at the load that the tree leaves to it."""
    library = toy_technology.library(1.0)
    cells = {
        "gate": ("toy_icg_1", {"CK": "clk", "E": "en", "GCK": "gck"}),
        "r": ("toy_dff_1", {"D": "en", "CK": "gck", "Q": "q"}),
    }
    netlist = make_netlist(library, cells, ["clk", "en"])
    placement = stand(netlist, {"gate": (0, 0), "r": (10, 0)}, {"gate": 0, "r": 0})
    tree = build_clock_tree(netlist, trace_clocks(netlist), placement, toy_technology)
    stages = ClockStages(netlist, tree, [library])
    zero = np.zeros(2, dtype=int)
    seen = Timer(build_timing_graph(netlist, Constraints()), [library]).analyze(
        zero, Wires.none(netlist)
    )
    of = stages.libraries_of(zero)
    load = stages.loads(of, seen.load)
    slew = stages.slews(of, load, seen.slew)
    gck, leaf = netlist.net_name.index("gck"), netlist.nets  # of one buffer, before the gate
    assert tree.buffers == 1 and tree.wire_capacitance[gck] == pytest.approx(1.5 * FF)
    output = library.pin_index[library.cell_index["toy_icg_1"], "GCK"]
    arc = np.flatnonzero(library.arc_to == output)[0]
    for edge, pin in ((0, 1.04), (1, 0.93)):
        assert load[2 * gck + edge] == pytest.approx((1.5 + 0.7 * pin) * FF)
        table = library.arc_table[arc, [edge], 1]
        into = slew[[2 * leaf + edge]]
        expected = library.tables.lookup(table, into, load[[2 * gck + edge]])
        assert into > 0 and slew[2 * gck + edge] == pytest.approx(expected[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_takes_what_the_same_buffers_in_the_netlist_take(toy_technology, seed):
    libraries = [toy_technology.library(vdd) for vdd in (0.8, 1.0)]
    netlist = random_netlist(libraries[0], seed, gates=60, flops=60)
    tree, _ = placed_by_chance(netlist, toy_technology, seed, 3)
    rng = np.random.default_rng(seed)
    rates = dict(zip(netlist.net_name, rng.random(netlist.nets), strict=True))
    given = activity(netlist, rates, rates)
    every = random_supply(netlist, seed, 2)
    timer = Timer(build_timing_graph(netlist, Constraints()), libraries)
    seen = timer.analyze(every, Wires.none(netlist))
    ours = PowerModel(netlist, tree, given, libraries).evaluate(every, seen)

    stages = ClockStages(netlist, tree, libraries)
    grown, library = stages.netlist, stages.libraries_of(every)
    names = [*netlist.net_name, *(netlist.net_name[net] for net in tree.clock_net)]
    rates = {name: rates[clock] for name, clock in zip(grown.net_name, names, strict=True)}
    graph = build_timing_graph(grown, Constraints())
    wires = Wires(tree.wire_capacitance, np.zeros(grown.nets))
    after = Timer(graph, libraries).analyze(library, wires)
    theirs = PowerModel(grown, bare_tree(grown), activity(grown, rates, rates), libraries)
    theirs = theirs.evaluate(library, after)
    for name in ("switching_energy", "internal_energy", "leakage"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=0)


def test_leaves_follow_their_tile_and_the_trunk_stays_high(made_technology):
    """In every bias of the registers, buffers are of the first."""
    pair = LibrarySet.of(made_technology, (0.8, 1.0), made_technology.biases)
    cells = {f"r{at}": (made.DFF.name, {"CK": "clk", "D": "d", "Q": f"q{at}"}) for at in range(8)}
    netlist = make_netlist(pair.libraries[0], cells, ["clk", "d"])
    place = {name: (at, 0) for at, name in enumerate(cells)}
    tile = {name: at // 2 for at, name in enumerate(cells)}
    placement = stand(netlist, place, tile, (900.0, 0.0))
    tree = build_clock_tree(netlist, trace_clocks(netlist), placement, made_technology)
    stages = ClockStages(netlist, tree, pair.libraries)
    supply = np.array([0, 1, 0, 1])
    library = pair.index(supply[placement.tile], np.arange(8) % 3)
    buffers = stages.libraries_of(library)[8:]
    leaf = tree.tile != TRUNK
    assert leaf.sum() == 4 and (~leaf).sum() > 0
    assert (buffers[leaf] == pair.index(supply[tree.tile[leaf]])).all()
    assert (buffers[~leaf] == pair.index(np.array(1))).all()


def test_the_trunk_behind_a_gate_at_vdd_low_leaks_more(made_technology):
    """Its first buffers have their input below their supply (Eq. 4.3); others have not."""
    pair = LibrarySet.of(made_technology, (0.8, 1.0))
    cells = {"gate": (made.GATE.name, {"CK": "clk", "E": "en", "GCK": "gck"})}
    cells |= {f"r{at}": (made.DFF.name, {"CK": "gck", "D": "d", "Q": f"q{at}"}) for at in (1, 2)}
    netlist = make_netlist(pair.libraries[0], cells, ["clk", "en", "d"])
    place = {"gate": (0, 0), "r1": (5, 0), "r2": (9, 0)}
    placement = stand(netlist, place, {"gate": 0, "r1": 1, "r2": 2})
    tree = build_clock_tree(netlist, trace_clocks(netlist), placement, made_technology)
    # A leaf for the gate, and one for each register, which the gate drives itself.
    assert sorted(tree.tile.tolist()) == [0, 1, 2]
    high = {"clk": 0.5, "gck": 0.25}
    timer = Timer(build_timing_graph(netlist, Constraints()), pair.libraries, pair.mixed_supply)
    model = PowerModel(
        netlist, tree, activity(netlist, {}, high), pair.libraries, pair.mixed_supply,
        pair.leakage_corner,
    )  # fmt: skip

    def leakage(gate, first, second):
        chosen = np.array([gate, first, second])
        report = model.evaluate(chosen, timer.analyze(chosen, Wires.none(netlist)))
        return dict(zip(tree.tile.tolist(), report.leakage[3:].tolist(), strict=True))

    def expected(vdd, probability, driver):
        corner = pair.leakage_corner
        low, raised = (made.leakage(made.BUF, state, corner, vdd, "pb0") for state in "01")
        if driver < vdd:
            raised *= made.leakage_factor("L", corner, "pb0", driver / vdd)
        return (1 - probability) * low + probability * raised

    mixed = leakage(0, 0, 1)
    assert mixed[0] == pytest.approx(expected(0.8, 0.5, 1.0), rel=5e-4)
    assert mixed[1] == pytest.approx(expected(0.8, 0.25, 0.8), rel=5e-4)
    assert mixed[2] == pytest.approx(expected(1.0, 0.25, 0.8), rel=5e-4)
    assert leakage(1, 0, 1)[2] == pytest.approx(expected(1.0, 0.25, 1.0), rel=5e-4)
    assert mixed[2] > 3 * expected(1.0, 0.25, 1.0)
