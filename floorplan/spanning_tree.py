"""Compiled minimum spanning trees. Imports numba, which takes a second: import it late.

References
----------
R. C. Prim, "Shortest connection networks and some generalizations", Bell System Technical Journal
36, 1957.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True)
def spanning_length(point: Floats) -> float:
    """Length of the rectilinear minimum spanning tree of points, shape (points, 2)."""
    points = len(point)
    distance = np.full(points, np.inf)
    inside = np.zeros(points, dtype=np.bool_)
    length, at = 0.0, 0
    for _ in range(points - 1):
        inside[at] = True
        nearest = -1
        for other in range(points):
            if not inside[other]:
                apart = abs(point[other, 0] - point[at, 0]) + abs(point[other, 1] - point[at, 1])
                distance[other] = min(distance[other], apart)
                if nearest < 0 or distance[other] < distance[nearest]:
                    nearest = other
        length += distance[nearest]
        at = nearest
    return length
