"""Designs that no other one beats."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pareto_front(first: Floats, second: Floats) -> NDArray[np.int64]:
    """Return the points that no other one matches or beats in both figures; less is better.

    Of equal points the first one counts.

    Returns
    -------
    ndarray
        Indices, by ascending `first`.
    """
    order = np.lexsort((second, first))
    best = np.minimum.accumulate(second[order])
    return order[np.diff(best, prepend=np.inf) < 0]


def pareto_points(first: Floats, second: Floats, third: Floats) -> NDArray[np.bool_]:
    """Return which points no other one matches or beats in all three figures.

    Of equal points the first one counts. Points are taken by ascending `third`: one is beaten by
    those of less or as much of it only, of which the front in the other two figures is kept. Fast
    where `third` has few values.
    """
    chosen = np.zeros(len(third), np.bool_)
    front = np.empty(0, np.int64)
    levels, level = np.unique(third, return_inverse=True)
    bounds = np.searchsorted(np.sort(level), np.arange(len(levels) + 1))
    by_level = np.argsort(level, kind="stable")
    for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
        # Those of less of it first, so that they count among equals.
        points = np.concatenate([front, by_level[begin:end]])
        front = points[pareto_front(first[points], second[points])]
        chosen[front] = True
    return chosen
