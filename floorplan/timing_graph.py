"""The structure of setup timing: what depends on what, in which order. No numbers yet.

A node is a net with an edge: node 2 * net rises, node 2 * net + 1 falls. A record is one timing arc
of one instance for one input edge and one output edge. The records into a node stand together, and
nodes in an order in which every record starts at a node before the one it ends in.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError
from voltile.floorplan.clocks import ClockNetwork, clock_pins, trace_clocks
from voltile.floorplan.constants import constant_nets, enabled_arcs
from voltile.floorplan.constraints import Constraints
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import ArcType, CellLibrary, Sense, SequentialKind

Ints = NDArray[np.int64]

RISE, FALL = 0, 1


@dataclass(frozen=True)
class EdgeArcs:
    """Delay arcs of a library for one input edge and one output edge each, grouped by cell.

    Attributes
    ----------
    index, in_edge, out_edge, delay_table, slew_table : ndarray of int, shape (arcs,)
        Arc in the library, edges (0 rise, 1 fall), and tables in the library.
    first : ndarray of int, shape (library cells + 1,)
        Those of library cell c are `first[c]` to `first[c + 1]`.
    """

    index: Ints
    in_edge: Ints
    out_edge: Ints
    delay_table: Ints
    slew_table: Ints
    first: Ints


@dataclass(frozen=True)
class EdgeChecks:
    """Setup and recovery checks of a library for one data edge each, grouped by cell.

    Attributes
    ----------
    index, edge, table : ndarray of int, shape (checks,)
        Arc in the library, data edge, and table in the library.
    capture_falls : ndarray of bool, shape (checks,)
        Whether the falling edge at the clock pin captures.
    first : ndarray of int, shape (library cells + 1,)
        Those of library cell c are `first[c]` to `first[c + 1]`.
    """

    index: Ints
    edge: Ints
    table: Ints
    capture_falls: NDArray[np.bool_]
    first: Ints


@dataclass(frozen=True)
class Checks:
    """Endpoints at registers, one row per check of an instance and data edge.

    Attributes
    ----------
    node, cell, kind : ndarray of int, shape (checks,)
        Data node, instance, and row of `of_library`.
    capture_falls : ndarray of bool, shape (checks,)
        Whether the capturing edge is the falling edge of the clock port.
    """

    of_library: EdgeChecks
    node: Ints
    cell: Ints
    kind: Ints
    capture_falls: NDArray[np.bool_]


@dataclass(frozen=True)
class TimingGraph:
    """Levelised timing records of a netlist under constraints.

    Attributes
    ----------
    arcs : EdgeArcs
        Of the netlist's library.
    source, cell, arc : ndarray of int, shape (records,)
        Node, instance, and row of `arcs`.
    end_node : ndarray of int, shape (ends,)
        Nodes in which records end.
    first : ndarray of int, shape (ends + 1,)
        The records into `end_node[i]` are `first[i]` to `first[i + 1]`.
    level : ndarray of int, shape (nets,)
        0 without records into a net, else one more than that of its deepest source: no path leads
        through two nets of a level.
    source_rise, source_fall : ndarray of int
        Nodes where data is launched by the rising and by the falling edge of a clock port: clock
        nets; and, in `source_rise`, input ports.
    """

    netlist: Netlist
    constraints: Constraints
    clocks: ClockNetwork
    arcs: EdgeArcs
    source: Ints
    cell: Ints
    arc: Ints
    end_node: Ints
    first: Ints
    level: Ints
    source_rise: Ints
    source_fall: Ints
    checks: Checks

    @property
    def nodes(self) -> int:
        """Number of nodes: two per net."""
        return 2 * self.netlist.nets

    @cached_property
    def target(self) -> Ints:
        """Node in which each record ends, shape (records,)."""
        return np.repeat(self.end_node, np.diff(self.first))

    @cached_property
    def _place_of_node(self) -> Ints:
        place = np.full(self.nodes, -1)
        place[self.end_node] = np.arange(len(self.end_node))
        return place

    def records_into(self, node: int) -> slice:
        """Records that end in a node; empty for a start node."""
        place = int(self._place_of_node[node])
        return slice(0, 0) if place < 0 else slice(*self.first[place : place + 2].tolist())


def build_timing_graph(netlist: Netlist, constraints: Constraints) -> TimingGraph:
    """Return the timing graph of a netlist.

    Raises
    ------
    NetlistError
        For a combinational loop, naming it, a clock that cannot be traced, or a port that
        the constraints name and the netlist lacks.
    """
    _check_ports(netlist, constraints)
    clocks = trace_clocks(netlist, constraints.clocks)
    constants = constant_nets(netlist, constraints.case, constraints.case_through_registers)
    arcs = _edge_arcs(netlist.library)
    records = _combinational_records(netlist, arcs, clocks, constants)
    source, target, cell, arc = records
    level = _levels(netlist, source >> 1, target >> 1, cell)
    order = np.lexsort((target, level[target >> 1]))
    source, target, cell, arc = (array[order] for array in records)
    start = np.flatnonzero(np.diff(target, prepend=-1))
    clock_net = np.flatnonzero(clocks.is_clock & (constants < 0))
    rising = 2 * clock_net + clocks.net_phase[clock_net]
    ports = _launching_ports(netlist, constraints, clocks, constants)
    return TimingGraph(
        netlist,
        constraints,
        clocks,
        arcs,
        source,
        cell,
        arc,
        end_node=target[start],
        first=np.append(start, len(target)),
        level=level,
        source_rise=np.concatenate([rising, 2 * ports, 2 * ports + 1]),
        source_fall=rising ^ 1,
        checks=_register_checks(netlist, clocks, constants),
    )


def _check_ports(netlist: Netlist, constraints: Constraints) -> None:
    known = set(netlist.port_name)
    named = (constraints.input_delay, constraints.output_delay, constraints.load,
             constraints.false_from, constraints.false_to)  # fmt: skip
    for port in (port for ports in named for port in ports):
        if port not in known:
            raise NetlistError(f"{netlist.name} has no port '{port}', which the constraints name")


def _launching_ports(
    netlist: Netlist, constraints: Constraints, clocks: ClockNetwork, constants: Ints
) -> Ints:
    free = np.array([name not in constraints.false_from for name in netlist.port_name], dtype=bool)
    nets: Ints = np.unique(netlist.port_net[netlist.port_is_input & free])
    launches = ~clocks.is_clock[nets] & (constants[nets] < 0)
    return np.asarray(nets[launches])


def _of_instances(netlist: Netlist, first: Ints) -> tuple[Ints, Ints]:
    """Row and instance of every row of a library that is grouped by cell, for every instance."""
    counts = np.diff(first)[netlist.cell_type]
    instance = np.repeat(np.arange(netlist.cells), counts)
    offset = np.arange(len(instance)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first[netlist.cell_type][instance] + offset, instance


def _first_rows(library: CellLibrary, index: Ints) -> Ints:
    """Where the rows of each cell begin, of rows of arcs that are grouped by cell."""
    counts = np.bincount(library.arc_cell[index], minlength=len(library.cell_name))
    return np.concatenate([[0], np.cumsum(counts)])


def _edge_arcs(library: CellLibrary) -> EdgeArcs:
    """Split delay arcs by edges: a positive arc keeps the edge, a launch starts at its own."""
    rows = []
    latches = {
        cell for cell, item in library.sequential.items() if item.kind != SequentialKind.FLIP_FLOP
    }
    for arc in range(len(library.arc_cell)):
        kind, sense = ArcType(int(library.arc_type[arc])), Sense(int(library.arc_sense[arc]))
        launch = kind in (ArcType.RISING_EDGE, ArcType.FALLING_EDGE)
        if not launch and (kind != ArcType.COMBINATIONAL or int(library.arc_cell[arc]) in latches):
            continue  # clear and preset, tristate, and data through an open latch are not timed
        for out_edge in (RISE, FALL):
            delay_table, slew_table = library.arc_table[arc, out_edge]
            if delay_table < 0:
                continue
            if launch:
                in_edges = [RISE if kind == ArcType.RISING_EDGE else FALL]
            elif sense == Sense.NON_UNATE:
                in_edges = [RISE, FALL]
            else:
                in_edges = [out_edge ^ int(sense == Sense.NEGATIVE)]
            rows += [(arc, in_edge, out_edge, delay_table, slew_table) for in_edge in in_edges]
    index, start, end, delays, slews = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return EdgeArcs(index, start, end, delays, slews, _first_rows(library, index))


def _combinational_records(
    netlist: Netlist, arcs: EdgeArcs, clocks: ClockNetwork, constants: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    library = netlist.library
    row, instance = _of_instances(netlist, arcs.first)
    shift = netlist.first_pin[instance] - library.cell_first_pin[netlist.cell_type[instance]]
    from_net = netlist.pin_net[library.arc_from[arcs.index[row]] + shift]
    to_net = netlist.pin_net[library.arc_to[arcs.index[row]] + shift]
    kept = (from_net != OPEN) & (to_net != OPEN)
    kept &= ~clocks.is_clock[to_net]
    kept &= (constants[from_net] < 0) & (constants[to_net] < 0)
    row, instance, from_net, to_net = (item[kept] for item in (row, instance, from_net, to_net))
    enabled = enabled_arcs(
        netlist, constants, instance, arcs.index[row], arcs.in_edge[row], arcs.out_edge[row]
    )
    row, instance, from_net, to_net = (item[enabled] for item in (row, instance, from_net, to_net))
    source, target = 2 * from_net + arcs.in_edge[row], 2 * to_net + arcs.out_edge[row]
    return source, target, instance, row


def _edge_checks(library: CellLibrary) -> EdgeChecks:
    kinds = (ArcType.SETUP_RISING, ArcType.SETUP_FALLING, ArcType.RECOVERY_RISING,
             ArcType.RECOVERY_FALLING)  # fmt: skip
    arc = np.flatnonzero(np.isin(library.arc_type, kinds) & clock_pins(library)[library.arc_from])
    falls = np.isin(library.arc_type[arc], (ArcType.SETUP_FALLING, ArcType.RECOVERY_FALLING))
    # A latch is timed without borrowing: its data must be there when it opens, half a cycle before
    # the edge on which the library checks it.
    opens = np.array(
        [
            (item := library.sequential.get(int(cell))) is not None
            and item.kind == SequentialKind.LATCH
            for cell in library.arc_cell[arc]
        ],
        dtype=bool,
    )
    falls ^= opens
    parts = []
    for edge in (RISE, FALL):
        table = library.arc_table[arc, edge, 0]
        has = table >= 0
        parts.append(np.stack([arc[has], np.full(has.sum(), edge), table[has], falls[has]], axis=1))
    rows = np.concatenate(parts)
    rows = rows[np.argsort(library.arc_cell[rows[:, 0]], kind="stable")]
    index, edge, table, falls = rows.T
    return EdgeChecks(index, edge, table, falls.astype(bool), _first_rows(library, index))


def _register_checks(netlist: Netlist, clocks: ClockNetwork, constants: Ints) -> Checks:
    library = netlist.library
    checks = _edge_checks(library)
    kind, cell = _of_instances(netlist, checks.first)
    shift = netlist.first_pin[cell] - library.cell_first_pin[netlist.cell_type[cell]]
    data_net = netlist.pin_net[library.arc_to[checks.index[kind]] + shift]
    clock_net = netlist.pin_net[library.arc_from[checks.index[kind]] + shift]
    kept = (data_net != OPEN) & (clock_net != OPEN)
    kept &= (constants[data_net] < 0) & (constants[clock_net] < 0) & clocks.is_clock[clock_net]
    kind, cell, data_net, clock_net = (item[kept] for item in (kind, cell, data_net, clock_net))
    return Checks(
        checks,
        node=2 * data_net + checks.edge[kind],
        cell=cell,
        kind=kind,
        capture_falls=checks.capture_falls[kind] ^ (clocks.net_phase[clock_net] == 1),
    )


def _levels(netlist: Netlist, source: Ints, target: Ints, cell: Ints) -> Ints:
    """Level of each net: 0 without records into it, else one more than its deepest source."""
    order = np.argsort(source, kind="stable")
    by_source = target[order]
    first = np.searchsorted(source[order], np.arange(netlist.nets + 1))
    waiting = np.bincount(target, minlength=netlist.nets)
    level = np.zeros(netlist.nets, dtype=np.int64)
    front = np.flatnonzero(waiting == 0)
    depth = 0
    while len(front):
        depth += 1
        counts = first[front + 1] - first[front]
        start = np.repeat(first[front] - (np.cumsum(counts) - counts), counts)
        reached, times = np.unique(by_source[start + np.arange(counts.sum())], return_counts=True)
        waiting[reached] -= times
        front = reached[waiting[reached] == 0]
        level[front] = depth
    stuck = np.flatnonzero(waiting > 0)
    if len(stuck):
        raise NetlistError(_describe_loop(netlist, source, target, cell, waiting))
    return level


def _describe_loop(netlist: Netlist, source: Ints, target: Ints, cell: Ints, waiting: Ints) -> str:
    """Name one loop, by walking back from a net that waits for itself."""
    inside = waiting[source] > 0
    came_from = {int(t): (int(s), int(c)) for s, t, c in
                 zip(source[inside], target[inside], cell[inside], strict=True)}  # fmt: skip
    net = next(iter(came_from))
    seen: dict[int, int] = {}
    while net not in seen:
        seen[net] = came_from[net][1]
        net = came_from[net][0]
    return netlist.describe_loop(list(seen.values())[list(seen).index(net) :])
