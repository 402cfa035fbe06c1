"""Layers for the benches: random shapes and operands, expected feature maps."""

import numpy as np

from voltile.core import LayerError, Precision
from voltile.hdl import Accelerator, Layer, LayerJob
from voltile.sim import (
    SCALABLE,
    Element,
    activate,
    convolve,
    layer_cycles,
    reconfigure_weights,
    write_back,
)


def random_layer(rng, accelerator: Accelerator, precision: Precision | None = None) -> Layer:
    """Return a layer that fits: dense, grouped, depthwise or fully connected."""
    while True:
        pe = accelerator.pe
        layer = _any_layer(rng, precision or rng.choice(list(pe.modes)), pe.width)
        try:
            LayerJob(layer, accelerator)
        except LayerError:
            continue
        return layer


def _any_layer(rng, precision: Precision, width: int) -> Layer:
    def up_to(most: int) -> int:
        return int(rng.integers(1, most + 1))

    kind = rng.choice(["dense", "grouped", "depthwise", "connected"])
    inputs, outputs, groups = up_to(20), up_to(20), 1
    height, width = up_to(7), up_to(7)
    kernel = up_to(min(3, height)), up_to(min(3, width))
    padding = tuple(int(rng.integers(0, 2)) for _ in range(4))
    stride = up_to(2), up_to(2)
    if kind == "connected":
        kernel, padding, stride = (height, width), (0, 0, 0, 0), (1, 1)
    elif kind == "depthwise":
        groups = outputs = inputs
    elif kind == "grouped":
        groups = up_to(4)
        inputs, outputs = groups * up_to(6), groups * up_to(6)
    return Layer(
        inputs, outputs, height, width, kernel, stride, padding, groups, precision,
        bias=bool(rng.random() < 0.7), relu=bool(rng.random() < 0.5),
        position=int(rng.integers(2 * width)), narrow=bool(rng.random() < 0.4),
    )  # fmt: skip


def random_operands(rng, layer: Layer, element: Element = SCALABLE):
    """Return activations, weights and biases of a layer, a third of the activations zero."""
    shape = layer.in_height, layer.in_width, layer.in_channels
    act = _words(rng, shape, element.act_bits(layer.precision))
    act[rng.random(shape) < 0.3] = 0
    shape = layer.out_channels, *layer.kernel, layer.in_channels // layer.groups
    weight = _words(rng, shape, element.weight_bits(layer.precision))
    return act, weight, _words(rng, (layer.out_channels,), 2 * element.width)


def _words(rng, shape, bits: int) -> np.ndarray:
    return rng.integers(-(1 << bits - 1), 1 << bits - 1, shape)


def reduced(weight, precision: Precision, rounding: bool, element: Element = SCALABLE):
    """Return weights of full precision as an element takes them at another (Fig. 3.5)."""
    if precision is Precision.FULL:
        return weight
    half = reconfigure_weights(weight, element.width, rounding)
    if element.weight_bits(precision) < element.width:
        return half
    return weight if rounding else half << element.width // 2


def expected_map(layer: Layer, act, weight, bias, element: Element = SCALABLE):
    """Return the feature map that the golden model makes."""
    sums, bits = _sums(layer, act, weight, bias, element)
    return activate(sums, layer.position, bits, layer.relu)


def expected_saturated(layer: Layer, cols: int, act, weight, bias, element: Element = SCALABLE):
    """Return how often of `cols` adjacent channels of a pixel one is clamped, and not by ReLU."""
    sums, bits = _sums(layer, act, weight, bias, element)
    _, over = write_back(sums, layer.position, bits)
    lost = over & ~(layer.relu & (sums < 0))
    return sum(int(lost[..., at : at + cols].any(-1).sum()) for at in range(0, sums.shape[2], cols))


def _sums(layer: Layer, act, weight, bias, element: Element):
    """Return the sums of a layer, and the bits of its results."""
    sums = convolve(
        act, weight, bias if layer.bias else None, precision=layer.precision, stride=layer.stride,
        padding=layer.padding, groups=layer.groups, element=element,
    )  # fmt: skip
    return sums, element.width // 2 if layer.narrow else element.width


def expected_cycles(layer: Layer, rows: int, cols: int, element: Element = SCALABLE) -> int:
    """Return the cycles of the cycle model."""
    return layer_cycles(
        layer.in_channels, layer.out_channels, layer.out_height * layer.out_width, layer.kernel,
        layer.groups, layer.precision, layer.bias, rows, cols, element,
    )  # fmt: skip
