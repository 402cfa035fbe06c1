"""Which tiles run at VddH, for the least power: a local search on top of Algorithm 5.

Algorithm 5 raises tiles until the clock period is met, by how much delay of the critical path they
hold; it knows nothing of power, and never lowers a tile again. The search starts from its result
and from what was found for higher frequencies, lowers tiles as long as the period is met and power
falls, and tries whether raising another tile lets it lower more. It is never worse than its start.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import TileTimer, Timing
from voltile.floorplan.vdd_selection import ROUNDING
from voltile.power.power import PowerModel, PowerReport

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# About how many assignments a step of the search times at most.
_TRIES = 128
# Part of what an arc is slower with all tiles at VddL that it will surely get slower when its tile
# alone is lowered; slower edges from other tiles make up the rest.
_CERTAIN = 0.8
# Least part of the power that makes an exchange worth its time.
_GAIN = 1e-4


class TileStates:
    """Assignments of tiles to VddL and VddH, timed and measured, each once.

    Parameters
    ----------
    model : PowerModel
        Bound to the libraries of the design's timer.
    """

    def __init__(self, design: TileTimer, model: PowerModel) -> None:
        self._design, self._model = design, model
        self.tiles, self._placement, self._tile = (
            design.tiles, design.placement, design.placement.tile
        )  # fmt: skip
        self._area = design.timer.graph.netlist.cell_area
        self._period: dict[bytes, float] = {}
        self._power: dict[bytes, tuple[float, float]] = {}
        # Power, if asked for, is so right after timing.
        self._last: tuple[bytes, Timing] | None = None

    def period(self, is_high: Bools) -> float:
        """Shortest clock period [s]."""
        key = is_high.tobytes()
        if key not in self._period:
            self._period[key] = self._analyze(is_high).min_period
        return self._period[key]

    def energy_and_leakage(self, is_high: Bools) -> tuple[float, float]:
        """Dynamic energy per clock cycle [J], and leakage [W]."""
        key = is_high.tobytes()
        if key not in self._power:
            self._power[key] = self._report(is_high).energy_and_leakage
        return self._power[key]

    @property
    def timed(self) -> int:
        """Number of assignments that were timed."""
        return len(self._period)

    def _analyze(self, is_high: Bools) -> Timing:
        key = is_high.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._design.analyze(is_high)
        return self._last[1]

    def _report(self, is_high: Bools) -> PowerReport:
        return self._model.evaluate(self._design.library_of(is_high), self._analyze(is_high))

    def power(self, is_high: Bools, frequency: float) -> float:
        """Power at a clock frequency [Hz] in watts."""
        energy, leakage = self.energy_and_leakage(is_high)
        return frequency * energy + leakage

    def meets(self, is_high: Bools, frequency: float) -> bool:
        """Whether the shortest period is within that of a frequency [Hz]."""
        return self.period(is_high) <= 1 / frequency * (1 + ROUNDING)

    def may_be_lowered(self, is_high: Bools, frequency: float) -> Bools:
        """Which tiles at VddH hold no cell that alone would miss the period then, shape (tiles,).

        Spares timing those that do.
        """
        timing = self._analyze(is_high)
        added = _CERTAIN * (self._delay_at_low - timing.delay)
        late = (added > 0) & (timing.record_slack(1 / frequency) < added)
        result = is_high.copy()
        result[self._tile[timing.graph.cell[late]]] = False
        return result

    @cached_property
    def _delay_at_low(self) -> Floats:
        """Delay of each record with all tiles at VddL [s]."""
        return self._design.analyze(np.zeros(self.tiles, dtype=bool)).delay

    def area_at_low(self, is_high: Bools) -> float:
        """Share of the cell area at VddL."""
        return float(self._area[~is_high[self._tile]].sum() / self._area.sum())

    def tile_costs(self, frequency: float) -> Floats:
        """What each tile takes more at VddH than at VddL [W], roughly, shape (tiles,).

        From the power of its cells and leaf clock buffers with all tiles at VddL and with all at
        VddH.
        """
        energy, leakage = self._tile_costs
        return frequency * energy + leakage

    @cached_property
    def _tile_costs(self) -> tuple[Floats, Floats]:
        low, high = (self._report(np.full(self.tiles, level)) for level in (False, True))
        energy = high.dynamic_energy - low.dynamic_energy
        leakage = high.leakage - low.leakage
        return high.of_tiles(energy, self._placement), high.of_tiles(leakage, self._placement)


def search_vdd(states: TileStates, starts: Iterable[Bools], frequency: float) -> Bools:
    """Return the assignment of least power that the search finds, shape (tiles,).

    Parameters
    ----------
    starts : iterable of ndarray of bool, shape (tiles,)
        Assignments that meet the frequency; True: VddH.
    """
    costs = states.tile_costs(frequency)
    lowered = (_lowered(states, start, costs, frequency) for start in starts)
    best = min(lowered, key=lambda found: states.power(found, frequency))
    while (found := _exchanged(states, best, costs, frequency)) is not best:
        best = found
    return best


def _lowered(states: TileStates, start: Bools, costs: Floats, frequency: float) -> Bools:
    """Lower tiles one by one, the costliest first, where power falls and the period is met."""
    best, open_ = start, states.may_be_lowered(start, frequency)
    high = np.flatnonzero(start)
    for tile in high[np.argsort(-costs[high], kind="stable")].tolist():
        if not open_[tile]:
            continue
        other = _flipped(best, tile)
        if states.meets(other, frequency) and (
            states.power(other, frequency) < states.power(best, frequency)
        ):
            best, open_ = other, states.may_be_lowered(other, frequency)
    return best


def _exchanged(states: TileStates, start: Bools, costs: Floats, frequency: float) -> Bools:
    """Raise a tile, the cheapest first, and lower what can then be: the first that saves power."""
    low = np.flatnonzero(~start & (costs > 0))
    before = states.timed
    for tile in low[np.argsort(costs[low], kind="stable")].tolist():
        if states.timed > before + _TRIES:
            break
        raised = _flipped(start, tile)
        if states.meets(raised, frequency):
            found = _lowered(states, raised, costs, frequency)
            if states.power(found, frequency) < states.power(start, frequency) * (1 - _GAIN):
                return found
    return start


def _flipped(is_high: Bools, tile: int) -> Bools:
    result = is_high.copy()
    result[tile] ^= True
    return result
