"""Case analysis: nets held constant, and the timing arcs that this leaves without effect.

Constants come from tie cells and from ports held by `set_case_analysis`; they pass through logic,
and through registers only on demand. An arc is off when, with the other inputs as they are held,
its condition (`when`) cannot be true, its output does not follow its input, or not with that pair
of edges.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError
from voltile.floorplan.clocks import clock_pins
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
# Per cell: (output pin, truth table, input pins), by offset.
_Functions = dict[int, list[tuple[int, NDArray[np.bool_], tuple[int, ...]]]]


def constant_nets(
    netlist: Netlist, case: Mapping[str, int], through_registers: bool = False
) -> Ints:
    """Return the value of each net that is constant, and -1 for all others.

    `through_registers`: a flip-flop whose next state is constant has that state, as it is once a
    mode has been at work for a while; not where its clock does not run, since then it keeps an
    older one. The output of a clock gate that cannot open rests.

    Raises
    ------
    NetlistError
        When `case` names an input port that the netlist lacks.
    """
    start = np.full(netlist.nets, -1)
    ports = netlist.input_port_net
    for port, level in case.items():
        if port not in ports:
            raise NetlistError(f"{netlist.name} has no input port '{port}' to hold constant")
        start[ports[port]] = level
    functions = _output_functions(netlist.library)
    if not through_registers:
        return _propagate(netlist, start, functions, set())
    functions |= _register_functions(netlist.library)
    stopped: set[int] = set()
    while True:
        value = _propagate(netlist, start, functions, stopped)
        more = _stopped_registers(netlist, value) - stopped
        if not more:
            return value
        stopped |= more


def _propagate(netlist: Netlist, start: Ints, functions: _Functions, without: set[int]) -> Ints:
    """Spread constants from their start through all cells but some."""
    value = start.copy()
    ties = [kind for kind, outputs in functions.items() if any(not i for _, _, i in outputs)]
    front = set(np.flatnonzero(np.isin(netlist.cell_type, ties)).tolist())
    front |= _readers(netlist, np.flatnonzero(value >= 0))
    while front:
        changed = []
        for cell in front - without:
            first = int(netlist.first_pin[cell])
            for output, table, inputs in functions.get(int(netlist.cell_type[cell]), ()):
                net = int(netlist.pin_net[first + output])
                if net == OPEN or value[net] >= 0:
                    continue
                possible = _restrict(table, _held(netlist, value, first, inputs))
                if possible.all() or not possible.any():
                    value[net] = int(possible[0])
                    changed.append(net)
        front = _readers(netlist, np.array(changed, dtype=np.int64))
    return value


def _stopped_registers(netlist: Netlist, value: Ints) -> set[int]:
    """Flip-flops whose clock pin is constant."""
    sequential = netlist.library.sequential
    flops = [kind for kind, item in sequential.items() if item.kind == SequentialKind.FLIP_FLOP]
    is_clock = clock_pins(netlist.library)[netlist.pin_library]
    is_clock &= np.isin(netlist.cell_type, flops)[netlist.pin_cell]
    stands = np.append(value, -1)[netlist.pin_net] >= 0
    return set(netlist.pin_cell[is_clock & stands].tolist())


def enabled_arcs(
    netlist: Netlist, constants: Ints, instance: Ints, arc: Ints, in_edge: Ints, out_edge: Ints
) -> NDArray[np.bool_]:
    """Return which (arc of an instance, edges) can still happen with the constant nets."""
    enabled = np.ones(len(instance), dtype=bool)
    held = np.zeros(netlist.cells, dtype=bool)
    pins = np.flatnonzero((netlist.pin_net != OPEN) & ~netlist.pin_is_output)
    held[netlist.pin_cell[pins[constants[netlist.pin_net[pins]] >= 0]]] = True
    library = netlist.library
    functions = _output_functions(library)
    for row in np.flatnonzero(held[instance]):
        cell = int(instance[row])
        kind = int(netlist.cell_type[cell])
        first = int(library.cell_first_pin[kind])
        wanted = int(library.arc_from[arc[row]]) - first
        when = library.arc_when[arc[row]]
        if when and not _can_hold(netlist, constants, cell, when):
            enabled[row] = False
            continue
        for output, table, inputs in functions.get(kind, ()):
            if output != int(library.arc_to[arc[row]]) - first or wanted not in inputs:
                continue
            start = int(netlist.first_pin[cell])
            levels = _held(netlist, constants, start, inputs)
            bit = inputs.index(wanted)
            at_low, at_high = (_restrict(table, {**levels, bit: level}) for level in (0, 1))
            before, after = (at_low, at_high) if in_edge[row] == 0 else (at_high, at_low)
            moves = ~before & after if out_edge[row] == 0 else before & ~after
            enabled[row] = bool(moves.any())
    return enabled


def _can_hold(netlist: Netlist, constants: Ints, cell: int, when: str) -> bool:
    """Whether a condition over the pins of an instance can be true with the constant nets."""
    library, kind = netlist.library, int(netlist.cell_type[cell])
    shift = int(netlist.first_pin[cell] - library.cell_first_pin[kind])
    tree = parse_expression(when)
    names = variables(tree)
    levels = {}
    for bit, name in enumerate(names):
        pin = library.pin_index.get((kind, name))
        net = OPEN if pin is None else int(netlist.pin_net[pin + shift])
        if net != OPEN and constants[net] >= 0:
            levels[bit] = int(constants[net])
    return bool(_restrict(truth_table(tree, names), levels).any())


def _output_functions(library: CellLibrary) -> _Functions:
    """Per cell: (output pin, truth table, input pins) of its combinational outputs, by offset."""
    functions: _Functions = {}
    for pin in np.flatnonzero(library.pin_direction == Direction.OUTPUT):
        text, kind = library.pin_function[pin], int(library.pin_cell[pin])
        if text and kind not in library.sequential:
            _add_function(functions, library, int(pin), text)
    return functions


def _register_functions(library: CellLibrary) -> _Functions:
    """The same of flip-flops, as if the next state were there already, and of clock gates."""
    functions: _Functions = {}
    for pin in np.flatnonzero(library.pin_direction == Direction.OUTPUT):
        state = library.sequential.get(int(library.pin_cell[pin]))
        if state is not None and state.kind == SequentialKind.CLOCK_GATE:
            if library.pin_name[pin] == state.output:
                text = f"{state.clock} {'& ' if state.active_high else '| !'}({state.data})"
                _add_function(functions, library, int(pin), text)
            continue
        if state is None or state.kind != SequentialKind.FLIP_FLOP:
            continue
        following = f"({state.data}) & !({state.clear or 0}) | ({state.preset or 0})"
        texts = {state.state: following, state.state_inverted: f"!({following})"}
        if library.pin_function[pin] in texts:
            _add_function(functions, library, int(pin), texts[library.pin_function[pin]])
    return functions


def _add_function(functions: _Functions, library: CellLibrary, pin: int, text: str) -> None:
    """Add the function of an output pin, unless it is of a state that is not read here."""
    tree, kind = parse_expression(text), int(library.pin_cell[pin])
    names = variables(tree)
    if any((kind, name) not in library.pin_index for name in names):
        return
    first = int(library.cell_first_pin[kind])
    inputs = tuple(library.pin_index[kind, name] - first for name in names)
    functions.setdefault(kind, []).append((pin - first, truth_table(tree, names), inputs))


def _held(netlist: Netlist, value: Ints, start: int, inputs: tuple[int, ...]) -> dict[int, int]:
    """Bit position -> level, for the inputs whose net is constant."""
    nets = [int(netlist.pin_net[start + pin]) for pin in inputs]
    return {bit: int(value[net]) for bit, net in enumerate(nets) if net != OPEN and value[net] >= 0}


def _restrict(table: NDArray[np.bool_], levels: Mapping[int, int]) -> NDArray[np.bool_]:
    """Rows of a truth table in which some inputs have given levels, in pattern order."""
    patterns = np.arange(len(table))
    kept = np.ones(len(table), dtype=bool)
    for bit, level in levels.items():
        kept &= (patterns >> bit) & 1 == level
    return table[kept]


def _readers(netlist: Netlist, nets: Ints) -> set[int]:
    first = netlist.net_first_sink
    return {
        int(netlist.pin_cell[pin])
        for net in nets
        for pin in netlist.sink_pins[first[net] : first[net + 1]]
    }
