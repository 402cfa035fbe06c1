"""The accelerator: array, buffers, sequencer, streams and register bus (dissertation 3.3.3)."""

from amaranth import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from voltile.hdl.job_queue import JobQueue
from voltile.hdl.layer_engine import LayerEngine
from voltile.hdl.layer_job import WORD_BITS, PrecisionCode, WeightForm
from voltile.hdl.pe import ProcessingElement, check_array_size
from voltile.hdl.registers import BUS, Registers, Status
from voltile.hdl.sram import DoubleBuffer
from voltile.hdl.stream_ports import StreamLoader, StreamUnloader
from voltile.hdl.weight_reconfiguration import WeightReconfiguration


class Accelerator(wiring.Component):
    """Runs layers of a network, each a job that a descriptor gives, at a precision of its own.

    Jobs go through three stages, and three jobs may be at work: the words of one are taken from
    the streams, one computes, the results of one leave. Each buffer has two banks for that. A job
    computes when all of its words are there and a bank for its results is free; from then on it
    never waits.

    Cycles: with ``slots`` the cycles in which a row makes the products of one activation word
    (`OperandOrder`), from the first cycle of a job to the one in which its last result is written::

        out_folds * (2 * bias + pixel_folds * (passes * kernel * window_words * slots
            + pe.bias_words * bias)) + rows + cols + pe.latency + 3

    with ``pixel_folds = ceil(pixels / rows)`` and ``kernel`` its pixels. The next job begins in the
    cycle after the next one at the earliest.

    Reset: synchronous, `rst` high for one cycle.

    Parameters
    ----------
    rows, cols : int
        Of the array, even, at least 2, and at most `MOST_ELEMENTS` elements together.
    pe : ProcessingElement
        Element (0, 0) of the array; the others are like it.
    act_bytes, weight_bytes, out_bytes : int
        Size of the buffers, both banks together.

    Ports
    -----
    bus : In(BUS)
        Registers (`Register`), acknowledged in the next cycle.
    acts : In(stream of words of `rows` operand words)
        Feature maps: adjacent channels of a pixel, pixel by pixel along the rows.
    weights : In(stream of words of `cols` operand words)
        For each fold of output channels the biases, low halves and high halves, then the weights
        in the order of `Sequencer`; of full precision, if the descriptor says so
        (`WeightReconfiguration`).
    results : Out(stream of words of `cols` results)
        Feature maps of `cols` adjacent channels a word, or of twice as many of half the bits. A
        word that waits is withdrawn by a fault or a clear only.

    Raises
    ------
    ValueError
        When a parameter is out of range.
    """

    def __init__(
        self,
        rows: int,
        cols: int,
        pe: ProcessingElement,
        act_bytes: int = 128 << 10,
        weight_bytes: int = 128 << 10,
        out_bytes: int = 128 << 10,
    ):
        if rows < 2 or cols < 2 or rows % 2 or cols % 2:
            raise ValueError(f"rows and cols must be even, at least 2, not {rows} and {cols}")
        check_array_size(rows, cols)
        self.rows = rows
        self.cols = cols
        self.pe = pe
        self.act_bytes = act_bytes
        self.weight_bytes = weight_bytes
        self.out_bytes = out_bytes
        widths = rows * len(pe.act), cols * len(pe.weight), cols * len(pe.out)
        self.act_width, self.weight_width, self.out_width = widths
        self.act_depth = _depth("act_bytes", act_bytes, self.act_width)
        self.weight_depth = _depth("weight_bytes", weight_bytes, self.weight_width)
        self.out_depth = _depth("out_bytes", out_bytes, self.out_width)
        super().__init__(
            {
                "bus": In(BUS),
                "acts": In(stream.Signature(self.act_width)),
                "weights": In(stream.Signature(self.weight_width)),
                "results": Out(stream.Signature(self.out_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = registers = Registers(self.pe.acc_width, self.rows, self.cols)
        wiring.connect(m, wiring.flipped(self.bus), registers.bus)

        # After a fault, and by a clear, all but the registers starts afresh.
        status = Signal(Status)
        stopped = Signal()
        m.d.comb += stopped.eq((status != Status.OK) | registers.clear)
        restart = ResetInserter(stopped)
        m.submodules.queue = queue = restart(JobQueue(self.pe.acc_width))
        depths = self.act_depth, self.weight_depth, self.out_depth
        m.submodules.engine = engine = restart(LayerEngine(self.rows, self.cols, self.pe, *depths))
        m.d.comb += [
            queue.given.eq(registers.job),
            engine.job.eq(queue.job),
            engine.start.eq(queue.start),
            queue.done.eq(engine.done),
        ]
        moves = self._load(m, restart, queue, engine) | self._unload(m, restart, queue, engine)
        self._watch(m, registers, status, queue, engine, moves)
        self._count(m, registers, status, queue, engine)
        return m

    def _load(self, m, restart, queue, engine):
        """Connect both input streams to their buffers; return whether a word was moved."""
        job, finish = queue.load_job, queue.loading & queue.loaded
        reconfiguration = restart(WeightReconfiguration(self.rows, self.cols, self.pe))
        m.submodules.weight_reconfiguration = reconfiguration
        wiring.connect(m, wiring.flipped(self.weights), reconfiguration.full)
        m.d.comb += [reconfiguration.job.eq(job), reconfiguration.finish.eq(finish)]
        loaders = []
        for name, words, count in (
            ("act", wiring.flipped(self.acts), job.act_words),
            ("weight", reconfiguration.reduced, job.weight_words),
        ):
            width, depth = getattr(self, f"{name}_width"), getattr(self, f"{name}_depth")
            m.submodules[f"{name}_buffer"] = buffer = DoubleBuffer(width, depth)
            m.submodules[f"{name}_loader"] = loader = restart(StreamLoader(width, depth))
            wiring.connect(m, words, loader.words)
            m.d.comb += [
                loader.active.eq(queue.loading),
                loader.count.eq(count),
                loader.finish.eq(finish),
                buffer.write_bank.eq(queue.load_bank),
                buffer.write.eq(loader.write),
                buffer.write_address.eq(loader.address),
                buffer.write_data.eq(loader.write_data),
                buffer.read_bank.eq(queue.run_bank),
                buffer.read.eq(getattr(engine, f"{name}_read")),
                buffer.read_address.eq(getattr(engine, f"{name}_address")),
                getattr(engine, f"{name}_data").eq(buffer.read_data),
            ]
            loaders.append(loader)
        m.d.comb += queue.loaded.eq(loaders[0].full & loaders[1].full)
        taken = self.weights.valid & self.weights.ready
        return loaders[0].write | loaders[1].write | taken

    def _unload(self, m, restart, queue, engine):
        """Connect the buffer of results to its stream; return whether a word was given away."""
        m.submodules.out_buffer = buffer = DoubleBuffer(self.out_width, self.out_depth, 2)
        unloader = restart(StreamUnloader(self.out_width, self.out_depth))
        m.submodules.unloader = unloader
        wiring.connect(m, unloader.words, wiring.flipped(self.results))
        m.d.comb += [
            buffer.write_bank.eq(queue.run_bank),
            buffer.write.eq(engine.out_write),
            buffer.write_address.eq(engine.out_address),
            buffer.write_data.eq(engine.out_data),
            buffer.read_bank.eq(queue.unload_bank),
            buffer.read.eq(unloader.read),
            buffer.read_address.eq(unloader.address),
            unloader.read_data.eq(buffer.read_data),
            unloader.active.eq(queue.unloading),
            unloader.count.eq(queue.out_count),
            unloader.finish.eq(queue.unloading & unloader.empty),
            queue.unloaded.eq(unloader.empty),
        ]
        return unloader.words.valid & unloader.words.ready

    def _watch(self, m, registers, status, queue, engine, moves):
        """Find the first fault, and keep it until it is cleared."""
        job = registers.job
        counts = (
            "act_words", "weight_words", "out_words", "in_height", "in_width", "kernel_height",
            "kernel_width", "pixels", "out_width", "window_words", "out_folds", "group_folds",
            "out_pixel_words",
        )  # fmt: skip
        empty, deep, known, still = Signal(), Signal(), Signal(), Signal(32)
        m.d.comb += [
            empty.eq(Cat(getattr(job, name) == 0 for name in counts).any()),
            deep.eq(
                (job.act_words > self.act_depth)
                | (job.weight_words > self.weight_depth)
                | (job.out_words > self.out_depth)
            ),
        ]
        with m.Switch(job.precision):
            for precision in self.pe.modes:
                with m.Case(PrecisionCode[precision.name]):
                    m.d.comb += known.eq(job.weight_form <= WeightForm.TRUNCATED.value)
        waits = queue.loading | queue.unloading
        m.d.sync += still.eq(Mux(waits & ~moves, still + 1, 0))
        late = (registers.watchdog != 0) & (still >= registers.watchdog)
        accepted = queue.room & ~empty & known & ~deep & (status == Status.OK)
        m.d.comb += queue.submit.eq(registers.submit & accepted)
        with m.If(registers.clear):
            m.d.sync += status.eq(Status.OK)
        with m.Elif(status == Status.OK):
            with m.If(engine.outside):
                m.d.sync += status.eq(Status.ADDRESS)
            with m.Elif(late):
                m.d.sync += status.eq(Status.TIMEOUT)
            with m.Elif(registers.submit):
                with m.If(~queue.room):
                    m.d.sync += status.eq(Status.FULL)
                with m.Elif(empty):
                    m.d.sync += status.eq(Status.EMPTY)
                with m.Elif(~known):
                    m.d.sync += status.eq(Status.PRECISION)
                with m.Elif(deep):
                    m.d.sync += status.eq(Status.DEPTH)

    def _count(self, m, registers, status, queue, engine):
        """Keep the counters that the registers show."""
        cycles = Signal(32)
        code = Cat(status, Const(0, 4 - len(status)))
        room = queue.room & (status == Status.OK)
        m.d.comb += registers.state.eq(Cat(code, room, queue.computing))
        m.d.sync += cycles.eq(Mux(queue.computing, cycles + 1, 1))
        with m.If(registers.clear):
            m.d.sync += [
                counter.eq(0) for counter in (registers.jobs, registers.stalls, registers.saturated)
            ]
        with m.Else():
            with m.If(queue.computing & queue.done):
                m.d.sync += [registers.jobs.eq(registers.jobs + 1), registers.cycles.eq(cycles)]
            with m.If(queue.waiting):
                m.d.sync += registers.stalls.eq(registers.stalls + 1)
            with m.If(engine.clamped):
                m.d.sync += registers.saturated.eq(registers.saturated + 1)


def _depth(name: str, size: int, width: int) -> int:
    """Return the words of one of the two banks of a buffer."""
    depth = size * 8 // (2 * width)
    if size * 8 != depth * 2 * width or not 2 <= depth < 1 << WORD_BITS:
        raise ValueError(
            f"{name} must hold two banks of 2 to {(1 << WORD_BITS) - 1} words of {width} bits, "
            f"{size} bytes do not"
        )
    return depth
