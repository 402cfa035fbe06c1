"""Which library cell every instance is: in the netlist, and where its timing stands.

A timing tool knows neither a supply per instance nor what a driver at VddL does. So what an
instance has of these is in the name of its cell, as suffixes: the bias, which is drawn and so in
netlist and layout; the supply; and the inputs that come from a tile at VddL while the cell is at
VddH. The last two are of an operating point: netlist and layout name the cell at VddL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.exports.names import plain_names
from voltile.floorplan.tile_timing import TileTimer
from voltile.pdk import CellCopy, CellLibrary

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class CellVersion(NamedTuple):
    """A library cell as instances need it.

    `low` has bit k set where pin k of the cell is driven from VddL and that makes a difference.
    """

    library: int
    kind: int
    low: int


@dataclass(frozen=True, eq=False)
class CellVersions:
    """Versions of the library cells that a mesh needs at an operating point.

    Attributes
    ----------
    biases : tuple of str
        Of the technology, the unbiased first.
    of_cell : ndarray of int, shape (cells,)
        Which of `versions` every instance is.
    """

    mesh: TileTimer
    biases: tuple[str, ...]
    versions: tuple[CellVersion, ...]
    of_cell: Ints

    @property
    def libraries(self) -> tuple[CellLibrary, ...]:
        """Those that versions are numbered by."""
        return self.mesh.timer.libraries

    def is_at_low(self, number: int) -> bool:
        """Whether a library is of VddL, where netlist and layout have their names from."""
        return self.libraries[number].vdd == min(self.mesh.vdds)

    @cached_property
    def used(self) -> list[int]:
        """Libraries that hold the cells of the netlist, then those of cells at VddH."""
        timed = {version.library for version in self.versions}
        return sorted({*self.mesh.library[0].tolist(), *timed})

    @cached_property
    def used_biases(self) -> list[str]:
        """Biases of cells, in their order, without the first."""
        used = {self.libraries[number].bias for number in self.used}
        return [bias for bias in self.biases[1:] if bias in used]

    @cached_property
    def bias_suffix(self) -> dict[str, str]:
        """What is added to the names of cells for each bias; nothing for the first."""
        names = zip(self.biases[1:], plain_names(self.biases[1:]), strict=True)
        return {self.biases[0]: ""} | {bias: f"__{name}" for bias, name in names}

    def suffix(self, number: int) -> str:
        """What is added to the cell names of a library."""
        bias = self.bias_suffix[self.libraries[number].bias]
        return bias if self.is_at_low(number) else f"{bias}__vddh"

    def file_name(self, number: int) -> str:
        """Name of an exported library, such as `vdd_1v520` or `vdd_1v520__pb3`."""
        library = self.libraries[number]
        return f"vdd_{library.vdd:.3f}".replace(".", "v") + self.bias_suffix[library.bias]

    def drawn(self, version: CellVersion) -> str:
        """Name of a version in netlist and layout."""
        return self._names[version.kind] + self.bias_suffix[self.libraries[version.library].bias]

    def timed(self, version: CellVersion) -> str:
        """Name of a version in its exported library."""
        return self._names[version.kind] + self.suffix(version.library) + self._low_suffix(version)

    @cached_property
    def drawn_by_cell(self) -> list[str]:
        """Name of the cell of every instance in netlist and layout."""
        names = [self.drawn(version) for version in self.versions]
        return [names[at] for at in self.of_cell.tolist()]

    @property
    def biased_names(self) -> dict[str, list[str]]:
        """Names that cells with a bias have in netlist and layout, by that of the first bias."""
        names: dict[str, list[str]] = {}
        for version in self.versions:
            cell, drawn = self._names[version.kind], self.drawn(version)
            if drawn != cell and drawn not in names.setdefault(cell, []):
                names[cell].append(drawn)
        return names

    @property
    def _library(self) -> CellLibrary:
        """For names and structure."""
        return self.mesh.timer.graph.netlist.library

    @property
    def _names(self) -> tuple[str, ...]:
        return self._library.cell_name

    def _low_pins(self, version: CellVersion) -> list[int]:
        pins = self._library.pins_of(version.kind)
        return [pin for at, pin in enumerate(pins) if version.low >> at & 1]

    def _low_suffix(self, version: CellVersion) -> str:
        pins = [self._library.pin_name[pin] for pin in self._low_pins(version)]
        return "__low_" + "_".join(pins) if pins else ""

    def copies(self, number: int) -> list[CellCopy]:
        """Cells to be added to a library: those with inputs driven from VddL."""
        return [
            self._copy(version)
            for version in self.versions if version.library == number and version.low
        ]  # fmt: skip

    def _copy(self, version: CellVersion) -> CellCopy:
        timer, library = self.mesh.timer, self._library
        low, arcs, checks = timer.low_drivers, timer.graph.arcs, timer.graph.checks.of_library
        pins = self._low_pins(version)
        delay: dict[tuple[int, int, int], tuple[float, float]] = {}
        for row in range(*arcs.first[version.kind : version.kind + 2]):
            arc = int(arcs.index[row])
            if library.arc_from[arc] in pins:
                factor, slew = low.arc[version.library, 0, row].tolist()
                delay[arc, int(arcs.in_edge[row]), int(arcs.out_edge[row])] = (factor, slew)
        check = {
            (int(checks.index[row]), int(checks.edge[row])):
            float(low.setup[version.library, 0, row])
            for row in range(*checks.first[version.kind : version.kind + 2])
            if library.arc_to[checks.index[row]] in pins
        }  # fmt: skip
        return CellCopy(version.kind, self._low_suffix(version), delay, check)


def cell_versions(mesh: TileTimer, biases: Sequence[str], is_high: Bools) -> CellVersions:
    """Return the versions of library cells that a mesh needs.

    Parameters
    ----------
    mesh : TileTimer
        Of two supplies.
    biases : sequence of str
        Of the technology, the unbiased first.
    is_high : ndarray of bool, shape (tiles,)
        Tiles at VddH.
    """
    timer, netlist = mesh.timer, mesh.timer.graph.netlist
    library = mesh.library_of(is_high)
    pins = netlist.sink_pins
    cell, pin = netlist.pin_cell[pins], netlist.pin_library[pins]
    of = library[cell]
    driver = timer.driver_level(library)[netlist.pin_net[pins]]
    is_low = (driver < timer.low_drivers.level[of]) & _matters(mesh)[of, pin]
    place = pin - netlist.library.cell_first_pin[netlist.cell_type[cell]]
    low = np.zeros(netlist.cells, dtype=np.int64)
    np.add.at(low, cell[is_low], 1 << place[is_low])
    rows, of_cell = np.unique(
        np.stack([library, netlist.cell_type, low], axis=1), axis=0, return_inverse=True
    )
    versions = tuple(CellVersion(*row) for row in rows.tolist())
    return CellVersions(mesh, tuple(biases), versions, of_cell.ravel())


def _matters(mesh: TileTimer) -> Bools:
    """Whether a driver at VddL makes a difference, shape (libraries, library pins)."""
    timer = mesh.timer
    low, arcs, checks = timer.low_drivers, timer.graph.arcs, timer.graph.checks.of_library
    library = timer.graph.netlist.library
    result = np.zeros((len(timer.libraries), len(library.pin_name)), dtype=bool)
    for number in range(len(timer.libraries)):
        slower = (low.arc[number, 0] != 1).any(axis=1)
        result[number, library.arc_from[arcs.index[slower]]] = True
        result[number, library.arc_to[checks.index[low.setup[number, 0] != 0]]] = True
    return result
