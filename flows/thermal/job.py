"""Continuous inference under thermal governors: characterisation over levels, traces, pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, executor, file_hash
from voltile.flows.output_files import all_outputs, refuse_overwriting, write_csv
from voltile.flows.thermal.config import ThermalConfig, check_profile, read_profile
from voltile.flows.thermal.tables import (
    CORE_COLUMNS,
    LEVEL_COLUMNS,
    OPT_COLUMNS,
    TRACE_COLUMNS,
    core_rows,
    level_rows,
    opt_rows,
    trace_rows,
)
from voltile.power.thermal import (
    CpuProfile,
    FewerCores,
    InferenceRun,
    LevelStatistics,
    best_levels,
    cpu_profile_content,
    fewer_cores,
    level_statistics,
    proactive,
    run_inferences,
)

THERMAL_OUTPUTS = (
    "levels.csv", "vf_opt.csv", "core_shutdown.csv", "traces.csv", "latency_over_vf.png",
    "throttling.png", "characterization.png", "traces.png", "thermal.json",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class WorkloadResult:
    """A network over levels and numbers of inferences.

    Attributes
    ----------
    nominal : float
        Latency at the highest level without throttling [s].
    levels : tuple of LevelStatistics
        The last is the reactive governor.
    best : ndarray of int, shape (counts,)
        Level of the lowest mean latency.
    traces : mapping of str to InferenceRun
        `reactive`, and `proactive` at the best level of the most inferences.
    fewer : FewerCores or None
        Core shutdown; None: the CPU has one core.
    """

    name: str
    nominal: float
    counts: tuple[int, ...]
    levels: tuple[LevelStatistics, ...]
    best: NDArray[np.int64]
    traces: Mapping[str, InferenceRun]
    fewer: FewerCores | None

    @property
    def vf_opt(self) -> float:
        """Frequency of the best level of the most inferences [Hz]."""
        return float(self.levels[self.best[-1]].frequency)

    @property
    def reactive(self) -> LevelStatistics:
        """The highest level."""
        return self.levels[-1]

    @property
    def proactive(self) -> NDArray[np.float64]:
        """Mean latency of the best level for each count [s]."""
        return np.array([self.levels[level].latency[at] for at, level in enumerate(self.best)])

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of the best level for each count [s]."""
        return np.array([self.levels[level].deviation[at] for at, level in enumerate(self.best)])

    @property
    def saving(self) -> NDArray[np.float64]:
        """Of mean latency, against reactive, for each count."""
        return 1 - self.proactive / self.reactive.latency


def characterize_workloads(
    profile: CpuProfile,
    counts: Sequence[int],
    duration: float,
    cores: int,
    pool: Executor,
    watch: Callable[[Iterable[object], int], Iterable[object]],
) -> list[WorkloadResult]:
    """Run every workload at every level, and its traces.

    Parameters
    ----------
    cores : int
        Of core shutdown; 0: none.
    watch : callable
        Wraps an iterable of finished runs, given their number, to show how many are done.

    Raises
    ------
    VoltileError
    """
    cpu, by = profile.cpu, profile.throttling
    frequencies = cpu.table.frequency.tolist()
    # The longest first, so that none is left alone at the end.
    inferences = sorted(profile.inferences.values(), key=lambda item: -item.latency)
    tasks = {
        (item.name, frequency): pool.submit(
            level_statistics, cpu, item, frequency, tuple(counts), by
        )
        for item in inferences
        for frequency in frequencies
    }
    fewer = {
        item.name: pool.submit(fewer_cores, cpu, item, cores, tuple(counts), by)
        for item in inferences
        if cores
    }
    runs: list[Future[Any]] = [*tasks.values(), *fewer.values()]
    for done in watch(as_completed(runs), len(runs)):
        done.result()  # type: ignore[attr-defined]
    results = []
    for name, inference in profile.inferences.items():
        levels = tuple(tasks[name, frequency].result() for frequency in frequencies)
        best = best_levels(levels)

        def held(frequency: float) -> InferenceRun:
            policy = proactive(cpu, frequency, by.low, by.limit, by.hysteresis)
            return run_inferences(cpu, inference, policy, by.period, duration=duration)  # noqa: B023

        traces = {"reactive": held(frequencies[-1]), "proactive": held(frequencies[best[-1]])}
        results.append(
            WorkloadResult(
                name,
                inference.latency,
                tuple(counts),
                levels,
                best,
                traces,
                fewer[name].result() if cores else None,
            )
        )
    return results


def run_thermal(
    config: ThermalConfig,
    out: Path,
    workers: int | None,
    dask: str,
    watch: Callable[[Iterable[object], int], Iterable[object]],
) -> tuple[CpuProfile, list[WorkloadResult]]:
    """Characterise, and write tables and pictures (`THERMAL_OUTPUTS`) into a folder.

    Raises
    ------
    VoltileError
        For an input that cannot be used.
    """
    from voltile.flows.thermal.plots import (
        plot_characterization,
        plot_latency_over_vf,
        plot_throttling,
        plot_traces,
    )

    profile = read_profile(config)
    inputs = [*profile.files, *([config.vf] if config.vf else [])]
    refuse_overwriting(inputs, out, THERMAL_OUTPUTS)
    check_profile(profile, config)
    hashes = {str(path): file_hash(path) for path in inputs}
    cores = profile.cpu.cores - 1 if config.cores is None else config.cores
    with executor(workers, dask) as pool:
        results = characterize_workloads(
            profile, config.counts, config.duration, cores, pool, watch
        )
    with all_outputs(out, THERMAL_OUTPUTS):
        write_csv(out / "levels.csv", LEVEL_COLUMNS, level_rows(profile, results))
        write_csv(out / "vf_opt.csv", OPT_COLUMNS, opt_rows(results))
        write_csv(out / "core_shutdown.csv", CORE_COLUMNS, core_rows(results))
        write_csv(out / "traces.csv", TRACE_COLUMNS, trace_rows(profile, results))
        plot_latency_over_vf(results, out / "latency_over_vf.png")
        plot_throttling(results, config.duration, out / "throttling.png")
        plot_characterization(results, out / "characterization.png")
        plot_traces(results, profile, out / "traces.png")
        RunRecord(
            command={**asdict(config), "vf": str(config.vf) if config.vf else "",
                     "processor": cpu_profile_content(profile),
                     "proactive_traces_mhz": {item.name: item.vf_opt / 1e6 for item in results}},
            inputs=hashes,
            versions={name: version(name) for name in ("voltile", "numpy", "scipy")},
            seed=0,
        ).write(out / "thermal.json")  # fmt: skip
    return profile, results
