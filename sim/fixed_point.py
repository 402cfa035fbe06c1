"""Fixed-point networks: quantisation of all layers, and inference in exact integers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voltile.core import LayerError, Precision
from voltile.sim.elements import SCALABLE, Element
from voltile.sim.fixed_point_layers import (
    FixedPointJoin,
    FixedPointLayer,
    joined,
    quantised_layer,
)
from voltile.sim.float_network import (
    FloatLayer,
    FloatNetwork,
    Join,
    MaxPool,
    chain,
    compute,
)
from voltile.sim.golden import IntArray, split
from voltile.sim.layers import activate, convolve
from voltile.sim.packed import reconfigure_weights
from voltile.sim.quantisation import LARGEST, check_inputs, fraction_length, quantise


@dataclass(frozen=True)
class FixedPointNetwork:
    """A network whose layers run at a precision each, from one set of weights.

    Convolutions, among them fully connected layers and average pooling, take a precision; max
    pooling and joins work on words of all bits. A feature map is written in words of half as many
    bits when all layers that take it are of half precision; when only some are, these take the high
    halves of its words, which are the same numbers. The input is rounded to the words of each layer
    that takes it.

    Attributes
    ----------
    layers : tuple of FixedPointLayer or FixedPointJoin
        In an order of computation; the last one gives the result.
    element : Element
        What computes it; its width is that of words at full precision.
    inputs : tuple of tuple of int
        Feature maps that each layer takes, as in `FloatNetwork`.
    rounding : bool
        Whether weights are rounded to half their bits (Fig. 3.5b), or truncated (Fig. 3.5a).
    input_shape : tuple of int or None
        Height, width and channels of the input, where they are fixed.
    """

    layers: tuple[FixedPointLayer | FixedPointJoin, ...]
    element: Element = SCALABLE
    inputs: tuple[tuple[int, ...], ...] = ()
    rounding: bool = True
    input_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", self.inputs or chain(len(self.layers)))

    @classmethod
    def quantised(
        cls,
        network: FloatNetwork,
        calibration: npt.ArrayLike,
        element: Element = SCALABLE,
        *,
        length: Callable[[npt.ArrayLike, int], int] = fraction_length,
        rounding: bool = True,
    ) -> "FixedPointNetwork":
        """Return a network whose fraction lengths suit a calibration set.

        Weights get a shorter fraction length where their biases would not fit their 2 N bits
        otherwise. Results get no more fraction bits than the products or maps they are made of.

        Parameters
        ----------
        network : FloatNetwork
            What to quantise.
        calibration : array_like, shape (inputs, height, width, channels)
            Inputs, in the units of the network.
        element : Element
            What computes it.
        length : callable
            Fraction length of values in words: `fraction_length` or `range_fraction_length`.
        rounding : bool
            Whether weights are rounded to half their bits, or truncated.

        Raises
        ------
        LayerError
            When the inputs are of another shape, none or no numbers, a weight or result is not
            finite, or an input or result is of `LARGEST` or more.
        """
        width = element.width
        inputs = check_inputs(calibration, network.input_shape)
        maps = {0: list(inputs)}
        fractions = [length(inputs, width)]
        layers: list[FixedPointLayer | FixedPointJoin] = []
        for number, (layer, taken) in enumerate(zip(network.layers, network.inputs, strict=True)):
            if isinstance(layer, FloatLayer) and not np.isfinite(layer.weight).all():
                raise LayerError(f"'{layer.name}' has weights that are not finite")
            with np.errstate(over="ignore", invalid="ignore"):  # told as an error below
                results = [
                    compute(layer, each)
                    for each in zip(*(maps[item] for item in taken), strict=True)
                ]
            if not np.isfinite(results).all():
                raise LayerError(f"'{layer.name}' has results that are not finite")
            if (found := max(np.abs(each).max() for each in results)) >= LARGEST:
                raise LayerError(
                    f"'{layer.name}' has results of {found:.3g}; fixed point takes magnitudes "
                    f"below {LARGEST:.3g}"
                )
            before = tuple(fractions[item] for item in taken)
            match layer:
                case FloatLayer():
                    longest = length(results, width)
                    layers.append(quantised_layer(layer, before[0], longest, width, length))
                case MaxPool():
                    layers.append(FixedPointJoin(before, before[0], layer))
                case Join():
                    longest = min(length(results, width), max(before))
                    layers.append(FixedPointJoin(before, longest, layer))
            fractions.append(layers[-1].fraction_out)
            maps[number + 1] = results
            last = {item for later in network.inputs[number + 1 :] for item in later}
            maps = {item: kept for item, kept in maps.items() if item in last}
        return cls(tuple(layers), element, network.inputs, rounding, network.input_shape)

    @property
    def array_layers(self) -> tuple[int, ...]:
        """Numbers of the layers that take a precision."""
        return tuple(
            number for number, layer in enumerate(self.layers) if isinstance(layer, FixedPointLayer)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers that take a precision."""
        return tuple(layer.source.name for layer in self.convolutions)

    @property
    def convolutions(self) -> tuple[FixedPointLayer, ...]:
        """Layers that take a precision."""
        return tuple(layer for layer in self.layers if isinstance(layer, FixedPointLayer))

    @property
    def fraction_in(self) -> int:
        """Fraction length of an input in words of all bits."""
        for layer, taken in zip(self.layers, self.inputs, strict=True):
            if 0 in taken:
                if isinstance(layer, FixedPointLayer):
                    return layer.fraction_in
                return layer.fractions_in[taken.index(0)]
        raise LayerError("no layer takes the input")

    def by_layer(self, precisions: Sequence[Precision]) -> list[Precision | None]:
        """Return the precision of every layer, None where it takes none.

        Raises
        ------
        LayerError
            When there is not one for each that takes one, or the element lacks it.
        """
        array = self.array_layers
        if len(precisions) != len(array):
            raise LayerError(
                f"{len(array)} layers need a precision each, {len(precisions)} are given"
            )
        for precision in precisions:
            if precision not in self.element.products:
                has = ", ".join(item.name.lower() for item in self.element.products)
                raise LayerError(
                    f"precisions of '{self.element.name}' are {has}, not "
                    f"{getattr(precision, 'name', str(precision)).lower()}"
                )
        given = dict(zip(array, precisions, strict=True))
        return [given.get(number) for number in range(len(self.layers))]

    def enter(self, values: npt.ArrayLike, precision: Precision) -> IntArray:
        """Return an input, of single precision as in ONNX files, as a first layer takes it."""
        bits, lost = self.word(precision)
        return quantise(np.asarray(values, np.float32), self.fraction_in - lost, bits)

    def weight(self, number: int, precision: Precision) -> IntArray:
        """Return the weights of a layer as the element takes them at a precision.

        Where it does not round them itself, they come reduced to half of their bits (Fig. 3.5); for
        truncation it gets words whose low halves are zero, which its rounding leaves as they are.
        """
        layer, width = self.layers[number], self.element.width
        assert isinstance(layer, FixedPointLayer)
        weight = layer.weight
        if precision is Precision.FULL:
            return weight
        if self.element.weight_bits(precision) < width:
            return reconfigure_weights(weight, width, self.rounding)
        return weight if self.rounding else split(weight, width)[0] << width // 2

    def position(self, number: int, precisions: Sequence[Precision]) -> int:
        """Return the right shift of the results of a layer, for the layers that take them."""
        layer = self.layers[number]
        _, lost = self._written(number, self.by_layer(precisions))
        if isinstance(layer, FixedPointJoin):
            return layer.longest - layer.fraction_out + lost
        return layer.fraction_in + layer.fraction_weight - layer.fraction_out + lost

    def narrow(self, number: int, precisions: Sequence[Precision]) -> bool:
        """Return whether results of a layer have half of the bits."""
        return self._narrow(number + 1, self.by_layer(precisions))

    def word(self, precision: Precision | None) -> tuple[int, int]:
        """Return the bits of an activation, and how many lower ones it lacks."""
        width = self.element.width
        return (width // 2, width // 2) if precision is Precision.HALF else (width, 0)

    def _narrow(self, item: int, setting: Sequence[Precision | None]) -> bool:
        """Return whether all layers that take a feature map are of half precision.

        What leaves the network has all bits.
        """
        readers = {setting[number] for number, taken in enumerate(self.inputs) if item in taken}
        return readers == {Precision.HALF}

    def _written(self, number: int, setting: Sequence[Precision | None]) -> tuple[int, int]:
        return self.word(Precision.HALF if self._narrow(number + 1, setting) else None)

    def feature_maps(
        self,
        values: npt.ArrayLike,
        precisions: Sequence[Precision],
    ) -> list[IntArray]:
        """Return the input, as the first layer takes it, and the results of every layer.

        Parameters
        ----------
        values : array_like, shape (height, width, channels)
            An input, in the units of the network.
        precisions : sequence of Precision
            One per layer that takes one.

        Raises
        ------
        LayerError
            When there is not one for each, or the element lacks it.
        """
        setting = self.by_layer(precisions)
        maps = [self.enter(values, setting[0] or Precision.FULL)]
        for number, taken in enumerate(self.inputs):
            acts = [self._taken(item, values, maps[item], number, setting) for item in taken]
            bits, lost = self._written(number, setting)
            maps.append(self.results(number, acts, setting[number], bits, lost))
        return maps

    def _taken(
        self, item: int, values: npt.ArrayLike, words: IntArray, number: int,
        setting: Sequence[Precision | None],
    ) -> IntArray:  # fmt: skip
        """Return a feature map as a layer takes it."""
        precision = setting[number] or Precision.FULL
        if item == 0:
            return self.enter(values, precision)
        _, lost = self.word(precision)
        return words if self._narrow(item, setting) else words >> lost

    def results(
        self, number: int, acts: Sequence[IntArray], precision: Precision | None, bits: int,
        lost: int = 0,
    ) -> IntArray:  # fmt: skip
        """Return what a layer writes.

        Parameters
        ----------
        number : int
            Number of the layer.
        acts : sequence of ndarray, shape (height, width, channels)
            What it takes, in words of its precision.
        precision : Precision or None
            Of a convolution.
        bits, lost : int
            Bits of a result, and how many lower ones it lacks.
        """
        layer, source = self.layers[number], self.layers[number].source
        if isinstance(layer, FixedPointLayer):
            assert precision is not None
            sums = convolve(
                acts[0], self.weight(number, precision), layer.bias, precision=precision,
                stride=layer.source.stride, padding=layer.source.padding,
                groups=layer.source.groups, element=self.element,
            )  # fmt: skip
            position = layer.fraction_in + layer.fraction_weight - layer.fraction_out
        else:
            sums = joined(layer, acts)
            position = layer.longest - layer.fraction_out
        return activate(sums, position + lost, bits, source.relu, self.ceiling(number, lost))

    def ceiling(self, number: int, lost: int = 0) -> int | None:
        """Return the largest result of a layer that its activation lets through, or None."""
        layer = self.layers[number]
        if layer.source.ceiling is None:
            return None
        return int(np.floor(layer.source.ceiling * 2.0 ** (layer.fraction_out - lost)))
