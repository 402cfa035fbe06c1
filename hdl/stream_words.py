"""Operands of a layer as words of the accelerator's streams."""

import numpy as np
from numpy.typing import ArrayLike

from voltile.core import LayerError
from voltile.hdl.layers import IntArray


def checked(name: str, values: ArrayLike, shape: tuple[int, ...], bits: int) -> IntArray:
    """Return signed values of some bits as an array of a shape.

    Raises
    ------
    LayerError
        When shape or values do not fit.
    """
    array = np.asarray(values)
    if array.shape != shape:
        raise LayerError(f"{name} must have the shape {shape}, not {array.shape}")
    if array.dtype.kind not in "iu":
        raise LayerError(f"{name} must be integers, not {array.dtype}")
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    outside = array[(array < low) | (array > high)]
    if outside.size:
        raise LayerError(f"{name} must lie in {low} .. {high}, not {outside[0]}")
    return array.astype(np.int64)


def packed(operands: IntArray, bits: int, width: int) -> list[int]:
    """Return words of the operands of the last two axes but one.

    Parameters
    ----------
    operands : ndarray, shape (..., operand words, values)
        Values of an operand word, the first of which goes to the top.
    bits, width : int
        Bits of a value and of an operand word.
    """
    patterns = (operands & (1 << bits) - 1).astype(object)
    count = operands.shape[-1]
    place = np.array([width - (number + 1) * bits for number in range(count)], object)
    each = (patterns << place).sum(axis=-1)
    across = np.array([number * width for number in range(each.shape[-1])], object)
    return list((each << across).sum(axis=-1).ravel())
