"""Vdd-MUX of a placed mesh: how wide their headers must be, which cells stand where, in what chain.

Headers are sized by Ohm's law: at the tile's peak current, the header that is on drops no more than
an allowed part of the supply that it passes on. Every row of a tile gets one Vdd-MUX at its left
border, or one at both borders, all with the same headers, so that current enters evenly (row-based
insertion, dissertation 4.1.2). The select flip-flops of the tiles form one scan chain, which runs
through the mesh line by line, back and forth.

Left out: the resistance of a row's own rail between its Vdd-MUX and its cells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible, VoltileError
from voltile.floorplan.mux_cells import CHOICES, ROUNDING, MuxCells, MuxVariant
from voltile.floorplan.tiles import TileGrid
from voltile.pdk import Header

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Part of the supply that a header may drop at the peak current.
DROP = 0.02


@dataclass(frozen=True)
class VddMuxes:
    """The Vdd-MUX of a mesh, in the order of tile, row and site.

    Attributes
    ----------
    cells : tuple of str
        Names of those in use.
    sites : ndarray of int, shape (cells,)
        Width of each of them.
    kind, site, row, tile : ndarray of int, shape (muxes,)
        Index into `cells`, lower left corner in sites and rows, and tile.
    flop : ndarray of int, shape (tiles,)
        Which Vdd-MUX holds the select flip-flop of each tile.
    header_width : ndarray, shape (tiles,)
        Of each of the two headers, over all Vdd-MUX of the tile [m].
    chain : ndarray of int, shape (tiles,)
        Tiles in the order in which a bit is shifted through them.
    chain_length : float
        Wire of the chain from flip-flop to flip-flop, middle to middle [m].
    """

    cells: tuple[str, ...]
    sites: Ints
    kind: Ints
    site: Ints
    row: Ints
    tile: Ints
    flop: Ints
    header_width: Floats
    chain: Ints
    chain_length: float

    def resistance(self, header: Header, vdd: float, vdd_high: float) -> Floats:
        """Resistance between a grid and the rail of each tile, shape (tiles,) [ohm].

        Parameters
        ----------
        vdd, vdd_high : float
            Supply of the tile, VddL or VddH, and VddH [V].
        """
        return header.on_resistance(vdd, vdd_high) / self.header_width

    def bit_stream(self, is_high: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Bits in the order in which they are shifted in to set each tile, shape (tiles,).

        Parameters
        ----------
        is_high : ndarray of bool, shape (tiles,)
            Which tiles run at VddH.
        """
        return is_high[self.chain][::-1]


def size_headers(
    current_low: Floats,
    current_high: Floats,
    vdd_low: float,
    vdd_high: float,
    header: Header,
    drop: float = DROP,
) -> Floats:
    """Return how wide each of the two headers of a tile must be for a pair of supplies [m].

    At VddL a header resists more, its overdrive being lower and its well above its source; at VddH
    more current flows. Both headers of a Vdd-MUX are as wide as the wider one must be. A mesh that
    runs at several pairs needs the widest of each tile.

    Parameters
    ----------
    current_low, current_high : ndarray, shape (tiles,)
        Peak current of each tile at VddL and at VddH [A].
    drop : float
        Part of its supply that a header may drop.

    Returns
    -------
    ndarray, shape (tiles,)
    """
    if not 0 < drop < 1:
        raise VoltileError(f"the drop of the headers must be between 0 and 1, not {drop:g}")
    low = header.on_resistance(vdd_low, vdd_high) * current_low / (drop * vdd_low)
    high = header.on_resistance(vdd_high, vdd_high) * current_high / (drop * vdd_high)
    return np.maximum(low, high)


