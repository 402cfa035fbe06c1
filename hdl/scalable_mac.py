"""The precision-scalable processing element (dissertation 3.4.3, Fig. 3.13, Algorithm 3)."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data

from voltile.core import Precision
from voltile.hdl.algorithm_3 import ALIGNMENT, PASSES
from voltile.hdl.control import Addend, Shift, WeightPart, control_fields
from voltile.hdl.multiplier import multiply
from voltile.hdl.output_stage import write_output
from voltile.hdl.pe import OperandMode, ProcessingElement
from voltile.hdl.rounding import round_half_even
from voltile.hdl.saturation import saturate


class ScalableMac(ProcessingElement):
    """Processing element that computes dot products in one, two or four passes of Algorithm 3.

    With ``K = width / 2``, an activation ``I = 2**K * IH + IL`` (IH signed, IL unsigned), a
    weight W split the same way, and ``WK`` its half-even rounding to K bits::

        full   r = (((sum IH*WH << K) + sum IL*WH + sum IH*WL) << K) + sum IL*WL     4 passes
        mixed  r = ((sum IH*WK << K) + sum IL*WK) << K                               2 passes
        half   r = (sum F*WK) << 2K                                                  1 pass

    then ``r = r + BL``, ``r = r + (BH << N)`` when there is a bias, and
    ``o = saturate(r >> position)`` to N or to K bits. At half precision an activation word
    interleaves two K-bit signed features F, of which `act_high` selects one. Every addition and
    every left shift of r saturates at `acc_width` bits. The right shift truncates (floor).

    Pipeline: operand registers; half select, rounding and isolation registers; multiply, shift
    and accumulate; the output registers load from the shifter in that same third stage. Shifts
    and clears ride on the first word of the next pass or dot product and the capture on the first
    word of the next dot product (see `control_fields`), so there is never a bubble:

    - cycles per dot product of length M: ``passes * M + 2 * bias``, also the reciprocal
      throughput of dot products issued back to back, at any mix of precisions;
    - latency: the word that captures, one after the last of its dot product, shows in `out`
      `latency` = 3 cycles after the cycle in which it stands at the ports. A first word in cycle
      t gives a result from cycle ``t + passes * M + 2 * bias + 3`` on.

    Zero-skipping: when a factor of a product is zero the isolation registers at the multiplier
    hold (they take the place of the dissertation's latches: an enabled register before the
    multiplier stops the propagation just as well, and leaves a design without latches), and the
    accumulator is enabled only if it has to shift or clear. The output logic is isolated too, by
    gates, outside of captures. Enabled registers have neither reset nor other priorities, so that
    synthesis turns every enable into a clock gate.

    Reset: synchronous, `rst` high for one cycle; it empties the pipeline of control words. Data
    registers are not reset: the accumulator is defined from the first `clear`, and an output half
    from its first capture.

    Parameters
    ----------
    width : int
        N, bits of activation, weight and output; even, 4 to 32.
    acc_width : int
        Bits of the accumulator, from those of the bias, 2N, to 128.

    Ports
    -----
    As `ProcessingElement`. Operands are those of a product word, and ignored with other words. The
    bias is taken with the word that adds its low half. Its register serves one bias at a time: the
    next low half stands at the ports two cycles after the high half at the earliest, as it always
    does with a product between them.

    Raises
    ------
    ValueError
        When `width` is odd, or one of the widths is out of range.
    """

    latency = 3
    bias_words = 2
    modes = {
        Precision.FULL: OperandMode(passes=4, acts=1, weights=1),
        Precision.MIXED: OperandMode(passes=2, acts=1, weights=1),
        Precision.HALF: OperandMode(passes=1, acts=2, weights=1),
    }

    def __init__(self, width: int = 8, acc_width: int = 32):
        super().__init__(width, acc_width, width, width, control_fields(acc_width))

    def weight_bits(self, precision):
        return self.width  # rounded in the element

    def write_word(self, m, word, turn):
        super().write_word(m, word, turn)
        with m.If(turn.product):
            m.d.comb += word.addend.eq(Addend.PRODUCT)
        with m.Elif(turn.bias_low):
            m.d.comb += word.addend.eq(Addend.BIAS_LOW)
        with m.Elif(turn.bias_high):
            m.d.comb += word.addend.eq(Addend.BIAS_HIGH)
        for precision, loops in PASSES.items():
            with m.If(turn.modes[precision]):
                with m.If(turn.bias_low | (turn.captures & ~turn.bias)):
                    m.d.comb += word.shift.eq(ALIGNMENT[precision])
                for number, loop in enumerate(loops):
                    # At half precision, the feature in the high half of a word comes first.
                    half = precision is Precision.HALF
                    with m.If(turn.product & (turn.part == number)):
                        m.d.comb += [
                            word.act_high.eq(~turn.phase[0] if half else loop.act_high),
                            word.act_signed.eq(half or loop.act_high),
                            word.weight_part.eq(loop.weight_part),
                        ]
                        with m.If(turn.begins & (turn.part != 0)):
                            m.d.comb += word.shift.eq(loop.shift)

    def elaborate(self, platform):
        m = Module()
        self._operand_stage(m)
        step, act, weight = self._select_stage(m)
        product = multiply(m, act.part, weight.part, act.signed, weight.signed)
        aligned = self._accumulate_stage(m, step, product)
        write_output(m, self, step, aligned)
        return m

    def _operand_stage(self, m):
        """Register the control word and, of the operands, those that it uses."""
        self._register_word(m)
        with m.Switch(self.ctl.addend):
            with m.Case(Addend.PRODUCT):
                m.d.sync += [self.act_reg.eq(self.act), self.weight_reg.eq(self.weight)]
            with m.Case(Addend.BIAS_LOW):
                m.d.sync += self.bias_reg.eq(self.bias)

    def _select_stage(self, m):
        """Make the two factors, K bits and a sign flag; isolate the multiplier when one is zero."""
        half = self.width // 2
        word, act, weight = self.word, self.act_reg, self.weight_reg
        factor = data.StructLayout({"part": half, "signed": 1})
        act_next, weight_next = Signal(factor), Signal(factor)
        weight_rounded = round_half_even(m, weight, half)
        m.d.comb += [
            act_next.part.eq(Mux(word.act_high, act[half:], act[:half])),
            act_next.signed.eq(word.act_signed),
            weight_next.signed.eq(word.weight_part != WeightPart.LOW),
        ]
        with m.Switch(word.weight_part):
            with m.Case(WeightPart.LOW):
                m.d.comb += weight_next.part.eq(weight[:half])
            with m.Case(WeightPart.HIGH):
                m.d.comb += weight_next.part.eq(weight[half:])
            with m.Default():
                m.d.comb += weight_next.part.eq(weight_rounded)

        nonzero = Signal()
        m.d.comb += nonzero.eq(act_next.part.any() & weight_next.part.any())

        act_factor = Signal(factor, reset_less=True)
        weight_factor = Signal(factor, reset_less=True)
        step = Signal(step_layout(self.acc_width))
        m.d.sync += [
            step.product.eq(0),
            step.bias_low.eq(0),
            step.bias_high.eq(0),
            step.update.eq(0),
        ]
        with m.Switch(word.addend):
            with m.Case(Addend.PRODUCT):
                # A skipped product still has to start or to align the sum.
                moves = word.clear | (word.shift != Shift.NONE)
                m.d.sync += [step.product.eq(nonzero), step.update.eq(nonzero | moves)]
                with m.If(nonzero):
                    m.d.sync += [act_factor.eq(act_next), weight_factor.eq(weight_next)]
            with m.Case(Addend.BIAS_LOW):
                m.d.sync += [step.bias_low.eq(1), step.update.eq(1)]
            with m.Case(Addend.BIAS_HIGH):
                m.d.sync += [step.bias_high.eq(1), step.update.eq(1)]
        passed_on = [name for name, _ in word.shape() if name in step.shape().members]
        m.d.sync += [step[name].eq(word[name]) for name in passed_on]
        return step, act_factor, weight_factor

    def _accumulate_stage(self, m, step, product):
        """Shift, add and saturate; return the shifted value, of which the capture is made."""
        width, half, acc_width, bias = self.width, self.width // 2, self.acc_width, self.bias_reg
        acc = Signal(signed(acc_width), reset_less=True)
        shifted = Signal(signed(acc_width + width))
        with m.Switch(step.shift):
            with m.Case(Shift.K):
                m.d.comb += shifted.eq(acc << half)
            with m.Case(Shift.TWO_K):
                m.d.comb += shifted.eq(acc << width)
            with m.Default():
                m.d.comb += shifted.eq(acc)
        aligned, _ = saturate(m, shifted, acc_width)

        # One bit more than the accumulator, so that the sum shows its overflow.
        kept = Signal(signed(acc_width + 1))
        addend = Signal(signed(acc_width + 1))
        total = Signal(signed(acc_width + 1))
        with m.If(~step.clear):
            m.d.comb += kept.eq(aligned)
        # One-hot; a skipped product leaves no bit set and adds zero.
        with m.If(step.product):
            m.d.comb += addend.eq(product)
        with m.If(step.bias_low):
            m.d.comb += addend.eq(bias[:width])
        with m.If(step.bias_high):
            m.d.comb += addend.eq(bias[width:].as_signed() << width)
        m.d.comb += total.eq(kept + addend)
        total_clamped, _ = saturate(m, total, acc_width)
        with m.If(step.update):
            m.d.sync += acc.eq(total_clamped)
        return aligned


def step_layout(acc_width):
    """Return what is left of a control word at the accumulator: adders to open, and enables."""
    kept = ("clear", "shift", "capture_high", "capture_low", "narrow", "position")
    fields = control_fields(acc_width)
    opened = {"product": 1, "bias_low": 1, "bias_high": 1, "update": 1}
    return data.StructLayout(opened | {name: fields[name] for name in kept})
