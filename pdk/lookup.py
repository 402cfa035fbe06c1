"""Compiled look-ups in `SupplyTables`. Imports numba, which takes a second: import it late."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from voltile.pdk.supply_tables import Axes, SupplyTables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)
def place(axes: Axes, row: int, x: float) -> tuple[int, float]:
    """Segment of a row's axis that serves x, and the position in it (outside 0..1 beyond)."""
    axis = axes.of_row[row]
    last, segment = axes.last[axis], 0
    while segment < last and x >= axes.points[axis, segment + 1]:
        segment += 1
    start = axes.points[axis, segment]
    return segment, (x - start) / (axes.points[axis, segment + 1] - start)


@njit(cache=True)
def lookup(tables: SupplyTables, row: Ints, slew: Floats, load: Floats) -> Floats:
    """Interpolated value of the one table of `row[i]` at (`slew[i]`, `load[i]`)."""
    result = np.empty(len(row))
    for i in range(len(row)):
        at, y = place(tables.slew, row[i], slew[i])
        over, x = place(tables.load, row[i], load[i])
        patch = tables.patches[row[i], at, over]
        result[i] = patch[0, 0] + patch[1, 0] * x + (patch[2, 0] + patch[3, 0] * x) * y
    return result
