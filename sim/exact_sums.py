"""Convolutions of integers by sums in single precision, and why they are exact.

A float32 holds every number of 24 significant bits, so every integer up to 2**24, times a power of
two. Products of integers that are scaled by powers of two are multiples of one unit; when their
magnitudes and that of the bias add up to less than 2**23 units, every partial sum is less, too, and
exact, in whatever order they are added and with or without fused multiplications. The 24th bit is
for half a unit: results are shifted right by `shift` and cut off (floor), which a quantiser that
rounds half to even does of ``x - 1/2 + 2**-(shift + 1)``, x being a multiple of ``2**-shift``: that
lies half a unit above the tie below floor(x), and half a unit or more below the tie above.

Where the sums are larger, activations and weights are split into pieces of fewer bits, the lower
ones unsigned, and each pair of pieces is convolved by itself. With S the sum of ``2**e * A_e`` over
the exponents e of the pairs, ``floor(S / 2**shift)`` is had from the lowest exponent upwards by
``floor((A + floor(B / 2**n)) / 2**m) = floor((2**n * A + B) / 2**(n + m))`` for integers A, as with
the carry of an adder. Sums of exponents above `shift` count whole units of the results: they are
added up at the end, several of them in double precision, which holds them all. A total beyond 24
bits may then be rounded to single precision, to a value that no word holds, on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from voltile.sim.elements import Element
from voltile.sim.golden import IntArray

_LARGEST = 1 << 23


@dataclass(frozen=True)
class PartialSum:
    """What the pairs of pieces of one exponent add up to, with digits of the bias and the carry.

    Attributes
    ----------
    exponent : int
        The sum counts ``2**exponent`` products.
    unit : int
        The carry into it counts ``2**unit`` products, no more than a unit of the results.
    weights : tuple
        Piece of the activations, from the lowest, and weights, for each pair.
    bias : ndarray, shape (out_channels,)
        Digits of the bias.
    """

    exponent: int
    unit: int
    weights: tuple[tuple[int, IntArray], ...]
    bias: IntArray


@dataclass(frozen=True)
class ExactSum:
    """A convolution in exact parts, from the lowest exponent.

    Attributes
    ----------
    pieces, piece_bits : int
        Pieces of an activation, and bits of all but the highest.
    parts : tuple of PartialSum
        One per exponent.
    shift : int
        Right shift of the results.
    """

    pieces: int
    piece_bits: int
    parts: tuple[PartialSum, ...]
    shift: int

    def is_wide(self, part: PartialSum) -> bool:
        """Return whether a part is one of several that count whole units of the results."""
        return part.exponent > self.shift and self.parts[-2].exponent > self.shift


def exact_sum(weight: IntArray, bias: IntArray, act_bits: int, shift: int) -> ExactSum | None:
    """Return a convolution in the fewest parts that float32 computes exactly.

    None when even single bits are too many: for some 2**22 products.

    Parameters
    ----------
    weight : ndarray, shape (out_channels, ...)
        Weights.
    bias : ndarray, shape (out_channels,)
        Biases, in units of products.
    act_bits : int
        Bits of signed activations.
    shift : int
        Right shift of the results, not negative.
    """
    weight_bits = signed_bits(weight)
    counts = product(range(1, act_bits + 1), range(1, weight_bits + 1))
    for acts, weights in sorted(counts, key=lambda pair: (pair[0] * pair[1], pair)):
        piece_bits, weight_piece = -(-act_bits // acts), -(-weight_bits // weights)
        if (acts - 1) * piece_bits >= act_bits or (weights - 1) * weight_piece >= weight_bits:
            continue
        largest = [2**piece_bits - 1] * (acts - 1) + [2 ** (act_bits - 1 - (acts - 1) * piece_bits)]
        pieces = _digits(weight, [number * weight_piece for number in range(weights)])
        pairs: dict[int, list[tuple[int, IntArray]]] = {}
        for act, number in product(range(acts), range(weights)):
            exponent = act * piece_bits + number * weight_piece
            pairs.setdefault(exponent, []).append((act, pieces[number]))
        exponents = sorted(pairs)
        parts = tuple(
            PartialSum(exponent, min(exponent, shift), tuple(pairs[exponent]), digits)
            for exponent, digits in zip(exponents, _digits(bias, exponents), strict=True)
        )
        if _is_exact(parts, largest, shift):
            return ExactSum(acts, piece_bits, parts, shift)
    return None


def signed_bits(values: IntArray) -> int:
    """Return the bits that hold signed integers."""
    return int(np.where(values < 0, ~values, values).max(initial=0)).bit_length() + 1


def may_saturate(element: Element, weight: IntArray, bias: IntArray | None) -> bool:
    """Return whether an accumulator may saturate, by what its operands could add up to.

    In all passes of Algorithm 3, no register exceeds ``sum((2**K |I_H| + I_L) (2**K |W_H| + W_L))``
    and the bias with its low half; nor does any that adds whole products.

    Parameters
    ----------
    weight : ndarray, shape (out_channels, ...)
        `width`-bit weights.
    bias : ndarray, shape (out_channels,), or None
        ``2 * width``-bit biases.
    """
    step = 2 ** (element.width // 2)
    act = 2 ** (element.width - 1) + step
    sums = (np.abs(weight) + 2 * step).reshape(len(weight), -1).sum(axis=1) * act
    if bias is not None:
        sums = sums + np.abs(bias) + 2 ** (element.width + 1)
    return bool(sums.max() >= 2 ** (element.acc_width - 1))


def _digits(values: IntArray, exponents: Sequence[int]) -> list[IntArray]:
    """Return digits d with ``sum(2**e * d) == values``, all but the last one not negative."""
    digits = []
    for low, high in zip(exponents, exponents[1:], strict=False):
        digits.append((values >> low) & (1 << high - low) - 1)
    return [*digits, values >> exponents[-1]]


def _is_exact(parts: Sequence[PartialSum], largest: Sequence[int], shift: int) -> bool:
    """Return whether every sum is exact, or too large for any word."""
    carry = 0  # in the unit of the part
    for part, following in zip(parts, (*parts[1:], None), strict=True):
        channels = len(part.bias)
        sums = np.abs(part.bias) + sum(
            np.abs(weight).reshape(channels, -1).sum(axis=1) * largest[act]
            for act, weight in part.weights
        )
        own = int(sums.max())
        if part.exponent > shift:
            if max(own, carry) >= _LARGEST:
                return False
            carry = 0  # what follows adds up in double precision
            continue
        half = 0 if following else 1 << max(shift - part.unit, 1) - 1
        if own + carry + half >= _LARGEST:
            return False
        if following:
            carry = (own + carry >> following.unit - part.unit) + 1
    return True
