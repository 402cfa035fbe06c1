"""cocotb tests of the generated Verilog of one ScalableMac; run by test_scalable_mac.py."""

import os

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from mac_jobs import (
    Batch,
    expected_trace,
    random_batch,
    random_jobs,
    random_words,
    result_cycles,
    results,
)
from port_bench import Driver, Monitor, check_trace, number, split_outputs

from voltile.core import Precision
from voltile.hdl import DotProduct, Features, Target, mac_stimulus, schedule_dot_products
from voltile.hdl.scalable_mac import step_layout
from voltile.sim import round_half_even

WIDTH = int(os.environ["MAC_WIDTH"])
ACC_WIDTH = int(os.environ["MAC_ACC_WIDTH"])
SEED = 20


async def play(driver: Driver, batch: Batch, spies=()) -> tuple[dict, list[list[str]]]:
    """Reset, play a batch and check the outputs in every cycle; return ports and spied signals."""
    plan = schedule_dot_products(batch.jobs, ACC_WIDTH)
    np.testing.assert_array_equal(plan.result_cycle, result_cycles(batch.jobs))
    stimulus = mac_stimulus(plan, batch.act, batch.weight, batch.bias, WIDTH)
    dut = driver.dut
    await driver.reset(list(stimulus))
    monitor = Monitor(dut.clk, [dut.out, dut.saturated, *spies])
    recording = cocotb.start_soon(monitor.record(plan.cycles))
    await driver.play(stimulus)
    rows = await recording
    found = np.array([split_outputs(row[0], row[1]) for row in rows])
    check_trace(found, expected_trace(batch, WIDTH, ACC_WIDTH, plan.cycles))
    return stimulus, [row[2:] for row in rows]


@cocotb.test()
async def random_dot_products(dut):
    """Any mix of precisions, lengths, biases, positions and targets, back to back."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    count = int(os.environ["MAC_COUNT"])
    await play(driver, random_batch(rng, random_jobs(rng, count, ACC_WIDTH), WIDTH))


@cocotb.test()
async def long_vectors(dut):
    """512 products at each precision, extremes included."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    position = WIDTH + 4
    jobs = [
        DotProduct(512, precision, bias=bias, position=position)
        for precision in Precision for bias in (False, True)
    ]  # fmt: skip
    await play(driver, random_batch(rng, jobs, WIDTH))
    low = -(1 << WIDTH - 1)
    words = sum(job.act_words for job in jobs), sum(job.length for job in jobs)
    extreme = Batch(jobs, np.full(words[0], low), np.full(words[1], low), np.full(len(jobs), -1))
    await play(driver, extreme)


