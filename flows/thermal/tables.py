"""Tables that `voltile thermal` writes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voltile.flows.thermal.job import WorkloadResult
    from voltile.power.thermal import CpuProfile

LEVEL_COLUMNS = (
    "workload", "frequency_mhz", "vdd_v", "inferences", "latency_ms", "deviation_ms",
    "throttled_share",
)  # fmt: skip
OPT_COLUMNS = (
    "workload", "inferences", "nominal_ms", "reactive_ms", "reactive_deviation_ms",
    "vf_opt_mhz", "proactive_ms", "proactive_deviation_ms", "saving",
)  # fmt: skip
CORE_COLUMNS = (
    "workload", "cores", "inferences", "nominal_ms", "held_ms", "held_throttled_share",
    "shut_down_ms", "shut_down_share", "shut_down_hottest_c", "proactive_ms",
)  # fmt: skip
TRACE_COLUMNS = ("workload", "governor", "time_s", "temperature_c", "frequency_mhz")


def level_rows(
    profile: "CpuProfile", results: "Iterable[WorkloadResult]"
) -> Iterable[tuple[object, ...]]:
    """Yield every level and number of inferences."""
    for result in results:
        for level, vdd in zip(result.levels, profile.cpu.table.vdd, strict=True):
            for count, *values in zip(
                result.counts, level.latency, level.deviation, level.throttled, strict=True
            ):
                yield (
                    result.name, f"{level.frequency / 1e6:g}", f"{vdd:.6g}", count,
                    f"{values[0] * 1e3:.6g}", f"{values[1] * 1e3:.6g}", f"{values[2]:.6g}",
                )  # fmt: skip


def opt_rows(results: "Iterable[WorkloadResult]") -> Iterable[tuple[object, ...]]:
    """Yield the best level of every number of inferences."""
    for result in results:
        reactive = result.reactive
        for at, count in enumerate(result.counts):
            yield (
                result.name, count, f"{result.nominal * 1e3:.6g}",
                f"{reactive.latency[at] * 1e3:.6g}", f"{reactive.deviation[at] * 1e3:.6g}",
                f"{result.levels[result.best[at]].frequency / 1e6:g}",
                f"{result.proactive[at] * 1e3:.6g}", f"{result.deviation[at] * 1e3:.6g}",
                f"{result.saving[at]:.6g}",
            )  # fmt: skip


def core_rows(results: "Iterable[WorkloadResult]") -> Iterable[tuple[object, ...]]:
    """Yield core shutdown beside the best level; empty where it runs away."""
    for result in results:
        fewer = result.fewer
        if fewer is None:
            continue
        held, shut = fewer.held, fewer.shut_down
        for at, count in enumerate(result.counts):
            yield (
                result.name, fewer.cores, count, f"{fewer.nominal * 1e3:.6g}",
                f"{held.latency[at] * 1e3:.6g}", f"{held.throttled[at]:.6g}",
                f"{shut.latency[at] * 1e3:.6g}" if shut else "",
                f"{shut.throttled[at]:.6g}" if shut else "", f"{fewer.hottest:.5g}",
                f"{result.proactive[at] * 1e3:.6g}",
            )  # fmt: skip


def trace_rows(
    profile: "CpuProfile", results: "Iterable[WorkloadResult]"
) -> Iterable[tuple[object, ...]]:
    """Yield every poll of the traces."""
    frequency = profile.cpu.table.frequency
    for result in results:
        for name, run in result.traces.items():
            for time, temperature, level in zip(run.time, run.temperature, run.level, strict=True):
                yield (
                    result.name, name, f"{time:.6g}", f"{temperature:.5g}",
                    f"{frequency[level] / 1e6:g}",
                )  # fmt: skip
