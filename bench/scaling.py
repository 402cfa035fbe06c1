"""How time and memory of the main job grow with cells and with tiles.

Fresh runs of MAC grids: of growing size at 7 x 7 tiles, and one of them at growing meshes; 16
frequencies and 4 intervals. Prints a row per run with the wall time of each stage, and draws both
series into docs/images/scaling.png.
"""

import argparse
import math
import multiprocessing
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from prepared import FOLDER, faults_through, parser_of

from voltile.flows import RunConfig, run, write_outputs

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "scaling.png"
# Stages whose time is shown apart.
STAGES = ("synthesis", "placement uncut", "placement", "poly-bias", "vdd-selection")
HEAD = "| grid | cells | tiles | " + " | ".join(f"{name} [s]" for name in STAGES) + \
    " | total [s] | peak [MB] |"


def measure(side: int, n: int) -> dict[str, float]:
    """Run a grid of side x side MACs at n x n tiles in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(side, n, send))
    child.start()
    send.close()
    row: dict[str, float] = receive.recv()
    child.join()
    return row


def _measure(side: int, n: int, send) -> None:
    out = FOLDER / "scaling"
    shutil.rmtree(out, ignore_errors=True)
    config = RunConfig(grid=(side, side), tiles=(n,), intervals=(4,), points=16)
    start = time.perf_counter()
    result = run(config, out, lambda _: None)
    write_outputs(result, out)
    costs = result.meter.costs
    send.send({
        "side": side, "cells": result.netlist.cells, "tiles": n * n,
        "total": time.perf_counter() - start,
        "peak": max(cost.peak_bytes for cost in costs.values()),
        **{name: costs[name].wall_s for name in STAGES},
    })  # fmt: skip


def main(sides: Sequence[int], meshes: Sequence[int], fixed: int) -> None:
    """Measure both series, print and draw them."""
    print(HEAD + "\n" + "| --- " * (HEAD.count("|") - 1) + "|")
    series = ([(side, 7) for side in sides], [(fixed, n) for n in meshes])
    rows = [[_shown(measure(*item)) for item in part] for part in series]
    _draw(rows)


def _shown(row: dict[str, float]) -> dict[str, float]:
    side = f"{row['side']:.0f}"
    stages = " | ".join(f"{row[name]:.1f}" for name in STAGES)
    print(f"| {side} x {side} | {row['cells']:.0f} | {row['tiles']:.0f} | {stages} | "
          f"{row['total']:.0f} | {row['peak'] / 1e6:.0f} |", flush=True)  # fmt: skip
    return row


def _draw(rows: Sequence[Sequence[dict[str, float]]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure((10, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col")
    for column, (part, along, label) in enumerate(
        zip(rows, ("cells", "tiles"), ("cells, at 7 x 7 tiles", "tiles"), strict=True)
    ):
        x = [row[along] for row in part]
        if along == "tiles":
            label += f", {part[0]['cells']:.0f} cells"
        upper, lower = axes[:, column]
        for name in (*STAGES, "total"):
            style = {"color": "black", "linewidth": 2} if name == "total" else {}
            # One tile has nothing to cut.
            times = [row[name] if row[name] > 0.1 else math.nan for row in part]
            upper.plot(x, times, marker="o", markersize=4, label=name, **style)
        lower.plot(x, [row["peak"] / 1e6 for row in part], marker="o", markersize=4, color="black")
        for axis in (upper, lower):
            axis.set_xscale("log")
            axis.grid(alpha=0.3, which="both")
        upper.set_yscale("log")
        lower.set_ylim(0, None)
        lower.set_xlabel(label)
    axes[0, 0].set_ylabel("wall time [s]")
    axes[1, 0].set_ylabel("peak memory [MB]")
    axes[0, 0].legend(fontsize=8)
    figure.savefig(IMAGE, dpi=150)


if __name__ == "__main__":
    parser: argparse.ArgumentParser = parser_of(__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[1, 2, 4, 6, 9], metavar="SIDE")
    parser.add_argument("--meshes", type=int, nargs="+", default=[1, 2, 5, 10, 20], metavar="N")
    parser.add_argument("--fixed", type=int, default=6, help="side of the grid that is cut")
    given = parser.parse_args()
    with faults_through(parser):
        main(given.sides, given.meshes, given.fixed)
