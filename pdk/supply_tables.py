"""Tables of several supplies laid out for look-ups in compiled loops.

Row = supply * groups + group, where a group is the tables that are always read at one place: delay
and output slew of an arc, or one table of energy alone.
"""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.tables import Tables, union_axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Axes(NamedTuple):
    """The different axes of the rows.

    Attributes
    ----------
    points : ndarray, shape (axes, points)
        Ascending; short axes are filled up with infinity.
    last : ndarray of int, shape (axes,)
        Index of the last segment of each.
    of_row : ndarray of int, shape (rows,)
        Which axis each row has.
    """

    points: Floats
    last: Ints
    of_row: Ints


class SupplyTables(NamedTuple):
    """Tables of all groups at all supplies.

    Attributes
    ----------
    groups : int
    patches : ndarray, shape (rows, slews, loads, 4, tables of a group)
        Coefficients of a + b * load + c * slew + d * slew * load at the low corner of each segment,
        where slew and load run from 0 to 1 over the segment: one gather serves all corners.
    slew, load : Axes
    """

    groups: int
    patches: Floats
    slew: Axes
    load: Axes


def stack_supplies(libraries: Sequence[Tables], groups: Ints) -> SupplyTables:
    """Return groups of tables at several supplies.

    Parameters
    ----------
    libraries : sequence of Tables
        One per supply, of the same structure.
    groups : ndarray of int, shape (groups, tables of a group)
        Tables of a group may have axes of their own; on the union all stay what they are.
    """
    slew_axes, load_axes, blocks = [], [], []
    for tables in libraries:
        slew = reduce(union_axes, [tables.slew_axis[column] for column in groups.T])
        load = reduce(union_axes, [tables.load_axis[column] for column in groups.T])
        slew_axes.append(slew)
        load_axes.append(load)
        columns = [tables.resample(column, slew, load) for column in groups.T]
        blocks.append(_patches(np.stack(columns, axis=-1)))
    rows = max(block.shape[1] for block in blocks)
    columns_ = max(block.shape[2] for block in blocks)
    patches = np.zeros((len(blocks), len(groups), rows, columns_, 4, groups.shape[1]))
    for number, block in enumerate(blocks):
        patches[number, :, : block.shape[1], : block.shape[2]] = block
    return SupplyTables(
        len(groups), patches.reshape(-1, *patches.shape[2:]), _axes(slew_axes), _axes(load_axes)
    )


def _patches(values: Floats) -> Floats:
    low, right = values[:, :-1, :-1], values[:, :-1, 1:]
    up, far = values[:, 1:, :-1], values[:, 1:, 1:]
    return np.stack([low, right - low, up - low, far - right - up + low], axis=-2)


def _axes(parts: Sequence[Floats]) -> Axes:
    width = max(part.shape[1] for part in parts)
    filled = np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=np.inf)
         for part in parts]
    )  # fmt: skip
    points, of_row = np.unique(filled, axis=0, return_inverse=True)
    return Axes(points, np.isfinite(points).sum(axis=1) - 2, of_row.reshape(-1))
