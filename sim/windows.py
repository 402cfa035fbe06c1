"""The windows of a convolution over a padded feature map (im2col)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def windows(
    feature: NDArray[Any],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int = 1,
) -> NDArray[Any]:
    """Return the window of every output pixel, the channels of a group last.

    Parameters
    ----------
    feature : ndarray, shape (height, width, channels)
        Feature map.
    kernel, stride : tuple of int
        Rows and columns of a window; and from window to window.
    padding : tuple of int
        Rows and columns of zeros above, left, below, right.
    groups : int
        Groups of channels, a divisor of them.

    Returns
    -------
    ndarray, shape (out height, out width, groups, kernel rows, kernel columns, channels / groups)
        A view of the padded map where it can be one.
    """
    top, left, bottom, right = padding
    padded = np.pad(feature, ((top, bottom), (left, right), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(0, 1))
    seen = seen[:: stride[0], :: stride[1]]
    grouped = seen.reshape(*seen.shape[:2], groups, -1, *kernel)
    return np.moveaxis(grouped, 3, -1)
