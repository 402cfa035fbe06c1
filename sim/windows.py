"""The windows of a convolution over a padded feature map (im2col)."""

from collections.abc import Sequence
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


def same_padding(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], lower: bool = False
) -> tuple[int, int, int, int]:
    """Return the least padding with which a map of `size` has a window for every `stride` pixels.

    The "same" padding of TensorFlow and, with auto_pad, of ONNX.

    Parameters
    ----------
    kernel : sequence of int
        Rows and columns that a window reaches over.
    lower : bool
        Whether an odd row or column of padding goes above or to the left.

    Returns
    -------
    tuple of int
        Rows and columns of zeros above, left, below, right.
    """
    sides = []
    for pixels, reach, step in zip(size, kernel, stride, strict=True):
        total = max((-(-pixels // step) - 1) * step + reach - pixels, 0)
        less, more = total // 2, total - total // 2
        sides.append((more, less) if lower else (less, more))
    (top, bottom), (left, right) = sides
    return top, left, bottom, right
