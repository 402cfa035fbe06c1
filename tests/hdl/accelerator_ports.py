"""The replaceable parts of an accelerator's bench: host, stream source and sink, bus."""

import itertools

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, First, Lock, RisingEdge

from voltile.core import LayerError
from voltile.hdl import FAULTS, LayerJob, Register, Status

# Cycles after which a host that waits reads the status.
POLL = 1000
PERIOD_NS = 2


class Host:
    """A processor with its DMA: gives jobs, feeds streams, takes results.

    Parameters
    ----------
    dut
        The accelerator.
    rng : optional
        When given, streams pause at random.
    """

    def __init__(self, dut, rng=None):
        self.dut = dut
        self.rng = rng
        self._tasks: list = []
        self._bus = Lock()
        Clock(dut.clk, PERIOD_NS, unit="ns").start()

    def start(self, coroutine):
        """Start what a reset or a clear shall end."""
        task = cocotb.start_soon(coroutine)
        self._tasks.append(task)
        return task

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._bus = Lock()
        for name in ("bus__cyc", "bus__stb", "acts__valid", "weights__valid", "results__ready"):
            getattr(self.dut, name).value = 0

    async def reset(self) -> None:
        """Bring all inputs to zero and reset."""
        self._stop()
        for name in ("bus__cyc", "bus__stb", "bus__we", "bus__adr", "bus__dat_w",
                     "acts__valid", "acts__payload", "weights__valid", "weights__payload",
                     "results__ready"):  # fmt: skip
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def write(self, address: int, value: int) -> None:
        """Write a register."""
        await self._access(address, value, write=True)

    async def read(self, register: Register) -> int:
        """Read a register."""
        return await self.read_at(register.value)

    async def read_at(self, address: int) -> int:
        """Read the register at an address."""
        return await self._access(address, 0, write=False)

    async def clear(self) -> None:
        """Drop all jobs, and start afresh."""
        self._stop()
        await RisingEdge(self.dut.clk)
        await self.write(Register.COMMAND.value, 2)

    async def _access(self, address: int, value: int, write: bool) -> int:
        async with self._bus:
            return await self._cycle(address, value, write)

    async def _cycle(self, address: int, value: int, write: bool) -> int:
        dut = self.dut
        dut.bus__adr.value, dut.bus__dat_w.value = address, value
        dut.bus__we.value, dut.bus__cyc.value, dut.bus__stb.value = int(write), 1, 1
        while True:
            await RisingEdge(dut.clk)
            await FallingEdge(dut.clk)
            if dut.bus__ack.value == 1:
                break
        found = 0 if write else int(dut.bus__dat_r.value)
        dut.bus__cyc.value = dut.bus__stb.value = 0
        await RisingEdge(dut.clk)
        return found

    async def status(self) -> Status:
        """Return why the accelerator stands still, or OK."""
        return Status(await self.read(Register.STATUS) & 15)

    async def submit(self, fields: dict[str, int]) -> None:
        """Wait for room, and give a job."""
        while not await self.read(Register.STATUS) & 16:
            await self.raise_fault()
        for number, value in enumerate(fields.values()):
            await self.write(Register.JOB.value + number, value)
        await self.write(Register.COMMAND.value, 1)

    async def raise_fault(self) -> None:
        """Raise what the status says."""
        status = await self.status()
        if status is not Status.OK:
            raise LayerError(f"the accelerator stands still: {FAULTS[status]}")

    async def send(self, stream: str, words: list[int]) -> None:
        """Put words on a stream."""
        dut = self.dut
        valid, payload = getattr(dut, f"{stream}__valid"), getattr(dut, f"{stream}__payload")
        ready = getattr(dut, f"{stream}__ready")
        for word in words:
            while self.rng is not None and self.rng.random() < 0.3:
                await RisingEdge(dut.clk)
            valid.value, payload.value = 1, word
            for waited in itertools.count(1):
                await FallingEdge(dut.clk)
                taken = ready.value == 1
                await RisingEdge(dut.clk)
                if taken:
                    break
                if waited % POLL == 0:
                    await self.raise_fault()
            valid.value = 0

    async def receive(self, count: int) -> list[int]:
        """Take words from the stream of results; a word stays as it is until it is taken."""
        dut = self.dut
        words: list[str] = []
        offered = None
        while len(words) < count:
            if dut.results__valid.value != 1:
                assert offered is None, "a word was withdrawn"
                while dut.results__valid.value != 1:
                    await First(RisingEdge(dut.results__valid), ClockCycles(dut.clk, POLL))
                    if dut.results__valid.value != 1:
                        await self.raise_fault()
                await RisingEdge(dut.clk)
            ready = self.rng is None or self.rng.random() < 0.7
            dut.results__ready.value = int(ready)
            await FallingEdge(dut.clk)
            word = str(dut.results__payload.value) if dut.results__valid.value == 1 else None
            assert offered in (None, word), "a word changed before it was taken"
            if ready and word is not None:
                words.append(word)
            offered = None if ready else word
            await RisingEdge(dut.clk)
            dut.results__ready.value = 0
        # A half of a word that no fold fills is unknown.
        return [int("".join(bit if bit in "01" else "0" for bit in word), 2) for word in words]

    async def feed(self, jobs) -> None:
        """Give jobs and their words, one after the other: `jobs` of job, act, weight, bias."""
        for job, act, weight, bias in jobs:
            await self.give(job.fields, job, act, weight, bias)

    async def give(self, fields: dict[str, int], job: LayerJob, act, weight, bias) -> None:
        """Give a job by a descriptor, and its words."""
        await self.submit(fields)
        sources = [
            self.start(self.send("acts", job.act_words(act))),
            self.start(self.send("weights", job.weight_words(weight, bias))),
        ]
        for source in sources:
            await source

    async def compute(self, *jobs) -> list[np.ndarray]:
        """Run jobs, as many at a time as there is room for; return their feature maps."""
        feeding = self.start(self.feed(jobs))
        found = []
        for job, *_ in jobs:
            found.append(job.feature_map(await self.receive(job.fields["out_words"])))
        await feeding
        return found
