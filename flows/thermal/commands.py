"""`voltile thermal`: continuous inference under thermal governors."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError

_RANGE = re.compile(r"(\d{1,7})(?::(\d{1,7})(?::(\d{1,7}))?)?")
_MOST_COUNTS = 1000


def thermal_command(
    cpu: Annotated[
        str, typer.Option(help="exynos5422, or a TOML file (see voltile.power.thermal.cpu_files).")
    ] = "exynos5422",
    workload: Annotated[
        list[str] | None,
        typer.Option(help="Networks of the CPU: mobilenet_v1, mobilenet_v2, inception_v1, "
                     "inception_v4; repeat. [all]"),
    ] = None,
    vf: Annotated[
        Path | None,
        typer.Option(help="CSV of frequency_mhz,vdd_v, both ascending. [the CPU's own levels]"),
    ] = None,
    inferences: Annotated[
        str, typer.Option(help="Numbers of continuous inferences, FIRST:LAST:STEP.")
    ] = "50:1000:50",
    duration: Annotated[float, typer.Option(help="Of the traces over time [s].")] = 100.0,
    low: Annotated[
        float | None, typer.Option(help="VF_low, to throttle to [MHz]. [the CPU's, 900]")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="T_max, to throttle above [°C]. [the CPU's, 90]")
    ] = None,
    hysteresis: Annotated[
        float | None, typer.Option(help="How far below to go back [K]. [the CPU's, 2]")
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="Of the governor's polling [ms]. [the CPU's, 100]")
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(help="Cores of core shutdown. [one fewer than the CPU has, 3]"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("runs/thermal"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. [one per core]")] = None,
    dask: Annotated[
        str, typer.Option(help="Scheduler of a Dask cluster to use instead: tcp://HOST:PORT.")
    ] = "",
) -> None:  # fmt: skip
    """Find the voltage-frequency level that is fastest in the long run.

    Computes N inferences without a pause at every level, from an idle chip, with die and package
    as two thermal stages and leakage that grows with temperature. Reactive: the highest level,
    throttled to VF_low above T_max. Proactive: a lower one held from the start, that of the lowest
    mean latency. Core shutdown: the highest level on fewer cores, from the start and throttled, or
    only above T_max. Latency goes with 1/(f cores), dynamic power with
    f Vdd² cores. Much of the built-in CPU is
    assumed; 'python bench/thermal_governors.py' shows what that does, beside what was measured.

    Leaves in the output folder: vf_opt.csv (of every N), levels.csv (all levels),
    core_shutdown.csv, traces.csv; characterization.png, latency_over_vf.png, throttling.png,
    traces.png; thermal.json.

    Examples:

    `voltile thermal --workload mobilenet_v2 --inferences 50:500:50`

    `voltile thermal --limit 80 --vf levels.csv --out runs/cooler`
    """
    from rich.console import Console
    from rich.progress import track

    from voltile.flows.thermal.config import ThermalConfig
    from voltile.flows.thermal.display import cores_table, results_table
    from voltile.flows.thermal.job import run_thermal

    config = ThermalConfig(
        cpu=cpu,
        workloads=tuple(dict.fromkeys(workload or ())),
        vf=vf,
        counts=_counts(inferences),
        duration=duration,
        low=None if low is None else low * 1e6,
        limit=limit,
        hysteresis=hysteresis,
        period=None if period is None else period * 1e-3,
        cores=cores,
    )

    def watch(runs: Iterable[object], total: int) -> Iterable[object]:
        return track(runs, "runs", total, console=Console(stderr=True))

    profile, results = run_thermal(config, out, workers, dask, watch)
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(results_table(results, config.duration))
    if results[0].fewer:
        console.print(cores_table(results))
    if profile.note:
        typer.echo(f"note: {profile.note}")
    typer.echo(f"{out / 'vf_opt.csv'}")


def _counts(text: str) -> tuple[int, ...]:
    found = _RANGE.fullmatch(text)
    first, last, step = ((int(part) if part else None) for part in found.groups()) if found else (
        0, 0, 0
    )  # fmt: skip
    counts = range(first or 0, (first or 0 if last is None else last) + 1, step or 1)
    if not first or step == 0 or not 1 <= len(counts) <= _MOST_COUNTS:
        raise VoltileError(
            f"--inferences must be FIRST:LAST:STEP, as 50:1000:50, of whole numbers of 1 or more, "
            f"which make {_MOST_COUNTS} numbers at the most, not '{text}'"
        )
    return tuple(counts)
