"""Layers in integers: convolutions quantised by powers of two, pooling, joins of feature maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voltile.sim.float_network import FloatLayer, Join, MaxPool, max_pool, sum_of
from voltile.sim.golden import IntArray
from voltile.sim.quantisation import quantise, range_fraction_length


@dataclass(frozen=True)
class FixedPointLayer:
    """A convolution in integers.

    Attributes
    ----------
    weight, bias : ndarray
        As in `FloatLayer`; `width`-bit weights, and ``2 * width``-bit biases with the fraction
        length of products, or None.
    fraction_in, fraction_weight, fraction_out : int
        Fraction lengths of `width`-bit activations, weights and results.
    source : FloatLayer
        The layer that it was made from, for stride, padding, groups, activation and name.
    """

    weight: IntArray
    bias: IntArray | None
    fraction_in: int
    fraction_weight: int
    fraction_out: int
    source: FloatLayer


@dataclass(frozen=True)
class FixedPointJoin:
    """Max pooling, a sum or a concatenation of words of all bits.

    Words of several maps are shifted left to the longest of their fraction lengths, added or put
    together, shifted right to that of the results (floor), and clamped.

    Attributes
    ----------
    fractions_in : tuple of int
        Fraction length of each map that it takes.
    fraction_out : int
        Fraction length of results; the same one after max pooling.
    source : MaxPool or Join
        The layer that it was made from.
    """

    fractions_in: tuple[int, ...]
    fraction_out: int
    source: MaxPool | Join

    @property
    def longest(self) -> int:
        """Fraction length to which the words are aligned."""
        return max(self.fractions_in)


def quantised_layer(
    layer: FloatLayer, fraction_in: int, fraction_out: int, width: int,
    length: Callable[[npt.ArrayLike, int], int],
) -> FixedPointLayer:  # fmt: skip
    """Return a convolution in integers."""
    fraction_weight, bias = length(layer.weight, width), None
    if layer.bias is not None and layer.bias.any():
        longest = range_fraction_length(layer.bias, 2 * width)
        fraction_weight = min(fraction_weight, longest - fraction_in)
    product = fraction_in + fraction_weight
    if layer.bias is not None:
        bias = quantise(layer.bias, product, 2 * width)
    return FixedPointLayer(
        quantise(layer.weight, fraction_weight, width), bias,
        fraction_in, fraction_weight, min(fraction_out, product), layer,
    )  # fmt: skip


def joined(layer: FixedPointJoin, maps: Sequence[IntArray]) -> IntArray:
    """Return the words of a join, aligned to its longest fraction length."""
    if isinstance(layer.source, MaxPool):
        return max_pool(layer.source, maps[0])
    aligned = [
        words << layer.longest - fraction
        for words, fraction in zip(maps, layer.fractions_in, strict=True)
    ]
    return np.concatenate(aligned, axis=-1) if layer.source.concatenates else sum_of(aligned)
