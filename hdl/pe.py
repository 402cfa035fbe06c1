"""The interface of the processing elements, through which an array takes any of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from voltile.core import Precision
from voltile.hdl.control import control_layout, control_signature

MOST_WIDTH = 32
"""Widest operand [bits]: the host's side keeps biases, twice as wide, in 64-bit integers."""
MOST_ACC_WIDTH = 128
"""Widest accumulator [bits]: it adds 2**64 of the widest products without overflow."""
MOST_ELEMENTS = 1024
"""Elements of the largest array: its Verilog takes a minute or two, a tenth of a second each."""


def check_array_size(rows: int, cols: int) -> None:
    """Refuse arrays without elements, or with too many.

    Raises
    ------
    ValueError
    """
    if rows < 1 or cols < 1 or rows * cols > MOST_ELEMENTS:
        raise ValueError(
            f"rows and cols must be at least 1, and at most {MOST_ELEMENTS} elements together, "
            f"not {rows} and {cols}"
        )


@dataclass(frozen=True)
class OperandMode:
    """How a processing element takes the operands of one precision.

    Attributes
    ----------
    passes : int
        Times that it goes over the operand vectors.
    acts, weights : int
        Activations and weights in a word, the first on top. A pass takes one weight word a cycle,
        so `weights` is also the number of products in a cycle; an activation word stays for
        ``acts / weights`` cycles.
    """

    passes: int
    acts: int
    weights: int


@dataclass(frozen=True)
class Turn:
    """What a cycle is for, as signals of the unit that issues control words.

    Attributes
    ----------
    modes : mapping of Precision to Value
        Which precision it is, one-hot.
    product : Value
        Operands stand at the ports.
    part, phase : Value
        Number of the pass; number of the cycle within an activation word.
    begins : Value
        First product of a pass.
    bias : Value
        The dot product has a bias.
    bias_low, bias_high : Value
        The cycles of the bias, where it takes some.
    captures : Value
        The dot product ended with the cycle before.
    narrow, position : Value
        How its result is captured.
    """

    modes: Mapping[Precision, Value]
    product: Value
    part: Value
    phase: Value
    begins: Value
    bias: Value
    bias_low: Value
    bias_high: Value
    captures: Value
    narrow: Value
    position: Value


