"""cocotb tests of the generated Verilog of a Grid; run by test_grid.py."""

import os

import cocotb
import numpy as np
from mac_jobs import Batch, random_words, result_cycles, results
from port_bench import Driver, Monitor, check_trace, split_outputs

from voltile.core import Precision
from voltile.hdl import DotProduct, drain_cycles, grid_stimulus, schedule_dot_products

ROWS = int(os.environ["GRID_ROWS"])
COLS = int(os.environ["GRID_COLS"])
WIDTH = 8
ACC_WIDTH = 32


@cocotb.test()
async def every_element_matches_the_golden_model(dut):
    """Each row of each result is out in its cycle while the next dot products run."""
    rng = np.random.default_rng(5)
    jobs = [
        DotProduct(int(rng.integers(ROWS, 30)), precision, bias=bool(number % 2), position=number)
        for number in range(6) for precision in Precision
    ]  # fmt: skip
    act = random_words(rng, (ROWS, sum(job.act_words for job in jobs)), WIDTH)
    weight = random_words(rng, (COLS, sum(job.length for job in jobs)), WIDTH)
    bias = random_words(rng, (COLS, len(jobs)), 2 * WIDTH)

    plan = schedule_dot_products(jobs, ACC_WIDTH)
    stimulus = grid_stimulus(plan, act, weight, bias, WIDTH)
    driver = Driver(dut)
    await driver.reset(list(stimulus))
    columns = range(COLS)
    outputs = [getattr(dut, f"out__{j}") for j in columns]
    outputs += [getattr(dut, f"saturated__{j}") for j in columns]
    recording = cocotb.start_soon(Monitor(dut.clk, outputs).record(plan.cycles + ROWS))
    await driver.play(stimulus)
    rows = await recording

    out_cycle, _ = drain_cycles(plan, ROWS)
    np.testing.assert_array_equal(out_cycle[:, 0], result_cycles(jobs) + 1)
    for i in range(ROWS):
        for j in columns:
            expected = results(Batch(jobs, act[i], weight[j], bias[j]), WIDTH, ACC_WIDTH)
            found = [split_outputs(rows[cycle][j], rows[cycle][COLS + j])
                     for cycle in out_cycle[:, i]]  # fmt: skip
            words = [[word >> 4 & 15, word & 15, over, over] for word, over in expected]
            check_trace(np.array(found), np.array(words))
