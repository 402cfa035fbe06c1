"""The layers of a network as columns of numbers, for models of all layers at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Integers = IntArray | int
"""A number, or one for each element of an array."""


@dataclass(frozen=True)
class LayerColumns:
    """Sizes of layers, arrays of shape (layers,).

    As `LayerShape`, but layers that do not run on the array have a group per channel.
    """

    in_channels: IntArray
    out_channels: IntArray
    in_height: IntArray
    in_width: IntArray
    kernel_y: IntArray
    kernel_x: IntArray
    stride_y: IntArray
    stride_x: IntArray
    pad_top: IntArray
    pad_left: IntArray
    pad_bottom: IntArray
    pad_right: IntArray
    dilation_y: IntArray
    dilation_x: IntArray
    groups: IntArray
    bias: IntArray
    inputs: IntArray
    on_array: IntArray
    weighted: IntArray

    @classmethod
    def of(cls, rows: Iterable[tuple[int, ...]]) -> "LayerColumns":
        """Return columns from a row of all values per layer."""
        return cls(*np.array(list(rows), np.int64).T)

    @cached_property
    def reach_y(self) -> IntArray:
        """Rows of the input that a window reaches over."""
        return (self.kernel_y - 1) * self.dilation_y + 1

    @cached_property
    def out_height(self) -> IntArray:
        """Rows of the output."""
        padded = self.in_height + self.pad_top + self.pad_bottom
        return (padded - self.reach_y) // self.stride_y + 1

    @cached_property
    def out_width(self) -> IntArray:
        """Columns of the output."""
        padded = self.in_width + self.pad_left + self.pad_right
        return (padded - (self.kernel_x - 1) * self.dilation_x - 1) // self.stride_x + 1

    @cached_property
    def pixels(self) -> IntArray:
        """Pixels of the output."""
        return self.out_height * self.out_width

    @cached_property
    def kernel(self) -> IntArray:
        """Pixels of the kernel."""
        return self.kernel_y * self.kernel_x

    @cached_property
    def group_inputs(self) -> IntArray:
        """Input channels of a group."""
        return self.in_channels // self.groups

    @cached_property
    def group_outputs(self) -> IntArray:
        """Output channels of a group."""
        return self.out_channels // self.groups

    @cached_property
    def vector(self) -> IntArray:
        """Products of an output."""
        return self.kernel * self.group_inputs

    @cached_property
    def macs(self) -> IntArray:
        """Products of an inference; none when it does not run on the array."""
        return self.pixels * self.out_channels * self.vector * self.on_array

    @cached_property
    def kernel_pixels_inside(self) -> IntArray:
        """Kernel pixels that lie on the feature map, summed over all windows."""
        rows = _inside(
            self.kernel_y, self.stride_y, self.dilation_y, self.pad_top, self.in_height,
            self.out_height,
        )  # fmt: skip
        columns = _inside(
            self.kernel_x, self.stride_x, self.dilation_x, self.pad_left, self.in_width,
            self.out_width,
        )  # fmt: skip
        return rows * columns


def _inside(
    kernel: IntArray,
    stride: IntArray,
    dilation: IntArray,
    padding: IntArray,
    size: IntArray,
    windows: IntArray,
) -> IntArray:
    """Return how many (window, tap) of one dimension lie on the map."""
    taps = np.arange(kernel.max(), dtype=np.int64)[:, None]
    # Window w puts the tap at w * stride + at.
    at = taps * dilation - padding
    first = np.maximum(-(at // stride), 0)
    last = np.minimum((size - 1 - at) // stride, windows - 1)
    inside: IntArray = np.where(taps < kernel, np.maximum(last - first + 1, 0), 0).sum(axis=0)
    return inside
