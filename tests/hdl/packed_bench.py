"""cocotb tests of the generated Verilog of SpatialMac and DualMac; run by test_packed_macs.py."""

import os
import re

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from mac_jobs import output_trace
from packed_jobs import ELEMENTS, PRODUCTS, PackedBatch, operand_bits, packed_batch, packed_jobs
from port_bench import Driver, Monitor, check_trace, number, split_outputs

from voltile.core import Precision
from voltile.hdl import DotProduct, element_stimulus, schedule_on
from voltile.sim import packed_dot_product

NAME = os.environ["PE"]
WIDTH = int(os.environ["PE_WIDTH"])
ACC_WIDTH = int(os.environ["PE_ACC_WIDTH"])
ELEMENT = ELEMENTS[NAME](WIDTH, ACC_WIDTH)
MODES = list(PRODUCTS[NAME])
SEED = 20


async def play(driver: Driver, batch: PackedBatch, spies=()) -> tuple[dict, list[list[str]]]:
    """Reset, play a batch and check the outputs in every cycle; return ports and spied signals."""
    plan = schedule_on(ELEMENT, batch.jobs)
    np.testing.assert_array_equal(plan.result_cycle, batch.result_cycles())
    stimulus = element_stimulus(ELEMENT, plan, *batch.words(), batch.bias)
    dut = driver.dut
    await driver.reset(list(stimulus))
    monitor = Monitor(dut.clk, [dut.out, dut.saturated, *spies])
    recording = cocotb.start_soon(monitor.record(plan.cycles))
    await driver.play(stimulus)
    rows = await recording
    found = np.array([split_outputs(row[0], row[1]) for row in rows])
    expected = output_trace(
        batch.jobs, batch.results(ACC_WIDTH), batch.result_cycles(), WIDTH, plan.cycles
    )
    check_trace(found, expected)
    return stimulus, [row[2:] for row in rows]


@cocotb.test()
async def random_dot_products(dut):
    """Any mix of precisions, lengths, biases, positions and targets, back to back."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    jobs = packed_jobs(rng, NAME, int(os.environ["PE_COUNT"]), ACC_WIDTH)
    await play(driver, packed_batch(rng, NAME, jobs, WIDTH))


@cocotb.test()
async def long_vectors(dut):
    """512 products at each precision, extremes included."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    jobs = [DotProduct(512, mode, bias=bias, position=WIDTH + 4)
            for mode in MODES for bias in (False, True)]  # fmt: skip
    batch = packed_batch(rng, NAME, jobs, WIDTH)
    await play(driver, batch)
    act, weight = [], []
    for job in jobs:
        for vectors, bits in zip((act, weight), operand_bits(job.precision, WIDTH), strict=True):
            vectors.append(np.full(job.length, -(1 << bits - 1)))
    await play(driver, PackedBatch(NAME, jobs, act, weight, batch.bias, WIDTH))


