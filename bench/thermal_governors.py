"""Thermal governors on the Exynos 5422: what the model predicts beside what was measured.

    python bench/thermal_governors.py [WORKERS]

Fitted to Table 4.3 and T_max is the power of each network, nothing else. What the dissertation does
not tell (`ThermalAssumptions`) stays at its middle, then goes to either end of its range, one at a
time, with the powers fitted anew. Prints every figure of dissertation 4.2.3 with its error and the
range over all of these, and a line for each. Core shutdown is to three threads at VF_max.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from math import nan

import numpy as np

from voltile.core import executor
from voltile.flows.thermal.job import WorkloadResult, characterize_workloads
from voltile.power.thermal import (
    ASSUMPTION_RANGES,
    CpuProfile,
    ThermalAssumptions,
    VfTable,
    exynos5422_profile,
)

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "inception_v1", "inception_v4")
COUNTS = tuple(range(50, 1001, 50))
DURATION = 100.0
# Levels that may be the best, and VF_low [Hz].
SLOWEST = 1200e6
# Cores of core shutdown.
FEWER = 3
# Dissertation 4.2.3: text, Fig. 4.21, Tables 4.4. An overhead is given for two networks.
MEASURED = {
    "overhead of reactive [%]": (None, 43, None, 30),
    "largest saving [%]": (15.3, 16.8, 15.1, 16.2),
    "VF_opt, N = 1000 [GHz]": (1.7, 1.7, 1.8, 1.8),
    "worst latency, proactive [ms]": (38, 36, 102, 768),
    "nominal latency, 3 threads [ms]": (41, 38, 103, 770),
    "3 threads, throttled, N = 1000 [ms]": (None,) * 4,
    "4 to 3 threads above T_max, hottest [C]": (None,) * 4,
    "throttled, 100 s at VF_opt of N = 1000 [%]": (2.77, 2.77, 2.77, 2.77),
}
AT_MOST = "throttled, 100 s at VF_opt of N = 1000 [%]"

Figures = dict[str, tuple[float, ...]]


def main(workers: int) -> None:
    """Predict under every assumption; print."""
    middle = ThermalAssumptions()
    cases = {"middle": middle}
    for name, ends in ASSUMPTION_RANGES.items():
        cases |= {f"{name} {end:g}": replace(middle, **{name: end}) for end in ends}
    found: dict[str, Figures] = {}
    with executor(workers) as pool:
        for label, assumed in cases.items():
            print(label, file=sys.stderr)
            profile = possible(exynos5422_profile(assumed))
            results = characterize_workloads(profile, COUNTS, DURATION, FEWER, pool, unwatched)
            power = {name: item.power for name, item in profile.inferences.items()}
            found[label] = figures(results) | {
                "power [W]": tuple(power[name] for name in NETWORKS)
            }
    print(compared(found))
    print(by_case(found))


def possible(profile: CpuProfile) -> CpuProfile:
    """Return the profile without the levels that are never the best."""
    table = profile.cpu.table
    kept = (table.frequency >= SLOWEST - 1) | (
        np.abs(table.frequency - profile.throttling.low) < 1
    )
    table = VfTable(table.name, table.frequency[kept], table.vdd[kept])
    return replace(profile, cpu=replace(profile.cpu, table=table))


def unwatched(runs: Iterable[object], total: int) -> Iterable[object]:
    """Show nothing."""
    return runs


def figures(results: Iterable[WorkloadResult]) -> Figures:
    """Return every figure for every network."""
    named = {result.name: result for result in results}
    return {
        figure: tuple(one_of(figure, named[name]) for name in NETWORKS) for figure in MEASURED
    }


def one_of(figure: str, result: WorkloadResult) -> float:
    """A figure of a network."""
    match figure.split(",")[0].split(" [")[0]:
        case "overhead of reactive":
            return 100 * float(result.reactive.latency.max() / result.nominal - 1)
        case "largest saving":
            return 100 * float(result.saving.max())
        case "VF_opt":
            return result.vf_opt / 1e9
        case "worst latency":
            return 1e3 * float(result.proactive.max())
        case "nominal latency":
            return 1e3 * result.fewer.nominal if result.fewer else nan
        case "3 threads":
            return 1e3 * float(result.fewer.held.latency[-1]) if result.fewer else nan
        case "4 to 3 threads above T_max":
            return result.fewer.hottest if result.fewer else nan
        case _:
            return 100 * result.traces["proactive"].slowed_share(DURATION)


def compared(found: dict[str, Figures]) -> str:
    """Measured beside predicted, with the range over the assumptions."""
    lines = ["| figure | network | measured | predicted | error | range |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for figure, measured in MEASURED.items():
        for at, (network, truth) in enumerate(zip(NETWORKS, measured, strict=True)):
            value = found["middle"][figure][at]
            over = [values[figure][at] for values in found.values()]
            if truth is None:
                text, error = "-", "-"
            elif figure == AT_MOST:
                text, error = f"at most {truth}", f"{max(value - truth, 0):+.1f} points"
            elif "%" in figure:
                text, error = f"{truth}", f"{value - truth:+.1f} points"
            else:
                text, error = f"{truth}", f"{value / truth - 1:+.1%}"
            lines.append(f"| {figure} | {network} | {text} | {value:.4g} | {error} | "
                         f"{min(over):.4g} to {max(over):.4g} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def by_case(found: dict[str, Figures]) -> str:
    """A line for each assumption: four networks by figure."""
    shown = (*list(MEASURED)[:3], AT_MOST, "power [W]")
    lines = ["| assumed | " + " | ".join(shown) + " |", "| --- |" + " --- |" * len(shown)]
    for label, values in found.items():
        cells = (" / ".join(f"{value:.3g}" for value in values[figure]) for figure in shown)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1)
