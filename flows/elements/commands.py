"""`voltile characterize-pe`, `voltile operands`: energy per MAC of the processing elements."""

from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError


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

    from voltile.flows.elements.display import energies_table
    from voltile.flows.elements.job import PeConfig, characterize_pes
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
    from voltile.flows.elements.operands import network_operands, write_operands

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
