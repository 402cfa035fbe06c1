"""Bands of output rows: how many rows fit, and the input rows that all bands take."""

import numpy as np

from voltile.sim.layer_columns import IntArray, LayerColumns


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
    # Band b begins at b * step - padding, and ends where the last one does or `reach` later.
    begins = _sum_of_least(-layers.pad_top, step, bands, None) - _sum_of_least(
        -layers.pad_top, step, bands, 0
    )
    reach = (rows - 1) * layers.stride_y + layers.reach_y
    ends = _sum_of_least(reach - layers.pad_top, step, bands - 1, layers.in_height)
    last = (layers.out_height - 1) * layers.stride_y + layers.reach_y - layers.pad_top
    total = ends + np.minimum(last, layers.in_height) - begins
    height: IntArray = np.where(bands == 1, layers.in_height, total)
    return height


def _sum_of_least(
    first: IntArray, step: IntArray, count: IntArray, limit: IntArray | int | None
) -> IntArray:
    """Return ``sum(min(first + b * step, limit) for b in range(count))``."""
    below: IntArray = count if limit is None else np.clip((limit - first) // step + 1, 0, count)
    under: IntArray = below * first + step * (below * (below - 1) // 2)
    return under if limit is None else under + (count - below) * limit
