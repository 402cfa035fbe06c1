"""Networks in floating point: convolutions, pooling and joins of feature maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from voltile.sim.windows import windows

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FloatLayer:
    """A convolution with what follows it at once.

    Fully connected layers and average pooling are convolutions, too: with a kernel as large as
    the input, and, for pooling, one group per channel (dissertation 3.4.4).

    Attributes
    ----------
    name : str
        Name of the node.
    weight : ndarray, shape (out_channels, kernel height, kernel width, in_channels / groups)
        Weights.
    bias : ndarray, shape (out_channels,), or None
        Biases.
    stride : tuple of int
        Rows and columns from window to window.
    padding : tuple of int
        Rows and columns of zeros above, left, below, right.
    groups : int
        Groups of channels that do not see each other.
    relu : bool
        Whether negative results become zero.
    ceiling : float or None
        What larger results become, as 6 in ReLU6.
    """

    name: str
    weight: FloatArray
    bias: FloatArray | None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    relu: bool = False
    ceiling: float | None = None


@dataclass(frozen=True)
class MaxPool:
    """The largest value of every window and channel; padding never is the largest.

    Attributes as of `FloatLayer`; `kernel` is the rows and columns of a window.
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False
    ceiling: float | None = None


@dataclass(frozen=True)
class Join:
    """Feature maps added element by element, or put one behind the other by their channels.

    Attributes as of `FloatLayer`; `concatenates` says which of both.
    """

    name: str
    concatenates: bool = False
    relu: bool = False
    ceiling: float | None = None


AnyLayer = FloatLayer | MaxPool | Join


@dataclass(frozen=True)
class FloatNetwork:
    """Layers in an order of computation; the last one gives the result.

    Attributes
    ----------
    input_shape : tuple of int
        Height, width and channels of the input.
    layers : tuple of FloatLayer, MaxPool or Join
        In their order.
    inputs : tuple of tuple of int
        Feature maps that each layer takes: 0 is the input of the network, 1 the result of the
        first layer, and so on. Without it, each takes the one before.
    output_shape : tuple of int
        Of the result for an input as the file has it: values of a vector, or channels, height and
        width; empty where there is no file.
    """

    input_shape: tuple[int, int, int]
    layers: tuple[AnyLayer, ...]
    inputs: tuple[tuple[int, ...], ...] = ()
    output_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", self.inputs or chain(len(self.layers)))

    def feature_maps(self, values: npt.ArrayLike) -> list[FloatArray]:
        """Return the input and the results of every layer.

        Parameters
        ----------
        values : array_like, shape (height, width, channels)
            An input.
        """
        maps = [np.asarray(values, np.float64)]
        for layer, taken in zip(self.layers, self.inputs, strict=True):
            maps.append(compute(layer, [maps[item] for item in taken]))
        return maps


def chain(count: int) -> tuple[tuple[int, ...], ...]:
    """Return what layers take of which each takes the one before."""
    return tuple((number,) for number in range(count))


def compute(layer: AnyLayer, maps: Sequence[FloatArray]) -> FloatArray:
    """Return the results of a layer in floating point.

    Parameters
    ----------
    layer : FloatLayer, MaxPool or Join
        Layer.
    maps : sequence of ndarray, shape (height, width, channels)
        What it takes.
    """
    match layer:
        case FloatLayer():
            result = _convolved(layer, maps[0])
        case MaxPool():
            result = max_pool(layer, maps[0])
        case Join():
            result = np.concatenate(maps, axis=-1) if layer.concatenates else sum_of(maps)
    if layer.relu:
        result = np.maximum(result, 0)
    return result if layer.ceiling is None else np.minimum(result, layer.ceiling)


def sum_of(maps: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the sum of feature maps of one shape."""
    total: NDArray[Any] = np.sum(np.stack(maps), axis=0)
    return total


def max_pool(layer: MaxPool, act: NDArray[Any]) -> NDArray[Any]:
    """Return the largest value of every window, of floating point or integers."""
    top, left, bottom, right = layer.padding
    lowest = act.min()  # never above the largest of a window, which holds more than padding
    padded = np.pad(act, ((top, bottom), (left, right), (0, 0)), constant_values=lowest)
    seen = windows(padded, layer.kernel, layer.stride, (0, 0, 0, 0))
    largest: NDArray[Any] = seen[:, :, 0].max(axis=(2, 3))
    return largest


def _convolved(layer: FloatLayer, act: FloatArray) -> FloatArray:
    """Return the results of a convolution, before what follows it."""
    kernel = layer.weight.shape[1:3]
    seen = windows(act, kernel, layer.stride, layer.padding, layer.groups)
    height, width = seen.shape[:2]
    rows = np.moveaxis(seen.reshape(height * width, layer.groups, -1), 1, 0)
    weight = layer.weight.reshape(layer.groups, -1, rows.shape[-1])
    sums = np.moveaxis(rows @ weight.swapaxes(1, 2), 0, 1).reshape(height, width, -1)
    result: FloatArray = sums if layer.bias is None else sums + layer.bias
    return result
