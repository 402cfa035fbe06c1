"""The clock network: which nets carry a clock, and with which polarity it reaches each register.

The network is ideal in timing: an edge reaches every clock pin at the moment it leaves its port.
Clock gates are part of it; the timing graph is cut at them, since the way flop -> enable -> gate ->
gated clock -> flop is not a combinational loop.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import (
    CellLibrary,
    Direction,
    SequentialKind,
    parse_expression,
    truth_table,
    variables,
)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ClockNetwork:
    """Nets and register pins that a clock reaches.

    Attributes
    ----------
    net_phase : ndarray of int, shape (nets,)
        -1: no clock; 0: rises with the clock port; 1: falls when the port rises.
    net_root : ndarray of int, shape (nets,)
        Port net from which the clock of each net comes, -1 where there is none.
    """

    net_phase: Ints
    net_root: Ints

    @property
    def is_clock(self) -> NDArray[np.bool_]:
        """Whether each net carries a clock."""
        return self.net_phase >= 0


def clock_pins(library: CellLibrary) -> NDArray[np.bool_]:
    """Library pins that take a clock: named so by the library, on a cell that keeps state."""
    keeps_state = np.zeros(len(library.cell_name), dtype=bool)
    keeps_state[list(library.sequential)] = True
    return library.pin_is_clock & keeps_state[library.pin_cell]


def trace_clocks(netlist: Netlist, ports: Iterable[str] = ()) -> ClockNetwork:
    """Find the clock network.

    Parameters
    ----------
    ports : iterable of str
        Clock ports. By default those that feed a register's clock pin through nothing but
        buffers, inverters and clock gates.

    Raises
    ------
    NetlistError
        When a register's clock comes from ordinary logic, or from two ports.
    """
    library = netlist.library
    is_clock_pin = clock_pins(library)[netlist.pin_library] & (netlist.pin_net != OPEN)
    through = _clock_cells(netlist, is_clock_pin)
    port_net = netlist.input_port_net
    named = list(ports)
    for port in named:
        if port not in port_net:
            raise NetlistError(f"{netlist.name} has no input port '{port}' to be a clock")
    roots = (
        [port_net[port] for port in named] if named else _find_roots(netlist, is_clock_pin, through)
    )
    phase = np.full(netlist.nets, -1)
    root = np.full(netlist.nets, -1)
    wave = list(roots)
    phase[roots], root[roots] = 0, roots
    while wave:
        net = wave.pop()
        for pin in _sinks(netlist, net):
            for output, inverts in through.get(int(pin), ()):
                target = int(netlist.pin_net[output])
                if target == OPEN or root[target] == root[net]:
                    continue
                if root[target] >= 0:
                    raise NetlistError(f"net '{netlist.net_name[target]}' mixes two clocks")
                phase[target], root[target] = phase[net] ^ inverts, root[net]
                wave.append(target)
    unclocked = np.flatnonzero(is_clock_pin & (phase[netlist.pin_net] < 0))
    if len(unclocked):
        pin = int(unclocked[0])
        raise NetlistError(
            f"the clock of register '{netlist.known_name(int(netlist.pin_cell[pin]))}' comes from "
            f"net '{netlist.net_name[int(netlist.pin_net[pin])]}', which no clock port reaches "
            f"through buffers, inverters and clock gates"
        )
    return ClockNetwork(phase, root)


def _clock_cells(
    netlist: Netlist, is_clock_pin: NDArray[np.bool_]
) -> dict[int, list[tuple[int, int]]]:
    """Input pin -> (output pin, inverts) of cells that a clock passes: one input, or a gate."""
    library = netlist.library
    inputs = np.bincount(
        library.pin_cell[library.pin_direction == Direction.INPUT],
        minlength=len(library.cell_name),
    )
    gates = {
        cell for cell, item in library.sequential.items() if item.kind == SequentialKind.CLOCK_GATE
    }
    simple = {
        cell for cell in np.flatnonzero(inputs == 1).tolist() if cell not in library.sequential
    }
    result: dict[int, list[tuple[int, int]]] = {}
    for cell in np.flatnonzero(np.isin(netlist.cell_type, list(simple | gates))):
        kind = int(netlist.cell_type[cell])
        pins = np.arange(netlist.first_pin[cell], netlist.first_pin[cell + 1])
        takes = is_clock_pin[pins] if kind in gates else ~netlist.pin_is_output[pins]
        outputs = [int(pin) for pin in pins[netlist.pin_is_output[pins]]]
        for pin in pins[takes]:
            result[int(pin)] = [(out, _inverts(library, netlist, out)) for out in outputs]
    return result


def _inverts(library: CellLibrary, netlist: Netlist, output: int) -> int:
    """Whether an output of a cell with one input is high while the input is low."""
    text = library.pin_function[int(netlist.pin_library[output])]
    if not text:  # a clock gate
        return 0
    tree = parse_expression(text)
    return int(truth_table(tree, variables(tree))[0])


def _sinks(netlist: Netlist, net: int) -> Ints:
    first = netlist.net_first_sink
    return netlist.sink_pins[first[net] : first[net + 1]]


def _find_roots(
    netlist: Netlist,
    is_clock_pin: NDArray[np.bool_],
    through: dict[int, list[tuple[int, int]]],
) -> list[int]:
    """Port nets found by walking back from the clock pins."""
    came_from = {
        int(netlist.pin_net[output]): int(netlist.pin_net[pin])
        for pin, outputs in through.items()
        for output, _ in outputs
    }
    port_nets = set(netlist.port_net[netlist.port_is_input].tolist())
    roots: set[int] = set()
    for net in np.unique(netlist.pin_net[is_clock_pin]).tolist():
        seen = {net}
        while net not in port_nets and came_from.get(net, net) not in seen:
            net = came_from[net]
            seen.add(net)
        if net in port_nets:
            roots.add(net)
    return sorted(roots)
