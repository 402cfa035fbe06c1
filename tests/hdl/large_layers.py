"""Layers larger than small buffers, and what the accelerator's documents say of their jobs."""

import math

import numpy as np

from voltile.core import LayerError
from voltile.hdl import Accelerator, Layer, LayerJob, split_layer
from voltile.sim import ArrayConfig, CycleMode, Element, LayerShape, Op


def any_large_layer(rng, precisions) -> Layer:
    """Return a layer: dense, grouped, depthwise or fully connected, with any stride and padding."""

    def up_to(most: int) -> int:
        return int(rng.integers(1, most + 1))

    kind = rng.choice(["dense", "grouped", "depthwise", "connected"])
    inputs, outputs, groups = up_to(40), up_to(60), 1
    height, width = up_to(30), up_to(12)
    kernel = up_to(min(5, height)), up_to(min(5, width))
    padding = tuple(int(rng.integers(0, size)) for size in (*kernel, *kernel))
    stride = up_to(3), up_to(3)
    if kind == "connected":
        height, width = up_to(4), up_to(4)
        kernel, padding, stride = (height, width), (0, 0, 0, 0), (1, 1)
    elif kind == "depthwise":
        groups = outputs = inputs
    elif kind == "grouped":
        groups = up_to(6)
        inputs, outputs = groups * up_to(12), groups * up_to(12)
    return Layer(
        inputs, outputs, height, width, kernel, stride, padding, groups, rng.choice(precisions),
        bias=bool(rng.random() < 0.7),
    )  # fmt: skip


def split_layers(rng, accelerator: Accelerator, count: int) -> list[tuple[Layer, list]]:
    """Return layers, each with its parts; those that fit in no way are left out."""
    found: list[tuple[Layer, list]] = []
    while len(found) < count:
        layer = any_large_layer(rng, list(accelerator.pe.modes))
        try:
            found.append((layer, split_layer(layer, accelerator)))
        except LayerError:
            continue
    return found


def shape_of(layer: Layer, name: str) -> LayerShape:
    """Return a layer as the cost models know it."""
    return LayerShape(
        name, Op.CONV, layer.in_channels, layer.out_channels, layer.in_height, layer.in_width,
        layer.kernel, layer.stride, layer.padding, groups=layer.groups, bias=layer.bias,
    )  # fmt: skip


def config_of(accelerator: Accelerator, element: Element) -> ArrayConfig:
    """Return an accelerator as the cost models know it."""
    return ArrayConfig(
        accelerator.rows, accelerator.cols, element, mode=CycleMode.RTL,
        act_bytes=accelerator.act_bytes, weight_bytes=accelerator.weight_bytes,
        out_bytes=accelerator.out_bytes,
    )  # fmt: skip


def job_counts(layer: Layer, accelerator: Accelerator) -> np.ndarray:
    """Return jobs, cycles and stream words (act, weight, out) of a job from its descriptor.

    The cycles by the formula in the documentation of `Accelerator`.
    """
    job, pe = LayerJob(layer, accelerator), accelerator.pe
    fields, mode = job.fields, pe.modes[layer.precision]
    share = pe.act_width // (mode.acts * pe.act_bits(layer.precision))
    slots = accelerator.rows * share * mode.acts // mode.weights
    kernel = layer.kernel[0] * layer.kernel[1]
    steps = mode.passes * kernel * fields["window_words"] * slots + pe.bias_words * layer.bias
    pixel_folds = math.ceil(fields["pixels"] / accelerator.rows)
    cycles = fields["out_folds"] * (2 * layer.bias + pixel_folds * steps)
    cycles += accelerator.rows + accelerator.cols + pe.latency + 3
    return np.array(
        [1, cycles, *(fields[f"{kind}_words"] for kind in ("act", "weight", "out"))]
    )
