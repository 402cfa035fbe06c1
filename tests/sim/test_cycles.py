"""Closed forms of SCALE-Sim's counts against the program.

``scale_sim_3.csv`` holds what SCALE-Sim 3.0.0 (PyPI `scalesim`, run with numpy 1.26) reported for
six layers on seven arrays in its three dataflows: Total Cycles of COMPUTE_REPORT.csv, SRAM reads
and writes of DETAILED_ACCESS_REPORT.csv. ``bench/scale_sim.py`` measures it again.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from voltile.sim import Dataflow, scale_sim_counts

with (Path(__file__).parent / "scale_sim_3.csv").open(newline="") as lines:
    MEASURED = list(csv.DictReader(lines))


@pytest.mark.parametrize("dataflow", Dataflow)
def test_counts_are_those_of_the_program(dataflow):
    cases = [row for row in MEASURED if row["dataflow"] == dataflow.value]
    assert len(cases) == 42
    for case in cases:
        row = {name: int(value) for name, value in case.items() if name != "dataflow"}
        pixels = 1
        for side in ("height", "width"):
            # The program counts a window that reaches over the edge.
            spare = row[f"in_{side}"] - row[f"kernel_{side}"]
            pixels *= -(-spare // row["stride"]) + 1
        vector = row["kernel_height"] * row["kernel_width"] * row["channels"]
        size = row["rows"], row["cols"]
        found = scale_sim_counts(pixels, row["filters"], vector, *size, dataflow)
        writes = found.out_writes
        if dataflow is Dataflow.OUTPUT_STATIONARY:
            # It adds the rows and columns of the array once a fold to its count of results.
            folds = -(-pixels // size[0]) * -(-row["filters"] // size[1])
            writes = writes + folds * sum(size)
        counts = found.cycles, found.act_reads, found.weight_reads, writes
        names = "cycles", "act_reads", "weight_reads", "out_writes"
        assert counts == tuple(row[name] for name in names), case


def test_groups_follow_each_other():
    """Eight groups of a channel: the folds of eight layers, and one cycle's number of the last."""
    for dataflow in Dataflow:
        one = scale_sim_counts(49, 1, 9, 4, 4, dataflow)
        eight = scale_sim_counts(49, 8, 9, 4, 4, dataflow, groups=8)
        assert eight.cycles + 1 == 8 * (one.cycles + 1)
        assert eight.act_reads == 8 * one.act_reads
        assert eight.weight_reads == 8 * one.weight_reads
        assert eight.out_writes == 8 * one.out_writes


def test_passes_lengthen_what_streams_by():
    """Folds 2 x 3 of 10 products on 8 x 8; in ws and is what stays is loaded once."""
    found = scale_sim_counts(16, 20, 10, 8, 8, Dataflow.OUTPUT_STATIONARY, passes=4)
    assert found.cycles == 2 * 3 * (40 + 14) - 1
    assert found.act_reads == 3 * 16 * 40
    found = scale_sim_counts(16, 20, 10, 8, 8, Dataflow.WEIGHT_STATIONARY, passes=4)
    assert found.cycles == 2 * 3 * (64 + 22) - 1
    assert found.weight_reads == 10 * 20
    found = scale_sim_counts(16, 20, 10, 8, 8, Dataflow.INPUT_STATIONARY, passes=4)
    assert found.cycles == 2 * 2 * (80 + 22) - 1
    assert (found.sums, found.out_writes) == (2, 2 * 16 * 20)


def test_arrays_broadcast():
    pixels, passes = np.array([49, 196, 784]), np.array([[1], [2]])
    found = scale_sim_counts(pixels, 64, 576, 8, 8, passes=passes)
    assert found.cycles.shape == (2, 3)
    assert found.cycles[1, 2] == scale_sim_counts(784, 64, 576, 8, 8, passes=2).cycles
