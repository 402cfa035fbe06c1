"""Thermal governors on the Exynos 5422: what the model predicts beside what was measured.

    python bench/thermal_governors.py [WORKERS]

Fitted to Table 4.3 and T_max is the power of each network, nothing else. What the dissertation does
not tell (`ThermalAssumptions`) stays at its middle, then goes to either end of its range, one at a
time, with the powers fitted anew. Prints every figure of dissertation 4.2.3 with its error and the
range over all of these, and a line for each; the last lines are of other settings of the governor,
and of other voltages.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from voltile.core import executor
from voltile.flows.thermal.job import WorkloadResult, characterize_workloads
from voltile.power.thermal import (
    ASSUMPTION_RANGES,
    EXYNOS5422_THROTTLING,
    ThermalAssumptions,
    Throttling,
    VfTable,
    exynos5422_profile,
)

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "inception_v1", "inception_v4")
COUNTS = tuple(range(50, 1001, 50))
DURATION = 100.0
# Not those of the dissertation: Linux for Odroid (hardkernel/linux 44b9995,
# arch/arm/boot/dts/exynos5800.dtsi), 2 GHz between its neighbours [GHz], [V].
LINUX_FREQUENCY = (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.1)
LINUX_VDD = (0.95, 0.975, 1.0, 1.05, 1.05, 1.0625, 1.0875, 1.125, 1.1625, 1.2, 1.25, 1.3125)
# Levels that may be the best, and VF_low [Hz].
SLOWEST = 1200e6
# Dissertation 4.2.3: text, Fig. 4.21, Tables 4.4. An overhead is given for two networks.
MEASURED = {
    "overhead of reactive [%]": (None, 43, None, 30),
    "largest saving [%]": (15.3, 16.8, 15.1, 16.2),
    "VF_opt, N = 1000 [GHz]": (1.7, 1.7, 1.8, 1.8),
    "worst latency, proactive [ms]": (38, 36, 102, 768),
    "nominal latency, 3 threads [ms]": (41, 38, 103, 770),
    "throttled, proactive, 100 s [%]": (2.77, 2.77, 2.77, 2.77),
}
AT_MOST = "throttled, proactive, 100 s [%]"

Figures = dict[str, tuple[float, ...]]


def main(workers: int) -> None:
    """Predict under every assumption; print."""
    middle, by = ThermalAssumptions(), EXYNOS5422_THROTTLING
    cases = [("middle", middle, by)]
    for name, ends in ASSUMPTION_RANGES.items():
        cases += [(f"{name} {end:g}", replace(middle, **{name: end}), by) for end in ends]
    settings = [
        ("hysteresis 0 K", middle, replace(by, hysteresis=0.0)),
        ("hysteresis 10 K", middle, replace(by, hysteresis=10.0)),
        ("period 10 ms", middle, replace(by, period=0.01)),
    ]
    found: dict[str, Figures] = {}
    with executor(workers) as pool:
        for label, assumed, throttling in cases + settings:
            print(label, file=sys.stderr)
            found[label] = predict(assumed, throttling, pool)
        label = "voltages of Linux"
        found[label] = predict(middle, by, pool, LINUX_FREQUENCY, LINUX_VDD)
    print(compared(found, {label for label, _, _ in cases}))
    print(by_case(found))


def predict(
    assumed: ThermalAssumptions,
    by: Throttling,
    pool: Executor,
    frequency: Sequence[float] = (),
    vdd: Sequence[float] = (),
) -> Figures:
    """Return every figure for every network, with voltages of other frequencies if given [GHz]."""
    profile = exynos5422_profile(assumed)
    table = profile.cpu.table
    kept = (table.frequency >= SLOWEST - 1) | (np.abs(table.frequency - by.low) < 1)
    levels = table.frequency[kept]
    volts = np.interp(levels / 1e9, frequency, vdd) if frequency else table.vdd[kept]
    cpu = replace(profile.cpu, table=VfTable(table.name, levels, volts))
    profile = replace(profile, cpu=cpu, throttling=by)
    results = {
        item.name: item
        for item in characterize_workloads(profile, COUNTS, DURATION, pool, lambda runs, _: runs)
    }
    in_order = [results[name] for name in NETWORKS]
    return {
        name: tuple(one_of(name, result) for result in in_order) for name in MEASURED
    } | {"power [W]": tuple(profile.inferences[name].power for name in NETWORKS)}  # fmt: skip


def one_of(figure: str, result: WorkloadResult) -> float:
    """A figure of a network."""
    match figure.split(",")[0].split(" [")[0]:
        case "overhead of reactive":
            return 100 * float(result.reactive.latency.max() / result.nominal - 1)
        case "largest saving":
            return 100 * float(result.saving.max())
        case "VF_opt":
            return result.levels[result.best[-1]].frequency / 1e9
        case "worst latency":
            return 1e3 * float(result.proactive.max())
        case "nominal latency":
            return 1e3 * result.nominal * 4 / 3
        case _:
            return 100 * result.traces["proactive"].slowed_share(DURATION)


def compared(found: dict[str, Figures], varied: set[str]) -> str:
    """Measured beside predicted, with the range over the assumptions."""
    lines = ["| figure | network | measured | predicted | error | range |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for figure, measured in MEASURED.items():
        for at, (network, truth) in enumerate(zip(NETWORKS, measured, strict=True)):
            value = found["middle"][figure][at]
            over = [found[label][figure][at] for label in found if label in varied]
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
    figures = (*list(MEASURED)[:3], AT_MOST, "power [W]")
    lines = ["| assumed | " + " | ".join(figures) + " |", "| --- |" + " --- |" * len(figures)]
    for label, values in found.items():
        cells = (" / ".join(f"{value:.3g}" for value in values[figure]) for figure in figures)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1)
