"""Golden model of the elements that add several products of packed operands at once.

The specification: an accumulator with the radix point of the product of two N-bit operands, which
starts from zero or from the bias and saturates with every addition. Exact integers in numpy,
vectorised over all axes but the last, along which a dot product runs.
"""

import numpy as np
import numpy.typing as npt

from voltile.core import Precision
from voltile.sim.golden import (
    IntArray,
    accumulate,
    check_widths,
    checked,
    round_half_even,
    split,
)


def packed_dot_product(
    act: npt.ArrayLike,
    weight: npt.ArrayLike,
    precision: Precision,
    products: int,
    bias: npt.ArrayLike | None = None,
    width: int = 8,
    acc_width: int = 32,
) -> IntArray:
    """Compute dot products that add `products` products at a time.

    Parameters
    ----------
    act : array_like, shape (..., M)
        Activations: signed `width`-bit words, or at half precision signed K-bit ones, K = N / 2.
    weight : array_like, shape (..., M)
        Weights: signed `width`-bit words, or at mixed and half precision signed K-bit ones.
    precision : Precision
        Operand precision.
    products : int
        Products in one addition; the last one may have fewer.
    bias : array_like, shape (...), optional
        Signed ``2 * width``-bit bias, from which the accumulator starts.
    width, acc_width : int
        N, and the bits of the accumulator.

    Returns
    -------
    ndarray, shape (...)
        Value of the accumulator.

    Raises
    ------
    ValueError
        When an operand or width is out of range.
    """
    check_widths(width, acc_width)
    half = width // 2
    act_bits = half if precision is Precision.HALF else width
    weight_bits = width if precision is Precision.FULL else half
    # Bits that the operands are short of, against a product of two N-bit ones.
    shift = 2 * width - act_bits - weight_bits
    product = checked(act, act_bits, "act") * checked(weight, weight_bits, "weight") << shift
    starts = np.arange(0, product.shape[-1], products)
    start = 0 if bias is None else checked(bias, 2 * width, "bias")
    return accumulate(start, np.add.reduceat(product, starts, axis=-1), acc_width)


def pack(values: npt.ArrayLike, bits: int, per_word: int, word_bits: int) -> IntArray:
    """Pack signed values into words, from the top of each; zeros fill the rest.

    Parameters
    ----------
    values : array_like, shape (..., M)
        Signed `bits`-bit values.
    bits, per_word, word_bits : int
        Bits of a value, values in a word, bits of a word.

    Returns
    -------
    ndarray, shape (..., ceil(M / per_word))
        Bit patterns: unsigned numbers of `word_bits` bits.
    """
    patterns = checked(values, bits, "values") % 2**bits
    count = -(-patterns.shape[-1] // per_word)
    filled = np.zeros((*patterns.shape[:-1], count * per_word), np.int64)
    filled[..., : patterns.shape[-1]] = patterns
    place = word_bits - bits * np.arange(1, per_word + 1)
    packed: IntArray = (filled.reshape(*filled.shape[:-1], count, per_word) << place).sum(axis=-1)
    return packed


def reconfigure_weights(weight: npt.ArrayLike, width: int = 16, rounding: bool = True) -> IntArray:
    """Reduce signed `width`-bit weights to half as many bits (Fig. 3.5).

    With rounding to the nearest, ties to even, where the largest weights clamp (Fig. 3.5b); or by
    truncation, the high half of each (Fig. 3.5a).
    """
    if rounding:
        return round_half_even(weight, width)
    high, _ = split(weight, width)
    return high
