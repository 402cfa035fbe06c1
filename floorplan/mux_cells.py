"""Vdd-MUX cells: two p-type headers that tie a tile's rail to VddL or VddH, for other tools.

A Vdd-MUX is one row high and holds two headers of equally many fingers, side by side on the p side
of the row (dissertation 4.1.2, Fig. 4.4). Every tile has one Vdd-MUX with the flip-flop of the scan
chain, which selects the supply of the tile, and with the drivers of the two select wires. A variant
with a given number of fingers exists with and without the flip-flop.

The n-well of the headers, their selects and the flip-flop are at VddH (see `voltile.pdk.header`).
"""

from dataclasses import dataclass
from math import ceil, isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible, TechnologyError
from voltile.pdk import Header, Technology
from voltile.pdk.lef_writer import Footprint, Site, lef_text

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A width this much too small, relative, is enough, rounded.
ROUNDING = 1e-9
# Fingers of each of the two headers: the variants there are.
FINGERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
# Fingers, and at how many borders, from the smallest to the largest width of a row's headers.
CHOICES = (*((fingers, 1) for fingers in FINGERS),
           *((fingers, 2) for fingers in FINGERS if 2 * fingers > FINGERS[-1]))  # fmt: skip
# What runs over a Vdd-MUX: the tile's rail and ground along the edges of the row, these between.
_STRAPS = {"VBN": "GROUND", "VDDL": "POWER", "VDDH": "POWER", "VBP": "POWER"}
SUPPLIES = ("VDDL", "VDDH", "VSS", "VBN", "VBP")
_MODEL = """module {name} (inout VDDT, inout VDDL, inout VDDH, inout VSS, inout VBN, inout VBP,
    {ports});
{select}  tranif0 (VDDT, VDDL, SEL);
  tranif0 (VDDT, VDDH, SELB);
endmodule
"""
_LIBERTY = """/* Vdd-MUX: areas and pins, no timing; supplies are pins like others. */
library ("vdd_mux") {{
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  current_unit : "1uA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf);
{thresholds}{cells}}}
"""
_LIBERTY_CELL = """  cell ("{name}") {{
    area : {area:.9g};
    dont_touch : true;
    dont_use : true;
{pins}  }}
"""
# Without them OpenSTA reads no library, though there are no tables that they would be of.
_THRESHOLDS = {"input_threshold_pct": 50, "output_threshold_pct": 50,
               "slew_lower_threshold_pct": 20, "slew_upper_threshold_pct": 80}  # fmt: skip
_SELECT = """  reg select;
  always @(posedge CK) select <= SI;
  assign SO = select;
  assign SEL = select;
  assign SELB = ~select;
"""


class MuxColumns(NamedTuple):
    """Sites of every row that a tile keeps for its Vdd-MUX, well spacing included.

    `left` and `right` are those at the borders of each tile, empty where there are none; `flop` is
    what the select flip-flop takes beside the left column, in one row of the tile.
    """

    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    flop: int = 0


class MuxVariant(NamedTuple):
    """A Vdd-MUX: fingers of each header, and whether it holds the select flip-flop."""

    fingers: int
    has_flop: bool

    @property
    def name(self) -> str:
        """Name of the cell."""
        return f"vdd_mux{'_ff' if self.has_flop else ''}_x{self.fingers}"

    @property
    def signals(self) -> dict[str, str]:
        """Direction of every pin that is none of its supplies."""
        if not self.has_flop:
            return {"SEL": "INPUT", "SELB": "INPUT"}
        return {"SEL": "OUTPUT", "SELB": "OUTPUT", "SI": "INPUT", "CK": "INPUT", "SO": "OUTPUT"}


VARIANTS = tuple(MuxVariant(fingers, flop) for flop in (False, True) for fingers in FINGERS)


