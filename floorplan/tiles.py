"""The mesh: a core cut into N x N equal tiles, and the placement rows that remain in each.

The cut is made before anything is placed and does not look at the design (dissertation 4.1.2,
"no-look"). Between tiles lies a void: `gap_sites` placement sites across, one row up, so that
neither power rails nor wells of tiles at different supplies touch. Every tile starts on the site
grid, with the same number of rows, and rows keep alternating their orientation over the gaps.

Inside a tile, columns of sites at its left border, and where needed at its right one, are kept for
the Vdd-MUX, wider ones where a tile draws more; in its middle row the select flip-flop takes some
sites more. What remains is for cells.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible
from voltile.floorplan.mux_cells import MuxColumns, MuxReserve
from voltile.pdk import Technology

Ints = NDArray[np.int64]

# Rows left free between tiles above each other.
GAP_ROWS = 1


@dataclass(frozen=True)
class TileGrid:
    """A mesh of n x n tiles; tile t stands in column t % n and row t // n, from the lower left.

    Attributes
    ----------
    tile_rows, tile_width : int
        Placement rows in a tile, and sites in each of them, Vdd-MUX included.
    gap_sites : int
        Sites left free between tiles beside each other.
    site_width, site_height : float
        [m].
    mux : MuxColumns
        Of those, the sites that tiles keep for Vdd-MUX.
    """

    n: int
    tile_rows: int
    tile_width: int
    gap_sites: int
    site_width: float
    site_height: float
    mux: MuxColumns = MuxColumns()

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.n * self.n

    @property
    def flop_row(self) -> int:
        """Row of each tile that holds the select flip-flop, from its lowest."""
        return self.tile_rows // 2

    @property
    def core_sites(self) -> int:
        """Width of the core in sites, gaps included."""
        return self.n * self.tile_width + (self.n - 1) * self.gap_sites

    @property
    def core_rows(self) -> int:
        """Height of the core in rows, gaps included."""
        return self.n * self.tile_rows + (self.n - 1) * GAP_ROWS

    @property
    def core_area(self) -> float:
        """Area of the core, gaps included [m2]."""
        return self.core_sites * self.site_width * self.core_rows * self.site_height

    @cached_property
    def columns(self) -> Ints:
        """First site for cells in the rows of each tile, and the first behind, shape (tiles, 2)."""
        nothing = (0,) * self.tiles
        right = self.tile_width - np.array(self.mux.right or nothing)
        return np.stack([np.array(self.mux.left or nothing), right], axis=1)

    @property
    def row_area(self) -> float:
        """Area in which cells can stand [m2]."""
        return float(self.row_segments[:, 3].sum()) * self.site_width * self.site_height

    @cached_property
    def tile_origin(self) -> Ints:
        """First site and first row of each tile, shape (tiles, 2)."""
        column, row = np.arange(self.tiles) % self.n, np.arange(self.tiles) // self.n
        step = (self.tile_width + self.gap_sites, self.tile_rows + GAP_ROWS)
        return np.stack([column * step[0], row * step[1]], axis=1)

    @cached_property
    def row_segments(self) -> Ints:
        """Every piece of row for cells: (tile, first site, row, sites), shape (segments, 4)."""
        tile = np.repeat(np.arange(self.tiles), self.tile_rows)
        row = np.tile(np.arange(self.tile_rows), self.tiles)
        origin = self.tile_origin[tile]
        first, end = self.columns[tile].T
        first = first + np.where(row == self.flop_row, self.mux.flop, 0)
        segments = np.stack([tile, origin[:, 0] + first, origin[:, 1] + row, end - first], axis=1)
        return segments[segments[:, 3] > 0]

    def tile_at(self, site: Ints, row: Ints) -> Ints:
        """Tile for whose cells each (site, row) is; -1 in a gap, at a Vdd-MUX or outside."""
        column, across = np.divmod(site, self.tile_width + self.gap_sites)
        line, up = np.divmod(row, self.tile_rows + GAP_ROWS)
        inside = (column >= 0) & (column < self.n) & (line >= 0) & (line < self.n)
        tile = np.where(inside, line * self.n + column, 0)
        first, end = np.moveaxis(self.columns[tile], -1, 0)
        first = first + np.where(up == self.flop_row, self.mux.flop, 0)
        inside &= (across >= first) & (across < end) & (up < self.tile_rows)
        return np.where(inside, tile, -1)


def make_tile_grid(
    cell_area: float,
    widest: float,
    technology: Technology,
    n: int,
    utilisation: float,
    reserve: MuxReserve | None = None,
) -> TileGrid:
    """Return the most nearly square mesh that holds `cell_area` at a utilisation.

    Parameters
    ----------
    cell_area, widest : float
        Area of all cells [m2], and width of the widest [m].
    utilisation : float
        Share of the row area that cells fill; gaps and Vdd-MUX do not count.
    reserve : MuxReserve, optional
        Room for Vdd-MUX, which the core grows by.

    Raises
    ------
    PlacementInfeasible
        When a tile is too small for the widest cell, or its rows for Vdd-MUX, or the numbers make
        no sense.
    """
    if n < 1:
        raise PlacementInfeasible(f"a mesh needs at least 1 x 1 tiles, not {n} x {n}", n)
    if not 0 < utilisation <= 1:
        raise PlacementInfeasible(
            f"utilisation must be above 0 and at most 1, not {utilisation}", n
        )
    width, height = technology.site_width, technology.site_height
    row_area = cell_area / utilisation
    flop = reserve.cells.flop_sites * width if reserve else 0.0
    # A tile of a tiny design is rather lower than square than too narrow for a cell.
    least = max(widest, flop)
    wide_enough = row_area / (n * n * height * least) if least > 0 else inf

    def rows_of(area: float) -> int:
        return max(1, int(min(round(sqrt(area) / (n * height)), wide_enough)))

    def kept(mux: MuxColumns, tile_rows: int) -> int:
        return tile_rows * (sum(mux.left) + sum(mux.right)) + n * n * mux.flop

    tile_rows, mux = rows_of(row_area), MuxColumns()
    if reserve is not None:
        mux = reserve.columns(tile_rows)
        tile_rows = rows_of(row_area + kept(mux, tile_rows) * width * height)
        mux = reserve.columns(tile_rows)
    sites = row_area / width / height + kept(mux, tile_rows)
    # The row of the flip-flop holds it and the Vdd-MUX of both borders.
    least_width = max(map(sum, zip(mux.left, mux.right, strict=True)), default=0) + mux.flop
    tile_width = max(ceil(sites / (n * n * tile_rows)), least_width)
    grid = TileGrid(n, tile_rows, tile_width, technology.tile_gap, width, height, mux)
    flop_sites = mux.flop if tile_rows == 1 else 0
    longest = (int(np.diff(grid.columns).min()) - flop_sites) * width
    if longest < widest:
        is_wide = f"has {longest * 1e6:.2f} µm beside its Vdd-MUX"
        if reserve is None:
            is_wide = f"is {longest * 1e6:.2f} µm wide"
        raise PlacementInfeasible(
            f"{n} x {n} tiles are too many: a tile {is_wide} and the widest cell "
            f"{widest * 1e6:.2f} µm; {remedy(n)}",
            n,
        )
    return grid


def remedy(n: int) -> str:
    """Return what helps when cells do not fit n x n tiles."""
    return "use a lower utilisation" if n == 1 else "use fewer tiles or a lower utilisation"
