"""The stages of jobs: words come, one computes, results leave; each on banks of its own."""

from amaranth import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from voltile.hdl.layer_job import WORD_BITS, job_layout


class JobQueue(wiring.Component):
    """Holds two descriptors, and hands the banks of the buffers from stage to stage in order.

    A descriptor stays until its job has computed. So, while one job computes, the words of the
    next come and the results of the one before leave.

    Parameters
    ----------
    acc_width : int
        Bits of the accumulators.

    Ports
    -----
    given : In(job_layout), submit : In(1), room : Out(1)
        A descriptor, taken with `submit` if there is room.
    loading : Out(1), load_bank : Out(1), load_job : Out(job_layout), loaded : In(1)
        The job whose words to load into a bank; and that they are there.
    job : Out(job_layout), start : Out(1), run_bank : Out(1), done : In(1)
        The job that computes: its begin, for one cycle, and its end.
    unloading : Out(1), unload_bank : Out(1), out_count : Out(WORD_BITS), unloaded : In(1)
        Results to give away from a bank; and that they are gone.
    computing, waiting : Out(1)
        Whether a job computes; whether one is there and waits for its words or for a bank.
    """

    def __init__(self, acc_width: int):
        self.layout = job_layout(acc_width)
        super().__init__(
            {
                "given": In(self.layout),
                "submit": In(1),
                "room": Out(1),
                "loading": Out(1),
                "load_bank": Out(1),
                "load_job": Out(self.layout),
                "loaded": In(1),
                "job": Out(self.layout),
                "start": Out(1),
                "run_bank": Out(1),
                "done": In(1),
                "unloading": Out(1),
                "unload_bank": Out(1),
                "out_count": Out(WORD_BITS),
                "unloaded": In(1),
                "computing": Out(1),
                "waiting": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        jobs = Array(Signal(self.layout, name=f"job_{bank}") for bank in range(2))
        out_counts = Array(Signal(WORD_BITS, name=f"out_count_{bank}") for bank in range(2))
        queued, ready, full = (
            Array(Signal(name=f"{name}_{bank}") for bank in range(2))
            for name in ("queued", "ready", "full")
        )
        last, computing = Signal(), Signal()
        load_bank, run_bank, unload_bank = Signal(), Signal(), Signal()
        run_job = Signal(self.layout)
        m.d.comb += [
            self.load_job.eq(jobs[load_bank]),
            run_job.eq(jobs[run_bank]),
            self.room.eq(~queued[last]),
            self.load_bank.eq(load_bank),
            self.loading.eq(queued[load_bank] & ~ready[load_bank]),
            self.job.eq(run_job),
            self.run_bank.eq(run_bank),
            self.start.eq(ready[run_bank] & ~full[run_bank] & ~computing),
            self.unload_bank.eq(unload_bank),
            self.unloading.eq(full[unload_bank]),
            self.out_count.eq(out_counts[unload_bank]),
            self.computing.eq(computing),
            self.waiting.eq(queued[run_bank] & ~computing & ~self.start),
        ]
        with m.If(self.submit & self.room):
            m.d.sync += [
                jobs[last].eq(self.given),
                queued[last].eq(1),
                last.eq(~last),
            ]
        with m.If(self.loading & self.loaded):
            m.d.sync += [ready[load_bank].eq(1), load_bank.eq(~load_bank)]
        with m.If(self.start):
            m.d.sync += computing.eq(1)
        with m.If(self.done):
            m.d.sync += [
                computing.eq(0),
                queued[run_bank].eq(0),
                ready[run_bank].eq(0),
                full[run_bank].eq(1),
                out_counts[run_bank].eq(run_job.out_words),
                run_bank.eq(~run_bank),
            ]
        with m.If(self.unloading & self.unloaded):
            m.d.sync += [full[unload_bank].eq(0), unload_bank.eq(~unload_bank)]
        return m
