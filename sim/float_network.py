"""Networks as ONNX files give them: chains of convolutions in floating point."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from voltile.core import LayerError
from voltile.sim.onnx_graph import load_onnx
from voltile.sim.onnx_graph import padding as onnx_padding
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
    """

    name: str
    weight: FloatArray
    bias: FloatArray | None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    relu: bool = False


@dataclass(frozen=True)
class FloatNetwork:
    """Layers, each of which takes the feature map of the one before.

    Attributes
    ----------
    input_shape : tuple of int
        Height, width and channels of the input.
    layers : tuple of FloatLayer
        In their order.
    """

    input_shape: tuple[int, int, int]
    layers: tuple[FloatLayer, ...]

    def feature_maps(self, values: npt.ArrayLike) -> list[FloatArray]:
        """Return the input and the results of every layer.

        Parameters
        ----------
        values : array_like, shape (height, width, channels)
            An input.
        """
        maps = [np.asarray(values, np.float64)]
        for layer in self.layers:
            maps.append(_convolved(layer, maps[-1]))
        return maps


def _convolved(layer: FloatLayer, act: FloatArray) -> FloatArray:
    """Return the results of a layer in floating point."""
    kernel = layer.weight.shape[1:3]
    seen = windows(act, kernel, layer.stride, layer.padding, layer.groups)
    weight = layer.weight.reshape(layer.groups, -1, *layer.weight.shape[1:])
    sums = np.einsum("yxgijc,goijc->yxgo", seen, weight, optimize=True)
    bias = 0.0 if layer.bias is None else layer.bias
    result: FloatArray = sums.reshape(*sums.shape[:2], -1) + bias
    return np.maximum(result, 0) if layer.relu else result


def read_onnx(path: Path) -> FloatNetwork:
    """Return the network of an ONNX file.

    A chain of Conv, Gemm, Relu, GlobalAveragePool and Flatten or Reshape nodes. Nothing in the file
    is executed.

    Raises
    ------
    LayerError
        When the file is none, or holds what is not supported, which the message names.
    """
    import onnx

    graph = load_onnx(path, external_data=True).graph
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    if len(inputs) != 1:
        raise LayerError(f"{path}: a network has one input, not {len(inputs)}")
    sizes = [size.dim_value for size in inputs[0].type.tensor_type.shape.dim]
    if len(sizes) != 4 or min(sizes[1:]) < 1:
        raise LayerError(f"{path}: the input must be of batch x channels x height x width")
    chain = _Chain(str(path), inputs[0].name, (sizes[2], sizes[3], sizes[1]), constants)
    for node in graph.node:
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        chain.add(node, attributes)
    return FloatNetwork((sizes[2], sizes[3], sizes[1]), tuple(chain.layers))


