"""Weights of full precision to those of a job, on their way into the buffer (Fig. 3.5)."""

from types import SimpleNamespace

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from voltile.core import Precision
from voltile.hdl.layer_job import DIMENSION_BITS, PrecisionCode, WeightForm, job_layout
from voltile.hdl.operand_order import operand_orders
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.rounding import round_half_even


class WeightReconfiguration(wiring.Component):
    """Stream of weight words as the memory holds them to one of words as a job needs them.

    A job whose ``weight_form`` says so is given words of full precision, at any precision of its
    own. Each weight of N bits goes to its nearest one of K = N/2 bits, ties to even, the largest
    clamped (Fig. 3.5b), or to its high half (Fig. 3.5a); two words become one. An element that
    rounds weights itself is given them as they are, or with zeros in their low halves. Bias words,
    and all words of other jobs, pass unchanged.

    An activation word has twice as many channels at half precision. Where those of a window do not
    fill it, or where it holds the channels of two windows of full precision (groups of channels),
    words of zeros fill the place::

        for each fold of output channels:
            2 words of biases, if there are any
            for each pixel of the kernel, for each word of a window at full precision that has room:
                `rows` words, or as many zeros

    Latency: none; a word leaves in the cycle in which that which completes it comes. Throughput: a
    word is taken, or one of zeros put in, in every cycle in which `reduced` is ready.

    Reset: synchronous, `rst` high for one cycle. Data registers are not reset.

    Parameters
    ----------
    rows, cols : int
        Of the array, even.
    pe : ProcessingElement
        An element of the array.

    Ports
    -----
    job : In(job_layout)
        The descriptor; it stays until `finish`.
    full : In(stream of words of `cols` operand words)
        Words of the memory.
    reduced : Out(stream of words of `cols` operand words)
        Words of the job; ready as long as it lacks some.
    finish : In(1)
        From the next cycle on it is about another job.
    """

    def __init__(self, rows: int, cols: int, pe: ProcessingElement):
        self.rows = rows
        self.cols = cols
        self.pe = pe
        self.orders = operand_orders(pe, rows)
        words = stream.Signature(cols * pe.weight_width)
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "full": In(words),
                "reduced": Out(words),
                "finish": In(1),
            }
        )
        self._rounded_later = pe.weight_bits(Precision.HALF) == pe.width

    def elaborate(self, platform):
        m = Module()
        step = Signal()
        at = self._loops(m, step)
        comes = self.full.valid | at.blank
        m.d.comb += [
            step.eq(comes & self.reduced.ready),
            self.full.ready.eq(self.reduced.ready & ~at.blank),
            self.reduced.valid.eq(comes & (at.unchanged | at.completes)),
            self.reduced.payload.eq(
                Mux(at.unchanged, self.full.payload, self._word(m, self._weights(m, at), at.holds))
            ),
        ]
        return m

    def _loops(self, m, step):
        """Count through the words; tell what becomes of the one whose turn it is."""
        job = self.job
        biases, slot = Signal(range(3)), Signal(range(self.rows))
        place = Signal(DIMENSION_BITS + 1)
        kernel_x, kernel_y = Signal(DIMENSION_BITS), Signal(DIMENSION_BITS)
        group = Signal(DIMENSION_BITS)
        is_half, is_bias, unchanged, blank = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            is_half.eq(job.precision == PrecisionCode.HALF.value),
            is_bias.eq(job.bias & (biases != 2)),
            unchanged.eq(
                is_bias
                | (job.weight_form == WeightForm.OPERANDS.value)
                | (job.precision == PrecisionCode.FULL.value)
            ),
            # Groups of the second of two windows have their channels behind those of the first.
            blank.eq(
                ~unchanged
                & ((place >= job.weight_window_words) ^ (group >= job.weight_group_folds))
            ),
        ]
        ends = {}
        inner = step & ~unchanged
        for name, value, last in (
            ("slot", slot, self.rows - 1),
            ("place", place, Mux(is_half, job.window_words << 1, job.window_words) - 1),
            ("kernel_x", kernel_x, job.kernel_width - 1),
            ("kernel_y", kernel_y, job.kernel_height - 1),
            ("group", group, job.group_folds - 1),
        ):
            ends[name] = end = Signal(name=f"{name}_ends")
            m.d.comb += end.eq(inner & (value == last))
            with m.If(end | self.finish):
                m.d.sync += value.eq(0)
            with m.Elif(inner):
                m.d.sync += value.eq(value + 1)
            inner = end
        with m.If(ends["kernel_y"] | self.finish):
            m.d.sync += biases.eq(0)
        with m.Elif(step & is_bias):
            m.d.sync += biases.eq(biases + 1)
        completes = Const(1) if self._rounded_later else slot[0]
        holds = step & ~unchanged & ~completes
        return SimpleNamespace(unchanged=unchanged, blank=blank, completes=completes, holds=holds)

    def _weights(self, m, at):
        """Return what is left of the weights of each column, in the order of products."""
        half, order = self.pe.width // 2, self.orders[Precision.FULL]
        truncates = self.job.weight_form == WeightForm.TRUNCATED.value
        columns = []
        for start in range(0, self.cols * self.pe.weight_width, self.pe.weight_width):
            column = []
            for low in (start + place for place in order.weight_places):
                weight = Signal(self.pe.width, name=f"weight_{low}")
                m.d.comb += weight.eq(self.full.payload[low : low + len(weight)])
                if self._rounded_later:
                    left = Cat(Mux(truncates, 0, weight[:half]), weight[half:])
                else:
                    rounded = round_half_even(m, weight, half).as_unsigned()
                    left = Mux(truncates, weight[half:], rounded)
                column.append(Mux(at.blank, 0, left))
            columns.append(column)
        return columns

    def _word(self, m, columns, holds):
        """Return the word of the job: of this word's weights, or of the last one's and these."""
        if self._rounded_later:
            return Cat(columns)
        before = []
        for number, column in enumerate(columns):
            held = [
                Signal(len(left), reset_less=True, name=f"held_{number}_{k}")
                for k, left in enumerate(column)
            ]
            with m.If(holds):
                m.d.sync += [register.eq(left) for register, left in zip(held, column, strict=True)]
            before.append(held)
        pairs = [held + column for held, column in zip(before, columns, strict=True)]
        word = Signal(self.cols * self.pe.weight_width)
        with m.Switch(self.job.precision):
            for precision, order in self.orders.items():
                if precision is Precision.FULL:
                    continue
                upwards = sorted(
                    range(len(order.weight_places)), key=order.weight_places.__getitem__
                )
                with m.Case(PrecisionCode[precision.name]):
                    m.d.comb += word.eq(Cat(pair[k] for pair in pairs for k in upwards))
        return word
