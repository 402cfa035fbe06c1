"""Measures flip-flops, latches and clock gates: clock to output, set and reset, pin energy.

Every transient starts from a prepared state (see `storage`). What an edge takes when it moves no
output counts as energy of its pin; an arc has what the output's edge takes beyond that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voltile.core import VoltileError
from voltile.pdk.characterization.bench import Event, Stimulus
from voltile.pdk.characterization.edges import EdgeView
from voltile.pdk.characterization.measurement import (
    ArcKind,
    ArcMeasurement,
    Edge,
    PinMeasurement,
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
from voltile.pdk.library import SequentialKind

_FIRST_WAIT, _STRETCH, _STRETCHES, _RESERVE = 5e-9, 4.0, 8, 1.5

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Move:
    """One input edge, from a state to a state."""

    before: State
    pin: str
    value: int
    after: State


def moves_of(storage: Storage) -> list[Move]:
    """Every input edge from every state."""
    return [
        Move(state, pin, 1 - storage.levels(state)[pin], after)
        for state in storage.states
        for pin in storage.cell.inputs
        if (after := storage.step(state, pin)) is not None
    ]


def moved(storage: Storage, move: Move) -> dict[str, int]:
    """Outputs that an edge moves, and their values after it."""
    before, after = storage.outputs(move.before), storage.outputs(move.after)
    return {name: value for name, value in after.items() if value != before[name]}


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
            trials = [(move.before, self._stimulus(move, point, wait)) for move, point in left]
            again = []
            for key, (_, stimulus), wave in zip(
                left, trials, self.storage.simulate(trials), strict=True
            ):
                move, point = key
                rest = self.storage.rest
                start, end = rest[move.before], rest[move.after]
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
        event = Event(move.pin, move.value, RAMP * slew, slew)
        loads = dict.fromkeys(self.storage.cell.functions, load)
        stop = 1.5 * RAMP * slew + wait * part
        return Stimulus(self.storage.levels(move.before), [event], loads, stop, {move.pin: ratio})

    def _has_settled(self, view: EdgeView, move: Move) -> bool:
        vdd = self.storage.bench.vdd
        return all(
            is_settled(view.wave.time, view.wave.voltage(name), view.end, vdd * value, vdd)
            for name, value in self.storage.outputs(move.after).items()
        )


def settled_wait(storage: Storage, moves: Sequence[Move], largest_load: float) -> float:
    """Time to settle after the middle of an edge at the largest load [s]."""
    runs, point = Moves(storage, _FIRST_WAIT), (_FIRST_WAIT / 100, largest_load, 1.0)
    runs.simulate(moves, [point])
    longest = 0.0
    for move in moves:
        view = runs[move, point]
        for output in moved(storage, move):
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
    moving: dict[tuple[str, str, Edge, Edge], Move] = {}
    for move in every:
        for output, value in moved(storage, move).items():
            moving.setdefault((move.pin, output, _edge(move.value), _edge(value)), move)
    measured = list(dict.fromkeys(moving.values()))
    runs = Moves(storage, settled_wait(storage, measured, largest_load), largest_load)
    runs.simulate(measured, [(slew, load, 1.0) for slew in slews for load in loads])
    quiet = [move for move in every if not moved(storage, move)]
    quiet_slews = slews[::2]
    runs.simulate(quiet, [(slew, loads[0], 1.0) for slew in quiet_slews])
    pins = tuple(
        _pin(runs, quiet, settings.slews, quiet_slews, loads[0], pin) for pin in storage.cell.inputs
    )
    alone = {item.pin: item for item in pins}
    low = [(slews[1], loads[len(loads) // 2], ratio) for ratio in (1.0, *settings.ratios)]
    transparent = [move for (pin, *_), move in moving.items() if pin in storage.pins.data]
    runs.simulate(transparent, low)
    arcs = []
    for (pin, output, input_edge, output_edge), move in sorted(moving.items()):
        energies = alone[pin].energy_rise if input_edge is Edge.RISE else alone[pin].energy_fall
        delay, slew, energy = [], [], []
        ends = moved(storage, move)
        for row, input_slew in enumerate(slews):
            views = [runs[move, (input_slew, load, 1.0)] for load in loads]
            delay.append(tuple(view.delay(output) for view in views))
            slew.append(tuple(view.slew(output) for view in views))
            beyond = energies[row]
            energy.append(
                tuple(
                    (view.energy(load * sum(ends.values())) - beyond) / len(ends)
                    for view, load in zip(views, loads, strict=True)
                )
            )
        factors = _low_factors(runs, move, output, low) if pin in storage.pins.data else ((), ())
        arcs.append(
            ArcMeasurement(
                pin, output, _kind(storage, pin, input_edge, output_edge), input_edge, output_edge,
                "", tuple(delay), tuple(slew), tuple(energy), *factors,
            )
        )  # fmt: skip
    return tuple(arcs), pins, runs.wait


def _edge(value: int) -> Edge:
    return Edge.RISE if value else Edge.FALL


def _kind(storage: Storage, pin: str, input_edge: Edge, output_edge: Edge) -> ArcKind:
    pins = storage.pins
    if pins.clear and pin == pins.clear[0] and input_edge is _edge(pins.clear[1]):
        return ArcKind.CLEAR
    if pins.preset and pin == pins.preset[0] and input_edge is _edge(pins.preset[1]):
        return ArcKind.PRESET
    if pin == pins.clock and storage.kind is not SequentialKind.CLOCK_GATE:
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
    runs: Moves,
    quiet: Sequence[Move],
    slews: Sequence[float],
    measured: Sequence[float],
    load: float,
    pin: str,
) -> PinMeasurement:
    """Mean over the states in which the pin moves no output; between measured slews, linear."""
    points = [(slew, load, 1.0) for slew in measured]
    middle = points[len(points) // 2]
    energies: list[tuple[float, ...]] = []
    capacitances: list[float] = []
    for edge in Edge:
        moves = [move for move in quiet if move.pin == pin and _edge(move.value) is edge]
        if not moves:
            raise VoltileError(
                f"cell {runs.storage.cell.name}: every edge of pin {pin} moves an output"
            )
        mean = [sum(runs[move, at].energy() for move in moves) / len(moves) for at in points]
        energies.append(tuple(float(value) for value in np.interp(slews, measured, mean)))
        capacitances.append(sum(runs[move, middle].capacitance() for move in moves) / len(moves))
    return PinMeasurement(pin, capacitances[0], capacitances[1], energies[0], energies[1])
