"""Layers of fixed-point networks as standard ONNX operators, integer for integer the same."""

import numpy as np

from voltile.core import LayerError, Precision
from voltile.sim.exact_sums import ExactSum, PartialSum, exact_sum, signed_bits
from voltile.sim.fixed_point import FixedPointNetwork
from voltile.sim.fixed_point_layers import FixedPointJoin, FixedPointLayer
from voltile.sim.float_network import FloatLayer, Join, MaxPool
from voltile.sim.golden import IntArray
from voltile.sim.onnx_builder import OnnxBuilder
from voltile.sim.packed import reconfigure_weights


class ConvolutionNodes:
    """A convolution at a precision, of activations in words of that precision.

    Attributes
    ----------
    fraction : int
        Fraction length of those words.
    products : int
        Fraction length of products.
    """

    def __init__(self, network: FixedPointNetwork, number: int, precision: Precision):
        layer, width = network.layers[number], network.element.width
        assert isinstance(layer, FixedPointLayer)
        self.layer, self.ceiling = layer, network.ceiling(number)
        act_bits, lost = network.word(precision)
        self.weight, self.weight_bits = layer.weight, width
        self.fraction = layer.fraction_in - lost
        if precision is not Precision.FULL:
            self.weight = reconfigure_weights(layer.weight, width, network.rounding)
            self.weight_bits = width // 2
            lost += width // 2
        # Results may have more fraction bits than products of low precision.
        short = max(layer.fraction_out - (layer.fraction_in + layer.fraction_weight - lost), 0)
        self.weight, self.short = self.weight << short, short
        self.products = layer.fraction_in + layer.fraction_weight - lost + short
        bias = np.zeros(len(self.weight), np.int64) if layer.bias is None else layer.bias
        # Bits of the bias below a product's never reach the results.
        self.sums = exact_sum(
            self.weight, bias >> lost - short, act_bits, self.products - layer.fraction_out
        )

    def add(self, build: OnnxBuilder, act: str, fraction: int, quantisers: bool = False) -> str:
        """Add its nodes; return its results in the units of the network, before a quantiser.

        Parameters
        ----------
        build : OnnxBuilder
            Where to.
        act : str
            Activations, words times ``2**-fraction``.
        quantisers : bool
            Whether weights and biases are integers with dequantisers, and an offset is added by
            itself, so that no optimiser takes a quantised convolution for all of it.

        Raises
        ------
        LayerError
            When float32 cannot add up its sums exactly, whatever the pieces.
        """
        from onnx import TensorProto

        source, sums = self.layer.source, self.sums
        if sums is None:
            raise LayerError(f"sums of '{source.name}' are too large for exact float32 pieces")
        pieces = _pieces(build, act, fraction, sums)
        kernels: dict[int, str] = {}
        carry, before = "", sums.parts[0]
        for part in sums.parts:
            is_last = part is sums.parts[-1]
            offset = _offset(sums, quantisers) * 2.0**-self.layer.fraction_out if is_last else 0.0
            operands = self._bias(build, part, 0.0 if quantisers else offset, quantisers)
            terms = []
            for place, weight in part.weights:
                if id(weight) not in kernels:
                    # The piece of activations comes in its place, that of weights gets it here.
                    exponent = part.exponent - place * sums.piece_bits - self.products + fraction
                    kernels[id(weight)] = self._kernels(build, weight, exponent, quantisers)
                terms.append(build.node(
                    "Conv", pieces[place], kernels[id(weight)], *operands,
                    kernel_shape=weight.shape[1:3], strides=source.stride, pads=source.padding,
                    group=source.groups,
                ))  # fmt: skip
                operands = []
            if carry and part.unit > before.unit:
                carry = build.floored(carry, self.products - part.unit)
            if sums.is_wide(part):
                terms = [build.node("Cast", term, to=TensorProto.DOUBLE) for term in terms]
                if carry and not sums.is_wide(before):
                    carry = build.node("Cast", carry, to=TensorProto.DOUBLE)
            for term in terms:
                carry = build.node("Add", term, carry) if carry else term
            before = part
        if sums.is_wide(before):
            carry = build.node("Cast", carry, to=TensorProto.FLOAT)
        if quantisers:
            carry = build.node("Add", carry, build.number(offset))
        return activated(build, carry, source, self.ceiling, self.layer.fraction_out)

    def _bias(
        self, build: OnnxBuilder, part: PartialSum, offset: float, quantisers: bool
    ) -> list[str]:
        """Add the bias of a part, as an operand of its first convolution, if there is one."""
        exponent = part.exponent - self.products
        if quantisers:
            if not part.bias.any():
                return []
            return [build.dequantised(build.integers(part.bias, 32), -exponent)]
        shifted = part.bias * 2.0**exponent + offset
        return [build.constant(shifted.astype(np.float32))] if shifted.any() else []

    def _kernels(
        self, build: OnnxBuilder, weight: IntArray, exponent: int, quantisers: bool
    ) -> str:
        """Add weights times ``2**exponent``, in the order of ONNX."""
        kernels = np.moveaxis(weight, -1, 1)
        assert self.sums is not None
        if not quantisers:
            return build.constant((kernels * 2.0**exponent).astype(np.float32))
        if not (kernels % (1 << self.short)).any():
            kernels, exponent = kernels >> self.short, exponent + self.short
        # At least the bits of the precision, unless these are pieces.
        bits = max(signed_bits(kernels), 0 if len(self.sums.parts) > 1 else self.weight_bits)
        return build.dequantised(build.integers(kernels, bits), -exponent)


