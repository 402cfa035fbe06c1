"""`voltile run`, `voltile export`: the main job, and what other tools take of it."""

from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError

_OTHERS = {
    "ideal": "ideal-DVFS",
    "hopping": "Vdd-hopping",
    "dithering": "Vdd-dithering",
    "ideal_all": "ideal-DVFS with poly-bias on all cells",
}


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
    from voltile.flows.fine_vh.config import RunConfig
    from voltile.flows.fine_vh.job import run
    from voltile.flows.fine_vh.outputs import write_outputs

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
    from voltile.flows.fine_vh.export import export_run

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
