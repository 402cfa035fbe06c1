"""A core under a DVFS scheme, emulated over a workload trace (dissertation 4.1.3, 4.1.4).

A demand is work at a rate, due by the next change of demand. At each change the governor takes the
mode of lowest power that meets it; going up, one that is fast enough to make up, by then, for the
time of the transition. To get there costs time and energy (`switching_costs`):

- When the pair (VddL, VddH) changes, both converters move at once while every tile stays at its
  rail, so that going up no tile's supply ever falls. The new selection is loaded into the scan
  chain, whose bits take effect together, after that, going down before it. Ideal-DVFS has one
  converter and pays for every change of its Vdd.
- Raising a tile draws C_rail VddH (VddH - VddL) from the VddH rail, at the higher of both pairs.
  Lowering one draws nothing; its charge, which the rest of the VddL rail uses up, is not credited.
  Either draws C_gate VddH^2 for the gate of the header that it turns off (`mux_power`).
- Until the new mode is there the clock is limited by both modes: going up, the core keeps to what
  the old one runs at, going down, the clock falls first. Power is then the mean of both modes'.
- A transition is not broken off: a demand that comes in between is looked at when it has ended.

Work that is not done when it is due is a deadline miss; it is carried on, and whenever work is
behind, the core runs at the reach of its mode until it has caught up. What is left at the end of
the trace is done after it, so that all schemes do the same work. Within a period of Vdd-dithering,
work counts as done at its mean rate.

Energy is that drawn from the rails and lost in transitions; not in it: what the converters lose
while they feed the core, the charge of scan chain and clock generator, and the headers of a design
that is not cut.
"""

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from voltile.power.governors import Governor, Offer
from voltile.power.operating_modes import OperatingModes
from voltile.power.switching_costs import Converter, SwitchingCosts
from voltile.power.workload_trace import Trace

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Supplies closer than this are the same [V].
_SAME_VDD = 1e-9
# Of a number of periods, and of the clock that makes up for a transition.
_ROUNDING = 1e-6
_MOST_TRIES = 20


@dataclass(frozen=True)
class Timeline:
    """What a core did, stretch by stretch; arrays of shape (stretches,).

    Attributes
    ----------
    start, duration : ndarray
        [s].
    demand, clock : ndarray
        [Hz].
    dynamic_power, leakage_power : ndarray
        [W].
    vdd_low, vdd_high : ndarray
        Pair of supplies, in a transition the one that the core is going to [V].
    converting : ndarray
        1 while converters move.
    """

    start: Floats
    duration: Floats
    demand: Floats
    clock: Floats
    dynamic_power: Floats
    leakage_power: Floats
    vdd_low: Floats
    vdd_high: Floats
    converting: Floats


@dataclass
class Transitions:
    """Count, time [s] and energy [J] of transitions."""

    count: int = 0
    time: float = 0.0
    energy: float = 0.0

    def add(self, count: int, time: float, energy: float) -> None:
        """Count further ones."""
        self.count += count
        self.time += time
        self.energy += energy


