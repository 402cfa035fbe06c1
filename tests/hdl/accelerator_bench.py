"""cocotb tests of the generated Verilog of an Accelerator; run by test_accelerator.py."""

import contextlib
import os
from dataclasses import replace

import cocotb
import numpy as np
from accelerator_ports import Host
from amaranth import Shape
from cocotb.triggers import ClockCycles
from layer_jobs import (
    expected_cycles,
    expected_map,
    expected_saturated,
    random_layer,
    random_operands,
    reduced,
)

from voltile.core import LayerError, Precision
from voltile.hdl import (
    PROCESSING_ELEMENTS,
    Accelerator,
    Layer,
    LayerJob,
    Register,
    Status,
    WeightForm,
    job_fields,
)
from voltile.sim import ELEMENTS

ROWS = int(os.environ["ACCELERATOR_ROWS"])
COLS = int(os.environ["ACCELERATOR_COLS"])
BYTES = int(os.environ["ACCELERATOR_BYTES"])
COUNT = int(os.environ.get("ACCELERATOR_COUNT", "10"))


ELEMENT = ELEMENTS[os.environ["ACCELERATOR_PE"]]
PE = PROCESSING_ELEMENTS[ELEMENT.name]


def random_job(rng, accelerator, precision=None):
    """Return a layer, and what `Host.compute` takes of it."""
    while True:
        layer = random_layer(rng, accelerator, precision)
        form = rng.choice(list(WeightForm))
        with contextlib.suppress(LayerError):  # groups in another order
            return layer, job_of(rng, LayerJob(layer, accelerator, form))


def job_of(rng, job: LayerJob) -> tuple:
    """Return a job and random operands, its weights of full precision where it takes these."""
    act, weight, bias = random_operands(rng, job.layer, ELEMENT)
    if job.weight_form is not WeightForm.OPERANDS:
        _, weight, _ = random_operands(rng, replace(job.layer, precision=Precision.FULL), ELEMENT)
    return job, act, weight, bias


def computed_with(job: LayerJob, act, weight, bias) -> tuple:
    """Return the operands that a job computes with."""
    if job.weight_form is not WeightForm.OPERANDS:
        rounding = job.weight_form is WeightForm.ROUNDED
        weight = reduced(weight, job.layer.precision, rounding, ELEMENT)
    return act, weight, bias


def check(layer, job, found) -> None:
    """Compare a feature map with that of the golden model."""
    expected = expected_map(layer, *computed_with(*job), ELEMENT)
    np.testing.assert_array_equal(found, expected, str(layer))


async def ready(dut, rng=None) -> tuple[Host, Accelerator]:
    """Return a host after reset, and the component for its parameters."""
    host = Host(dut, rng)
    await host.reset()
    return host, Accelerator(ROWS, COLS, PE(), BYTES, BYTES, BYTES)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_layers(dut):
    """Layers of every kind, each alone: results, what of them was clamped, and cycles."""
    host, accelerator = await ready(dut)
    rng = np.random.default_rng(1)
    saturated = 0
    for _ in range(COUNT):
        layer, job = random_job(rng, accelerator)
        [found] = await host.compute(job)
        check(layer, job, found)
        saturated += expected_saturated(layer, COLS, *computed_with(*job), ELEMENT)
        assert await host.read(Register.SATURATED) == saturated, layer
        cycles = await host.read(Register.CYCLES)
        assert cycles == expected_cycles(layer, ROWS, COLS, ELEMENT), layer
    assert saturated > 0
    await host.clear()
    assert await host.read(Register.SATURATED) == 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def jobs_overlap_and_streams_pause(dut):
    """Jobs of all precisions back to back, while every stream pauses at random."""
    rng = np.random.default_rng(2)
    host, accelerator = await ready(dut, rng)
    pairs = [random_job(rng, accelerator) for _ in range(COUNT)]
    found = await host.compute(*(job for _, job in pairs))
    for (layer, job), values in zip(pairs, found, strict=True):
        check(layer, job, values)
    assert await host.read(Register.JOBS) == len(pairs)
    assert await host.read(Register.STALLS) > 0


def jobs_of_one_list(rng, layer, accelerator) -> list[tuple]:
    """Return jobs of a layer at every precision, rounded and truncated, with the same weights."""
    _, weight, bias = random_operands(rng, layer, ELEMENT)
    words = LayerJob(layer, accelerator).weight_words(weight, bias)
    jobs = []
    for precision in accelerator.pe.modes:
        for form in (WeightForm.ROUNDED, WeightForm.TRUNCATED):
            job = LayerJob(replace(layer, precision=precision), accelerator, form)
            assert job.weight_words(weight, bias) == words, job.layer
            act, _, _ = random_operands(rng, job.layer, ELEMENT)
            jobs.append((job, act, weight, bias))
    return jobs


