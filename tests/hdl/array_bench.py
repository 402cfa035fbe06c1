"""cocotb tests of the generated Verilog of a SystolicArray; run by test_systolic_array.py."""

import os

import cocotb
import numpy as np
from mac_jobs import random_words
from port_bench import Driver, Monitor, number

from voltile.hdl import PROCESSING_ELEMENTS, DotProduct, element_stimulus, schedule_on
from voltile.sim import ELEMENTS, pack, write_back

ROWS, COLS = int(os.environ["ARRAY_ROWS"]), int(os.environ["ARRAY_COLS"])
ELEMENT = ELEMENTS[os.environ["ARRAY_PE"]]
PE = PROCESSING_ELEMENTS[ELEMENT.name]


@cocotb.test()
async def results_leave_in_the_wavefront(dut):
    """Every result stands at its column in its cycle, and in no other, back to back."""
    rng = np.random.default_rng(7)
    pe = PE()
    jobs = [
        DotProduct(int(rng.integers(4 * ROWS, 60)), precision, bias=bool(step % 2), position=step)
        for step in range(4) for precision in ELEMENT.products
    ]  # fmt: skip
    act = [_values(rng, ROWS, job, ELEMENT.act_bits(job.precision)) for job in jobs]
    weight = [_values(rng, COLS, job, ELEMENT.weight_bits(job.precision)) for job in jobs]
    bias = random_words(rng, (COLS, len(jobs)), 2 * ELEMENT.width)

    plan = schedule_on(pe, jobs)
    words = [
        np.concatenate([pack(values, bits(job.precision), per_word(job.precision), width)
                        for values, job in zip(operands, jobs, strict=True)], axis=-1)
        for operands, bits, per_word, width in (
            (act, ELEMENT.act_bits, lambda mode: pe.modes[mode].acts, pe.act_width),
            (weight, ELEMENT.weight_bits, lambda mode: pe.modes[mode].weights, pe.weight_width),
        )
    ]  # fmt: skip
    cycles = plan.cycles + ROWS + COLS
    ports = {}
    rows = [element_stimulus(pe, plan, words[0][i], words[1][0]) for i in range(ROWS)]
    columns = [element_stimulus(pe, plan, words[0][0], words[1][j], bias[j]) for j in range(COLS)]
    for i, stimulus in enumerate(rows):
        ports[f"act__{i}"] = _delayed(stimulus["act"], i, cycles)
    for j, stimulus in enumerate(columns):
        ports[f"weight__{j}"] = _delayed(stimulus["weight"], j, cycles)
        ports[f"bias__{j}"] = _delayed(stimulus["bias"], j, cycles)
    control = (name for name in rows[0] if name.startswith("ctl__"))
    ports |= {name: _delayed(rows[0][name], 0, cycles) for name in control}

    driver = Driver(dut)
    await driver.reset(list(ports))
    outputs = [getattr(dut, f"{name}__{j}") for name in ("valid", "out", "saturated")
               for j in range(COLS)]  # fmt: skip
    recording = cocotb.start_soon(Monitor(dut.clk, outputs).record(cycles))
    await driver.play(ports)
    found = await recording

    expected = {}
    for number_, job in enumerate(jobs):
        for j in range(COLS):
            sums = ELEMENT.dot_product(
                act[number_], weight[number_][j], job.precision,
                bias[j, number_] if job.bias else None,
            )  # fmt: skip
            word, over = write_back(sums, job.position, ELEMENT.width)
            for i in range(ROWS):
                cycle = int(plan.result_cycle[number_]) + i + j + 1
                expected[cycle, j] = int(word[i]) % (1 << ELEMENT.width), 3 * bool(over[i])
    for cycle, row in enumerate(found):
        for j in range(COLS):
            assert number(row[j]) == ((cycle, j) in expected), (cycle, j)
            if (cycle, j) in expected:
                result = number(row[COLS + j]), number(row[2 * COLS + j])
                assert result == expected[cycle, j], (cycle, j)


def _values(rng, count: int, job: DotProduct, bits: int) -> np.ndarray:
    return random_words(rng, (count, job.length), bits)


def _delayed(values: np.ndarray, cycles: int, length: int) -> np.ndarray:
    """Return values later by some cycles; the first and the last one fill up."""
    index = np.clip(np.arange(length) - cycles, 0, len(values) - 1)
    return values[index]
