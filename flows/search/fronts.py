"""Fronts of two objectives, both to be small: Pareto filter, epsilon boxes, hypervolume."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def pareto_front(objectives: FloatArray) -> IntArray:
    """Return the points that no other dominates, by the first objective, one of equal points.

    Parameters
    ----------
    objectives : ndarray, shape (points, 2)
        A point dominates another that is nowhere smaller and somewhere greater.
    """
    order = np.lexsort((objectives[:, 1], objectives[:, 0]))
    second = objectives[order, 1]
    least_before = np.minimum.accumulate(np.concatenate([[np.inf], second[:-1]]))
    return np.asarray(order[second < least_before], np.int64)


def epsilon_front(objectives: FloatArray, resolution: FloatArray) -> IntArray:
    """Return epsilon-nondominated points, by the first objective: one per box.

    Space is cut into boxes of the size of the resolution, from the least value of each objective
    on. Boxes dominate each other as points do; of a box that none dominates, the point that is
    nearest to its lower corner is taken, in units of the resolution.

    Parameters
    ----------
    objectives : ndarray, shape (points, 2)
        Points, at least one.
    resolution : ndarray, shape (2,)
        Size of a box; 0 where all points are equal.

    References
    ----------
    M. Laumanns, L. Thiele, K. Deb, E. Zitzler: Combining convergence and diversity in evolutionary
    multiobjective optimization, Evolutionary Computation 10(3), 2002.
    """
    size = np.where(resolution > 0, resolution, 1.0)
    scaled = (objectives - objectives.min(axis=0)) / size
    box = np.floor(scaled)
    nearest = np.lexsort((((scaled - box) ** 2).sum(axis=1), box[:, 1], box[:, 0]))
    return np.asarray(nearest[pareto_front(box[nearest])], np.int64)


def hypervolume(objectives: FloatArray, reference: FloatArray) -> float:
    """Return the area that points dominate, up to a reference point.

    Parameters
    ----------
    objectives : ndarray, shape (points, 2)
        Points; those that are not below the reference add nothing.
    reference : ndarray, shape (2,)
        Upper end of both objectives.
    """
    within = objectives[(objectives < reference).all(axis=1)]
    front = within[pareto_front(within)]
    widths = np.diff(front[:, 0], append=reference[0])
    return float(widths @ (reference[1] - front[:, 1]))
