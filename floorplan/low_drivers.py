"""What a driver at a lower supply does to the timing of the cells that it drives.

Without level shifters, a cell at VddH may get its inputs from a tile at VddL. Its arcs are then
slower, and its registers want their data earlier, by what the mixed-supply tables of the technology
say (`voltile.pdk.MixedSupply`). A driver at the same or a higher supply changes nothing.

What a table lacks of a cell counts as the worst that it has of that cell; of a cell that it lacks,
as the worst of all. Recovery of asynchronous inputs, which is not measured, is such a case. Clocks
are never at a lower supply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.clocks import clock_pins
from voltile.floorplan.timing_graph import EdgeArcs, EdgeChecks, TimingGraph
from voltile.pdk import ArcType, CellLibrary, MixedSupply
from voltile.pdk.mixed_supply import ArcRow, CheckRow, stand_ins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_EDGES = ("rise", "fall")


@dataclass(frozen=True)
class LowDrivers:
    """Effects by library of the driven cell and by supply of its driver.

    Attributes
    ----------
    level : ndarray of int, shape (libraries,)
        Rank of each library's supply among all of them, the lowest is 0.
    arc : ndarray, shape (libraries, levels, arcs, 2)
        Factors on delay and on output slew of every row of `EdgeArcs`; infinite: the output does
        not switch.
    setup : ndarray, shape (libraries, levels, checks)
        What is added to every row of `EdgeChecks` [s].
    """

    level: Ints
    arc: Floats
    setup: Floats


def low_drivers(
    libraries: Sequence[CellLibrary],
    arcs: EdgeArcs,
    checks: EdgeChecks,
    mixed_supply: MixedSupply | None,
) -> LowDrivers:
    """Return what drivers at the lower supplies of a set of libraries do; without a table, nothing.

    Raises
    ------
    TechnologyError
        When a pair of supplies is outside what the table covers.
    """
    vdds, level = np.unique([library.vdd for library in libraries], return_inverse=True)
    arc = np.ones((len(libraries), len(vdds), len(arcs.index), 2))
    setup = np.zeros((len(libraries), len(vdds), len(checks.index)))
    if mixed_supply is not None and len(vdds) > 1:
        table = mixed_supply
        arc_rows = _rows(table.arcs, table.arc_row, _arc_rows(libraries[0], arcs))
        check_rows = _rows(table.checks, table.check_row, _check_rows(libraries[0], checks))
        for number, library in enumerate(libraries):
            for low, vdd in enumerate(vdds[: level[number]].tolist()):
                factors = table.delay_factor(library.bias, vdd, library.vdd)
                for column, factor in enumerate(factors):
                    arc[number, low, arc_rows.place, column] = arc_rows.largest(factor)
                addition = table.check_addition(library.bias, vdd, library.vdd)
                setup[number, low, check_rows.place] = check_rows.largest(addition)
    return LowDrivers(level, arc, setup)


def unmeasured_cells(graph: TimingGraph, mixed_supply: MixedSupply) -> set[str]:
    """Return the cells of a netlist of which the table lacks an arc or a setup."""
    library, arcs, checks = graph.netlist.library, graph.arcs, graph.checks.of_library
    used = {library.cell_name[kind] for kind in np.unique(graph.netlist.cell_type)}
    lacking = {row.cell for row in _arc_rows(library, arcs)
               if row is not None and row not in mixed_supply.arc_row}  # fmt: skip
    lacking |= {row.cell for row in _check_rows(library, checks)
                if row.kind.startswith("setup") and row not in mixed_supply.check_row}  # fmt: skip
    return used & lacking


class _Rows(NamedTuple):
    """Where values go, and the rows of a table of which the largest goes there."""

    place: Ints
    row: Ints
    first: Ints

    def largest(self, values: Floats) -> Floats:
        """Return what goes to each place."""
        return np.maximum.reduceat(values[self.row], self.first) if len(self.row) else values[:0]


def _rows(
    table: Sequence[ArcRow | CheckRow], row_of: Mapping[Any, int], wanted: Sequence[Any]
) -> _Rows:
    """Rows for what is wanted: its own, else those that stand for it; None wants nothing."""
    every = np.arange(len(table))
    lacking = {item.cell for item in wanted if item is not None and item not in row_of}
    of_cell = {cell: stand_ins(table, cell) for cell in lacking}
    found = [
        (at, every[row_of[item]][None] if item in row_of else of_cell[item.cell])
        for at, item in enumerate(wanted) if item is not None
    ]  # fmt: skip
    found = [(at, rows) for at, rows in found if len(rows)]
    sizes = np.array([0, *(len(rows) for _, rows in found)])
    return _Rows(
        np.array([at for at, _ in found], dtype=np.int64),
        np.concatenate([every[:0], *(rows for _, rows in found)]),
        np.cumsum(sizes)[:-1],
    )


def _arc_rows(library: CellLibrary, arcs: EdgeArcs) -> list[ArcRow | None]:
    """Names of arcs; None for those from a clock."""
    is_clock = clock_pins(library)
    return [
        None
        if is_clock[library.arc_from[index]]
        else ArcRow(
            library.cell_name[library.arc_cell[index]],
            library.pin_name[library.arc_from[index]],
            library.pin_name[library.arc_to[index]],
            _EDGES[in_edge],
            _EDGES[out_edge],
            library.arc_when[index],
        )
        for index, in_edge, out_edge in zip(arcs.index, arcs.in_edge, arcs.out_edge, strict=True)
    ]


def _check_rows(library: CellLibrary, checks: EdgeChecks) -> list[CheckRow]:
    return [
        CheckRow(
            library.cell_name[library.arc_cell[index]],
            library.pin_name[library.arc_to[index]],
            library.pin_name[library.arc_from[index]],
            ArcType(int(library.arc_type[index])).name.lower(),
            _EDGES[edge],
        )
        for index, edge in zip(checks.index, checks.edge, strict=True)
    ]
