"""Golden model of a layer: convolution in integers, through the golden dot product."""

import numpy as np
import numpy.typing as npt

from voltile.core import LayerError, Precision
from voltile.sim.elements import SCALABLE, Element
from voltile.sim.golden import IntArray, write_back
from voltile.sim.windows import windows


def convolve(
    act: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    precision: Precision = Precision.FULL,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    element: Element = SCALABLE,
) -> IntArray:
    """Return the accumulated sums of a convolution.

    A sum runs over the rows of the kernel, in these its columns, in these the channels, which is
    seen only where the accumulator saturates. A packed element that adds several products at once
    begins each pixel of the kernel with a new word.

    Parameters
    ----------
    act : array_like, shape (height, width, in_channels)
        Activations of the bits of the precision.
    weight : array_like, shape (out_channels, kernel height, kernel width, in_channels / groups)
        Weights, as the element takes them.
    bias : array_like, shape (out_channels,), optional
        Biases.
    stride : tuple of int
        Rows and columns from window to window.
    padding : tuple of int
        Rows and columns of zeros above, left, below, right.
    groups : int
        Groups of channels that do not see each other.
    precision : Precision
        Of the operands.
    element : Element
        What adds the products.

    Returns
    -------
    ndarray, shape (out height, out width, out_channels)
        Value of the accumulator.

    Raises
    ------
    LayerError
        When shapes do not fit each other.
    """
    feature, kernels = np.asarray(act), np.asarray(weight)
    outputs, kernel_height, kernel_width, inputs = kernels.shape
    if feature.shape[2] != inputs * groups or outputs % groups:
        raise LayerError(
            f"{groups} groups of {inputs} input channels and {outputs} output channels do not fit "
            f"a feature map of {feature.shape[2]} channels"
        )
    seen = windows(feature, (kernel_height, kernel_width), stride, padding, groups)
    sums = []
    for group in range(groups):
        of_group = slice(group * outputs // groups, (group + 1) * outputs // groups)
        vectors = seen[:, :, group].reshape(*seen.shape[:2], 1, -1)
        filters = kernels[of_group].reshape(-1, vectors.shape[-1])
        sums.append(
            element.dot_product(
                vectors, filters, precision, None if bias is None else np.asarray(bias)[of_group]
            )
        )
    return np.concatenate(sums, axis=-1)


def activate(
    sums: IntArray, position: int, bits: int, relu: bool = False, ceiling: int | None = None
) -> IntArray:
    """Return what a layer writes back: shifted right, clamped to `bits` bits, without negatives.

    Parameters
    ----------
    sums : ndarray
        Accumulated values.
    position : int
        Right shift.
    bits : int
        Word length of the next layer.
    relu : bool
        Whether negative results become zero.
    ceiling : int, optional
        What larger results become.
    """
    word, _ = write_back(sums, position, bits)
    word = np.maximum(word, 0) if relu else word
    return word if ceiling is None else np.minimum(word, ceiling)
