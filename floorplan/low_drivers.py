"""What a driver at a lower supply does to the timing of the cells that it drives.

Without level shifters, a cell at VddH may get its inputs from a tile at VddL. Its arcs are then
slower, and its registers want their data earlier, by what the mixed-supply tables of the technology
say (`voltile.pdk.MixedSupply`). A driver at the same or a higher supply changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.timing_graph import EdgeArcs, EdgeChecks
from voltile.pdk import ArcType, CellLibrary, MixedSupply
from voltile.pdk.mixed_supply import ArcRow, CheckRow

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
        arc_row, arc_known = _rows(mixed_supply.arc_row, _arc_rows(libraries[0], arcs))
        check_row, check_known = _rows(mixed_supply.check_row, _check_rows(libraries[0], checks))
        for number, library in enumerate(libraries):
            for low, vdd in enumerate(vdds[: level[number]].tolist()):
                factors = mixed_supply.delay_factor(library.bias, vdd, library.vdd)
                for column, factor in enumerate(factors):
                    arc[number, low, arc_known, column] = factor[arc_row]
                addition = mixed_supply.check_addition(library.bias, vdd, library.vdd)
                setup[number, low, check_known] = addition[check_row]
    return LowDrivers(level, arc, setup)


def _rows(known: Mapping[Any, int], wanted: Sequence[Any]) -> tuple[Ints, Ints]:
    """Rows of the table, and which of the wanted ones are in it."""
    found = [(known[row], at) for at, row in enumerate(wanted) if row in known]
    rows, places = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return rows, places


def _arc_rows(library: CellLibrary, arcs: EdgeArcs) -> list[ArcRow]:
    return [
        ArcRow(
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
