"""An accelerator under thermal governors: what every level sustains, traces, maps, pictures."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from voltile.core import RunRecord, VoltileError, executor, file_hash
from voltile.flows.output_files import all_outputs, refuse_overwriting, write_csv
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.flows.thermal.accelerator_levels import accelerator_workloads
from voltile.flows.thermal.accelerator_workload import AcceleratorWorkload
from voltile.flows.thermal.governor import OPTIONS, check_duration, check_governor, unkept_limit
from voltile.flows.thermal.tables import TRACE_COLUMNS
from voltile.power.thermal import SustainedLevel, sustained_level

ACCELERATOR_THERMAL_OUTPUTS = (
    "sustained.csv", "governors.csv", "traces.csv", "maps.csv", "throughput.png", "traces.png",
    "maps.png", "thermal.json",
)  # fmt: skip
SUSTAINED_COLUMNS = (
    "workload", "scheme", "frequency_mhz", "vdd_v", "latency_ms", "power_mw", "steady_c",
    "throttled_share", "rate_per_s",
)  # fmt: skip
GOVERNOR_COLUMNS = (
    "workload", "scheme", "area_mm2", "fastest_mhz", "reactive_per_s", "proactive_mhz",
    "proactive_per_s", "gain",
)  # fmt: skip
MAP_COLUMNS = ("workload", "scheme", "frequency_mhz", "x_um", "y_um", "temperature_c")


@dataclass(frozen=True, eq=False)
class AcceleratorResult:
    """A workload over its levels; the last is the reactive governor."""

    workload: AcceleratorWorkload
    levels: tuple[SustainedLevel, ...]

    @property
    def reactive(self) -> SustainedLevel:
        """The highest level, throttled."""
        return self.levels[-1]

    @property
    def proactive(self) -> SustainedLevel:
        """The level that sustains most."""
        return max(self.levels, key=lambda level: level.rate)

    @property
    def settled(self) -> bool:
        """Whether the proactive level would not throttle later, where it did not."""
        steady, accelerator = self.proactive.steady, self.workload.accelerator
        cool = steady is not None and accelerator.hottest(steady) <= self.workload.by.limit
        return cool or self.proactive.throttled > 0

    @property
    def gain(self) -> float:
        """Of throughput, proactive against reactive."""
        return self.proactive.rate / self.reactive.rate - 1


def sustain_workloads(
    workloads: Sequence[AcceleratorWorkload],
    duration: float,
    pool: Executor,
    watch: Callable[[Iterable[object], int], Iterable[object]],
) -> list[AcceleratorResult]:
    """Hold every level of every workload for a time [s].

    Parameters
    ----------
    watch : callable
        As in `characterize_workloads`.

    Raises
    ------
    VoltileError
    """
    tasks = [
        [
            pool.submit(
                sustained_level, item.accelerator, item.inference, frequency, duration, item.by
            )
            for frequency in item.accelerator.table.frequency.tolist()
        ]
        for item in workloads
    ]
    every = [task for row in tasks for task in row]
    for done in watch(as_completed(every), len(every)):
        done.result()  # type: ignore[attr-defined]
    return [
        AcceleratorResult(item, tuple(task.result() for task in row))
        for item, row in zip(workloads, tasks, strict=True)
    ]


def run_accelerator_thermal(
    config: AcceleratorConfig,
    out: Path,
    workers: int | None,
    dask: str,
    watch: Callable[[Iterable[object], int], Iterable[object]],
) -> list[AcceleratorResult]:
    """Find what is sustained; write `ACCELERATOR_THERMAL_OUTPUTS` into a folder.

    Maps are left out where all power is spread evenly.

    Raises
    ------
    VoltileError
        For an input that cannot be used; nothing is written then.
    """
    from voltile.flows.thermal.accelerator_plots import plot_maps, plot_throughput, plot_traces

    inputs = [config.energy, config.package]
    inputs += [config.plan / "run.json"] if config.plan else []
    inputs += [Path(config.tech)] if config.tech and Path(config.tech).is_file() else []
    refuse_overwriting(inputs, out, ACCELERATOR_THERMAL_OUTPUTS)
    workloads = accelerator_workloads(config)
    for item in workloads:
        known = item.inference.operations[0].leakage.limit
        check_governor(item.accelerator, item.by, known, OPTIONS)
    check_duration(config.duration, config.period, 2)
    for item in workloads:
        if fault := unkept_limit(item.accelerator, item.inference, item.by):
            raise VoltileError(
                f"{fault}: nothing is sustained; take a larger --area, another --package, a lower "
                f"--precision, or a higher --limit"
            )
    with executor(workers, dask) as pool:
        results = sustain_workloads(workloads, config.duration, pool, watch)
    with all_outputs(out, ACCELERATOR_THERMAL_OUTPUTS):
        write_csv(out / "sustained.csv", SUSTAINED_COLUMNS, _sustained_rows(results))
        write_csv(out / "governors.csv", GOVERNOR_COLUMNS, _governor_rows(results))
        write_csv(out / "traces.csv", TRACE_COLUMNS, _trace_rows(results))
        plot_throughput(results, out / "throughput.png")
        plot_traces(results, config.limit, out / "traces.png")
        if config.plan:
            write_csv(out / "maps.csv", MAP_COLUMNS, _map_rows(results))
            plot_maps(results, out / "maps.png")
        RunRecord(
            command={name: str(value) if isinstance(value, Path) else value
                     for name, value in asdict(config).items()},
            inputs={str(path): file_hash(path) for path in inputs},
            versions={name: version(name) for name in ("voltile", "numpy", "scipy")},
            seed=0,
        ).write(out / "thermal.json")  # fmt: skip
    return results


def _named(result: AcceleratorResult) -> tuple[str, str]:
    return result.workload.inference.name, result.workload.scheme


def _sustained_rows(results: Iterable[AcceleratorResult]) -> Iterable[tuple[object, ...]]:
    for result in results:
        accelerator = result.workload.accelerator
        operations = result.workload.inference.operations
        for level, operation in zip(result.levels, operations, strict=True):
            steady = level.steady
            hottest = "" if steady is None else f"{accelerator.hottest(steady):.5g}"
            yield (
                *_named(result), f"{level.frequency / 1e6:.6g}", f"{level.vdd:.6g}",
                f"{operation.latency * 1e3:.6g}", f"{level.power * 1e3:.6g}", hottest,
                f"{level.throttled:.6g}", f"{level.rate:.6g}",
            )  # fmt: skip


def _governor_rows(results: Iterable[AcceleratorResult]) -> Iterable[tuple[object, ...]]:
    for result in results:
        reactive, proactive = result.reactive, result.proactive
        yield (
            *_named(result), f"{result.workload.area * 1e6:.6g}", f"{reactive.frequency / 1e6:.6g}",
            f"{reactive.rate:.6g}", f"{proactive.frequency / 1e6:.6g}", f"{proactive.rate:.6g}",
            f"{result.gain:.6g}",
        )  # fmt: skip


def _trace_rows(results: Iterable[AcceleratorResult]) -> Iterable[tuple[object, ...]]:
    for result in results:
        frequency = result.workload.accelerator.table.frequency
        for name, level in (("reactive", result.reactive), ("proactive", result.proactive)):
            run = level.run
            for time, temperature, at in zip(run.time, run.temperature, run.level, strict=True):
                yield (
                    result.workload.title, name, f"{time:.6g}", f"{temperature:.5g}",
                    f"{frequency[at] / 1e6:.6g}",
                )  # fmt: skip


def _map_rows(results: Iterable[AcceleratorResult]) -> Iterable[tuple[object, ...]]:
    for result in results:
        grid, held = result.workload.grid, result.proactive
        if held.steady is None:
            continue
        for (row, column), value in np.ndenumerate(grid.maps(held.steady)[0]):
            place = ((column + 0.5) * grid.width / grid.nx, (row + 0.5) * grid.height / grid.ny)
            yield (
                *_named(result), f"{held.frequency / 1e6:.6g}",
                *(f"{item * 1e6:.6g}" for item in place), f"{value:.6g}",
            )  # fmt: skip
