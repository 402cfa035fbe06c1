"""What could widen the saving of proactive management: hypotheses beside the prediction.

    python bench/thermal_hypotheses.py

The dissertation does not tell these, and does not exclude them. Each is put alone, but for one
pair, into the model of bench/thermal_governors.py, with all assumptions in the middle; none is
fitted to anything. Prints the figures of dissertation 4.2.3 under each, then how often the reactive
governor changes levels, and the voltage at which a steady VF_opt takes the mean power of the
reactive governor as measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np
from thermal_governors import AT_MOST, COUNTS, DURATION, MEASURED, NETWORKS, figures, possible

from voltile.core import ThermalRunaway
from voltile.flows.thermal.job import WorkloadResult
from voltile.power.thermal import (
    CpuProfile,
    InferenceRun,
    Policy,
    Setting,
    ThermalAssumptions,
    VfTable,
    best_levels,
    exynos5422_profile,
    proactive,
    reactive,
    run_inferences,
    run_statistics,
)

# Voltages that are not the dissertation's: of Linux for Odroid (hardkernel/linux 44b9995,
# arch/arm/boot/dts/exynos5800.dtsi), 2 GHz between its neighbours [GHz], [V].
LINUX_FREQUENCY = (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.1)
LINUX_VDD = (0.95, 0.975, 1.0, 1.05, 1.05, 1.0625, 1.0875, 1.125, 1.1625, 1.2, 1.25, 1.3125)
# Those of Samsung's kernel for the Exynos 5422 (ARM-software/linux 448817b,
# arch/arm/mach-exynos/include/mach/asv-exynos5422.h, arm_asv_volt_info_evt1), 1.0 to 1.9 GHz, by
# the group that a chip is in, the slowest silicon first [V]. Its highest allowed voltage,
# ARM_MAX_VOLT, is the dissertation's 1.3625 V at 2 GHz, which has no row there.
SAMSUNG_FREQUENCY = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9)
SAMSUNG_VDD = {
    0: (0.9875, 1.0125, 1.0375, 1.0625, 1.0875, 1.1125, 1.15, 1.1875, 1.225, 1.3),
    5: (0.925, 0.95, 0.975, 1.0, 1.025, 1.05, 1.0875, 1.125, 1.1625, 1.2125),
    8: (0.9, 0.9125, 0.9375, 0.9625, 0.9875, 1.0125, 1.05, 1.0875, 1.125, 1.175),
    13: (0.9, 0.9, 0.9, 0.9, 0.925, 0.95, 0.9875, 1.025, 1.0625, 1.1125),
}
SHOWN = (*list(MEASURED)[:4], AT_MOST)

Govern = Callable[[CpuProfile, float], Policy]


def main() -> None:
    """Print."""
    base = possible(exynos5422_profile(ThermalAssumptions()))
    print("| hypothesis | " + " | ".join(SHOWN) + " |")
    print("| --- |" + " --- |" * len(SHOWN))
    print("| measured | " + " | ".join(cell(MEASURED[figure]) for figure in SHOWN) + " |")
    show("none (voltages on a line, 2 K, 100 ms)", base)
    show("voltages of Linux for Odroid", with_vdd(base, LINUX_FREQUENCY, LINUX_VDD))
    for group in SAMSUNG_VDD:
        show(f"voltages of Samsung's kernel, group {group}", with_samsung(base, group))
    for hysteresis in (0.0, 10.0, 20.0, 30.0):
        show(f"hysteresis {hysteresis:g} K", with_throttling(base, hysteresis=hysteresis))
    for period in (0.01, 0.5, 1.0):
        show(f"polling every {period * 1e3:g} ms", with_throttling(base, period=period))
    for stay in (0.5, 1.0):
        show(f"at VF_low for {stay:g} s at the least",
             with_throttling(base, period=0.05), staying(stay))  # fmt: skip
    show("group 0 and hysteresis 10 K", with_throttling(with_samsung(base, 0), hysteresis=10.0))
    show("reactive begins hot, after such a run; proactive cold", base, after=COUNTS[-1])
    show("half of the power at T_max is leakage",
         possible(exynos5422_profile(ThermalAssumptions(leakage_share=0.5))))  # fmt: skip
    print("\nReactive governor, changes of the level per second: " + ", ".join(
        f"{name} {changes_per_second(base, name):.1f}" for name in NETWORKS))  # fmt: skip
    for name, over, best in zip(
        NETWORKS, MEASURED[SHOWN[0]], MEASURED[SHOWN[2]], strict=True
    ):
        if over is not None:
            print(f"Equal mean power, {name}: {best} GHz at {equal_power_vdd(over, best):.3f} V")


def with_vdd(profile: CpuProfile, frequency: Sequence[float], vdd: Sequence[float]) -> CpuProfile:
    """Return the profile with voltages between those of other frequencies [GHz], [V]."""
    table = profile.cpu.table
    volts = np.interp(table.frequency / 1e9, frequency, vdd)
    return replace(
        profile, cpu=replace(profile.cpu, table=VfTable(table.name, table.frequency, volts))
    )


def with_samsung(profile: CpuProfile, group: int) -> CpuProfile:
    """Return the profile with voltages of Samsung's kernel between the two of the dissertation."""
    return with_vdd(
        profile, (0.9, *SAMSUNG_FREQUENCY, 2.0), (0.8875, *SAMSUNG_VDD[group], 1.3625)
    )


