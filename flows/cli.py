"""The command line. Every command is a few lines over public functions."""

import signal
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import voltile
from voltile.core import VoltileError
from voltile.flows.energy_commands import energy_command
from voltile.flows.precision_commands import budget_command, multilevel_command, search_command
from voltile.flows.rtl_commands import rtl
from voltile.flows.sweep_commands import sweep_command
from voltile.flows.thermal_command import thermal_command

if TYPE_CHECKING:
    from numpy.random import Generator

    from voltile.power import Trace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.add_typer(rtl, name="rtl")
app.command("energy")(energy_command)
app.command("sweep")(sweep_command)
app.command("search")(search_command)
app.command("multilevel")(multilevel_command)
app.command("budget")(budget_command)
app.command("thermal")(thermal_command)
workload = typer.Typer(no_args_is_help=True, help="Write a synthetic workload for 'voltile dvfs'.")
app.add_typer(workload, name="workload")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voltile {voltile.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Precision-scalable MAC hardware, its measured cost, and fine-grained dual-Vdd."""


@app.command("run")
def run_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Verilog or SystemVerilog files; none: the built-in grid of MACs."),
    ] = None,
    top: Annotated[str, typer.Option(help="Top module.")] = "",
    tech: Annotated[
        str, typer.Option(help="freepdk45, sky130-spice, sky130hd (needs the PDK), or a manifest.")
    ] = "freepdk45",
    tiles: Annotated[
        list[int] | None, typer.Option(help="N of the N x N meshes. [those of 3 5 7 that fit]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. [runs/TOP, or the first file's name]")
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="Clock period to map and size for [ns]. [the technology's]")
    ] = None,
    utilisation: Annotated[float, typer.Option(help="Share of the rows that cells fill.")] = 0.7,
    intervals: Annotated[
        list[int] | None,
        typer.Option(help="Into how many Vdd intervals to split the range. [2 4]"),
    ] = None,
    points: Annotated[int, typer.Option(help="Number of frequencies to compare.")] = 17,
    frequency: Annotated[
        list[float] | None, typer.Option(help="Compare at these instead [MHz].")
    ] = None,
    activity: Annotated[
        str,
        typer.Option(help="auto, random, or a recording: VCD or CSV. Auto is dot products for the "
                     "built-in grid, else random."),
    ] = "auto",
    sdc: Annotated[
        Path | None,
        typer.Option(help="SDC constraints, in ns and pF; --period, not they, sets the period. An "
                     "output bears what set_load says, else nothing; without SDC, a buffer input."),
    ] = None,
    include: Annotated[
        list[Path] | None, typer.Option("--include", "-I", help="Include folder; repeat.")
    ] = None,
    define: Annotated[
        list[str] | None, typer.Option("--define", "-D", help="Macro, NAME or NAME=X; repeat.")
    ] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of the built-in grid. [4]")] = None,
    cols: Annotated[int | None, typer.Option(help="Columns of the built-in grid. [4]")] = None,
    cycles: Annotated[int, typer.Option(help="Cycles of each random stream.")] = 256,
    lanes: Annotated[int, typer.Option(help="Number of random streams.")] = 64,
    poly_bias: Annotated[
        str,
        typer.Option(help="Cells that may have longer gates: none, interface (those driven from "
                     "another tile), all."),
    ] = "interface",
    drop: Annotated[
        float, typer.Option(help="Part of Vdd that the headers of a Vdd-MUX may drop.")
    ] = 0.02,
    gather: Annotated[
        bool, typer.Option("--gather", help="Draw critical cells to each other in placement.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of placement and random operands.")] = 1,
    workers: Annotated[int | None, typer.Option(help="Processes. [one per core]")] = None,
) -> None:  # fmt: skip
    """Synthesise, tile, place, time, select supplies, and compare four DVFS schemes.

    Leaves in the run folder: report.html, curves.csv and .png, plan.csv, layout.png, metrics.json,
    netlist.v, run.json. A second run with the same inputs reads finished stages again.

    Examples:

    `voltile run` : the built-in 4 x 4 grid of scalable-precision MACs

    `voltile run cpu.sv alu.sv --top cpu --tiles 5 7 --activity trace.vcd`
    """
    from voltile.flows.outputs import write_outputs
    from voltile.flows.run_config import RunConfig
    from voltile.flows.run_job import run

    if files and (rows is not None or cols is not None):
        raise VoltileError("--rows and --cols are of the built-in grid, not of source files")
    if not files and (top or include or define):
        raise VoltileError("--top, --include and --define are of source files, and none are given")
    grid = (4 if rows is None else rows, 4 if cols is None else cols)
    config = RunConfig(
        files=tuple(files or ()),
        top=top,
        includes=tuple(include or ()),
        defines=tuple(define or ()),
        grid=grid,
        tech=tech,
        sdc=sdc,
        tiles=tuple(dict.fromkeys(tiles or ())),
        period=None if period is None else period * 1e-9,
        utilisation=utilisation,
        intervals=tuple(dict.fromkeys(intervals or (2, 4))),
        points=points,
        frequencies=tuple(item * 1e6 for item in frequency or ()),
        activity=activity,
        cycles=cycles,
        lanes=lanes,
        poly_bias=poly_bias,
        drop=drop,
        gather=gather,
        seed=seed,
        workers=workers,
    )
    name = top or (files[0].stem if files else f"grid_{grid[0]}x{grid[1]}")
    folder = out or Path("runs") / name
    try:
        result = run(config, folder, lambda line: typer.echo(line, err=True))
        report = write_outputs(result, folder)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished stages are kept in {folder}", err=True)
        raise typer.Exit(130) from None
    typer.echo("mean power of FINE-VH:")
    for row in result.savings:
        if row["selection"] != "search" or row["bias"] != result.bias:
            continue
        texts = (
            f"{abs(row[key]):.1%} {'below' if row[key] >= 0 else 'above'} {other}"
            for key, other in _OTHERS.items()
            if key in row
        )
        typer.echo(
            f"  {row['tiles']:.0f} x {row['tiles']:.0f} tiles, intervals of "
            f"{row['dvdd_v'] * 1e3:.0f} mV: {', '.join(texts)}"
        )
    for warning in result.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"report: {report}")


@app.command("characterize")
def characterize_command(
    config: Annotated[
        str, typer.Argument(help="Built-in configuration (freepdk45, sky130-spice), or a file.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for measurements and libraries.")
    ],
    cells: Annotated[
        list[str] | None, typer.Option(help="Only these cells of the configuration: names, globs.")
    ] = None,
    vdd: Annotated[list[float] | None, typer.Option(help="Only these of its supplies [V].")] = None,
    bias: Annotated[list[str] | None, typer.Option(help="Only these of its gate lengths.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. [one per core]")] = None,
    dask: Annotated[
        str, typer.Option(help="Scheduler of a Dask cluster to use instead: tcp://HOST:PORT.")
    ] = "",
) -> None:
    """Measure the cells of a technology with ngspice: Liberty, LEF, mixed-supply tables, manifest.

    Every measurement is kept in OUT/measurements; the same command goes on after a kill. A cell
    that fails is named and left out, the others finish. `voltile run --tech OUT/manifest.toml`
    then uses the result. Needs ngspice, and the PDK that the configuration names.

    Examples:

    `voltile characterize sky130-spice --out sky130`

    `voltile characterize freepdk45 --cells "inv_*" nand2_x1 --vdd 0.8 1.0 --bias pb0 --out try`

    `voltile characterize cells.toml --out cells --dask tcp://cluster:8786`
    """
    from voltile.core import executor
    from voltile.flows.characterize_display import CharacterizeDisplay
    from voltile.pdk.characterization.config import read_config
    from voltile.pdk.characterization.job import characterize

    chosen = read_config(config).selected(cells or (), vdd or (), bias or ())
    try:
        with CharacterizeDisplay() as display:
            summary = characterize(chosen, out, lambda: executor(workers, dask), display.show)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; measurements are kept in {out}", err=True)
        raise typer.Exit(130) from None
    for cell, fault in summary.left_out.items():
        typer.echo(f"warning: {cell} is left out: {fault}", err=True)
    if summary.lacks:
        typer.echo(f"warning: {summary.lacks}", err=True)
    typer.echo(
        f"{len(summary.cells)} cells, {len(chosen.lengths)} gate lengths, {len(chosen.vdds)} "
        f"supplies: {summary.manifest}"
    )


@app.command("characterize-pe")
def characterize_pe_command(
    pe: Annotated[
        list[str] | None,
        typer.Option(help="Processing elements: scalable, spatial, dual. [all]"),
    ] = None,
    width: Annotated[
        int, typer.Option(help="N, bits of a full-precision operand: even, 4 to 20.")
    ] = 8,
    acc_width: Annotated[
        int, typer.Option(help="Accumulator width in bits, from twice the operand width to 128.")
    ] = 32,
    precision: Annotated[
        list[str] | None, typer.Option(help="Precisions: full, mixed, half. [all]")
    ] = None,
    tech: Annotated[
        str, typer.Option(help="freepdk45, sky130-spice, sky130hd (needs the PDK), or a manifest.")
    ] = "freepdk45",
    operands: Annotated[
        Path | None,
        typer.Option(help="npz file of integers `act` and `weight`, shape (vectors, length), words "
                     "of full precision, and their `width`; 'voltile operands' writes such. "
                     "[random]"),
    ] = None,
    sparsity: Annotated[
        float, typer.Option(help="Share of random activations that is set to zero.")
    ] = 0.0,
    period: Annotated[
        float | None, typer.Option(help="Clock period to map and size for [ns]. [the technology's]")
    ] = None,
    utilisation: Annotated[float, typer.Option(help="Share of the rows that cells fill.")] = 0.7,
    seed: Annotated[int, typer.Option(help="Seed of placement and random operands.")] = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("runs/pe"),
) -> None:  # fmt: skip
    """Measure the energy per MAC of processing elements over precision and supply.

    Each is synthesised and placed; its gate-level netlist is simulated under the operands at every
    precision, and timed with the control bits of that precision held. Given is the energy in three
    modes: at constant frequency, the clock that all precisions meet at the nominal supply, at every
    supply that meets it; at constant throughput, the MACs per second that full precision then does,
    each precision at the clock and the lowest supply that it needs for them; and at the highest
    frequency of every supply. Table and picture show the first, at the nominal supply, and the
    second. Half precision takes the upper halves of operands. Glitches, memories and control around
    the element are not counted.

    Leaves in the output folder: pe_energy.csv (every precision, supply and mode; a cycle without
    work, leakage included, and one without a clock), pe_energy.png, pe_energy.json.

    Examples:

    `voltile characterize-pe --pe scalable spatial --sparsity 0.5`

    `voltile operands kws.onnx --inputs kws.npz -o kws_operands.npz` : of a real network

    `voltile characterize-pe --operands kws_operands.npz --tech sky130-spice --out runs/pe-kws`
    """
    from rich.console import Console

    from voltile.flows.pe_display import energies_table
    from voltile.flows.pe_job import PeConfig, characterize_pes
    from voltile.hdl import PROCESSING_ELEMENTS

    config = PeConfig(
        pes=tuple(dict.fromkeys(pe or PROCESSING_ELEMENTS)),
        width=width,
        acc_width=acc_width,
        precisions=tuple(dict.fromkeys(precision or ())),
        tech=tech,
        operands=operands,
        sparsity=sparsity,
        period=None if period is None else period * 1e-9,
        utilisation=utilisation,
        seed=seed,
    )
    try:
        study = characterize_pes(config, out, lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished stages are kept in {out}", err=True)
        raise typer.Exit(130) from None
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(energies_table(study))
    typer.echo(f"{out / 'pe_energy.csv'}")


@app.command("operands")
def operands_command(
    model: Annotated[Path, typer.Argument(help="ONNX file: a chain of convolutions.")],
    inputs: Annotated[
        Path,
        typer.Option(help="npz file of `x`, shape (inputs, channels, height, width); with `scale` "
                     "and `zero_point` if these are integers."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="npz file to write.")],
    layer: Annotated[str, typer.Option(help="Name of a layer. [that of the most MACs]")] = "",
    vectors: Annotated[int, typer.Option(min=1, help="Dot products to draw.")] = 1024,
    width: Annotated[int, typer.Option(help="Bits to quantise to: even, 4 to 20.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 1,
) -> None:  # fmt: skip
    """Write dot products of a layer of a network, for 'voltile characterize-pe'.

    The network is quantised with fraction lengths that suit its first 20 inputs, and run on them in
    integers. A dot product is a window of the layer's feature map and the filter of a channel.

    Example: `voltile operands kws.onnx --inputs kws.npz --layer conv_3 -o operands.npz`
    """
    from voltile.flows.operands import network_operands, write_operands

    if not out.parent.is_dir():
        raise VoltileError(f"{out} cannot be written: there is no folder {out.parent}")
    if out.resolve() in (model.resolve(), inputs.resolve()):
        raise VoltileError(f"{out} would overwrite an input")
    found = network_operands(model, inputs, layer, vectors, width, seed)
    write_operands(found, width, out)
    count, length = found.act.shape
    fewer = f" (all that there are, fewer than {vectors})" if count < vectors else ""
    typer.echo(
        f"{out}: {count} dot products{fewer} of length {length}, {found.source}; "
        f"{found.zero_acts:.1%} of the activations are zero"
    )


@app.command("export")
def export_command(
    run_folder: Annotated[Path, typer.Argument(metavar="RUNDIR", help="Folder of `voltile run`.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write. [RUNDIR/export]")
    ] = None,
    tiles: Annotated[int | None, typer.Option(help="N of the mesh. [the run's largest]")] = None,
    dvdd: Annotated[
        float | None, typer.Option(help="Width of the Vdd interval [V]. [the run's narrowest]")
    ] = None,
    frequency: Annotated[
        float | None,
        typer.Option(
            help="Point of the plan that reaches this [MHz]. [that with the most even "
            "areas at both supplies]"
        ),
    ] = None,
) -> None:
    """Write a placed design and its plan for other tools: DEF, UPF, SDC, SPEF, Verilog, Tcl.

    Reads what a finished run keeps and makes nothing anew. The UPF has every operating point of the
    plan; SDC, libraries and opensta.tcl are of one, with the poly-bias of the run, the drop of the
    headers, and drivers at VddL. Run `sta -exit opensta.tcl` or `openroad openroad.tcl` in the
    folder.

    Examples:

    `voltile export runs/grid_4x4`

    `voltile export runs/cpu --tiles 5 --dvdd 0.24 --frequency 120 --out cpu_export`
    """
    from voltile.flows.export_job import export_run

    folder = out or run_folder / "export"
    mega = None if frequency is None else frequency * 1e6
    summary = export_run(run_folder, folder, tiles, dvdd, mega)
    points, at = summary.points, summary.at
    high = int(points.tile_is_high[at].sum())
    typer.echo(
        f"{summary.n} x {summary.n} tiles at {points.frequency[at] / 1e6:.2f} MHz: {high} at "
        f"{points.vdd_high[at]:.3f} V, {points.tile_is_high.shape[1] - high} at "
        f"{points.vdd_low[at]:.3f} V; worst slack {summary.slack * 1e12:.1f} ps"
    )
    if frequency is None:
        typer.echo(
            f"chosen of {len(points.frequency)} points for the most even areas at both supplies; "
            f"--frequency takes another, up to {points.frequency.max() / 1e6:.2f} MHz"
        )
    for note in summary.notes:
        typer.echo(f"note: {note}")
    typer.echo(
        f"exports: {folder} (what its .lib and .lef files hold of the technology is under its "
        f"licence; all else of the technology is named by its path)"
    )


@app.command("dvfs")
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

    from voltile.flows.dvfs_display import results_table
    from voltile.flows.dvfs_job import run_dvfs
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

    from voltile.flows.mode_files import read_modes
    from voltile.flows.outputs import OUTPUTS
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


_OTHERS = {
    "ideal": "ideal-DVFS",
    "hopping": "Vdd-hopping",
    "dithering": "Vdd-dithering",
    "ideal_all": "ideal-DVFS with poly-bias on all cells",
}
# What click raises for an unknown option or a bad value; Typer holds a click of its own.
_UsageError: Any = typer.BadParameter.__base__
# What it makes of a Ctrl-C that a command does not catch.
_Aborted: Any = typer.Abort
# Options that take one or more numbers, and those that take one or more words.
_SEVERAL = ("--tiles", "--intervals", "--frequency", "--vdd", "--level", "--target")
_SEVERAL_WORDS = ("--cells", "--bias", "--pe", "--precision", "--policy")
# Commands that take one of each of these, and options of which only a sweep takes several.
_OF_ONE_WORD = ("search", "multilevel")
_SWEPT = ("--array", "--dataflow", "--mode", "--act-kib", "--weight-kib", "--out-kib", "--kib")


def main() -> None:
    """Run the command line; input faults are one line on standard error and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what runs beside this ends with it
    try:
        _refuse_empty_outputs(sys.argv[1:])
        sys.exit(app(_repeat_options(sys.argv[1:]), standalone_mode=False) or 0)
    except _UsageError as error:
        _fail(_usage_text(error))
    except _Aborted:
        sys.exit(130)
    except VoltileError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(message: str) -> NoReturn:
    if message:  # without a command there is none, but the help
        print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _usage_text(error: Any) -> str:
    """Return what is wrong with the words of a command in one line, with the value at fault."""
    faults: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    values = "".join(f", not {fault['input']!r}" for fault in faults)
    return " ".join(error.format_message().split()) + values


def _refuse_empty_outputs(arguments: list[str]) -> None:
    """Raise where an output has no name, which as a path would be the current folder."""
    for option, value in pairwise([*arguments, "end"]):
        if option == "--out=" or (option in ("--out", "-o") and not value):
            raise VoltileError("--out is empty, but has to name what to write")


def _repeat_options(arguments: list[str]) -> list[str]:
    """Write "--tiles 3 5" as "--tiles 3 --tiles 5", which is what the parser knows."""
    command = "".join(arguments[:1])
    words = [] if command in _OF_ONE_WORD else [*_SEVERAL_WORDS]
    words += _SWEPT if command == "sweep" else ()
    result: list[str] = []
    option = ""
    for word in arguments:
        goes_on = _is_number(word) or (option in words and not word.startswith("-"))
        if option and result[-1] != option and goes_on:
            result.append(option)
        elif word.startswith("-"):
            option = word if word in (*_SEVERAL, *words) else ""
        elif result and result[-1] != option:
            option = ""
        result.append(word)
    return result


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
