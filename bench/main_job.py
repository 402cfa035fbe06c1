"""The main job on a RISC-V core with recorded activity: cost of each stage, and the savings.

    python bench/main_job.py [cv32e40p | picorv32]

Prints the tables of docs/benchmarks.md: wall time and peak memory per stage of a fresh run, and the
mean savings of FINE-VH beside those of the dissertation (4.1.4).
"""

import shutil
import sys

from designs import DESIGNS
from prepared import FOLDER
from riscv_trace import record_trace

from voltile.flows import RunConfig, run, write_outputs

# Mean savings at 49 tiles in the dissertation: (interval as a share of nominal Vdd) -> scheme.
DISSERTATION = {
    "wide (20 %)": {"ideal": 0.234, "hopping": 0.435, "dithering": 0.275},
    "narrow (10 %)": {"ideal": 0.346, "hopping": None, "dithering": 0.353},
}


def main(name: str = "cv32e40p") -> None:
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


if __name__ == "__main__":
    main(*sys.argv[1:2])
