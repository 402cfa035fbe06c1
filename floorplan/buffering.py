"""Buffer trees on nets with too many sinks.

The mapper keeps its own nets small, but it does not see nets that only meet register pins, such as
a reset, nor the ports of the design. Sinks are grouped in netlist order, in which the bits of one
register stand side by side; positions are not known yet.
"""

from dataclasses import replace

import numpy as np

from voltile.floorplan.clocks import trace_clocks
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import Technology


def buffer_high_fanout(netlist: Netlist, technology: Technology, limit: int) -> Netlist:
    """Return the netlist with every net, clocks excepted, driving at most `limit` cell pins."""
    is_clock = trace_clocks(netlist).is_clock
    high = np.flatnonzero((netlist.fanout > limit) & ~is_clock)
    if not len(high):
        return netlist
    library = netlist.library
    kind = library.cell_index[technology.buffer_cell]
    pins = list(library.pins_of(kind))
    input_at = pins.index(library.pin_index[kind, technology.buffer_input])
    output_at = pins.index(library.pin_index[kind, technology.buffer_output])
    pin_net = netlist.pin_net.copy()
    buffer_pins: list[list[int]] = []
    cell_names: list[str] = []
    net_names: list[str] = []
    for net in high:
        first = netlist.net_first_sink
        # What the next level of the tree drives: first the sinks, then buffers by number.
        sinks = netlist.sink_pins[first[net] : first[net + 1]]
        groups = np.array_split(sinks, -(-len(sinks) // limit))
        new = []
        for group in groups:
            new.append(
                _add_buffer(netlist, int(net), buffer_pins, cell_names, net_names, len(pins))
            )
            pin_net[group] = buffer_pins[new[-1]][output_at] = netlist.nets + len(net_names) - 1
        while len(new) > limit:
            parts = np.array_split(np.array(new), -(-len(new) // limit))
            new = []
            for part in parts:
                root = _add_buffer(netlist, int(net), buffer_pins, cell_names, net_names, len(pins))
                output = buffer_pins[root][output_at] = netlist.nets + len(net_names) - 1
                for child in part:
                    buffer_pins[int(child)][input_at] = output
                new.append(root)
        for child in new:
            buffer_pins[child][input_at] = int(net)
    return replace(
        netlist,
        cell_name=netlist.cell_name + tuple(cell_names),
        cell_type=np.concatenate([netlist.cell_type, np.full(len(cell_names), kind)]),
        net_name=netlist.net_name + tuple(net_names),
        pin_net=np.concatenate([pin_net, np.array(buffer_pins, dtype=np.int64).ravel()]),
    )


def _add_buffer(
    netlist: Netlist,
    net: int,
    buffer_pins: list[list[int]],
    cell_names: list[str],
    net_names: list[str],
    pins: int,
) -> int:
    """Append an unconnected buffer and its output net; return its number."""
    number = len(buffer_pins)
    # The count of cells keeps names apart when a netlist is buffered again.
    label = f"{netlist.net_name[net]}$fanout${netlist.cells + number}"
    cell_names.append(label + "$buffer")
    net_names.append(label)
    buffer_pins.append([OPEN] * pins)
    return number
