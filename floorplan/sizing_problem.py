"""A placed netlist and the drives that its cells can have, laid out for compiled passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.overload import relative_loads
from voltile.floorplan.slack_use import cell_level
from voltile.floorplan.timing import Timer, Timing, Wires
from voltile.pdk import CellLibrary, DriveChoice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Records(NamedTuple):
    """Timing records and the nodes that they end in, as in `TimingGraph`."""

    source: Ints
    target: Ints
    cell: Ints
    arc: Ints
    first: Ints
    end_node: Ints


class Instances(NamedTuple):
    """The instances of a netlist.

    Attributes
    ----------
    order : ndarray of int, shape (cells,)
        Every instance before those that paths lead to from it.
    record : ndarray of int, shape (records,)
        Timing records, those of an instance together, and of these, those into one node.
    first_record, first_pin : ndarray of int, shape (cells + 1,)
    pin_net, pin_library, pin_is_output : ndarray, shape (pins,)
    """

    order: Ints
    record: Ints
    first_record: Ints
    first_pin: Ints
    pin_net: Ints
    pin_library: Ints
    pin_is_output: Bools


class Drives(NamedTuple):
    """Drives that each instance can have: from `weakest` to `strongest`, shape (cells,).

    Attributes
    ----------
    cost : ndarray, shape (drives, cells)
        What each is to count, `cell_cost`.
    capacitance : ndarray, shape (drives, library pins, edges)
        [F].
    max_load : ndarray, shape (drives, library pins)
        [F].
    """

    weakest: Ints
    strongest: Ints
    cost: Floats
    capacitance: Floats
    max_load: Floats


def cell_cost(libraries: Sequence[CellLibrary], kind: Ints, drive: Ints) -> Floats:
    """Return what every drive of each instance costs, shape (drives, cells).

    Half is area, half is leakage, without which drives of one footprint would cost the same. Parts
    of the whole netlist's as it is, so that its cost is 1.

    Parameters
    ----------
    kind, drive : ndarray of int, shape (cells,)
        Type of each instance, and the drive that it has.
    """
    shares = []
    for figure in ("cell_area", "cell_leakage"):
        values = np.stack([getattr(library, figure)[kind] for library in libraries])
        total = values[drive, np.arange(len(drive))].sum()
        shares.append(values / total if total > 0 else np.zeros_like(values))
    return np.asarray(np.mean(shares, axis=0))


@dataclass(frozen=True)
class SizingProblem:
    """A netlist with its wires and drives, as the compiled passes want them."""

    timer: Timer
    wires: Wires
    choice: DriveChoice

    def analyze(self, drive: Ints) -> Timing:
        """Time the netlist with a drive per instance."""
        return self.timer.analyze(drive, self.wires)

    def cost(self, drive: Ints) -> float:
        """Cost of all instances together."""
        return float(self.drives.cost[drive, np.arange(len(drive))].sum())

    def overload(self, drive: Ints, timing: Timing) -> int:
        """Nets that load their drivers with more than these may drive, one more per octave."""
        netlist = self.timer.graph.netlist
        limit = self.drives.max_load[drive[netlist.pin_cell], netlist.pin_library]
        relative = relative_loads(self.timer.graph, timing.load, limit)
        return int(np.ceil(np.log2(relative[relative > 1])).sum())

    @cached_property
    def records(self) -> Records:
        """Timing records of the graph."""
        graph = self.timer.graph
        return Records(
            graph.source, graph.target, graph.cell, graph.arc, graph.first, graph.end_node
        )

    @cached_property
    def instances(self) -> Instances:
        """Instances in the order of their logic levels."""
        graph, netlist = self.timer.graph, self.timer.graph.netlist
        record = np.lexsort((graph.target, graph.cell))
        return Instances(
            np.argsort(cell_level(self.timer), kind="stable"), record,
            np.searchsorted(graph.cell[record], np.arange(netlist.cells + 1)), netlist.first_pin,
            netlist.pin_net, netlist.pin_library, netlist.pin_is_output,
        )  # fmt: skip

    @cached_property
    def drives(self) -> Drives:
        """All drives of every instance; those that drive a clock net have one."""
        graph, netlist = self.timer.graph, self.timer.graph.netlist
        kind, libraries = netlist.cell_type, self.choice.libraries
        now = self.choice.rank[kind]
        clock = np.append(graph.clocks.is_clock, False)[netlist.pin_net] & netlist.pin_is_output
        fixed = np.bincount(netlist.pin_cell[clock], minlength=netlist.cells) > 0
        return Drives(
            np.where(fixed, now, 0), np.where(fixed, now, self.choice.last[kind]),
            cell_cost(libraries, kind, now),
            np.stack([library.pin_capacitance for library in libraries]),
            np.stack([library.pin_max_capacitance for library in libraries]),
        )  # fmt: skip
