"""Between streams and the banks of a buffer: `StreamLoader` and `StreamUnloader`."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.layer_job import WORD_BITS


class StreamLoader(wiring.Component):
    """Takes a number of words from a stream and writes them into a bank from address 0 on.

    A word a cycle at most.

    Ports
    -----
    words : In(stream of `width` bits)
        The stream.
    active : In(1)
        Words of a job are wanted.
    count : In(WORD_BITS)
        Number of words of the job, at least 1.
    write : Out(1), address : Out(range(depth)), write_data : Out(width)
        Towards the buffer.
    full : Out(1)
        All words of the job are written.
    finish : In(1)
        From the next cycle on it is about another job.
    """

    def __init__(self, width: int, depth: int):
        super().__init__(
            {
                "words": In(stream.Signature(width)),
                "active": In(1),
                "count": In(WORD_BITS),
                "write": Out(1),
                "address": Out(ceil_log2(depth)),
                "write_data": Out(width),
                "full": Out(1),
                "finish": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        number = Signal(WORD_BITS)
        m.d.comb += [
            self.full.eq(self.active & (number == self.count)),
            self.words.ready.eq(self.active & ~self.full),
            self.write.eq(self.words.valid & self.words.ready),
            self.address.eq(number),
            self.write_data.eq(self.words.payload),
        ]
        with m.If(self.finish):
            m.d.sync += number.eq(0)
        with m.Elif(self.write):
            m.d.sync += number.eq(number + 1)
        return m


class StreamUnloader(wiring.Component):
    """Gives the first words of a bank to a stream.

    A word a cycle at most; the first one in the cycle after `active` rises.

    Ports
    -----
    words : Out(stream of `width` bits)
        The stream.
    active : In(1)
        The bank holds results.
    count : In(WORD_BITS)
        Number of words, at least 1.
    read : Out(1), address : Out(range(depth)), read_data : In(width)
        Towards the buffer, which keeps `read_data` until the next `read`.
    empty : Out(1)
        The last word was taken.
    finish : In(1)
        From the next cycle on it is about another job.
    """

    def __init__(self, width: int, depth: int):
        super().__init__(
            {
                "words": Out(stream.Signature(width)),
                "active": In(1),
                "count": In(WORD_BITS),
                "read": Out(1),
                "address": Out(ceil_log2(depth)),
                "read_data": In(width),
                "empty": Out(1),
                "finish": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        number, held = Signal(WORD_BITS), Signal()
        some_left = number != self.count
        m.d.comb += [
            self.read.eq(self.active & some_left & (~held | self.words.ready)),
            self.address.eq(number),
            self.words.valid.eq(held),
            self.words.payload.eq(self.read_data),
            self.empty.eq(self.active & ~some_left & ~held),
        ]
        with m.If(self.read):
            m.d.sync += [number.eq(number + 1), held.eq(1)]
        with m.Elif(self.words.ready):
            m.d.sync += held.eq(0)
        with m.If(self.finish):
            m.d.sync += number.eq(0)
        return m
