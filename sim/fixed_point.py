"""Fixed-point networks: quantisation by powers of two, and inference in exact integers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voltile.core import LayerError, Precision
from voltile.sim.elements import SCALABLE, Element
from voltile.sim.float_network import FloatArray, FloatLayer, FloatNetwork
from voltile.sim.golden import IntArray, round_half_even
from voltile.sim.layers import activate, convolve


def quantise(values: npt.ArrayLike, fraction: int, bits: int) -> IntArray:
    """Return ``clip(round(x * 2**fraction), -2**(bits-1), 2**(bits-1) - 1)`` (Eq. 3.2).

    Half-even rounding. A negative fraction length is one whose lowest bit is worth more than 1.
    """
    scaled = np.rint(np.asarray(values, np.float64) * 2.0**fraction)
    return np.clip(scaled, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)


def fraction_length(values: npt.ArrayLike, bits: int) -> int:
    """Return the fraction length of the least mean squared error (3.3.1).

    Greedy: from the longest with which nothing is clipped, longer and longer as long as the error
    falls.
    """
    array = np.asarray(values, np.float64)
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0.0:
        return bits - 1
    fraction = bits - 1 - int(np.floor(np.log2(largest)) + 1)
    error = _squared_error(array, fraction, bits)
    while (longer := _squared_error(array, fraction + 1, bits)) < error:
        fraction, error = fraction + 1, longer
    return fraction


def _squared_error(values: FloatArray, fraction: int, bits: int) -> float:
    return float(np.mean((values - quantise(values, fraction, bits) * 2.0**-fraction) ** 2))


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
        The layer that it was made from, for stride, padding, groups, ReLU and name.
    """

    weight: IntArray
    bias: IntArray | None
    fraction_in: int
    fraction_weight: int
    fraction_out: int
    source: FloatLayer


@dataclass(frozen=True)
class FixedPointNetwork:
    """A network whose layers run at a precision each, from one set of weights.

    Attributes
    ----------
    layers : tuple of FixedPointLayer
        In their order.
    element : Element
        What computes it; its width is that of words at full precision.
    """

    layers: tuple[FixedPointLayer, ...]
    element: Element = SCALABLE

    @classmethod
    def quantised(
        cls, network: FloatNetwork, calibration: npt.ArrayLike, element: Element = SCALABLE
    ) -> "FixedPointNetwork":
        """Return a network whose fraction lengths suit a calibration set.

        Parameters
        ----------
        network : FloatNetwork
            What to quantise.
        calibration : array_like, shape (inputs, height, width, channels)
            Inputs, in the units of the network.
        element : Element
            What computes it.

        Raises
        ------
        LayerError
            When a layer's results would need a left shift: its operands have fewer fraction bits
            than its results.
        """
        width = element.width
        inputs = np.asarray(calibration, np.float64)
        runs = [network.feature_maps(item) for item in inputs]
        fraction_in = fraction_length(inputs, width)
        layers = []
        for number, layer in enumerate(network.layers):
            fraction_weight = fraction_length(layer.weight, width)
            fraction_out = fraction_length([maps[number + 1] for maps in runs], width)
            product = fraction_in + fraction_weight
            if product < fraction_out:
                raise LayerError(
                    f"'{layer.name}' has products of {product} and results of {fraction_out} "
                    "fraction bits"
                )
            bias = None if layer.bias is None else quantise(layer.bias, product, 2 * width)
            layers.append(
                FixedPointLayer(
                    quantise(layer.weight, fraction_weight, width), bias,
                    fraction_in, fraction_weight, fraction_out, layer,
                )
            )  # fmt: skip
            fraction_in = fraction_out
        return cls(tuple(layers), element)

    def enter(self, values: npt.ArrayLike, precision: Precision) -> IntArray:
        """Return an input as the first layer takes it at a precision."""
        bits, lost = _word(self.element.width, precision)
        return quantise(values, self.layers[0].fraction_in - lost, bits)

    def weight(self, number: int, precision: Precision) -> IntArray:
        """Return the weights of a layer as the element takes them at a precision.

        Where it does not round them itself, they come rounded to half of their bits (Fig. 3.5).
        """
        weight, width = self.layers[number].weight, self.element.width
        kept = self.element.weight_bits(precision) == width
        return weight if kept else round_half_even(weight, width)

    def position(self, number: int, precisions: Sequence[Precision]) -> int:
        """Return the right shift of the results of a layer, for the precision of the next one."""
        layer = self.layers[number]
        _, lost = _word(self.element.width, self._next(number, precisions))
        return layer.fraction_in + layer.fraction_weight - layer.fraction_out + lost

    def narrow(self, number: int, precisions: Sequence[Precision]) -> bool:
        """Return whether results of a layer have half of the bits."""
        return self._next(number, precisions) is Precision.HALF

    def _next(self, number: int, precisions: Sequence[Precision]) -> Precision:
        """Return the precision of the layer after; what leaves the network has all bits."""
        return precisions[number + 1] if number + 1 < len(precisions) else Precision.FULL

    def feature_maps(
        self,
        values: npt.ArrayLike,
        precisions: Sequence[Precision],
    ) -> list[IntArray]:
        """Return the input and the results of every layer, in integers.

        Parameters
        ----------
        values : array_like, shape (height, width, channels)
            An input, in the units of the network.
        precisions : sequence of Precision
            One per layer.
        """
        if len(precisions) != len(self.layers):
            raise LayerError(f"{len(self.layers)} layers need a precision each, "
                             f"{len(precisions)} are given")  # fmt: skip
        maps = [self.enter(values, precisions[0])]
        for number, layer in enumerate(self.layers):
            source = layer.source
            sums = convolve(
                maps[-1], self.weight(number, precisions[number]), layer.bias,
                precision=precisions[number], stride=source.stride, padding=source.padding,
                groups=source.groups, element=self.element,
            )  # fmt: skip
            bits, _ = _word(self.element.width, self._next(number, precisions))
            maps.append(activate(sums, self.position(number, precisions), bits, source.relu))
        return maps


def _word(width: int, precision: Precision) -> tuple[int, int]:
    """Return the bits of an activation, and how many lower ones it lacks."""
    return (width // 2, width // 2) if precision is Precision.HALF else (width, 0)
