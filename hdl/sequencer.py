"""The sequencer of a layer job: nested loops that issue one control word a cycle."""

from enum import Enum
from types import SimpleNamespace

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.layer_job import DIMENSION_BITS, WORD_BITS, PrecisionCode, job_layout
from voltile.hdl.operand_order import operand_orders
from voltile.hdl.pe import Turn


class State(Enum):
    """What the words of a cycle are for."""

    IDLE = 0
    LOAD_LOW = 1
    LOAD_HIGH = 2
    PRODUCT = 3
    BIAS_LOW = 4
    BIAS_HIGH = 5


def beat_layout(slots: int) -> data.StructLayout:
    """Return what the fetch units learn about a cycle, of at most `slots` to an activation word.

    ``product``
        Products are made in this cycle.
    ``slot``
        Cycle within the step in which every row works on one activation word.
    ``offset``
        Address of the step's word, from the window's first.
    ``kernel_y``, ``kernel_x``
        Pixel of the window.
    ``new_windows``, ``first_windows``
        Windows of a fold begin with this step; and they are the first ones.
    ``weight_read``
        A new weight word is needed in this cycle.
    ``weight_rewind``, ``weight_mark``
        It is the fold's first again; it is the fold's first, to come back to.
    ``bias_low``, ``bias_high``
        The word read is the low, the high half of the columns' biases.
    """
    return data.StructLayout(
        {
            "product": 1,
            "slot": ceil_log2(slots),
            "offset": WORD_BITS,
            "kernel_y": DIMENSION_BITS,
            "kernel_x": DIMENSION_BITS,
            "new_windows": 1,
            "first_windows": 1,
            "weight_read": 1,
            "weight_rewind": 1,
            "weight_mark": 1,
            "bias_low": 1,
            "bias_high": 1,
        }
    )


