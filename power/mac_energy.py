"""Energy per MAC of a placed processing element over precision and supply.

An element whose precision can change gains from a low one twice: it does more MACs per cycle of a
cycle's energy, and, at the same MACs per second, it may run at a lower clock and so at a lower
supply (dissertation 3.3.2). Its highest clock is that of case analysis with the control bits that a
precision holds.

Not counted: glitches, as in `voltile.power.power`; the memories and the control around it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, TimingInfeasible
from voltile.floorplan import ClockTree, Timer, Timing, TimingGraph, Wires, build_timing_graph
from voltile.pdk import Technology
from voltile.power.activity import Activity
from voltile.power.power import PowerModel, PowerReport

Ints = NDArray[np.int64]

CONSTANT_FREQUENCY, CONSTANT_THROUGHPUT = "constant-frequency", "constant-throughput"
HIGHEST_FREQUENCY = "highest-frequency"
# A frequency this much beyond reach is the same frequency, rounded.
_ROUNDING = 1e-9
# Supplies are set in steps of this [V].
_STEP = 1e-3


@dataclass(frozen=True)
class MacMode:
    """An element at one precision.

    Attributes
    ----------
    case : mapping of port to 0 or 1
        Control bits that it holds.
    busy, idle : Activity
        Over dot products that follow one another, and over idle control words with operands that do
        not move.
    macs_per_cycle : float
        Of the dot products.
    """

    case: Mapping[str, int]
    busy: Activity
    idle: Activity
    macs_per_cycle: float


@dataclass(frozen=True)
class MacPoint:
    """An element at one precision and supply.

    Attributes
    ----------
    vdd : float
        [V].
    max_frequency : float
        By case analysis [Hz].
    switching, internal : float
        Energy per MAC [J].
    leakage : float
        While busy [W].
    idle : float
        Energy of the clock in a cycle without work [J].
    idle_leakage, gated_leakage : float
        In such a cycle, and with the clock stopped at its root [W].
    """

    vdd: float
    max_frequency: float
    switching: float
    internal: float
    leakage: float
    idle: float
    idle_leakage: float
    gated_leakage: float


@dataclass(frozen=True)
class MacEnergy:
    """Energy at one precision, supply and clock.

    Attributes
    ----------
    mode : str
        "constant-frequency": at the clock that all precisions meet at the nominal supply.
        "constant-throughput": as many MACs per second as full precision does at that clock, and the
        lowest supply for it.
        "highest-frequency": at the highest clock of the precision and supply.
    frequency : float
        [Hz].
    switching, internal, leakage : float
        Energy per MAC [J].
    idle, gated : float
        Energy of a cycle without work, and of one without a clock [J].
    """

    mode: str
    precision: Precision
    vdd: float
    frequency: float
    max_frequency: float
    macs_per_cycle: float
    switching: float
    internal: float
    leakage: float
    idle: float
    gated: float

    @property
    def energy(self) -> float:
        """Energy per MAC [J]."""
        return self.switching + self.internal + self.leakage


class MacModel:
    """A placed element, timed and measured at any precision and supply.

    Power is that of the uncased timing: loads do not depend on the precision, and transition times
    are the worst of all.

    Parameters
    ----------
    graph : TimingGraph
        Without a case.
    modes : mapping of Precision to MacMode
        Full precision among them.
    """

    def __init__(
        self,
        graph: TimingGraph,
        wires: Wires,
        tree: ClockTree,
        technology: Technology,
        modes: Mapping[Precision, MacMode],
    ) -> None:
        self._graph, self._wires, self._tree = graph, wires, tree
        self.technology, self.modes = technology, modes
        self._cased = {}
        self._characterised: dict[Precision, list[MacPoint]] = {}
        for precision, mode in modes.items():
            held = replace(graph.constraints, case=mode.case, case_through_registers=True)
            self._cased[precision] = build_timing_graph(graph.netlist, held)

    @property
    def clock(self) -> float:
        """Highest frequency that every precision meets at the nominal supply [Hz]."""
        nominal = self.technology.nominal_vdd
        return min(self.max_frequency(precision, nominal) for precision in self.modes)

    def max_frequency(self, precision: Precision, vdd: float) -> float:
        """Return the highest clock frequency at a supply [V], by case analysis [Hz]."""
        (timing,) = self._analyze(self._cased[precision], [vdd])
        return 1 / timing.min_period

    def points(self, precision: Precision, vdds: Sequence[float]) -> list[MacPoint]:
        """Return what the element takes at a precision and some supplies [V]."""
        mode = self.modes[precision]
        timings = self._analyze(self._graph, vdds)
        busy, idle, gated = (
            self._reports(activity, vdds, timings)
            for activity in (mode.busy, mode.idle, self._stopped(mode.idle))
        )
        cased = self._analyze(self._cased[precision], vdds)
        return [
            MacPoint(
                vdd,
                1 / cased[at].min_period,
                float(busy[at].switching_energy.sum()) / mode.macs_per_cycle,
                float(busy[at].internal_energy.sum()) / mode.macs_per_cycle,
                float(busy[at].leakage.sum()),
                float(idle[at].switching_energy.sum() + idle[at].internal_energy.sum()),
                float(idle[at].leakage.sum()),
                float(gated[at].leakage.sum()),
            )
            for at, vdd in enumerate(vdds)
        ]

    def lowest_supply(self, precision: Precision, frequency: float) -> float:
        """Return the lowest supply that meets a frequency [Hz], to the millivolt [V].

        Raises
        ------
        TimingInfeasible
            For a frequency beyond the reach of the highest supply.
        """
        vdds = self.technology.vdds

        def meets(vdd: float) -> bool:
            return frequency <= self.max_frequency(precision, vdd) * (1 + _ROUNDING)

        if meets(vdds[0]):
            return vdds[0]
        if not meets(vdds[-1]):
            reach = self.max_frequency(precision, vdds[-1])
            raise TimingInfeasible(
                f"{frequency / 1e6:.1f} MHz at {precision.name.lower()} precision is beyond the "
                f"reach of the element: {reach / 1e6:.1f} MHz at {vdds[-1]:.2f} V",
                frequency,
                reach,
            )
        below, above = floor(vdds[0] / _STEP), ceil(vdds[-1] / _STEP)
        while above - below > 1:
            middle = (below + above) // 2
            if meets(middle * _STEP):
                above = middle
            else:
                below = middle
        return min(above * _STEP, vdds[-1])

    def at(self, mode: str, point: MacPoint, precision: Precision, frequency: float) -> MacEnergy:
        """Return what a point costs at a clock frequency [Hz]."""
        rate = self.modes[precision].macs_per_cycle * frequency
        return MacEnergy(
            mode, precision, point.vdd, frequency, point.max_frequency,
            self.modes[precision].macs_per_cycle, point.switching, point.internal,
            point.leakage / rate, point.idle + point.idle_leakage / frequency,
            point.gated_leakage / frequency,
        )  # fmt: skip

    def constant_frequency(self, precision: Precision) -> list[MacEnergy]:
        """Return the energy at `clock`, at every characterised supply that meets it."""
        clock = self.clock
        return [
            self.at(CONSTANT_FREQUENCY, point, precision, clock)
            for point in self._points(precision)
            if clock <= point.max_frequency * (1 + _ROUNDING)
        ]

    def highest_frequency(self, precision: Precision) -> list[MacEnergy]:
        """Return the energy at every characterised supply at the highest clock there."""
        return [
            self.at(HIGHEST_FREQUENCY, point, precision, point.max_frequency)
            for point in self._points(precision)
        ]

    def constant_throughput(self, precision: Precision) -> MacEnergy:
        """Return the energy at the MACs per second of full precision at `clock`."""
        full, own = (self.modes[item].macs_per_cycle for item in (Precision.FULL, precision))
        frequency = self.clock * full / own
        (point,) = self.points(precision, [self.lowest_supply(precision, frequency)])
        return self.at(CONSTANT_THROUGHPUT, point, precision, frequency)

    def _points(self, precision: Precision) -> list[MacPoint]:
        """Points at all characterised supplies."""
        if precision not in self._characterised:
            self._characterised[precision] = self.points(precision, self.technology.vdds)
        return self._characterised[precision]

    def _analyze(self, graph: TimingGraph, vdds: Sequence[float]) -> list[Timing]:
        """Time all cells at one supply after another."""
        timer = Timer(graph, [self.technology.library(vdd) for vdd in vdds])
        return [timer.analyze(self._all(at), self._wires) for at in range(len(vdds))]

    def _reports(
        self, activity: Activity, vdds: Sequence[float], timings: Sequence[Timing]
    ) -> list[PowerReport]:
        libraries = [self.technology.library(vdd) for vdd in vdds]
        model = PowerModel(self._graph.netlist, self._tree, activity, libraries)
        return [model.evaluate(self._all(at), timing) for at, timing in enumerate(timings)]

    def _all(self, library: int) -> Ints:
        """All cells of one library, shape (cells,)."""
        return np.full(self._graph.netlist.cells, library)

    def _stopped(self, idle: Activity) -> Activity:
        """The same state with all clocks at rest, low at their ports."""
        phase = self._graph.clocks.net_phase
        return replace(
            idle,
            static_probability=np.where(phase < 0, idle.static_probability, phase == 1),
            toggle_rate=np.zeros_like(idle.toggle_rate),
        )
