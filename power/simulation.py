"""Cycle-based simulation of a mapped netlist, 64 independent streams to a word.

Each cycle has two settled states: after the rising edge of the clock ports, when registers have
taken their data and the inputs of the cycle are there, and after the falling edge. Delays are zero:
what switches more than once within a phase before it settles (glitches) is not seen, so that toggle
rates of deep logic such as multipliers are lower than in the real circuit. All clock ports run at
the same period with half a period high. Every register starts at 0; there is no unknown value.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError, VoltileError
from voltile.power.activity import Activity
from voltile.power.program import HIGH, LOW, Capture, Phase, Program
from voltile.power.steps import ALL_ONES, Ints, Words
from voltile.power.stimulus import Stimulus, data_inputs

# Rounds in which asynchronous clears and presets must come to rest.
_MAX_ROUNDS = 64
# Cycles that a 16-bit counter of at most 64 events a cycle holds.
_FOLD_CYCLES = 1000


@dataclass(frozen=True)
class _State:
    """All nodes: `rows` of shape (2, nodes, words), `literals` the same as (2 * nodes, words)."""

    rows: Words
    literals: Words

    def write(self, nodes: "Ints | slice", values: Words) -> None:
        self.rows[0, nodes] = values
        if isinstance(nodes, slice):
            np.invert(values, out=self.rows[1, nodes])
        else:
            self.rows[1, nodes] = ~values


def simulate(
    program: Program,
    stimulus: Stimulus,
    warmup: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Activity:
    """Return the switching activity of every net under a stimulus.

    Parameters
    ----------
    warmup : int, optional
        Cycles before counting begins, at least 1; by default what the stimulus asks for.
    progress : callable, optional
        Called with the number of each cycle that is done.

    Raises
    ------
    VoltileError
        When the stimulus does not fit the netlist or has no cycle after the warm-up.
    NetlistError
        When asynchronous clears and presets do not settle.
    """
    skipped = max(1, stimulus.warmup if warmup is None else warmup)
    counted = stimulus.cycles - skipped
    if counted < 1:
        raise VoltileError(
            f"stimulus '{stimulus.name}' has {stimulus.cycles} cycles, which leaves none after "
            f"{skipped} cycles of warm-up"
        )
    counter = _Counter(program, stimulus.lanes)
    for cycle, phase, state in _run(program, stimulus):
        if cycle >= skipped:
            counter.count(state, phase)
        if phase == HIGH:
            continue
        if cycle == skipped - 1:
            counter.start(state)
        elif cycle == skipped + counted // 2 - 1:
            counter.halve()
        if progress is not None:
            progress(cycle + 1)
    return counter.activity(counted, stimulus)


def observe(program: Program, stimulus: Stimulus, nets: Ints | None = None) -> NDArray[np.bool_]:
    """Return values at the end of each cycle: what the next rising edge would take.

    Parameters
    ----------
    nets : ndarray of int, optional
        By default the nets of all output port bits, in netlist order.

    Returns
    -------
    ndarray of bool, shape (cycles, lanes, nets)
    """
    if nets is None:
        nets = program.netlist.port_net[~program.netlist.port_is_input]
    literal = program.net_node[nets] + program.nodes * program.net_inverted[nets]
    result = np.zeros((stimulus.cycles, stimulus.lanes, len(nets)), dtype=bool)
    for cycle, phase, state in _run(program, stimulus):
        if phase == LOW:
            words = np.ascontiguousarray(state.literals[literal].astype("<u8"))
            bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
            result[cycle] = bits[:, : stimulus.lanes].T
    return result


def _run(program: Program, stimulus: Stimulus) -> Iterator[tuple[int, int, _State]]:
    """Yield (cycle, phase, state) at every settled state; it is the same object each time."""
    inputs = _input_nodes(program, stimulus)
    rows = np.zeros((2, program.nodes, stimulus.words), dtype=np.uint64)
    rows[1] = ALL_ONES
    state = _State(rows, rows.reshape(2 * program.nodes, stimulus.words))
    high, low = program.phases
    for cycle, words in enumerate(stimulus.blocks()):
        if cycle:
            _edge(program, high.capture, state, ALL_ONES)
        else:  # the clock has been low for ever
            _edge(program, None, state, np.uint64(0))
        state.write(inputs, words)
        _settle(program, high, state)
        if cycle:
            yield cycle, HIGH, state
            _edge(program, low.capture, state, np.uint64(0))
        _settle(program, low, state)
        yield cycle, LOW, state


def _input_nodes(program: Program, stimulus: Stimulus) -> Ints:
    netlist = program.netlist
    nets = dict(zip(netlist.port_name, netlist.port_net, strict=True))
    wanted, given = set(data_inputs(netlist, program.clocks)), set(stimulus.ports)
    for fault, names in (
        (f"has no values for input port '{{}}' of {netlist.name}", wanted - given),
        (f"has values for '{{}}', which is no data input of {netlist.name}", given - wanted),
    ):
        if names:
            raise VoltileError(f"stimulus '{stimulus.name}' " + fault.format(min(names)))
    return program.net_node[np.array([nets[name] for name in stimulus.ports], dtype=np.int64)]


def _edge(program: Program, capture: Capture | None, state: _State, clock: np.uint64) -> None:
    """Move the clock ports to a level, and what they clock."""
    following = rising = None
    if capture is not None and capture.step is not None:
        following = capture.step.evaluate(state.literals)
        rising = ~state.literals.take(capture.clock, axis=0)
    if program.gate_latches is not None:
        step, nodes = program.gate_latches
        state.write(nodes, step.evaluate(state.literals))
    state.write(program.roots, np.full((len(program.roots), 1), clock))
    for step, nodes in program.clock_steps:
        state.write(nodes, step.evaluate(state.literals))
    if capture is not None and following is not None and rising is not None:
        rising &= state.literals.take(capture.clock, axis=0)
        held = state.rows[0].take(capture.node, axis=0)
        following ^= held
        following &= rising
        following ^= held
        state.write(capture.node, following)


def _settle(program: Program, phase: Phase, state: _State) -> None:
    for _ in range(_MAX_ROUNDS):
        for step, nodes in phase.steps:
            state.write(nodes, step.evaluate(state.literals))
        changed = _apply_asynchronous(program, state)
        if not len(changed):
            return
    cell = program.netlist.known_name(int(program.state_cell[changed[0]]))
    raise NetlistError(
        f"{program.netlist.name}: the asynchronous clear or preset of register '{cell}' depends on "
        f"the register and does not settle"
    )


def _apply_asynchronous(program: Program, state: _State) -> Ints:
    """Clear and preset registers; return which of `program.state` changed."""
    if not state.literals.take(program.asynchronous_literals, axis=0).any():
        return program.state[:0]
    held = state.rows[0].take(program.state, axis=0)
    value = held | state.literals.take(program.preset, axis=0)
    value &= ~state.literals.take(program.clear, axis=0)
    changed = np.flatnonzero((value != held).any(axis=1))
    if len(changed):
        state.write(program.state, value)
    return changed


class _Counter:
    """Counts ones and toggles of every node, over settled states."""

    def __init__(self, program: Program, lanes: int) -> None:
        self.program = program
        words = -(-lanes // 64)
        # Streams that fill up the last word are not counted.
        self.mask = np.full(words, ALL_ONES)
        if lanes % 64:
            self.mask[-1] = np.uint64((1 << lanes % 64) - 1)
        self.full = lanes % 64 == 0
        shape = (program.nodes, words)
        self.before = np.zeros(shape, dtype=np.uint64)
        # Order: toggles, ones in the high phase; the low phase repeats it but for what it touches.
        self.toggles = np.zeros(shape, dtype=np.uint16)
        self.ones = np.zeros(shape, dtype=np.uint16)
        self.low = program.phases[LOW].touched
        self.low_toggles = np.zeros((len(self.low), words), dtype=np.uint16)
        self.low_ones = np.zeros((len(self.low), words), dtype=np.uint16)
        self.totals = np.zeros((2, program.nodes), dtype=np.int64)
        self.first_half = 0
        self.pending = 0

    def start(self, state: _State) -> None:
        """Take the state from which the first toggles are counted."""
        np.copyto(self.before, state.rows[0])

    def count(self, state: _State, phase: int) -> None:
        """Count a settled state."""
        now = state.rows[0]
        if phase == HIGH:
            self.before ^= now
            self.toggles += self._bits(self.before)
            self.ones += self._bits(now)
            np.copyto(self.before, now)
            return
        part = now.take(self.low, axis=0)
        self.low_toggles += self._bits(self.before.take(self.low, axis=0) ^ part)
        self.low_ones += self._bits(part)
        self.before[self.low] = part
        self.pending += 1
        if self.pending == _FOLD_CYCLES:
            self.fold()

    def _bits(self, words: Words) -> NDArray[np.uint8]:
        return np.bitwise_count(words if self.full else words & self.mask)

    def fold(self) -> None:
        """Add the small counters to the totals."""
        toggles, ones = (item.sum(axis=1, dtype=np.int64) for item in (self.toggles, self.ones))
        toggles[self.low] += self.low_toggles.sum(axis=1, dtype=np.int64)
        low_ones = ones.copy()
        low_ones[self.low] = self.low_ones.sum(axis=1, dtype=np.int64)
        self.totals[0] += toggles
        self.totals[1] += ones + low_ones
        for item in (self.toggles, self.ones, self.low_toggles, self.low_ones):
            item[:] = 0
        self.pending = 0

    def halve(self) -> None:
        """Note the toggles of the first half."""
        self.fold()
        self.first_half = int(self.net_toggles().sum())

    def net_toggles(self) -> Ints:
        """Toggles of each net so far."""
        toggles: Ints = self.totals[0].take(self.program.net_node)
        return toggles

    def activity(self, cycles: int, stimulus: Stimulus) -> Activity:
        """Return rates over `cycles` counted cycles."""
        self.fold()
        samples = cycles * stimulus.lanes
        ones = self.totals[1, self.program.net_node] / (2 * samples)
        toggles = self.net_toggles()
        half = cycles // 2
        first = self.first_half / half if half else float(toggles.sum())
        second = (int(toggles.sum()) - self.first_half) / (cycles - half)
        total = first + second
        return Activity(
            static_probability=np.where(self.program.net_inverted, 1 - ones, ones),
            toggle_rate=toggles / samples,
            cycles=cycles,
            lanes=stimulus.lanes,
            source=stimulus.description,
            drift=abs(second - first) / (total / 2) if half and total else 0.0,
        )
