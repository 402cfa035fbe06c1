"""`voltile dvfs`, `voltile workload`: schemes over a workload, and synthetic ones."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voltile.core import VoltileError

if TYPE_CHECKING:
    from numpy.random import Generator

    from voltile.power import Trace

workload = typer.Typer(no_args_is_help=True, help="Write a synthetic workload for 'voltile dvfs'.")


def dvfs_command(
    trace: Annotated[
        Path,
        typer.Argument(help="CSV of time_s,frequency_hz: the demand from that time to the next "
                       "row. The last row ends the trace; its frequency is 0 or empty."),
    ],
    run: Annotated[Path, typer.Option(help="Folder of a finished 'voltile run'.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [RUN/dvfs-TRACE]")
    ] = None,
    converter_capacitance: Annotated[
        float, typer.Option(help="At the output of each external converter [µF].")
    ] = 10.0,
    converter_current: Annotated[
        float, typer.Option(help="Highest current of each converter [mA].")
    ] = 300.0,
    converter_efficiency: Annotated[float, typer.Option(help="Of each converter.")] = 0.9,
    mux_time: Annotated[
        float | None,
        typer.Option(help="Time to switch tiles [ns]. [load of the scan chain: a bit per tile at "
                     "the slowest mode's clock]"),
    ] = None,
    dithering_period: Annotated[float, typer.Option(help="Of Vdd-dithering [µs].")] = 100.0,
) -> None:  # fmt: skip
    """Emulate a workload under ideal-DVFS, Vdd-hopping, Vdd-dithering and FINE-VH.

    At each change of demand a governor takes the mode of lowest power that meets it. Changes of
    (VddL, VddH) cost a transition of the external converters, as Burd and Brodersen have it
    (ISLPED 2000): energy (1 - efficiency) C |V2² - V1²|, time 2 C / I |V2 - V1|; meanwhile the
    core keeps the lower of both clocks. Changes of tiles cost the charge of their rails and of the
    gates of their headers. Work that is not done when the demand changes is a deadline miss; it is
    caught up with at once. Not counted: what converters lose while they feed the core.

    Leaves in the output folder: dvfs.csv (energy by kind, transitions, misses), time_at_pairs.csv,
    energy.png, timeline.png, dvfs.json.

    Examples:

    `voltile workload bursts -o bursts.csv --run runs/demo` : something to emulate

    `voltile dvfs bursts.csv --run runs/demo`

    `voltile dvfs bursts.csv --run runs/demo --converter-capacitance 22 --out with-22uF`
    """
    from rich.console import Console
    from rich.progress import track

    from voltile.flows.dvfs.display import results_table
    from voltile.flows.dvfs.job import run_dvfs
    from voltile.power import Converter, SwitchingCosts

    costs = SwitchingCosts(
        Converter(converter_capacitance * 1e-6, converter_current * 1e-3, converter_efficiency),
        None if mux_time is None else mux_time * 1e-9,
        dithering_period * 1e-6,
    )
    folder = out or run / f"dvfs-{trace.stem}"
    terminal = Console(stderr=True)
    results = run_dvfs(
        trace, run, folder, costs,
        lambda modes: track(modes, "schemes", console=terminal, transient=True,
                            disable=not terminal.is_terminal),
    )  # fmt: skip
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(results_table(results))
    typer.echo(f"{folder / 'dvfs.csv'}")


TraceOut = Annotated[Path, typer.Option("--out", "-o", help="CSV file to write.")]
RunFolder = Annotated[
    Path, typer.Option("--run", help="Finished 'voltile run', within whose reach to stay.")
]
Duration = Annotated[float, typer.Option(help="Length of the trace [ms].")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of lengths and frequencies.")]


@workload.command("bursts")
def workload_bursts(
    out: TraceOut,
    run: RunFolder,
    duration: Duration = 1000.0,
    busy: Annotated[float, typer.Option(help="Mean length of a peak [ms].")] = 5.0,
    idle: Annotated[float, typer.Option(help="Mean time between peaks [ms].")] = 20.0,
    seed: Seed = 1,
) -> None:
    """Write short peaks between idle times.

    Both have exponentially distributed lengths; a peak demands half of the run's reach or more.

    Example: `voltile workload bursts -o bursts.csv --run runs/demo --busy 2 --idle 30`
    """
    from voltile.power import bursts

    _write_workload(
        run, out, seed,
        lambda lowest, highest, rng: bursts(highest, duration * 1e-3, busy * 1e-3, idle * 1e-3, rng)
    )  # fmt: skip


@workload.command("ramps")
def workload_ramps(
    out: TraceOut,
    run: RunFolder,
    duration: Duration = 1000.0,
    ramp: Annotated[float, typer.Option(help="Length of each rise or fall [ms].")] = 100.0,
    step: Annotated[float, typer.Option(help="Time between changes of the demand [ms].")] = 5.0,
    seed: Seed = 1,
) -> None:
    """Write a demand that rises and falls between random frequencies of the run's range.

    Example: `voltile workload ramps -o ramps.csv --run runs/demo --ramp 50 --step 1`
    """
    from voltile.power import ramps

    _write_workload(
        run, out, seed,
        lambda lowest, highest, rng: ramps(
            lowest, highest, duration * 1e-3, ramp * 1e-3, step * 1e-3, rng
        ),
    )  # fmt: skip


def _write_workload(
    run: Path, out: Path, seed: int, make: "Callable[[float, float, Generator], Trace]"
) -> None:
    """Write the trace that `make` gives for the lowest and the highest clock of a run."""
    import numpy as np

    from voltile.flows.dvfs.mode_files import read_modes
    from voltile.flows.fine_vh.outputs import OUTPUTS
    from voltile.power import write_trace

    modes = read_modes(run)
    if out.resolve() in {(run / name).resolve() for name in OUTPUTS}:
        raise VoltileError(f"{out} would overwrite a file of the run {run}")
    if not out.parent.is_dir():
        raise VoltileError(f"{out} cannot be written: there is no folder {out.parent}")
    lowest = min(float(item.frequency.min()) for item in modes)
    highest = min(item.reach for item in modes)
    trace = make(lowest, highest, np.random.default_rng(seed))
    write_trace(trace, out)
    typer.echo(
        f"{out}: {len(trace.frequency)} demands, up to {trace.frequency.max() / 1e6:.4g} MHz"
    )
