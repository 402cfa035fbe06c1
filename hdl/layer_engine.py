"""The array with all that computes a layer job from words in the buffers."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from voltile.hdl.act_fetch import ActFetch
from voltile.hdl.layer_job import job_layout
from voltile.hdl.output_writer import OutputWriter
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.sequencer import Sequencer
from voltile.hdl.systolic_array import SystolicArray
from voltile.hdl.weight_fetch import WeightFetch


class LayerEngine(wiring.Component):
    """Computes one job after the other, from operand words at hand to results with room.

    Cycles: as `Accelerator`, from the cycle after `start` to that of `done`.

    Reset: synchronous, `rst` high for one cycle.

    Parameters
    ----------
    rows, cols : int
        Of the array.
    pe : ProcessingElement
        Element (0, 0) of the array; the others are like it.
    act_depth, weight_depth, out_depth : int
        Words of a bank of the buffers.

    Ports
    -----
    job : In(job_layout)
        The descriptor; it stays from `start` to `done`.
    start : In(1)
        The job begins in the next cycle; not between another `start` and its `done`.
    act_read : Out(1), act_address, act_data : In
        Towards the buffer of activations, latency 1; and so for `weight`.
    out_write : Out(2), out_address, out_data
        Towards the buffer of results.
    done : Out(1)
        The last result is written in this cycle.
    clamped : Out(1)
        A row of results is written in this cycle of which one was out of range.
    outside : Out(1)
        A word beyond those of the job was addressed.
    """

    def __init__(
        self,
        rows: int,
        cols: int,
        pe: ProcessingElement,
        act_depth: int,
        weight_depth: int,
        out_depth: int,
    ):
        self.pe = pe
        self._sequencer = Sequencer(rows, pe)
        self._acts = ActFetch(rows, pe, act_depth)
        self._weights = WeightFetch(rows, cols, pe, weight_depth)
        self._array = SystolicArray(rows, cols, pe)
        self._writer = OutputWriter(rows, cols, pe, out_depth)
        super().__init__(
            {
                "job": In(job_layout(pe.acc_width)),
                "start": In(1),
                "act_read": Out(1),
                "act_address": Out(ceil_log2(act_depth)),
                "act_data": In(rows * len(pe.act)),
                "weight_read": Out(1),
                "weight_address": Out(ceil_log2(weight_depth)),
                "weight_data": In(cols * len(pe.weight)),
                "out_write": Out(2),
                "out_address": Out(ceil_log2(out_depth)),
                "out_data": Out(cols * len(pe.out)),
                "done": Out(1),
                "clamped": Out(1),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.sequencer = sequencer = self._sequencer
        m.submodules.act_fetch = acts = self._acts
        m.submodules.weight_fetch = weights = self._weights
        m.submodules.array = array = self._array
        m.submodules.writer = writer = self._writer
        m.d.comb += [unit.job.eq(self.job) for unit in (sequencer, acts, weights, writer)]
        m.d.comb += [unit.start.eq(self.start) for unit in (sequencer, weights, writer)]
        m.d.comb += [unit.beat.eq(sequencer.beat) for unit in (acts, weights)]

        # The control word takes as long as the operands do.
        word = sequencer.ctl
        for stage in range(acts.latency):
            later = Signal(word.shape(), name=f"word_{stage}")
            m.d.sync += later.eq(word)
            word = later
        m.d.comb += [getattr(array.ctl, name).eq(word[name]) for name, _ in word.shape()]
        for name, source, target in (
            ("act", acts, array),
            ("weight", weights, array),
            ("bias", weights, array),
            ("out", array, writer),
            ("saturated", array, writer),
            ("valid", array, writer),
        ):
            pairs = zip(getattr(source, name), getattr(target, name), strict=True)
            m.d.comb += [to.eq(of) for of, to in pairs]

        m.d.comb += [
            self.act_read.eq(acts.read),
            self.act_address.eq(acts.address),
            acts.read_data.eq(self.act_data),
            self.weight_read.eq(weights.read),
            self.weight_address.eq(weights.address),
            weights.read_data.eq(self.weight_data),
            self.out_write.eq(writer.write),
            self.out_address.eq(writer.address),
            self.out_data.eq(writer.write_data),
            self.done.eq(writer.done),
            self.clamped.eq(writer.clamped),
            self.outside.eq(Cat(acts.outside, weights.outside, writer.outside).any()),
        ]
        return m
