"""The main job on a RISC-V core with recorded activity: cost of each stage, and the savings.

Prints the tables of docs/benchmarks.md: wall time and peak memory per stage of a fresh run; mean
savings of FINE-VH beside those of the dissertation (4.1.4); and what explains the difference: the
speed that cutting costs, the saving against ideal-DVFS of the same cut layout, and the share of
leakage.
"""

import shutil
import sys

import numpy as np
from designs import DESIGNS
from prepared import FOLDER, faults_through, parser_of
from riscv_trace import record_trace

from voltile.flows import RunConfig, RunResult, run, write_outputs
from voltile.pdk import LibrarySet
from voltile.power import evaluate_supplies, ideal_dvfs

# Mean savings at 49 tiles in the dissertation: (interval as a share of nominal Vdd) -> scheme.
DISSERTATION = {
    "wide (20 %)": {"ideal": 0.234, "hopping": 0.435, "dithering": 0.275},
    "narrow (10 %)": {"ideal": 0.346, "hopping": None, "dithering": 0.353},
}


def main(name: str) -> None:
    """Run, and print both tables."""
    out = FOLDER / f"main-job-{name}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    record_trace(name, 1000, out / "trace.vcd")
    sources = DESIGNS[name]()
    config = RunConfig(files=tuple(sources.files), top=sources.top, activity=str(out / "trace.vcd"))
    result = run(config, out, lambda line: print(line, file=sys.stderr))
    with result.meter.stage("report"):
        write_outputs(result, out)
    print("| stage | wall [s] | peak [MB] |\n| --- | --- | --- |")
    costs = result.meter.costs
    for stage, cost in costs.items():
        print(f"| {stage} | {cost.wall_s:.1f} | {cost.peak_bytes / 1e6:.0f} |")
    total = sum(cost.wall_s for cost in costs.values())
    peak = max(cost.peak_bytes for cost in costs.values())
    print(f"| total | {total:.1f} | {peak / 1e6:.0f} |\n")
    print("| interval | tiles | ideal-DVFS | Vdd-hopping | Vdd-dithering | area at VddL |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in result.savings:
        share = row["dvdd_v"] / result.technology.nominal_vdd
        print(
            f"| {row['dvdd_v'] * 1e3:.0f} mV ({share:.1%}) | {row['tiles']:.0f} x "
            f"{row['tiles']:.0f} | {row['ideal']:.1%} | {row['hopping']:.1%} | "
            f"{row['dithering']:.1%} | {row['area_at_low']:.1%} |"
        )
    for width, saving in DISSERTATION.items():
        cells = (f"{s:.1%}" if s else "-" for s in (saving[k] for k in saving))
        print(f"| dissertation, {width} | 7 x 7 | {' | '.join(cells)} | |")
    print()
    explain(result)


def explain(result: RunResult) -> None:
    """Print what separates the savings from the dissertation's."""
    technology = result.technology
    levels = [0.24, 0.12]
    print("| tiles | period at nominal Vdd [ns] | against uncut | "
          + " | ".join(f"{1e3 * x:.0f} mV, against ideal-DVFS of this layout" for x in levels)
          + " |")  # fmt: skip
    print("| --- | --- | --- | --- | --- |")
    vdds = np.round(np.linspace(technology.vdds[0], technology.vdds[-1], 25), 6)
    libraries = [LibrarySet.of(technology, [float(vdd)]) for vdd in vdds]
    for n in result.config.tiles:
        layout = result.layouts[n]
        points = evaluate_supplies(
            layout.graph, layout.wires, layout.tree, result.activity, libraries
        )
        ideal = ideal_dvfs(points, result.frequency)
        savings = [
            curve.saving_against(ideal)
            for width in levels
            for curve in result.curves
            if curve.scheme == "fine-vh" and curve.n == n and abs(curve.interval - width) < 1e-6
        ]
        slower = result.min_period[n] / result.min_period[1] - 1
        print(f"| {n} x {n} | {result.min_period[n] * 1e9:.2f} | {slower:+.1%} | "
              + " | ".join(f"{saving:.1%}" for saving in savings) + " |")  # fmt: skip
    top = points.leakage[-1] / (points.leakage[-1] + points.frequency[-1] * points.energy[-1])
    low = points.leakage[0] / (points.leakage[0] + points.frequency[0] * points.energy[0])
    print(f"\nLeakage is {top:.2%} of the power at the highest supply, {low:.2%} at the lowest.")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=DESIGNS, default="cv32e40p")
    with faults_through(parser):
        main(parser.parse_args().design)
