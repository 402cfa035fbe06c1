"""Fronts of objectives that are to be small: Pareto filters, epsilon boxes, hypervolume."""

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


def pareto_front_of_three(objectives: FloatArray) -> IntArray:
    """Return the points that no other dominates, ascending, one of equal points.

    Points are taken by the third objective: one is dominated by those of less or as much of it
    only, of which the front in the other two is kept. Fast where the third has few values.

    Parameters
    ----------
    objectives : ndarray, shape (points, 3)
    """
    chosen = np.zeros(len(objectives), np.bool_)
    front = np.empty(0, np.int64)
    order = np.argsort(objectives[:, 2], kind="stable")
    steps = np.flatnonzero(np.diff(objectives[order, 2])) + 1
    for level in np.split(order, steps):
        points = np.concatenate([front, level])  # those of less first: of equals they stay
        front = points[pareto_front(objectives[points, :2])]
        chosen[front] = True
    return np.flatnonzero(chosen)


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