def add_join(
    build: OnnxBuilder, layer: FixedPointJoin, ceiling: int | None, acts: list[str]
) -> str:
    """Add the nodes of a join or of max pooling; return its results, before a quantiser.

    In double precision where words of different fraction lengths, aligned, exceed float32.

    Parameters
    ----------
    acts : list of str
        What it takes, in the units of the network.
    """
    from onnx import TensorProto

    source = layer.source
    if isinstance(source, MaxPool):
        pooled = build.node(
            "MaxPool", acts[0], kernel_shape=source.kernel, strides=source.stride,
            pads=source.padding,
        )  # fmt: skip
        return activated(build, pooled, source, ceiling, layer.fraction_out)
    shift = layer.longest - layer.fraction_out
    # Words of 16 bits, aligned and added up; the offset; and half a unit of them.
    spread = layer.longest - min(layer.fractions_in)
    wide = max(15 + spread + len(acts).bit_length(), shift) + 2 > 24
    if wide:
        acts = [build.node("Cast", act, to=TensorProto.DOUBLE) for act in acts]
    total = acts[0]
    if source.concatenates:
        total = build.node("Concat", *acts, axis=1)
    else:
        for act in acts[1:]:
            total = build.node("Add", total, act)
    if wide:
        total = build.floored(total, layer.fraction_out, np.float64)
        total = build.node("Cast", total, to=TensorProto.FLOAT)
    elif shift:
        offset = (2.0 ** -(shift + 1) - 0.5) * 2.0**-layer.fraction_out
        total = build.node("Add", total, build.number(offset))
    return activated(build, total, source, ceiling, layer.fraction_out)


def activated(
    build: OnnxBuilder, real: str, source: FloatLayer | MaxPool | Join, ceiling: int | None,
    fraction: int,
) -> str:  # fmt: skip
    """Add the activation of a layer, which commutes with the quantiser after it."""
    if ceiling is not None:
        return build.node("Clip", real, build.number(0.0), build.number(ceiling * 2.0**-fraction))
    return build.node("Relu", real) if source.relu else real


def _offset(sums: ExactSum, needed: bool) -> float:
    """Return what turns rounding half to even into floor, in units of the results.

    Where nothing is cut off, a quarter, if there must be one: rounding takes it away again.
    """
    left = sums.shift - sums.parts[-1].unit
    if left > 0:
        return 2.0 ** -(left + 1) - 0.5
    return 0.25 if needed else 0.0


def _pieces(build: OnnxBuilder, act: str, fraction: int, sums: ExactSum) -> list[str]:
    """Return the pieces of the activations from the lowest, each in its place."""
    pieces = []
    for piece in range(sums.pieces - 1, 0, -1):
        high = build.floored(act, fraction - piece * sums.piece_bits)
        pieces.append(high)
        act = build.node("Sub", act, high)
    return [act, *pieces[::-1]]
