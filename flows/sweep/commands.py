"""`voltile sweep`: networks over arrays, dataflows, memories, precisions and supplies."""

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError
from voltile.flows.energy.options import (
    Batch,
    Dram,
    DramBandwidth,
    PeEnergyFile,
    Policies,
    Precisions,
    Tech,
    Vdds,
    array_shape,
    bandwidth,
)

_KIB = 128


def sweep_command(
    networks: Annotated[
        list[str],
        typer.Argument(metavar="NETWORK...", help="ONNX files, SCALE-Sim topologies (.csv), or "
                       "built-in networks: resnet18, mobilenet_v2, ..."),
    ],
    array: Annotated[
        list[str] | None, typer.Option(help="Rows x columns of elements. [8x8]")
    ] = None,
    dataflow: Annotated[
        list[str] | None, typer.Option(help="Output, weight, input stationary: os, ws, is. [os]")
    ] = None,
    pe: Annotated[
        list[str] | None,
        typer.Option(help="Elements: scalable, spatial (8 bits), dual (16 bits). [scalable]"),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(help="scale-sim: cycles of SCALE-Sim v3, traffic of a reuse model; rtl: those "
                     "of 'voltile rtl accelerator', exactly (dataflow os). [scale-sim]"),
    ] = None,
    act_kib: Annotated[
        list[int] | None, typer.Option(help="SRAM of activations [KiB], two banks. [128]")
    ] = None,
    weight_kib: Annotated[
        list[int] | None, typer.Option(help="SRAM of weights [KiB], two banks. [128]")
    ] = None,
    out_kib: Annotated[
        list[int] | None, typer.Option(help="SRAM of results [KiB], two banks. [128]")
    ] = None,
    kib: Annotated[
        list[int] | None, typer.Option(help="All three SRAMs, of one size each [KiB].")
    ] = None,
    precision: Precisions = None,
    vdd: Vdds = None,
    policy: Policies = None,
    tech: Tech = "freepdk45",
    pe_energy: PeEnergyFile = None,
    dram: Dram = "lpddr4",
    dram_bandwidth: DramBandwidth = None,
    batch: Batch = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [runs/sweep-NETWORK-...]")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. [one per core]")] = None,
    dask: Annotated[
        str, typer.Option(help="Scheduler of a Dask cluster to use instead: tcp://HOST:PORT.")
    ] = "",
) -> None:  # fmt: skip
    """Compute networks on every combination of arrays, memories, precisions and operating points.

    What a combination costs is as in 'voltile energy', summed over the layers; its area is that of
    the elements (measured, their clock trees included) and of the SRAMs (CACTI): no wires between
    them, sequencer, control processor, DRAM interface. What cannot be computed, as a layer that
    does not fit a memory or a precision that an element lacks, is left out and told.

    Leaves in the output folder: sweep.csv and sweep.parquet (one table, documented in
    docs/energy_tables.md), pareto.png, left_out.csv, run.json, and the finished chunks: the same
    command goes on after an interrupt, with the same result however many workers there are.

    Examples:

    `voltile sweep resnet18 --array 4x4 8x8 16x16 --dataflow os ws is`

    `voltile sweep resnet50 mobilenet_v2 --pe spatial dual --kib 64 128 256 --vdd 0.6 0.8 1.0`

    `voltile sweep model.onnx --array 8x8 16x16 --act-kib 64 128 --weight-kib 64 128 --out swept`

    `voltile sweep resnet18 --array 8x8 16x16 --dask tcp://cluster:8786`
    """
    from rich.console import Console

    from voltile.core import executor
    from voltile.flows.energy.job import has_parquet
    from voltile.flows.sweep.config import SweepConfig
    from voltile.flows.sweep.display import SweepDisplay, show_fronts
    from voltile.flows.sweep.job import run_sweep
    from voltile.flows.sweep.rows import reasons

    if kib and (act_kib or weight_kib or out_kib):
        raise VoltileError("--kib is for all three memories, and --act-kib, --weight-kib or "
                           "--out-kib is given, too")  # fmt: skip
    sizes = [(size,) * 3 for size in kib or ()] or list(
        product(act_kib or [_KIB], weight_kib or [_KIB], out_kib or [_KIB])
    )
    config = SweepConfig(
        networks=tuple(dict.fromkeys(networks)),
        arrays=tuple(dict.fromkeys(array_shape(item) for item in array or ["8x8"])),
        dataflows=tuple(dict.fromkeys(dataflow or ["os"])),
        pes=tuple(dict.fromkeys(pe or ["scalable"])),
        modes=tuple(dict.fromkeys(mode or ["scale-sim"])),
        memories=tuple(dict.fromkeys((a << 10, b << 10, c << 10) for a, b, c in sizes)),
        tech=tech,
        pe_energy=pe_energy,
        dram=dram,
        dram_bandwidth=bandwidth(dram_bandwidth),
        precisions=tuple(dict.fromkeys(precision or ())),
        vdds=tuple(dict.fromkeys(vdd or ())),
        policies=tuple(dict.fromkeys(policy or ())),
        batch=batch,
    )
    stems = "-".join(Path(name).stem for name in config.networks)
    folder = out or Path("runs") / f"sweep-{stems}"
    try:
        with SweepDisplay() as display:
            result = run_sweep(config, folder, lambda: executor(workers, dask), display.show)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished chunks are kept in {folder}", err=True)
        raise typer.Exit(130) from None
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    show_fronts(result, console)
    console.print("; ".join(result.notes) + ".\n", markup=False)
    if result.left_out:
        typer.echo(f"left out: {sum(result.left_out.values())} combinations, with "
                   f"{len(result.table)} in the table: {reasons(result.left_out)}")  # fmt: skip
    if not has_parquet():
        typer.echo("note: sweep.parquet needs pyarrow: pip install 'voltile[parquet]'")
    typer.echo(f"{folder / 'sweep.csv'}")
