"""Refuses layers that fit the memories in no part."""

from collections.abc import Mapping

import numpy as np

from voltile.core import LayerError
from voltile.sim.layer_columns import BoolArray, Integers
from voltile.sim.workload import Workload


def check_smallest_parts(
    workload: Workload, fails: BoolArray, bits: Mapping[str, tuple[Integers, int]]
) -> None:
    """Refuse the first layer on the array of which the smallest part does not fit.

    Parameters
    ----------
    fails : ndarray of bool, shape (precisions, layers)
        Whether it does not.
    bits : mapping of str to tuple
        What the smallest parts need and what a bank has, by what is kept there.

    Raises
    ------
    LayerError
        Naming layer, memory and bytes.
    """
    fails = fails & (workload.columns.on_array == 1)
    if not fails.any():
        return
    row, number = np.argwhere(fails)[0]
    for kind, (need, bank) in bits.items():
        least = int(np.broadcast_to(need, fails.shape)[row, number])
        if least > bank:
            size = -(-least // 8)
            raise LayerError(
                f"layer '{workload.layers[number].name}': its smallest part needs {size} bytes of "
                f"{kind}, a bank has {bank // 8}: give that memory {2 * size} bytes or more"
            )
