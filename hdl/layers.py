"""Layers as the accelerator computes them, and strided ones as blocks of pixels."""

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voltile.core import LayerError, Precision

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """A convolution, or, with a kernel as large as the input, a fully connected layer.

    Attributes
    ----------
    in_channels, out_channels : int
        Channels of the feature maps.
    in_height, in_width : int
        Pixels of the input.
    kernel, stride : tuple of int
        Height and width of the kernel; rows and columns from window to window.
    padding : tuple of int
        Rows and columns of zeros above, left, below and right.
    groups : int
        Groups of channels that do not see each other; as many as channels: depthwise.
    precision : Precision
        Of the operands.
    bias, relu : bool
        Whether there is a bias per output channel; whether negative results become zero.
    position : int
        Right shift of results.
    narrow : bool
        Whether results have half of the bits, for a layer at half precision.
    """

    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    precision: Precision = Precision.FULL
    bias: bool = True
    relu: bool = False
    position: int = 0
    narrow: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        sizes = (self.in_channels, self.out_channels, self.in_height, self.in_width, self.groups)
        if min(*sizes, *self.kernel, *self.stride) < 1 or min(self.padding) < 0:
            raise LayerError(f"sizes of a layer are positive, and padding not negative: {self}")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise LayerError(
                f"{self.groups} groups do not divide {self.in_channels} input and "
                f"{self.out_channels} output channels"
            )
        if min(self.out_height, self.out_width) < 1:
            raise LayerError(
                f"a kernel of {self.kernel[0]} x {self.kernel[1]} does not fit a padded input of "
                f"{self.in_height + sum(self.padding[::2])} x "
                f"{self.in_width + sum(self.padding[1::2])}"
            )

    def _check_types(self) -> None:
        for name in ("in_channels", "out_channels", "in_height", "in_width", "groups", "position"):
            if not isinstance(getattr(self, name), Integral):
                raise LayerError(f"{name} must be an integer, not {getattr(self, name)!r}")
        for name, count in (("kernel", 2), ("stride", 2), ("padding", 4)):
            values = getattr(self, name)
            if not (
                isinstance(values, tuple | list)
                and len(values) == count
                and all(isinstance(value, Integral) for value in values)
            ):
                raise LayerError(f"{name} must be a tuple of {count} integers, not {values!r}")
        if not isinstance(self.precision, Precision):
            raise LayerError(f"precision must be a Precision, not {self.precision!r}")
        for name in ("bias", "relu", "narrow"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise LayerError(f"{name} must be True or False, not {getattr(self, name)!r}")

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        rows = self.in_height + self.padding[0] + self.padding[2] - self.kernel[0]
        return rows // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        columns = self.in_width + self.padding[1] + self.padding[3] - self.kernel[1]
        return columns // self.stride[1] + 1


@dataclass(frozen=True)
class SpaceToDepth:
    """A strided layer as one of stride 1 whose pixels are blocks of the input's.

    A block has as many rows and columns as the stride, and their channels side by side, so that
    layers of few input channels fill more of a word. The windows start at blocks: padding is part
    of the input then. Results are the same, but where an accumulator saturates on its way.

    Attributes
    ----------
    source : Layer
        The layer, of one group.

    Raises
    ------
    LayerError
        When the layer has several groups, or a window in which there is padding only.
    """

    source: Layer

    def __post_init__(self) -> None:
        layer = self.source
        if layer.groups != 1:
            raise LayerError(f"blocks of pixels are for layers of one group, not {layer.groups}")
        if layer.padding[0] >= layer.kernel[0] or layer.padding[1] >= layer.kernel[1]:
            raise LayerError(
                f"padding of {layer.padding[0]} and {layer.padding[1]} must be smaller than the "
                f"kernel of {layer.kernel[0]} x {layer.kernel[1]}"
            )

    @property
    def layer(self) -> Layer:
        """The layer of blocks."""
        layer, (rows, columns) = self.source, self.source.stride
        kernel = -(-layer.kernel[0] // rows), -(-layer.kernel[1] // columns)
        return replace(
            layer,
            in_channels=layer.in_channels * rows * columns,
            in_height=layer.out_height + kernel[0] - 1,
            in_width=layer.out_width + kernel[1] - 1,
            kernel=kernel,
            stride=(1, 1),
            padding=(0, 0, 0, 0),
        )

    def act(self, act: ArrayLike) -> IntArray:
        """Return a feature map of the source as one of blocks."""
        values, (top, left, _, _) = np.asarray(act, np.int64), self.source.padding
        (rows, columns), blocks = self.source.stride, self.layer
        height, width = blocks.in_height * rows, blocks.in_width * columns
        padded = np.zeros((height, width, values.shape[2]), np.int64)
        part = values[: height - top, : width - left]
        padded[top : top + part.shape[0], left : left + part.shape[1]] = part
        of_blocks: IntArray = _blocks(padded[None], rows, columns)[0]
        return of_blocks

    def weight(self, weight: ArrayLike) -> IntArray:
        """Return weights of the source as those of blocks."""
        values = np.asarray(weight, np.int64)
        (rows, columns), kernel = self.source.stride, self.layer.kernel
        padded = np.zeros(
            (len(values), kernel[0] * rows, kernel[1] * columns, values.shape[3]), np.int64
        )
        padded[:, : values.shape[1], : values.shape[2]] = values
        return _blocks(padded, rows, columns)


def _blocks(values: IntArray, rows: int, columns: int) -> IntArray:
    """Return maps whose pixels are blocks: (maps, height, width, channels) of each."""
    count, height, width, channels = values.shape
    split = values.reshape(count, height // rows, rows, width // columns, columns, channels)
    blocks: IntArray = split.swapaxes(2, 3).reshape(count, height // rows, width // columns, -1)
    return blocks