def with_throttling(profile: CpuProfile, **changed: float) -> CpuProfile:
    """Return the profile with another governor."""
    return replace(profile, throttling=replace(profile.throttling, **changed))


def holding(profile: CpuProfile, frequency: float) -> Policy:
    """As `voltile thermal` does."""
    by = profile.throttling
    return proactive(profile.cpu, frequency, by.low, by.limit, by.hysteresis)


def staying(time: float) -> Govern:
    """Hold a level, but stay at VF_low for a time [s] once there."""

    def govern(profile: CpuProfile, frequency: float) -> Policy:
        inner, low = holding(profile, frequency), profile.cpu.setting(profile.throttling.low)
        polls, left = round(time / profile.throttling.period), 0

        def policy(temperature: float, present: Setting) -> Setting:
            nonlocal left
            left -= 1
            if present == low and left > 0:
                return low
            chosen = inner(temperature, present)
            if chosen == low and present != low:
                left = polls
            return chosen

        return policy

    return govern


def show(label: str, profile: CpuProfile, govern: Govern = holding, after: int = 0) -> None:
    """Print a row; `after`: inferences that the reactive governor has behind it."""
    try:
        found = figures(result(profile, name, govern, after) for name in NETWORKS)
        cells = [cell(found[figure]) for figure in SHOWN]
    except ThermalRunaway as error:
        cells = [f"{error.temperature:.0f} C are reached"] + ["-"] * (len(SHOWN) - 1)
    print(f"| {label} | {' | '.join(cells)} |", flush=True)


def result(profile: CpuProfile, name: str, govern: Govern, after: int) -> WorkloadResult:
    """Characterise a network."""
    frequencies = profile.cpu.table.frequency.tolist()
    inference = profile.inferences[name]

    def run(frequency: float, **until: float) -> InferenceRun:
        policy = govern(profile, frequency)
        return run_inferences(profile.cpu, inference, policy, profile.throttling.period, **until)

    levels = [run_statistics(at, run(at, count=COUNTS[-1]), COUNTS) for at in frequencies]
    best = best_levels(levels)
    if after:
        whole = run(frequencies[-1], count=after + COUNTS[-1])
        later = replace(whole, latency=whole.latency[after:])
        levels.append(run_statistics(frequencies[-1], later, COUNTS))
    traces = {"proactive": run(frequencies[best[-1]], duration=DURATION)}
    return WorkloadResult(name, inference.latency, COUNTS, tuple(levels), best, traces, None)


def changes_per_second(profile: CpuProfile, name: str) -> float:
    """How often the reactive governor changes the level."""
    by = profile.throttling
    policy = reactive(profile.cpu, by.low, by.limit, by.hysteresis)
    run = run_inferences(
        profile.cpu, profile.inferences[name], policy, by.period, duration=DURATION
    )
    return np.count_nonzero(np.diff(run.level)) / DURATION


def equal_power_vdd(overhead: float, best: float) -> float:
    """Return the voltage of a level [GHz] that takes the mean power of alternating 2 and 0.9 GHz.

    With power f Vdd^2 and no more, at the shares of time that a measured overhead [%] tells of.
    """
    slow = (1 - 1 / (1 + overhead / 100)) / (1 - 0.9 / 2)
    mean = (1 - slow) + slow * 0.9 / 2 * (0.8875 / 1.3625) ** 2
    return 1.3625 * sqrt(mean / (best / 2))


def cell(values: Sequence[float | None]) -> str:
    """Four networks."""
    return " / ".join("-" if value is None else f"{value:.3g}" for value in values)


if __name__ == "__main__":
    main()
