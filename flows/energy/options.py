"""Options that `voltile energy` and `voltile sweep` share, and what their texts mean."""

import re
from math import inf
from pathlib import Path
from typing import Annotated

import typer

from voltile.core import VoltileError

_SHAPE = re.compile(r"(\d{1,6})x(\d{1,6})")

Tech = Annotated[
    str, typer.Option(help="freepdk45, sky130-spice, sky130hd (needs the PDK), or a manifest.")
]
PeEnergyFile = Annotated[
    Path | None,
    typer.Option(help="pe_energy.csv of 'voltile characterize-pe'. [the technology's own]"),
]
Dram = Annotated[str, typer.Option(help="lpddr4, lpddr2, ddr3.")]
DramBandwidth = Annotated[float | None, typer.Option(help="Of the DRAM [GB/s]. [never waited for]")]
Precisions = Annotated[list[str] | None, typer.Option(help="Precisions: full, mixed, half. [all]")]
Vdds = Annotated[list[float] | None, typer.Option(help="Supplies of full precision [V]. [nominal]")]
Policies = Annotated[
    list[str] | None,
    typer.Option(help="How low precision uses its speed: same-supply, iso-frequency, "
                 "iso-throughput. [all]"),
]  # fmt: skip
Batch = Annotated[int, typer.Option(help="Inputs that are computed together.")]


def array_shape(text: str) -> tuple[int, int]:
    """Return rows and columns of an array, "8x8".

    Raises
    ------
    VoltileError
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise VoltileError(f"--array must be ROWSxCOLS of 1 to 999999 each, as 8x8, not '{text}'")
    return int(shape[1]), int(shape[2])


def bandwidth(gigabytes: float | None) -> float:
    """Return the bandwidth of a DRAM [byte/s], infinite where none is given."""
    return inf if gigabytes is None else gigabytes * 1e9
