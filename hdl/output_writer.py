"""From the array's results, column by column in the wavefront, to words of the output buffer."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.layer_job import DIMENSION_BITS, WORD_BITS, job_layout


class OutputWriter(wiring.Component):
    """Aligns the columns of a row, applies ReLU, and writes the row as one word or half of one.

    A word holds adjacent channels of one output pixel: those of one fold at full width, those of
    two folds at half width, first the even one's. Two channels of half width share an operand
    word, the first in its high half.

    Latency: a row that is out in column 0 in cycle t is written in cycle
    ``t + cols - 1``, the buffer's own cycle not counted.

    Parameters
    ----------
    rows, cols : int
        Of the array; `cols` is even or 1.
    pe : ProcessingElement
        An element of the array.
    depth : int
        Words of a bank of the buffer.

    Ports
    -----
    job : In(job_layout)
        The descriptor.
    start : In(1)
        A job begins: back to the first word.
    out, saturated : In(pe.out, pe.saturated).array(cols), valid : In(1).array(cols)
        From the array.
    write : Out(2), address : Out(range(depth)), write_data : Out(cols * out bits)
        Towards the buffer, whose words have two lanes.
    done : Out(1)
        The last word of the job is written in this cycle.
    clamped : Out(1)
        The row written has a result that was out of range; not one that ReLU makes zero.
    outside : Out(1)
        A word beyond those of the job was to be written, or the last one was not its last.
    """

    def __init__(self, rows: int, cols: int, pe, depth: int):
        self.rows = rows
        self.cols = cols
        self.pe = pe
        self.out_bits = len(pe.out)
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "start": In(1),
                "out": pe.signature.members["out"].flip().array(cols),
                "saturated": pe.signature.members["saturated"].flip().array(cols),
                "valid": In(1).array(cols),
                "write": Out(2),
                "address": Out(ceil_log2(depth)),
                "write_data": Out(cols * self.out_bits),
                "done": Out(1),
                "clamped": Out(1),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job = self.job
        valid, results = self._aligned(m)
        row, pixels_left = Signal(range(self.rows)), Signal(WORD_BITS)
        fold = Signal(DIMENSION_BITS)
        address, fold_base = Signal(WORD_BITS), Signal(WORD_BITS)

        last = Signal(WORD_BITS)
        exists, row_ends, fold_ends = Signal(), Signal(), Signal()
        m.d.comb += [
            exists.eq(valid & (pixels_left != 0)),
            row_ends.eq(valid & (row == self.rows - 1)),
            fold_ends.eq(row_ends & (pixels_left <= 1)),
        ]
        with m.If(valid):
            m.d.sync += row.eq(Mux(row_ends, 0, row + 1))
        with m.If(exists):
            m.d.sync += [
                pixels_left.eq(pixels_left - 1),
                address.eq(address + job.out_pixel_words),
                last.eq(address),
            ]
        with m.If(fold_ends):
            # With half-width results two folds share their words.
            following = fold_base + (~job.narrow | fold[0])
            m.d.sync += [
                fold.eq(fold + 1),
                fold_base.eq(following),
                address.eq(following),
                pixels_left.eq(job.pixels),
            ]
        with m.If(self.start):
            m.d.sync += [
                row.eq(0),
                fold.eq(0),
                fold_base.eq(0),
                address.eq(0),
                pixels_left.eq(job.pixels),
            ]

        wide, narrow = self._words(m, results)
        lanes = Mux(job.narrow, Cat(~fold[0], fold[0]), 0b11)
        m.d.comb += [
            self.write.eq(Mux(exists, lanes, 0)),
            self.address.eq(address),
            self.write_data.eq(Mux(job.narrow, narrow.replicate(2), wide)),
            self.clamped.eq(exists & self._some_saturated(m)),
            self.done.eq(fold_ends & (fold == job.out_folds - 1)),
            self.outside.eq(
                (exists & (address >= job.out_words))
                | (self.done & (Mux(exists, address, last) + 1 != job.out_words))
            ),
        ]
        return m

    def _aligned(self, m):
        """Delay the columns, the first ones longest, so that a row stands in one cycle."""
        results = []
        for j in range(self.cols):
            value, valid = self.out[j], self.valid[j]
            for stage in range(self.cols - 1 - j):
                later = Signal(self.out_bits, reset_less=True, name=f"skew_{j}_{stage}")
                valid_later = Signal(name=f"skew_valid_{j}_{stage}")
                m.d.sync += valid_later.eq(valid)
                with m.If(valid):
                    m.d.sync += later.eq(value)
                value, valid = later, valid_later
            results.append(value)
        return valid, results

    def _some_saturated(self, m):
        """Gather along the wavefront whether a result of the row was out of range and stays so."""
        some = Const(0)
        for j in range(self.cols):
            lost = self.saturated[j].any() & ~(self.job.relu & self.out[j][-1])
            if j:
                earlier = Signal(name=f"saturated_before_{j}")
                m.d.sync += earlier.eq(some)
                lost = lost | earlier
            some = lost
        return some

    def _words(self, m, results):
        """Return a row's results at full width, and, half as many bits, at half width."""
        half = self.out_bits // 2
        kept = []
        for j, result in enumerate(results):
            positive = Signal(self.out_bits, name=f"result_{j}")
            m.d.comb += positive.eq(Mux(self.job.relu & result[-1], 0, result))
            kept.append(positive)
        # A narrow result stands in both halves of its word.
        pairs = [Cat(*(value[:half] for value in reversed(kept[j : j + 2])))
                 for j in range(0, self.cols, 2)]  # fmt: skip
        return Cat(kept), Cat(pairs)
