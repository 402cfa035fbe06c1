"""How operand words of an array's elements lie in words of the buffers."""

from dataclasses import dataclass

from voltile.core import Precision
from voltile.hdl.pe import ProcessingElement


@dataclass(frozen=True)
class OperandOrder:
    """What words of the buffers hold at one precision.

    A buffer word of activations is as wide as the ports of all rows, one of weights as those of
    all columns. Where a precision uses the upper half of an operand word only, the buffer word
    holds two operand words in its place.

    Attributes
    ----------
    act_bits, weight_bits : int
        Bits of a value.
    act_share, weight_share : int
        Operand words that lie in the place of one, from the lowest bits up.
    acts, weights : int
        Values in an operand word, the first on top.
    act_values : int
        Values in a buffer word of activations.
    slots : int
        Cycles in which a row makes all products of a buffer word in one pass.
    """

    act_bits: int
    weight_bits: int
    act_share: int
    weight_share: int
    acts: int
    weights: int
    act_values: int
    slots: int

    @property
    def weight_places(self) -> list[int]:
        """Lowest bit of every weight of a column in its part of a buffer word, first one first."""
        return [
            (share * self.weights + self.weights - 1 - number) * self.weight_bits
            for share in range(self.weight_share)
            for number in range(self.weights)
        ]


def operand_orders(pe: ProcessingElement, rows: int) -> dict[Precision, OperandOrder]:
    """Return how an array of elements like `pe` takes its operands at each precision."""
    orders = {}
    for precision, mode in pe.modes.items():
        act_bits, weight_bits = pe.act_bits(precision), pe.weight_bits(precision)
        act_share = pe.act_width // (mode.acts * act_bits)
        values = rows * act_share * mode.acts
        orders[precision] = OperandOrder(
            act_bits=act_bits,
            weight_bits=weight_bits,
            act_share=act_share,
            weight_share=pe.weight_width // (mode.weights * weight_bits),
            acts=mode.acts,
            weights=mode.weights,
            act_values=values,
            slots=values // mode.weights,
        )
    return orders
