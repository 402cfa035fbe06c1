"""Area of a layout, as dissertation Table 4.1 accounts for it."""

from dataclasses import dataclass

from voltile.floorplan.clock_tree import ClockTree
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.tiles import TileGrid
from voltile.floorplan.vdd_mux import VddMuxes


@dataclass(frozen=True)
class LayoutArea:
    """What a layout takes.

    Attributes
    ----------
    tiles : int
        1: uncut.
    core : float
        All of it, gaps and columns of Vdd-MUX included [m2].
    rows : int
        Of the core, gaps included.
    cells, muxes, clock_buffers : float
        Standard cells, Vdd-MUX, and buffers of the clock tree, which stand where the core has free
        space [m2].
    """

    tiles: int
    core: float
    rows: int
    cells: float
    muxes: float
    clock_buffers: float

    def overhead(self, uncut: "LayoutArea") -> float:
        """By what part its core is larger than that of the uncut layout."""
        return self.core / uncut.core - 1


def layout_area(
    netlist: Netlist, grid: TileGrid, tree: ClockTree, muxes: VddMuxes | None = None
) -> LayoutArea:
    """Account for the area of a netlist on a mesh."""
    sites = 0 if muxes is None else int(muxes.sites[muxes.kind].sum())
    return LayoutArea(
        grid.tiles,
        grid.core_area,
        grid.core_rows,
        float(netlist.cell_area.sum()),
        sites * grid.site_width * grid.site_height,
        float(tree.area.sum()),
    )
