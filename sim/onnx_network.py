"""Read networks with their weights from ONNX files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import LayerError
from voltile.sim.float_network import FloatArray, FloatLayer, FloatNetwork, Join, MaxPool
from voltile.sim.network_reader import NetworkReader
from voltile.sim.onnx_graph import integers, load_onnx, padding

Padding = tuple[int, int, int, int]


def read_onnx(path: Path) -> FloatNetwork:
    """Return the network of an ONNX file.

    A graph with one input and one output of these nodes: Conv, Gemm and MatMul with constant
    weights, AveragePool and GlobalAveragePool (convolutions, too), MaxPool, Add or Sum and Concat
    of feature maps; Relu and Clip from 0, BatchNormalization and an Add of constants, which become
    part of the layer that they follow; Constant, Identity, Dropout, Flatten, Reshape and Squeeze;
    and Softmax at the end, which is left out, so that the network gives logits. Layers are named as
    their nodes, or, without a name, as what these write. Nothing in the file is executed.

    Raises
    ------
    LayerError
        When the file is none, or holds what is not supported, which the message names.
    """
    graph = load_onnx(path, external_data=True).graph
    constants = {item.name: _array(path, item) for item in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise LayerError(
            f"{path}: a network has one input and one output, not {len(inputs)} and "
            f"{len(graph.output)}"
        )
    sizes = [size.dim_value for size in inputs[0].type.tensor_type.shape.dim]
    if len(sizes) != 4 or min(sizes[1:]) < 1:
        raise LayerError(f"{path}: the input must be of batch x channels x height x width")
    reader = _Reader(str(path), inputs[0].name, (sizes[2], sizes[3], sizes[1]), constants)
    for node in graph.node:
        reader.add(node)
    return reader.network(graph.output[0].name)


def _array(path: Path, item: Any) -> NDArray[Any]:
    """Return a constant."""
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(item)
    except Exception as fault:  # of several kinds: shape, type and bytes need not agree
        raise LayerError(f"{path}: '{item.name}' is no valid constant ({fault})") from None


class _Reader(NetworkReader):
    """Reads a network node by node."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.ended = False
        self.kinds: dict[str, Callable[[Any, str, dict[str, Any]], None]] = {
            "Conv": self._conv,
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "BatchNormalization": self._normalise,
            "Relu": self._relu,
            "Clip": self._clip,
            "MaxPool": self._max_pool,
            "AveragePool": self._average,
            "GlobalAveragePool": self._average,
            "Add": self._join,
            "Sum": self._join,
            "Concat": self._join,
            "Constant": self._constant_node,
            "Softmax": self._softmax,
            **dict.fromkeys(("Identity", "Dropout"), self.same),
            **dict.fromkeys(("Flatten", "Reshape", "Squeeze"), self._flatten),
        }

    def add(self, node: Any) -> None:
        from onnx import helper

        if not node.output:
            raise self.fault(f"'{node.name}', a {node.op_type}, has no output")
        names = [layer.name for layer in self.layers]
        name = node.name if node.name and node.name not in names else node.output[0]
        if self.ended:
            raise self.fault(f"'{name}' follows a Softmax")
        if node.op_type not in self.kinds or node.domain not in ("", "ai.onnx"):
            raise self.fault(f"'{name}' is of type {node.op_type}, which is not supported")
        try:
            attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            self.kinds[node.op_type](node, name, attributes)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as fault:
            raise self.fault(f"'{name}' is no valid {node.op_type} ({fault})") from None

    def _bias(self, node: Any, name: str) -> FloatArray | None:
        given = len(node.input) > 2 and node.input[2]
        return self.operand(node.input[2], name).ravel() if given else None

    def _conv(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        number = self.map_of(node.input[0], name)
        weight = np.moveaxis(self.operand(node.input[1], name), 1, -1)
        if weight.ndim != 4 or set(attributes.get("dilations", [1])) != {1}:
            raise self.fault(f"'{name}' is not a convolution of two dimensions, or a dilated one")
        stride, pads = self._windows(name, attributes, number, weight.shape[1:3])
        self.append(node, number, FloatLayer(
            name, weight, self._bias(node, name), stride, pads, attributes.get("group", 1)
        ))  # fmt: skip

    def _windows(
        self, name: str, attributes: dict[str, Any], number: int, kernel: Sequence[int]
    ) -> tuple[tuple[int, int], Padding]:
        """Return the stride and padding of windows over a map."""
        where = f"{self.path}: '{name}'"
        rows, cols = integers(where, attributes, "strides", (1, 1))
        return (rows, cols), padding(
            where, attributes, self.shapes[number][:2], kernel, (rows, cols)
        )

    def _gemm(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        scales = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
        if scales != (1.0, 1.0) or attributes.get("transA", 0):
            raise self.fault(f"'{name}' scales or transposes its input")
        matrix = self.operand(node.input[1], name)
        self._connect(
            node, name, matrix if attributes.get("transB", 0) else matrix.T, self._bias(node, name)
        )

    def _matmul(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        self._connect(node, name, self.operand(node.input[1], name).T, None)

    def _connect(self, node: Any, name: str, matrix: FloatArray, bias: FloatArray | None) -> None:
        """Append a fully connected layer; `matrix` has a row per output."""
        number = self.map_of(node.input[0], name, spatial=False)
        height, width, channels = self.shapes[number]
        if matrix.ndim != 2 or matrix.shape[1] != height * width * channels:
            raise self.fault(
                f"'{name}' takes {matrix.shape[-1]} values, the feature map has "
                f"{height * width * channels}"
            )
        # A flattened feature map of ONNX runs over its channels first.
        weight = matrix.reshape(-1, channels, height, width)
        self.append(node, number, FloatLayer(name, np.moveaxis(weight, 1, -1), bias))
        self.flat.add(node.output[0])

    def _average(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        number = self.map_of(node.input[0], name)
        height, width, channels = self.shapes[number]
        kernel, stride, pads = (height, width), (1, 1), (0, 0, 0, 0)
        if node.op_type == "AveragePool":
            kernel, stride, pads = self._pool(name, attributes, number)
            if any(pads) and not attributes.get("count_include_pad", 0):
                raise self.fault(f"'{name}' averages over less at the border than elsewhere")
        weight = np.full((channels, *kernel, 1), 1 / (kernel[0] * kernel[1]))
        self.append(node, number, FloatLayer(name, weight, None, stride, pads, channels))

    def _pool(
        self, name: str, attributes: dict[str, Any], number: int
    ) -> tuple[tuple[int, int], tuple[int, int], Padding]:
        """Return the kernel, stride and padding of pooling."""
        if attributes.get("ceil_mode", 0) or set(attributes.get("dilations", [1])) != {1}:
            raise self.fault(f"'{name}' is dilated, or its windows reach over the padding")
        rows, cols = attributes["kernel_shape"]
        stride, pads = self._windows(name, attributes, number, (rows, cols))
        if max(pads[::2]) >= rows or max(pads[1::2]) >= cols:
            raise self.fault(f"'{name}' pads as much as its kernel has: {pads}")
        return (rows, cols), stride, pads

    def _max_pool(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        number = self.map_of(node.input[0], name)
        self.append(node, number, MaxPool(name, *self._pool(name, attributes, number)))

    def _join(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        constants = [item for item in node.input if item in self.constants]
        if node.op_type == "Add" and len(constants) == 1:
            return self._add_bias(node, name, constants[0])
        concatenates = node.op_type == "Concat"
        numbers = tuple(self.map_of(item, name) for item in node.input)
        shapes = [self.shapes[number] for number in numbers]
        is_flat = any(item in self.flat for item in node.input)
        channel_axes = (1, -1) if is_flat else (1, -3)
        if len({shape[:2] if concatenates else shape for shape in shapes}) != 1 or (
            concatenates and attributes.get("axis") not in channel_axes
        ):
            raise self.fault(f"'{name}' joins feature maps of {shapes}, or not by their channels")
        height, width, channels = shapes[0]
        if concatenates:
            channels = sum(shape[2] for shape in shapes)
        self.record(node, numbers, Join(name, concatenates), (height, width, channels))
        if is_flat:
            self.flat.add(node.output[0])

    def _add_bias(self, node: Any, name: str, constant: str) -> None:
        [tensor] = [item for item in node.input if item != constant]
        layer = self.convolution(node, name, tensor)
        values = self.operand(constant, name)
        channels = len(layer.weight)
        places = values.shape[-1:] if tensor in self.flat else values.shape[-3:-2]
        if values.size != 1 and (values.size != channels or places != (channels,)):
            raise self.fault(f"'{name}' adds constants of {values.shape} to {channels} channels")
        bias = np.zeros(channels) if layer.bias is None else layer.bias
        self.change(node, tensor, bias=bias + values.ravel())

    def _normalise(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        """Fold ``scale * (x - mean) / sqrt(variance + epsilon) + shift`` into the convolution."""
        tensor = node.input[0]
        layer = self.convolution(node, name, tensor)
        scale, shift, mean, variance = (self.operand(item, name) for item in node.input[1:5])
        factor = scale / np.sqrt(variance + attributes.get("epsilon", 1e-5))
        bias = 0.0 if layer.bias is None else layer.bias
        self.change(
            node, tensor, weight=layer.weight * factor[:, None, None, None],
            bias=(bias - mean) * factor + shift,
        )  # fmt: skip

    def _relu(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        self.last(name, node.input[0])
        self.change(node, node.input[0], relu=True)

    def _clip(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        limits = [attributes.get("min"), attributes.get("max")]
        for place, tensor in enumerate(node.input[1:3]):
            if tensor:
                limits[place] = float(self.operand(tensor, name).item())
        low, high = limits
        if low != 0 or high is not None and high <= 0:
            raise self.fault(f"'{name}' clips from {low} to {high}, not from 0 upwards")
        layer = self.last(name, node.input[0])
        ceiling = min((item for item in (layer.ceiling, high) if item is not None), default=None)
        self.change(node, node.input[0], relu=True, ceiling=ceiling)

    def _constant_node(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        import onnx

        for key, value in attributes.items():
            if key not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
                raise self.fault(f"'{name}' is of type Constant with {key}, which is not supported")
            tensor = onnx.numpy_helper.to_array(value) if key == "value" else np.asarray(value)
            self.constants[node.output[0]] = tensor

    def _flatten(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        """Leave the feature map as it is: a fully connected layer takes it as it lies."""
        self.same(node, name, attributes)
        height, width, _ = self.shapes[self.maps[node.output[0]]]
        shape = self.operand(node.input[1], name) if node.op_type == "Reshape" else (0, -1)
        is_row = len(shape) == 2 and attributes.get("axis", 1) == 1 and node.op_type != "Squeeze"
        is_spread = sum(size != 1 for size in shape[1:]) > 1
        if is_spread or not is_row and (height, width) != (1, 1):
            raise self.fault(f"'{name}' does not flatten a feature map to one row an input")
        self.flat.add(node.output[0])

    def _softmax(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        """Leave it out, at the end."""
        self.same(node, name, attributes)
        self.ended = True
