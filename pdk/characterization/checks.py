"""Measures constraints of sequential cells by bisection: setup, hold, recovery, pulse widths.

A constraint is about two edges whose order matters. It is met when the cell ends in the state that
logic gives for the wanted order, and, where an output moves, not more than 10 % later than with
ample time between the edges; where none is to move, when none comes 20 % off its rail. All searches
of a cell go on in step, so that one simulation run serves them all.

Over (clock slew, data slew) the middle row and the middle column are measured. Either slew shifts
its own edge, so that the other values are the sums of both shifts (within 2 % of the delay).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.characterization.bench import Event, Stimulus
from voltile.pdk.characterization.measurement import (
    CheckKind,
    CheckMeasurement,
    Edge,
    PinMeasurement,
)
from voltile.pdk.characterization.ngspice import CHECK_OPTIONS, Waveforms
from voltile.pdk.characterization.plan import Settings
from voltile.pdk.characterization.storage import State, Storage
from voltile.pdk.characterization.waveforms import MIDDLE, RAMP, NoCrossing, crossing
from voltile.pdk.library import SequentialKind

# Delay over that with ample time; distances from a rail over Vdd.
_LATER, _GLITCH, _SETTLED = 1.1, 0.2, 0.1
# Width at which a search ends, over the delay with ample time.
_RESOLUTION = 0.02
# How far from each other, over that delay, edges without ramps can still matter.
_REACH = 2.5


@dataclass(frozen=True)
class _Search:
    """Two edges: `still` has its time, `moving` comes `offset` later, or earlier where `before`.

    Attributes
    ----------
    timed : int or None
        Which of the edges, in their order, moves an output; None: neither.
    final : mapping of output to value
        After both.
    ratio : float
        Swing of the moving input over Vdd.
    """

    state: State
    still: Event
    moving: Event
    before: bool
    timed: int | None
    initial: Mapping[str, int]
    final: Mapping[str, int]
    ratio: float = 1.0

    def events(self, start: float, offset: float) -> tuple[Event, Event]:
        """Return both edges in the order that is wanted."""
        still = replace(self.still, at=start)
        moving = replace(self.moving, at=start - offset if self.before else start + offset)
        return (moving, still) if self.before else (still, moving)


def measure_checks(
    storage: Storage,
    settings: Settings,
    largest_load: float,
    pins: tuple[PinMeasurement, ...],
    wait: float,
) -> tuple[tuple[CheckMeasurement, ...], tuple[PinMeasurement, ...]]:
    """Measure every constraint, and put minimum pulse widths into the pins.

    Parameters
    ----------
    wait : float
        Time in which an output settles at the largest load [s].
    """
    slews = settings.check_slews
    middle = slews[len(slews) // 2]
    points = [
        (clock, data, 1.0) for clock, data in product(slews, slews) if middle in (clock, data)
    ]
    low = [(middle, middle, ratio) for ratio in settings.ratios]
    constraints = _constraints(storage)
    searches: dict[tuple[str, CheckKind, Edge, tuple[float, float, float]], _Search] = {}
    for key, search in constraints.items():
        is_setup = key[1] in (CheckKind.SETUP_RISING, CheckKind.SETUP_FALLING)
        for point in [*points, *(low if is_setup else [])]:
            clock, data, ratio = point
            searches[*key, point] = replace(
                search, ratio=ratio, still=replace(search.still, slew=clock),
                moving=replace(search.moving, slew=data),
            )  # fmt: skip
    pulses = _pulses(storage, settings.slews[1])
    load = settings.loads[1] * largest_load
    every = [*searches.values(), *pulses.values()]
    found = _bisect(storage, every, load, wait * (0.2 + 0.8 * settings.loads[1]))
    value = dict(zip(searches, found, strict=False))
    checks = []
    for pin, kind, edge in constraints:
        mine = {key[3]: offset for key, offset in value.items() if key[:3] == (pin, kind, edge)}
        typical = mine[middle, middle, 1.0]
        checks.append(
            CheckMeasurement(
                pin, storage.pins.clock, kind, edge,
                tuple(
                    tuple(
                        mine[clock, middle, 1.0] + mine[middle, data, 1.0] - typical
                        for data in slews
                    )
                    for clock in slews
                ),
                tuple(mine[point] - typical for point in low if point in mine),
            )
        )  # fmt: skip
    width = dict(zip(pulses, found[len(searches) :], strict=True))
    return tuple(checks), tuple(
        replace(
            pin, low_width=width.get((pin.pin, 0), 0.0), high_width=width.get((pin.pin, 1), 0.0)
        )
        for pin in pins
    )


def _constraints(storage: Storage) -> dict[tuple[str, CheckKind, Edge], _Search]:
    """Pairs of an input edge and the checking clock edge whose order matters, one for each check.

    Of several states the first is taken in which an output moves.
    """
    pins, found = storage.pins, dict[tuple[str, CheckKind, Edge], _Search]()
    # A latch is checked where it closes, everything else where the clock becomes active.
    after = 1 - pins.active if storage.kind is SequentialKind.LATCH else pins.active
    direction = "rising" if after else "falling"
    for state, pin in product(storage.states, storage.cell.inputs):
        levels = storage.levels(state)
        if pin == pins.clock or levels[pins.clock] == after:
            continue
        first, last = (_walk(storage, state, order) for order in
                       ((pin, pins.clock), (pins.clock, pin)))  # fmt: skip
        if first is None or last is None or first[-1].stored == last[-1].stored:
            continue
        names = ("setup", "hold") if pin in pins.data else ("recovery", "removal")
        value = 1 - levels[pin]
        for name, path, before in zip(names, (first, last), (True, False), strict=True):
            key = (pin, CheckKind(f"{name}_{direction}"), Edge.RISE if value else Edge.FALL)
            search = _search(storage, path, Event(pins.clock, after, 0.0, 0.0),
                             Event(pin, value, 0.0, 0.0), before)  # fmt: skip
            if key not in found or (found[key].timed is None and search.timed is not None):
                found[key] = search
    return found


def _pulses(storage: Storage, slew: float) -> dict[tuple[str, int], _Search]:
    """Pulses that change the stored bit, by pin and level of the pulse."""
    pins, found = storage.pins, dict[tuple[str, int], _Search]()
    acting = {pins.clock, *(role[0] for role in (pins.clear, pins.preset) if role)}
    for state, pin in product(storage.states, sorted(acting)):
        path, level = _walk(storage, state, (pin, pin)), 1 - storage.levels(state)[pin]
        if path is None or path[-1].stored == state.stored or (pin, level) in found:
            continue
        search = _search(storage, path, Event(pin, level, 0.0, slew),
                         Event(pin, 1 - level, 0.0, slew), before=False)  # fmt: skip
        if search.timed is not None:
            found[pin, level] = search
    return found


def _walk(storage: Storage, state: State, pins: tuple[str, str]) -> list[State] | None:
    """States before, between and after two edges; None where one of them is undefined."""
    between = storage.step(state, pins[0])
    end = between and storage.step(between, pins[1])
    return [state, between, end] if between and end else None


def _search(
    storage: Storage, path: list[State], still: Event, moving: Event, before: bool
) -> _Search:
    outputs = [storage.outputs(state) for state in path]
    moves = [number for number in (0, 1) if outputs[number] != outputs[number + 1]]
    return _Search(path[0], still, moving, before, moves[-1] if moves else None,
                   outputs[0], outputs[2])  # fmt: skip


def _bisect(storage: Storage, searches: list[_Search], load: float, wait: float) -> list[float]:
    """Smallest offset at which each search is met [s]; infinity where none is."""
    # Ample time, and when an edge whose place is not sought happens.
    ramps = np.array([0.5 * RAMP * (item.still.slew + item.moving.slew) for item in searches])
    ample, start = wait + float(ramps.max()), wait + 2 * float(ramps.max())
    slowest = np.array(_delays(storage, searches, [ample] * len(searches), load, wait, start))
    typical = float(np.nanmax(slowest))
    met = np.where(np.isnan(slowest), np.inf, ample)
    failed = -ramps - _REACH * typical
    left = np.flatnonzero(np.isfinite(met))
    probe = ramps + _REACH * typical
    while len(left):
        delays = np.array(
            _delays(storage, [searches[at] for at in left], probe[left], load, wait, start)
        )
        is_met = delays <= _LATER * slowest[left]
        met[left[is_met]] = probe[left[is_met]]
        failed[left[~is_met]] = probe[left[~is_met]]
        probe = 0.5 * (met + failed)
        left = left[met[left] - failed[left] > _RESOLUTION * typical]
    return [float(value) for value in met]


def _delays(
    storage: Storage,
    searches: list[_Search],
    offsets: Sequence[float] | NDArray[np.float64],
    load: float,
    wait: float,
    start: float,
) -> list[float]:
    """Delay of the slowest output [s]; 0 where all have to stay and do, NaN for a failure."""
    trials = []
    for search, offset in zip(searches, offsets, strict=True):
        events = search.events(start, offset)
        stop = max(event.at + RAMP * event.slew for event in events) + wait
        loads = dict.fromkeys(storage.cell.functions, load)
        ordered = tuple(sorted(events, key=lambda event: event.at))
        swing = {search.moving.pin: search.ratio}
        trials.append(
            (search.state, Stimulus(storage.levels(search.state), ordered, loads, stop, swing))
        )
    return [
        _delay(storage.bench.vdd, search, search.events(start, offset), wave)
        for search, offset, wave in zip(
            searches, offsets, storage.simulate(trials, CHECK_OPTIONS), strict=True
        )
    ]


def _delay(vdd: float, search: _Search, events: tuple[Event, Event], wave: Waveforms) -> float:
    slowest = 0.0
    for output, value in search.final.items():
        signal = wave.voltage(output)
        if abs(signal[-1] / vdd - value) > _SETTLED:
            return float("nan")
        if search.initial[output] != value:
            assert search.timed is not None
            try:
                at = crossing(wave.time, signal, MIDDLE * vdd, bool(value))
            except NoCrossing:
                return float("nan")
            slowest = max(slowest, at - events[search.timed].at)
        elif np.abs(signal / vdd - value).max() > _GLITCH:
            return float("nan")
    return slowest