@dataclass(frozen=True)
class Emulation:
    """What a workload costs under one scheme.

    Attributes
    ----------
    timeline : Timeline
    cycles : float
        Demanded, and done.
    converter : Transitions
        Changes of the pair of supplies.
    vdd_mux : Transitions
        Changes of the selection of tiles.
    tiles_raised : int
        From VddL to VddH, over all transitions.
    demands : int
        Stretches of one demand above zero.
    missed, late_cycles : int, float
        Those whose work was not done by their end, and how much of it.
    overrun : float
        Time after the end of the trace [s].
    """

    modes: OperatingModes
    timeline: Timeline
    cycles: float
    converter: Transitions
    vdd_mux: Transitions
    tiles_raised: int
    demands: int
    missed: int
    late_cycles: float
    overrun: float

    @property
    def dynamic_energy(self) -> float:
        """Switching and internal energy [J]."""
        return float(self.timeline.dynamic_power @ self.timeline.duration)

    @property
    def leakage_energy(self) -> float:
        """[J]."""
        return float(self.timeline.leakage_power @ self.timeline.duration)

    @property
    def energy(self) -> float:
        """All of it [J]."""
        spent = self.dynamic_energy + self.leakage_energy
        return spent + self.converter.energy + self.vdd_mux.energy

    @property
    def duration(self) -> float:
        """Of the trace, and of what is done after it [s]."""
        return float(self.timeline.duration.sum())

    @property
    def mean_power(self) -> float:
        """[W]."""
        return self.energy / self.duration

    @property
    def time_lost(self) -> float:
        """Time in which the clock was below the demand [s]."""
        slow = self.timeline.clock < self.timeline.demand
        return float(self.timeline.duration[slow].sum())

    def time_at_pairs(self) -> dict[tuple[float, float], float]:
        """Time at each (VddL, VddH), to 1 mV (ideal-DVFS to 10 mV), without moving converters."""
        line = self.timeline
        still = line.converting == 0
        places = 2 if self.modes.scheme == "ideal" else 3
        ends = np.stack([line.vdd_low[still], line.vdd_high[still]], axis=1).round(places)
        pairs, which = np.unique(ends, axis=0, return_inverse=True)
        time = np.bincount(which.ravel(), line.duration[still], minlength=len(pairs))
        return {
            (float(low), float(high)): float(spent)
            for (low, high), spent in zip(pairs, time, strict=True)
        }


def emulate(modes: OperatingModes, trace: Trace, costs: SwitchingCosts) -> Emulation:
    """Let a core do the work of a trace under one scheme.

    At the start of the trace the core is in the mode of the first demand.

    Raises
    ------
    TimingInfeasible
        For a demand beyond the reach of the scheme; naming its row.
    """
    trace.check_reach(modes)
    switching_time = costs.switching_time(modes)
    governor = Governor(modes, costs.dithering_period, switching_time)
    demands = np.minimum(trace.frequency, modes.reach).tolist()
    first = governor.choose(demands[0], demands[0])
    core = _Core(float(trace.time[0]), first, modes, costs.converter, switching_time)
    met, missed, late = demands[0], 0, 0.0
    for end, demand in zip(trace.time[1:].tolist(), demands, strict=True):
        due = (end - core.time) * demand
        if core.time < core.arrival:
            core.work(end, demand)
        if core.time < end and (
            demand != met or core.needed(end, demand, core.offer) > core.offer.reach
        ):
            core.go_to(_choose(governor, core, end, demand))
            met = demand
        while core.time < end:
            core.work(end, demand)
        behind = min(core.backlog, due)
        missed += behind > 0
        late += behind
    while core.backlog > 0:
        core.work(inf, 0.0)
    return Emulation(
        modes,
        Timeline(*np.array(core.stretches).T),
        float(trace.frequency @ np.diff(trace.time)),
        core.conversions,
        core.switchings,
        core.tiles_raised,
        int((trace.frequency > 0).sum()),
        missed,
        late,
        core.time - float(trace.time[-1]),
    )


def _choose(governor: Governor, core: "_Core", end: float, demand: float) -> Offer:
    """The mode that meets a demand by `end`, the transition to it included."""
    offer = governor.choose(demand, demand, core.offer)
    # A faster mode may be further away: what it needs grows, towards an end or beyond all modes.
    for _ in range(_MOST_TRIES):
        needed = core.needed(end, demand, offer)
        if needed <= offer.reach:
            break
        faster = governor.choose(demand, needed + (needed - demand) * _ROUNDING, core.offer)
        if faster.reach <= offer.reach:
            break
        offer = faster
    return offer