def lists_of_weights(rng, accelerator):
    """Yield the jobs of some layers of which each has one list of weight words."""
    values = ROWS * ELEMENT.act_width // ELEMENT.act_bits(Precision.FULL)
    for layer in (
        # Three words of full precision in two of half precision; five such windows in three;
        # windows of the same channels at both.
        Layer(3 * values - 1, COLS + 1, 2, 2, (2, 1)),
        Layer(5 * values, 5 * values, 1, 2, (1, 2), groups=5 * values),
        Layer(6 * values, 3 * COLS, 1, 1, groups=3, bias=False),
    ):
        with contextlib.suppress(LayerError):  # does not fit every size of the buffers
            # Few of the results are clamped, so that every weight shows.
            yield jobs_of_one_list(rng, replace(layer, position=ELEMENT.width), accelerator)
    count = 0
    while count < COUNT:
        with contextlib.suppress(LayerError):  # does not fit at every precision
            jobs = jobs_of_one_list(
                rng, random_layer(rng, accelerator, Precision.FULL), accelerator
            )
            count += 1
            yield jobs


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def one_list_of_weights_serves_every_precision(dut):
    """The same words for every job of a layer; streams pause at random."""
    rng = np.random.default_rng(7)
    host, accelerator = await ready(dut, rng)
    for jobs in lists_of_weights(rng, accelerator):
        for job, found in zip(jobs, await host.compute(*jobs), strict=True):
            check(job[0].layer, job, found)
        last = jobs[-1][0].layer
        expected = expected_cycles(last, ROWS, COLS, ELEMENT)
        assert await host.read(Register.CYCLES) == expected, last


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def reset_in_the_middle_of_a_job(dut):
    """Whatever the reset interrupts, the next job is right."""
    host, accelerator = await ready(dut)
    rng = np.random.default_rng(3)
    for wait in rng.integers(1, 400, 6):
        _, job = random_job(rng, accelerator)
        host.start(host.compute(job))
        await ClockCycles(dut.clk, int(wait))
        await host.reset()
        layer, job = random_job(rng, accelerator)
        [found] = await host.compute(job)
        check(layer, job, found)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def bad_descriptors_end_with_a_status(dut):
    """Every fault has its status, stands until it is cleared, and harms no later job."""
    host, accelerator = await ready(dut)
    rng = np.random.default_rng(4)
    for change, status in (
        ({"kernel_width": 0}, Status.EMPTY),
        ({"out_folds": 0}, Status.EMPTY),
        ({"out_pixel_words": 0}, Status.EMPTY),
        ({"act_words": accelerator.act_depth + 1}, Status.DEPTH),
        ({"out_words": accelerator.out_depth + 1}, Status.DEPTH),
        ({"precision": 3}, Status.PRECISION),
        ({"weight_form": 3}, Status.PRECISION),
        ({"out_folds": 200}, Status.ADDRESS),
        ({"base": accelerator.act_depth, "pad_top": 0, "pad_left": 0}, Status.ADDRESS),
        ({"out_pixel_words": accelerator.out_depth}, Status.ADDRESS),
    ):
        while True:
            layer, (job, act, weight, bias) = random_job(rng, accelerator)
            # Faults are seen at addresses: of a second pixel, for the last one.
            if layer.out_height * layer.out_width > 1:
                break
        # As many words as the descriptor says are never sent where it is refused at once.
        fields = job.fields | change
        host.start(host.give(fields, job, act, weight, bias))
        for _ in range(20000):
            if await host.status() is not Status.OK:
                break
        assert await host.status() is status, (change, await host.status())
        await host.clear()
        assert await host.status() is Status.OK
        layer, job = random_job(rng, accelerator)
        [found] = await host.compute(job)
        check(layer, job, found)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_stream_that_stands_still_ends_with_a_status(dut):
    """The watchdog ends a job whose words do not come, and one whose results nobody takes."""
    host, accelerator = await ready(dut)
    rng = np.random.default_rng(5)
    await host.write(Register.WATCHDOG.value, 200)
    for given in (False, True):
        layer, (job, act, weight, bias) = random_job(rng, accelerator)
        await host.submit(job.fields)
        if given:
            await host.send("acts", job.act_words(act))
            await host.send("weights", job.weight_words(weight, bias))
        cycles = expected_cycles(layer, ROWS, COLS, ELEMENT) if given else 0
        await ClockCycles(dut.clk, cycles + 100)
        assert await host.status() is Status.OK
        await ClockCycles(dut.clk, 200)
        assert await host.status() is Status.TIMEOUT
        await host.clear()
    await host.write(Register.WATCHDOG.value, 0)
    layer, job = random_job(rng, accelerator)
    [found] = await host.compute(job)
    check(layer, job, found)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def too_many_jobs_end_with_a_status(dut):
    """A third job while two wait for words is refused."""
    host, accelerator = await ready(dut)
    rng = np.random.default_rng(6)
    for number in range(2):
        assert await host.read(Register.STATUS) & 16, number
        await host.submit(random_job(rng, accelerator)[1][0].fields)
    assert not await host.read(Register.STATUS) & 16
    await host.write(Register.COMMAND.value, 1)
    assert await host.status() is Status.FULL


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def registers_keep_what_was_written(dut):
    """Every field of the descriptor reads back, cut to its bits; others do not move."""
    host, _ = await ready(dut)
    fields = job_fields(PE().acc_width)
    for number in range(len(fields)):
        await host.write(Register.JOB.value + number, 0xFFFFFFFF - number)
    for number, shape in enumerate(fields.values()):
        bits = Shape.cast(shape).width
        found = await host.read_at(Register.JOB.value + number)
        assert found == (0xFFFFFFFF - number) % (1 << bits)
    assert await host.read(Register.ARRAY) == ROWS | COLS << 16
    assert await host.read_at(15) == 0
