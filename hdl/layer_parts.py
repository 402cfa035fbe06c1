"""Parts of a layer that fit the accelerator, each a job."""

import math
from dataclasses import dataclass, replace

from voltile.core import LayerError
from voltile.hdl.accelerator import Accelerator
from voltile.hdl.layer_jobs import LayerJob
from voltile.hdl.layers import Layer


@dataclass(frozen=True)
class Part:
    """Some output channels of a layer, as a layer by itself.

    Attributes
    ----------
    layer : Layer
        The part.
    inputs, outputs : slice
        Its channels among those of the whole.
    """

    layer: Layer
    inputs: slice
    outputs: slice


def split_layer(layer: Layer, accelerator: Accelerator) -> list[Part]:
    """Return parts of a layer that are a job each, as few as halving the channels gives.

    Raises
    ------
    LayerError
        When the smallest part does not fit either: the groups, or the output channels, of one fold.
    """
    units = layer.groups if layer.groups > 1 else layer.out_channels
    per_fold = math.lcm(accelerator.cols, layer.out_channels // units)
    # Parts begin with a fold of their own.
    step = per_fold // (layer.out_channels // units)
    count = units
    while True:
        parts = [_part(layer, start, min(start + count, units)) for start in range(0, units, count)]
        try:
            for part in parts:
                LayerJob(part.layer, accelerator)
        except LayerError:
            if count <= step:
                raise
            count = -(-count // (2 * step)) * step
        else:
            return parts


def _part(layer: Layer, start: int, stop: int) -> Part:
    """Return groups, or output channels where there is one group, from `start` to `stop`."""
    if layer.groups == 1:
        inputs, outputs, groups = slice(0, layer.in_channels), slice(start, stop), 1
    else:
        each_in, each_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
        inputs = slice(start * each_in, stop * each_in)
        outputs = slice(start * each_out, stop * each_out)
        groups = stop - start
    changed = replace(
        layer,
        in_channels=inputs.stop - inputs.start,
        out_channels=outputs.stop - outputs.start,
        groups=groups,
    )
    return Part(changed, inputs, outputs)
