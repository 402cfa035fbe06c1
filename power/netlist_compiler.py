"""From a mapped netlist to the program that simulates it: aliases, levels, phases of the clock."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from voltile.core import NetlistError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import Netlist
from voltile.power.cell_functions import CellFunctions, cell_functions
from voltile.power.program import HIGH, LOW, Capture, Phase, Program
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

_CONSTANT = 0


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
    design = cell_functions(netlist)
    root, parity = _resolve_aliases(design)
    return _assemble(design, clocks, root, parity)


def _resolve_aliases(design: CellFunctions) -> tuple[Ints, Ints]:
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


def _assemble(design: CellFunctions, clocks: ClockNetwork, root: Ints, parity: Ints) -> Program:
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


def _possible_values(design: CellFunctions, clock_gates: Gates, level: Ints, ports: Ints) -> Bools:
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


def _may_open(design: CellFunctions, possible: Bools, root: Ints, parity: Ints) -> Bools:
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


def _flop_events(design: CellFunctions, clocks: ClockNetwork) -> tuple[Ints, Ints]:
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