class Sequencer(wiring.Component):
    """Loops over a layer: output channels, pixels, passes, kernel, channels; never a bubble.

    ::

        for each fold of output channels, `cols` at a time:
            2 cycles that load the biases of the columns, if there are any
            for each fold of output pixels, `rows` at a time:
                for each pass of the precision, for each pixel of the kernel, for each word of it:
                    `OperandOrder.slots` cycles: the products of one word in every row
                ``pe.bias_words`` cycles that add the bias, if there is one

    The result of a fold is captured with the word that follows it.

    Parameters
    ----------
    rows : int
        Rows of the array.
    pe : ProcessingElement
        An element of the array, for its widths and operand orders.

    Ports
    -----
    job : In(job_layout)
        The descriptor; it stays until `done`.
    start : In(1)
        Begins in the next cycle; only after the last word of the job before.
    beat : Out(beat_layout)
        The cycle, to the fetch units.
    ctl : Out(pe.word)
        The control word of the cycle, which belongs to the operands of `beat`.
    """

    def __init__(self, rows: int, pe):
        self.rows = rows
        self.pe = pe
        self.orders = operand_orders(pe, rows)
        self.slots = max(order.slots for order in self.orders.values())
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "start": In(1),
                "beat": Out(beat_layout(self.slots)),
                "ctl": Out(pe.word.shape()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        at = self._loops(m)
        begins = Signal()
        m.d.comb += [
            begins.eq(
                (at.state == State.PRODUCT) & ~Cat(at.slot, at.word, at.kernel_x, at.kernel_y).any()
            ),
        ]
        self._beat(m, at, begins)
        self._word(m, at, begins)
        return m

    def _loops(self, m):
        """Count through the nest; end each loop with the last cycle of the one inside."""
        job = self.job
        state = Signal(State)
        slot = Signal(range(self.slots))
        word = Signal(DIMENSION_BITS)
        kernel_x, kernel_y = Signal(DIMENSION_BITS), Signal(DIMENSION_BITS)
        part = Signal(range(max(mode.passes for mode in self.pe.modes.values())))
        pixels_left = Signal(WORD_BITS)
        fold, group = Signal(DIMENSION_BITS), Signal(DIMENSION_BITS)
        offset, group_offset = Signal(WORD_BITS), Signal(WORD_BITS)
        first_windows = Signal()

        last_slot, last_part, weight_turn = Signal.like(slot), Signal.like(part), Signal()
        modes = {
            precision: Signal(name=f"is_{precision.name.lower()}") for precision in self.orders
        }
        for precision, order in self.orders.items():
            m.d.comb += modes[precision].eq(job.precision == PrecisionCode[precision.name].value)
            with m.If(modes[precision]):
                m.d.comb += [
                    last_slot.eq(order.slots - 1),
                    last_part.eq(self.pe.modes[precision].passes - 1),
                    weight_turn.eq((slot & (order.weight_share - 1)) == 0),
                ]

        # Each end is that of all the loops inside, too.
        ends = {}
        inner = state == State.PRODUCT
        for name, value, last in (
            ("slot", slot, last_slot),
            ("word", word, job.window_words - 1),
            ("kernel_x", kernel_x, job.kernel_width - 1),
            ("kernel_y", kernel_y, job.kernel_height - 1),
            ("part", part, last_part),
        ):
            ends[name] = end = Signal(name=f"{name}_ends")
            m.d.comb += end.eq(inner & (value == last[: len(value)]))
            with m.If(end):
                m.d.sync += value.eq(0)
            with m.Elif(inner):
                m.d.sync += value.eq(value + 1)
            inner = end
        with m.If(ends["kernel_y"]):
            m.d.sync += offset.eq(group_offset)
        with m.Elif(ends["kernel_x"]):
            m.d.sync += offset.eq(offset + job.step_kernel_y)
        with m.Elif(ends["word"]):
            m.d.sync += offset.eq(offset + job.step_kernel_x)
        with m.Elif(ends["slot"]):
            m.d.sync += offset.eq(offset + 1)

        bias_cycles = job.bias & bool(self.pe.bias_words)
        pixels_end, fold_ends, job_ends = Signal(), Signal(), Signal()
        m.d.comb += [
            pixels_end.eq(Mux(bias_cycles, state == State.BIAS_HIGH, ends["part"])),
            fold_ends.eq(pixels_end & (pixels_left <= self.rows)),
            job_ends.eq(fold_ends & (fold == job.out_folds - 1)),
        ]
        with m.If(pixels_end):
            m.d.sync += [pixels_left.eq(pixels_left - self.rows), first_windows.eq(0)]
        with m.If(fold_ends):
            m.d.sync += [pixels_left.eq(job.pixels), first_windows.eq(1), fold.eq(fold + 1)]
            with m.If(group == job.group_folds - 1):
                following = group_offset + job.window_words
                m.d.sync += [group.eq(0), group_offset.eq(following), offset.eq(following)]
            with m.Else():
                m.d.sync += group.eq(group + 1)
        with m.If(self.start):
            m.d.sync += [
                fold.eq(0),
                group.eq(0),
                group_offset.eq(0),
                offset.eq(0),
                pixels_left.eq(job.pixels),
                first_windows.eq(1),
            ]

        begin = Mux(job.bias, State.LOAD_LOW, State.PRODUCT)
        with m.Switch(state):
            with m.Case(State.IDLE):
                with m.If(self.start):
                    m.d.sync += state.eq(begin)
            with m.Case(State.LOAD_LOW):
                m.d.sync += state.eq(State.LOAD_HIGH)
            with m.Case(State.LOAD_HIGH):
                m.d.sync += state.eq(State.PRODUCT)
            with m.Case(State.PRODUCT):
                with m.If(ends["part"] & bias_cycles):
                    m.d.sync += state.eq(State.BIAS_LOW)
            with m.Case(State.BIAS_LOW):
                m.d.sync += state.eq(State.BIAS_HIGH)
        with m.If(job_ends):
            m.d.sync += state.eq(State.IDLE)
        with m.Elif(fold_ends):
            m.d.sync += state.eq(begin)
        with m.Elif(pixels_end):
            m.d.sync += state.eq(State.PRODUCT)
        return SimpleNamespace(
            state=state,
            modes=modes,
            slot=slot,
            word=word,
            kernel_x=kernel_x,
            kernel_y=kernel_y,
            part=part,
            offset=offset,
            first_windows=first_windows,
            weight_turn=weight_turn,
            pixels_end=pixels_end,
        )

    def _beat(self, m, at, begins):
        """Tell the fetch units where in the loops this cycle is."""
        beat = self.beat
        product = at.state == State.PRODUCT
        starts_fold = begins & (at.part == 0) & at.first_windows
        first_word = ~Cat(at.word, at.kernel_x, at.kernel_y, at.part).any()
        m.d.comb += [
            beat.product.eq(product),
            beat.slot.eq(at.slot),
            beat.offset.eq(at.offset),
            beat.kernel_y.eq(at.kernel_y),
            beat.kernel_x.eq(at.kernel_x),
            beat.new_windows.eq(product & first_word),
            beat.first_windows.eq(at.first_windows),
            beat.bias_low.eq(at.state == State.LOAD_LOW),
            beat.bias_high.eq(at.state == State.LOAD_HIGH),
            beat.weight_read.eq((product & at.weight_turn) | beat.bias_low | beat.bias_high),
            beat.weight_mark.eq(starts_fold),
            beat.weight_rewind.eq(begins & ~starts_fold),
        ]

    def _word(self, m, at, begins):
        """Make the control word, as the elements want it."""
        captures = Signal()
        m.d.sync += captures.eq(at.pixels_end)
        self.pe.write_word(
            m,
            self.ctl,
            Turn(
                modes=at.modes,
                product=at.state == State.PRODUCT,
                part=at.part,
                phase=at.slot,
                begins=begins,
                bias=self.job.bias,
                bias_low=at.state == State.BIAS_LOW,
                bias_high=at.state == State.BIAS_HIGH,
                captures=captures,
                narrow=self.job.narrow,
                position=self.job.position,
            ),
        )
