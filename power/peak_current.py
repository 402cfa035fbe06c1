"""Current of tiles within a clock cycle, from timing windows.

A cell draws the charge that it takes per cycle, on average, while its output switches: over its
transition time before its latest arrival. The current of a tile is the sum over its cells, averaged
over short parts of the period. Of the mean cycle, that is: a cycle that is busier than others draws
more, and decoupling smooths what is shorter than a part. A cell at which nothing arrives draws its
charge evenly. What leaf buffers of the clock tree draw counts as drawn by the registers, in equal
parts, since those stand beside them; the trunk is no tile's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import Timing
from voltile.floorplan.clock_tree import TRUNK
from voltile.floorplan.netlist import OPEN
from voltile.power.power import PowerReport

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Parts of the period that current is averaged over.
_PARTS = 32
# Slews are from 20 to 80 % of the supply.
_FULL_SWING = 1 / 0.6


@dataclass(frozen=True)
class CurrentWaveform:
    """What every cell draws from its supply over a clock period.

    Attributes
    ----------
    period : float
        [s].
    start, end : ndarray, shape (cells,)
        When it draws [s].
    charge : ndarray, shape (cells,)
        Per cycle [C].
    leakage : ndarray, shape (cells,)
        All the time [A].
    """

    period: float
    start: Floats
    end: Floats
    charge: Floats
    leakage: Floats

    def peak(self, tile: Ints, tiles: int) -> Floats:
        """Return the peak current of each tile [A], shape (tiles,).

        Parameters
        ----------
        tile : ndarray of int, shape (cells,)
        """
        return np.asarray(self._over_time(tile, tiles).max(axis=0))

    def while_switching(self, tile: Ints, tiles: int) -> Floats:
        """Return the current of each tile that its cells meet when they switch [A], shape (tiles,).

        The mean over the charge that is drawn: what flows when most cells switch counts most.
        """
        current = self._over_time(tile, tiles)
        total = current.sum(axis=0)
        met: Floats = np.zeros(tiles)
        np.divide((current**2).sum(axis=0), total, out=met, where=total > 0)
        return met

    def _over_time(self, tile: Ints, tiles: int) -> Floats:
        """Current of each tile in each part of the period [A], shape (parts, tiles)."""
        edges = np.linspace(0, self.period, _PARTS + 1)
        drawn = np.empty((len(edges), tiles))
        for at, edge in enumerate(edges):
            part = np.clip((edge - self.start) / (self.end - self.start), 0, 1)
            drawn[at] = np.bincount(tile, part * self.charge, minlength=tiles)
        steady = np.bincount(tile, self.leakage, minlength=tiles)
        return np.asarray(np.diff(drawn, axis=0) * _PARTS / self.period + steady)


def current_waveform(report: PowerReport, timing: Timing, vdd: float) -> CurrentWaveform:
    """Return what cells draw at a supply [V], in the windows of some timing at its shortest period.

    Parameters
    ----------
    report : PowerReport
        Of the netlist at that supply.
    timing : Timing
        Of the netlist; may be at another supply.
    """
    netlist, period = timing.graph.netlist, timing.min_period
    outputs = np.flatnonzero(netlist.pin_is_output & (netlist.pin_net != OPEN))
    cell = netlist.pin_cell[outputs]
    arrival = timing.arrival.max(axis=0).reshape(-1, 2).max(axis=1)[netlist.pin_net[outputs]]
    slew = timing.slew.reshape(-1, 2).max(axis=1)[netlist.pin_net[outputs]] * _FULL_SWING
    end, width = np.full(netlist.cells, -np.inf), np.zeros(netlist.cells)
    np.maximum.at(end, cell, arrival)
    np.maximum.at(width, cell, slew)
    still = ~np.isfinite(end)
    end = np.where(still, period, np.clip(end, 0, period))
    width = np.where(still, period, np.maximum(width, period / _PARTS))
    charge = report.dynamic_energy / vdd
    leakage = report.leakage / vdd
    registers, leaves = np.unique(timing.graph.checks.cell), report.tree.tile != TRUNK
    for values in (charge, leakage):
        values[registers] += values[netlist.cells :][leaves].sum() / max(len(registers), 1)
    start = np.maximum(end - width, 0.0)
    end = np.maximum(end, start + period / _PARTS)
    return CurrentWaveform(period, start, end, charge[: netlist.cells], leakage[: netlist.cells])
