"""The timer against a second, scalar one on random netlists, and what its results mean."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_timer import ReferenceTimer
from toy_netlists import make_netlist, random_netlist, random_supply, random_wires

from voltile.core import NetlistError, TechnologyError
from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph

PERIOD = 1e-9
CONSTRAINTS = {
    "plain": Constraints(),
    "named clock": Constraints(("clk",)),
    "delays and loads": Constraints(
        input_delay={"a0": 90e-12, "a2": 15e-12, "rst": 200e-12},
        output_delay={"y0": 120e-12, "y6": 300e-12}, load={"y0": 9e-15, "y5": 4e-15, "y1": 2e-15},
    ),
    "uneven clock": Constraints(fall=0.3),
    "false paths": Constraints(false_from=frozenset({"a0", "rst"}), false_to=frozenset({"y1"})),
}  # fmt: skip


def libraries_of(technology, vdds):
    return [technology.library(vdd) for vdd in vdds]


def agree(technology, netlist, constraints, vdds, seed):
    """Check arrivals, slews and worst slacks of the timer against the reference."""
    libraries = libraries_of(technology, vdds)
    supply, wires = random_supply(netlist, seed, len(vdds)), random_wires(netlist, seed)
    timing = Timer(build_timing_graph(netlist, constraints), libraries).analyze(supply, wires)
    reference = ReferenceTimer(netlist, libraries, supply, wires, constraints)
    nets, edges = range(netlist.nets), (0, 1)
    slew = [reference.slew(net, edge) for net in nets for edge in edges]
    np.testing.assert_allclose(timing.slew, slew, rtol=2e-6, atol=1e-17)
    for launch, arrival in enumerate(timing.arrival):
        expected = [reference.arrival(net, edge, launch) for net in nets for edge in edges]
        np.testing.assert_allclose(arrival, expected, rtol=2e-6, atol=1e-17)
    if len(timing.arrival) == 1:
        assert not any(launch for _, _, launch, _, _ in reference.paths())
    for period in (0.3 * PERIOD, PERIOD, 5 * PERIOD):
        expected = reference.worst_slack(period)
        assert timing.worst_slack(period) == pytest.approx(expected, rel=1e-5, abs=1e-15)
    return timing


@pytest.mark.parametrize("constraints", CONSTRAINTS.values(), ids=CONSTRAINTS.keys())
@pytest.mark.parametrize("vdds", [(1.0,), (0.6, 0.9, 0.8)], ids=["one supply", "three supplies"])
def test_timer_agrees_with_the_reference(toy_technology, constraints, vdds):
    netlist = random_netlist(toy_technology.library(1.0), 5)
    agree(toy_technology, netlist, constraints, vdds, 5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gates=st.integers(0, 60), flops=st.integers(2, 12))
def test_timer_agrees_with_the_reference_on_random_netlists(toy_technology, seed, gates, flops):
    netlist = random_netlist(toy_technology.library(1.0), seed, gates, flops)
    names = sorted(CONSTRAINTS)
    constraints = CONSTRAINTS[names[seed % len(names)]]
    agree(toy_technology, netlist, constraints, (0.7, 1.0), seed)


@pytest.fixture
def timing(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 11, 80)
    graph = build_timing_graph(netlist, CONSTRAINTS["delays and loads"])
    timer = Timer(graph, libraries_of(toy_technology, (0.8, 1.0)))
    return timer.analyze(random_supply(netlist, 11, 2), random_wires(netlist, 11))


def test_min_period_leaves_no_slack(timing):
    period = timing.min_period
    assert timing.worst_slack(period) == pytest.approx(0.0, abs=1e-18)
    assert timing.worst_slack(0.99 * period) < 0 < timing.worst_slack(1.01 * period)


@pytest.mark.parametrize("part", [0.4, 1.0, 3.0])
def test_least_slack_over_nodes_is_the_worst_slack(timing, part):
    period = part * timing.min_period
    assert timing.slack(period).min() == pytest.approx(timing.worst_slack(period), abs=1e-18)


def test_slack_of_a_node_is_that_of_the_worst_path_through_it(toy_technology):
    """Every path of a small design, one by one."""
    library = toy_technology.library(1.0)
    cells = {
        "i": ("toy_inv_1", {"A": "a", "Y": "n"}),
        "g": ("toy_nand2_1", {"A": "n", "B": "b", "Y": "m"}),
        "x": ("toy_xor2_1", {"A": "m", "B": "b", "Y": "y"}),
    }
    netlist = make_netlist(library, cells, ["a", "b"], ["y", "m"])
    timing = Timer(build_timing_graph(netlist, Constraints()), [library]).analyze(
        np.zeros(3, dtype=int), Wires.none(netlist)
    )
    graph, records = timing.graph, range(len(timing.delay))

    def paths(node):
        """All paths from a start to a node: (arrival, nodes)."""
        into = [k for k in records if graph.target[k] == node]
        if not into:
            return [(0.0, (node,))]
        return [
            (before + timing.delay[k], (*nodes, node))
            for k in into for before, nodes in paths(graph.source[k])
        ]  # fmt: skip

    ends = [2 * net + edge for net in netlist.port_net[2:] for edge in (0, 1)]
    expected = np.full(graph.nodes, np.inf)
    for end in ends:
        for arrival, nodes in paths(end):
            for node in nodes:
                expected[node] = min(expected[node], PERIOD - arrival)
    np.testing.assert_allclose(timing.slack(PERIOD), expected, rtol=1e-12)


def test_critical_path_adds_up_to_the_arrival(timing):
    records, delays = timing.critical_path()
    graph = timing.graph
    end = int(np.argmax(timing.endpoints.period))
    assert graph.target[records[0]] == timing.endpoints.node[end]
    # Each step starts where the one before it, further from the start, ends.
    np.testing.assert_array_equal(graph.source[records[:-1]], graph.target[records[1:]])
    start = int(graph.source[records[-1]])
    launch = int(timing.endpoints.launch[end])
    arrival = timing.arrival[launch]
    total = arrival[start] + delays.sum() + timing.wire_delay[graph.target[records]].sum()
    assert total == pytest.approx(arrival[graph.target[records[0]]], rel=1e-12)
    assert total < timing.endpoints.delay[end]  # the setup time, or the external delay


def test_half_a_period_between_opposite_edges(toy_technology):
    library = toy_technology.library(1.0)
    cells = {
        "r": ("toy_dff_1", {"D": "d", "CK": "clk", "Q": "n"}),
        "f": ("toy_dffn_1", {"D": "n", "CKN": "clk", "Q": "m"}),
        "s": ("toy_dff_1", {"D": "m", "CK": "clk", "Q": "q"}),
    }
    netlist = make_netlist(library, cells, ["clk", "d"], ["q"])
    for fall in (0.5, 0.3, 0.8):
        graph = build_timing_graph(netlist, Constraints(fall=fall, input_delay={"d": -1e-9}))
        ends = Timer(graph, [library]).analyze(np.zeros(3, int), Wires.none(netlist)).endpoints
        shares = {}
        for node, launch, share in zip(ends.node, ends.launch, ends.share, strict=True):
            shares.setdefault((netlist.net_name[node // 2], int(launch)), set()).add(float(share))
        assert shares == {("d", 0): {1}, ("n", 0): {fall}, ("m", 1): {1 - fall}, ("q", 0): {1}}


def test_latch_takes_its_data_when_it_opens(toy_technology):
    """A latch that is open while the clock is high: half a period after a falling edge."""
    library = toy_technology.library(1.0)
    cells = {
        "f": ("toy_dffn_1", {"D": "d", "CKN": "clk", "Q": "n"}),
        "l": ("toy_latch_1", {"D": "n", "G": "clk", "Q": "q"}),
        "r": ("toy_dff_1", {"D": "q", "CK": "clk", "Q": "y"}),
    }
    netlist = make_netlist(library, cells, ["clk", "d"], ["y"])
    graph = build_timing_graph(netlist, Constraints(fall=0.4))
    timing = Timer(graph, [library]).analyze(np.zeros(3, int), Wires.none(netlist))
    ends = timing.endpoints
    rows = [(netlist.net_name[node // 2], launch, share)
            for node, launch, share in zip(ends.node, ends.launch, ends.share, strict=True)]
    assert set(rows) == {("d", 0, 0.4), ("n", 1, 0.6), ("q", 0, 1.0), ("y", 0, 1.0)}
    # It launches when it opens, not when its data comes.
    q = netlist.net_name.index("q")
    assert not {2 * netlist.net_name.index("n"), 2 * netlist.net_name.index("n") + 1} & set(
        graph.source[graph.target >> 1 == q].tolist()
    )


RING = {
    "one": ("toy_nand2_1", {"A": "en", "B": "c", "Y": "a"}),
    "two": ("toy_inv_1", {"A": "a", "Y": "b"}),
    "three": ("toy_buf_1", {"A": "b", "Y": "c"}),
    "after": ("toy_inv_1", {"A": "c", "Y": "y"}),
}


def test_combinational_loop_names_its_cells(toy_technology):
    netlist = make_netlist(toy_technology.library(1.0), RING, ["en"], ["y"])
    with pytest.raises(NetlistError) as fault:
        build_timing_graph(netlist, Constraints())
    head, _, loop = str(fault.value).partition(": ")
    assert head == "toy has a combinational loop"
    names = loop.split(" <- ")
    start = names.index("'one'")
    assert names[start:] + names[:start] == ["'one'", "'three'", "'two'"]


@pytest.mark.parametrize(
    "constraints",
    [Constraints(input_delay={"b": 1e-9}), Constraints(output_delay={"b": 1e-9}),
     Constraints(load={"b": 1e-15}), Constraints(false_from=frozenset({"b"})),
     Constraints(false_to=frozenset({"b"}))],
)  # fmt: skip
def test_constraints_on_a_port_that_is_not_there_are_refused(toy_technology, constraints):
    cells = {"u": ("toy_inv_1", {"A": "a", "Y": "y"})}
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a"], ["y"])
    with pytest.raises(NetlistError) as fault:
        build_timing_graph(netlist, constraints)
    assert str(fault.value) == "toy has no port 'b', which the constraints name"


def test_loop_that_a_case_opens_is_none(toy_technology):
    netlist = make_netlist(toy_technology.library(1.0), RING, ["en"], ["y"])
    graph = build_timing_graph(netlist, Constraints(case={"en": 0}))
    assert len(graph.source) == 0


def test_long_loop_is_cut_short_in_the_message(toy_technology):
    cells = {
        f"b{at}": ("toy_buf_1", {"A": f"n{at}", "Y": f"n{(at + 1) % 9}"}) for at in range(9)
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, [], ["n0"])
    with pytest.raises(NetlistError, match=r"^toy has a combinational loop: '.*' and 3 more$"):
        build_timing_graph(netlist, Constraints())


def analyze(technology, cells, inputs, outputs, constraints=None):
    library = technology.library(1.0)
    netlist = make_netlist(library, cells, inputs, outputs)
    timer = Timer(build_timing_graph(netlist, constraints or Constraints()), [library])
    return timer.analyze(np.zeros(netlist.cells, dtype=int), Wires.none(netlist))


def test_design_without_registers(toy_technology):
    cells = {"u": ("toy_xor2_1", {"A": "a", "B": "b", "Y": "y"})}
    timing = analyze(toy_technology, cells, ["a", "b"], ["y"])
    assert timing.min_period == timing.arrival.max() > 0


def test_design_without_logic(toy_technology):
    cells = {"r": ("toy_dff_1", {"D": "d", "CK": "clk", "Q": "q"})}
    timing = analyze(toy_technology, cells, ["clk", "d"], [])
    # The register's output is open; what is left is the setup time of its input.
    records, delays = timing.critical_path()
    assert len(records) == len(delays) == 0
    library = toy_technology.library(1.0)
    (end,) = {int(node) // 2 for node in timing.endpoints.node}
    assert timing.graph.netlist.net_name[end] == "d"
    checks = [at for at, kind in enumerate(library.arc_type) if kind == 3
              and library.cell_name[library.arc_cell[at]] == "toy_dff_1"]  # fmt: skip
    tables = library.arc_table[checks[0], :, 0]
    setup = library.tables.lookup(tables, np.zeros(2), np.zeros(2)).max()
    assert timing.min_period == pytest.approx(setup)
    assert timing.slack(PERIOD).min() == pytest.approx(PERIOD - setup)


def test_design_without_a_path_has_no_period(toy_technology):
    cells = {"t": ("toy_tie_1", {"H": "y"})}
    timing = analyze(toy_technology, cells, [], ["y"])
    assert timing.worst_slack(PERIOD) == np.inf
    for ask in (lambda: timing.min_period, timing.critical_path):
        with pytest.raises(NetlistError) as fault:
            ask()
        assert str(fault.value) == (
            "toy has no path to time from one port or register to another"
        )


def test_net_without_sinks_has_the_load_of_its_wire(toy_technology):
    library = toy_technology.library(1.0)
    cells = {"u": ("toy_inv_1", {"A": "a", "Y": "y"}), "v": ("toy_buf_1", {"A": "a", "Y": "open"})}
    netlist = make_netlist(library, cells, ["a"], ["y"])
    timer = Timer(build_timing_graph(netlist, Constraints(load={"y": 3e-15})), [library])
    wires = Wires(np.full(netlist.nets, 2e-15), np.full(netlist.nets, 100.0))
    load, delay = timer.loads(np.zeros(2, dtype=int), wires)
    at = netlist.net_name.index("open")
    assert load[2 * at : 2 * at + 2] == pytest.approx(2e-15)
    assert delay[2 * at : 2 * at + 2] == pytest.approx(100 * 1e-15)
    at = netlist.net_name.index("y")
    assert load[2 * at : 2 * at + 2] == pytest.approx(5e-15)
    assert delay[2 * at : 2 * at + 2] == pytest.approx(100 * (1e-15 + 3e-15))


def test_higher_supply_is_faster_everywhere(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 3)
    graph = build_timing_graph(netlist, Constraints())
    timer = Timer(graph, libraries_of(toy_technology, toy_technology.vdds))
    periods = [
        timer.analyze(np.full(netlist.cells, level), Wires.none(netlist)).min_period
        for level in range(5)
    ]
    assert periods == sorted(periods, reverse=True)


def test_timer_rejects_a_library_of_other_cells(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 3)
    library = toy_technology.library(1.0)
    other = replace(library, cell_name=("x", *library.cell_name[1:]))
    with pytest.raises(TechnologyError) as fault:
        Timer(build_timing_graph(netlist, Constraints()), [other])
    assert str(fault.value) == "libraries toy_1v00 and toy_1v00 hold different cells"
