"""The processing elements as the golden models know them, from their specification."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy.typing as npt

from voltile.core import Precision
from voltile.sim.golden import IntArray, dot_product
from voltile.sim.packed import packed_dot_product


class Arithmetic(Enum):
    """How an element adds the products of a dot product."""

    PASSES = "passes"
    """One product of halves a cycle, in passes over the operands (Algorithm 3)."""
    PACKED = "packed"
    """All products of the operands in a word at once."""


@dataclass(frozen=True)
class Element:
    """A processing element.

    Attributes
    ----------
    name : str
        Name on the command line.
    arithmetic : Arithmetic
        How it adds products.
    width, acc_width : int
        N, bits of an operand at full precision; bits of the accumulator.
    act_width : int
        Bits of the activation port.
    products : mapping of Precision to int
        Products of a cycle, for each precision that it has.
    latency : int
        Cycles from the end of a dot product to its result.
    """

    name: str
    arithmetic: Arithmetic
    width: int
    acc_width: int
    act_width: int
    products: Mapping[Precision, int]
    latency: int

    @property
    def weight_width(self) -> int:
        """Bits of the weight port, as wide as that of activations."""
        return self.act_width

    @property
    def bias_cycles(self) -> int:
        """Cycles that a bias takes in a dot product."""
        return 2 if self.arithmetic is Arithmetic.PASSES else 0

    def passes(self, precision: Precision) -> int:
        """Return how often a dot product goes over its operands (Table 3.9)."""
        return precision.passes if self.arithmetic is Arithmetic.PASSES else 1

    def act_bits(self, precision: Precision) -> int:
        """Return the bits of an activation."""
        return self.width // 2 if precision is Precision.HALF else self.width

    def weight_bits(self, precision: Precision) -> int:
        """Return the bits of a weight as the element takes it; it may round it itself."""
        rounds = self.arithmetic is Arithmetic.PASSES
        return self.width if rounds or precision is Precision.FULL else self.width // 2

    def operand_bits(self, precision: Precision) -> tuple[int, int]:
        """Return the bits of an activation and of a weight that are multiplied."""
        weight_bits = self.width if precision is Precision.FULL else self.width // 2
        return self.act_bits(precision), weight_bits

    def dot_product(
        self,
        act: npt.ArrayLike,
        weight: npt.ArrayLike,
        precision: Precision,
        bias: npt.ArrayLike | None = None,
    ) -> IntArray:
        """Return the accumulated values of dot products along the last axis.

        Raises
        ------
        ValueError
            When an operand is out of range.
        """
        if self.arithmetic is Arithmetic.PASSES:
            return dot_product(act, weight, precision, bias, self.width, self.acc_width)
        products = self.products[precision]
        return packed_dot_product(
            act, weight, precision, products, bias, self.width, self.acc_width
        )


_ONE = {Precision.FULL: 1, Precision.MIXED: 1, Precision.HALF: 1}
_FOUR = {Precision.FULL: 1, Precision.MIXED: 2, Precision.HALF: 4}
_TWO = {Precision.FULL: 1, Precision.HALF: 2}

SCALABLE = Element("scalable", Arithmetic.PASSES, 8, 32, 8, _ONE, 3)
"""One multiplier of halves, four, two or one passes (Fig. 3.13)."""
SPATIAL = Element("spatial", Arithmetic.PACKED, 8, 32, 16, _FOUR, 4)
"""Four multipliers of halves: one, two or four products a cycle."""
DUAL = Element("dual", Arithmetic.PACKED, 16, 44, 16, _TWO, 4)
"""One 16-bit product or two 8-bit products a cycle (Fig. 3.4)."""
ELEMENTS = {element.name: element for element in (SCALABLE, SPATIAL, DUAL)}
