"""Points that no other one beats, by definition."""

import numpy as np
import pytest

from voltile.sim import pareto_front, pareto_points


def beaten(points):
    """Whether another point is at least as good in all figures, and better or earlier."""
    result = []
    for at, mine in enumerate(points):
        better = [
            number
            for number, other in enumerate(points)
            if (other <= mine).all() and ((other < mine).any() or number < at)
        ]
        result.append(bool(better))
    return np.array(result)


@pytest.mark.parametrize("values", [2, 4, 1000])
def test_front_and_points_are_those_of_the_definition(values):
    rng = np.random.default_rng(values)
    for count in (1, 2, 30, 120):
        points = rng.integers(0, values, (count, 3)).astype(float)
        found = pareto_points(*points.T)
        assert np.array_equal(found, ~beaten(points))
        front = pareto_front(points[:, 0], points[:, 1])
        assert set(front.tolist()) == set(np.flatnonzero(~beaten(points[:, :2])).tolist())
        assert (np.diff(points[front, 0]) > 0).all() and (np.diff(points[front, 1]) < 0).all()
