"""What makes cells take internal energy: every event that has a table, and how often it happens.

The energy of an output edge depends on which input caused it. Which did is not counted in the
simulation; the edges of an output are shared among its arcs in proportion to the toggle rate of the
input times the probability that the output follows it (the Boolean difference), of the right sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import (
    CellLibrary,
    Direction,
    Expression,
    SequentialKind,
    parse_expression,
    variables,
)
from voltile.power.activity import Activity
from voltile.power.conditions import STATE, PinProbabilities, cofactor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RISE, FALL = 0, 1


@dataclass(frozen=True)
class InternalEvents:
    """Events with a table of internal energy, one row each.

    Attributes
    ----------
    cell, table : ndarray of int, shape (rows,)
        Instance, and table in the library.
    slew_node, load_node : ndarray of int, shape (rows,)
        Nodes (2 * net + edge) whose slew and load the table is read at.
    rate : ndarray, shape (rows,)
        Events per clock cycle.
    """

    cell: Ints
    table: Ints
    slew_node: Ints
    load_node: Ints
    rate: Floats


@dataclass(frozen=True)
class _Cause:
    """Rate at which an edge of the related pin moves the output, [in edge, out edge, instance]."""

    related: Ints
    tables: Ints
    rate: Floats


def internal_events(
    netlist: Netlist, activity: Activity, pins: Sequence[PinProbabilities]
) -> InternalEvents:
    """Return the events of all instances that happen at all.

    Parameters
    ----------
    pins : sequence of PinProbabilities
        One per cell type of the netlist.
    """
    library = netlist.library
    toggles = np.append(activity.toggle_rate, 0.0)  # of a pin that is left open
    first = np.searchsorted(library.power_cell, np.arange(len(library.cell_name) + 1))
    rows: list[tuple[Ints, Ints, Ints, Ints, Floats]] = []
    for group in pins:
        kind = int(netlist.cell_type[group.cells[0]])
        arcs = np.arange(first[kind], first[kind + 1])
        for pin in np.unique(library.power_pin[arcs]):
            mine = arcs[library.power_pin[arcs] == pin]
            alone = mine[library.power_related[mine] < 0]
            caused = mine[library.power_related[mine] >= 0]
            rows += _by_itself(library, group, toggles, alone)
            if library.pin_direction[pin] == Direction.OUTPUT:
                rows += _by_cause(library, group, toggles, kind, int(pin), caused)
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    if not columns:
        none = np.zeros(0, dtype=np.int64)
        return InternalEvents(none, none, none, none, np.zeros(0))
    return InternalEvents(*columns)


def _row(
    cells: Ints, table: int, slew_node: Ints, load_node: Ints, rate: Floats
) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    kept = np.flatnonzero(rate > 0) if table >= 0 else np.zeros(0, dtype=np.int64)
    return (
        cells[kept], np.full(len(kept), table), slew_node[kept], load_node[kept], rate[kept]
    )  # fmt: skip


def _by_itself(
    library: CellLibrary, group: PinProbabilities, toggles: Floats, arcs: Ints
) -> list[tuple[Ints, Ints, Ints, Ints, Floats]]:
    """Events of a pin that take energy whatever else happens."""
    if not len(arcs):
        return []
    pin = int(library.power_pin[arcs[0]])
    nets = group.nets[library.pin_name[pin]]
    # A table of an input has no load axis.
    loaded = library.pin_direction[pin] == Direction.OUTPUT
    share = group.of_alternatives([library.power_when[arc] for arc in arcs])
    return [
        _row(group.cells, int(library.power_table[arc, edge]), 2 * nets + edge,
             (2 * nets + edge) * loaded, 0.5 * toggles[nets] * share[:, place])
        for place, arc in enumerate(arcs)
        for edge in (RISE, FALL)
    ]  # fmt: skip


def _by_cause(
    library: CellLibrary,
    group: PinProbabilities,
    toggles: Floats,
    kind: int,
    pin: int,
    arcs: Ints,
) -> list[tuple[Ints, Ints, Ints, Ints, Floats]]:
    """Events of an output, shared among the arcs that can have caused them."""
    nets = group.nets[library.pin_name[pin]]
    if not len(arcs) or (nets == OPEN).all():
        return []
    causes = []
    for related in np.unique(library.power_related[arcs]):
        mine = arcs[library.power_related[arcs] == related]
        name = library.pin_name[int(related)]
        whens = _alternatives(group, [library.power_when[arc] for arc in mine])
        moves = _moves(library, group, kind, pin, name)
        sure = [("and", when, move) for when in whens for row in moves for move in row]
        chance = group.of(sure).T.reshape(len(mine), 2, 2, -1)
        rate = 0.5 * toggles[group.nets[name]] * chance
        for arc, part in zip(mine, rate, strict=True):
            causes.append(_Cause(group.nets[name], library.power_table[arc], part))
    # Per edge of the output: the shares of all causes sum to 1.
    total = np.sum([cause.rate.sum(axis=0) for cause in causes], axis=0)
    edges = 0.5 * toggles[nets]
    even = 0.5 / len(causes)
    rows = []
    for cause in causes:
        for before in (RISE, FALL):
            for after in (RISE, FALL):
                share = np.full(len(nets), even)
                np.divide(cause.rate[before, after], total[after], out=share,
                          where=total[after] > 0)  # fmt: skip
                rows.append(
                    _row(group.cells, int(cause.tables[after]), 2 * cause.related + before,
                         2 * nets + after, edges * share)
                )  # fmt: skip
    return rows


def _alternatives(group: PinProbabilities, whens: Sequence[str]) -> list[Expression]:
    """Conditions of arcs between the same pins; an empty one holds where no other does."""
    rest: Expression = ("const", 1)
    for when in whens:
        if when:
            rest = ("and", rest, ("not", group.parse(when)))
    return [group.parse(when) if when else rest for when in whens]


def _moves(
    library: CellLibrary, group: PinProbabilities, kind: int, pin: int, name: str
) -> list[list[Expression]]:
    """Conditions for an edge of an input to make an edge of an output, [in edge][out edge]."""
    item = library.sequential.get(kind)
    always, never = ("const", 1), ("const", 0)
    if item is not None and item.kind == SequentialKind.CLOCK_GATE:
        return [[always, never], [never, always]]
    if item is None:
        function = group.renamed.get(library.pin_name[pin], never)
        low, high = cofactor(function, name, 0), cofactor(function, name, 1)
        up, down = ("and", ("not", low), high), ("and", low, ("not", high))
        return [[up, down], [down, up]]
    clock = parse_expression(item.clock)
    data = group.parse(item.data)
    if name in variables(clock):
        opens = int(clock[0] == "not")  # the edge that opens a latch or fires a flip-flop
        fires: Expression = always
        if item.kind == SequentialKind.LATCH:
            fires = ("xor", data, ("var", STATE))
        return [[fires if edge == opens else never] * 2 for edge in (RISE, FALL)]
    if item.kind == SequentialKind.LATCH and name in variables(data):
        return [[clock, clock], [clock, clock]]
    return [[always, always], [always, always]]
