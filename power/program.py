"""From a mapped netlist to the array operations that simulate it.

Signals are numbered: 0 is the constant 0, 1 + n is net n, and behind the nets come the states of
registers and clock gates and the conditions of asynchronous clears and presets. A buffer or
inverter is no gate but another name of the signal that it reads. What remains are nodes, which are
numbered so that a level of logic is a slice of the state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from voltile.core import NetlistError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import (
    Direction,
    Expression,
    Sequential,
    SequentialKind,
    parse_expression,
    truth_table,
    variables,
)
from voltile.power.steps import (
    Bools,
    Function,
    Gates,
    Ints,
    Step,
    find_levels,
    make_gates,
    make_step,
    step_order,
)

HIGH, LOW = 0, 1
# Names in expressions that no pin can have.
_STATE, _CLEAR, _PRESET = "#state", "#clear", "#preset"
_CONSTANT = 0


@dataclass(frozen=True)
class Capture:
    """Flip-flops that take data at one of the two edges of the clock port.

    Attributes
    ----------
    step : Step
        Next state of each, from the values before the edge; None where there is no flip-flop.
    node : ndarray of int, shape (flops,)
        Node that holds the state.
    clock : ndarray of int, shape (flops,)
        Literal that rises when the flip-flop takes data.
    """

    step: Step | None
    node: Ints
    clock: Ints


@dataclass(frozen=True)
class Phase:
    """What happens at an edge of the clock port and until the next one.

    Attributes
    ----------
    steps : sequence of (Step, slice or ndarray)
        Logic in order, and the nodes that each step gives.
    touched : ndarray of int
        Nodes that can change in this phase.
    """

    capture: Capture
    steps: Sequence[tuple[Step, "slice | Ints"]]
    touched: Ints


@dataclass(frozen=True)
class Program:
    """A netlist ready for simulation.

    Attributes
    ----------
    nodes : int
        Signals kept in the state; node 0 is the constant 0.
    net_node, net_inverted : ndarray, shape (nets,)
        Node of each net, and whether the net carries its complement.
    roots : ndarray of int
        Nodes of the clock ports.
    phases : tuple of two Phase
        After the rising edge of the clock ports, after the falling edge.
    gate_latches : (Step, ndarray of int) or None
        Next state of the latches inside clock gates, and their nodes.
    clock_steps : sequence of (Step, ndarray of int)
        Outputs of clock gates, in the order of the clock network.
    state, clear, preset : ndarray of int
        Flip-flops with an asynchronous pin: node of the state, literals of the conditions.
    state_cell : ndarray of int
        Their instances.
    """

    netlist: Netlist
    clocks: ClockNetwork
    nodes: int
    net_node: Ints
    net_inverted: Bools
    roots: Ints
    phases: tuple[Phase, Phase]
    gate_latches: tuple[Step, Ints] | None
    clock_steps: Sequence[tuple[Step, Ints]]
    state: Ints
    clear: Ints
    preset: Ints
    state_cell: Ints

    @cached_property
    def asynchronous_literals(self) -> Ints:
        """Conditions of clears and presets, each once; there are few, as resets are shared."""
        return np.unique(np.concatenate([self.clear, self.preset]))


@dataclass
class _Design:
    """What grows while the cell types are walked."""

    netlist: Netlist
    signals: int
    logic: list[Function] = field(default_factory=list)
    latches: list[Function] = field(default_factory=list)
    latch_enables: list[Function] = field(default_factory=list)
    next_states: list[Function] = field(default_factory=list)
    flop_clocks: list[Function] = field(default_factory=list)
    gate_latches: list[Function] = field(default_factory=list)
    gate_outputs: list[Function] = field(default_factory=list)
    asynchronous: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)

    def new_signals(self, count: int) -> Ints:
        self.signals += count
        return np.arange(self.signals - count, self.signals)


def compile_netlist(netlist: Netlist, clocks: ClockNetwork) -> Program:
    """Return the program that simulates a netlist.

    Where clear and preset of a flip-flop are active together, clear wins. Input pins that are left
    open are 0.

    Raises
    ------
    NetlistError
        For a combinational loop, also through a latch while it is open; for an output whose
        function the library does not give; for a register clocked by more than one signal.
    """
    design = _Design(netlist, 1 + netlist.nets)
    for kind in np.unique(netlist.cell_type):
        _add_cells(design, int(kind))
    root, parity = _resolve_aliases(design)
    return _assemble(design, clocks, root, parity)


def _add_cells(design: _Design, kind: int) -> None:
    """Add the functions of all instances of one cell type."""
    netlist, library = design.netlist, design.netlist.library
    cells = np.flatnonzero(netlist.cell_type == kind)
    start = netlist.first_pin[cells] - library.cell_first_pin[kind]
    pins = {
        library.pin_name[pin]: netlist.pin_net[start + pin] + 1  # OPEN + 1 is the constant
        for pin in library.pins_of(kind)
    }
    item = library.sequential.get(kind)
    signals, renamed = dict(pins), dict[str, Expression]()
    if item is not None:
        signals[_STATE] = design.new_signals(len(cells))
        if item.kind == SequentialKind.CLOCK_GATE:
            _add_clock_gates(design, item, cells, signals)
        else:
            if item.state_inverted:
                renamed[item.state_inverted] = ("not", ("var", _STATE))
            renamed[item.state] = ("var", _STATE)
            _add_registers(design, item, cells, signals, renamed)
    for pin in library.pins_of(kind):
        name, text = library.pin_name[pin], library.pin_function[pin]
        if library.pin_direction[pin] != Direction.OUTPUT:
            continue
        if item is not None and item.kind == SequentialKind.CLOCK_GATE and name == item.output:
            continue
        joined = np.flatnonzero(pins[name] != OPEN + 1)
        if not len(joined):
            continue
        where = f"output {name} of cell {library.cell_name[kind]}"
        if not text:
            raise NetlistError(f"library {library.name} gives no function for {where}")
        expression = _rename(parse_expression(text), renamed)
        picked = {key: value[joined] for key, value in signals.items()}
        design.logic.append(_function(expression, picked, pins[name][joined], cells[joined], where))


def _add_clock_gates(
    design: _Design, item: Sequential, cells: Ints, signals: Mapping[str, Ints]
) -> None:
    clock: Expression = ("var", item.clock)
    held: Expression = ("var", _STATE)
    # Open while the clock has the level at which the output rests.
    is_open = ("not", clock) if item.active_high else clock
    latch = ("or", ("and", is_open, parse_expression(item.data)), ("and", ("not", is_open), held))
    output = ("and", clock, held) if item.active_high else ("or", clock, ("not", held))
    where = f"clock gate {design.netlist.library.cell_name[design.netlist.cell_type[cells[0]]]}"
    design.gate_latches.append(_function(latch, signals, signals[_STATE], cells, where))
    joined = signals[item.output] != OPEN + 1
    design.gate_outputs.append(
        _function(
            output,
            {key: value[joined] for key, value in signals.items()},
            signals[item.output][joined],
            cells[joined],
            where,
        )
    )


def _add_registers(
    design: _Design,
    item: Sequential,
    cells: Ints,
    signals: dict[str, Ints],
    renamed: Mapping[str, Expression],
) -> None:
    where = f"register {design.netlist.library.cell_name[design.netlist.cell_type[cells[0]]]}"
    for name, text in ((_CLEAR, item.clear), (_PRESET, item.preset)):
        signals[name] = np.zeros(len(cells), dtype=np.int64)
        if text:
            signals[name] = design.new_signals(len(cells))
            condition = _rename(parse_expression(text), renamed)
            design.logic.append(_function(condition, signals, signals[name], cells, where))
    data = _rename(parse_expression(item.data), renamed) if item.data else ("const", 0)
    clock = parse_expression(item.clock) if item.clock else ("const", 0)
    state: Expression = ("var", _STATE)
    if item.kind == SequentialKind.LATCH:
        data = ("or", ("and", clock, data), ("and", ("not", clock), state))
    if item.preset:
        data = ("or", data, ("var", _PRESET))
    if item.clear:
        data = ("and", data, ("not", ("var", _CLEAR)))
    own = signals[_STATE]
    if item.kind == SequentialKind.LATCH:
        design.latches.append(_function(data, signals, own, cells, where))
        design.latch_enables.append(_function(clock, signals, own, cells, where))
        return
    design.next_states.append(_function(data, signals, own, cells, where))
    design.flop_clocks.append(_function(clock, signals, own, cells, where))
    if item.clear or item.preset:
        design.asynchronous.append((own, signals[_CLEAR], signals[_PRESET], cells))


def _rename(expression: Expression, renamed: Mapping[str, Expression]) -> Expression:
    if expression[0] == "var":
        return renamed.get(expression[1], expression)
    if expression[0] == "const":
        return expression
    return (expression[0], *(_rename(part, renamed) for part in expression[1:]))


def _function(
    expression: Expression, signals: Mapping[str, Ints], output: Ints, cells: Ints, where: str
) -> Function:
    names = variables(expression)
    unknown = [name for name in names if name not in signals]
    if unknown:
        raise NetlistError(f"the function of {where} names '{unknown[0]}', which is not a pin")
    # Inputs without effect are left out: they are no dependence.
    table = truth_table(expression, names)
    patterns = np.arange(len(table))
    kept = [k for k in range(len(names)) if (table != table[patterns ^ (1 << k)]).any()]
    used = tuple(names[k] for k in kept)
    rows = np.zeros(1 << len(kept), dtype=np.int64)
    for place, k in enumerate(kept):
        rows |= ((np.arange(len(rows)) >> place) & 1) << k
    inputs = [signals[name] for name in used]
    return Function(
        tuple(bool(value) for value in table[rows]),
        output,
        np.stack(inputs, axis=1) if inputs else np.zeros((len(output), 0), dtype=np.int64),
        cells,
    )


def _resolve_aliases(design: _Design) -> tuple[Ints, Ints]:
    """Signal that each signal repeats, and whether inverted, through buffers and inverters."""
    root, parity = np.arange(design.signals), np.zeros(design.signals, dtype=np.int64)
    driver = np.full(design.signals, -1)
    for function in design.logic:
        width = function.inputs.shape[1]
        if width > 1:
            continue
        root[function.output] = function.inputs[:, 0] if width else _CONSTANT
        parity[function.output] = int(function.table[0])
        driver[function.output] = function.cell
    # Each round doubles the way; what then still ends in a buffer goes round in a circle.
    for _ in range(design.signals.bit_length() + 1):
        parity ^= parity[root]
        root = root[root]
    ring = np.flatnonzero(driver[root] >= 0)
    if len(ring):
        cell = design.netlist.known_name(int(driver[root[ring[0]]]))
        raise NetlistError(f"{design.netlist.name} has a loop of inverters or buffers at '{cell}'")
    return root, parity


def _through_aliases(gates: Gates, root: Ints, parity: Ints) -> Gates:
    signal = gates.literal >> 1
    literal = 2 * root[signal] + ((gates.literal & 1) ^ parity[signal])
    return replace(gates, literal=np.where(gates.literal >= 0, literal, -1))


def _assemble(design: _Design, clocks: ClockNetwork, root: Ints, parity: Ints) -> Program:
    netlist = design.netlist

    def gates_of(functions: Sequence[Function]) -> Gates:
        return _through_aliases(make_gates(functions), root, parity)

    logic = [function for function in design.logic if function.inputs.shape[1] > 1]
    gates = gates_of(logic + design.latches)
    first_latch = len(gates.output) - sum(len(function.output) for function in design.latches)
    clock_gates = gates_of(design.gate_outputs)
    clock_level = find_levels(clock_gates, design.signals)
    ports = np.unique(clocks.net_root[clocks.net_root >= 0]) + 1
    possible = _possible_values(design, clock_gates, clock_level, ports)
    opens = _may_open(design, possible, root, parity)
    flop_event, flop_clock = _flop_events(design, clocks)

    # High phase: all of the logic. Low phase: what follows from the falling edge.
    awake = np.concatenate([np.ones((2, first_latch), dtype=bool), opens], axis=1)
    high_gates, low_gates = np.flatnonzero(awake[HIGH]), np.flatnonzero(awake[LOW])
    next_states = gates_of(design.next_states)
    touched = np.zeros(design.signals, dtype=bool)
    touched[ports] = touched[clock_gates.output] = True
    touched[next_states.output[flop_event == LOW]] = True
    touched[gates.output[first_latch:][opens[LOW]]] = True
    asynchronous = _join(design.asynchronous, 4)
    low_gates = _spread(gates, low_gates, touched, root, asynchronous)
    levelled = []
    for members in (high_gates, low_gates):
        part = gates.subset(members)
        level = find_levels(part, design.signals)
        if (level < 0).any():
            raise NetlistError(_describe_loop(netlist, part, level, design.signals))
        levelled.append((part, level))

    part, level = levelled[HIGH]
    computed = part.output[step_order(part, level)]
    is_node = root == np.arange(design.signals)
    is_node[computed] = False
    in_order = np.concatenate([np.flatnonzero(is_node), computed])
    node = np.full(design.signals, -1)
    node[in_order] = np.arange(len(in_order))
    node = node[root]
    nodes = len(in_order)
    literal = np.stack([node + nodes * parity, node + nodes * (1 - parity)], axis=1).ravel()

    def capture(event: int) -> Capture:
        members = np.flatnonzero(flop_event == event)
        if not len(members):
            return Capture(None, members, members)
        members = members[step_order(next_states.subset(members), np.zeros_like(members))]
        step = make_step(next_states, members, literal)
        return Capture(step, node[next_states.output[members]], literal[flop_clock[members]])

    def phase(event: int) -> Phase:
        part, level = levelled[event]
        steps: list[tuple[Step, slice | Ints]] = []
        for members in _by_level(part, level):
            outputs = node[part.output[members]]
            inside = slice(int(outputs[0]), int(outputs[-1]) + 1)
            steps.append((make_step(part, members, literal), outputs if event else inside))
        changing = np.ones(nodes, bool)
        if event == LOW:
            changing[:] = False
            changing[node[np.flatnonzero(touched)]] = True
        return Phase(capture(event), steps, np.flatnonzero(changing))

    latch_gates = gates_of(design.gate_latches)
    gate_latches = None
    if len(latch_gates.output):
        members = step_order(latch_gates, np.zeros_like(latch_gates.output))
        step = make_step(latch_gates, members, literal)
        gate_latches = (step, node[latch_gates.output[members]])
    nets = np.arange(netlist.nets) + 1
    state, clear, preset, cells = asynchronous
    return Program(
        netlist,
        clocks,
        nodes,
        node[nets],
        parity[nets].astype(bool),
        node[ports],
        (phase(HIGH), phase(LOW)),
        gate_latches,
        [
            (make_step(clock_gates, members, literal), node[clock_gates.output[members]])
            for members in _by_level(clock_gates, clock_level)
        ],
        node[state],
        literal[2 * clear],
        literal[2 * preset],
        cells,
    )


def _by_level(gates: Gates, level: Ints) -> list[Ints]:
    order = step_order(gates, level)
    cuts = np.flatnonzero(np.diff(level[order])) + 1
    return [part for part in np.split(order, cuts) if len(part)]


def _join(rows: Sequence[tuple[Ints, ...]], columns: int) -> list[Ints]:
    empty = np.zeros(0, dtype=np.int64)
    return [np.concatenate([empty, *(row[k] for row in rows)]) for k in range(columns)]


def _possible_values(design: _Design, clock_gates: Gates, level: Ints, ports: Ints) -> Bools:
    """Whether a signal can have a value in a phase, shape (phases, values, signals).

    Known of clocks only: a gated clock rests at one level in one of the phases.
    """
    possible = np.ones((2, 2, design.signals), dtype=bool)
    possible[HIGH, 0, ports] = possible[LOW, 1, ports] = False
    # A clock gate is an AND of its clock and its latch, or, inverted, of their complements.
    is_clock = np.ones(design.signals, dtype=bool)
    is_clock[np.concatenate([ports * 0, *(item.output for item in design.gate_latches)])] = False
    for members in _by_level(clock_gates, level):
        for gate in members:
            literals = clock_gates.literal[clock_gates.gate == gate].ravel()
            clock = next(int(item) for item in literals if item >= 0 and is_clock[item >> 1])
            needs = 1 - (clock & 1)
            result = int(not clock_gates.invert[gate])
            output = clock_gates.output[gate]
            possible[:, result, output] = possible[:, needs, clock >> 1]
    return possible


def _may_open(design: _Design, possible: Bools, root: Ints, parity: Ints) -> Bools:
    """Whether each latch can be transparent in each phase, shape (phases, latches)."""
    found = [np.zeros((2, 0), dtype=bool)]
    for function in design.latch_enables:
        opens = np.zeros((2, len(function.output)), dtype=bool)
        signal = function.inputs
        for pattern, is_open in enumerate(function.table):
            if is_open:
                able = np.ones(opens.shape, dtype=bool)
                for k in range(signal.shape[1]):
                    level = ((pattern >> k) & 1) ^ parity[signal[:, k]]
                    able &= possible[:, level, root[signal[:, k]]]
                opens |= able
        found.append(opens)
    return np.concatenate(found, axis=1)


def _flop_events(design: _Design, clocks: ClockNetwork) -> tuple[Ints, Ints]:
    """Edge at which each flip-flop takes data (-1: never), and the literal that rises then."""
    events, literals = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    phase = np.concatenate([[-1], clocks.net_phase])
    for function in design.flop_clocks:
        width = function.inputs.shape[1]
        if width > 1:
            name = design.netlist.known_name(int(function.cell[0]))
            raise NetlistError(f"register '{name}' is clocked by more than one signal")
        signal = function.inputs[:, 0] if width else np.zeros(len(function.output), dtype=np.int64)
        inverted = int(function.table[0])
        signal_phase = phase[np.where(signal < len(phase), signal, 0)]
        events.append(np.where(signal_phase < 0, -1, signal_phase ^ inverted))
        literals.append(2 * signal + inverted)
    return np.concatenate(events), np.concatenate(literals)


def _spread(
    gates: Gates, members: Ints, touched: Bools, root: Ints, asynchronous: Sequence[Ints]
) -> Ints:
    """Mark in `touched` all that follows from it; return the gates among `members` that do."""
    state, clear, preset, _ = asynchronous
    allowed = np.zeros(len(gates.output), dtype=bool)
    allowed[members] = True
    signal, target = gates.edges()
    signal, target = signal[allowed[target]], target[allowed[target]]
    before = -1
    while (now := int(np.count_nonzero(touched))) != before:
        before = now
        touched[gates.output[target[touched[signal]]]] = True
        touched[state[touched[root[clear]] | touched[root[preset]]]] = True
    return np.unique(target[touched[signal]])


def _describe_loop(netlist: Netlist, gates: Gates, level: Ints, signals: int) -> str:
    """Name one loop, by walking back from a gate that waits for itself."""
    driver = np.full(signals, -1)
    driver[gates.output] = np.arange(len(gates.output))
    signal, target = gates.edges()
    source = driver[signal]
    stuck = (source >= 0) & (source != target)
    stuck &= (level[source] < 0) & (level[target] < 0)
    came_from = dict(zip(target[stuck].tolist(), source[stuck].tolist(), strict=True))
    gate = next(iter(came_from))
    seen: list[int] = []
    while gate not in seen:
        seen.append(gate)
        gate = came_from[gate]
    return netlist.describe_loop([int(gates.cell[item]) for item in seen[seen.index(gate) :]])
