"""Time of sweeps of 100 000 rows: over supplies, and over arrays and memories.

    python bench/sweep.py [--workers N] [--rows 100000]

A row is a network on an array with its memories, at a precision and an operating point. One sweep
has 27 rows per array (three precisions, nine supplies), the other three: the cost models take an
array at a time, all precisions and points of it at once. Both are of ResNet-50 and MobileNet v2 (54
layers with weights each) under three dataflows, from nothing kept to the finished folder. Prints,
as Markdown, what the rows take in the workers, the tables and the picture, and the same from
finished chunks.
"""

import argparse
import json
import os
import tempfile
import time
from itertools import islice, product
from pathlib import Path

from prepared import faults_through, parser_of

from voltile.core import executor
from voltile.flows.sweep.config import SweepConfig
from voltile.flows.sweep.job import run_sweep

NETWORKS = ("resnet50", "mobilenet_v2")
DATAFLOWS = ("os", "ws", "is")
SIZES = (64, 96, 128, 192, 256, 384, 512)
SIDES = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32)


def main(given: argparse.Namespace) -> None:
    """Print the table."""
    print("| sweep | rows | arrays | all, s | rows/s | of it: rows, s | tables, s | picture, s "
          "| processor time, s | again, s |")  # fmt: skip
    print("| --- " * 10 + "|")
    nine = tuple(round(0.6 + 0.05 * step, 2) for step in range(9))
    for what, vdds in (("nine supplies", nine), ("one supply", (1.0,))):
        config = config_of(given.rows, vdds)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "sweep"
            start, used = time.perf_counter(), processor_time()
            result = run_sweep(config, out, lambda: executor(given.workers))
            wall, used = time.perf_counter() - start, processor_time() - used
            stages = stage_times(out)
            start = time.perf_counter()
            run_sweep(config, out, lambda: executor(given.workers))
            again = time.perf_counter() - start
        rows = len(result.table)
        parts = " | ".join(f"{stages[name]:.1f}" for name in ("combinations", "table", "plot"))
        print(
            f"| {what} | {rows} | {len(config.designs)} | {wall:.1f} | {rows / wall:.0f} | {parts} "
            f"| {used:.1f} | {again:.1f} |"
        )


def config_of(rows: int, vdds: tuple[float, ...]) -> SweepConfig:
    """Return a sweep of at least so many rows of spatial elements."""
    arrays = tuple(product(SIDES, SIDES))
    of_array = len(NETWORKS) * len(DATAFLOWS) * 3 * len(vdds)
    needed = -(-rows // (of_array * len(arrays)))
    memories = tuple(
        (act << 10, weight << 10, out << 10)
        for act, weight, out in islice(product(SIZES, repeat=3), needed)
    )
    return SweepConfig(
        NETWORKS, arrays, DATAFLOWS, ("spatial",), memories=memories, vdds=vdds,
        policies=("iso-throughput",),
    )  # fmt: skip


def processor_time() -> float:
    """Seconds that this process and those that it has ended have used."""
    return sum(os.times()[:4])


def stage_times(out: Path) -> dict[str, float]:
    """Seconds of the stages of a run."""
    stages = json.loads((out / "run.json").read_text())["stages"]
    return {name: item["wall_s"] for name, item in stages.items()}


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--workers", type=int, help="processes; one per core")
    parser.add_argument("--rows", type=int, default=100_000, help="of each sweep, at least")
    with faults_through(parser):
        main(parser.parse_args())
