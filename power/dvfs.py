"""Power over frequency under four supply schemes (dissertation 4.1.1, 4.1.4).

Ideal-DVFS, Vdd-hopping and Vdd-dithering run a whole design, not cut into tiles, at one supply at a
time; FINE-VH runs a mesh of tiles, each at VddL or VddH. Costs of switching between operating
points (converters, gates of headers) are not part of these curves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import TimingInfeasible
from voltile.floorplan import ClockTree, TileTimer, Timer, TimingGraph, VddPlan, Wires, select_vdd
from voltile.floorplan.vdd_selection import ROUNDING
from voltile.pdk import LibrarySet
from voltile.power.activity import Activity
from voltile.power.power import PowerModel
from voltile.power.vdd_search import TileStates, search_vdd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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
    leakage : ndarray
        Part of the power that is leakage [W].
    area_at_low : ndarray
        Share of the cell area at `vdd_low`; for dithering, averaged over time.
    bias : str
        Which cells have longer gates where timing allows: "none", "interface" or "all".
    selection : str
        How the tiles at VddH were chosen: "algorithm-5", or "search"; empty without tiles.
    """

    scheme: str
    n: int
    interval: float
    frequency: Floats
    power: Floats
    leakage: Floats
    vdd_low: Floats
    vdd_high: Floats
    area_at_low: Floats
    bias: str = "none"
    selection: str = ""

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
    graph: TimingGraph,
    wires: Wires,
    tree: ClockTree,
    activity: Activity,
    libraries: Iterable[LibrarySet],
    bias: Ints | int = 0,
) -> SupplyPoints:
    """Time a design and measure its power with all cells at one supply after another.

    Parameters
    ----------
    libraries : iterable of LibrarySet
        Of one supply each.
    bias : ndarray of int, shape (cells,)
        Bias of each instance; by default the first.
    """
    every = np.zeros(graph.netlist.cells, dtype=np.int64)
    rows = []
    for one in libraries:
        library = one.index(every, bias)
        timing = Timer(graph, one.libraries).analyze(library, wires)
        model = PowerModel(graph.netlist, tree, activity, one.libraries)
        report = model.evaluate(library, timing)
        rows.append((one.vdds[0], 1 / timing.min_period, *report.energy_and_leakage))
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
        "ideal", 1, 0.0, frequency, power, lowest.leakage, lowest.vdd, lowest.vdd,
        np.ones(len(frequency)),
    )  # fmt: skip


