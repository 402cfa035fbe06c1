"""Power over frequency under four supply schemes (dissertation 4.1.1, 4.1.4).

Ideal-DVFS, Vdd-hopping and Vdd-dithering run a whole design, not cut into tiles, at one supply at a
time; FINE-VH runs a mesh of tiles, each at VddL or VddH. Costs of switching between operating
points (converters, headers) are not part of these curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import TimingInfeasible
from voltile.floorplan import (
    Placement,
    Timer,
    TimingGraph,
    VddPlan,
    Wires,
    select_vdd,
)
from voltile.pdk import CellLibrary, LibrarySet
from voltile.power.activity import Activity
from voltile.power.power import PowerModel, PowerReport

Floats = NDArray[np.float64]

# A frequency this much beyond reach is the same frequency, rounded; as `VddPlan.raised` has it.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class OperatingCurve:
    """Power of one scheme over frequency; arrays of shape (frequencies,).

    Attributes
    ----------
    scheme : str
        "ideal", "hopping", "dithering" or "fine-vh".
    n : int
        The mesh has n x n tiles; 1 is a design that is not cut.
    interval : float
        Width of the Vdd interval [V]; 0 for ideal-DVFS.
    area_at_low : ndarray
        Share of the cell area at `vdd_low`; for dithering, averaged over time.
    """

    scheme: str
    n: int
    interval: float
    frequency: Floats
    power: Floats
    vdd_low: Floats
    vdd_high: Floats
    area_at_low: Floats

    def saving_against(self, other: "OperatingCurve") -> float:
        """Mean relative saving in power over the frequencies, as in dissertation 4.1.4."""
        return float(np.mean(1.0 - self.power / other.power))


@dataclass(frozen=True)
class SupplyPoints:
    """A whole design at one supply after another; arrays of shape (supplies,), Vdd ascending.

    Attributes
    ----------
    frequency : ndarray
        Highest clock frequency [Hz].
    energy : ndarray
        Dynamic energy per clock cycle [J].
    leakage : ndarray
        [W].
    """

    vdd: Floats
    frequency: Floats
    energy: Floats
    leakage: Floats

    def at_vdd(self, vdd: float) -> "SupplyPoints":
        """The one point at a supply that was evaluated."""
        at = np.flatnonzero(np.abs(self.vdd - vdd) < 1e-6)
        return SupplyPoints(*(getattr(self, name)[at] for name in _POINT_FIELDS))

    def meeting(self, frequency: Floats) -> "SupplyPoints":
        """The lowest supply that meets each frequency within reach, and what it costs there.

        Supply, energy and leakage are interpolated over frequency, the last two in the logarithm,
        so that ideal-DVFS loses nothing to the step of its supply.
        """
        vdd = np.interp(frequency, self.frequency, self.vdd)
        energy = np.exp(np.interp(vdd, self.vdd, np.log(self.energy)))
        leakage = np.exp(np.interp(vdd, self.vdd, np.log(self.leakage)))
        return SupplyPoints(vdd, np.maximum(frequency, self.frequency[0]), energy, leakage)


_POINT_FIELDS = ("vdd", "frequency", "energy", "leakage")


def evaluate_supplies(
    graph: TimingGraph, wires: Wires, activity: Activity, libraries: Sequence[CellLibrary]
) -> SupplyPoints:
    """Time a design and measure its power with all cells of one library after another."""
    every = np.zeros(graph.netlist.cells, dtype=np.int64)
    rows = []
    for library in libraries:
        timing = Timer(graph, [library]).analyze(every, wires)
        model = PowerModel(graph.netlist, graph.clocks, activity, [library])
        report = model.evaluate(every, timing)
        rows.append((library.vdd, 1 / timing.min_period, *_energy_and_leakage(report)))
    rows.sort()
    return SupplyPoints(*np.array(rows).T)


def ideal_dvfs(points: SupplyPoints, frequency: Floats) -> OperatingCurve:
    """At every frequency the lowest supply that meets it; between points, interpolated.

    Raises
    ------
    TimingInfeasible
        For a frequency above the reach of the highest supply.
    """
    _check_reach(frequency, float(points.frequency.max()), "ideal-DVFS")
    lowest = points.meeting(frequency)
    power = frequency * lowest.energy + lowest.leakage
    return OperatingCurve(
        "ideal", 1, 0.0, frequency, power, lowest.vdd, lowest.vdd, np.ones(len(frequency))
    )


def vdd_hopping(points: SupplyPoints, levels: Sequence[float], frequency: Floats) -> OperatingCurve:
    """At every frequency the lowest of a few supplies that meets it (Fig. 4.2 a)."""
    steps = [points.at_vdd(level) for level in levels]
    reach = np.array([float(step.frequency[0]) for step in steps])
    _check_reach(frequency, float(reach.max()), "Vdd-hopping")
    chosen = np.minimum(np.searchsorted(reach, frequency * (1 - _ROUNDING)), len(reach) - 1)
    energy = np.array([float(step.energy[0]) for step in steps])[chosen]
    leakage = np.array([float(step.leakage[0]) for step in steps])[chosen]
    vdd = np.array(levels)[chosen]
    return OperatingCurve(
        "hopping", 1, levels[1] - levels[0], frequency, frequency * energy + leakage, vdd, vdd,
        np.ones(len(frequency)),
    )  # fmt: skip


def vdd_dithering(
    points: SupplyPoints, levels: Sequence[float], frequency: Floats
) -> OperatingCurve:
    """Time-share the two supplies around every frequency (Eq. 4.1, Fig. 4.2 b).

    At the ends of an interval the design runs at the highest frequency of that supply; in between,
    power is linear in frequency. Below the first level, it runs at that level.
    """
    steps = [points.at_vdd(level) for level in levels]
    reach = np.array([float(step.frequency[0]) for step in steps])
    _check_reach(frequency, float(reach.max()), "Vdd-dithering")
    energy = np.array([float(step.energy[0]) for step in steps])
    leakage = np.array([float(step.leakage[0]) for step in steps])
    upper = np.clip(np.searchsorted(reach, frequency * (1 - _ROUNDING)), 1, len(levels) - 1)
    lower = upper - 1
    time_high = np.clip((frequency - reach[lower]) / (reach[upper] - reach[lower]), 0, 1)
    full = reach * energy + leakage
    power = (1 - time_high) * full[lower] + time_high * full[upper]
    below = frequency < reach[0]
    power[below] = frequency[below] * energy[0] + leakage[0]
    vdd = np.array(levels)
    return OperatingCurve(
        "dithering", 1, levels[1] - levels[0], frequency, power, vdd[lower], vdd[upper],
        1 - time_high,
    )  # fmt: skip


@dataclass(frozen=True)
class IntervalResult:
    """FINE-VH on one mesh in one Vdd interval.

    Attributes
    ----------
    steps : tuple of int
        Numbers of raised tiles: 0, and those that some frequency or the plan's reach asks for.
    energy, leakage : tuple of float
        Dynamic energy per clock cycle [J] and leakage [W] with that many tiles raised.
    area_at_low : tuple of float
        Share of the cell area that stays at VddL.
    """

    plan: VddPlan
    steps: tuple[int, ...]
    energy: tuple[float, ...]
    leakage: tuple[float, ...]
    area_at_low: tuple[float, ...]


def evaluate_interval(
    graph: TimingGraph,
    placement: Placement,
    wires: Wires,
    activity: Activity,
    libraries: LibrarySet,
    frequency: Floats,
) -> IntervalResult:
    """Select tiles and measure power for the frequencies within reach of (VddL, VddH)."""
    mixed_supply = libraries.mixed_supply
    timer = Timer(graph, libraries.libraries, mixed_supply)
    plan = select_vdd(timer, placement, wires)
    within = frequency[frequency <= plan.reach * (1 + _ROUNDING)]
    steps = sorted({0, *(plan.raised(float(item)) for item in (*within, plan.reach))})
    model = PowerModel(graph.netlist, graph.clocks, activity, libraries.libraries, mixed_supply,
                       libraries.leakage_corner)  # fmt: skip
    rows = []
    area = graph.netlist.cell_area
    for step in steps:
        high = np.zeros(placement.grid.tiles, dtype=np.int64)
        high[plan.order[:step]] = 1
        supply = high[placement.tile]
        report = model.evaluate(supply, timer.analyze(supply, wires))
        rows.append((*_energy_and_leakage(report), float(area[supply == 0].sum() / area.sum())))
    energy, leakage, share = zip(*rows, strict=True)
    return IntervalResult(plan, tuple(steps), energy, leakage, share)


def _energy_and_leakage(report: PowerReport) -> tuple[float, float]:
    dynamic = float(report.switching_energy.sum() + report.internal_energy.sum())
    return dynamic, float(report.leakage.sum())


def fine_vh(
    n: int, intervals: Sequence[IntervalResult], frequency: Floats
) -> tuple[OperatingCurve, Floats]:
    """Join the intervals of one width: at every frequency the lowest interval that reaches it.

    Returns
    -------
    curve : OperatingCurve
    tile_vdd : ndarray, shape (frequencies, tiles)
        Supply of every tile [V], as Fig. 4.14.

    Raises
    ------
    TimingInfeasible
        For a frequency above the reach of the highest interval.
    """
    _check_reach(frequency, max(item.plan.reach for item in intervals), f"FINE-VH {n} x {n}")
    rows, tile_vdd = [], []
    for item in frequency:
        best = next(x for x in intervals if item <= x.plan.reach * (1 + _ROUNDING))
        plan = best.plan
        at = best.steps.index(plan.raised(float(item)))
        power = float(item) * best.energy[at] + best.leakage[at]
        rows.append((power, plan.vdd_low, plan.vdd_high, best.area_at_low[at]))
        tile_vdd.append(np.where(plan.tile_is_high(float(item)), plan.vdd_high, plan.vdd_low))
    width = intervals[0].plan.vdd_high - intervals[0].plan.vdd_low
    return OperatingCurve("fine-vh", n, width, frequency, *np.array(rows).T), np.array(tile_vdd)


def _check_reach(frequency: Floats, reach: float, scheme: str) -> None:
    highest = float(frequency.max(initial=0.0))
    if highest > reach * (1 + _ROUNDING):
        raise TimingInfeasible(
            f"{highest / 1e6:.1f} MHz is beyond the reach of {scheme}: at most "
            f"{reach / 1e6:.1f} MHz",
            highest,
            reach,
        )
