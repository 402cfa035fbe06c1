"""Workloads from ONNX files: graphs of convolutions, products of matrices, poolings, sums."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from voltile.core import LayerError
from voltile.sim.onnx_graph import OnnxGraph, OnnxNode, integers, padding, read_graph
from voltile.sim.workload import LayerShape, Op, Workload

# What the layer before does while it writes, and other orders of the same values.
_FUSED = frozenset(
    "Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Clip Sigmoid HardSigmoid HardSwish Swish "
    "Tanh Softplus Softsign Mish Gelu Erf Softmax LogSoftmax QuantizeLinear DequantizeLinear Cast "
    "Dropout Identity Flatten Reshape Transpose Squeeze Unsqueeze".split()
)
# Parts of feature maps, or maps beside each other: a matter of addresses.
_ADDRESSED = frozenset("Concat Pad Slice Split".split())
_ELEMENTWISE = frozenset("Add Sub Mul Div Sum Max Min".split())


def read_onnx_workload(path: Path, batch: int = 1) -> Workload:
    """Return the layers of an ONNX file, each for one input; nothing in the file is executed.

    Conv (two dimensions), Gemm, MatMul by weights, AveragePool, GlobalAveragePool and ReduceMean
    over height and width, MaxPool, GlobalMaxPool; Add, Sub, Mul, Div, Sum, Max and Min of feature
    maps, and LRN. A sum or product that takes a feature map of fewer values (a factor per channel)
    counts those of full size.

    Counted as nothing: activations, quantisers and Softmax, which the layer before does as it
    writes; other orders of values (Reshape, Transpose); Concat, Pad, Slice and Split, for which
    addresses suffice; batch normalisation and sums with constants after a convolution or product,
    which become its bias, and element-wise functions of one feature map (x * sigmoid(x)).
    Other batch normalisation is a layer of its own.

    Parameters
    ----------
    path : Path
        Weights may be in other files, which are not read.
    batch : int
        Inputs at a time. A first size that the file leaves open becomes it; a fixed one is taken
        as the file's batch and divided out.

    Raises
    ------
    LayerError
        When the file is none, holds an operator that is not supported, which the message names, or
        shapes that are unknown or do not fit.
    """
    layers = _Layers(read_graph(path, batch))
    for node in layers.graph.nodes:
        layers.add(node)
    return Workload(path.stem, tuple(layers.layers), batch)


class _Layers:
    """Builds layers node by node.

    `origin` holds, by feature map, the one whose values it has in another order, or after a
    function of each; `maker` the place of the layer that made it.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.layers: list[LayerShape] = []
        self.origin = {tensor: tensor for tensor in graph.inputs}
        self.maker: dict[str, int] = {}
        self.constants = {"", *graph.constants}
        shapes = [graph.shapes.get(tensor) for tensor in graph.inputs]
        self.batch = next((shape[0] for shape in shapes if shape), None) or 1
        self.adders: dict[str, Callable[[OnnxNode], None]] = {
            "Conv": self._conv,
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "AveragePool": partial(self._pool, Op.AVERAGE_POOL),
            "MaxPool": partial(self._pool, Op.MAX_POOL),
            "GlobalAveragePool": partial(self._global_pool, Op.AVERAGE_POOL),
            "GlobalMaxPool": partial(self._global_pool, Op.MAX_POOL),
            "ReduceMean": self._mean,
            "BatchNormalization": self._normalisation,
            "LRN": partial(self._elementwise, maps=1),
            **dict.fromkeys(_ELEMENTWISE, self._combination),
            **dict.fromkeys(_FUSED, self._fused),
            **dict.fromkeys(_ADDRESSED, self._made),
        }

    def add(self, node: OnnxNode) -> None:
        """Add the layer of a node, if it is one; one without feature maps makes constants."""
        for tensor in node.inputs:
            if tensor not in self.origin and tensor not in self.constants:
                raise self.graph.fault(
                    f"'{node.name}' takes '{tensor}', which no node before makes"
                )
        if not self._maps(node) or node.op in ("Shape", "Size"):
            self.constants.update(node.outputs)
        elif node.op not in self.adders:
            raise self.graph.fault(f"'{node.name}' is of type {node.op}, which is not supported")
        elif node.inputs[0] in self.constants and node.op not in _ELEMENTWISE | _ADDRESSED:
            raise self.graph.fault(f"'{node.name}' takes a constant for its feature map")
        else:
            self.adders[node.op](node)

    def _maps(self, node: OnnxNode) -> list[str]:
        """Return the feature maps among the inputs."""
        return [tensor for tensor in node.inputs if tensor in self.origin]

    def _made(self, node: OnnxNode) -> None:
        self.origin |= {tensor: tensor for tensor in node.outputs}

    def _fused(self, node: OnnxNode) -> None:
        self.origin[node.outputs[0]] = self.origin[self._maps(node)[0]]

    def _append(
        self, node: OnnxNode, op: Op, channels: int, outputs: int, size: Sequence[int], **shape: Any
    ) -> None:
        used = any(layer.name == node.name for layer in self.layers)
        name = node.outputs[0] if used else node.name
        try:
            layer = LayerShape(name, op, channels, outputs, size[0], size[1], **shape)
        except LayerError as fault:
            raise self.graph.fault(str(fault)) from None
        self.maker[node.outputs[0]] = len(self.layers)
        self.layers.append(layer)
        self._made(node)

    def _where(self, node: OnnxNode) -> str:
        return f"{self.graph.path}: '{node.name}'"

    def _flag(self, node: OnnxNode, name: str) -> bool:
        return integers(self._where(node), node.attributes, name, (0,)) != (0,)

    def _feature_map(self, node: OnnxNode, tensor: str) -> tuple[int, int, int]:
        """Return channels, height and width of a tensor of batch x channels x height x width."""
        shape = self.graph.shape(tensor, node)
        if len(shape) != 4 or shape[0] != self.batch:
            text = " x ".join(map(str, shape))
            raise self.graph.fault(
                f"'{node.name}' needs {self.batch} feature map(s) of channels x height x width, "
                f"'{tensor}' is of {text}"
            )
        return shape[1:]

    def _rows(self, node: OnnxNode, tensor: str, shape: Sequence[int]) -> int:
        """Return the rows of a matrix, or of several, that belong to one input."""
        rows = prod(shape[:-1])
        if rows % self.batch:
            raise self.graph.fault(
                f"'{tensor}' at '{node.name}' has {rows} row(s), no multiple of the batch of "
                f"{self.batch}"
            )
        return rows // self.batch

    def _weight(self, node: OnnxNode) -> tuple[int, ...]:
        """Return the shape of the second operand, a constant."""
        if len(node.inputs) < 2 or not node.inputs[1] or node.inputs[1] in self.origin:
            raise self.graph.fault(f"the weights of '{node.name}' are not constant")
        return self.graph.shape(node.inputs[1], node)

    def _conv(self, node: OnnxNode) -> None:
        weight = self._weight(node)
        [groups] = integers(self._where(node), node.attributes, "group", (1,))
        if len(weight) != 4:
            raise self.graph.fault(
                f"'{node.name}' is a Conv of {len(weight) - 2} dimension(s), which is not supported"
            )
        outputs, inputs, *kernel = weight
        channels, *_ = self._feature_map(node, node.inputs[0])
        if channels != inputs * groups:
            raise self.graph.fault(
                f"'{node.name}' takes {inputs * groups} channels, '{node.inputs[0]}' has {channels}"
            )
        self._window(node, Op.CONV, outputs, kernel, groups=groups, bias=any(node.inputs[2:]))

    def _window(
        self, node: OnnxNode, op: Op, outputs: int, kernel: Sequence[int], **shape: Any
    ) -> None:
        """Append a layer with windows, padded to the size that rounding up calls for."""
        channels, *size = self._feature_map(node, node.inputs[0])
        where = self._where(node)
        stride = integers(where, node.attributes, "strides", (1, 1))
        dilation = integers(where, node.attributes, "dilations", (1, 1))
        if min(*stride, *dilation) < 1:
            raise LayerError(f"{where}: strides and dilations must be positive")
        reach = [(length - 1) * step + 1 for length, step in zip(kernel, dilation, strict=True)]
        pads = list(padding(where, node.attributes, size, reach, stride))
        if self._flag(node, "ceil_mode"):
            _, *made = self._feature_map(node, node.outputs[0])
            for axis in (0, 1):
                seen = (made[axis] - 1) * stride[axis] + reach[axis]
                pads[2 + axis] += max(seen - size[axis] - pads[axis] - pads[2 + axis], 0)
        windows = {"stride": stride, "dilation": dilation, "padding": tuple(pads)}
        self._append(node, op, channels, outputs, size, kernel=tuple(kernel), **windows, **shape)

    def _gemm(self, node: OnnxNode) -> None:
        shape = self.graph.shape(node.inputs[0], node)
        weight = self._weight(node)
        if len(shape) != 2 or len(weight) != 2:
            raise self.graph.fault(f"'{node.name}' takes matrices of two dimensions")
        if self._flag(node, "transA"):
            shape = shape[::-1]
        if self._flag(node, "transB"):
            weight = weight[::-1]
        self._product(node, shape, weight, any(node.inputs[2:]))

    def _matmul(self, node: OnnxNode) -> None:
        shape, weight = self.graph.shape(node.inputs[0], node), self._weight(node)
        if len(weight) != 2:
            raise self.graph.fault(
                f"the weights of '{node.name}' must be of two dimensions, not {len(weight)}"
            )
        self._product(node, shape, weight, False)

    def _product(
        self, node: OnnxNode, shape: Sequence[int], weight: Sequence[int], bias: bool
    ) -> None:
        """Append a product of matrices, or, of a flattened feature map, a fully connected layer."""
        inputs, outputs = weight
        if shape[-1] != inputs:
            raise self.graph.fault(
                f"'{node.name}' takes {inputs} values, '{node.inputs[0]}' has {shape[-1]}"
            )
        rows = self._rows(node, node.inputs[0], shape)
        origin = [size for size in self.graph.shapes.get(self.origin[node.inputs[0]], ()) if size]
        if rows == 1 and len(origin) == 4 and prod(origin[1:]) == inputs:
            channels, *kernel = origin[1:]
            self._append(node, Op.GEMM, channels, outputs, kernel, kernel=tuple(kernel), bias=bias)
        else:
            self._append(node, Op.GEMM, inputs, outputs, (rows, 1), bias=bias)

    def _pool(self, op: Op, node: OnnxNode) -> None:
        kernel = integers(self._where(node), node.attributes, "kernel_shape", (0, 0))
        channels, *_ = self._feature_map(node, node.inputs[0])
        self._window(node, op, channels, kernel, groups=channels, bias=False)

    def _global_pool(self, op: Op, node: OnnxNode) -> None:
        channels, *size = self._feature_map(node, node.inputs[0])
        windows = {"kernel": tuple(size), "groups": channels, "bias": False}
        self._append(node, op, channels, channels, size, **windows)

    def _mean(self, node: OnnxNode) -> None:
        channels, *_ = self._feature_map(node, node.inputs[0])
        made = self.graph.shape(node.outputs[0], node)
        if made not in ((self.batch, channels), (self.batch, channels, 1, 1)):
            raise self.graph.fault(
                f"'{node.name}' is a ReduceMean that is not over height and width, which is not "
                "supported"
            )
        self._global_pool(Op.AVERAGE_POOL, node)

    def _normalisation(self, node: OnnxNode) -> None:
        if not self._gave_bias(node.inputs[0]):
            self._elementwise(node, maps=1)
        else:
            self._fused(node)

    def _gave_bias(self, tensor: str) -> bool:
        """Give a bias to the layer that makes a feature map, if it has weights."""
        place = self.maker.get(tensor)
        if place is None or self.layers[place].op not in (Op.CONV, Op.GEMM):
            return False
        self.layers[place] = replace(self.layers[place], bias=True)
        return True

    def _combination(self, node: OnnxNode) -> None:
        """Append a layer when it takes several feature maps; constants are folded."""
        maps = self._maps(node)
        if len({self.origin[tensor] for tensor in maps}) == 1:
            if node.op in ("Add", "Sub", "Sum") and len(maps) == 1:
                self._gave_bias(maps[0])
            self._fused(node)
            return
        made = self.graph.shape(node.outputs[0], node)
        full = [tensor for tensor in maps if self.graph.shape(tensor, node) == made]
        self._elementwise(node, maps=max(len(full), 1))

    def _elementwise(self, node: OnnxNode, maps: int) -> None:
        shape = self.graph.shape(node.outputs[0], node)
        if len(shape) == 4:
            channels, *size = self._feature_map(node, node.outputs[0])
        else:
            channels, size = shape[-1], [self._rows(node, node.outputs[0], shape), 1]
        sums = {"groups": channels, "inputs": maps, "bias": False}
        self._append(node, Op.ELEMENTWISE, channels, channels, size, **sums)
