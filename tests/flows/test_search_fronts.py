"""Pareto filter, epsilon boxes, hypervolume: by hand and by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.flows.search import (
    epsilon_front,
    hypervolume,
    pareto_front,
    pareto_front_of_three,
)

POINTS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30
).map(lambda items: np.array(items, np.float64))  # fmt: skip


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


@given(POINTS)
def test_pareto_front_is_by_definition(points):
    front = pareto_front(points)
    kept = {tuple(item) for item in points[front]}
    free = {tuple(b) for b in points if not any(dominates(a, b) for a in points)}
    assert kept == free
    assert len(front) == len(kept), "one of equal points"
    assert (np.diff(points[front, 0]) > 0).all()


def test_pareto_front_of_nothing_is_empty():
    assert len(pareto_front(np.empty((0, 2)))) == 0


@given(
    st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=40).map(
        lambda items: np.array(items, np.float64).reshape(-1, 3)
    )
)
def test_pareto_front_of_three_is_by_definition(points):
    front = pareto_front_of_three(points)
    free = {tuple(b) for b in points if not any(dominates(a, b) for a in points)}
    assert {tuple(item) for item in points[front]} == free
    assert len(front) == len(free), "one of equal points"
    assert (np.diff(front) > 0).all()


def test_epsilon_front_keeps_the_nearest_to_the_corner_of_a_box():
    points = np.array([[0.0, 9.9], [0.4, 9.5], [0.9, 9.0], [1.2, 5.0], [5.0, 0.0], [5.0, 4.0]])
    # Boxes of 1 from (0, 0) on: (0,9) three times, of which (0.9, 9.0) is 0.9 from the corner,
    # (0.4, 9.5) 0.64; (1,5); (5,0); (5,4), dominated by (5,0).
    assert epsilon_front(points, np.array([1.0, 1.0])).tolist() == [1, 3, 4]


def test_epsilon_front_of_equal_points_is_one():
    assert epsilon_front(np.ones((4, 2)), np.zeros(2)).tolist() == [0]


@given(POINTS)
def test_no_box_of_an_epsilon_front_dominates_another(points):
    size = np.array([2.0, 3.0])
    front = points[epsilon_front(points, size)]
    boxes = np.floor((front - points.min(axis=0)) / size)
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert not any(dominates(a, b) for a in boxes for b in boxes)
    every = np.floor((points - points.min(axis=0)) / size)
    assert all(any((a <= b).all() for a in boxes) for b in every), "every box is covered"


def test_hypervolume_of_known_points():
    reference = np.array([4.0, 4.0])
    # A staircase: 1 x 1 + 1 x 2 + 1 x 3; a dominated point, and one beyond the reference, add none.
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [3.0, 3.0], [0.0, 4.0]])
    assert hypervolume(points, reference) == 6.0
    assert hypervolume(points[3:4], reference) == 1.0
    assert hypervolume(points[4:], reference) == 0.0


@given(POINTS)
def test_hypervolume_counts_cells_and_is_that_of_pymoo(points):
    cells = sum(
        any(x <= i and y <= j for x, y in points) for i in range(8) for j in range(8)
    )
    assert hypervolume(points, np.array([8.0, 8.0])) == cells
    indicator = pytest.importorskip("pymoo.indicators.hv").HV(ref_point=np.array([8.0, 8.0]))
    assert cells == pytest.approx(indicator(points))
