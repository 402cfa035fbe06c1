"""Workloads from SCALE-Sim's topology files: convolutions, or products of matrices."""

from collections.abc import Callable
from pathlib import Path

from voltile.core import LayerError
from voltile.core.csv_rows import CsvRow
from voltile.sim.workload import LayerShape, Op, Workload

_CONV = ("IFMAP Height", "IFMAP Width", "Filter Height", "Filter Width", "Channels", "Num Filter")
_GEMM = ("M", "N", "K")


def read_topology(path: Path, batch: int = 1) -> Workload:
    """Return the layers of a topology file of SCALE-Sim.

    The header says of which kind they are: ``Layer name, IFMAP Height, IFMAP Width, Filter Height,
    Filter Width, Channels, Num Filter, Strides,`` or, with a stride each, ``Stride height, Stride
    width,``; or ``Layer, M, N, K,`` for M x K times K x N. As SCALE-Sim 3 reads them: feature maps
    hold their padding; rows and columns that a stride leaves over at the end are padded to a
    further window; a layer with ``DP`` in its name is depthwise, with Num Filter filters for each
    channel; what follows the last comma does not count. A further column is the sparsity of the
    weights, N:M; only dense ones are supported. Such files know no biases.

    Raises
    ------
    VoltileError
        With file and line, for what is not a number, too few columns, sparse layers, two layers of
        a name, and layers that cannot be.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise LayerError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LayerError(f"{path} is no topology file: {error}") from None
    columns, layer = _kind(path, lines[0])
    layers: dict[str, LayerShape] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        row = _row(path, number, line, columns)
        try:
            shape = layer(row)
        except LayerError as error:
            raise LayerError(f"{path}:{number}: {error}") from None
        if shape.name in layers:
            raise LayerError(f"{path}:{number}: another layer is named '{shape.name}'")
        layers[shape.name] = shape
    return Workload(path.stem, tuple(layers.values()), batch)


def _kind(path: Path, header: str) -> tuple[tuple[str, ...], Callable[[CsvRow], LayerShape]]:
    """Return the columns that a header calls for, and what makes layers of them."""
    names = [name.strip().lower() for name in header.split(",")]
    kinds = (
        ((*_CONV, "Strides"), _conv),
        ((*_CONV, "Stride height", "Stride width"), _conv),
        (_GEMM, _gemm),
    )
    for columns, layer in kinds:
        if names[1 : 1 + len(columns)] == [name.lower() for name in columns]:
            return columns, layer
    raise LayerError(
        f"{path}:1: the header must be Layer name,{','.join(kinds[0][0])} or "
        f"Layer,{','.join(_GEMM)}, not {header.strip()[:80]!r}"
    )


def _row(path: Path, number: int, line: str, columns: tuple[str, ...]) -> CsvRow:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) <= len(columns):
        raise LayerError(
            f"{path}:{number}: {len(fields)} columns, where the header has {len(columns) + 1}"
        )
    for further in fields[1 + len(columns) : -1]:
        kept, _, of = further.partition(":")
        if not kept == of != "":
            raise LayerError(
                f"{path}:{number}: sparsity must be 1:1, dense, not {further!r}; sparse layers are "
                "not supported"
            )
    return CsvRow(path, number, dict(zip(("name", *columns), fields, strict=False)))


def _conv(row: CsvRow) -> LayerShape:
    height, width, *kernel, channels, filters = (row.integer(name, 1) for name in _CONV)
    strides = ("Strides",) * 2 if "Strides" in row.values else ("Stride height", "Stride width")
    stride = (row.integer(strides[0], 1), row.integer(strides[1], 1))
    if kernel[0] > height or kernel[1] > width:
        raise LayerError(f"a filter of {kernel[0]} x {kernel[1]} is larger than its input of "
                         f"{height} x {width}")  # fmt: skip
    groups = channels if "DP" in row.values["name"] else 1
    return LayerShape(
        row.values["name"], Op.CONV, channels, groups * filters, height, width,
        (kernel[0], kernel[1]), stride,
        (0, 0, (kernel[0] - height) % stride[0], (kernel[1] - width) % stride[1]),
        groups=groups, bias=False,
    )  # fmt: skip


def _gemm(row: CsvRow) -> LayerShape:
    rows, outputs, inputs = (row.integer(name, 1) for name in _GEMM)
    return LayerShape(row.values["name"], Op.GEMM, inputs, outputs, rows, bias=False)
