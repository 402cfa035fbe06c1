"""Many small two-dimensional look-up tables as one block of arrays.

The non-linear delay model (NLDM) of Liberty: bilinear between table points and, beyond the ends,
continued with the slope of the last segment, as static timing tools do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """Tables over (slew, load), or for checks over (related slew, constrained slew).

    Attributes
    ----------
    slew_axis, load_axis : ndarray, shape (tables, slews), (tables, loads)
        Ascending; short axes are filled up with infinity.
    size : ndarray of int, shape (tables, 2)
        Number of points of each axis; at least 2 (a constant axis holds its value twice).
    values : ndarray, shape (tables, slews, loads)
    """

    slew_axis: Floats
    load_axis: Floats
    size: Ints
    values: Floats

    def lookup(self, table: Ints, slew: Floats, load: Floats) -> Floats:
        """Return the interpolated value of `table[i]` at (`slew[i]`, `load[i]`)."""
        row, row_part = _segment(self.slew_axis[table], self.size[table, 0], slew)
        column, column_part = _segment(self.load_axis[table], self.size[table, 1], load)
        values = self.values
        low = _mix(values[table, row, column], values[table, row, column + 1], column_part)
        high = _mix(values[table, row + 1, column], values[table, row + 1, column + 1], column_part)
        return _mix(low, high, row_part)

    def resample(self, table: Ints, slew_axis: Floats, load_axis: Floats) -> Floats:
        """Return the values of `table[i]` on other axes, shape (tables, slews, loads).

        Points of the axes that are infinite repeat the first point.
        """
        slew = np.where(np.isfinite(slew_axis), slew_axis, slew_axis[:, :1])
        load = np.where(np.isfinite(load_axis), load_axis, load_axis[:, :1])
        grid = (len(table), slew.shape[1], load.shape[1])
        slews = np.broadcast_to(slew[:, :, None], grid).ravel()
        loads = np.broadcast_to(load[:, None, :], grid).ravel()
        return self.lookup(np.repeat(table, grid[1] * grid[2]), slews, loads).reshape(grid)


def _mix(low: Floats, high: Floats, part: Floats) -> Floats:
    return low + (high - low) * part


def _segment(axis: Floats, size: Ints, x: Floats) -> tuple[Ints, Floats]:
    """Index of the segment that serves x, and the position of x in it (outside 0..1 beyond)."""
    index = np.minimum(np.count_nonzero(axis[:, 1:] <= x[:, None], axis=1), size - 2)
    rows = np.arange(len(axis))
    start = axis[rows, index]
    return index, (x - start) / (axis[rows, index + 1] - start)


def pack_tables(tables: Sequence[tuple[Floats, Floats, Floats]]) -> Tables:
    """Pack (slew axis, load axis, values) triples; an axis of one point becomes constant."""
    widened = [_widen(*table) for table in tables]
    rows = max((len(slew) for slew, _, _ in widened), default=2)
    columns = max((len(load) for _, load, _ in widened), default=2)
    slew_axis = np.full((len(widened), rows), np.inf)
    load_axis = np.full((len(widened), columns), np.inf)
    values = np.zeros((len(widened), rows, columns))
    for index, (slew, load, value) in enumerate(widened):
        slew_axis[index, : len(slew)] = slew
        load_axis[index, : len(load)] = load
        values[index, : len(slew), : len(load)] = value
    size = np.array([value.shape for _, _, value in widened], dtype=np.int64).reshape(-1, 2)
    return Tables(slew_axis, load_axis, size, values)


def _widen(slew: Floats, load: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    if len(slew) < 2:
        slew, values = _two_points(slew), np.repeat(values, 2, axis=0)
    if len(load) < 2:
        load, values = _two_points(load), np.repeat(values, 2, axis=1)
    return slew, load, values


def _two_points(axis: Floats) -> Floats:
    start = axis[0] if len(axis) else 0.0
    return np.array([start, start + 1.0])


def select_tables(tables: Tables, index: Ints) -> Tables:
    """Return some of the tables, with their axes cut to the longest that is left."""
    size = tables.size[index]
    rows, columns = (int(length) for length in size.max(axis=0, initial=2))
    return Tables(
        tables.slew_axis[index, :rows],
        tables.load_axis[index, :columns],
        size,
        tables.values[index, :rows, :columns],
    )


def interpolate_tables(
    low: Tables, high: Tables, part: float, logarithmic: NDArray[np.bool_]
) -> Tables:
    """Return tables at a supply `part` of the way between those of `low` and `high`.

    Both surfaces are evaluated on the union of their axes, so that the result equals `low` at
    part 0 and `high` at part 1. Tables marked `logarithmic` whose values are all positive are mixed
    in the logarithm (delay and slew fall with Vdd like a power law), all others linearly.
    """
    slew_axis = union_axes(low.slew_axis, high.slew_axis)
    load_axis = union_axes(low.load_axis, high.load_axis)
    size = np.stack([_points(slew_axis), _points(load_axis)], axis=1)
    every = np.arange(len(size))
    first = low.resample(every, slew_axis, load_axis)
    second = high.resample(every, slew_axis, load_axis)
    outside = ~np.isfinite(slew_axis[:, :, None] + load_axis[:, None, :])
    positive = ((first > 0) & (second > 0) | outside).all(axis=(1, 2)) & logarithmic
    values = (1 - part) * first + part * second
    values[positive] = first[positive] ** (1 - part) * second[positive] ** part
    values[outside] = 0.0
    return Tables(slew_axis, load_axis, size, values)


def _points(axis: Floats) -> Ints:
    points: Ints = np.isfinite(axis).sum(axis=1, dtype=np.int64)
    return points


def union_axes(first: Floats, second: Floats) -> Floats:
    """Return the sorted union of two axes per table; points within 1e-5 of each other are one."""
    both = np.sort(np.concatenate([first, second], axis=1), axis=1)
    with np.errstate(invalid="ignore"):
        same = np.diff(both, axis=1) <= 1e-5 * np.abs(both[:, 1:])
    both[:, 1:][same] = np.inf
    both.sort(axis=1)
    return both[:, : int(_points(both).max(initial=2))]
