"""The mesh: a core cut into N x N equal tiles, and the placement rows that remain in each.

The cut is made before anything is placed and does not look at the design (dissertation 4.1.2,
"no-look"). Between tiles lies a void: `gap_sites` placement sites across, one row up, so that
neither power rails nor wells of tiles at different supplies touch. Every tile starts on the site
grid, with the same number of rows, and rows keep alternating their orientation over the gaps.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible
from voltile.pdk import Technology

Ints = NDArray[np.int64]

# Rows left free between tiles above each other.
GAP_ROWS = 1


@dataclass(frozen=True)
class TileGrid:
    """A mesh of n x n tiles; tile t stands in column t % n and row t // n, from the lower left.

    Attributes
    ----------
    tile_rows, tile_sites : int
        Placement rows in a tile, and sites in each of them.
    gap_sites : int
        Sites left free between tiles beside each other.
    site_width, site_height : float
        [m].
    """

    n: int
    tile_rows: int
    tile_sites: int
    gap_sites: int
    site_width: float
    site_height: float

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.n * self.n

    @property
    def core_sites(self) -> int:
        """Width of the core in sites, gaps included."""
        return self.n * self.tile_sites + (self.n - 1) * self.gap_sites

    @property
    def core_rows(self) -> int:
        """Height of the core in rows, gaps included."""
        return self.n * self.tile_rows + (self.n - 1) * GAP_ROWS

    @property
    def core_area(self) -> float:
        """Area of the core, gaps included [m2]."""
        return self.core_sites * self.site_width * self.core_rows * self.site_height

    @property
    def row_area(self) -> float:
        """Area in which cells can stand [m2]."""
        return self.tiles * self.tile_rows * self.tile_sites * self.site_width * self.site_height

    @cached_property
    def tile_origin(self) -> Ints:
        """First site and first row of each tile, shape (tiles, 2)."""
        column, row = np.arange(self.tiles) % self.n, np.arange(self.tiles) // self.n
        step = (self.tile_sites + self.gap_sites, self.tile_rows + GAP_ROWS)
        return np.stack([column * step[0], row * step[1]], axis=1)

    @cached_property
    def row_segments(self) -> Ints:
        """Every piece of row: (tile, first site, row), shape (tiles * tile_rows, 3)."""
        tile = np.repeat(np.arange(self.tiles), self.tile_rows)
        row = np.tile(np.arange(self.tile_rows), self.tiles)
        origin = self.tile_origin[tile]
        return np.stack([tile, origin[:, 0], origin[:, 1] + row], axis=1)

    def tile_at(self, site: Ints, row: Ints) -> Ints:
        """Tile that holds each (site, row), -1 in a gap or outside."""
        column, across = np.divmod(site, self.tile_sites + self.gap_sites)
        line, up = np.divmod(row, self.tile_rows + GAP_ROWS)
        inside = (across < self.tile_sites) & (up < self.tile_rows)
        inside &= (column >= 0) & (column < self.n) & (line >= 0) & (line < self.n)
        return np.where(inside, line * self.n + column, -1)


def make_tile_grid(
    cell_area: float, widest: float, technology: Technology, n: int, utilisation: float
) -> TileGrid:
    """Return the most nearly square mesh that holds `cell_area` at a utilisation.

    Parameters
    ----------
    cell_area, widest : float
        Area of all cells [m2], and width of the widest [m].
    utilisation : float
        Share of the row area that cells fill; gaps do not count.

    Raises
    ------
    PlacementInfeasible
        When a tile is too small for the widest cell, or the numbers make no sense.
    """
    if n < 1:
        raise PlacementInfeasible(f"a mesh needs at least 1 x 1 tiles, not {n} x {n}", n)
    if not 0 < utilisation <= 1:
        raise PlacementInfeasible(
            f"utilisation must be above 0 and at most 1, not {utilisation}", n
        )
    width, height = technology.site_width, technology.site_height
    row_area = cell_area / utilisation
    square = round(sqrt(row_area) / (n * height))
    # A tile of a tiny design is rather lower than square than too narrow for a cell.
    wide_enough = int(row_area / (n * n * height * widest)) if widest > 0 else square
    tile_rows = max(1, min(square, wide_enough))
    tile_sites = ceil(row_area / (n * n * tile_rows * height) / width)
    if tile_sites * width < widest:
        raise PlacementInfeasible(
            f"{n} x {n} tiles are too many: a tile is {tile_sites * width * 1e6:.2f} µm wide and "
            f"the widest cell {widest * 1e6:.2f} µm; use fewer tiles or a lower utilisation",
            n,
        )
    return TileGrid(n, tile_rows, tile_sites, technology.tile_gap, width, height)
