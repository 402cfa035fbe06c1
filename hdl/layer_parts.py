"""Layers in parts that fit the buffers, each a job: groups, output channels, bands of rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from voltile.core import LayerError
from voltile.hdl.accelerator import Accelerator
from voltile.hdl.layer_jobs import LayerJob
from voltile.hdl.layers import Layer
from voltile.hdl.operand_order import operand_orders


@dataclass(frozen=True)
class Part:
    """Some output channels and rows of a layer, as a layer by itself.

    Attributes
    ----------
    layer : Layer
        The part.
    inputs, outputs : slice
        Its channels among those of the whole.
    in_rows, out_rows : slice
        Its rows among those of the whole; input rows of adjacent parts overlap.
    """

    layer: Layer
    inputs: slice
    outputs: slice
    in_rows: slice
    out_rows: slice


def split_layer(layer: Layer, accelerator: Accelerator) -> list[Part]:
    """Return parts of a layer that are a job each.

    The first of these that fits, in parts as few and as equal as it gives:

    1. Groups of channels, as many together as fill words and columns, or a multiple of that.
    2. The fewest such groups, in bands of output rows.
    3. Folds of output channels of one group, as many as fit with one output row, in bands.

    A band fits when the input rows that its windows reach do, padding counted as if it were rows.

    Raises
    ------
    LayerError
        When one output row of one fold does not fit either, or when bands are needed and padding
        is not smaller than the kernel.
    """
    for count in _shares(layer.groups, _groups_together(layer, accelerator)):
        parts = [_groups(layer, start, count) for start in range(0, layer.groups, count)]
        if _fits(parts[0].layer, accelerator):
            return parts
    if not _fits(_band_at_most(parts[0].layer, 1), accelerator):
        singles = [_groups(layer, start, 1) for start in range(layer.groups)]
        count = _channels_that_fit(singles[0].layer, accelerator)
        parts = [
            _channels(single, start, count)
            for single in singles
            for start in range(0, single.layer.out_channels, count)
        ]
    rows = next(
        rows
        for rows in _shares(layer.out_height, 1)
        if _fits(_band_at_most(parts[0].layer, rows), accelerator)
    )
    if rows < layer.out_height and max(layer.padding[::2]) >= layer.kernel[0]:
        raise LayerError(
            f"padding of {layer.padding[0]} and {layer.padding[2]} rows must be smaller than the "
            f"kernel's {layer.kernel[0]} in a layer that is computed in bands of rows"
        )
    return [
        _band(part, start, rows) for part in parts for start in range(0, layer.out_height, rows)
    ]


def _fits(layer: Layer, accelerator: Accelerator) -> bool:
    try:
        LayerJob(layer, accelerator)
    except LayerError:
        return False
    return True


def _shares(total: int, unit: int) -> Iterator[int]:
    """Yield sizes of equal shares, whole units, from all in one down to a unit."""
    units = -(-total // unit)
    for count in range(1, units + 1):
        yield -(-units // count) * unit


def _groups_together(layer: Layer, accelerator: Accelerator) -> int:
    """Return the fewest groups that fill whole words of activations and whole folds."""
    order = operand_orders(accelerator.pe, accelerator.rows).get(layer.precision)
    values, cols = order.act_values if order else 1, accelerator.cols
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    return math.lcm(values // math.gcd(values, inputs), cols // math.gcd(cols, outputs))


def _groups(layer: Layer, start: int, count: int) -> Part:
    """Return `count` groups of a layer, fewer at its end."""
    groups = min(count, layer.groups - start)
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    part = replace(layer, in_channels=groups * inputs, out_channels=groups * outputs, groups=groups)
    return Part(
        part,
        slice(start * inputs, (start + groups) * inputs),
        slice(start * outputs, (start + groups) * outputs),
        slice(0, layer.in_height),
        slice(0, layer.out_height),
    )


def _channels_that_fit(layer: Layer, accelerator: Accelerator) -> int:
    """Return the output channels, whole folds, of a part of one group and row that fits."""
    row = _band_at_most(layer, 1)
    *larger, least = _shares(layer.out_channels, accelerator.cols)
    for count in larger:
        if _fits(replace(row, out_channels=min(count, layer.out_channels)), accelerator):
            return count
    # Raises what of the smallest part does not fit.
    LayerJob(replace(row, out_channels=min(least, layer.out_channels)), accelerator)
    return least


def _channels(part: Part, start: int, count: int) -> Part:
    """Return `count` output channels of a part of one group, fewer at its end."""
    stop = min(start + count, part.layer.out_channels)
    first = part.outputs.start
    changed = replace(part.layer, out_channels=stop - start)
    return replace(part, layer=changed, outputs=slice(first + start, first + stop))


def _band_at_most(layer: Layer, rows: int) -> Layer:
    """Return a layer as large as the largest band of `rows` output rows."""
    if rows == layer.out_height:
        return layer
    reach = (rows - 1) * layer.stride[0] + layer.kernel[0]
    height = min(layer.in_height, reach)
    return replace(
        layer, in_height=height, padding=(reach - height, layer.padding[1], 0, layer.padding[3])
    )


def _band(part: Part, start: int, count: int) -> Part:
    """Return `count` output rows of a part, fewer at its end, with the input that they see."""
    layer = part.layer
    stop = min(start + count, layer.out_height)
    if (start, stop) == (0, layer.out_height):
        return part
    first = start * layer.stride[0] - layer.padding[0]
    last = (stop - 1) * layer.stride[0] - layer.padding[0] + layer.kernel[0]
    low, high = max(first, 0), min(last, layer.in_height)
    changed = replace(
        layer,
        in_height=high - low,
        padding=(low - first, layer.padding[1], last - high, layer.padding[3]),
    )
    return replace(part, layer=changed, in_rows=slice(low, high), out_rows=slice(start, stop))
