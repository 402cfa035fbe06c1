"""`voltile rtl`: the Verilog of the built-in designs."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import gcd
from pathlib import Path
from threading import Event, Thread
from typing import Annotated

import typer

from voltile.core import VoltileError

# Of a buffer: far more than any chip has, and less than its word addresses reach.
_MOST_KIB = 16384

rtl = typer.Typer(no_args_is_help=True, help="Write the Verilog of a built-in design.")

Output = Annotated[Path, typer.Option("--out", "-o", help="Verilog file to write.")]
Width = Annotated[int, typer.Option(help="Operand width in bits: even, 4 to 32.")]
AccWidth = Annotated[
    int, typer.Option(help="Accumulator width in bits, from twice the operand width to 128.")
]


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


Rows = Annotated[
    int, typer.Option(help="Rows of processing elements; at most 1024 elements together.")
]
Cols = Annotated[int, typer.Option(help="Columns of processing elements.")]
EvenRows = Annotated[
    int, typer.Option(help="Rows of processing elements: even; at most 1024 elements together.")
]
EvenCols = Annotated[int, typer.Option(help="Columns of processing elements: even.")]
Pe = Annotated[
    str, typer.Option(help="Processing element: scalable, spatial, or dual. See `voltile rtl`.")
]
PeWidth = Annotated[
    int | None, typer.Option(help="Operand width in bits: even, 4 to 32. [8; of dual 16]")
]
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
    rows: EvenRows = 8,
    cols: EvenCols = 8,
    pe: Pe = "scalable",
    width: PeWidth = None,
    acc_width: PeAccWidth = None,
    act_kib: Annotated[int, typer.Option(help="Buffer of activations [KiB], two banks.")] = 128,
    weight_kib: Annotated[int, typer.Option(help="Buffer of weights [KiB], two banks.")] = 128,
    out_kib: Annotated[int, typer.Option(help="Buffer of results [KiB], two banks.")] = 128,
) -> None:
    """Write an accelerator: array, buffers, sequencer, streams, and registers on a Wishbone bus.

    Its memories are modules by themselves, `accelerator__sram_DEPTHxWIDTH_LANESlane`, which a flow
    binds to SRAM macros. The host's side in Python, `hdl.LayerJob`, needs an `hdl.Accelerator` of
    the same rows, columns, element and buffers; docs/accelerator.md has an example.

    Examples:

    `voltile rtl accelerator -o accelerator.v`

    `voltile rtl accelerator --pe spatial --act-kib 64 -o accelerator.v`
    """
    from voltile.hdl import Accelerator

    for name, count in (("rows", rows), ("cols", cols)):
        if count < 2 or count % 2:
            raise VoltileError(f"--{name} must be even, at least 2, not {count}")
    element = _element(pe, width, acc_width)
    sizes = (
        _buffer_bytes("act", act_kib, rows * element.act_width),
        _buffer_bytes("weight", weight_kib, cols * element.weight_width),
        _buffer_bytes("out", out_kib, cols * element.width),
    )
    _write_rtl(lambda: Accelerator(rows, cols, element, *sizes), "accelerator", out)


def _element(name: str, width: int | None, acc_width: int | None):  # type: ignore[no-untyped-def]
    """Return a processing element; what is not given is its default."""
    from voltile.hdl import PROCESSING_ELEMENTS

    if name not in PROCESSING_ELEMENTS:
        raise VoltileError(f"--pe must be one of {', '.join(PROCESSING_ELEMENTS)}, not {name}")
    given = {"width": width, "acc_width": acc_width}
    try:
        return PROCESSING_ELEMENTS[name](
            **{key: value for key, value in given.items() if value is not None}
        )
    except ValueError as error:
        raise VoltileError(str(error)) from None


def _buffer_bytes(name: str, kib: int, bits: int) -> int:
    """Return the bytes of a buffer of two banks of words of some bits."""
    if not 1 <= kib <= _MOST_KIB:
        raise VoltileError(f"--{name}-kib must be from 1 to {_MOST_KIB} KiB, not {kib}")
    unit = 2 * bits // gcd(2 * bits, 8 << 10)
    if kib % unit:
        raise VoltileError(
            f"--{name}-kib must be a multiple of {unit} KiB, as both banks hold whole words of "
            f"{bits} bits, not {kib}"
        )
    return kib << 10


def _write_rtl(make, name: str, out: Path) -> None:  # type: ignore[no-untyped-def]
    from voltile.hdl import write_verilog

    if out.is_dir():
        raise VoltileError(f"{out} cannot be written: it is a folder")
    if not out.parent.is_dir():
        raise VoltileError(f"{out} cannot be written: there is no folder {out.parent}")
    try:
        component = make()
        elements = getattr(component, "rows", 1) * getattr(component, "cols", 1)
        with _shown_when_long(f"{name}: Verilog of {elements} processing element(s)"):
            write_verilog(component, name, out)
    except KeyboardInterrupt:
        warnings.simplefilter("ignore")  # Amaranth's, of components that come to no use
        raise
    except ValueError as error:
        raise VoltileError(str(error)) from None
    except OSError as error:
        raise VoltileError(f"{out} cannot be written: {error.strerror}") from None
    if out.is_file():  # and not standard output
        typer.echo(f"{out}")


@contextmanager
def _shown_when_long(what: str) -> Iterator[None]:
    """Say on standard error what goes on for longer than two seconds, and then every ten."""
    start, done = time.monotonic(), Event()

    def tell() -> None:
        wait = 2.0
        while not done.wait(wait):
            typer.echo(f"{what} ... {time.monotonic() - start:.0f} s", err=True)
            wait = 10.0

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
