"""Which tiles run at VddH: Algorithm 5 of the dissertation, one pass for every frequency."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import TimingInfeasible
from voltile.floorplan.placement import Placement
from voltile.floorplan.tile_timing import TileTimer
from voltile.floorplan.timing import Timing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A frequency this much beyond reach, relative, is that reach, rounded.
ROUNDING = 1e-12


@dataclass(frozen=True)
class VddPlan:
    """The order in which the tiles of a mesh were raised from VddL to VddH.

    The critical path does not depend on the clock period, so neither does the order; a frequency
    only says after how many steps to stop.

    Attributes
    ----------
    vdd_low, vdd_high : float
        [V].
    order : ndarray of int, shape (tiles,)
        Tiles in the order of raising.
    period : ndarray, shape (tiles + 1,)
        Shortest clock period with the first k tiles of the order at VddH [s].
    """

    vdd_low: float
    vdd_high: float
    order: Ints
    period: Floats

    @property
    def reach(self) -> float:
        """Highest frequency that any step of the plan meets [Hz]."""
        return 1.0 / float(self.period.min())

    def raised(self, frequency: float) -> int:
        """Number of tiles at VddH at a clock frequency [Hz].

        Raises
        ------
        TimingInfeasible
            When not even all tiles at VddH meet it.
        """
        if not frequency > 0:
            raise ValueError(f"frequency must be positive, not {frequency:g} Hz")
        met = np.flatnonzero(self.period <= 1.0 / frequency * (1 + ROUNDING))
        if not len(met):
            raise TimingInfeasible(
                f"{frequency / 1e6:.1f} MHz is beyond the reach of VddL {self.vdd_low:.2f} V and "
                f"VddH {self.vdd_high:.2f} V: at most {self.reach / 1e6:.1f} MHz",
                frequency,
                self.reach,
            )
        return int(met[0])

    def tile_is_high(self, frequency: float) -> NDArray[np.bool_]:
        """Whether each tile runs at VddH at a clock frequency [Hz], shape (tiles,)."""
        high = np.zeros(len(self.order), dtype=bool)
        high[self.order[: self.raised(frequency)]] = True
        return high


def select_vdd(design: TileTimer) -> VddPlan:
    """Raise tiles from VddL to VddH, the most critical first (Algorithm 5).

    At every step the cells of the critical path add their delays to the score of their tile; of the
    tiles still at VddL the one with the highest score is raised, the lowest numbered among equals.
    """
    is_high = np.zeros(design.tiles, dtype=bool)
    order: list[int] = []
    timing = design.analyze(is_high)
    periods = [timing.min_period]
    while len(order) < design.tiles:
        score = tile_scores(timing, design.placement)
        score[is_high] = -1.0
        tile = int(np.argmax(score))
        is_high[tile] = True
        order.append(tile)
        timing = design.analyze(is_high)
        periods.append(timing.min_period)
    return VddPlan(*design.vdds, np.array(order, dtype=np.int64), np.array(periods))


def tile_scores(timing: Timing, placement: Placement) -> Floats:
    """Sum of the delays of the critical path's cells in each tile [s] (Algorithm 5, lines 4-9)."""
    records, delays = timing.critical_path()
    tile = placement.tile[timing.graph.cell[records]]
    return np.bincount(tile, delays, minlength=placement.grid.tiles).astype(np.float64)
