"""Cycles of a layer on the output-stationary array, in closed form."""

import math

from voltile.core import Precision
from voltile.sim.elements import SCALABLE, Element


def layer_cycles(
    in_channels: int,
    out_channels: int,
    out_pixels: int,
    kernel: tuple[int, int],
    groups: int,
    precision: Precision,
    bias: bool,
    rows: int,
    cols: int,
    element: Element = SCALABLE,
) -> int:
    """Return the cycles in which the accelerator computes a layer.

    Counted from the first cycle of the job to the one that writes the last result. Words of
    activations hold adjacent channels of a pixel, as many as `rows` ports take; a dot product goes
    over all words of a pixel, or over those of its groups of channels, whether they are filled or
    not. Groups are taken together until they fill words of activations and the columns.
    """
    values = rows * element.act_width // element.act_bits(precision)
    inputs, outputs = in_channels // groups, out_channels // groups
    together = math.lcm(values // math.gcd(values, inputs), cols // math.gcd(cols, outputs))
    window = in_channels if together >= groups else together * inputs
    vector = kernel[0] * kernel[1] * math.ceil(window / values) * values
    extra = element.bias_cycles * bias
    products = element.passes(precision) * vector // element.products[precision]
    folds = math.ceil(out_channels / cols)
    load = 2 * bias
    tail = rows + cols + element.latency + 3
    return folds * (load + math.ceil(out_pixels / rows) * (products + extra)) + tail


def scale_sim_cycles(out_pixels: int, out_channels: int, vector: int, rows: int, cols: int) -> int:
    """Return the cycles of a layer as SCALE-Sim v3 counts them, output stationary.

    ``folds * (vector + rows + cols - 2) - 1`` with ``folds = ceil(out_pixels / rows) *
    ceil(out_channels / cols)``: one product per element and cycle, every fold filled and drained by
    itself (arXiv:1811.02883; checked against the program on seven layers).

    Parameters
    ----------
    vector : int
        Products of an output: kernel height x kernel width x input channels.
    """
    folds = math.ceil(out_pixels / rows) * math.ceil(out_channels / cols)
    return folds * (vector + rows + cols - 2) - 1
