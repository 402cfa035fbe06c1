"""`voltile energy`: energy tables of networks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from voltile.flows.energy.job import EnergyResult


def energy_command(
    network: Annotated[
        str,
        typer.Argument(help="ONNX file, SCALE-Sim topology (.csv), or a built-in network: "
                       "resnet18, mobilenet_v2, ..."),
    ],
    array: Annotated[str, typer.Option(help="Rows x columns of elements.")] = "8x8",
    dataflow: Annotated[
        str, typer.Option(help="Output, weight or input stationary: os, ws, is.")
    ] = "os",
    pe: Annotated[
        str, typer.Option(help="Processing element: scalable, spatial (8 bits), dual (16 bits).")
    ] = "scalable",
    mode: Annotated[
        str,
        typer.Option(help="scale-sim: cycles of SCALE-Sim v3, traffic of a reuse model; rtl: those "
                     "of 'voltile rtl accelerator', exactly (dataflow os)."),
    ] = "scale-sim",
    tech: Tech = "freepdk45",
    pe_energy: PeEnergyFile = None,
    dram: Dram = "lpddr4",
    dram_bandwidth: DramBandwidth = None,
    act_kib: Annotated[int, typer.Option(min=1, help="SRAM of activations [KiB], 2 banks.")] = 128,
    weight_kib: Annotated[int, typer.Option(min=1, help="SRAM of weights [KiB], 2 banks.")] = 128,
    out_kib: Annotated[int, typer.Option(min=1, help="SRAM of results [KiB], 2 banks.")] = 128,
    precision: Precisions = None,
    vdd: Vdds = None,
    policy: Policies = None,
    batch: Batch = 1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder. [runs/energy-NETWORK]")
    ] = None,
) -> None:  # fmt: skip
    """Compute what every layer of a network costs, per precision and operating point.

    The clock is the highest that all precisions meet at each --vdd. Low precision then runs at the
    same supply and clock (same-supply), at the lowest supply for that clock (iso-frequency), or at
    the clock and lowest supply for the same MACs per second (iso-throughput). Energy is that of
    elements (measured), SRAMs (CACTI), DRAM (per bit) and a control processor; what is not counted
    is printed with the result.

    Leaves in the output folder: energy.csv, energy.json, energy.parquet (one table in three forms,
    documented in docs/energy_tables.md), layers.png, breakdown.png, reconfiguration.csv (what it
    costs to round the weights), run.json.

    Examples:

    `voltile energy resnet18 --pe dual`

    `voltile energy kws_dscnn --mode rtl` : on the accelerator as it is

    `voltile energy model.onnx --array 16x16 --dataflow ws --vdd 0.6 0.8 1.0`

    `voltile energy topology.csv --dram lpddr2 --dram-bandwidth 3.2 --out runs/net`
    """
    from rich.console import Console

    from voltile.flows.energy.display import energy_table
    from voltile.flows.energy.job import EnergyConfig, has_parquet, run_energy
    from voltile.flows.precision.inputs import example_file

    config = EnergyConfig(
        network=str(example_file(network, ".onnx") or network),
        array=array_shape(array),
        dataflow=dataflow,
        pe=pe,
        mode=mode,
        tech=tech,
        pe_energy=pe_energy,
        dram=dram,
        dram_bandwidth=bandwidth(dram_bandwidth),
        act_bytes=act_kib << 10,
        weight_bytes=weight_kib << 10,
        out_bytes=out_kib << 10,
        precisions=tuple(dict.fromkeys(precision or ())),
        vdds=tuple(dict.fromkeys(vdd or ())),
        policies=tuple(dict.fromkeys(policy or ())),
        batch=batch,
    )
    folder = out or Path("runs") / f"energy-{Path(network).stem}"
    result = run_energy(config, folder)
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(energy_table(result))
    typer.echo(f"rounding all weights: {_reconfiguration(result)}")
    if not has_parquet():
        typer.echo("note: energy.parquet needs pyarrow: pip install 'voltile[parquet]'")
    typer.echo(f"{folder / 'energy.csv'}")


def _reconfiguration(result: "EnergyResult") -> str:
    energy = result.reconfiguration.energy
    if not energy:
        return "nothing, these elements round them themselves"
    share = energy / result.inference
    return f"{energy * 1e6:.4g} µJ, {share:.1%} of an inference at full precision"
