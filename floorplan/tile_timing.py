"""Timing of a placed mesh over the tiles that run at VddH."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.floorplan.placement import Placement
from voltile.floorplan.timing import Timer, Timing, Wires

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TileTimer:
    """A timer, and where the cells stand whose supplies it is to change.

    Attributes
    ----------
    library : ndarray of int, shape (2, cells)
        Which of the timer's libraries each instance is of at VddL, and at VddH.
    stretch : ndarray, shape (2, tiles)
        Factor on the delays of a tile at VddL, and at VddH: what its headers drop.

    Raises
    ------
    VoltileError
        When placement, libraries or drops are of another netlist or mesh; or a plan later is.
    """

    timer: Timer
    placement: Placement
    wires: Wires
    library: Ints
    stretch: Floats

    def __post_init__(self) -> None:
        netlist = self.timer.graph.netlist
        for name, cells in (("placement", len(self.placement.tile)),
                            ("choice of libraries", self.library.shape[1])):  # fmt: skip
            if cells != netlist.cells:
                raise VoltileError(
                    f"the {name} is of {cells} cells, and {netlist.name} has {netlist.cells}"
                )
        self.check_tiles("drop of the headers", self.stretch.shape[1])

    def check_tiles(self, name: str, tiles: int) -> None:
        """Check that something is of as many tiles as the mesh."""
        if tiles != self.tiles:
            raise VoltileError(
                f"the {name} is of {tiles} tiles, and the mesh of {self.timer.graph.netlist.name} "
                f"has {self.tiles}"
            )

    @classmethod
    def plain(cls, timer: Timer, placement: Placement, wires: Wires) -> "TileTimer":
        """Return that of the timer's first two libraries, VddL and VddH, and no drop."""
        library = np.repeat([[0], [1]], len(placement.tile), axis=1)
        return cls(timer, placement, wires, library, np.ones((2, placement.grid.tiles)))

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.placement.grid.tiles

    @property
    def vdds(self) -> tuple[float, float]:
        """VddL and VddH [V]."""
        low, high = (self.timer.libraries[at].vdd for at in self.library[:, 0])
        return low, high

    @cached_property
    def _cells(self) -> Ints:
        return np.arange(len(self.placement.tile))

    def library_of(self, is_high: Bools) -> Ints:
        """Library of each instance, shape (cells,), by the tiles at VddH, shape (tiles,)."""
        self.check_tiles("plan", len(is_high))
        return np.asarray(self.library[is_high.astype(np.int64)[self.placement.tile], self._cells])

    def analyze(self, is_high: Bools) -> Timing:
        """Time the netlist where some tiles are at VddH, shape (tiles,)."""
        library = self.library_of(is_high)
        stretch = self.stretch[is_high.astype(np.int64), np.arange(self.tiles)]
        return self.timer.analyze(library, self.wires, stretch[self.placement.tile])