@dataclass(frozen=True, eq=False)
class MuxCells:
    """The Vdd-MUX of a technology.

    Attributes
    ----------
    layer : str
        Of the rails of the cell rows, and of all pins of a Vdd-MUX.
    flop_sites : int
        Width of the select flip-flop and its two drivers.
    """

    header: Header
    site: Site
    layer: str
    flop_sites: int

    def sites(self, variant: MuxVariant) -> int:
        """Width of a cell in sites.

        The fingers of both headers share their diffusions, the tile's rail being between the two;
        the ends take half a pitch each.
        """
        columns = 2 * variant.fingers + 1
        width = ceil(columns * self.header.gate_pitch / self.site.width - 1e-6)
        return width + self.flop_sites * variant.has_flop

    def choose(self, width: Floats, tile_rows: int) -> tuple[Ints, Ints]:
        """Return the fingers of each tile's headers, and how many Vdd-MUX stand in a row.

        One in every row, at its left border; at both borders where the largest does not suffice.

        Parameters
        ----------
        width : ndarray, shape (tiles,)
            Of each of the two headers of a tile, over all its rows [m].

        Raises
        ------
        PlacementInfeasible
            When the largest at both borders does not suffice either.
        """
        n, per_finger = isqrt(len(width)), tile_rows * self.header.finger_width
        worst, most = int(np.argmax(width)), CHOICES[-1][0] * CHOICES[-1][1] * per_finger
        if width[worst] > most * (1 + ROUNDING):
            raise PlacementInfeasible(
                f"{n} x {n} tiles cannot hold their Vdd-MUX: tile {worst} needs headers of "
                f"{width[worst] * 1e6:.0f} µm, and its {tile_rows} rows hold {most * 1e6:.0f} µm; "
                f"use other tiles, or allow a larger drop",
                n,
            )
        total = np.prod(CHOICES, axis=1)
        chosen = np.searchsorted(total, width / per_finger * (1 - ROUNDING))
        fingers, borders = np.array(CHOICES)[chosen].T
        return fingers, borders

    def columns(self, fingers: Ints, borders: Ints) -> MuxColumns:
        """Return the sites that such Vdd-MUX take in the rows of each tile, and keep clear."""
        sites = {
            item: self.sites(MuxVariant(item, False)) + self.header.well_gap for item in FINGERS
        }
        left = [sites[item] for item in fingers.tolist()]
        right = np.where(borders == 2, left, 0)
        return MuxColumns(tuple(left), tuple(right.tolist()), self.flop_sites)

    def lef(self) -> str:
        """Return the footprints of all variants as LEF."""
        footprints = [
            Footprint(
                variant.name,
                self.sites(variant) * self.site.width,
                variant.signals,
                _STRAPS,
            )
            for variant in VARIANTS
        ]
        return lef_text(self.site, footprints, "VDDT", "VSS", self.layer)

    def liberty(self) -> str:
        """Return areas and pins of all variants as Liberty, for tools that ask for one."""
        row = self.site.width * self.site.height * 1e12
        cells = []
        for variant in VARIANTS:
            pins = dict.fromkeys(("VDDT", *SUPPLIES), "INOUT") | variant.signals
            lines = (f'    pin ("{pin}") {{ direction : {pins[pin].lower()}; }}\n' for pin in pins)
            cells.append(_LIBERTY_CELL.format(
                name=variant.name, area=self.sites(variant) * row, pins="".join(lines)
            ))  # fmt: skip
        thresholds = (
            f"  {name}_{edge} : {value};\n"
            for name, value in _THRESHOLDS.items() for edge in ("rise", "fall")
        )  # fmt: skip
        return _LIBERTY.format(thresholds="".join(thresholds), cells="".join(cells))


def mux_models() -> str:
    """Return functional models of all variants in Verilog.

    Headers are p-type switches: while SEL is 1 the rail VDDT is tied to VDDH, else to VDDL.
    """
    return "".join(
        _MODEL.format(
            name=variant.name,
            ports="output SEL, output SELB, input SI, input CK, output SO"
            if variant.has_flop
            else "input SEL, input SELB",
            select=_SELECT if variant.has_flop else "",
        )
        for variant in VARIANTS
    )


def mux_cells(technology: Technology) -> MuxCells:
    """Return the Vdd-MUX of a technology.

    The select flip-flop and its drivers are as wide as the flip-flop that the technology names and
    two of its buffers.

    Raises
    ------
    TechnologyError
        When headers are not measured, or the LEF files lack that flip-flop or the rails of cells.
    """
    header, macros = technology.header, technology.lef.macros
    if header is None:
        raise TechnologyError(
            f"technology {technology.name} has no headers measured: a Vdd-MUX cannot be sized"
        )
    for cell in (header.flip_flop, technology.buffer_cell):
        if cell not in macros:
            raise TechnologyError(f"technology {technology.name}: no LEF macro for {cell}")
    buffer = macros[technology.buffer_cell]
    if not buffer.rail_layer:
        raise TechnologyError(
            f"technology {technology.name}: {technology.buffer_cell} has no power pin on a routing "
            f"layer of its LEF files"
        )
    width = macros[header.flip_flop].width + 2 * buffer.width
    return MuxCells(
        header, _site(technology), buffer.rail_layer, ceil(width / technology.site_width - 1e-6)
    )


def _site(technology: Technology) -> Site:
    size = (technology.site_width, technology.site_height)
    name = next(name for name, item in technology.lef.sites.items() if item == size)
    return Site(name, *size)


@dataclass(frozen=True, eq=False)
class MuxReserve:
    """Room for Vdd-MUX that the tiles of a mesh keep before anything is placed.

    Attributes
    ----------
    width : ndarray, shape (tiles,)
        Of each of the two headers of a tile, over all its rows [m].
    """

    cells: MuxCells
    width: Floats

    def columns(self, tile_rows: int) -> MuxColumns:
        """Return the sites to keep in tiles of so many rows.

        Raises
        ------
        PlacementInfeasible
            When the largest Vdd-MUX do not suffice in some tile.
        """
        return self.cells.columns(*self.cells.choose(self.width, tile_rows))

    def share(self, tile_rows: int, tile_width: int) -> float:
        """Part of the sites of tiles that they keep."""
        kept = self.columns(tile_rows)
        return (sum(kept.left) + sum(kept.right)) / (len(self.width) * tile_width)
