"""im2col on the fly: from buffer words of a feature map to operand words of every row."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.layer_job import DIMENSION_BITS, WORD_BITS, PrecisionCode, job_layout
from voltile.hdl.operand_order import operand_orders
from voltile.hdl.sequencer import beat_layout

COORDINATE = signed(DIMENSION_BITS + 1)
WINDOW = data.StructLayout(
    {"y": COORDINATE, "x": COORDINATE, "base": WORD_BITS, "column": DIMENSION_BITS, "exists": 1}
)
"""An output pixel's window: first row and column, address of its first word, output column."""


class ActFetch(wiring.Component):
    """Reads one buffer word per row and step, and hands its operand words to the rows in turn.

    A buffer word holds as many operand words as there are rows, and each row works at least that
    many cycles on one: so a port of one word a cycle feeds all rows, row i one cycle after row
    i - 1, as the array wants them. Words outside of the feature map are zeros and are not read.

    Latency: the operands of a product at ``beat`` in cycle t stand in ``act[i]`` in cycle
    ``t + latency + i``.

    Parameters
    ----------
    rows : int
        Rows of the array.
    pe : ProcessingElement
        An element of the array.
    depth : int
        Words of a bank of the buffer.

    Ports
    -----
    job : In(job_layout), beat : In(beat_layout)
        The descriptor, and the cycle.
    read : Out(1), address : Out(range(depth)), read_data : In(rows * act bits)
        Towards the buffer.
    act : Out(pe.act).array(rows)
        Operand words of the rows.
    outside : Out(1)
        A word beyond those of the job was asked for.
    """

    latency = 3

    def __init__(self, rows: int, pe, depth: int):
        self.rows = rows
        self.pe = pe
        self.orders = operand_orders(pe, rows)
        slots = max(order.slots for order in self.orders.values())
        self.word_bits = rows * len(pe.act)
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "beat": In(beat_layout(slots)),
                "read": Out(1),
                "address": Out(ceil_log2(depth)),
                "read_data": In(self.word_bits),
                "act": pe.signature.members["act"].flip().array(rows),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job, beat = self.job, self.beat
        fetch = Signal()
        row = beat.slot[: ceil_log2(self.rows)]
        m.d.comb += fetch.eq(beat.product & (beat.slot < self.rows))
        window = self._window(m, fetch, row)

        y, x, address = Signal(COORDINATE), Signal(COORDINATE), Signal(WORD_BITS)
        m.d.comb += [
            y.eq(window.y + beat.kernel_y),
            x.eq(window.x + beat.kernel_x),
            address.eq(window.base + beat.offset),
        ]
        inside = window.exists & (y >= 0) & (y < job.in_height) & (x >= 0) & (x < job.in_width)
        asked, wanted, asked_row = Signal(), Signal(), Signal.like(row, reset_less=True)
        asked_address = Signal(WORD_BITS, reset_less=True)
        m.d.sync += [asked.eq(fetch), wanted.eq(fetch & inside)]
        with m.If(fetch):
            m.d.sync += asked_row.eq(row)
        with m.If(fetch & inside):
            m.d.sync += asked_address.eq(address)
        m.d.comb += [
            self.read.eq(wanted),
            self.address.eq(asked_address),
            self.outside.eq(wanted & (asked_address >= job.act_words)),
        ]
        self._serve(m, asked, wanted, asked_row)
        return m

    def _window(self, m, fetch, row):
        """Return the window of a row: the next one when a fold begins, else that of the row."""
        job, beat = self.job, self.beat
        following, current = Signal(WINDOW), Signal(WINDOW)
        windows = [Signal(WINDOW, name=f"window_{i}") for i in range(self.rows)]
        left, left_now = Signal(WORD_BITS), Signal(WORD_BITS)
        first = beat.first_windows & (beat.slot == 0)
        start_y, start_x = Signal(COORDINATE), Signal(COORDINATE)
        m.d.comb += [start_y.eq(-job.pad_top), start_x.eq(-job.pad_left)]
        with m.If(~beat.new_windows):
            m.d.comb += current.eq(Array(windows)[row])
        with m.Elif(first):
            m.d.comb += [
                current.y.eq(start_y),
                current.x.eq(start_x),
                current.base.eq(job.base),
                current.column.eq(0),
                current.exists.eq(1),
                left_now.eq(job.pixels),
            ]
        with m.Else():
            m.d.comb += [current.eq(following), left_now.eq(left), current.exists.eq(left != 0)]
        with m.If(fetch & beat.new_windows):
            m.d.sync += [
                Array(windows)[row].eq(current),
                left.eq(Mux(current.exists, left_now - 1, 0)),
            ]
            with m.If(current.column == job.out_width - 1):
                m.d.sync += [
                    following.column.eq(0),
                    following.x.eq(start_x),
                    following.y.eq(current.y + job.stride_y),
                    following.base.eq(current.base + job.step_out_y),
                ]
            with m.Else():
                m.d.sync += [
                    following.column.eq(current.column + 1),
                    following.x.eq(current.x + job.stride_x),
                    following.y.eq(current.y),
                    following.base.eq(current.base + job.step_out_x),
                ]
        return current

    def _serve(self, m, asked, wanted, asked_row):
        """Keep each row's word while the row works on it, and select its operand word."""
        arrived, present, row = Signal(), Signal(), Signal.like(asked_row, reset_less=True)
        m.d.sync += [arrived.eq(asked), present.eq(wanted)]
        with m.If(asked):
            m.d.sync += row.eq(asked_row)
        number = self._number(m)
        for i in range(self.rows):
            word = Signal(self.word_bits, reset_less=True, name=f"word_{i}")
            with m.If(arrived & (row == i)):
                m.d.sync += word.eq(Mux(present, self.read_data, 0))
            with m.Switch(self.job.precision):
                for precision, order in self.orders.items():
                    with m.Case(PrecisionCode[precision.name]):
                        m.d.comb += self.act[i].eq(self._operand(word, number[i], order))

    def _operand(self, word, number, order):
        """Select an operand word; what is less than the port stands at its top."""
        bits = self.pe.act_width // order.act_share
        words = Array(word[k : k + bits] for k in range(0, self.word_bits, bits))
        return Cat(Const(0, self.pe.act_width - bits), words[number])

    def _number(self, m):
        """Return, for each row, which operand word of its buffer word is its turn."""
        now = Signal(range(self.rows * max(order.act_share for order in self.orders.values())))
        with m.Switch(self.job.precision):
            for precision, order in self.orders.items():
                with m.Case(PrecisionCode[precision.name]):
                    m.d.comb += now.eq(self.beat.slot // (order.acts // order.weights))
        delayed = []
        for stage in range(self.latency + self.rows - 1):
            later = Signal.like(now, name=f"number_{stage}")
            m.d.sync += later.eq(now)
            delayed.append(later)
            now = later
        return delayed[self.latency - 1 :]
