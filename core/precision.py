"""The operand precisions of the scalable MAC (dissertation 3.4.3, Algorithm 3, Table 3.9).

A precision setting of a network is an integer per layer: the place of the layer's precision among
those to choose from, which are in falling order. 0 is full precision.
"""

from enum import Enum


class Precision(Enum):
    """Operand precision: activations x weights.

    `FULL` is N x N bit, `MIXED` is N x K bit (weight rounded), `HALF` is K x K bit, with K = N/2.
    The value is the number of passes over the operand vectors (Table 3.9), which is also the
    number of K x K multiplications, and so of cycles, per MAC.
    """

    FULL = 4
    MIXED = 2
    HALF = 1

    @property
    def passes(self) -> int:
        """Passes over the operand vectors: cycles per MAC."""
        return self.value
