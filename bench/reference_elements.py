"""Processing elements of one precision, for comparison: same pipeline, control and output stage."""

from types import SimpleNamespace

from amaranth import C, Module, Mux, Signal, signed
from amaranth.lib import data

from voltile.core import Precision
from voltile.hdl import OperandMode, ScalableMac
from voltile.hdl.control import Addend, Shift, control_fields
from voltile.hdl.multiplier import multiply
from voltile.hdl.output_stage import write_output
from voltile.hdl.packed_mac import PackedMac
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.saturation import saturate
from voltile.hdl.scalable_mac import step_layout


class FixedMac(PackedMac):
    """One N x N product a cycle: what `SpatialMac` and `DualMac` are without their other modes.

    The multiplier is one, and the output has N bits only.
    """

    modes = {Precision.FULL: OperandMode(passes=1, acts=1, weights=1)}
    multipliers = ()

    def __init__(self, width: int = 8, acc_width: int = 32):
        super().__init__(width, acc_width, width)

    def elaborate(self, platform):
        m = Module()
        word = self.word
        self._register_word(m)
        with m.If(self.ctl.product):
            m.d.sync += [self.act_reg.eq(self.act), self.weight_reg.eq(self.weight)]
        with m.If(self.ctl.bias):
            m.d.sync += self.bias_reg.eq(self.bias)

        passed_on = ("clear", "bias", "capture_high", "position")
        names = {name: word.shape().members[name] for name in passed_on}
        step = Signal(data.StructLayout({"used": 1, "update": 1} | names))
        act = Signal(self.width, reset_less=True, name="act_isolated")
        weight = Signal(self.width, reset_less=True, name="weight_isolated")
        used = Signal()
        m.d.comb += used.eq(word.product & self.act_reg.any() & self.weight_reg.any())
        with m.If(used):
            m.d.sync += [act.eq(self.act_reg), weight.eq(self.weight_reg)]
        m.d.sync += [step[name].eq(word[name]) for name in passed_on]
        m.d.sync += [step.used.eq(used), step.update.eq(used | word.clear)]

        product = multiply(m, act, weight, C(1), C(1))
        addend = Signal(signed(2 * self.width), reset_less=True)
        last = Signal(data.StructLayout({"update": 1} | names))
        with m.If(step.update):
            m.d.sync += addend.eq(Mux(step.used, product, 0))
        m.d.sync += [last[name].eq(step[name]) for name in ("update", *passed_on)]

        acc = Signal(signed(max(self.acc_width, 2 * self.width) + 1), reset_less=True)
        clamped, _ = saturate(m, acc, self.acc_width)
        kept = Signal(signed(self.acc_width))
        with m.If(~last.clear):
            m.d.comb += kept.eq(clamped)
        with m.Elif(last.bias):
            m.d.comb += kept.eq(self.bias_reg.as_signed())
        with m.If(last.update):
            m.d.sync += acc.eq(kept + addend)
        capture = SimpleNamespace(
            capture_high=last.capture_high, capture_low=last.capture_high, narrow=C(0),
            position=last.position,
        )  # fmt: skip
        write_output(m, self, capture, clamped)
        return m


class HalfMac(ScalableMac):
    """`ScalableMac` for K x K bits only: no sign extension and no rounding (dissertation 3.4.3).

    Activations are read in interleaved, results are written interleaved; weights come with K bits.

    Parameters
    ----------
    shifter : bool
        Whether the accumulator keeps its shifter, which K x K bits do not need: without it the sum,
        and the bias, have the radix point of the product of two K-bit operands.
    """

    modes = {Precision.HALF: OperandMode(passes=1, acts=2, weights=1)}

    def __init__(self, width: int = 8, acc_width: int = 32, shifter: bool = True):
        self.shifter = shifter
        fields = control_fields(acc_width)
        ProcessingElement.__init__(self, width, acc_width, width, width // 2, fields)

    def weight_bits(self, precision):
        return self.width // 2

    def _select_stage(self, m):
        """Select a feature, isolate the multiplier when a factor is zero."""
        half, word = self.width // 2, self.word
        feature = Mux(word.act_high, self.act_reg[half:], self.act_reg[:half])
        nonzero = Signal()
        m.d.comb += nonzero.eq(feature.any() & self.weight_reg.any())
        act = Signal(half, reset_less=True, name="act_isolated")
        weight = Signal(half, reset_less=True, name="weight_isolated")
        step = Signal(step_layout(self.acc_width))
        flags = ("product", "bias_low", "bias_high", "update")
        m.d.sync += [step[name].eq(0) for name in flags]
        with m.Switch(word.addend):
            with m.Case(Addend.PRODUCT):
                moves = word.clear | ((word.shift != Shift.NONE) & self.shifter)
                m.d.sync += [step.product.eq(nonzero), step.update.eq(nonzero | moves)]
                with m.If(nonzero):
                    m.d.sync += [act.eq(feature), weight.eq(self.weight_reg)]
            with m.Case(Addend.BIAS_LOW):
                m.d.sync += [step.bias_low.eq(1), step.update.eq(1)]
            with m.Case(Addend.BIAS_HIGH):
                m.d.sync += [step.bias_high.eq(1), step.update.eq(1)]
        passed_on = [name for name, _ in word.shape() if name in step.shape().members]
        if not self.shifter:
            passed_on.remove("shift")
            m.d.sync += step.shift.eq(Shift.NONE)
        m.d.sync += [step[name].eq(word[name]) for name in passed_on]
        return (
            step,
            SimpleNamespace(part=act, signed=C(1)),
            SimpleNamespace(part=weight, signed=C(1)),
        )
