"""What an element does at several precisions, as columns of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voltile.core import Precision, VoltileError
from voltile.sim.elements import Element
from voltile.sim.layer_columns import IntArray


@dataclass(frozen=True)
class OperandColumns:
    """An element at several precisions, arrays of shape (precisions, 1).

    Attributes
    ----------
    act_bits, weight_bits : ndarray
        Bits of an operand.
    products, passes : ndarray
        Products of a cycle; how often a dot product goes over its operands.
    """

    act_bits: IntArray
    weight_bits: IntArray
    products: IntArray
    passes: IntArray

    @classmethod
    def of(cls, element: Element, precisions: Sequence[Precision]) -> "OperandColumns":
        """Return an element's columns.

        Raises
        ------
        VoltileError
            When the element does not have a precision.
        """
        for precision in precisions:
            if precision not in element.products:
                raise VoltileError(
                    f"{element.name} elements have no {precision.name.lower()} precision, but "
                    f"{', '.join(known.name.lower() for known in element.products)}"
                )
        table = [
            (
                element.act_bits(precision),
                element.weight_bits(precision),
                element.products[precision],
                element.passes(precision),
            )
            for precision in precisions
        ]
        return cls(*np.array(table, np.int64).T[:, :, None])
