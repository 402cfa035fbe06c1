"""The effort of layers: operations of 4 x 4 bit at every precision (Eq. 3.9, Table 3.9)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voltile.core import Precision

FloatArray = npt.NDArray[np.float64]

BIAS_OPERATIONS = 2
"""Operations of a bias addition at any precision (Table 3.9)."""


def operations(
    macs: npt.ArrayLike, bias_additions: npt.ArrayLike, precisions: Sequence[Precision]
) -> FloatArray:
    """Return the operations of every layer at every precision (Eq. 3.9).

    A MAC takes four at full, two at mixed, one at half precision (Table 3.9).

    Parameters
    ----------
    macs, bias_additions : array_like of int, shape (layers,)
        MACs and additions of a bias per inference.
    precisions : sequence of Precision
        Those to choose from.

    Returns
    -------
    ndarray, shape (layers, precisions)
    """
    per_mac = np.array([item.passes for item in precisions], np.float64)
    bias = BIAS_OPERATIONS * np.asarray(bias_additions, np.float64)
    return np.asarray(macs, np.float64)[:, None] * per_mac + bias[:, None]
