"""Measures combinational cells: tables of delay, slew and energy; capacitance; low drivers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.characterization.bench import Bench, Event, Stimulus
from voltile.pdk.characterization.edges import EdgeView
from voltile.pdk.characterization.measurement import (
    ArcKind,
    ArcMeasurement,
    Edge,
    PinMeasurement,
    Table,
)
from voltile.pdk.characterization.ngspice import NoConvergence, Waveforms
from voltile.pdk.characterization.plan import (
    Plan,
    Settings,
    Toggle,
    make_plan,
    output_tables,
    sensitised,
)
from voltile.pdk.characterization.waveforms import RAMP, NoCrossing, is_settled, settling_time

# How long an output is waited for at first [s]; then longer by a factor, a few times.
_FIRST_WAIT, _STRETCH, _STRETCHES = 2e-9, 4.0, 8
# Waiting times over the measured settling time.
_RESERVE = 1.5

# Slew [s], load [F], and the supply of the changing input's driver over Vdd.
Point = tuple[float, float, float]


@dataclass(frozen=True)
class ToggleRun:
    """An input that rises and falls once at one slew and load; both edges have time to settle."""

    views: Mapping[Edge, EdgeView]
    load: float
    rising_outputs: Mapping[Edge, int]

    def delay(self, edge: Edge, output: str) -> float:
        """Delay of an output after an edge of the input [s]."""
        return self.views[edge].delay(output)

    def slew(self, edge: Edge, output: str) -> float:
        """Transition time of an output after an edge of the input [s]."""
        return self.views[edge].slew(output)

    def energy(self, edge: Edge, output: str) -> float:
        """Energy of an edge, of which all outputs that it moves have an equal share [J]."""
        moved = sum(self.rising_outputs.values())
        return self.views[edge].energy(self.load * self.rising_outputs[edge]) / moved

    def capacitance(self, edge: Edge) -> float:
        """Capacitance of the input for an edge [F]."""
        return self.views[edge].capacitance()


def plan_cell(bench: Bench, settings: Settings, largest_load: float) -> Plan:
    """Simulate every state once and merge the like."""
    found = sensitised(bench.cell)
    if not found:
        return Plan(())
    point = (settings.slews[1], settings.loads[len(settings.loads) // 2] * largest_load, 1.0)
    toggles = [toggle for toggle, _ in found]
    runs = simulate_toggles(bench, toggles, [point], _wait(bench, toggles, largest_load))
    delays = {
        (toggle, output): [runs[toggle, point].delay(edge, output) for edge in Edge]
        for toggle, outputs in found
        for output in outputs
    }
    return make_plan(bench.cell, delays, settings.same_delay)


def measure_combinational(
    bench: Bench, plan: Plan, settings: Settings, largest_load: float
) -> tuple[tuple[ArcMeasurement, ...], tuple[PinMeasurement, ...]]:
    """Measure all arcs of a plan, and the capacitance of every input.

    Where an input change moves several outputs, all carry the same load and share the energy.

    Parameters
    ----------
    largest_load : float
        What the last of the loads stands for [F].
    """
    toggles = plan.toggles
    if not toggles:
        return (), ()  # a tie cell
    slews, loads = settings.slews, [part * largest_load for part in settings.loads]
    wait = _wait(bench, toggles, largest_load)
    points = [(slew, load, 1.0) for slew in slews for load in loads]
    # Factors for low drivers are measured at a short slew, where no delay is near zero.
    slew, load = slews[1], loads[len(loads) // 2]
    low = [(slew, load, ratio) for ratio in settings.ratios]
    runs = simulate_toggles(bench, toggles, [*points, *low], wait)

    def table(toggle: Toggle, read: Callable[[ToggleRun], float]) -> Table:
        values = [read(runs[toggle, point]) for point in points]
        return tuple(
            tuple(values[row : row + len(loads)]) for row in range(0, len(values), len(loads))
        )

    arcs = []
    for group in plan.groups:
        toggle, output = group.toggle, group.output
        for edge in Edge:
            delay, transition, energy = (
                partial(read, edge=edge, output=output)
                for read in (ToggleRun.delay, ToggleRun.slew, ToggleRun.energy)
            )
            full, below = runs[toggle, (slew, load, 1.0)], [runs[toggle, point] for point in low]
            arcs.append(
                ArcMeasurement(
                    toggle.pin, output, ArcKind.COMBINATIONAL, edge,
                    edge if group.positive else opposite(edge), group.when,
                    table(toggle, delay), table(toggle, transition), table(toggle, energy),
                    tuple(or_never(delay, run) / delay(full) for run in below),
                    tuple(or_never(transition, run) / transition(full) for run in below),
                )
            )  # fmt: skip
    point = (slews[len(slews) // 2], loads[0], 1.0)
    pins = []
    for pin in bench.cell.inputs:
        mine = [runs[toggle, point] for toggle in toggles if toggle.pin == pin]
        rise, fall = (
            sum(run.capacitance(edge) for run in mine) / max(len(mine), 1) for edge in Edge
        )
        pins.append(PinMeasurement(pin, rise, fall))
    return tuple(arcs), tuple(pins)


def opposite(edge: Edge) -> Edge:
    """Return the other edge."""
    return Edge.FALL if edge is Edge.RISE else Edge.RISE


def or_never(read: Callable[[ToggleRun], float], run: ToggleRun) -> float:
    """Return what is read, or infinity where a low input does not switch the output."""
    try:
        return read(run)
    except NoCrossing:
        return float("inf")


def _wait(bench: Bench, toggles: Sequence[Toggle], largest_load: float) -> float:
    """Time to settle after the middle of an edge, at the largest load [s]."""
    point = (_FIRST_WAIT / 100, largest_load, 1.0)
    runs = simulate_toggles(bench, toggles, [point], _FIRST_WAIT)
    longest = 0.0
    for run in runs.values():
        for edge in Edge:
            for output in bench.cell.functions:
                time, signal, _ = run.views[edge].signal(output)
                if abs(signal[-1] - signal[0]) > 0.5 * bench.vdd:
                    middle = run.views[edge].event.at
                    longest = max(longest, settling_time(time - middle, signal, bench.vdd))
    return _RESERVE * longest


def simulate_toggles(
    bench: Bench, toggles: Sequence[Toggle], points: Sequence[Point], wait: float
) -> dict[tuple[Toggle, Point], ToggleRun]:
    """Simulate input changes at points, each until its outputs have settled.

    After an input that does not reach Vdd the outputs need not reach the rails; they get the time
    that they would need otherwise.

    Parameters
    ----------
    wait : float
        Time that the largest load is expected to need [s]; what has not settled then is repeated.
    """
    tables = output_tables(bench.cell)
    largest = max(load for _, load, _ in points)
    rest = _rest(bench, toggles)
    found: dict[tuple[Toggle, Point], ToggleRun] = {}
    left = [(toggle, point) for toggle in toggles for point in points]
    for _ in range(_STRETCHES):
        stimuli = [
            _stimulus(bench, toggle, point, wait * (0.2 + 0.8 * point[1] / largest))
            for toggle, point in left
        ]
        again = []
        for key, stimulus, wave in zip(left, stimuli, bench.transients(stimuli), strict=True):
            run = _run(bench, key, stimulus, wave, tables, rest[key[0]])
            if key[1][2] < 1 or _has_settled(run, key[0], tables):
                found[key] = run
            else:
                again.append(key)
        if not again:
            return found
        left, wait = again, wait * _STRETCH
    raise NoConvergence(f"an output of {bench.cell.name} does not settle within {wait:.2g} s")


def _rest(bench: Bench, toggles: Sequence[Toggle]) -> dict[Toggle, dict[str, float]]:
    """Static currents when the input is high, beyond those when it is low [A]."""
    states = []
    for toggle in toggles:
        low = {pin: float(toggle.state >> k & 1) for k, pin in enumerate(bench.cell.inputs)}
        states += [low, {**low, toggle.pin: 1.0}]
    currents = bench.rest(states)
    return {
        toggle: {name: high[name] - low[name] for name in low}
        for toggle, low, high in zip(toggles, currents[::2], currents[1::2], strict=True)
    }


def _stimulus(bench: Bench, toggle: Toggle, point: Point, wait: float) -> Stimulus:
    slew, load, ratio = point
    start = {pin: toggle.state >> k & 1 for k, pin in enumerate(bench.cell.inputs)}
    first = RAMP * slew
    second = first + RAMP * slew + wait
    events = [Event(toggle.pin, 1, first, slew), Event(toggle.pin, 0, second, slew)]
    stop = second + RAMP * slew / 2 + wait
    loads = dict.fromkeys(bench.cell.functions, load)
    return Stimulus(start, events, loads, stop, {toggle.pin: ratio})


def _run(
    bench: Bench,
    key: tuple[Toggle, Point],
    stimulus: Stimulus,
    wave: Waveforms,
    tables: Mapping[str, NDArray[np.bool_]],
    high: Mapping[str, float],
) -> ToggleRun:
    toggle, (_, load, _) = key
    rise, fall = stimulus.events
    low = dict.fromkeys(high, 0.0)
    middle = fall.at - RAMP / 2 * fall.slew
    views = {
        Edge.RISE: EdgeView(bench, wave, rise, middle, (low, high)),
        Edge.FALL: EdgeView(bench, wave, fall, stimulus.stop, (high, low)),
    }
    after = toggle.state | 1 << bench.cell.inputs.index(toggle.pin)
    moved = [table for table in tables.values() if table[toggle.state] != table[after]]
    up = sum(bool(table[after]) for table in moved)
    return ToggleRun(views, load, {Edge.RISE: up, Edge.FALL: len(moved) - up})


def _has_settled(run: ToggleRun, toggle: Toggle, tables: Mapping[str, NDArray[np.bool_]]) -> bool:
    for edge, view in run.views.items():
        high = edge is Edge.RISE
        state = toggle.state | high << view.bench.cell.inputs.index(toggle.pin)
        for output, table in tables.items():
            signal, final = view.wave.voltage(output), view.bench.vdd * bool(table[state])
            if not is_settled(view.wave.time, signal, view.end, final, view.bench.vdd):
                return False
    return True
