"""Processing elements that multiply all operands of a word at once, in four multipliers."""

from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_
from typing import ClassVar, NamedTuple

from amaranth import C, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from voltile.core import Precision
from voltile.hdl.control import packed_control_fields
from voltile.hdl.multiplier import multiply
from voltile.hdl.output_stage import write_output
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.saturation import saturate


class Digit(NamedTuple):
    """K bits of an operand word, counted from its top, and whether they are signed."""

    place: int
    signed: bool


class Factors(NamedTuple):
    """What a multiplier multiplies."""

    act: Digit
    weight: Digit


class PackedMac(ProcessingElement):
    """Processing element with four multipliers p0 .. p3, whose products are added at once.

    ::

        full    r += (p0 << 2K) + ((p1 + p2) << K) + p3
        mixed   r += ((p0 + p3) << 2K) + ((p1 + p2) << K)
        half    r += (p0 + p1 + p2 + p3) << 2K

    So the sum has the radix point of the product of two N-bit operands at every precision, that of
    the bias, and the accumulator needs no shifter. `r` starts from zero or from the bias, and
    saturates at `acc_width` bits with every addition; then ``o = saturate(r >> position)`` to N or
    K bits, where the right shift truncates (floor).

    Pipeline: operand registers; selection of digits and isolation registers; multipliers, and two
    registers for what they give together; accumulator. The output registers load from the
    accumulator in that same fourth stage. The accumulator keeps the sum as it is, one bit longer,
    and is clamped where it is read: at the end of the addition clamping would be in the critical
    path.

    Zero-skipping, per multiplier: when one of its factors is zero, or it has none at that
    precision, its registers hold and its product is masked. The registers behind the multipliers
    and the accumulator are enabled only if a product is not zero or a dot product starts. Digits
    that a precision does not use are not loaded. The output logic is isolated outside of captures.
    Enabled registers have neither reset nor other priorities, so that synthesis turns every enable
    into a clock gate.

    Attributes
    ----------
    multipliers : tuple of 4 mappings of Precision to Factors
        What each multiplier takes; one that is missing at a precision adds nothing.
    """

    latency = 4
    bias_words = 0
    multipliers: ClassVar[tuple[Mapping[Precision, Factors], ...]]

    def __init__(self, width: int, acc_width: int, word_width: int):
        fields = packed_control_fields(acc_width, mixed=Precision.MIXED in self.modes)
        super().__init__(width, acc_width, word_width, word_width, fields)

    def write_word(self, m, word, turn):
        super().write_word(m, word, turn)
        m.d.comb += [word.product.eq(turn.product), word.bias.eq(word.clear & turn.bias)]
        with m.If(turn.product):
            m.d.comb += word.half.eq(turn.modes[Precision.HALF])
            if Precision.MIXED in self.modes:
                m.d.comb += word.mixed.eq(turn.modes[Precision.MIXED])

    def elaborate(self, platform):
        m = Module()
        self._operand_stage(m)
        step, factors = self._select_stage(m)
        step, addends = self._multiply_stage(m, step, factors)
        acc = self._accumulate_stage(m, step, *addends)
        write_output(m, self, step, acc)
        return m

    def _operand_stage(self, m):
        """Register the control word and, of the operands, the digits that it uses."""
        self._register_word(m)
        for name in Factors._fields:
            port, register = getattr(self, name), getattr(self, f"{name}_reg")
            for place in range(len(register) // (self.width // 2)):
                users = {
                    precision
                    for multiplier in self.multipliers
                    for precision, factors in multiplier.items()
                    if getattr(factors, name).place == place
                }
                with m.If(self.ctl.product & _has_one_of(self.ctl, users, self.modes)):
                    m.d.sync += self._digit(register, place).eq(self._digit(port, place))
        with m.If(self.ctl.bias):
            m.d.sync += self.bias_reg.eq(self.bias)

    def _select_stage(self, m):
        """Give each multiplier its digits; isolate it from them when one is zero."""
        word = self.word
        passed_on = {
            name: shape for name, shape in word.shape().members.items() if name != "product"
        }
        step = Signal(data.StructLayout({"used": 4, "update": 1} | passed_on))
        used = Signal(4)
        factors = []
        for number, multiplier in enumerate(self.multipliers):
            digits = {name: self._select(word, multiplier, name) for name in Factors._fields}
            isolated = {
                name: Signal(len(digit), reset_less=True, name=f"{name}_{number}")
                for name, digit in digits.items()
            }
            m.d.comb += used[number].eq(
                word.product
                & _has_one_of(word, multiplier, self.modes)
                & digits["act"].any()
                & digits["weight"].any()
            )
            with m.If(used[number]):
                m.d.sync += [isolated[name].eq(digit) for name, digit in digits.items()]
            factors.append(isolated)
        m.d.sync += [step[name].eq(word[name]) for name in passed_on]
        m.d.sync += [step.used.eq(used), step.update.eq(used.any() | word.clear)]
        return step, factors

    def _multiply_stage(self, m, step, factors):
        """Multiply, and register what is to be added to the accumulator."""
        products = []
        for number, (multiplier, pair) in enumerate(zip(self.multipliers, factors, strict=True)):
            signs = {
                name: _has_one_of(
                    step,
                    {mode for mode, of in multiplier.items() if getattr(of, name).signed},
                    multiplier,
                )
                for name in Factors._fields
            }
            product = multiply(m, pair["act"], pair["weight"], signs["act"], signs["weight"])
            masked = Signal.like(product, name=f"product_{number}")
            m.d.comb += masked.eq(Mux(step.used[number], product, 0))
            products.append(masked)

        outer, middle = self._combine(m, step, products)
        outer_reg = Signal(signed(len(outer)), reset_less=True, name="outer")
        middle_reg = Signal(signed(len(middle)), reset_less=True, name="middle")
        with m.If(step.update):
            m.d.sync += [outer_reg.eq(outer), middle_reg.eq(middle)]
        passed_on = ("update", "clear", "bias", "capture_high", "capture_low", "narrow", "position")
        last = Signal(data.StructLayout({name: step.shape()[name].shape for name in passed_on}))
        m.d.sync += [last[name].eq(step[name]) for name in passed_on]
        return last, (outer_reg, middle_reg)

    def _accumulate_stage(self, m, step, outer, middle):
        """Add; return the accumulator as it was before, clamped."""
        # One bit more than the accumulator or, if it is narrow, than the sum of four products.
        acc = Signal(signed(max(self.acc_width, 2 * self.width + 2) + 1), reset_less=True)
        clamped, _ = saturate(m, acc, self.acc_width)
        kept = Signal(signed(self.acc_width))
        with m.If(~step.clear):
            m.d.comb += kept.eq(clamped)
        with m.Elif(step.bias):
            m.d.comb += kept.eq(self.bias_reg.as_signed())
        with m.If(step.update):
            m.d.sync += acc.eq(kept + outer + (middle << self.width // 2))
        return clamped

    def _combine(self, m, step, products):
        """Return ``outer`` and ``middle``; the accumulator adds ``outer + (middle << K)``."""
        raise NotImplementedError

    def _digit(self, word, place):
        """Return digit `place` of an operand word."""
        half = self.width // 2
        low = len(word) - (place + 1) * half
        return word[low : low + half]

    def _select(self, word, multiplier, name):
        """Return the digit that the precision of `word` gives a multiplier."""
        register = getattr(self, f"{name}_reg")
        users = {}
        for mode, factors in multiplier.items():
            users.setdefault(getattr(factors, name).place, set()).add(mode)
        (first, _), *others = users.items()
        selected = self._digit(register, first)
        for place, modes in others:
            selected = Mux(
                _has_one_of(word, modes, multiplier), self._digit(register, place), selected
            )
        return selected


def _has_one_of(word, wanted: Collection[Precision], possible: Collection[Precision]) -> Value:
    """Return whether a control word of one of the `possible` precisions is one of `wanted`."""
    if set(wanted) == set(possible):
        return C(1)
    mixed = word.mixed if Precision.MIXED in possible else C(0)
    flags = {
        Precision.FULL: ~(word.half | mixed),
        Precision.MIXED: mixed,
        Precision.HALF: word.half,
    }
    return reduce(or_, (flags[mode] for mode in possible if mode in wanted), C(0))
