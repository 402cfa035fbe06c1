"""Buffer trees: the limit holds, and the logic stays what it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_netlists import make_netlist, random_netlist, random_wires

from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph, trace_clocks
from voltile.floorplan.buffering import buffer_high_fanout, pin_slack, relieve_critical_nets
from voltile.floorplan.netlist import OPEN, check_netlist


def through_buffers(netlist, original):
    """(instance, pin) -> driver of each input pin, with added buffers stepped over."""
    library, kept = netlist.library, set(original.cell_name)
    port_of = {
        int(net): name for name, net, is_input in
        zip(netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True) if is_input
    }  # fmt: skip

    def name_of(pin):
        cell = int(netlist.pin_cell[pin])
        return netlist.cell_name[cell], library.pin_name[int(netlist.pin_library[pin])]

    def source(net):
        driver = int(netlist.net_driver[net])
        if driver == OPEN:
            return port_of.get(net, "nothing")
        cell = int(netlist.pin_cell[driver])
        if netlist.cell_name[cell] in kept:
            return name_of(driver)
        assert library.cell_name[netlist.cell_type[cell]] == "toy_buf_4"
        return source(int(netlist.pin_net[netlist.first_pin[cell]]))

    pins = {
        name_of(pin): source(int(netlist.pin_net[pin])) for pin in netlist.sink_pins
        if netlist.cell_name[int(netlist.pin_cell[pin])] in kept
    }  # fmt: skip
    ports = {
        name: source(int(net)) for name, net, is_input in
        zip(netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True)
        if not is_input
    }  # fmt: skip
    return pins, ports


def check(netlist, technology, limit):
    buffered = buffer_high_fanout(netlist, technology, limit)
    check_netlist(buffered)
    signal = ~trace_clocks(buffered).is_clock
    assert buffered.fanout[signal].max(initial=0) <= limit
    assert through_buffers(buffered, netlist) == through_buffers(netlist, netlist)
    for names in (buffered.cell_name, buffered.net_name):
        assert len(set(names)) == len(names)
    assert buffered.cell_name[: netlist.cells] == netlist.cell_name
    return buffered


def wide(library, sinks):
    """A reset with many sinks that is an output port too, and a clock with as many."""
    cells = {
        f"r{at}": ("toy_dffr_1", {"D": "d", "CK": "clk", "RN": "rst", "Q": f"q{at}"})
        for at in range(sinks)
    }
    return make_netlist(library, cells, ["clk", "d", "rst"], {"y": "rst", "q": "q0"})


@pytest.mark.parametrize(
    ("sinks", "limit", "levels"), [(24, 24, 0), (25, 24, 1), (100, 4, 3), (9, 2, 3)]
)
def test_trees_are_as_deep_as_needed(toy_technology, sinks, limit, levels):
    netlist = wide(toy_technology.library(1.0), sinks)
    buffered = check(netlist, toy_technology, limit)
    depth = 0
    net = int(buffered.pin_net[buffered.first_pin[sinks // 2] + 2])
    names = [buffered.library.pin_name[pin] for pin in
             buffered.library.pins_of(int(buffered.cell_type[0]))]  # fmt: skip
    assert names[2] == "RN"
    while int(buffered.net_driver[net]) != OPEN:
        cell = int(buffered.pin_cell[buffered.net_driver[net]])
        net, depth = int(buffered.pin_net[buffered.first_pin[cell]]), depth + 1
    assert depth == levels
    # Neither the port nor the clock moved.
    assert buffered.port_net.tolist() == netlist.port_net.tolist()
    assert buffered.fanout[netlist.net_name.index("clk")] == sinks


def test_netlist_within_the_limit_is_returned_as_it_is(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 1)
    assert buffer_high_fanout(netlist, toy_technology, 1000) is netlist


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), limit=st.integers(2, 6))
def test_logic_is_unchanged(toy_technology, seed, limit):
    check(random_netlist(toy_technology.library(1.0), seed, 30), toy_technology, limit)


def test_buffering_again_keeps_names_apart(toy_technology):
    netlist = wide(toy_technology.library(1.0), 60)
    once = check(netlist, toy_technology, 20)
    check(once, toy_technology, 2)


def timed(graph, technology, wires):
    timer = Timer(graph, [technology.library(1.0)])
    return timer.analyze(np.zeros(graph.netlist.cells, dtype=int), wires)


@pytest.mark.parametrize("seed", range(5))
def test_slack_of_a_net_is_that_of_its_worst_pin(toy_technology, seed):
    """Unless an output port is worse."""
    netlist = random_netlist(toy_technology.library(1.0), seed, 40)
    timing = timed(build_timing_graph(netlist, Constraints()), toy_technology,
                   random_wires(netlist, seed))  # fmt: skip
    period = 1.1 * timing.min_period
    of_net = timing.slack(period).reshape(-1, 2).min(axis=1)
    slack = pin_slack(timing, period)
    worst = np.full(netlist.nets, np.inf)
    np.minimum.at(worst, netlist.pin_net[netlist.sink_pins], slack[netlist.sink_pins])
    no_port = np.ones(netlist.nets, dtype=bool)
    no_port[netlist.port_net] = False
    kept = no_port & ~trace_clocks(netlist).is_clock
    np.testing.assert_allclose(worst[kept], of_net[kept], rtol=1e-9, atol=1e-18)
    assert np.isfinite(worst[kept]).sum() > 20


def test_sinks_that_have_time_leave_a_critical_net(toy_technology):
    """A chain from register to register, and a crowd at its first gate."""
    cells = {
        "r": ("toy_dff_1", {"D": "d", "CK": "clk", "Q": "n0"}),
        **{f"u{at}": ("toy_inv_1", {"A": f"n{at}", "Y": f"n{at + 1}"}) for at in range(8)},
        "s": ("toy_dff_1", {"D": "n8", "CK": "clk", "Q": "y"}),
        **{f"c{at}": ("toy_dff_1", {"D": "n1", "CK": "clk", "Q": f"z{at}"}) for at in range(20)},
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "d"], ["y"])
    graph, wires = build_timing_graph(netlist, Constraints()), Wires.none(netlist)
    before = timed(graph, toy_technology, wires).min_period
    relieved = relieve_critical_nets(graph, wires, toy_technology, before)
    check_netlist(relieved)
    assert through_buffers(relieved, netlist) == through_buffers(netlist, netlist)
    assert relieved.cells == netlist.cells + 1
    assert relieved.fanout[netlist.net_name.index("n1")] == 2  # the chain and the buffer
    after = build_timing_graph(relieved, Constraints())
    assert timed(after, toy_technology, Wires.none(relieved)).min_period < 0.95 * before


def test_nothing_is_added_where_paths_have_time(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 3, 40)
    graph, wires = build_timing_graph(netlist, Constraints()), Wires.none(netlist)
    period = 2 * timed(graph, toy_technology, wires).min_period
    assert relieve_critical_nets(graph, wires, toy_technology, period).cells == netlist.cells