@cocotb.test()
async def accumulator_saturates_at_both_ends(dut):
    """Sums beyond the accumulator clamp, and come back from the clamped value."""
    driver = Driver(dut)
    low, high = -(1 << WIDTH - 1), (1 << WIDTH - 1) - 1
    # Products of halves have at most `WIDTH` bits: this many fill the accumulator in one pass.
    length = 8 << ACC_WIDTH - WIDTH
    jobs = [
        DotProduct(length, precision, True, ACC_WIDTH - WIDTH, features=Features.HIGH)
        for precision in Precision for _ in range(2)
    ]  # fmt: skip
    rise, fall = np.repeat([high, low], length // 2), np.repeat([low, high], length // 2)
    act = np.concatenate([rise, fall] * len(Precision))
    bias = random_words(np.random.default_rng(SEED), len(jobs), 2 * WIDTH)
    batch = Batch(jobs, act, np.full(len(act), high), bias)
    # The model without saturation gives something else, so the test sees the clamping.
    narrow, wide = results(batch, WIDTH, ACC_WIDTH), results(batch, WIDTH, 40)
    assert all(got != free for got, free in zip(narrow, wide, strict=True))
    await play(driver, batch)


@cocotb.test()
async def zero_operands_are_skipped(dut):
    """Values stay right, and neither multiplier operands nor accumulator move for a zero factor."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    jobs = [DotProduct(20, precision, position=WIDTH) for precision in Precision for _ in range(4)]
    batch = random_batch(rng, jobs, WIDTH)
    sparse = Batch(
        jobs,
        np.where(rng.random(batch.act.shape) < 0.7, 0, batch.act),
        np.where(rng.random(batch.weight.shape) < 0.3, 0, batch.weight),
        batch.bias,
    )
    spies = [dut.act_factor, dut.weight_factor, dut.acc, dut.step]
    stimulus, rows = await play(driver, sparse, spies)
    factors, acc = [row[:2] for row in rows], [row[2] for row in rows]
    enable = step_layout(ACC_WIDTH)["update"].offset
    updates = [number(row[3][::-1][enable]) for row in rows]

    zero = has_zero_factor(stimulus)
    moves = stimulus["ctl__clear"] | (stimulus["ctl__shift"] != 0)
    skipped = np.flatnonzero(zero & (stimulus["ctl__addend"] == 1))
    assert len(skipped) > 100
    for cycle in skipped:
        assert factors[cycle + 2] == factors[cycle + 1]
        assert updates[cycle + 2] == moves[cycle]
        if not moves[cycle]:
            assert acc[cycle + 3] == acc[cycle + 2]
    # The other way round: a product that counts is not held back.
    for cycle in np.flatnonzero(~zero & (stimulus["ctl__addend"] == 1)):
        assert updates[cycle + 2] == 1


@cocotb.test()
async def idle_words_change_nothing(dut):
    """Operands at the ports do not enter without a product word."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    spies = [dut.act_reg, dut.weight_reg, dut.bias_reg, dut.act_factor, dut.weight_factor, dut.acc]
    batch = random_batch(rng, [DotProduct(5, Precision.FULL, bias=True)], WIDTH)
    stimulus, _ = await play(driver, batch)
    idle = {name: np.zeros(50, np.int64) for name in stimulus}
    for name in ("act", "weight", "bias", "ctl__act_high", "ctl__shift", "ctl__clear"):
        idle[name] = rng.integers(0, 2, 50)
    recording = cocotb.start_soon(Monitor(dut.clk, spies).record(50))
    await driver.play(idle)
    rows = await recording
    assert all(row == rows[0] for row in rows)


@cocotb.test()
async def reset_empties_the_pipeline(dut):
    """Reset drops the words before the accumulator; the next dot product is right."""
    driver = Driver(dut)
    rng = np.random.default_rng(SEED)
    first = random_batch(rng, [DotProduct(4, Precision.FULL, position=WIDTH)], WIDTH)
    await play(driver, first)
    before = str(dut.out.value)

    plan = schedule_dot_products([DotProduct(4, Precision.HALF)], ACC_WIDTH)
    other = random_batch(rng, [DotProduct(4, Precision.HALF)], WIDTH)
    stimulus = mac_stimulus(plan, other.act, other.weight, None, WIDTH)
    capture = int(np.flatnonzero(stimulus["ctl__capture_low"])[0])
    # The capturing word stands in the first register when reset comes.
    reset = np.zeros(plan.cycles, np.int64)
    reset[capture + 1] = 1
    recording = cocotb.start_soon(Monitor(dut.clk, [dut.out]).record(plan.cycles))
    await driver.play(stimulus | {"rst": reset})
    assert [row[0] for row in await recording] == [before] * plan.cycles

    await RisingEdge(dut.clk)
    await play(driver, random_batch(rng, random_jobs(rng, 5, ACC_WIDTH), WIDTH))


@cocotb.test()
async def outputs_are_known_after_the_first_dot_product(dut):
    """Registers come up unknown; a reset and one dot product with zeros leave no unknown bit."""
    driver = Driver(dut)
    job = DotProduct(2, Precision.MIXED, target=Target.WORD)
    zeros = np.zeros(2, np.int64)
    await play(driver, Batch([job], zeros, zeros, np.zeros(1, np.int64)))
    assert number(str(dut.acc.value)) == 0


def has_zero_factor(stimulus: dict[str, np.ndarray]) -> np.ndarray:
    """Return, for each cycle, whether one of the two factors selected by its word is zero."""
    half, mask = WIDTH // 2, (1 << WIDTH // 2) - 1
    act, weight = stimulus["act"], stimulus["weight"]
    act_half = np.where(stimulus["ctl__act_high"] == 1, act >> half, act & mask)
    signed = np.where(weight >> WIDTH - 1, weight - (1 << WIDTH), weight)
    parts = np.stack([round_half_even(signed, WIDTH), signed >> half, weight & mask])
    part = parts[stimulus["ctl__weight_part"], np.arange(len(act))]
    return (act_half == 0) | (part == 0)