def vdd_hopping(points: SupplyPoints, levels: Sequence[float], frequency: Floats) -> OperatingCurve:
    """At every frequency the lowest of a few supplies that meets it (Fig. 4.2 a)."""
    steps = [points.at_vdd(level) for level in levels]
    reach = np.array([float(step.frequency[0]) for step in steps])
    _check_reach(frequency, float(reach.max()), "Vdd-hopping")
    chosen = np.minimum(np.searchsorted(reach, frequency * (1 - ROUNDING)), len(reach) - 1)
    energy = np.array([float(step.energy[0]) for step in steps])[chosen]
    leakage = np.array([float(step.leakage[0]) for step in steps])[chosen]
    vdd = np.array(levels)[chosen]
    return OperatingCurve(
        "hopping", 1, levels[1] - levels[0], frequency, frequency * energy + leakage, leakage,
        vdd, vdd, np.ones(len(frequency)),
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
    upper = np.clip(np.searchsorted(reach, frequency * (1 - ROUNDING)), 1, len(levels) - 1)
    lower = upper - 1
    time_high = np.clip((frequency - reach[lower]) / (reach[upper] - reach[lower]), 0, 1)
    full = reach * energy + leakage
    power = (1 - time_high) * full[lower] + time_high * full[upper]
    below = frequency < reach[0]
    power[below] = frequency[below] * energy[0] + leakage[0]
    leaks = (1 - time_high) * leakage[lower] + time_high * leakage[upper]
    vdd = np.array(levels)
    return OperatingCurve(
        "dithering", 1, levels[1] - levels[0], frequency, power, leaks, vdd[lower], vdd[upper],
        1 - time_high,
    )  # fmt: skip


@dataclass(frozen=True)
class IntervalResult:
    """FINE-VH on one mesh in one Vdd interval: the states of its tiles that were evaluated.

    Attributes
    ----------
    plan : VddPlan
        Of Algorithm 5.
    steps : ndarray of int
        Numbers of raised tiles of the plan's steps that were evaluated: 0, and those that some
        frequency or the plan's reach asks for. The first states are these; others are searched.
    is_high : ndarray of bool, shape (states, tiles)
    period, energy, leakage, area_at_low : ndarray, shape (states,)
        Shortest clock period [s], dynamic energy per clock cycle [J], leakage with that of the
        Vdd-MUX [W], share of the cell area at VddL.
    """

    plan: VddPlan
    steps: Ints
    is_high: Bools
    period: Floats
    energy: Floats
    leakage: Floats
    area_at_low: Floats

    @property
    def width(self) -> float:
        """VddH less VddL [V]."""
        return self.plan.vdd_high - self.plan.vdd_low

    def published(self, frequency: float) -> int:
        """State that Algorithm 5 gives at a frequency [Hz]."""
        return int(np.flatnonzero(self.steps == self.plan.raised(frequency))[0])

    def best(self, frequency: float) -> int:
        """State of the least power that meets a frequency [Hz]."""
        met = self.period <= 1 / frequency * (1 + ROUNDING)
        power = frequency * self.energy + self.leakage
        return int(np.argmin(np.where(met, power, np.inf)))


def evaluate_interval(
    design: TileTimer,
    model: PowerModel,
    frequency: Floats,
    search: bool = False,
    mux_leakage: float = 0.0,
) -> IntervalResult:
    """Select tiles and measure power for the frequencies within reach of (VddL, VddH).

    Parameters
    ----------
    model : PowerModel
        Bound to the libraries of the design's timer.
    search : bool
        Whether to look for states of less power than those of Algorithm 5.
    mux_leakage : float
        Of all Vdd-MUX, the same in every state [W].
    """
    plan = select_vdd(design)
    within = frequency[frequency <= plan.reach * (1 + ROUNDING)]
    steps = sorted({0, *(plan.raised(float(item)) for item in (*within, plan.reach))})
    order = plan.order
    found = [np.isin(np.arange(design.tiles), order[:step]) for step in steps]
    states = TileStates(design, model)
    if search:
        # Below the reach of all tiles at VddL there is nothing to choose.
        asked = within[within > (1 + ROUNDING) / plan.period[0]]
        best = np.ones(design.tiles, dtype=bool)
        for item in sorted(asked.tolist(), reverse=True):
            starts = [plan.tile_is_high(item), best]
            best = search_vdd(states, [at for at in starts if states.meets(at, item)], item)
            found.append(best)
    known = {item.tobytes(): item for item in found}
    rows = [
        (states.period(item), *states.energy_and_leakage(item), states.area_at_low(item))
        for item in known.values()
    ]
    period, energy, leakage, area_at_low = np.array(rows).T
    return IntervalResult(
        plan, np.array(steps), np.array(list(known.values())), period, energy,
        leakage + mux_leakage, area_at_low,
    )  # fmt: skip


def fine_vh(
    n: int,
    intervals: Sequence[IntervalResult],
    frequency: Floats,
    bias: str = "none",
    search: bool = False,
) -> tuple[OperatingCurve, Floats]:
    """Join the intervals of one width: at every frequency the lowest interval that reaches it.

    Parameters
    ----------
    bias : str
        Name of the poly-bias that the intervals were evaluated with.
    search : bool
        Whether the tiles are those of least power that were found, else those of Algorithm 5.

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
    for asked in frequency.tolist():
        item = next(x for x in intervals if asked <= x.plan.reach * (1 + ROUNDING))
        at = item.best(asked) if search else item.published(asked)
        ends = item.plan.vdd_low, item.plan.vdd_high
        total = asked * item.energy[at] + item.leakage[at]
        rows.append((total, item.leakage[at], *ends, item.area_at_low[at]))
        tile_vdd.append(np.where(item.is_high[at], ends[1], ends[0]))
    selection = "search" if search else "algorithm-5"
    power, leakage, low, high, share = np.array(rows).T
    curve = OperatingCurve(
        "fine-vh", n, intervals[0].width, frequency, power, leakage, low, high, share, bias,
        selection,
    )  # fmt: skip
    return curve, np.array(tile_vdd)


def _check_reach(frequency: Floats, reach: float, scheme: str) -> None:
    highest = float(frequency.max(initial=0.0))
    if highest > reach * (1 + ROUNDING):
        raise TimingInfeasible(
            f"{highest / 1e6:.1f} MHz is beyond the reach of {scheme}: at most "
            f"{reach / 1e6:.1f} MHz",
            highest,
            reach,
        )
