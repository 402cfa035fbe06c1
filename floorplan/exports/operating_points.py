"""What the tiles of a mesh run at over frequency, as exports state it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoints:
    """The plan of one mesh for a set of frequencies.

    Attributes
    ----------
    frequency, vdd_low, vdd_high : ndarray, shape (points,)
        [Hz], [V].
    tile_is_high : ndarray of bool, shape (points, tiles)
    """

    frequency: Floats
    vdd_low: Floats
    vdd_high: Floats
    tile_is_high: NDArray[np.bool_]
