"""`voltile characterize`: cells of a technology, measured."""

from pathlib import Path
from typing import Annotated

import typer


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
    from voltile.flows.characterization.display import CharacterizeDisplay
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
