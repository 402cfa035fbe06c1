"""Bands of output rows: how many rows fit, and the input rows that all bands take."""

import numpy as np

from voltile.sim.layer_columns import IntArray, Integers, LayerColumns


def rows_that_fit(layers: LayerColumns, height: IntArray) -> IntArray:
    """Return the most output rows of a band that reach over so many input rows; 0 is none.

    Padding counts as if it were rows, unless the whole input fits.
    """
    part = (height - layers.reach_y) // layers.stride_y + 1
    some = np.clip(part, 0, layers.out_height - 1)
    rows: IntArray = np.where(height >= layers.in_height, layers.out_height, some)
    return rows


def input_rows(layers: LayerColumns, rows: IntArray) -> IntArray:
    """Return the input rows of all bands of `rows` output rows, halos counted once per band.

    A band takes the rows from its first window's first to its last window's last, those that the
    map has; one band alone takes all.
    """
    bands = -(-layers.out_height // rows)
    step = rows * layers.stride_y
    reach = (rows - 1) * layers.stride_y + layers.reach_y
    begins = _sum_inside(-layers.pad_top, step, bands, layers.in_height)
    ends = _sum_inside(reach - layers.pad_top, step, bands - 1, layers.in_height)
    last = (layers.out_height - 1) * layers.stride_y + layers.reach_y - layers.pad_top
    total = ends + np.clip(last, 0, layers.in_height) - begins
    height: IntArray = np.where(bands == 1, layers.in_height, total)
    return height


def _sum_inside(first: IntArray, step: IntArray, count: IntArray, limit: IntArray) -> IntArray:
    """Return ``sum(clip(first + b * step, 0, limit) for b in range(count))``."""
    return _sum_of_least(first, step, count, limit) - _sum_of_least(first, step, count, 0)


def _sum_of_least(first: IntArray, step: IntArray, count: IntArray, limit: Integers) -> IntArray:
    """Return ``sum(min(first + b * step, limit) for b in range(count))``."""
    below: IntArray = np.clip((limit - first) // step + 1, 0, count)
    under: IntArray = below * first + step * (below * (below - 1) // 2)
    return under + (count - below) * limit
