"""Buffers in front of sinks: on nets with too many of them, and beside critical paths.

The mapper keeps its own nets small, but it does not see nets that only meet register pins, such as
a reset, nor the ports of the design. Sinks are grouped in netlist order, in which the bits of one
register stand side by side; positions are not known yet.

On a placed netlist, sinks that have time are taken off critical nets, where a buffer loads these
less than they did.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.clocks import trace_clocks
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.timing import Timer, Timing, Wires
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import Technology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Nets with less slack than this part of the period are critical; what a buffer must win, a part of
# the period; and the slack that a sink must have beyond its net's, in delays of a buffer.
_CRITICAL, _WORTH, _CLEAR = 0.02, 0.001, 2.0
# Load that tells how much slower a farad makes a driver [F].
_PROBE = 1e-16


def buffer_high_fanout(netlist: Netlist, technology: Technology, limit: int) -> Netlist:
    """Return the netlist with every net, clocks excepted, driving at most `limit` cell pins."""
    is_clock = trace_clocks(netlist).is_clock
    while True:
        high = np.flatnonzero((netlist.fanout > limit) & ~is_clock)
        if not len(high):
            return netlist
        first = netlist.net_first_sink
        groups = []
        for net in high.tolist():
            sinks = netlist.sink_pins[first[net] : first[net + 1]]
            groups += [(net, part) for part in np.array_split(sinks, -(-len(sinks) // limit))]
        netlist = insert_buffers(netlist, technology, groups)
        is_clock = np.append(is_clock, np.zeros(len(groups), dtype=bool))


def insert_buffers(
    netlist: Netlist, technology: Technology, groups: Sequence[tuple[int, Ints]]
) -> Netlist:
    """Return the netlist with a buffer for each group: a net, and those of its sinks that it takes.

    New cells and nets come after the others.
    """
    library = netlist.library
    kind = library.cell_index[technology.buffer_cell]
    pins = list(library.pins_of(kind))
    input_at = pins.index(library.pin_index[kind, technology.buffer_input])
    output_at = pins.index(library.pin_index[kind, technology.buffer_output])
    pin_net = netlist.pin_net.copy()
    added = np.full((len(groups), len(pins)), OPEN)
    names = []
    for number, (net, sinks) in enumerate(groups):
        added[number, input_at] = net
        pin_net[sinks] = added[number, output_at] = netlist.nets + number
        # The count of cells keeps names apart when a netlist is buffered again.
        names.append(f"{netlist.net_name[net]}$fanout${netlist.cells + number}")
    return replace(
        netlist,
        cell_name=netlist.cell_name + tuple(f"{name}$buffer" for name in names),
        cell_type=np.concatenate([netlist.cell_type, np.full(len(groups), kind)]),
        net_name=netlist.net_name + tuple(names),
        pin_net=np.concatenate([pin_net, added.ravel()]),
    )


def relieve_critical_nets(
    graph: TimingGraph, wires: Wires, technology: Technology, period: float
) -> Netlist:
    """Return the netlist with sinks that have time behind buffers, off the nets that have none.

    Parameters
    ----------
    period : float
        Clock period that paths should keep at the nominal supply [s].
    """
    netlist = graph.netlist
    timer = Timer(graph, [technology.library(technology.nominal_vdd)])
    everywhere = np.zeros(netlist.cells, dtype=np.int64)
    timing, more = (
        timer.analyze(everywhere, Wires(wires.capacitance + farads, wires.resistance))
        for farads in (0.0, _PROBE)
    )
    per_farad = np.zeros(graph.nodes)
    np.maximum.at(per_farad, graph.target, (more.delay - timing.delay) / _PROBE)
    per_farad = per_farad.reshape(-1, 2).max(axis=1) + wires.resistance
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    critical = (slack < _CRITICAL * period) & ~graph.clocks.is_clock & (netlist.net_driver >= 0)

    sinks = netlist.sink_pins
    sinks = sinks[critical[netlist.pin_net[sinks]]]
    net = netlist.pin_net[sinks]
    kind = netlist.library.cell_index[technology.buffer_cell]
    buffer = netlist.library.pin_index[kind, technology.buffer_input]
    of_pin = netlist.library.pin_capacitance.max(axis=1)
    cell_delay = float(timing.critical_path()[1].mean())
    taken = pin_slack(timing, period)[sinks] > slack[net] + _CLEAR * cell_delay
    wire = wires.capacitance / np.maximum(netlist.fanout, 1)
    relief = np.bincount(
        net[taken], (of_pin[netlist.pin_library[sinks]] + wire[net])[taken], minlength=netlist.nets
    )
    won = per_farad * (relief - of_pin[buffer])
    moved = taken & (won[net] > _WORTH * period)
    sinks, net = sinks[moved], net[moved]
    starts = np.flatnonzero(np.diff(net, prepend=-1))
    parts = np.split(sinks, starts[1:])
    groups = list(zip(net[starts].tolist(), parts, strict=True)) if len(net) else []
    return insert_buffers(netlist, technology, groups)


def pin_slack(timing: Timing, period: float) -> Floats:
    """Return the worst slack of the paths through each pin that a net drives [s], shape (pins,).

    Infinite elsewhere, and where no path leads.
    """
    graph, netlist = timing.graph, timing.graph.netlist
    pins = np.flatnonzero((netlist.pin_net != OPEN) & ~netlist.pin_is_output)
    of_pin = netlist.pin_cell[pins] * netlist.nets + netlist.pin_net[pins]
    keys, number = np.unique(of_pin, return_inverse=True)
    worst = np.full(len(keys), np.inf)

    def lower(cell: Ints, net: Ints, slack: Floats) -> None:
        wanted = cell * netlist.nets + net
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = keys[at] == wanted
        np.minimum.at(worst, at[found], slack[found])

    lower(graph.cell, graph.source >> 1, timing.record_slack(period))
    # What is checked at a register: the worst end of a path on its net.
    ends = timing.endpoints
    of_net = np.full(netlist.nets, np.inf)
    np.minimum.at(of_net, ends.node >> 1, period * ends.share - ends.delay)
    net = graph.checks.node >> 1
    lower(graph.checks.cell, net, of_net[net])
    result = np.full(len(netlist.pin_net), np.inf)
    result[pins] = worst[number]
    return result
