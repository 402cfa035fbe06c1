"""`voltile rtl`: the Verilog of the built-in designs."""

from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError

rtl = typer.Typer(no_args_is_help=True, help="Write the Verilog of a built-in design.")

Output = Annotated[Path, typer.Option("--out", "-o", help="Verilog file to write.")]
Width = Annotated[int, typer.Option(help="Operand width in bits, even, at least 4.")]
AccWidth = Annotated[int, typer.Option(help="Accumulator width in bits.")]


@rtl.command("mac")
def rtl_mac(out: Output, width: Width = 8, acc_width: AccWidth = 32) -> None:
    """Write one scalable-precision MAC.

    Example: `voltile rtl mac -o mac.v`
    """
    from voltile.hdl import ScalableMac

    _write_rtl(lambda: ScalableMac(width, acc_width), "mac", out)


@rtl.command("spatial")
def rtl_spatial(out: Output, width: Width = 8, acc_width: AccWidth = 32) -> None:
    """Write one MAC with four multipliers: 1, 2 or 4 products a cycle, by precision.

    Example: `voltile rtl spatial -o spatial.v`
    """
    from voltile.hdl import SpatialMac

    _write_rtl(lambda: SpatialMac(width, acc_width), "spatial", out)


@rtl.command("dual")
def rtl_dual(out: Output, width: Width = 16, acc_width: AccWidth = 44) -> None:
    """Write one MAC for one product a cycle, or two of half the width.

    Example: `voltile rtl dual --width 16 -o dual.v`
    """
    from voltile.hdl import DualMac

    _write_rtl(lambda: DualMac(width, acc_width), "dual", out)


@rtl.command("grid")
def rtl_grid(
    out: Output,
    rows: Annotated[int, typer.Option(help="Rows of MACs.")] = 4,
    cols: Annotated[int, typer.Option(help="Columns of MACs.")] = 4,
    width: Width = 8,
    acc_width: AccWidth = 32,
) -> None:
    """Write a grid of MACs under one broadcast control word.

    Example: `voltile rtl grid --rows 8 --cols 8 -o grid.v`
    """
    from voltile.hdl import Grid

    _write_rtl(lambda: Grid(rows, cols, width, acc_width), "grid", out)


Rows = Annotated[int, typer.Option(help="Rows of processing elements.")]
Cols = Annotated[int, typer.Option(help="Columns of processing elements.")]
Pe = Annotated[
    str, typer.Option(help="Processing element: scalable, spatial, or dual. See `voltile rtl`.")
]
PeWidth = Annotated[int | None, typer.Option(help="Operand width in bits. [8; of dual 16]")]
PeAccWidth = Annotated[int | None, typer.Option(help="Accumulator width in bits. [32; of dual 44]")]


@rtl.command("array")
def rtl_array(
    out: Output,
    rows: Rows = 8,
    cols: Cols = 8,
    pe: Pe = "scalable",
    width: PeWidth = None,
    acc_width: PeAccWidth = None,
) -> None:
    """Write an output-stationary systolic array.

    Examples:

    `voltile rtl array -o array.v`

    `voltile rtl array --pe dual --rows 4 --cols 4 -o array.v`
    """
    from voltile.hdl import SystolicArray

    _write_rtl(lambda: SystolicArray(rows, cols, _element(pe, width, acc_width)), "array", out)


@rtl.command("accelerator")
def rtl_accelerator(
    out: Output,
    rows: Rows = 8,
    cols: Cols = 8,
    pe: Pe = "scalable",
    width: PeWidth = None,
    acc_width: PeAccWidth = None,
    act_kib: Annotated[int, typer.Option(help="Buffer of activations [KiB], two banks.")] = 128,
    weight_kib: Annotated[int, typer.Option(help="Buffer of weights [KiB], two banks.")] = 128,
    out_kib: Annotated[int, typer.Option(help="Buffer of results [KiB], two banks.")] = 128,
) -> None:
    """Write an accelerator: array, buffers, sequencer, streams, and registers on a Wishbone bus.

    Its memories are modules by themselves, `accelerator__sram_DEPTHxWIDTH_LANESlane`, which a flow
    binds to SRAM macros.

    Examples:

    `voltile rtl accelerator -o accelerator.v`

    `voltile rtl accelerator --pe spatial --act-kib 64 -o accelerator.v`
    """
    from voltile.hdl import Accelerator

    sizes = act_kib << 10, weight_kib << 10, out_kib << 10
    _write_rtl(
        lambda: Accelerator(rows, cols, _element(pe, width, acc_width), *sizes),
        "accelerator",
        out,
    )


def _element(name: str, width: int | None, acc_width: int | None):  # type: ignore[no-untyped-def]
    """Return a processing element; what is not given is its default."""
    from voltile.hdl import PROCESSING_ELEMENTS

    if name not in PROCESSING_ELEMENTS:
        raise VoltileError(f"--pe must be one of {', '.join(PROCESSING_ELEMENTS)}, not {name}")
    given = {"width": width, "acc_width": acc_width}
    return PROCESSING_ELEMENTS[name](
        **{key: value for key, value in given.items() if value is not None}
    )


def _write_rtl(make, name: str, out: Path) -> None:  # type: ignore[no-untyped-def]
    from voltile.hdl import write_verilog

    if not out.parent.is_dir():
        raise VoltileError(f"{out} cannot be written: there is no folder {out.parent}")
    try:
        write_verilog(make(), name, out)
    except ValueError as error:
        raise VoltileError(str(error)) from None
    except OSError as error:
        raise VoltileError(f"{out} cannot be written: {error.strerror}") from None
    if out.is_file():  # and not standard output
        typer.echo(f"{out}")
