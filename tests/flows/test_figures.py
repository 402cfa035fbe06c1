"""Numbers beside points: clear of points, frame and each other, by what matplotlib draws."""

import numpy as np
import pytest

from voltile.flows.figures import free_places, new_figure, number_points

# A front with neighbours that touch, as of a search; twelve points, for numbers of two digits.
X = np.array([1.0, 0.92, 0.89, 0.84, 0.81, 0.785, 0.75, 0.727, 0.722, 0.7, 0.698, 0.615])
Y = np.array([0.0, 0.002, 0.007, 0.01, 0.014, 0.016, 0.02, 0.03, 0.05, 0.06, 0.062, 0.35])


@pytest.mark.parametrize("width", [3.0, 10.0])
def test_numbers_lie_over_nothing(width):
    figure, axes = new_figure(width, 3.0)
    axis = axes[0, 0]
    axis.plot(X, Y, "x", ms=8, mew=2)
    axis.set_ylim(-0.01, 0.36)
    number_points(axis, X, Y)
    figure.draw_without_rendering()
    texts = axis.texts
    assert {0, 11} <= {int(text.get_text()) for text in texts}
    assert len(texts) == 12 or width == 3.0
    boxes = [text.get_window_extent() for text in texts]
    frame = axis.get_window_extent()
    points = axis.transData.transform(np.column_stack([X, Y]))
    marker = 4 * figure.dpi / 72  # half of one
    for number, box in enumerate(boxes):
        assert frame.x0 < box.x0 and box.x1 < frame.x1
        assert frame.y0 < box.y0 and box.y1 < frame.y1
        assert not any(box.overlaps(other) for other in boxes[:number])
        beside = (np.abs(points - (box.max + box.min) / 2) >= box.size / 2 + marker * 0.9).any(1)
        assert beside.all()
    # The nearest point of a number is its own.
    for text, box in zip(texts, boxes, strict=True):
        distance = np.hypot(*(points - (box.max + box.min) / 2).T)
        assert distance[int(text.get_text())] < distance.min() + figure.dpi / 72


def test_the_first_place_is_to_the_upper_right_and_there_may_be_none():
    frame = np.array([[0.0, 0.0], [100.0, 100.0]])
    (middle,) = free_places(np.array([[50.0, 50.0]]), np.array([6.0]), frame)
    assert (middle > 50).all()
    # In the corner there is room below and to the left alone.
    (middle,) = free_places(np.array([[98.0, 98.0]]), np.array([6.0]), frame)
    assert (middle < 98).all()
    crowd = np.stack(np.meshgrid(np.arange(5, 100, 8.0), np.arange(5, 100, 8.0)), -1)
    assert np.isnan(free_places(crowd.reshape(-1, 2), np.full(144, 6.0), frame)).all()