class _Core:
    """A core that does the work of a trace: its mode, the work behind it, what transitions cost."""

    def __init__(
        self,
        start: float,
        offer: Offer,
        modes: OperatingModes,
        converter: Converter,
        switching_time: float,
    ) -> None:
        self.time = self.arrival = start
        self.offer = self.before = offer
        self.backlog = 0.0
        self.stretches: list[tuple[float, ...]] = []
        self.conversions, self.switchings, self.tiles_raised = Transitions(), Transitions(), 0
        self._raised, self._rail_capacitance = modes.raised, modes.rail_capacitance
        self._header_gate = modes.header_gate
        _, selection = np.unique(modes.raised, axis=0, return_inverse=True)
        self._selection: list[int] = selection.ravel().tolist()
        self._converter, self._switching_time = converter, switching_time
        self._pair_moves = False

    def needed(self, end: float, demand: float, offer: Offer) -> float:
        """The clock that does by `end` what is due then, after the transition to a mode."""
        left, time = end - self.time, self._transition_time(offer)
        if left <= time:
            return demand
        limit = min(self.offer.reach, offer.reach)
        return demand + (self.backlog + max(demand - limit, 0.0) * time) / (left - time)

    def _transition_time(self, offer: Offer) -> float:
        """Time to another mode [s]."""
        time = max((self._converter.time(*move) for move in self._moves(offer)), default=0.0)
        return time + self._selection_changes(offer) * self._switching_time

    def _moves(self, offer: Offer) -> set[tuple[float, float]]:
        """From where to where the supplies go to another mode [V]."""
        old = self.offer
        ends = ((old.vdd_low, offer.vdd_low), (old.vdd_high, offer.vdd_high))
        # A set: ideal-DVFS has one rail, which is both ends of its pair.
        return {(before, after) for before, after in ends if abs(before - after) > _SAME_VDD}

    def _selection_changes(self, offer: Offer) -> bool:
        return self._selection[self.offer.mode] != self._selection[offer.mode]

    def go_to(self, offer: Offer) -> None:
        """Begin to go to another mode, or to the same mode at another demand."""
        moves = self._moves(offer)
        self._pair_moves = bool(moves)
        self.arrival = self.time + self._transition_time(offer)
        if moves:
            time = max(self._converter.time(*move) for move in moves)
            self.conversions.add(1, time, sum(self._converter.energy(*move) for move in moves))
        if self._selection_changes(offer):
            upper = max(self.offer, offer, key=lambda item: item.vdd_high)
            self._switch(1, self._raised[self.offer.mode], self._raised[offer.mode], upper)
        self.before, self.offer = self.offer, offer

    def _switch(self, count: int, before: Bools, after: Bools, at: Offer) -> None:
        """Count changes from one selection of tiles at VddH to another."""
        tiles = after & ~before
        charge = float(self._rail_capacitance[tiles].sum()) * (at.vdd_high - at.vdd_low)
        charge += float(self._header_gate[after != before].sum()) * at.vdd_high
        self.switchings.add(count, count * self._switching_time, count * charge * at.vdd_high)
        self.tiles_raised += count * int(tiles.sum())

    def _dither(self, raises: int, at: Offer) -> None:
        """Count so many times of raising the whole design and lowering it again."""
        if raises > 0:
            everything = np.ones(len(self._rail_capacitance), dtype=bool)
            self._switch(raises, ~everything, everything, at)
            self._switch(raises, everything, ~everything, at)

    def work(self, end: float, demand: float) -> None:
        """Go on until `end`, or to the end of a transition before it."""
        limit = self.offer.reach
        if self.time < self.arrival:
            end, limit = min(end, self.arrival), min(limit, self.before.reach)
        if self.backlog > 0 and limit > demand:
            needed = self.backlog / (limit - demand)
            caught_up = needed <= end - self.time
            self.backlog = 0.0 if caught_up else self.backlog - (end - self.time) * (limit - demand)
            self._run(self.time + needed if caught_up else end, demand, limit)
        if self.time < end < inf:
            clock = min(demand, limit)
            self.backlog += (demand - clock) * (end - self.time)
            self._run(end, demand, clock)

    def _run(self, end: float, demand: float, clock: float) -> None:
        """Run at one clock until `end`."""
        offer, duration, moving = self.offer, end - self.time, self.time < self.arrival
        if moving:
            both = (self.before, offer)
            dynamic = clock * sum(item.energy for item in both) / 2
            leakage = sum(item.leakage for item in both) / 2
        elif clock > demand:
            dynamic, leakage = clock * offer.energy, offer.leakage
            self._dither(int(offer.raise_rate > 0), offer)
        else:
            dynamic, leakage = offer.dynamic_power, offer.leakage_power
            self._dither(ceil(duration * offer.raise_rate - _ROUNDING), offer)
        self.stretches.append(
            (self.time, duration, demand, clock, dynamic, leakage, offer.vdd_low, offer.vdd_high,
             moving and self._pair_moves)
        )  # fmt: skip
        self.time = end
