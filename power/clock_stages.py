"""Supplies, loads and transition times along a clock tree, which timing takes as ideal.

A leaf buffer is at the supply of the registers that it drives, the trunk at the highest; all are of
the first bias. Transition times come from the tables of buffers and clock gates, beginning with an
edge of no length at the port; of several arcs into an edge the slowest counts, as in timing.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.clock_tree import TRUNK, ClockTree
from voltile.floorplan.netlist import Netlist
from voltile.pdk import ArcType, CellLibrary, Sense
from voltile.pdk.supply_tables import stack_supplies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PASSING = (ArcType.COMBINATIONAL, ArcType.RISING_EDGE, ArcType.FALLING_EDGE)


class ClockStages:
    """The stages of a clock tree, bound to the libraries of one or more supplies.

    Parameters
    ----------
    netlist : Netlist
        The one that the tree was built for.
    libraries : sequence of CellLibrary
        Of every supply the first bias before the others.

    Attributes
    ----------
    netlist : Netlist
        With the tree.
    """

    def __init__(self, netlist: Netlist, tree: ClockTree, libraries: Sequence[CellLibrary]) -> None:
        self.netlist = grown = tree.insert(netlist)
        self._tree = tree
        vdd = np.array([library.vdd for library in libraries])
        supplies, self._level = np.unique(vdd, return_inverse=True)
        self._library_of_level = np.array([int(np.argmax(vdd == each)) for each in supplies])
        self._capacitance = np.stack([library.pin_capacitance for library in libraries])
        # Pins that the tree takes away from a net, moves to another, and adds.
        moved = np.flatnonzero(tree.pin_net != netlist.pin_net)
        added = np.arange(len(netlist.pin_net), len(grown.pin_net))
        added = added[~grown.pin_is_output[added]]
        self._pin = np.concatenate([moved, moved, added])
        self._net = np.concatenate([netlist.pin_net[moved], grown.pin_net[np.append(moved, added)]])
        self._sign = np.repeat([-1.0, 1.0], [len(moved), len(moved) + len(added)])
        leaf = tree.pin_net[moved] - netlist.nets
        self._leaf, self._register = leaf, netlist.pin_cell[moved]
        driver = grown.net_driver[tree.clock_nets]
        self._driven = tree.clock_nets[driver >= 0]
        self._driver = grown.pin_cell[driver[driver >= 0]]
        self._bind_arcs(libraries)

    def _bind_arcs(self, libraries: Sequence[CellLibrary]) -> None:
        """Find the tables of transition times, one row per arc and edges, source before target."""
        rows = np.array(list(self._arc_rows()), dtype=np.int64).reshape(-1, 4)
        depth = np.zeros(self.netlist.nets, dtype=np.int64)
        source, target = rows[:, 0] >> 1, rows[:, 1] >> 1
        while (late := depth[target] <= depth[source]).any():
            np.maximum.at(depth, target[late], depth[source[late]] + 1)
        order = np.argsort(depth[target], kind="stable")
        self._source, self._target, self._arc_cell, table = rows[order].T
        steps = np.flatnonzero(np.diff(depth[target][order], prepend=0))
        self._steps = np.append(steps, len(rows))
        used, self._group = np.unique(table, return_inverse=True)
        self._tables = stack_supplies([library.tables for library in libraries], used[:, None])

    def _arc_rows(self) -> Iterator[tuple[int, int, int, int]]:
        """Source node, target node, instance and table of each arc between clock nets."""
        netlist, library = self.netlist, self.netlist.library
        is_clock = np.zeros(netlist.nets, dtype=bool)
        is_clock[self._tree.clock_nets] = True
        kinds = netlist.pin_library[netlist.net_driver[self._driven]]
        for arc in np.flatnonzero(np.isin(library.arc_to, kinds)).tolist():
            kind, sense = library.arc_type[arc], library.arc_sense[arc]
            if kind not in _PASSING:
                continue
            mine = kinds == library.arc_to[arc]
            offset = library.arc_from[arc] - library.cell_first_pin[library.arc_cell[arc]]
            source = netlist.pin_net[netlist.first_pin[self._driver[mine]] + offset]
            for edge in (0, 1):
                table = int(library.arc_table[arc, edge, 1])
                if table < 0:
                    continue
                into = [edge ^ int(sense == Sense.NEGATIVE)]
                if kind != ArcType.COMBINATIONAL:
                    into = [int(kind == ArcType.FALLING_EDGE)]
                elif sense == Sense.NON_UNATE:
                    into = [0, 1]
                for net, target, cell in zip(
                    source.tolist(), self._driven[mine].tolist(), self._driver[mine].tolist(),
                    strict=True,
                ):  # fmt: skip
                    if is_clock[net]:
                        yield from ((2 * net + at, 2 * target + edge, cell, table) for at in into)

    def libraries_of(self, library: Ints) -> Ints:
        """Append to the library of each instance that of each buffer.

        Parameters
        ----------
        library : ndarray of int, shape (cells,)
            Which of the libraries each instance of the netlist without the tree is of.
        """
        level = np.zeros(self._tree.buffers, dtype=np.int64)
        np.maximum.at(level, self._leaf, self._level[library[self._register]])
        level[self._tree.tile == TRUNK] = self._level.max()
        return np.append(library, self._library_of_level[level])

    def loads(self, library: Ints, load: Floats) -> Floats:
        """Return the load at each node with the tree [F], shape (2 * nets,).

        Parameters
        ----------
        library : ndarray of int, shape (cells,)
            With the buffers: `libraries_of`.
        load : ndarray
            Without the tree, `Timing.load`.
        """
        netlist = self.netlist
        pins = self._capacitance[library[netlist.pin_cell[self._pin]],
                                 netlist.pin_library[self._pin]]  # fmt: skip
        result = np.append(load, np.zeros(2 * self._tree.buffers)).reshape(-1, 2)
        np.add.at(result, self._net, self._sign[:, None] * pins)
        return (result + self._tree.wire_capacitance[:, None]).ravel()

    def slews(self, library: Ints, load: Floats, slew: Floats) -> Floats:
        """Return the transition time at each node with the tree [s], shape (2 * nets,).

        Parameters
        ----------
        library, load : ndarray
            With the tree.
        slew : ndarray
            Without the tree, `Timing.slew`.
        """
        from voltile.pdk.lookup import lookup

        result = np.append(slew, np.zeros(2 * self._tree.buffers))
        row = library[self._arc_cell] * self._tables.groups + self._group
        for start, stop in zip(self._steps[:-1], self._steps[1:], strict=True):
            at = slice(start, stop)
            target = self._target[at]
            value = lookup(self._tables, row[at], result[self._source[at]], load[target])
            np.maximum.at(result, target, value)
        return result

    def driver_levels(self, library: Ints, level: Ints) -> Ints:
        """Return the rank of the supply of each net's driver with the tree, shape (nets,).

        Parameters
        ----------
        library : ndarray of int
            With the buffers.
        level : ndarray of int
            Without the tree, `Timing.driver_level`, which takes all clocks as the highest.
        """
        result = np.append(level, np.zeros(self._tree.buffers, dtype=np.int64))
        result[self._driven] = self._level[library[self._driver]]
        return result
