"""What a scheme can run at: pairs of supplies, tiles at VddH, and what a cycle then costs.

The operating curves of `dvfs` give power at chosen frequencies; modes serve every demand up to the
reach of the highest one. Of FINE-VH they are the states of the tiles whose power was evaluated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import ClockTree, Netlist, Placement
from voltile.floorplan.clock_tree import TRUNK
from voltile.power.activity import Activity
from voltile.power.dvfs import IntervalResult, SupplyPoints

Floats = NDArray[np.float64]

_TITLES = {
    "ideal": "ideal-DVFS",
    "hopping": "Vdd-hopping",
    "dithering": "Vdd-dithering",
    "fine-vh": "FINE-VH",
}
SCHEMES = tuple(_TITLES)


@dataclass(frozen=True)
class OperatingModes:
    """The modes of one scheme; arrays of shape (modes,), by pair and then by reach.

    Attributes
    ----------
    scheme : str
        "ideal", "hopping", "dithering" or "fine-vh". Ideal-DVFS is continuous between its modes.
    n : int
        The mesh has n x n tiles; 1 is a design that is not cut.
    interval : float
        Width of the Vdd interval [V]; 0 for ideal-DVFS.
    rail_capacitance : ndarray, shape (tiles,)
        What hangs on the virtual rail of each tile [F].
    header_gate : ndarray, shape (tiles,)
        One gate of the headers of each tile [F]; 0 for a design that is not cut.
    raised : ndarray of bool, shape (modes, tiles)
        Which tiles run at VddH.
    vdd_low, vdd_high : ndarray
        The two supplies that are there [V]; one and the same for ideal-DVFS.
    frequency : ndarray
        Highest clock frequency [Hz].
    energy : ndarray
        Dynamic energy per clock cycle [J].
    leakage : ndarray
        [W].
    """

    scheme: str
    n: int
    interval: float
    rail_capacitance: Floats
    header_gate: Floats
    raised: NDArray[np.bool_]
    vdd_low: Floats
    vdd_high: Floats
    frequency: Floats
    energy: Floats
    leakage: Floats

    @property
    def title(self) -> str:
        """The scheme in words, with its mesh and interval."""
        name = _TITLES[self.scheme] + (f" {self.n} x {self.n}" if self.scheme == "fine-vh" else "")
        return f"{name}, {self.interval * 1e3:.0f} mV" if self.interval else name

    @property
    def reach(self) -> float:
        """Highest frequency that any mode runs at [Hz]."""
        return float(self.frequency.max())


def ideal_modes(points: SupplyPoints, rail_capacitance: Floats) -> OperatingModes:
    """Modes of ideal-DVFS: the supplies at which the uncut design was evaluated."""
    return OperatingModes(
        "ideal", 1, 0.0, rail_capacitance, np.zeros(1), np.zeros((len(points.vdd), 1), dtype=bool),
        points.vdd, points.vdd, points.frequency, points.energy, points.leakage,
    )  # fmt: skip


def level_modes(
    scheme: str, points: SupplyPoints, levels: Sequence[float], rail_capacitance: Floats
) -> OperatingModes:
    """Modes of Vdd-hopping or Vdd-dithering: the whole design at VddL, and at VddH, of each pair.

    A level between two intervals is in both pairs: VddH of the lower, VddL of the higher one.
    """
    rows = [
        (low, high, *(float(getattr(at, name)[0]) for name in ("frequency", "energy", "leakage")))
        for low, high in zip(levels[:-1], levels[1:], strict=True)
        for at in (points.at_vdd(low), points.at_vdd(high))
    ]
    raised = np.arange(len(rows))[:, None] % 2 == 1
    width = levels[1] - levels[0]
    return OperatingModes(
        scheme, 1, width, rail_capacitance, np.zeros(1), raised, *np.array(rows).T
    )


def fine_vh_modes(
    n: int, intervals: Sequence[IntervalResult], rail_capacitance: Floats, header_gate: Floats
) -> OperatingModes:
    """Modes of FINE-VH: the states of each interval that were evaluated.

    Parameters
    ----------
    intervals : sequence of IntervalResult
        All of one width, Vdd ascending.
    """
    rows, raised = [], []
    for item in intervals:
        order = np.argsort(-item.period, kind="stable")
        ends = np.repeat([[item.plan.vdd_low], [item.plan.vdd_high]], len(order), axis=1)
        rows.append(np.stack([*ends, *(
            values[order] for values in (1 / item.period, item.energy, item.leakage)
        )]))  # fmt: skip
        raised.append(item.is_high[order])
    return OperatingModes(
        "fine-vh", n, intervals[0].width, rail_capacitance, header_gate, np.concatenate(raised),
        *np.concatenate(rows, axis=1),
    )  # fmt: skip


def rail_capacitance(
    netlist: Netlist, tree: ClockTree, placement: Placement, activity: Activity, load: Floats
) -> Floats:
    """Return what hangs on the virtual rail of each tile [F], shape (tiles,).

    A net hangs on the rail of its driver while it is high: C_rail is the sum of load times static
    probability over the nets that are driven from the tile, by its leaf clock buffers, too. Left
    out: wells, junctions and decoupling cells.

    Parameters
    ----------
    load : ndarray, shape (2 * (nets + buffers),)
        Wire and pins that the driver of each net sees, rising and falling [F]:
        `ClockStages.loads`.
    """
    driven = np.flatnonzero(netlist.net_driver >= 0)
    tile = np.append(placement.tile[netlist.pin_cell[netlist.net_driver[driven]]], tree.tile)
    capacitance = load.reshape(-1, 2).mean(axis=1) * tree.over_nets(activity.static_probability)
    net = np.append(driven, netlist.nets + np.arange(tree.buffers))
    inside = tile != TRUNK
    total = np.bincount(tile[inside], capacitance[net[inside]], minlength=placement.grid.tiles)
    return total.astype(np.float64)