@cocotb.test()
async def accumulator_saturates_at_both_ends(dut):
    """Sums beyond the accumulator clamp, and come back from the clamped value."""
    driver = Driver(dut)
    # Twice as many products as fill the accumulator, even of the smallest operands, in each half.
    length = 32 << ACC_WIDTH - 2 * WIDTH
    jobs = [DotProduct(length, mode, True, ACC_WIDTH - WIDTH) for mode in MODES for _ in range(2)]
    act, weight = [], []
    for turn, job in enumerate(jobs):
        ends = [(-(1 << bits - 1), (1 << bits - 1) - 1)
                for bits in operand_bits(job.precision, WIDTH)]  # fmt: skip
        act.append(np.repeat(ends[0][:: 1 if turn % 2 else -1], length // 2))
        weight.append(np.full(length, ends[1][1]))
    bias = np.random.default_rng(SEED).integers(-(1 << WIDTH), 1 << WIDTH, len(jobs))
    batch = PackedBatch(NAME, jobs, act, weight, bias, WIDTH)
    # The model without saturation gives something else, so the test sees the clamping.
    for job, *operands in zip(jobs, act, weight, strict=True):
        sums = [packed_dot_product(*operands, job.precision, 1, width=WIDTH, acc_width=bits)
                for bits in (ACC_WIDTH, 42)]  # fmt: skip
        assert sums[0] != sums[1]
    await play(driver, batch)


@cocotb.test()
async def zero_operands_are_skipped(dut):
    """Values stay right, and no multiplier operand nor the accumulator moves for a zero factor."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    jobs = [DotProduct(40, mode, position=WIDTH) for mode in MODES for _ in range(4)]
    batch = packed_batch(rng, NAME, jobs, WIDTH)
    for vectors, share in ((batch.act, 0.7), (batch.weight, 0.3)):
        for vector in vectors:
            vector[rng.random(len(vector)) < share] = 0
    operands = [getattr(dut, f"{side}_{i}") for i in range(4) for side in ("act", "weight")]
    stimulus, rows = await play(driver, batch, [*operands, dut.acc])
    factors = np.array([row[:8] for row in rows]).reshape(len(rows), 4, 2)
    acc = [row[8] for row in rows]

    zero = zero_factors(stimulus)
    skipped = zero & (stimulus["ctl__product"] == 1)[:, None]
    assert skipped.sum() > 100
    for cycle, multiplier in zip(*np.nonzero(skipped), strict=True):
        held = factors[cycle + 2, multiplier] == factors[cycle + 1, multiplier]
        assert held.all(), (cycle, multiplier)
    still = skipped.all(axis=1) & (stimulus["ctl__clear"] == 0)
    assert still.sum() > 10
    for cycle in np.flatnonzero(still):
        assert acc[cycle + 4] == acc[cycle + 3]


@cocotb.test()
async def digits_that_are_not_used_are_ignored(dut):
    """What lies in the unused lower half of the words neither shows nor enters."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    jobs = [DotProduct(9, Precision.FULL, position=WIDTH) for _ in range(3)]
    batch = packed_batch(rng, NAME, jobs, WIDTH)
    plan = schedule_on(ELEMENT, jobs)
    junk = rng.integers(0, 1 << WIDTH, (2, 27))
    words = [clean | noise for clean, noise in zip(batch.words(), junk, strict=True)]
    stimulus = element_stimulus(ELEMENT, plan, *words, batch.bias)
    await driver.reset(list(stimulus))
    # The registers of digits are signals of their own, named by their bits.
    digits = registers(dut, r"(act|weight)_reg_\d+_\d+_")
    unused = [signal for signal in digits if int(signal._name.split("_")[2]) < WIDTH]
    assert len(unused) >= 3
    spies = [dut.out, dut.saturated, *unused]
    recording = cocotb.start_soon(Monitor(dut.clk, spies).record(plan.cycles))
    await driver.play(stimulus)
    rows = await recording
    found = np.array([split_outputs(row[0], row[1]) for row in rows])
    expected = output_trace(
        jobs, batch.results(ACC_WIDTH), batch.result_cycles(), WIDTH, plan.cycles
    )
    check_trace(found, expected)
    assert all(row[2:] == rows[0][2:] for row in rows)


@cocotb.test()
async def idle_words_change_nothing(dut):
    """Operands at the ports do not enter without a product word."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    batch = packed_batch(rng, NAME, [DotProduct(5, Precision.FULL, bias=True)], WIDTH)
    stimulus, _ = await play(driver, batch)
    idle = {name: np.zeros(50, np.int64) for name in stimulus}
    for name in ("act", "weight", "bias", "ctl__half"):
        idle[name] = rng.integers(0, 2, 50)
    spies = registers(dut, r"(act|weight|bias)_(reg.*|\d)|acc")
    assert len(spies) >= 12
    recording = cocotb.start_soon(Monitor(dut.clk, spies).record(50))
    await driver.play(idle)
    rows = await recording
    assert all(row == rows[0] for row in rows)


@cocotb.test()
async def reset_empties_the_pipeline(dut):
    """Reset drops the words before the accumulator; the next dot product is right."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    job = DotProduct(4, Precision.FULL, position=WIDTH)
    await play(driver, packed_batch(rng, NAME, [job], WIDTH))
    before = str(dut.out.value)

    plan = schedule_on(ELEMENT, [job])
    other = packed_batch(rng, NAME, [job], WIDTH)
    stimulus = element_stimulus(ELEMENT, plan, *other.words())
    capture = int(np.flatnonzero(stimulus["ctl__capture_low"])[0])
    # The capturing word stands in the first register when reset comes.
    reset = np.zeros(plan.cycles, np.int64)
    reset[capture + 1] = 1
    recording = cocotb.start_soon(Monitor(dut.clk, [dut.out]).record(plan.cycles))
    await driver.play(stimulus | {"rst": reset})
    assert [row[0] for row in await recording] == [before] * plan.cycles

    await RisingEdge(dut.clk)
    await play(driver, packed_batch(rng, NAME, packed_jobs(rng, NAME, 5, ACC_WIDTH), WIDTH))


@cocotb.test()
async def outputs_are_known_after_the_first_dot_product(dut):
    """Registers come up unknown; a reset and one dot product with zeros leave no unknown bit."""
    driver = Driver(dut)
    zeros = [np.zeros(2, np.int64)]
    job = DotProduct(2, Precision.FULL)
    await play(driver, PackedBatch(NAME, [job], zeros, zeros, np.zeros(1, np.int64), WIDTH))
    assert number(str(dut.acc.value)) == 0


def registers(dut, pattern: str) -> list:
    """Return the signals whose whole name matches."""
    return [signal for signal in dut if re.fullmatch(pattern, signal._name)]


def zero_factors(stimulus: dict[str, np.ndarray]) -> np.ndarray:
    """Return, for each cycle and multiplier, whether it has nothing to multiply.

    That is when a digit that it takes is zero, or it takes none. By the specification: at full
    precision the multipliers take high x high, low x high, high x low and low x low halves; at
    lower precisions the pairs of operands, in an order that is the element's own.
    """
    count = (2 if NAME == "spatial" else 1) * 2
    shifts = WIDTH // 2 * np.arange(count - 1, -1, -1)
    mask = (1 << WIDTH // 2) - 1
    act, weight = ((stimulus[name][:, None] >> shifts & mask) == 0 for name in ("act", "weight"))
    none = np.ones(len(act), bool)
    full = [act[:, 0] | weight[:, 0], act[:, 1] | weight[:, 0], act[:, 0] | weight[:, 1],
            act[:, 1] | weight[:, 1]]  # fmt: skip
    if NAME == "dual":
        half = [none, act[:, 1] | weight[:, 1], act[:, 0] | weight[:, 0], none]
        return np.where(stimulus["ctl__half"][:, None] == 1, np.stack(half, 1), np.stack(full, 1))
    mixed = [act[:, 0] | weight[:, 0], act[:, 1] | weight[:, 0], act[:, 3] | weight[:, 1],
             act[:, 2] | weight[:, 1]]  # fmt: skip
    half = [act[:, i] | weight[:, i] for i in (0, 1, 3, 2)]
    by_mode = [np.stack(rows, 1) for rows in (full, half, mixed)]
    mode = stimulus["ctl__half"] + 2 * stimulus["ctl__mixed"]
    return np.choose(mode[:, None], by_mode)
