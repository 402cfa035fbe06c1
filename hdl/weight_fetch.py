"""From buffer words of weights and biases to the columns of the array, in the wavefront."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.layer_job import WORD_BITS, PrecisionCode, job_layout
from voltile.hdl.operand_order import operand_orders
from voltile.hdl.sequencer import beat_layout


class WeightFetch(wiring.Component):
    """Reads weights in the order in which they lie, again for every pass and fold of pixels.

    A buffer word holds an operand word of every column, or two (`OperandOrder`). A fold of output
    channels begins with the low and the high halves of the biases, if there are any, in the lowest
    bits of every column.

    Latency: the weights of a product at ``beat`` in cycle t stand in ``weight[j]`` in cycle
    ``t + latency + j``; biases stand in ``bias[j]`` one cycle after that, until the next fold.

    Parameters
    ----------
    rows, cols : int
        Of the array.
    pe : ProcessingElement
        An element of the array.
    depth : int
        Words of a bank of the buffer.

    Ports
    -----
    job : In(job_layout), beat : In(beat_layout)
        The descriptor, and the cycle.
    start : In(1)
        A job begins: back to the first word.
    read : Out(1), address : Out(range(depth)), read_data : In(cols * weight bits)
        Towards the buffer.
    weight : Out(pe.weight).array(cols), bias : Out(pe.bias).array(cols)
        Operand words and biases of the columns.
    outside : Out(1)
        A word beyond those of the job was asked for.
    """

    latency = 3

    def __init__(self, rows: int, cols: int, pe, depth: int):
        self.cols = cols
        self.pe = pe
        self.orders = operand_orders(pe, rows)
        slots = max(order.slots for order in self.orders.values())
        self.word_bits = cols * len(pe.weight)
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "beat": In(beat_layout(slots)),
                "start": In(1),
                "read": Out(1),
                "address": Out(ceil_log2(depth)),
                "read_data": In(self.word_bits),
                "weight": pe.signature.members["weight"].flip().array(cols),
                "bias": pe.signature.members["bias"].flip().array(cols),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat = self.beat
        following, mark, address = Signal(WORD_BITS), Signal(WORD_BITS), Signal(WORD_BITS)
        read, asked = Signal(), Signal(WORD_BITS, reset_less=True)
        m.d.comb += address.eq(Mux(beat.weight_rewind, mark, following))
        m.d.sync += read.eq(beat.weight_read)
        with m.If(beat.weight_read):
            m.d.sync += [asked.eq(address), following.eq(address + 1)]
        with m.If(beat.weight_mark):
            m.d.sync += mark.eq(address)
        with m.If(self.start):
            m.d.sync += following.eq(0)
        m.d.comb += [
            self.read.eq(read),
            self.address.eq(asked),
            self.outside.eq(read & (asked >= self.job.weight_words)),
        ]

        # What arrives: products, the low or the high half of biases; and the operand word of it.
        share = max(order.weight_share for order in self.orders.values())
        number = beat.slot[: (share - 1).bit_length()]
        kinds = Cat(beat.product, beat.bias_low, beat.bias_high)
        for stage in range(2):
            kinds_later = Signal(3, name=f"kinds_{stage}")
            number_later = Signal(len(number), reset_less=True, name=f"number_{stage}")
            m.d.sync += [kinds_later.eq(kinds), number_later.eq(number)]
            kinds, number = kinds_later, number_later
        word = self._operands(m, kinds, number)
        bits = len(self.pe.weight)
        for j in range(self.cols):
            self._column(m, j, word[:bits], kinds)
            word, kinds = self._skewed(m, j, word[bits:], kinds)
        return m

    def _operands(self, m, kinds, number):
        """Select the columns' operand words; what is less than the port stands at its top."""
        width = self.pe.weight_width
        operands = Signal(self.word_bits)

        def chosen(share: int, turn) -> Value:
            bits = width // share
            columns = []
            for low in range(0, self.word_bits, width):
                words = Array(self.read_data[low + k * bits :][:bits] for k in range(share))
                columns += [Const(0, width - bits), words[turn]]
            return Cat(columns)

        with m.If(kinds[1:].any()):
            m.d.comb += operands.eq(chosen(width // self.pe.width, 0))
        with m.Else():
            with m.Switch(self.job.precision):
                for precision, order in self.orders.items():
                    turn = number & (order.weight_share - 1)
                    with m.Case(PrecisionCode[precision.name]):
                        m.d.comb += operands.eq(chosen(order.weight_share, turn))
        return operands

    def _skewed(self, m, j, word, kinds):
        """Register the words of the columns from `j` + 1 on, which take them a cycle later."""
        later = Signal(len(word), reset_less=True, name=f"skew_{j}")
        kinds_later = Signal(3, name=f"skew_kinds_{j}")
        m.d.sync += kinds_later.eq(kinds)
        with m.If(kinds.any()):
            m.d.sync += later.eq(word)
        return later, kinds_later

    def _column(self, m, j, word, kinds):
        """Register the operand word and the bias of column `j`."""
        weight = Signal(len(word), reset_less=True, name=f"weight_{j}")
        bits = self.pe.width
        bias = Signal(2 * bits, reset_less=True, name=f"bias_{j}")
        low, high = bias[:bits], bias[bits:]
        product, is_low, is_high = kinds
        for kind, register in ((product, weight), (is_low, low), (is_high, high)):
            with m.If(kind):
                m.d.sync += register.eq(word[-len(register) :])
        m.d.comb += [self.weight[j].eq(weight), self.bias[j].eq(bias)]
