"""Layers and feature maps of an ONNX graph while it is read."""

from dataclasses import replace
from typing import Any

import numpy as np

from voltile.core import LayerError
from voltile.sim.float_network import AnyLayer, FloatArray, FloatLayer, FloatNetwork, MaxPool

Shape = tuple[int, int, int]


class NetworkReader:
    """The network so far.

    `maps` are the numbers of the feature maps that tensors hold, `shapes` those of the maps by
    number, `flat` the tensors that only fully connected layers may take, unless they are 1 x 1.
    """

    def __init__(self, path: str, tensor: str, shape: Shape, constants: dict[str, Any]):
        self.path = path
        self.constants = constants
        self.maps = {tensor: 0}
        self.shapes = [shape]
        self.flat: set[str] = set()
        self.layers: list[AnyLayer] = []
        self.inputs: list[tuple[int, ...]] = []

    def fault(self, message: str) -> LayerError:
        return LayerError(f"{self.path}: {message}")

    def network(self, output: str) -> FloatNetwork:
        """Return the network whose result is the tensor `output`."""
        if output not in self.maps or not self.layers:
            raise self.fault(f"no layer gives the output '{output}'")
        taken = {number for inputs in self.inputs for number in inputs}
        for number, layer in enumerate(self.layers, 1):
            if number not in taken and number != self.maps[output]:
                raise self.fault(f"nothing takes the result of '{layer.name}'")
        names = [layer.name for layer in self.layers]
        if doubles := {name for name in names if names.count(name) > 1}:
            raise self.fault(f"more than one layer is named '{min(doubles)}'")
        height, width, channels = self.shapes[self.maps[output]]
        is_flat = output in self.flat
        shape = (channels * height * width,) if is_flat else (channels, height, width)
        return FloatNetwork(self.shapes[0], tuple(self.layers), tuple(self.inputs), shape)

    def map_of(self, tensor: str, name: str, spatial: bool = True) -> int:
        """Return the number of the map that a tensor holds."""
        if tensor not in self.maps:
            raise self.fault(f"'{name}' takes '{tensor}', which is no feature map")
        number = self.maps[tensor]
        if spatial and tensor in self.flat and self.shapes[number][:2] != (1, 1):
            raise self.fault(f"'{name}' takes a feature map that is flattened")
        return number

    def operand(self, tensor: str, name: str) -> FloatArray:
        if tensor not in self.constants:
            raise self.fault(f"operand '{tensor}' of '{name}' is not a constant")
        values: FloatArray = np.asarray(self.constants[tensor], np.float64)
        return values

    def last(self, name: str, tensor: str) -> AnyLayer:
        """Return the layer that a node becomes part of, whose result no other layer takes."""
        number = self.map_of(tensor, name, spatial=False)
        if number == 0:
            raise self.fault(f"'{name}' has no layer before it")
        if any(number in inputs for inputs in self.inputs):
            raise self.fault(f"'{name}' follows '{tensor}', which others take without it")
        return self.layers[number - 1]

    def change(self, node: Any, tensor: str, **changes: Any) -> None:
        """Change the layer that gives `tensor`; what it gave so far is no map any more."""
        number, is_flat = self.maps[tensor], tensor in self.flat
        self.layers[number - 1] = replace(self.layers[number - 1], **changes)
        self.maps = {item: other for item, other in self.maps.items() if other != number}
        self.maps[node.output[0]] = number
        if is_flat:
            self.flat.add(node.output[0])

    def convolution(self, node: Any, name: str, tensor: str) -> FloatLayer:
        """Return the convolution that a node becomes part of; it has no activation so far."""
        layer = self.last(name, tensor)
        if not isinstance(layer, FloatLayer) or layer.relu or layer.ceiling is not None:
            raise self.fault(f"'{name}' ({node.op_type}) does not follow a convolution at once")
        return layer

    def same(self, node: Any, name: str, attributes: dict[str, Any]) -> None:
        """Let the result stand for the same feature map."""
        tensor = node.input[0]
        if tensor in self.constants:
            self.constants[node.output[0]] = self.constants[tensor]
            return
        self.maps[node.output[0]] = self.map_of(tensor, name, spatial=False)
        if tensor in self.flat:
            self.flat.add(node.output[0])

    def append(self, node: Any, number: int, layer: FloatLayer | MaxPool) -> None:
        """Append a layer of windows over a feature map."""
        height, width, channels = self.shapes[number]
        if isinstance(layer, MaxPool):
            outputs, (rows, cols) = channels, layer.kernel
        else:
            outputs, rows, cols, inputs = layer.weight.shape
            if channels != inputs * layer.groups or outputs % layer.groups:
                raise self.fault(
                    f"'{layer.name}' takes {inputs * layer.groups} channels, the feature map has "
                    f"{channels}"
                )
            if layer.bias is not None:
                layer = replace(layer, bias=np.broadcast_to(layer.bias, outputs))
        top, left, bottom, right = layer.padding
        shape = (
            (height + top + bottom - rows) // layer.stride[0] + 1,
            (width + left + right - cols) // layer.stride[1] + 1,
            outputs,
        )
        if min(shape) < 1 or min(layer.padding) < 0:
            raise self.fault(
                f"a kernel of {rows} x {cols} of '{layer.name}' does not fit a feature map of "
                f"{height} x {width}"
            )
        self.record(node, (number,), layer, shape)

    def record(self, node: Any, numbers: tuple[int, ...], layer: AnyLayer, shape: Shape) -> None:
        self.layers.append(layer)
        self.inputs.append(numbers)
        self.shapes.append(shape)
        self.maps[node.output[0]] = len(self.layers)
