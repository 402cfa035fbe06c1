"""A workload trace under every scheme of a finished run: emulation, tables, pictures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from voltile.core import RunRecord, file_hash
from voltile.flows.dvfs.mode_files import MODE_FILES, read_modes
from voltile.flows.output_files import refuse_overwriting, remove_outputs, write_csv
from voltile.power import (
    Converter,
    Emulation,
    OperatingModes,
    SwitchingCosts,
    Trace,
    emulate,
    read_trace,
)

DVFS_OUTPUTS = ("dvfs.csv", "time_at_pairs.csv", "energy.png", "timeline.png", "dvfs.json")
DVFS_COLUMNS = (
    "scheme", "tiles", "dvdd_v", "duration_s", "cycles", "energy_j", "mean_power_w",
    "dynamic_energy_j", "leakage_energy_j", "converter_energy_j", "mux_energy_j",
    "converter_transitions", "converter_time_s", "mux_transitions", "mux_time_s", "tiles_raised",
    "lost_time_s", "demands", "deadline_misses", "late_cycles", "overrun_s",
)  # fmt: skip
PAIR_COLUMNS = ("scheme", "tiles", "dvdd_v", "vdd_low_v", "vdd_high_v", "time_s")
_FREE = Converter(capacitance=0.0)


@dataclass(frozen=True)
class SchemeResult:
    """What a workload costs under one scheme.

    Attributes
    ----------
    scheme : str
        That of the modes, or "ideal-free": ideal-DVFS whose converter costs nothing.
    title : str
        In words.
    """

    scheme: str
    title: str
    emulation: Emulation


def emulate_schemes(
    modes: Iterable[OperatingModes], trace: Trace, costs: SwitchingCosts
) -> list[SchemeResult]:
    """Emulate every scheme, ideal-DVFS also with a converter that costs nothing.

    Raises
    ------
    TimingInfeasible
        For a demand beyond the reach of one of them.
    """
    results = []
    for item in modes:
        results.append(SchemeResult(item.scheme, item.title, emulate(item, trace, costs)))
        if item.scheme == "ideal":
            free = emulate(item, trace, replace(costs, converter=_FREE))
            results.append(SchemeResult("ideal-free", f"{item.title}, free converter", free))
    return results


def run_dvfs(
    trace_file: Path,
    run_folder: Path,
    out: Path,
    costs: SwitchingCosts,
    watch: Callable[[Sequence[OperatingModes]], Iterable[OperatingModes]] = iter,
) -> list[SchemeResult]:
    """Emulate a trace under every scheme of a run folder, and write tables and pictures.

    Parameters
    ----------
    out : Path
        Folder for `DVFS_OUTPUTS`.
    watch : callable
        Wraps the schemes, to show how many are done.

    Raises
    ------
    VoltileError
        One of its children, for a trace or a run folder that cannot be used.
    """
    from voltile.flows.dvfs.plots import plot_energy, plot_timeline

    refuse_overwriting([trace_file], out, DVFS_OUTPUTS)
    remove_outputs(out, DVFS_OUTPUTS)
    modes = read_modes(run_folder)
    trace = read_trace(trace_file)
    for item in modes:
        trace.check_reach(item)
    out.mkdir(parents=True, exist_ok=True)
    results = emulate_schemes(watch(modes), trace, costs)
    write_csv(out / "dvfs.csv", DVFS_COLUMNS, map(_summary, results))
    write_csv(out / "time_at_pairs.csv", PAIR_COLUMNS, _pair_rows(results))
    plot_energy(results, trace, out / "energy.png")
    plot_timeline(results, trace, out / "timeline.png")
    inputs = (trace_file, *(run_folder / name for name in MODE_FILES))
    RunRecord(
        command={"trace": str(trace_file), "run": str(run_folder), **asdict(costs)},
        inputs={str(path): file_hash(path) for path in inputs},
        versions={name: version(name) for name in ("voltile", "numpy")},
        seed=0,
    ).write(out / "dvfs.json")
    return results


def _summary(result: SchemeResult) -> tuple[object, ...]:
    item = result.emulation
    converter, vdd_mux = item.converter, item.vdd_mux
    return (
        result.scheme, item.modes.n, f"{item.modes.interval:.6g}", f"{item.duration:.9g}",
        f"{item.cycles:.0f}", f"{item.energy:.6e}", f"{item.mean_power:.6e}",
        f"{item.dynamic_energy:.6e}", f"{item.leakage_energy:.6e}", f"{converter.energy:.6e}",
        f"{vdd_mux.energy:.6e}", converter.count, f"{converter.time:.6e}", vdd_mux.count,
        f"{vdd_mux.time:.6e}", item.tiles_raised, f"{item.time_lost:.6e}", item.demands,
        item.missed, f"{item.late_cycles:.0f}", f"{item.overrun:.6e}",
    )  # fmt: skip


def _pair_rows(results: Iterable[SchemeResult]) -> Iterable[tuple[object, ...]]:
    for result in results:
        modes = result.emulation.modes
        for (low, high), time in result.emulation.time_at_pairs().items():
            yield (
                result.scheme, modes.n, f"{modes.interval:.6g}", f"{low:.6g}", f"{high:.6g}",
                f"{time:.6e}",
            )  # fmt: skip