def place_muxes(grid: TileGrid, cells: MuxCells, width: Floats) -> VddMuxes:
    """Put the smallest Vdd-MUX that suffices into every row of each tile.

    Parameters
    ----------
    width : ndarray, shape (tiles,)
        How wide each header of a tile must be [m].

    Raises
    ------
    PlacementInfeasible
        When a tile needs more than fits into the columns that the mesh keeps.
    """
    fingers, borders = _choose(grid, cells, width)
    everywhere = np.meshgrid(
        np.arange(grid.tiles), np.arange(grid.tile_rows), np.arange(2), indexing="ij"
    )
    tile, up, is_right = (item.reshape(-1) for item in everywhere)
    kept = is_right < borders[tile]
    tile, up, is_right = tile[kept], up[kept], is_right[kept]
    has_flop = (up == grid.flop_row) & (is_right == 0)
    codes, kind = np.unique(2 * fingers[tile] + has_flop, return_inverse=True)
    used = [MuxVariant(int(code) // 2, bool(code % 2)) for code in codes]
    sites = np.array([cells.sites(variant) for variant in used])
    origin = grid.tile_origin[tile]
    site = origin[:, 0] + is_right * (grid.tile_width - sites[kind])
    row = origin[:, 1] + up
    flop = np.flatnonzero(has_flop)
    chain = _boustrophedon(grid.n)
    x = (site + sites[kind] / 2)[flop[chain]] * grid.site_width
    y = row[flop[chain]] * grid.site_height
    return VddMuxes(
        tuple(variant.name for variant in used), sites, kind, site, row, tile, flop,
        np.asarray(borders * fingers * grid.tile_rows * cells.header.finger_width), chain,
        float(np.abs(np.diff(x)).sum() + np.abs(np.diff(y)).sum()),
    )  # fmt: skip


def _choose(grid: TileGrid, cells: MuxCells, width: Floats) -> tuple[Ints, Ints]:
    """Fingers of the headers, and Vdd-MUX in a row, of each tile: the smallest that suffice."""
    if not grid.mux.left:
        raise PlacementInfeasible(f"{grid.n} x {grid.n} tiles keep no sites for Vdd-MUX", grid.n)
    kept, per_finger = np.array(grid.mux[:2]), grid.tile_rows * cells.header.finger_width
    fingers, borders = np.zeros((2, grid.tiles), dtype=np.int64)
    for choice in CHOICES:
        every = np.full((2, grid.tiles), np.array(choice)[:, None])
        needed = cells.columns(*every)
        fits = (np.array(needed[:2]) <= kept).all(axis=0)
        fits &= np.sum(needed[:2], axis=0) + needed.flop <= grid.tile_width
        enough = choice[0] * choice[1] * per_finger >= width * (1 - ROUNDING)
        taken = fits & enough & (fingers == 0)
        fingers[taken], borders[taken] = choice
    if not fingers.all():
        tile = int(np.argmin(fingers))
        raise PlacementInfeasible(
            f"{grid.n} x {grid.n} tiles cannot hold their Vdd-MUX: tile {tile} needs headers of "
            f"{width[tile] * 1e6:.1f} µm, and keeps {kept[0, tile]} and {kept[1, tile]} sites at "
            f"its borders in {grid.tile_rows} rows; use other tiles, or allow a larger drop",
            grid.n,
        )
    return fingers, borders


def _boustrophedon(n: int) -> Ints:
    """Tiles line by line, every other line backwards, so that neighbours follow each other."""
    lines = np.arange(n * n).reshape(n, n)
    lines[1::2] = lines[1::2, ::-1].copy()
    return lines.reshape(-1)


# The arrays below are what a run folder keeps of Vdd-MUX, beside those of a placement.

_ARRAYS = ("sites", "kind", "site", "row", "tile", "flop", "header_width", "chain")


def muxes_to_arrays(muxes: VddMuxes) -> dict[str, NDArray[Any]]:
    """Return Vdd-MUX as plain arrays, for `numpy.savez`."""
    arrays = {f"mux_{name}": getattr(muxes, name) for name in _ARRAYS}
    text = json.dumps({"cells": muxes.cells, "chain_length": muxes.chain_length})
    return arrays | {"mux_text": np.frombuffer(text.encode(), dtype=np.uint8)}


def muxes_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> VddMuxes | None:
    """Return the Vdd-MUX that `muxes_to_arrays` took apart; None where there are none."""
    if "mux_text" not in arrays:
        return None
    text = json.loads(arrays["mux_text"].tobytes())
    plain = {name: arrays[f"mux_{name}"] for name in _ARRAYS}
    return VddMuxes(tuple(text["cells"]), chain_length=text["chain_length"], **plain)
