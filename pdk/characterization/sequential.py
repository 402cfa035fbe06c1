"""Measures flip-flops, latches and clock gates: clock to output, set and reset, pin energy.

Every transient starts from a prepared state (see `storage`). What an edge takes when it moves no
output counts as energy of its pin; an arc has what the output's edge takes beyond that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voltile.core import VoltileError
from voltile.pdk.characterization.bench import Event, Stimulus
from voltile.pdk.characterization.cell import StorageKind
from voltile.pdk.characterization.edges import EdgeView
from voltile.pdk.characterization.measurement import (
    ArcKind,
    ArcMeasurement,
    Edge,
    PinMeasurement,
    Table,
)
from voltile.pdk.characterization.ngspice import NoConvergence
from voltile.pdk.characterization.plan import Settings
from voltile.pdk.characterization.storage import State, Storage
from voltile.pdk.characterization.waveforms import (
    RAMP,
    NoCrossing,
    is_settled,
    settling_time,
)

_FIRST_WAIT, _STRETCH, _STRETCHES, _RESERVE = 5e-9, 4.0, 8, 1.5

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Move:
    """One input edge from a state, and the bit that is stored after it."""

    state: State
    pin: str
    stored: int

    def value(self, storage: Storage) -> int:
        """Level that the pin goes to."""
        return 1 - storage.levels(self.state)[self.pin]

    def after(self, storage: Storage) -> State:
        """State that the edge leads to."""
        values = {**storage.levels(self.state), self.pin: self.value(storage)}
        return State(tuple(values[pin] for pin in storage.cell.inputs), self.stored)


def moves_of(storage: Storage) -> list[Move]:
    """Every input edge from every state, with what it does to the stored bit."""
    found = []
    for state in storage.states:
        values = storage.levels(state)
        for pin in storage.cell.inputs:
            after = {**values, pin: 1 - values[pin]}
            inputs = tuple(after[name] for name in storage.cell.inputs)
            reached = [item.stored for item in storage.states if item.inputs == inputs]
            if not reached:
                continue
            fires = (
                storage.kind is StorageKind.FLIP_FLOP
                and pin == storage.pins.clock
                and after[pin] == storage.pins.active
                and len(reached) == 2
            )
            if fires:
                stored = storage.loaded(values, state.stored)
            else:
                stored = state.stored if state.stored in reached else reached[0]
            found.append(Move(state, pin, stored))
    return found


class Moves:
    """Simulated input edges of a sequential cell at points (slew, load, ratio)."""

    def __init__(self, storage: Storage, wait: float = 0.0, largest: float = 0.0) -> None:
        self.storage, self.largest = storage, largest
        self.wait = wait
        self._views: dict[tuple[Move, Point], EdgeView] = {}

    def simulate(self, moves: Sequence[Move], points: Sequence[Point]) -> None:
        """Simulate every move at every point, each until the outputs have settled."""
        left = [(move, point) for move in moves for point in points]
        left = [key for key in left if key not in self._views]
        wait = self.wait
        for _ in range(_STRETCHES):
            trials = [(move.state, self._stimulus(move, point, wait)) for move, point in left]
            again = []
            for key, (_, stimulus), wave in zip(
                left, trials, self.storage.simulate(trials), strict=True
            ):
                move, point = key
                rest = self.storage.rest
                start, end = rest[move.state], rest[move.after(self.storage)]
                change = {name: end[name] - start[name] for name in start}
                view = EdgeView(self.storage.bench, wave, stimulus.events[0], stimulus.stop,
                                (dict.fromkeys(start, 0.0), change))  # fmt: skip
                if point[2] < 1 or self._has_settled(view, move):
                    self._views[key] = view
                else:
                    again.append(key)
            if not again:
                return
            left, wait = again, wait * _STRETCH
        raise NoConvergence(
            f"an output of {self.storage.cell.name} does not settle within {wait:.2g} s"
        )

    def __getitem__(self, key: tuple[Move, Point]) -> EdgeView:
        return self._views[key]

    def _stimulus(self, move: Move, point: Point, wait: float) -> Stimulus:
        slew, load, ratio = point
        part = 0.3 + 0.7 * load / self.largest if self.largest else 1.0
        event = Event(move.pin, move.value(self.storage), RAMP * slew, slew)
        loads = dict.fromkeys(self.storage.cell.functions, load)
        stop = 1.5 * RAMP * slew + wait * part
        return Stimulus(self.storage.levels(move.state), [event], loads, stop, {move.pin: ratio})

    def _has_settled(self, view: EdgeView, move: Move) -> bool:
        storage, after = self.storage, move.after(self.storage)
        values, vdd = storage.levels(after), storage.bench.vdd
        return all(
            is_settled(view.wave.time, view.wave.voltage(output), view.end,
                       vdd * storage.output(output, values, after.stored), vdd)
            for output in storage.cell.functions
        )  # fmt: skip

    def moved(self, move: Move, output: str) -> bool:
        """Whether an edge moves an output."""
        storage, after = self.storage, move.after(self.storage)
        before = storage.output(output, storage.levels(move.state), move.state.stored)
        return before != storage.output(output, storage.levels(after), after.stored)

    def any_moved(self, move: Move) -> bool:
        """Whether an edge moves any output."""
        return any(self.moved(move, output) for output in self.storage.cell.functions)


def settled_wait(storage: Storage, moves: Sequence[Move], largest_load: float) -> float:
    """Time to settle after the middle of an edge at the largest load [s]."""
    runs, point = Moves(storage, _FIRST_WAIT), (_FIRST_WAIT / 100, largest_load, 1.0)
    runs.simulate(moves, [point])
    longest = 0.0
    for move in moves:
        view = runs[move, point]
        for output in storage.cell.functions:
            if runs.moved(move, output):
                time, signal, _ = view.signal(output)
                vdd = storage.bench.vdd
                longest = max(longest, settling_time(time - view.event.at, signal, vdd))
    return _RESERVE * longest


def measure_sequential(
    storage: Storage, settings: Settings, largest_load: float
) -> tuple[tuple[ArcMeasurement, ...], tuple[PinMeasurement, ...], float]:
    """Measure every arc to an output, and every input pin.

    Of the states that give the same arc (data inputs that do not matter), the first is measured.

    Returns
    -------
    arcs, pins, wait
        And the time in which an output settles at the largest load [s].
    """
    slews, loads = settings.slews, [part * largest_load for part in settings.loads]
    every = moves_of(storage)
    plain = Moves(storage)
    moving = _representatives(storage, [move for move in every if plain.any_moved(move)])
    runs = Moves(storage, settled_wait(storage, list(moving.values()), largest_load), largest_load)
    points = [(slew, load, 1.0) for slew in slews for load in loads]
    quiet_points = [(slew, loads[0], 1.0) for slew in slews]
    runs.simulate(list(moving.values()), points)
    quiet = [move for move in every if not plain.any_moved(move)]
    runs.simulate(quiet, quiet_points)
    pins = tuple(_pin(storage, runs, every, quiet, quiet_points, pin) for pin in storage.cell.inputs)
    alone = {item.pin: item for item in pins}
    low = [(slews[1], loads[len(loads) // 2], ratio) for ratio in (1.0, *settings.ratios)]
    transparent = [move for (pin, *_), move in moving.items() if pin in storage.pins.data]
    runs.simulate(transparent, low)
    arcs = []
    for (pin, output, input_edge, output_edge), move in sorted(moving.items()):
        energies = alone[pin].energy_rise if input_edge is Edge.RISE else alone[pin].energy_fall
        delay: list[list[float]] = []
        slew: list[list[float]] = []
        energy: list[list[float]] = []
        moved = [name for name in storage.cell.functions if runs.moved(move, name)]
        for row, input_slew in enumerate(slews):
            views = [runs[move, (input_slew, load, 1.0)] for load in loads]
            delay.append([view.delay(output) for view in views])
            slew.append([view.slew(output) for view in views])
            energy.append(
                [
                    (view.energy(load * _rising(runs, move)) - (energies[row] if energies else 0.0))
                    / len(moved)
                    for view, load in zip(views, loads, strict=True)
                ]
            )
        factors = _low_factors(runs, move, output, low) if pin in storage.pins.data else ((), ())
        arcs.append(
            ArcMeasurement(
                pin, output, _kind(storage, pin, input_edge, output_edge), input_edge, output_edge,
                "", _table(delay), _table(slew), _table(energy), *factors,
            )
        )  # fmt: skip
    return tuple(arcs), pins, runs.wait


def _table(rows: Sequence[Sequence[float]]) -> Table:
    return tuple(tuple(row) for row in rows)


def _representatives(
    storage: Storage, moves: Sequence[Move]
) -> dict[tuple[str, str, Edge, Edge], Move]:
    """One move per arc: (pin, output, input edge, output edge)."""
    plain = Moves(storage)
    found: dict[tuple[str, str, Edge, Edge], Move] = {}
    for move in moves:
        after = move.after(storage)
        for output in storage.cell.functions:
            if plain.moved(move, output):
                up = storage.output(output, storage.levels(after), after.stored)
                edges = (_edge(move.value(storage)), _edge(up))
                found.setdefault((move.pin, output, *edges), move)
    return found


def _edge(value: int) -> Edge:
    return Edge.RISE if value else Edge.FALL


def _rising(runs: Moves, move: Move) -> int:
    storage, after = runs.storage, move.after(runs.storage)
    return sum(
        runs.moved(move, output) and storage.output(output, storage.levels(after), after.stored)
        for output in storage.cell.functions
    )


def _kind(storage: Storage, pin: str, input_edge: Edge, output_edge: Edge) -> ArcKind:
    pins = storage.pins
    if pins.clear and pin == pins.clear[0] and input_edge is _edge(pins.clear[1]):
        return ArcKind.CLEAR
    if pins.preset and pin == pins.preset[0] and input_edge is _edge(pins.preset[1]):
        return ArcKind.PRESET
    if pin == pins.clock and storage.kind is not StorageKind.CLOCK_GATE:
        return ArcKind.RISING_EDGE if input_edge is Edge.RISE else ArcKind.FALLING_EDGE
    return ArcKind.COMBINATIONAL


def _low_factors(
    runs: Moves, move: Move, output: str, points: Sequence[Point]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    full = runs[move, points[0]]
    delays, slews = [], []
    for point in points[1:]:
        try:
            delays.append(runs[move, point].delay(output) / full.delay(output))
            slews.append(runs[move, point].slew(output) / full.slew(output))
        except NoCrossing:
            delays.append(float("inf"))
            slews.append(float("inf"))
    return tuple(delays), tuple(slews)


def _pin(
    storage: Storage,
    runs: Moves,
    every: Sequence[Move],
    quiet: Sequence[Move],
    points: Sequence[Point],
    pin: str,
) -> PinMeasurement:
    """Mean over the states in which the pin moves no output."""
    values: Mapping[Edge, list[Move]] = {
        edge: [move for move in quiet if move.pin == pin and _edge(move.value(storage)) is edge]
        for edge in Edge
    }
    middle = points[len(points) // 2]
    energies, capacitances = [], []
    for edge in Edge:
        moves = values[edge]
        if not moves:
            raise VoltileError(f"cell {storage.cell.name}: pin {pin} always moves an output")
        energies.append(
            tuple(sum(runs[move, point].energy() for move in moves) / len(moves) for point in points)
        )
        capacitances.append(sum(runs[move, middle].capacitance() for move in moves) / len(moves))
    return PinMeasurement(pin, *capacitances, *energies)
