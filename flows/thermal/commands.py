"""`voltile thermal`: continuous inference on a CPU or an accelerator under thermal governors."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError

_CPU, _ACCELERATOR = "A CPU", "An accelerator"
_RANGE = re.compile(r"(\d{1,7})(?::(\d{1,7})(?::(\d{1,7}))?)?")
_MOST_COUNTS = 1000


def thermal_command(
    cpu: Annotated[
        str | None,
        typer.Option(rich_help_panel=_CPU, help="exynos5422, or a TOML file (see "
                     "voltile.power.thermal.cpu_files). [exynos5422]"),
    ] = None,
    workload: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=_CPU, help="Networks of the CPU: mobilenet_v1, mobilenet_v2, "
                     "inception_v1, inception_v4; repeat. [all]"),
    ] = None,
    vf: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_CPU, help="CSV of frequency_mhz,vdd_v, both ascending. [the "
                     "CPU's own levels]"),
    ] = None,
    inferences: Annotated[
        str | None,
        typer.Option(rich_help_panel=_CPU, help="Numbers of continuous inferences, "
                     "FIRST:LAST:STEP. [50:1000:50]"),
    ] = None,
    energy: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="Energy table of a network (voltile "
                     "energy), over two supplies or more: an accelerator instead of a CPU."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="Of the table. [its only one]"),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="full, mixed, half; repeat. [the table's]"),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="same-supply, iso-frequency, "
                     "iso-throughput. [the table's only one, else iso-frequency]"),
    ] = None,
    package: Annotated[
        str, typer.Option(rich_help_panel=_ACCELERATOR, help="cqfp (22 K/W for 64 mm²), or a TOML "
                          "file (docs/thermal.md).")
    ] = "cqfp",
    area: Annotated[
        float | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="Of an accelerator with its memories "
                     "[mm²]; the die is tiled with it."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="Folder of a finished 'voltile run' of the "
                     "array: power by tile, FINE-VH beside ideal-DVFS and Vdd-hopping."),
    ] = None,
    tech: Annotated[
        str | None,
        typer.Option(rich_help_panel=_ACCELERATOR, help="Technology of the table: built in, or its "
                     "manifest. [the table's, where it is built in]"),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Of traces over time [s]. [100, accelerator: 300]")
    ] = None,
    low: Annotated[
        float | None,
        typer.Option(help="VF_low, to throttle to [MHz]. [the CPU's, 900; accelerator: lowest]"),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(help="T_max, to throttle above [°C]. [the CPU's, 90; accelerator: 85]"),
    ] = None,
    hysteresis: Annotated[
        float | None, typer.Option(help="How far below to go back [K]. [the CPU's, 2]")
    ] = None,
    period: Annotated[
        float | None,
        typer.Option(help="Of the governor's polling [ms]. [the CPU's, 100]"),
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

    On a CPU: computes N inferences without a pause at every level, from an idle chip, with die and
    package as two thermal stages and leakage that grows with temperature. Reactive: the highest
    level, throttled to VF_low above T_max. Proactive: a lower one held from the start, that of the
    lowest mean latency. Core shutdown: the highest level on fewer cores, from the start and
    throttled, or only above T_max. Latency goes with 1/(f cores), dynamic power with f Vdd² cores.
    Much of the built-in CPU is assumed; 'python bench/thermal_governors.py' shows what that does,
    beside what was measured.

    Leaves in the output folder: vf_opt.csv (of every N), levels.csv (all levels),
    core_shutdown.csv, traces.csv; characterization.png, latency_over_vf.png, throttling.png,
    traces.png; thermal.json, with the CPU's resistances, capacitances, leakage and powers. Traces
    and throttling are of the best level of the largest N, for --duration.

    On an accelerator (--energy, --area): the throughput that every level of the table sustains,
    with leakage that grows with temperature; reactive and proactive as above. With --plan, FINE-VH
    beside one supply, from the placed netlist. Power of the DRAM is not on the die.

    Leaves in the output folder: governors.csv (both governors), sustained.csv (all levels),
    traces.csv, throughput.png, traces.png; with --plan maps.csv, maps.png; thermal.json.

    Examples:

    `voltile thermal --workload mobilenet_v2 --inferences 50:500:50`

    `voltile thermal --limit 80 --vf levels.csv --out runs/cooler`

    `voltile energy resnet18 --vdd 0.6 --vdd 0.7 --vdd 0.8 --vdd 0.9 --vdd 1.0`

    `voltile thermal --energy runs/energy-resnet18/energy.csv --area 1.3 --precision half`
    """
    from rich.console import Console
    from rich.progress import track

    from voltile.flows.precision.inputs import example_file
    from voltile.flows.thermal.accelerator_config import AcceleratorConfig
    from voltile.flows.thermal.accelerator_job import run_accelerator_thermal
    from voltile.flows.thermal.config import ThermalConfig
    from voltile.flows.thermal.display import accelerator_table, cores_table, results_table
    from voltile.flows.thermal.governor import unkept_limit
    from voltile.flows.thermal.job import run_thermal

    console = Console(width=None if Console().is_terminal else 120, highlight=False)

    def watch(runs: Iterable[object], total: int) -> Iterable[object]:
        yield from track(runs, "runs", total, console=Console(stderr=True))
        typer.echo("writing tables and pictures", err=True)

    throttling = {
        "duration": duration,
        "low": None if low is None else low * 1e6,
        "limit": limit,
        "hysteresis": hysteresis,
        "period": None if period is None else period * 1e-3,
    }
    given = {name: value for name, value in throttling.items() if value is not None}
    of_cpu = {"--cpu": cpu, "--workload": workload, "--vf": vf, "--inferences": inferences,
              "--cores": cores}  # fmt: skip
    of_accelerator = {"--network": network, "--precision": precision, "--policy": policy,
                      "--area": area, "--plan": plan, "--tech": tech}  # fmt: skip
    if energy:
        _refuse(of_cpu, "a CPU, not of an accelerator: leave out --energy")
        accelerator = AcceleratorConfig(
            energy,
            example_file(package, ".toml") or Path(package),
            network,
            tuple(dict.fromkeys(precision or ())),
            policy,
            None if area is None else area * 1e-6,
            plan,
            tech,
            **given,
        )
        with _interruptible():
            found = run_accelerator_thermal(accelerator, out, workers, dask, watch)
        console.print(accelerator_table(found, accelerator.limit))
        for result in found:
            if not result.settled:
                typer.echo(
                    f"note: {result.workload.title} is still cold after --duration "
                    f"{accelerator.duration:g}: at {result.proactive.frequency / 1e6:.0f} MHz it "
                    f"throttles later, which a longer one shows"
                )
        typer.echo(f"note: {accelerator.note}")
        typer.echo(f"{out / 'governors.csv'}")
        return
    _refuse(of_accelerator, "an accelerator: give its --energy, too")
    config = ThermalConfig(
        cpu=cpu or ThermalConfig.cpu,
        workloads=tuple(dict.fromkeys(workload or ())),
        vf=vf,
        counts=ThermalConfig.counts if inferences is None else _counts(inferences),
        cores=cores,
        **given,
    )
    with _interruptible():
        profile, results = run_thermal(config, out, workers, dask, watch)
    console.print(results_table(results, config.duration))
    if results[0].fewer:
        console.print(cores_table(results))
    for inference in profile.inferences.values():
        if fault := unkept_limit(profile.cpu, inference, profile.throttling):
            typer.echo(f"warning: {fault}", err=True)
    if profile.note:
        typer.echo(f"note: {profile.note}")
    typer.echo(f"{out / 'vf_opt.csv'}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """End at Ctrl-C in a word."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def _refuse(options: Mapping[str, object], what: str) -> None:
    """Refuse the first option that is given."""
    for name, value in options.items():
        if value:
            raise VoltileError(f"{name} is of {what}")


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
