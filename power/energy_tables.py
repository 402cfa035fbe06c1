"""Energy tables of several supplies, looked up for many rows at once.

A row is one event of one instance: an edge at an input, and, where an output switches, the edge
there. What a row reads from is known before the supplies are; so places on the axes are found once
per node and axis, not once per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.pdk import Tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Axes:
    """Different axes of tables, and which of them each (supply, table) has."""

    points: Floats
    last: Ints
    of_table: Ints

    @classmethod
    def of(cls, axes: Sequence[Floats]) -> "_Axes":
        width = max(axis.shape[1] for axis in axes)
        filled = np.full((len(axes), len(axes[0]), width), np.inf)
        for number, axis in enumerate(axes):
            filled[number, :, : axis.shape[1]] = axis
        points, index = np.unique(filled.reshape(-1, width), axis=0, return_inverse=True)
        last = np.isfinite(points).sum(axis=1) - 2
        return cls(points, last, index.reshape(len(axes), -1))


class EnergyTables:
    """Tables of all supplies that a set of rows reads.

    Parameters
    ----------
    libraries : sequence of Tables
        One per supply, of the same structure.
    table, cell, slew_node, load_node : ndarray of int, shape (rows,)
        Table, instance, and the nodes (2 * net + edge) whose slew and load it is read at.
    """

    def __init__(
        self, libraries: Sequence[Tables], table: Ints, cell: Ints, slew_node: Ints, load_node: Ints
    ) -> None:
        used, self._table = np.unique(table, return_inverse=True)
        self._cell, self._tables = cell, len(used)
        rows = max(item.values.shape[1] for item in libraries)
        self._columns = max(item.values.shape[2] for item in libraries)
        values = np.zeros((len(libraries), len(used), rows, self._columns))
        for number, item in enumerate(libraries):
            values[number, :, : item.values.shape[1], : item.values.shape[2]] = item.values[used]
        self._size = rows * self._columns
        self._values = values.ravel()
        self._slew = _Axes.of([item.slew_axis[used] for item in libraries])
        self._load = _Axes.of([item.load_axis[used] for item in libraries])
        # Rows that read the same node on the same axes of all supplies share one place.
        self._slew_places = _Places(self._slew, self._table, cell, slew_node)
        self._load_places = _Places(self._load, self._table, cell, load_node)

    def lookup(self, supply: Ints, slew: Floats, load: Floats) -> Floats:
        """Return the energy of each row [J].

        Parameters
        ----------
        supply : ndarray of int, shape (cells,)
        slew, load : ndarray, shape (nodes,)
        """
        row, row_part = self._slew_places.place(supply, slew)
        column, column_part = self._load_places.place(supply, load)
        at = (supply[self._cell] * self._tables + self._table) * self._size
        at += row * self._columns
        at += column
        values = self._values
        low: Floats = values[at]
        low += (values[at + 1] - low) * column_part
        at += self._columns
        high = values[at]
        high += (values[at + 1] - high) * column_part
        high -= low
        high *= row_part
        low += high
        return low


class _Places:
    """Where rows fall on their axes: found once for rows of one instance, node and axis."""

    def __init__(self, axes: _Axes, table: Ints, cell: Ints, node: Ints) -> None:
        # The axis a row has at each supply, as one number for the combination.
        kinds, kind = np.unique(axes.of_table, axis=1, return_inverse=True)
        kind = kind.reshape(-1)[table]
        width = int(node.max(initial=0)) + 1
        # One supply, or the same axes at all of them: the instance does not matter.
        fixed = bool((kinds == kinds[:1]).all())
        owner = cell * 0 if fixed else cell
        key = (owner * kinds.shape[1] + kind) * width + node
        _, first, self._place = np.unique(key, return_index=True, return_inverse=True)
        self._node, self._cell, self._kind = node[first], cell[first], kind[first]
        self._kinds, self._axes, self._fixed = kinds, axes, fixed

    def place(self, supply: Ints, value: Floats) -> tuple[Ints, Floats]:
        """Segment of each row on its axis, and where in it: outside 0..1 beyond the ends."""
        axes = self._axes
        if self._fixed:
            axis = self._kinds[0, self._kind]
        else:
            axis = self._kinds[supply[self._cell], self._kind]
        x = value[self._node]
        segment = np.zeros(len(x), dtype=np.int64)
        for inner in axes.points.T[1:-1]:
            segment += x >= inner[axis]
        segment = np.minimum(segment, axes.last[axis])
        start = axes.points[axis, segment]
        part = (x - start) / (axes.points[axis, segment + 1] - start)
        return segment[self._place], part[self._place]
