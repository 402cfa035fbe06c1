"""The main job on a RISC-V core with recorded activity: cost, area, savings, and what eats them.

Prints the tables of docs/benchmarks.md: wall time and peak memory per stage of a fresh run; the
rows of dissertation Table 4.1 beside the published ones; mean savings of FINE-VH beside those of
4.1.4; and, for the finest mesh, what each effect does to the saving against ideal-DVFS: cutting,
drivers at VddL, the drop of the headers, poly-bias, and the search beyond Algorithm 5.

    ./run python bench/main_job.py cv32e40p --tech sky130-spice --period 9
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from designs import DESIGNS
from prepared import FOLDER, faults_through, parser_of
from riscv_trace import record_trace

from voltile.flows import RunConfig, RunResult, run, write_outputs
from voltile.flows.fine_vh.layouts import Layout
from voltile.pdk import LibrarySet
from voltile.power import (
    OperatingCurve,
    PowerModel,
    evaluate_interval,
    evaluate_supplies,
    fine_vh,
    ideal_dvfs,
)

# Dissertation Table 4.1, cv32e40p's predecessor at 9, 25 and 49 tiles: area overhead, interface
# cells.
TABLE_4_1 = {3: ("2.42 %", "38 %"), 5: ("3.86 %", "57 %"), 7: ("5.95 %", "63 %")}
# Mean savings at 49 tiles in the dissertation, 4.1.4.
DISSERTATION = (
    "| dissertation, wide (20 %), poly-bias | 7 x 7 | 23.4% | | 43.5% | 27.5% | 58.9% | |",
    "| dissertation, narrow (10 %), poly-bias | 7 x 7 | 34.6% | | | 35.3% | 69.2% | |",
    "| dissertation, narrow (10 %), no poly-bias | 7 x 7 | 10.8% | | | | | |",
)


def main(given: argparse.Namespace) -> None:
    """Run, and print the tables."""
    name = f"main-job-{given.design}" + (f"-{given.tech}" if given.tech else "")
    out = FOLDER / name
    if not given.keep:
        shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    record_trace(given.design, 1000, out / "trace.vcd")
    sources = DESIGNS[given.design]()
    config = RunConfig(
        files=tuple(sources.files), top=sources.top, activity=str(out / "trace.vcd"),
        tech=given.tech or RunConfig.tech, tiles=tuple(given.tiles), poly_bias=given.poly_bias,
        period=given.period * 1e-9 if given.period else None, gather=given.gather,
    )  # fmt: skip
    result = run(config, out, lambda line: print(line, file=sys.stderr))
    with result.meter.stage("report"):
        write_outputs(result, out)
    for table in (_costs(result), _areas(result), _savings(result), _effects(result)):
        print("\n".join(table), end="\n\n", flush=True)


def _costs(result: RunResult) -> Iterator[str]:
    yield "| stage | wall [s] | peak [MB] |\n| --- | --- | --- |"
    costs = result.meter.costs
    for stage, cost in costs.items():
        yield f"| {stage} | {cost.wall_s:.1f} | {cost.peak_bytes / 1e6:.0f} |"
    total = sum(cost.wall_s for cost in costs.values())
    peak = max(cost.peak_bytes for cost in costs.values())
    yield f"| total | {total:.1f} | {peak / 1e6:.0f} |"


def _areas(result: RunResult) -> Iterator[str]:
    yield "| tiles | core [µm2] | more | published | Vdd-MUX of it | rows | wire [m] | period at \
nominal Vdd [ns] | against uncut | interface cells | published |"
    yield "| --- " * 11 + "|"
    uncut = result.layouts[1]
    for n, layout in sorted(result.layouts.items()):
        area = layout.area
        published = TABLE_4_1.get(n, ("", ""))
        yield (
            f"| {n} x {n} | {area.core * 1e12:.0f} | {area.overhead(uncut.area):.1%} | "
            f"{published[0]} | {area.muxes / area.core:.1%} | {area.rows} | "
            f"{layout.placement.net_length.sum():.3f} | {layout.min_period * 1e9:.3f} | "
            f"{layout.min_period / uncut.min_period - 1:+.1%} | {layout.interface.mean():.0%} | "
            f"{published[1]} |"
        )


def _savings(result: RunResult) -> Iterator[str]:
    yield "| interval, poly-bias, selection | tiles | ideal-DVFS | ideal-DVFS, poly-bias on all \
cells | Vdd-hopping | Vdd-dithering | area at VddL | leakage |"
    yield "| --- " * 8 + "|"
    for row in result.savings:
        share = row["dvdd_v"] / result.technology.nominal_vdd
        others = (row.get(key) for key in ("ideal", "ideal_all", "hopping", "dithering"))
        yield (
            f"| {row['dvdd_v'] * 1e3:.0f} mV ({share:.1%}), {row['bias']}, {row['selection']} | "
            f"{row['tiles']} x {row['tiles']} | "
            + " | ".join("" if saving is None else f"{saving:.1%}" for saving in others)
            + f" | {row['area_at_low']:.1%} | {row['leakage']:.1%} |"
        )
    yield from DISSERTATION


def _effects(result: RunResult) -> Iterator[str]:
    """One effect after another on the finest mesh, each row with all of those above it."""
    technology, n = result.technology, max(result.config.tiles)
    layout = result.layouts[n]
    ideal, *_ = (curve for curve in result.curves if curve.scheme == "ideal")
    counts = sorted(result.config.intervals)
    span = technology.vdds[-1] - technology.vdds[0]
    yield (f"| {n} x {n} tiles, against ideal-DVFS | "
           + " | ".join(f"{1e3 * span / count:.0f} mV" for count in counts) + " |")  # fmt: skip
    yield "| --- " * (1 + len(counts)) + "|"
    vdds = np.round(np.linspace(technology.vdds[0], technology.vdds[-1], 17), 6)
    libraries = [LibrarySet.of(technology, [float(vdd)]) for vdd in vdds]
    own = evaluate_supplies(layout.graph, layout.wires, layout.tree, result.activity, libraries)
    within = result.frequency <= own.frequency.max()
    cut = ideal_dvfs(own, result.frequency[within])
    saving = float(np.mean(1 - cut.power / ideal.power[within]))
    row = " | ".join([f"{saving:.1%}"] * len(counts))
    yield f"| the cut layout itself, under ideal-DVFS | {row} |"
    plain, dropping = replace(layout, drop={}, muxes=None), replace(layout, muxes=None)
    steps = [
        ("Algorithm 5, supplies of drivers ignored", plain, False, "none"),
        ("and counted (Eq. 4.3, delay factors)", plain, True, "none"),
        ("and the drop of the headers", dropping, True, "none"),
        ("and the leakage of the Vdd-MUX", layout, True, "none"),
    ]
    if result.bias != "none":
        steps.append((f"and poly-bias ({result.bias})", layout, True, result.bias))
    for label, design, mixed, bias in steps:
        curves = [_curve(result, design, count, mixed, bias) for count in counts]
        yield f"| {label} | " + " | ".join(_saving(curve, ideal) for curve in curves) + " |"
    found = [
        next(curve for curve in result.curves
             if curve.scheme == "fine-vh" and curve.n == n and curve.selection == "search"
             and abs(curve.interval - span / count) < 1e-9)
        for count in counts
    ]  # fmt: skip
    row = " | ".join(_saving(item, ideal) for item in found)
    yield f"| and the search beyond it | {row} |"


def _saving(curve: OperatingCurve, ideal: OperatingCurve) -> str:
    reached = len(curve.power)
    return f"{float(np.mean(1 - curve.power / ideal.power[:reached])):.1%}"


def _curve(
    result: RunResult, layout: Layout, count: int, mixed: bool, bias: str
) -> OperatingCurve:
    technology = result.technology
    levels = np.round(np.linspace(technology.vdds[0], technology.vdds[-1], count + 1), 6).tolist()
    intervals = []
    for ends in pairwise(levels):
        pair = layout.libraries(ends, bias)
        if not mixed:
            pair = replace(pair, mixed_supply=None)
        model = PowerModel(
            layout.graph.netlist, layout.tree, result.activity, pair.libraries, pair.mixed_supply,
            pair.leakage_corner,
        )  # fmt: skip
        intervals.append(evaluate_interval(
            layout.tile_timer(pair, bias), model, result.frequency,
            mux_leakage=float(layout.mux_leakage(*ends).sum()),
        ))  # fmt: skip
    reach = max(item.plan.reach for item in intervals)
    return fine_vh(layout.n, intervals, result.frequency[result.frequency <= reach])[0]


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=DESIGNS, default="cv32e40p")
    parser.add_argument("--tech", default="", help="technology (default: Voltile's)")
    parser.add_argument("--tiles", type=int, nargs="+", default=[3, 5, 7], help="N of the meshes")
    parser.add_argument("--period", type=float, help="clock period of synthesis and sizing [ns]")
    parser.add_argument("--poly-bias", default="interface", help="none, interface or all")
    parser.add_argument("--gather", action="store_true", help="draw critical cells together")
    parser.add_argument("--keep", action="store_true", help="read finished stages again")
    with faults_through(parser):
        main(parser.parse_args())
