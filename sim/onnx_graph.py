"""Nodes and shapes of an ONNX file; nothing in it is executed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voltile.core import LayerError
from voltile.sim.windows import same_padding

# Values of constants beyond this many are weights: their shape is enough.
_MOST_SHAPE_VALUES = 1024


@dataclass(frozen=True)
class OnnxNode:
    """A node; its name is that of its first output when it has none."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxGraph:
    """Nodes in their order, and the shapes of tensors.

    Attributes
    ----------
    path : Path
        The file, for messages.
    nodes : tuple of OnnxNode
        Of the main graph.
    inputs, constants : tuple of str
        Tensors that are fed, and those that the file holds.
    shapes : mapping of str to tuple
        Sizes by tensor, None for an unknown one; tensors of unknown rank are left out.
    contradiction : str
        What shape inference found wrong, or nothing.
    """

    path: Path
    nodes: tuple[OnnxNode, ...]
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    shapes: Mapping[str, tuple[int | None, ...]]
    contradiction: str

    def fault(self, message: str) -> LayerError:
        """Return an error about the file, in one line whatever its names hold."""
        return LayerError(f"{self.path}: {' '.join(message.split())}")

    def shape(self, tensor: str, node: OnnxNode) -> tuple[int, ...]:
        """Return the shape of a tensor that a node takes or makes.

        Raises
        ------
        LayerError
            When it is unknown or without sizes (of a single value), or a size is not positive.
        """
        sizes = self.shapes.get(tensor)
        if not sizes:
            reason = self.contradiction and f" ({self.contradiction})"
            raise self.fault(f"the shape of '{tensor}' at '{node.name}' is unknown{reason}")
        known = tuple(size for size in sizes if size is not None and size > 0)
        if len(known) != len(sizes):
            text = " x ".join("?" if size is None else str(size) for size in sizes)
            raise self.fault(
                f"sizes of '{tensor}' at '{node.name}' must be known and positive, not {text}"
            )
        return known


def integers(
    where: str, attributes: Mapping[str, Any], name: str, default: Sequence[int]
) -> tuple[int, ...]:
    """Return an attribute of as many integers as its default.

    Parameters
    ----------
    where : str
        File and node, for messages.

    Raises
    ------
    LayerError
    """
    values = attributes.get(name, default)
    values = values if isinstance(values, list | tuple) else (values,)
    if len(values) != len(default) or not all(isinstance(item, int) for item in values):
        raise LayerError(f"{where}: {name} must be {len(default)} integer(s), not {values!r}")
    return tuple(values)


def load_onnx(path: Path, external_data: bool = False) -> Any:
    """Return the model of an ONNX file.

    Raises
    ------
    LayerError
        When the file is none or cannot be read, or its external data, which must lie in its folder.
    """
    import onnx

    try:
        is_empty = not path.read_bytes()
    except OSError as fault:
        raise LayerError(f"{path} cannot be read: {fault.strerror}") from None
    if is_empty:
        raise LayerError(f"{path}: the file is empty")
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except Exception as fault:  # of any kind: the parser's own, or the file's
        raise LayerError(f"{path}: no ONNX file ({type(fault).__name__})") from None
    try:
        if external_data:
            onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as fault:  # of several kinds; the checker refuses what lies elsewhere
        reason = " ".join(str(fault).split())
        raise LayerError(f"{path}: external data cannot be used: {reason}") from None
    graph = model.graph
    if not graph.node:
        raise LayerError(f"{path}: no ONNX file, or one without nodes")
    names = [item.name for item in (*graph.initializer, *graph.input, *graph.node)]
    for node in graph.node:
        names += [node.op_type, node.domain, *node.input, *node.output]
    # Protobuf hands over bytes where it should have found UTF-8.
    if not all(isinstance(name, str) for name in names):
        raise LayerError(f"{path}: no ONNX file (names that are not UTF-8)")
    return model


