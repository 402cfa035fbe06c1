"""Drive strengths: cells that do the same and differ in nothing but how strong they are.

Of such a family, any cell can stand for any other, pin by pin. A library in which every cell has
the figures of its next stronger or weaker relative makes the drive of an instance a choice between
libraries, as its supply and its bias are.
"""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatch

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.library import CellLibrary
from voltile.pdk.tables import select_tables
from voltile.pdk.technology import Technology

Ints = NDArray[np.int64]


class DriveChoice:
    """Every drive of every cell of a technology, as libraries at its nominal supply.

    Attributes
    ----------
    libraries : tuple of CellLibrary
        Number r has the figures of the r-th weakest of each cell's family, or of its strongest.
    rank, last : ndarray of int, shape (library cells,)
        Where each cell stands in its family, and where the family ends.
    """

    def __init__(self, technology: Technology) -> None:
        library = technology.library(technology.nominal_vdd)
        families = drive_families(library, technology.dont_use)
        cells = np.arange(len(library.cell_name))
        self.rank, self.last = np.zeros_like(cells), np.zeros_like(cells)
        self._member = np.repeat(cells[:, None], max(map(len, families), default=1), axis=1)
        for family in families:
            self.rank[family], self.last[family] = np.arange(len(family)), len(family) - 1
            self._member[family, : len(family)] = family
            self._member[family, len(family) :] = family[-1]
        self.libraries = tuple(with_drives(library, source) for source in self._member.T)

    def cell(self, kind: Ints, rank: Ints) -> Ints:
        """Return the cell of a rank in the family of each cell."""
        return np.asarray(self._member[kind, rank])


def with_relatives(technology: Technology, cells: Iterable[str]) -> Technology:
    """Return the technology cut down to these cells and those of other drives."""
    library = technology.library(technology.nominal_vdd)
    wanted = set(cells)
    for family in drive_families(library, technology.dont_use):
        names = {library.cell_name[cell] for cell in family}
        if names & wanted:
            wanted |= names
    return technology.with_cells(sorted(wanted))


def drive_families(library: CellLibrary, dont_use: Iterable[str] = ()) -> list[Ints]:
    """Return the families of two and more cells, weakest first.

    Cells of a family have the same pins, functions, arcs and conditions, in the same order. The
    strength is the largest load of their outputs, then their area.

    Parameters
    ----------
    dont_use : iterable of str
        Patterns of names of cells that are left out.
    """
    families: dict[tuple[object, ...], list[int]] = {}
    for cell, name in enumerate(library.cell_name):
        if not any(fnmatch(name, pattern) for pattern in dont_use):
            families.setdefault(_structure(library, cell), []).append(cell)
    return [
        np.array(sorted(cells, key=lambda cell: _strength(library, cell)))
        for cells in families.values()
        if len(cells) > 1
    ]


def _strength(library: CellLibrary, cell: int) -> tuple[float, float]:
    pins = library.pins_of(cell)
    loads = library.pin_max_capacitance[pins.start : pins.stop]
    return float(loads[np.isfinite(loads)].max(initial=0.0)), float(library.cell_area[cell])


def _structure(library: CellLibrary, cell: int) -> tuple[object, ...]:
    """What cells of a family share."""
    pins = library.pins_of(cell)
    of = slice(pins.start, pins.stop)
    arcs, powers, states = (
        slice(*np.searchsorted(owner, [cell, cell + 1]).tolist())
        for owner in (library.arc_cell, library.power_cell, library.leakage_cell)
    )
    ends = (library.arc_from[arcs], library.arc_to[arcs], library.power_pin[powers],
            library.power_related[powers])  # fmt: skip
    kinds = (library.arc_type[arcs], library.arc_sense[arcs], library.arc_table[arcs] >= 0,
             library.power_table[powers] >= 0)  # fmt: skip
    return (
        library.pin_name[of],
        library.pin_function[of],
        repr(library.sequential.get(cell)),
        *(np.where(end < 0, -1, end - pins.start).tobytes() for end in ends),
        *(kind.tobytes() for kind in kinds),
        *(library.arc_when[arcs], library.power_when[powers], library.leakage_when[states]),
    )


def with_drives(library: CellLibrary, source: Ints) -> CellLibrary:
    """Return a library in which cell c has the figures of cell `source[c]` of its family.

    Names and order stay.

    Parameters
    ----------
    source : ndarray of int, shape (cells,)
    """

    def rows(owner: Ints) -> Ints:
        """Row that each row takes its figures from."""
        first = np.searchsorted(owner, np.arange(len(library.cell_name)))
        return np.asarray(first[source[owner]] + np.arange(len(owner)) - first[owner])

    pins = rows(library.pin_cell)
    # Every table has one owner: its figures move, its number stays.
    table = np.arange(len(library.tables.size))
    for owner, used in ((library.arc_cell, library.arc_table.reshape(-1, 4)),
                        (library.power_cell, library.power_table)):  # fmt: skip
        there = used >= 0
        table[used[there]] = used[rows(owner)][there]
    return replace(
        library,
        cell_area=library.cell_area[source],
        cell_leakage=library.cell_leakage[source],
        pin_capacitance=library.pin_capacitance[pins],
        pin_max_capacitance=library.pin_max_capacitance[pins],
        leakage_value=library.leakage_value[rows(library.leakage_cell)],
        tables=select_tables(library.tables, table),
    )