class _Chain:
    """Builds layers node by node; `shape` is that of the feature map so far,
    and `is_flat` says that only fully connected layers may follow."""

    def __init__(self, path: str, tensor: str, shape: tuple[int, int, int], constants: Any):
        self.path = path
        self.tensor = tensor
        self.shape = shape
        self.constants = constants
        self.is_flat = False
        self.layers: list[FloatLayer] = []

    def add(self, node: Any, attributes: dict[str, Any]) -> None:
        name = node.name or node.output[0]
        kinds = {
            "Conv": self._conv,
            "Gemm": self._gemm,
            "Relu": self._relu,
            "GlobalAveragePool": self._average,
            "Flatten": self._flatten,
            "Reshape": self._flatten,
        }
        if node.op_type not in kinds:
            raise LayerError(f"{self.path}: '{name}' is a {node.op_type}, which is not supported")
        if node.input[0] != self.tensor:
            raise LayerError(f"{self.path}: '{name}' does not follow the node before it")
        if self.is_flat and node.op_type in ("Conv", "GlobalAveragePool"):
            raise LayerError(f"{self.path}: '{name}' takes a feature map that is flattened")
        operands = [self._constant(item, name) for item in node.input[1:] if item]
        kinds[node.op_type](name, operands, attributes)
        self.tensor = node.output[0]

    def _constant(self, tensor: str, name: str) -> FloatArray:
        if tensor not in self.constants:
            raise LayerError(f"{self.path}: operand '{tensor}' of '{name}' is not a constant")
        values: FloatArray = np.asarray(self.constants[tensor], np.float64)
        return values

    def _conv(self, name: str, operands: Sequence[FloatArray], attributes: dict[str, Any]) -> None:
        weight = np.moveaxis(operands[0], 1, -1)
        if weight.ndim != 4 or set(attributes.get("dilations", [1])) != {1}:
            raise LayerError(f"{self.path}: '{name}' is not a convolution of two dimensions, "
                             "or a dilated one")  # fmt: skip
        kernel, stride = weight.shape[1:3], tuple(attributes.get("strides", (1, 1)))
        padding = self._padding(name, attributes, kernel, stride)
        self._append(
            FloatLayer(name, weight, operands[1] if len(operands) > 1 else None, stride, padding,
                       attributes.get("group", 1))
        )  # fmt: skip

    def _padding(
        self, name: str, attributes: dict[str, Any], kernel: Sequence[int], stride: Sequence[int]
    ) -> tuple[int, int, int, int]:
        where = f"{self.path}: '{name}'"
        return onnx_padding(where, attributes, self.shape[:2], kernel, stride)

    def _gemm(self, name: str, operands: Sequence[FloatArray], attributes: dict[str, Any]) -> None:
        scales = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        if scales != (1.0, 1.0) or attributes.get("transA", 0):
            raise LayerError(f"{self.path}: '{name}' scales or transposes its input")
        matrix = operands[0] if attributes.get("transB", 0) else operands[0].T
        height, width, channels = self.shape
        if matrix.shape[1] != height * width * channels:
            raise LayerError(
                f"{self.path}: '{name}' takes {matrix.shape[1]} values, the feature map has "
                f"{height * width * channels}"
            )
        # A flattened feature map of ONNX runs over its channels first.
        weight = matrix.reshape(-1, channels, height, width)
        bias = operands[1] if len(operands) > 1 else None
        self._append(FloatLayer(name, np.moveaxis(weight, 1, -1), bias))

    def _relu(self, name: str, operands: Sequence[FloatArray], attributes: dict[str, Any]) -> None:
        if not self.layers:
            raise LayerError(f"{self.path}: '{name}' has no layer before it")
        self.layers[-1] = FloatLayer(**{**vars(self.layers[-1]), "relu": True})

    def _average(
        self, name: str, operands: Sequence[FloatArray], attributes: dict[str, Any]
    ) -> None:
        height, width, channels = self.shape
        weight = np.full((channels, height, width, 1), 1 / (height * width))
        self._append(FloatLayer(name, weight, None, groups=channels))

    def _flatten(
        self, name: str, operands: Sequence[FloatArray], attributes: dict[str, Any]
    ) -> None:
        """Leave the feature map as it is: a fully connected layer takes it as it lies."""
        self.is_flat = True

    def _append(self, layer: FloatLayer) -> None:
        height, width, channels = self.shape
        outputs, kernel_height, kernel_width, inputs = layer.weight.shape
        if channels != inputs * layer.groups:
            raise LayerError(
                f"{self.path}: '{layer.name}' takes {inputs * layer.groups} channels, the feature "
                f"map has {channels}"
            )
        top, left, bottom, right = layer.padding
        self.shape = (
            (height + top + bottom - kernel_height) // layer.stride[0] + 1,
            (width + left + right - kernel_width) // layer.stride[1] + 1,
            outputs,
        )
        if min(self.shape) < 1:
            raise LayerError(
                f"{self.path}: a kernel of {kernel_height} x {kernel_width} of '{layer.name}' does "
                f"not fit a feature map of {height} x {width}"
            )
        self.layers.append(layer)
