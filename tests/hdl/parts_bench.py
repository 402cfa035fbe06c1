"""cocotb tests of layers in parts on the generated Verilog; run by test_layer_parts_on_rtl.py."""

import os

import cocotb
import numpy as np
from accelerator_ports import Host
from cocotb.triggers import ClockCycles, FallingEdge, Lock
from large_layers import config_of, shape_of, split_layers
from layer_jobs import expected_map, random_operands

from voltile.hdl import PROCESSING_ELEMENTS, Accelerator, Layer, LayerJob, Register, split_layer
from voltile.sim import ELEMENTS, Workload, layer_costs

ROWS, COLS, BYTES = (int(os.environ[f"ACCELERATOR_{name}"]) for name in ("ROWS", "COLS", "BYTES"))
COUNT, MOST = (int(os.environ.get(name, "0")) for name in ("PARTS_COUNT", "PARTS_CYCLES"))
ELEMENT = ELEMENTS[os.environ["ACCELERATOR_PE"]]


async def ready(dut, host_class=Host) -> tuple[Host, Accelerator]:
    """Return a host after reset, and the component for its parameters."""
    host = host_class(dut)
    await host.reset()
    pe = PROCESSING_ELEMENTS[ELEMENT.name]()
    return host, Accelerator(ROWS, COLS, pe, BYTES, BYTES, BYTES)


def costs_of(layer: Layer, accelerator: Accelerator):
    """Return the costs of one layer."""
    workload = Workload("one", (shape_of(layer, "layer"),))
    return layer_costs(workload, config_of(accelerator, ELEMENT), [layer.precision])


class Accesses:
    """Counts the accesses of the array to its memories."""

    def __init__(self, dut):
        self.counts = np.zeros(3, int)
        self.ports = dut.act_buffer.read, dut.weight_buffer.read, dut.out_buffer.write
        self.clk = dut.clk

    async def watch(self):
        """Count in every cycle."""
        while True:
            await FallingEdge(self.clk)
            self.counts += [bool(int(port.value)) for port in self.ports]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def layers_in_parts(dut):
    """Parts put together give the layer's results, in the cycles and with the accesses modelled."""
    host, accelerator = await ready(dut)
    # Under Verilator the ports are all that is to be seen.
    accesses = Accesses(dut) if hasattr(dut, "act_buffer") else None
    if accesses:
        cocotb.start_soon(accesses.watch())
    rng = np.random.default_rng(7)
    left = dict.fromkeys(("bands", "channels"), COUNT)
    while any(left.values()):
        [(layer, parts)] = split_layers(rng, accelerator, 1)
        costs = costs_of(layer, accelerator)
        kind = "bands" if parts[0].out_rows.stop < layer.out_height else "channels"
        # Several parts, and few enough cycles for this simulator.
        if len(parts) < 2 or costs.cycles[0, 0] > MOST or not left[kind]:
            continue
        left[kind] -= 1
        act, weight, bias = random_operands(rng, layer, ELEMENT)
        found = np.zeros((layer.out_height, layer.out_width, layer.out_channels), np.int64)
        cycles = 0
        if accesses:
            accesses.counts[:] = 0
        for part in parts:
            job = LayerJob(part.layer, accelerator)
            operands = act[part.in_rows, :, part.inputs], weight[part.outputs], bias[part.outputs]
            [found[part.out_rows, :, part.outputs]] = await host.compute((job, *operands))
            cycles += await host.read(Register.CYCLES)
        np.testing.assert_array_equal(
            found, expected_map(layer, act, weight, bias, ELEMENT), str(layer)
        )
        assert cycles == costs.cycles[0, 0], layer
        if accesses:
            modelled = costs.act_reads, costs.weight_reads, costs.out_writes
            np.testing.assert_array_equal(accesses.counts, [count[0, 0] for count in modelled])
        dut._log.info("%d parts of %s", len(parts), layer)


class SlowDram(Host):
    """A host whose streams share a DRAM that moves a word in `gap` cycles, loads first."""

    gap = 1

    def __init__(self, dut):
        super().__init__(dut)
        self.dram = Lock()
        self.loads = 0

    async def load(self) -> None:
        """Wait for the DRAM to read a word."""
        self.loads += 1
        async with self.dram:
            await ClockCycles(self.dut.clk, self.gap)
        self.loads -= 1

    async def store(self) -> None:
        """Wait for the DRAM to write a word, when it has none to read."""
        # At the falling edge everyone has asked who wants the next cycle.
        await FallingEdge(self.dut.clk)
        while self.loads:
            await FallingEdge(self.dut.clk)
        async with self.dram:
            await ClockCycles(self.dut.clk, self.gap)

    async def send(self, stream: str, words: list[int]) -> None:
        """Put words on a stream; while one is taken, the next is moved."""
        moved = self.start(self.load())
        for number, word in enumerate(words):
            await moved
            if number + 1 < len(words):
                moved = self.start(self.load())
            await super().send(stream, [word])

    async def receive(self, count: int) -> list[int]:
        """Take words; while one is moved, the next is taken."""
        words, moved = await super().receive(1), self.start(self.store())
        while len(words) < count:
            words += await super().receive(1)
            await moved
            moved = self.start(self.store())
        await moved
        return words

    async def run(self, jobs) -> None:
        """Run jobs: give descriptors as soon as there is room, and words as they are wanted."""

        async def descriptors():
            for job, *_ in jobs:
                await self.submit(job.fields)

        async def acts():
            for job, act, _, _ in jobs:
                await self.send("acts", job.act_words(act))

        async def weights():
            for job, _, weight, bias in jobs:
                await self.send("weights", job.weight_words(weight, bias))

        for source in (descriptors, acts, weights):
            self.start(source())
        for job, *_ in jobs:
            await self.receive(job.fields["out_words"])


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def slow_memories_stall_as_modelled(dut):
    """STALLS: the model's, but for waiting at the end: no job waits for the last results."""
    host, accelerator = await ready(dut, SlowDram)
    rng = np.random.default_rng(8)
    # Bands of four rows, or of one, all alike; words of 4 bytes.
    for layer, gap in (
        (Layer(4, 8, 32, 8, bias=False), 2),
        (Layer(16, 8, 12, 8, bias=False), 12),
        (Layer(4, 8, 16, 8, bias=False), 16),
    ):
        host.gap = gap
        parts = split_layer(layer, accelerator)
        costs = costs_of(layer, accelerator)
        assert len({part.layer.in_height for part in parts}) == 1
        act, weight, bias = random_operands(rng, layer, ELEMENT)
        await host.write(Register.COMMAND.value, 2)
        await host.run(
            [
                (LayerJob(part.layer, accelerator), act[part.in_rows, :, part.inputs],
                 weight[part.outputs], bias[part.outputs])
                for part in parts
            ]
        )  # fmt: skip
        found = await host.read(Register.STALLS)
        unload = gap * costs.out_drains[0, 0] / len(parts)
        compute = costs.cycles[0, 0] / len(parts)
        expected = costs.stalls(4 / gap)[0, 0] - unload - max(unload - compute, 0)
        dut._log.info("%d parts, %g stalls modelled, %d found", len(parts), expected, found)
        # A word of each stream is on its way beyond the model, and jobs begin a cycle later.
        assert abs(found - expected) <= 0.03 * expected + 6 * len(parts)
