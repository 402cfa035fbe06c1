"""Quantisation by powers of two: Eq. 3.2, and fraction lengths (3.3.1, Eq. 3.8)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voltile.core import LayerError
from voltile.sim.float_network import FloatArray
from voltile.sim.golden import IntArray

LARGEST = 2.0**63
"""Magnitude that values of a feature map stay below.

Scales of their words, and sums of these times weights, are then numbers of single precision, which
ONNX files and onnxruntime compute with.
"""


def quantise(values: npt.ArrayLike, fraction: int, bits: int) -> IntArray:
    """Return ``clip(round(x * 2**fraction), -2**(bits-1), 2**(bits-1) - 1)`` (Eq. 3.2).

    Half-even rounding. A negative fraction length is one whose lowest bit is worth more than 1.
    """
    scaled = np.rint(np.asarray(values, np.float64) * 2.0**fraction)
    return np.clip(scaled, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)


def range_fraction_length(values: npt.ArrayLike, bits: int) -> int:
    """Return the longest fraction length that holds the range of the values.

    `bits` less the integer length, ``floor(log2(max |x|) + 2)`` (Eq. 3.8).
    """
    largest = float(np.abs(np.asarray(values, np.float64)).max(initial=0.0))
    if largest == 0.0:
        return bits - 1
    return bits - (int(np.floor(np.log2(largest))) + 2)


def fraction_length(values: npt.ArrayLike, bits: int) -> int:
    """Return the fraction length of the least mean squared error (3.3.1).

    Greedy: from the longest with which nothing is clipped, longer and longer as long as the error
    falls.
    """
    array = np.asarray(values, np.float64)
    fraction = range_fraction_length(array, bits)
    if not array.any():
        return fraction
    error = _squared_error(array, fraction, bits)
    while (longer := _squared_error(array, fraction + 1, bits)) < error:
        fraction, error = fraction + 1, longer
    return fraction


def _squared_error(values: FloatArray, fraction: int, bits: int) -> float:
    return float(np.mean((values - quantise(values, fraction, bits) * 2.0**-fraction) ** 2))


def check_inputs(values: npt.ArrayLike, shape: Sequence[int] | None) -> FloatArray:
    """Return inputs of a network as floating point.

    Raises
    ------
    LayerError
        When they are of another shape, none, not finite numbers, or of `LARGEST` or more.
    """
    inputs = np.asarray(values)
    wanted = tuple(shape or inputs.shape[1:])
    if inputs.ndim != 4 or inputs.shape[1:] != wanted or not len(inputs):
        sizes = ", ".join(map(str, shape or ("height", "width", "channels")))
        raise LayerError(f"inputs must be of shape (inputs, {sizes}), not {inputs.shape}")
    if inputs.dtype.kind not in "fiu":
        raise LayerError(f"inputs must be real numbers, not {inputs.dtype}")
    if not np.isfinite(inputs).all():
        raise LayerError("inputs hold values that are not finite")
    real = inputs.astype(np.float64)
    if (found := np.abs(real).max()) >= LARGEST:
        raise LayerError(f"magnitudes of inputs must be below {LARGEST:.3g}, not {found:.3g}")
    return real
