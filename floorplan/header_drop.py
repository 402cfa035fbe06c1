"""How much slower a tile gets by what its headers drop.

Delay follows the supply as Vdd^-s around a characterised supply; the exponent s is that of the
library's own tables, the mean over all arcs between that supply and its neighbours.
"""

import numpy as np
from numpy.typing import NDArray

from voltile.pdk import CellLibrary, Technology

Floats = NDArray[np.float64]


def drop_stretch(technology: Technology, vdd: float, drop: Floats) -> Floats:
    """Return the factor on delays of tiles whose headers drop a part of their supply.

    Parameters
    ----------
    vdd : float
        Supply of the tiles [V].
    drop : ndarray, shape (tiles,)
        Part of it that is dropped.

    Returns
    -------
    ndarray, shape (tiles,)
    """
    return np.asarray((1 - drop) ** -delay_exponent(technology, vdd))


def delay_exponent(technology: Technology, vdd: float) -> float:
    """Return s of delay ~ Vdd^-s at a supply [V]: the larger it is, the more a drop costs."""
    vdds = np.array(technology.vdds)
    below = vdds[vdds < vdd - 1e-6][-1:].tolist() or [vdd]
    above = vdds[vdds > vdd + 1e-6][:1].tolist() or [vdd]
    low, high = technology.library(below[0]), technology.library(above[0])
    tables = low.arc_table[..., 0][low.arc_table[..., 1] >= 0]
    first, second = _middle(low, tables), _middle(high, tables)
    positive = (first > 0) & (second > 0)
    ratio = np.log(first[positive] / second[positive]).mean()
    return float(ratio / np.log(high.vdd / low.vdd))


def _middle(library: CellLibrary, tables: NDArray[np.int64]) -> Floats:
    size = library.tables.size[tables] // 2
    return library.tables.values[tables, size[:, 0], size[:, 1]]
