"""Networks as the cost models see them: shapes of layers, no weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from voltile.core import LayerError
from voltile.sim.layer_columns import IntArray, LayerColumns

# Values and products of a layer and a batch, so that sums of bits and cycles fit 64 bits.
_MOST_VALUES = 1 << 50


class Op(Enum):
    """What a layer does.

    Convolutions, fully connected layers and average pooling run on the array; average pooling is a
    depthwise convolution (dissertation 3.4.4). The others only move and compare feature maps.
    """

    CONV = "conv"
    GEMM = "gemm"
    AVERAGE_POOL = "average_pool"
    MAX_POOL = "max_pool"
    ELEMENTWISE = "elementwise"

    @property
    def on_array(self) -> bool:
        """Whether the array computes it."""
        return self in (Op.CONV, Op.GEMM, Op.AVERAGE_POOL)


@dataclass(frozen=True)
class LayerShape:
    """Shape of a layer.

    A fully connected layer is a convolution with a kernel as large as its input; a product of
    matrices is one of 1 x 1 with a pixel per row of the left one.

    Attributes
    ----------
    name : str
        Unique in its network.
    op : Op
        What it does.
    in_channels, out_channels, in_height, in_width : int
        Of the feature maps.
    kernel, stride, dilation : tuple of int
        Height and width of the kernel; rows and columns from window to window, and between the
        pixels of one.
    padding : tuple of int
        Rows and columns of zeros above, left, below and right.
    groups : int
        Groups of channels that do not see each other; as many as channels: depthwise.
    bias : bool
        Whether there is a bias per output channel.
    inputs : int
        Feature maps that an element-wise layer takes.

    Raises
    ------
    LayerError
        When the name is not printable text, a size is not positive, groups do not divide the
        channels, or the kernel does not fit.
    """

    name: str
    op: Op
    in_channels: int
    out_channels: int
    in_height: int = 1
    in_width: int = 1
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True
    inputs: int = 1

    def __post_init__(self) -> None:
        if not (self.name and self.name.isprintable()):
            raise LayerError(f"the name of a layer must be printable text, not {self.name!r}")
        sizes = (self.in_channels, self.out_channels, self.in_height, self.in_width, self.groups,
                 self.inputs, *self.kernel, *self.stride, *self.dilation)  # fmt: skip
        if min(sizes) < 1 or min(self.padding) < 0:
            raise LayerError(
                f"layer '{self.name}': sizes must be positive and padding not negative: {self}"
            )
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise LayerError(
                f"layer '{self.name}': {self.groups} groups do not divide {self.in_channels} input "
                f"and {self.out_channels} output channels"
            )
        if min(self.out_height, self.out_width) < 1:
            raise LayerError(
                f"layer '{self.name}': a kernel of {self.kernel[0]} x {self.kernel[1]} does not "
                f"fit an input of {self.in_height} x {self.in_width}"
            )

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        reach = (self.kernel[0] - 1) * self.dilation[0] + 1
        return (self.in_height + self.padding[0] + self.padding[2] - reach) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        reach = (self.kernel[1] - 1) * self.dilation[1] + 1
        return (self.in_width + self.padding[1] + self.padding[3] - reach) // self.stride[1] + 1

    @property
    def vector(self) -> int:
        """Products of an output: kernel pixels x input channels of a group."""
        return self.kernel[0] * self.kernel[1] * self.in_channels // self.groups

    @property
    def macs(self) -> int:
        """Products of an inference; none when it does not run on the array."""
        outputs = self.out_height * self.out_width * self.out_channels
        return outputs * self.vector if self.op.on_array else 0

    @property
    def weights(self) -> int:
        """Number of weights, biases left out; average pooling needs none from outside."""
        return self.out_channels * self.vector if self.op in (Op.CONV, Op.GEMM) else 0


@dataclass(frozen=True)
class Workload:
    """A network: its layers in their order, and how many inputs it takes at a time.

    Raises
    ------
    LayerError
        When there is no layer, two have one name, the batch is not positive, or a layer is so large
        that its costs do not fit integers of 64 bits.
    """

    name: str
    layers: tuple[LayerShape, ...]
    batch: int = 1

    def __post_init__(self) -> None:
        if not self.layers:
            raise LayerError(f"{self.name}: there is no layer")
        names = [layer.name for layer in self.layers]
        doubles = {name for name in names if names.count(name) > 1}
        if doubles:
            raise LayerError(f"{self.name}: more than one layer is named '{min(doubles)}'")
        if self.batch < 1:
            raise LayerError(f"{self.name}: batch must be positive, not {self.batch}")
        for layer in self.layers:
            padded = (layer.in_height + layer.padding[0] + layer.padding[2]) * (
                layer.in_width + layer.padding[1] + layer.padding[3]
            )
            values = layer.inputs * layer.in_channels * padded
            products = layer.out_channels * layer.out_height * layer.out_width * layer.vector
            if self.batch * max(values, products) > _MOST_VALUES:
                raise LayerError(
                    f"{self.name}: layer '{layer.name}' takes {values} values and {products} "
                    f"products, where a batch of {self.batch} may take 2**50"
                )

    def column(self, values: Iterable[int]) -> IntArray:
        """Return a value per layer as an array, shape (layers,)."""
        return np.fromiter(values, np.int64, len(self.layers))

    def size(self, attribute: str) -> IntArray:
        """Return an integer attribute of every layer, shape (layers,)."""
        return self.column(getattr(layer, attribute) for layer in self.layers)

    @cached_property
    def columns(self) -> LayerColumns:
        """Sizes of all layers as arrays."""
        return LayerColumns.of(
            (
                layer.in_channels, layer.out_channels, layer.in_height, layer.in_width,
                *layer.kernel, *layer.stride, *layer.padding, *layer.dilation,
                layer.groups if layer.op.on_array else layer.in_channels,
                layer.bias, layer.inputs, layer.op.on_array, layer.op in (Op.CONV, Op.GEMM),
            )
            for layer in self.layers
        )  # fmt: skip
