"""Figures that are the same bytes whenever they are drawn, and the colours of the two supplies."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import write_atomically

FloatArray = NDArray[np.float64]

# Colour-blind safe (Okabe and Ito).
LOW, HIGH = "#56B4E9", "#D55E00"
_DPI = 150
DIGIT = 5.2
"""Width of a digit of 8 points [pt]."""
# Of a number beside a point: its height, half of a marker, the space to another [pt], and where its
# middle may be, in units of the nearest place that is clear of its own marker.
_HEIGHT, _MARKER, _GAP = 8.0, 5.0, 2.5
_SIDES = np.array([(1, 1), (-1, -1), (-1, 1), (1, -1), (0, 1), (0, -1)])
_PLACES = np.concatenate([_SIDES, 1.8 * _SIDES])


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1, **options: Any
) -> tuple[Any, Any]:
    """Return a figure of a size in inches, and its axes, shape (rows, columns)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the format of the file's suffix, and close it."""
    import matplotlib.pyplot as plt

    with write_atomically(path) as temporary:
        # Without a date and a version the same run gives the same bytes.
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)


def number_points(axis: Any, x: FloatArray, y: FloatArray) -> None:
    """Write the number of every point, from 0 on, beside it where there is room.

    Points are numbered along a front, so that the neighbours of one without a number tell it.
    Limits of the axis must be final.
    """
    from matplotlib.patheffects import withStroke

    axis.figure.draw_without_rendering()  # the layout is not known before
    to_points = 72 / axis.figure.dpi
    points = axis.transData.transform(np.column_stack([x, y])) * to_points
    texts = [str(number) for number in range(len(points))]
    widths = np.array([DIGIT * len(text) + _GAP for text in texts])
    middles = free_places(points, widths, axis.get_window_extent().get_points() * to_points)
    for row in np.flatnonzero(np.isfinite(middles[:, 0])):
        axis.annotate(
            texts[row], (x[row], y[row]), middles[row] - points[row], textcoords="offset points",
            fontsize=8, ha="center", va="center",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def free_places(points: FloatArray, widths: FloatArray, frame: FloatArray) -> FloatArray:
    """Return the middles of labels beside points, NaN where a label has no room.

    In the order of the points each takes the first place that is clear of all points, of the labels
    before and of the frame, and nearer to its point than to any other.

    Parameters
    ----------
    points : ndarray, shape (points, 2)
        [pt].
    widths : ndarray, shape (points,)
        Of the labels [pt].
    frame : ndarray, shape (2, 2)
        Lower left and upper right corner [pt].
    """
    found = np.full_like(points, np.nan)
    middles, halves = points, np.full_like(points, _MARKER)  # what is taken
    for row, width in enumerate(widths):
        half = np.array([width, _HEIGHT]) / 2
        for middle in points[row] + _PLACES * (half + _MARKER + 0.1):
            clear = (np.abs(middle - middles) > half + halves).any(axis=1).all()
            inside = (middle - half > frame[0]).all() and (middle + half < frame[1]).all()
            if clear and inside and np.hypot(*(points - middle).T).argmin() == row:
                found[row] = middle
                middles, halves = np.vstack([middles, middle]), np.vstack([halves, half])
                break
    return found
