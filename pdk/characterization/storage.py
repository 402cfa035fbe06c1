"""Puts sequential cells into a state: which states there are, and the node voltages of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from voltile.core import TechnologyError
from voltile.pdk.characterization.bench import Bench, Event, Stimulus
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.ngspice import (
    TRANSIENT_OPTIONS,
    NoConvergence,
    Waveforms,
)
from voltile.pdk.library import SequentialKind
from voltile.pdk.logic import Expression, evaluate, parse_expression, variables

# Time between two steps of a preparation, far longer than any cell takes, and slew [s].
_STEP, _SLEW = 100e-9, 50e-12
_TRIES = 4


@dataclass(frozen=True)
class State:
    """Values of the inputs, in their order, and the stored bit."""

    inputs: tuple[int, ...]
    stored: int


@dataclass(frozen=True)
class Pins:
    """Roles of the inputs of a sequential cell.

    Attributes
    ----------
    clock, active : str, int
        Clock or enable, and the level that loads a latch, or that the active edge leads to.
    clear, preset : (str, int) or None
        Pin, and the level at which it acts.
    data : tuple of str
        All others.
    """

    clock: str
    active: int
    clear: tuple[str, int] | None
    preset: tuple[str, int] | None
    data: tuple[str, ...]


def pins_of(cell: Cell) -> Pins:
    """Return the roles of the inputs.

    Raises
    ------
    TechnologyError
        When clock, clear or preset is not one pin or its complement.
    """
    storage = cell.storage
    assert storage is not None
    clock, active = _literal(cell, "clock", storage.clock)
    # A clock gate's latch is open before the active edge, which falls for the negative-edge kind.
    if not storage.active_high:
        active = 1 - active
    clear = _literal(cell, "clear", storage.clear) if storage.clear else None
    preset = _literal(cell, "preset", storage.preset) if storage.preset else None
    roles = {clock, *(pin for pin, _ in (item for item in (clear, preset) if item))}
    return Pins(clock, active, clear, preset, tuple(p for p in cell.inputs if p not in roles))


def _literal(cell: Cell, role: str, text: str) -> tuple[str, int]:
    expression = parse_expression(text)
    if expression[0] == "var":
        return expression[1], 1
    if expression[0] == "not" and expression[1][0] == "var":
        return expression[1][1], 0
    raise TechnologyError(f"cell {cell.name}: its {role} '{text}' is not one pin or its complement")


class Storage:
    """The states of a sequential cell on a bench, each prepared once."""

    def __init__(self, bench: Bench) -> None:
        cell = bench.cell
        assert cell.storage is not None
        self.bench, self.cell, self.pins = bench, cell, pins_of(cell)
        self.kind, self._named = cell.storage.kind, cell.storage.named
        self._data: Expression = parse_expression(cell.storage.data)
        unknown = set(variables(self._data)) - {*cell.inputs, *self._named(0)}
        if unknown:
            raise TechnologyError(f"cell {cell.name}: '{cell.storage.data}' names no input")
        self.states = self._stable_states()
        self.nodes = self._prepare()
        self.rest = {
            state: bench.rest([self.levels(state)], self.nodes[state])[0] for state in self.states
        }

    def levels(self, state: State) -> dict[str, int]:
        """Value of each input."""
        return dict(zip(self.cell.inputs, state.inputs, strict=True))

    def loaded(self, values: Mapping[str, int], stored: int) -> int:
        """Return the bit that the data inputs offer."""
        return int(evaluate(self._data, {**values, **self._named(stored)}, 1))

    def is_open(self, values: Mapping[str, int]) -> bool:
        """Whether the latch, or the first latch of a flip-flop, follows its data."""
        at_active = values[self.pins.clock] == self.pins.active
        return at_active if self.kind is SequentialKind.LATCH else not at_active

    def step(self, state: State, pin: str) -> State | None:
        """Return the state after an edge of an input; None where it forces both values."""
        before = self.levels(state)
        after = {**before, pin: 1 - before[pin]}
        inputs = tuple(after[name] for name in self.cell.inputs)
        reached = [item.stored for item in self.states if item.inputs == inputs]
        if not reached:
            return None
        stored = state.stored
        if self.kind is SequentialKind.FLIP_FLOP and pin == self.pins.clock:
            if after[pin] == self.pins.active:
                stored = self.loaded(before, stored)
        return State(inputs, stored if stored in reached else reached[0])

    def outputs(self, state: State) -> dict[str, int]:
        """Value of every output."""
        known = {**self.levels(state), **self._named(state.stored)}
        return {
            name: int(evaluate(parse_expression(function), known, 1))
            for name, function in self.cell.functions.items()
        }

    def _stable_states(self) -> tuple[State, ...]:
        found = []
        for inputs in product((0, 1), repeat=len(self.cell.inputs)):
            values = dict(zip(self.cell.inputs, inputs, strict=True))
            for stored in (0, 1):
                cleared, is_set = (
                    role is not None and values[role[0]] == role[1]
                    for role in (self.pins.clear, self.pins.preset)
                )
                if cleared and is_set:
                    continue
                forced = 0 if cleared else 1 if is_set else None
                follows = self.kind is not SequentialKind.FLIP_FLOP and self.is_open(values)
                if forced is None and follows:
                    forced = self.loaded(values, stored)
                if forced is None or forced == stored:
                    found.append(State(inputs, stored))
        return tuple(found)

    def _prepare(self) -> dict[State, dict[str, float]]:
        """Node voltages of every state, from a transient that leads into it."""
        wait = _STEP
        for _ in range(_TRIES):
            stimuli = [self._lead_into(state, wait) for state in self.states]
            waves = self.bench.transients(stimuli, save_all=True)
            wrong = [
                state
                for state, wave in zip(self.states, waves, strict=True)
                if not self._is_in(state, wave)
            ]
            if not wrong:
                return {
                    state: _last_voltages(wave)
                    for state, wave in zip(self.states, waves, strict=True)
                }
            wait *= 4
        shown = ", ".join(f"{pin}={value}" for pin, value in self.levels(wrong[0]).items())
        raise NoConvergence(
            f"cell {self.cell.name} does not take the bit {wrong[0].stored} with {shown}"
        )

    def _lead_into(self, state: State, wait: float) -> Stimulus:
        pins, target = self.pins, self.levels(state)
        calm = {pin: 1 - level for pin, level in filter(None, (pins.clear, pins.preset))}
        start = {**self._loading(state.stored), **calm, pins.clock: 1 - pins.active}
        steps: list[tuple[str, int]] = []
        if self.kind is SequentialKind.CLOCK_GATE:
            start[pins.clock] = 1 - pins.active
            steps.append((pins.clock, target[pins.clock]))
        else:
            steps.append((pins.clock, pins.active))
            if target[pins.clock] != pins.active:
                steps.append((pins.clock, target[pins.clock]))
        steps += [(pin, target[pin]) for pin in (*pins.data, *calm)]
        now, events = dict(start), []
        for number, (pin, value) in enumerate(steps):
            if now[pin] != value:
                events.append(Event(pin, value, (number + 1) * wait, _SLEW))
                now[pin] = value
        loads = dict.fromkeys(self.cell.functions, 1e-15)
        return Stimulus(start, events, loads, (len(steps) + 2) * wait, {})

    def _loading(self, bit: int) -> dict[str, int]:
        """Data inputs that load a bit whatever is stored."""
        for values in product((0, 1), repeat=len(self.pins.data)):
            data = dict(zip(self.pins.data, values, strict=True))
            full = {**dict.fromkeys(self.cell.inputs, 0), **data}
            if all(self.loaded(full, stored) == bit for stored in (0, 1)):
                return data
        raise TechnologyError(f"cell {self.cell.name} can never load {bit}")

    def _is_in(self, state: State, wave: Waveforms) -> bool:
        return all(
            abs(wave.voltage(name)[-1] / self.bench.vdd - value) < 0.1
            for name, value in self.outputs(state).items()
        )

    def simulate(
        self, trials: Sequence[tuple[State, Stimulus]], options: str = TRANSIENT_OPTIONS
    ) -> list[Waveforms]:
        """Run transients, each from its state."""
        found: dict[int, Waveforms] = {}
        for state in dict.fromkeys(state for state, _ in trials):
            mine = [number for number, (start, _) in enumerate(trials) if start == state]
            stimuli = [trials[number][1] for number in mine]
            waves = self.bench.transients(stimuli, self.nodes[state], options=options)
            found.update(zip(mine, waves, strict=True))
        return [found[number] for number in range(len(trials))]


def _last_voltages(wave: Waveforms) -> dict[str, float]:
    """Node voltages at the end, without those of the charge integrators."""
    return {
        name[2:-1]: float(values[-1])
        for name, values in wave.vectors.items()
        if name.startswith("v(") and not name.startswith("v(q_") and "." not in name
    }