class ProcessingElement(wiring.Component):
    """Component that computes dot products of packed operands, one after the other.

    What `ScalableMac`, `SpatialMac` and `DualMac` have in common, and all that an array, a
    sequencer or a schedule has to know of them.

    - A control word says all about one cycle and acts on the operands presented with it. Words may
      come in every cycle; idle words change nothing.
    - Operands fill their words from the top: a word of four K-bit features has the first one in its
      highest K bits. Places behind the last operand of a vector hold zeros; places that a precision
      does not use (the lower N bits of a full-precision word of `SpatialMac`) hold anything.
    - ``clear`` marks the first word of a dot product. The word after its last one, which may be the
      first of the next, captures the result with ``capture_high``, ``capture_low``, ``narrow`` and
      ``position``; these five fields every control word has (`hdl.control`).
    - A dot product of length M takes `dot_product_cycles` from its first word to that of the next,
      at any mix of precisions. Its result stands in `out` `latency` cycles after the word that
      captures stood at the ports.
    - Registers take what stood at the ports one cycle later, operands only if the word uses them:
      `act_reg`, `weight_reg`, `bias_reg`, and `word`, the control word. They hold just what a
      neighbour in a systolic array needs in the next cycle, so an array needs no registers between
      its elements; it may read these signals.
    - Reset: synchronous, `rst` high for one cycle, empties the pipeline of control words. Data
      registers are not reset.

    Parameters
    ----------
    width : int
        N, bits of a full-precision operand and of the output; even, 4 to `MOST_WIDTH`.
    acc_width : int
        Bits of the accumulator, at least those of the bias, 2N, and at most `MOST_ACC_WIDTH`.
    act_width, weight_width : int
        Bits of the operand words.
    fields : dict
        Name and shape of every field of the control word.

    Ports
    -----
    act : In(act_width), weight : In(weight_width)
        Operand words.
    bias : In(signed(2 * width))
        Bias, in units of the product of two N-bit operands.
    ctl : In(control_signature(fields))
        Control word.
    out : Out(width)
        O_H and O_L: an N-bit signed result, or two K-bit signed results.
    saturated : Out(2)
        Range check, bit 1 for O_H and 0 for O_L: the result did not fit and was clamped.

    Attributes
    ----------
    latency : int
        Cycles from the word that captures to the result.
    bias_words : int
        Words that the bias takes at the end of a dot product; 0: it comes with the first word.
    modes : mapping of Precision to OperandMode
        The precisions it has.

    Raises
    ------
    ValueError
        When `width` is odd, or one of the widths is out of range.
    """

    latency: ClassVar[int]
    bias_words: ClassVar[int]
    modes: ClassVar[Mapping[Precision, OperandMode]]

    def __init__(self, width: int, acc_width: int, act_width: int, weight_width: int, fields: dict):
        if not 4 <= width <= MOST_WIDTH or width % 2:
            raise ValueError(f"width must be even and from 4 to {MOST_WIDTH}, not {width}")
        if not 2 * width <= acc_width <= MOST_ACC_WIDTH:
            raise ValueError(
                f"acc_width must be from {2 * width} to {MOST_ACC_WIDTH}, not {acc_width}"
            )
        self.width = width
        self.acc_width = acc_width
        self.act_width = act_width
        self.weight_width = weight_width
        super().__init__(
            {
                "act": In(act_width),
                "weight": In(weight_width),
                "bias": In(2 * width),
                "ctl": In(control_signature(fields)),
                "out": Out(width),
                "saturated": Out(2),
            }
        )
        self.word = Signal(control_layout(fields))
        self.act_reg = Signal(act_width, reset_less=True)
        self.weight_reg = Signal(weight_width, reset_less=True)
        self.bias_reg = Signal(2 * width, reset_less=True)

    @classmethod
    def dot_product_cycles(cls, length: int, precision: Precision, bias: bool = False) -> int:
        """Return the cycles from the first word of a dot product to that of the next.

        ``passes * ceil(length / weights) + bias_words * bias``; with a bias at least
        ``latency - 1``, which is how long the bias register serves one bias.
        """
        mode = cls.modes[precision]
        cycles = mode.passes * -(-length // mode.weights)
        return max(cycles + cls.bias_words, cls.latency - 1) if bias else cycles

    def like(self) -> Self:
        """Return another element with the same parameters."""
        make: Callable[[int, int], Self] = type(self)
        return make(self.width, self.acc_width)

    def act_bits(self, precision: Precision) -> int:
        """Return the bits of an activation in its word."""
        return self.width // 2 if precision is Precision.HALF else self.width

    def weight_bits(self, precision: Precision) -> int:
        """Return the bits of a weight in its word."""
        return self.width if precision is Precision.FULL else self.width // 2

    def write_word(self, m: Module, word: data.View, turn: Turn) -> None:
        """Drive the fields of a control word for a cycle, in the module `m`."""
        m.d.comb += word.clear.eq(turn.product & turn.begins & (turn.part == 0))
        with m.If(turn.captures):
            m.d.comb += [
                word.capture_high.eq(1),
                word.capture_low.eq(1),
                word.narrow.eq(turn.narrow),
                word.position.eq(turn.position),
            ]

    def _register_word(self, m):
        """Take the control word, as one value: elements of an array then are one module."""
        given = Signal(self.word.shape())
        fields = [getattr(self.ctl, name) for name, _ in given.shape()]
        m.d.comb += given.as_value().eq(Cat(fields))
        m.d.sync += self.word.eq(given)