def padding(
    where: str,
    attributes: Mapping[str, Any],
    size: Sequence[int],
    reach: Sequence[int],
    stride: Sequence[int],
) -> tuple[int, int, int, int]:
    """Return the rows and columns of zeros above, left, below, right that pads or auto_pad say.

    Parameters
    ----------
    where : str
        File and node, for messages.
    size, reach : sequence of int
        Height and width of the map, and of what a window reaches over.

    Raises
    ------
    LayerError
        When auto_pad is unknown, or pads are not four integers.
    """
    automatic = attributes.get("auto_pad", b"NOTSET")
    automatic = automatic.decode(errors="replace") if isinstance(automatic, bytes) else automatic
    if automatic == "NOTSET":
        top, left, bottom, right = integers(where, attributes, "pads", (0, 0, 0, 0))
        return top, left, bottom, right
    if automatic == "VALID":
        return 0, 0, 0, 0
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise LayerError(f"{where}: auto_pad is unknown: {automatic!r}")
    return same_padding(size, reach, stride, automatic == "SAME_LOWER")


def read_graph(path: Path, batch: int) -> OnnxGraph:
    """Return the graph of an ONNX file; an open first size of an input becomes the batch.

    Raises
    ------
    LayerError
        When the file is none, a node is not well-formed or holds graphs of its own, or the batch
        is not from 1 to 2**31 - 1.
    """
    if not 1 <= batch < 1 << 31:
        raise LayerError(f"{path}: batch must be from 1 to 2**31 - 1, not {batch}")
    model = load_onnx(path)
    graph = model.graph
    constants = {item.name for item in graph.initializer}
    inputs = [item for item in graph.input if item.name not in constants]
    for item in inputs:
        sizes = item.type.tensor_type.shape.dim
        if sizes and sizes[0].dim_value < 1:
            sizes[0].dim_value = batch
    # Shapes that the file states hold for its own batch, if any.
    del graph.value_info[:]
    for item in graph.output:
        item.type.tensor_type.ClearField("shape")
    for item in graph.initializer:
        if max((*item.dims, 0)) > _MOST_SHAPE_VALUES or len(item.dims) > 1:
            for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
                item.ClearField(field)
    nodes = tuple(_node(path, item) for item in graph.node)
    graph, contradiction = _inferred(model)
    shapes: dict[str, tuple[int | None, ...]] = {
        item.name: tuple(
            size.dim_value if size.HasField("dim_value") else None
            for size in item.type.tensor_type.shape.dim
        )
        for item in (*graph.value_info, *graph.input, *graph.output)
        if item.type.tensor_type.HasField("shape")
    }
    shapes |= {item.name: tuple(item.dims) for item in graph.initializer}
    names = tuple(item.name for item in inputs)
    return OnnxGraph(path, nodes, names, tuple(sorted(constants)), shapes, contradiction)


def _inferred(model: Any) -> tuple[Any, str]:
    """Return a graph with the shapes that could be inferred, and what stood in the way."""
    from onnx.shape_inference import infer_shapes

    try:
        return infer_shapes(model, strict_mode=True, data_prop=True).graph, ""
    except Exception as fault:  # of several kinds, some only RuntimeError
        contradiction = str(fault)
    try:
        return infer_shapes(model).graph, contradiction
    except Exception:
        return model.graph, contradiction


def _node(path: Path, item: Any) -> OnnxNode:
    from onnx import AttributeProto, helper

    if not item.output or not item.output[0]:
        raise LayerError(f"{path}: node {item.name!r} of type {item.op_type!r} has no output")
    name = item.name or item.output[0]
    if not name.isprintable():
        raise LayerError(f"{path}: the name of a node must be printable text, not {name!r}")
    op = item.op_type if item.domain in ("", "ai.onnx") else f"{item.domain}.{item.op_type}"
    if any(entry.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for entry in item.attribute):
        raise LayerError(f"{path}: '{name}' is of type {op!r}, which is not supported")
    try:
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in item.attribute}
    except ValueError:
        raise LayerError(f"{path}: an attribute of '{name}' has no known type") from None
    return OnnxNode(name, op, tuple(item.input), tuple(item.output), attributes)
