"""The registers of the accelerator, on a Wishbone bus."""

from enum import Enum

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from voltile.hdl.layer_job import job_fields, job_layout

BUS = wiring.Signature(
    {
        "cyc": Out(1),
        "stb": Out(1),
        "we": Out(1),
        "adr": Out(6),
        "dat_w": Out(32),
        "dat_r": In(32),
        "ack": In(1),
    }
)
"""Wishbone B4, classic cycles, 32-bit words at word addresses; seen from the initiator."""


class Register(Enum):
    """Word addresses of the registers."""

    STATUS = 0
    """Read: bits 3..0 `Status`, bit 4 room for a job, bit 5 a job computes."""
    COMMAND = 1
    """Write: bit 0 takes the descriptor as a job; bit 1 drops all jobs and clears the status."""
    JOBS = 2
    """Read: jobs computed since the last clear."""
    CYCLES = 3
    """Read: cycles that the last job computed."""
    STALLS = 4
    """Read: cycles since the last clear in which a job waited for words or for a free bank, and
    none computed."""
    WATCHDOG = 5
    """Longest time that a stream may stand still while a job waits for it [cycles], then the job
    ends with `TIMEOUT`; 0, as after reset, waits for ever."""
    ARRAY = 6
    """Read: rows in bits 15..0, columns in bits 31..16."""
    SATURATED = 7
    """Read: times since the last clear that one of `cols` adjacent results of a pixel was out of
    range and clamped; not where ReLU makes it zero."""
    JOB = 16
    """The descriptor, one register per field of `job_fields`, in their order."""


class Status(Enum):
    """Why the accelerator stands still, until it is cleared."""

    OK = 0
    EMPTY = 1
    """A count of the descriptor is zero."""
    DEPTH = 2
    """The job has more words than a bank of a buffer."""
    PRECISION = 3
    """The elements do not have the precision, or there is no such form of weights."""
    FULL = 4
    """A job was given while there was no room for it."""
    ADDRESS = 5
    """The job addressed a word that is none of its own, or wrote fewer than it said."""
    TIMEOUT = 6
    """A stream stood still for longer than the watchdog allows."""


FAULTS = {
    Status.EMPTY: "a count of the descriptor is zero",
    Status.DEPTH: "the job has more words than a bank of a buffer holds",
    Status.PRECISION: "the elements do not have the precision of the job, or there is no such form "
    "of weights",
    Status.FULL: "a job was given while there was no room for it",
    Status.ADDRESS: "the descriptor contradicts itself: words were addressed that the job does not "
    "have, or fewer were written than it has",
    Status.TIMEOUT: "a stream stood still for longer than the watchdog allows",
}
"""What a host says of a status."""


class Registers(wiring.Component):
    """Registers that a processor writes descriptors into, and reads the state from.

    Every access is acknowledged in the cycle after it; addresses of nothing read as zero, and
    writes to them and to what can only be read change nothing.

    Ports
    -----
    bus : In(BUS)
        The bus.
    job : Out(job_layout)
        The descriptor as written.
    submit, clear : Out(1)
        Commands, high for one cycle.
    watchdog : Out(32)
        The register of that name.
    state : In(6)
        The register STATUS.
    jobs, cycles, stalls, saturated : In(32)
        The registers of these names.
    """

    def __init__(self, acc_width: int, rows: int, cols: int):
        self.acc_width = acc_width
        self.rows = rows
        self.cols = cols
        super().__init__(
            {
                "bus": In(BUS),
                "job": Out(job_layout(acc_width)),
                "submit": Out(1),
                "clear": Out(1),
                "watchdog": Out(32),
                "state": In(6),
                "jobs": In(32),
                "cycles": In(32),
                "stalls": In(32),
                "saturated": In(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        access, write = Signal(), Signal()
        m.d.comb += [access.eq(bus.cyc & bus.stb & ~bus.ack), write.eq(access & bus.we)]
        m.d.sync += bus.ack.eq(access)

        command = write & (bus.adr == Register.COMMAND.value)
        m.d.comb += [self.submit.eq(command & bus.dat_w[0]), self.clear.eq(command & bus.dat_w[1])]
        value = Signal(32)
        with m.Switch(bus.adr):
            for register, source in (
                (Register.STATUS, self.state),
                (Register.JOBS, self.jobs),
                (Register.CYCLES, self.cycles),
                (Register.STALLS, self.stalls),
                (Register.WATCHDOG, self.watchdog),
                (Register.SATURATED, self.saturated),
                (Register.ARRAY, self.rows | self.cols << 16),
            ):
                with m.Case(register.value):
                    m.d.comb += value.eq(source)
            for number, name in enumerate(job_fields(self.acc_width)):
                field = self.job.as_value()[self._bits(name)]
                with m.Case(Register.JOB.value + number):
                    m.d.comb += value.eq(field)
                    with m.If(write):
                        m.d.sync += field.eq(bus.dat_w)
        with m.If(access & ~bus.we):
            m.d.sync += bus.dat_r.eq(value)
        with m.If(write & (bus.adr == Register.WATCHDOG.value)):
            m.d.sync += self.watchdog.eq(bus.dat_w)
        return m

    def _bits(self, name: str) -> slice:
        """Return where a field lies in the packed descriptor."""
        field = self.job.shape()[name]
        return slice(field.offset, field.offset + field.width)
