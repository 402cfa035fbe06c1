"""Golden model of the precision-scalable MAC, bit by bit, written from Algorithm 3.

Everything is exact integer arithmetic on numpy arrays, vectorised over all axes but the last, along
which a dot product runs. With N-bit words and K = N/2, an activation splits into
``I = 2**K * IH + IL`` with IH signed and IL unsigned, and a weight W likewise.
"""

import numpy as np
import numpy.typing as npt

from voltile.core import Precision

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def saturate(value: npt.ArrayLike, bits: int) -> IntArray:
    """Clamp to the range of `bits` signed bits."""
    low, high = _limits(bits)
    return np.clip(np.asarray(value, np.int64), low, high)


def round_half_even(value: npt.ArrayLike, width: int = 8) -> IntArray:
    """Round signed `width`-bit words to half as many bits, ties to even (``round(W, K)``).

    ``min(round_half_even(value / 2**K), 2**(K-1) - 1)``: the largest words clamp, since they would
    round to one more than K bits hold.
    """
    words = checked(value, width, "value")
    half = width // 2
    return saturate(np.rint(words / 2**half).astype(np.int64), half)


def split(value: npt.ArrayLike, width: int = 8) -> tuple[IntArray, IntArray]:
    """Split signed words into a signed high half and an unsigned low half."""
    words = checked(value, width, "value")
    high, low = np.divmod(words, 2 ** (width // 2))
    return high, low


def interleave(high: npt.ArrayLike, low: npt.ArrayLike, width: int = 8) -> IntArray:
    """Pack two K-bit signed values into one `width`-bit word, as O_H and O_L of Fig. 3.13."""
    half = width // 2
    upper, lower = checked(high, half, "high"), checked(low, half, "low")
    packed: IntArray = upper * 2**half + lower % 2**half
    return packed


def deinterleave(words: npt.ArrayLike, width: int = 8) -> tuple[IntArray, IntArray]:
    """Return the two K-bit signed values of interleaved words, high then low."""
    high, low = split(words, width)
    half = 2 ** (width // 2)
    return high, np.where(low >= half // 2, low - half, low)


def accumulate(start: npt.ArrayLike, addends: IntArray, bits: int) -> IntArray:
    """Add along the last axis, saturating after every addition.

    Parameters
    ----------
    start : ndarray, shape (...)
        Value of the accumulator before, within `bits` bits.
    addends : ndarray, shape (..., M)
        Addends, in order.
    bits : int
        Width of the accumulator.

    Returns
    -------
    ndarray, shape (...)
        Value of the accumulator after.
    """
    low, high = _limits(bits)
    begin = np.broadcast_to(np.asarray(start, np.int64), addends.shape[:-1])
    running = begin[..., None] + np.cumsum(addends, axis=-1)
    total: IntArray = running[..., -1].copy()
    # A running sum that never leaves the range never saturates: only the others need the loop.
    clipped = (running.min(axis=-1) < low) | (running.max(axis=-1) > high)
    if clipped.any():
        value, rows = begin[clipped], addends[clipped]
        for step in range(addends.shape[-1]):
            value = np.clip(value + rows[..., step], low, high)
        total[clipped] = value
    return total


def dot_product(
    act: npt.ArrayLike,
    weight: npt.ArrayLike,
    precision: Precision,
    bias: npt.ArrayLike | None = None,
    width: int = 8,
    acc_width: int = 32,
) -> IntArray:
    """Compute dot products by Algorithm 3 and add the bias.

    Full precision uses all four products of halves; mixed rounds the weights to K bits; half does
    too, and takes K-bit activations. The result of every precision has the radix point of the
    product of two N-bit words, to which the bias is aligned (lines 8 and 18). The accumulator
    saturates at every addition and every shift, and takes the bias in two: its low N bits unsigned,
    then its high N bits signed.

    Parameters
    ----------
    act : array_like, shape (..., M)
        Activations: signed `width`-bit words, or at half precision signed K-bit features.
    weight : array_like, shape (..., M)
        Weights: signed `width`-bit words at every precision.
    precision : Precision
        Operand precision.
    bias : array_like, shape (...), optional
        Signed ``2 * width``-bit bias; without it none is added.
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
    weights = checked(weight, width, "weight")
    if precision is Precision.HALF:
        features = checked(act, half, "act")
        total = _pass(0, features, round_half_even(weights, width), acc_width)
        total = saturate(total << 2 * half, acc_width)
    else:
        act_high, act_low = split(checked(act, width, "act"), width)
        weight_high, weight_low = split(weights, width)
        if precision is Precision.MIXED:
            weight_high = round_half_even(weights, width)
        total = _pass(0, act_high, weight_high, acc_width)
        total = saturate(total << half, acc_width)
        total = _pass(total, act_low, weight_high, acc_width)
        if precision is Precision.FULL:
            total = _pass(total, act_high, weight_low, acc_width)
        total = saturate(total << half, acc_width)
        if precision is Precision.FULL:
            total = _pass(total, act_low, weight_low, acc_width)
    return total if bias is None else _add_bias(total, bias, width, acc_width)


def write_back(value: npt.ArrayLike, position: int, bits: int) -> tuple[IntArray, BoolArray]:
    """Truncate an accumulated value and check its range, as the output logic of Fig. 3.13 does.

    Parameters
    ----------
    value : array_like
        Value of the accumulator.
    position : int
        Right shift; the bits below are cut off (floor).
    bits : int
        Word length of the next layer, N or K.

    Returns
    -------
    word : ndarray
        The result, clamped to `bits` bits.
    saturated : ndarray of bool
        Where it did not fit.
    """
    shifted = np.asarray(value, np.int64) >> position
    word = saturate(shifted, bits)
    return word, word != shifted


def dot_product_cycles(length: int, precision: Precision, bias: bool = False) -> int:
    """Return the cycles of a dot product: Table 3.9 per MAC, and two for the bias."""
    return precision.passes * length + (2 if bias else 0)


def _pass(start: npt.ArrayLike, act: IntArray, weight: IntArray, bits: int) -> IntArray:
    """Run one loop of Algorithm 3."""
    return accumulate(start, act * weight, bits)


def _add_bias(total: IntArray, bias: npt.ArrayLike, width: int, acc_width: int) -> IntArray:
    high, low = split(checked(bias, 2 * width, "bias"), 2 * width)
    total = saturate(total + low, acc_width)
    return saturate(total + high * 2**width, acc_width)


def _limits(bits: int) -> tuple[int, int]:
    return -(1 << bits - 1), (1 << bits - 1) - 1


def checked(value: npt.ArrayLike, bits: int, name: str) -> IntArray:
    """Return `value` as an array of signed `bits`-bit numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {array.dtype}")
    low, high = _limits(bits)
    outside = array[(array < low) | (array > high)]
    if outside.size:
        raise ValueError(f"{name} must lie in {low} .. {high}, not {outside.flat[0]}")
    return array.astype(np.int64)


def check_widths(width: int, acc_width: int) -> None:
    """Raise ValueError for widths that no element has, or whose sums int64 does not hold."""
    if width < 4 or width % 2:
        raise ValueError(f"width must be even and at least 4, not {width}")
    # A shift by 2K = N must stay within int64.
    if not 2 * width <= acc_width <= 62 - width:
        raise ValueError(f"acc_width must be from {2 * width} to {62 - width}, not {acc_width}")
