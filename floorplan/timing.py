"""Setup timing with a supply per instance.

Delays are those of the non-linear delay model, as a static timing tool computes them: bilinear in
input slew and load, continued beyond the ends of a table, worst slew and worst arrival at each
node, every conditional (`when`) arc. Each instance reads the tables of its own supply. A wire adds
its capacitance to the load and the Elmore delay of its lumped resistance to the arrival.

Arrivals are counted from the launching clock edge, so that one analysis holds for every period.

Not modelled here: level-shifter-free inputs whose driver sits at a lower supply (that needs
mixed-supply tables), hold checks, time borrowing through latches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import CellLibrary, Tables
from voltile.pdk.tables import union_axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Wires:
    """Lumped wire of each net: capacitance [F] and resistance [ohm], shape (nets,)."""

    capacitance: Floats
    resistance: Floats

    @classmethod
    def none(cls, netlist: Netlist) -> "Wires":
        """Wires of no length, for a netlist that is not placed."""
        return cls(np.zeros(netlist.nets), np.zeros(netlist.nets))


@dataclass(frozen=True)
class Endpoints:
    """Where paths end, one row per check and launching edge.

    Attributes
    ----------
    node : ndarray of int
    launch : ndarray of int
        0: launched by the rising clock edge, 1: by the falling one.
    share : ndarray
        Part of the period between launch and capture: 1, or less between opposite edges.
    delay : ndarray
        Arrival plus setup time, or plus the external delay of an output [s].
    """

    node: Ints
    launch: Ints
    share: Floats
    delay: Floats

    @property
    def period(self) -> Floats:
        """Shortest clock period that each endpoint allows [s]."""
        return self.delay / self.share


@dataclass(frozen=True)
class Timing:
    """Result of one analysis.

    Attributes
    ----------
    arrival : ndarray, shape (launching edges, nodes)
        Latest arrival after the launching edge [s]; -inf where nothing arrives.
    slew : ndarray, shape (nodes,)
        Worst transition time at the driver [s].
    load : ndarray, shape (nodes,)
        Load that the driver of each node sees, wire and pins [F].
    delay : ndarray, shape (records,)
        Cell delay of each record [s].
    """

    graph: TimingGraph
    arrival: Floats
    slew: Floats
    load: Floats
    delay: Floats
    wire_delay: Floats
    endpoints: Endpoints

    @cached_property
    def min_period(self) -> float:
        """Shortest clock period without a violation [s].

        Raises
        ------
        NetlistError
            When the design has no path at all.
        """
        return float(self.endpoints.period[self._critical_end])

    @property
    def _critical_end(self) -> int:
        if not len(self.endpoints.node):
            name = self.graph.netlist.name
            raise NetlistError(f"{name} has no path to time from one port or register to another")
        return int(np.argmax(self.endpoints.period))

    def worst_slack(self, period: float) -> float:
        """Worst setup slack over all endpoints at a clock period [s]."""
        return float((period * self.endpoints.share - self.endpoints.delay).min(initial=np.inf))

    def critical_path(self) -> tuple[Ints, Floats]:
        """Records of the path that sets the shortest period, from its end back, and their delays.

        The path is that of the endpoint with the largest `Endpoints.period`.
        """
        graph, end = self.graph, self._critical_end
        node = int(self.endpoints.node[end])
        arrival = self.arrival[int(self.endpoints.launch[end])]
        path = []
        while True:
            into = graph.records_into(node)
            if into.start >= into.stop:
                break
            latest = int(np.argmax(arrival[graph.source[into]] + self.delay[into]))
            record = into.start + latest * into.step
            path.append(record)
            node = int(graph.source[record])
        records = np.array(path, dtype=np.int64)
        return records, self.delay[records]

    def slack(self, period: float) -> Floats:
        """Worst slack through each node at a clock period [s], +inf where no endpoint follows."""
        graph = self.graph
        result = np.full(graph.nodes, np.inf)
        for launch, arrival in enumerate(self.arrival):
            required = np.full(graph.nodes, np.inf)
            mine = self.endpoints.launch == launch
            ends = self.endpoints.node[mine]
            margin = self.endpoints.delay[mine] - arrival[ends]
            np.minimum.at(required, ends, period * self.endpoints.share[mine] - margin)
            for level in range(len(graph.level_start) - 1, 0, -1):
                records = slice(int(graph.level_start[level - 1]), int(graph.level_start[level]))
                target = graph.target[records]
                np.minimum.at(
                    required,
                    graph.source[records],
                    required[target] - self.wire_delay[target] - self.delay[records],
                )
            reached = np.isfinite(arrival)
            result[reached] = np.minimum(result[reached], (required - arrival)[reached])
        return result


class Timer:
    """A timing graph bound to the libraries of one or more supplies.

    Parameters
    ----------
    libraries : sequence of CellLibrary
        One per supply, of the same structure as the netlist's library.
    """

    def __init__(self, graph: TimingGraph, libraries: Sequence[CellLibrary]) -> None:
        for library in libraries:
            graph.netlist.library.check_same_structure(library)
        self.graph = graph
        self.libraries = tuple(libraries)
        pairs, self._pair = np.unique(
            np.stack([graph.delay_table, graph.slew_table], axis=1), axis=0, return_inverse=True
        )
        self._tables = _pack([library.tables for library in libraries], pairs)
        # The clock network is ideal: checks are read at a clock slew of 0.
        self._checks = _fold_checks([library.tables for library in libraries], graph.checks.table)
        netlist = graph.netlist
        sinks = netlist.sink_pins
        capacitance = np.stack([library.pin_capacitance.T for library in libraries])
        # shape (supplies, edges, sinks); sinks stand net by net
        self._sink_capacitance = capacitance[:, :, netlist.pin_library[sinks]]
        self._sink_cell = netlist.pin_cell[sinks]
        self._sink_net = netlist.pin_net[sinks]
        self._output_load = np.zeros(netlist.nets)
        ports = dict(zip(netlist.port_name, netlist.port_net, strict=True))
        for port, load in graph.constraints.load.items():
            self._output_load[ports[port]] += load

    def loads(self, supply: Ints, wires: Wires) -> tuple[Floats, Floats]:
        """Load of the driver and Elmore delay of the wire at each node, shape (nodes,)."""
        nets = self.graph.netlist.nets
        sink = self._sink_capacitance[0]
        if len(self._sink_capacitance) > 1:
            sink = np.choose(supply[self._sink_cell], self._sink_capacitance)
        load = np.repeat(self._output_load[:, None], 2, axis=1)
        for edge in (0, 1):
            load[:, edge] += np.bincount(self._sink_net, sink[edge], minlength=nets)
        delay = wires.resistance[:, None] * (0.5 * wires.capacitance[:, None] + load)
        delay[self.graph.clocks.is_clock] = 0.0  # an ideal network
        return (load + wires.capacitance[:, None]).ravel(), delay.ravel()

    def analyze(self, supply: Ints, wires: Wires) -> Timing:
        """Time the netlist.

        Parameters
        ----------
        supply : ndarray of int, shape (cells,)
            Which of the timer's libraries each instance is supplied by.
        """
        graph, tables = self.graph, self._tables
        load, wire_delay = self.loads(supply, wires)
        # Known before the first arrival: the table of each record, and where its load falls in it.
        row = supply[graph.cell] * tables.pairs + self._pair
        base, load_part = self._place_loads(row, load)
        # Inside, nodes stand in the order in which they are computed: a level is a slice.
        order = self._order
        wire = wire_delay[order]
        slew = np.zeros(graph.nodes)
        arrival = np.full((2 if self._uses_falling_edge else 1, graph.nodes), -np.inf)
        arrival[0, graph.source_rise] = (wire_delay + self._input_arrival)[graph.source_rise]
        if len(arrival) == 2:
            arrival[1, graph.source_fall] = 0.0
        arrival = arrival.take(order, axis=1)  # rows stay contiguous
        segment, part = self._places
        starts = graph.nodes - len(graph.end_node)
        axes_at = self._axes_at_level
        tables.place_slew(axes_at[0], slew[:starts], segment[:, :starts], part[:, :starts])
        flat_segment, flat_part = segment.reshape(-1), part.reshape(-1)
        from_axis = tables.slew_axis_of[row] * graph.nodes + self._source
        delay = np.zeros(len(graph.source))
        columns, patches = tables.columns, tables.patches
        for level in range(len(graph.level_start) - 1):
            start, stop = int(graph.level_start[level]), int(graph.level_start[level + 1])
            at = from_axis[start:stop]
            corner = patches.take(base[start:stop] + flat_segment.take(at) * columns, axis=0)
            loads = load_part[start:stop]
            low = corner[:, 0] + corner[:, 1] * loads
            low += (corner[:, 2] + corner[:, 3] * loads) * flat_part.take(at)
            delay[start:stop] = low.real
            source = self._source[start:stop]
            latest = [row_of.take(source) + low.real for row_of in arrival]
            for first, last, begin, end in self._groups[level]:
                shape = (-1, last - first)
                slew[first:last] = low.imag[begin:end].reshape(shape).max(axis=0)
                for row_of, values in zip(arrival, latest, strict=True):
                    row_of[first:last] = values[begin:end].reshape(shape).max(axis=0)
            nodes = slice(starts + graph.level_end[level], starts + graph.level_end[level + 1])
            arrival[:, nodes] += wire[nodes]
            tables.place_slew(axes_at[level + 1], slew[nodes], segment[:, nodes], part[:, nodes])
        arrival, slew = arrival[:, self._position], slew[self._position]
        endpoints = self._endpoints(supply, arrival, slew)
        return Timing(graph, arrival, slew, load, delay, wire_delay, endpoints)

    @cached_property
    def _places(self) -> tuple[Ints, NDArray[np.float32]]:
        """Scratch, shape (slew axes, nodes): where the slew of each node falls on each axis."""
        shape = (len(self._tables.slew_axes), self.graph.nodes)
        return np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)

    @cached_property
    def _axes_at_level(self) -> list[Ints]:
        """Slew axes of the tables that the nodes of each level lead to, at any supply."""
        graph, tables = self.graph, self._tables
        levels = len(graph.level_start)
        node_level = np.zeros(graph.nodes, dtype=np.int64)
        node_level[graph.end_node] = np.repeat(np.arange(1, levels), np.diff(graph.level_end))
        needed = np.zeros((levels, len(tables.slew_axes)), dtype=bool)
        for number in range(len(self.libraries)):
            axis = tables.slew_axis_of[number * tables.pairs + self._pair]
            needed[node_level[graph.source], axis] = True
        return [np.flatnonzero(row) for row in needed]

    @cached_property
    def _order(self) -> Ints:
        """Nodes in the order of computation: starts of paths, then `end_node`."""
        starts = np.ones(self.graph.nodes, dtype=bool)
        starts[self.graph.end_node] = False
        return np.concatenate([np.flatnonzero(starts), self.graph.end_node])

    @cached_property
    def _position(self) -> Ints:
        """Place of each node in `_order`."""
        position = np.empty(self.graph.nodes, dtype=np.int64)
        position[self._order] = np.arange(self.graph.nodes)
        return position

    @cached_property
    def _source(self) -> Ints:
        return self._position[self.graph.source]

    def _place_loads(self, row: Ints, load: Floats) -> tuple[Ints, NDArray[np.float32]]:
        """Index of the first value of each record's load segment, and the position in it."""
        graph, tables = self.graph, self._tables
        if self._ends_share_axis:
            axis = tables.load_axis_of.take(row.take(self._first_record))
            segment, part = tables.place_load(axis, load[graph.end_node])
            end = graph.end_of_record
            return row * tables.size + segment.take(end), part.take(end)
        segment, part = tables.place_load(tables.load_axis_of[row], load[graph.target])
        return row * tables.size + segment, part

    @cached_property
    def _ends_share_axis(self) -> bool:
        """Whether the arcs that end in one node all have the load axis of their cell's output."""
        end, first = self.graph.end_of_record, self._first_record
        axes = [
            self._tables.load_axis_of[number * self._tables.pairs + self._pair]
            for number in range(len(self.libraries))
        ]
        return all(np.array_equal(axis[first][end], axis) for axis in axes)

    @cached_property
    def _first_record(self) -> Ints:
        """A record that ends in each of `end_node`."""
        first = np.zeros(len(self.graph.end_node), dtype=np.int64)
        first[self.graph.end_of_record] = np.arange(len(self.graph.source))
        return first

    @cached_property
    def _groups(self) -> list[list[tuple[int, int, int, int]]]:
        """Per level, its groups: nodes in `_order` first to last, records begin to end of level."""
        graph = self.graph
        starts = graph.nodes - len(graph.end_node)
        ends, records = (graph.group_end + starts).tolist(), graph.group_start.tolist()
        bounds, offset = graph.level_group.tolist(), graph.level_start.tolist()
        return [
            [
                (ends[group], ends[group + 1],
                 records[group] - offset[level], records[group + 1] - offset[level])
                for group in range(bounds[level], bounds[level + 1])
            ]
            for level in range(len(bounds) - 1)
        ]  # fmt: skip

    @cached_property
    def _uses_falling_edge(self) -> bool:
        starts = np.zeros(self.graph.nodes, dtype=bool)
        starts[self.graph.source_fall] = True
        return bool(starts[self.graph.source].any())

    @cached_property
    def _input_arrival(self) -> Floats:
        graph = self.graph
        arrival = np.zeros(graph.nodes)
        ports = dict(zip(graph.netlist.port_name, graph.netlist.port_net, strict=True))
        for port, delay in graph.constraints.input_delay.items():
            arrival[2 * ports[port] : 2 * ports[port] + 2] = delay
        return arrival

    @cached_property
    def _output_nodes(self) -> tuple[Ints, Floats]:
        netlist, constraints = self.graph.netlist, self.graph.constraints
        nodes, delays = [], []
        for name, net, is_input in zip(
            netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
        ):
            if not is_input and name not in constraints.false_to and net != OPEN:
                nodes += [2 * int(net), 2 * int(net) + 1]
                delays += [constraints.output_delay.get(name, 0.0)] * 2
        return np.array(nodes, dtype=np.int64), np.array(delays)

    def _endpoints(self, supply: Ints, arrival: Floats, slew: Floats) -> Endpoints:
        checks = self.graph.checks
        setup = self._checks.lookup(supply[checks.cell], slew[checks.node])
        output, external = self._output_nodes
        node = np.concatenate([checks.node, output])
        margin = np.concatenate([setup, external])
        falls = np.concatenate([checks.capture_falls, np.zeros(len(output), dtype=bool)])
        parts = []
        for launch, latest in enumerate(arrival):
            delay = latest[node] + margin
            kept = np.flatnonzero(np.isfinite(delay))
            share = np.where(falls[kept], self.graph.constraints.fall, 1.0)
            if launch:
                share -= self.graph.constraints.fall
                share[share <= 0] += 1.0
            parts.append((node[kept], np.full(len(kept), launch), share, delay[kept]))
        return Endpoints(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Packed:
    """Delay and slew tables of all supplies, row = supply * pairs + pair.

    `patches` holds, for each cell of the grid of table points, the four coefficients of
    a + b * load + c * slew + d * load * slew, where load and slew run from 0 to 1 over the patch:
    one gather serves all corners. They are complex, delay in the real and output slew in the
    imaginary part, so that one interpolation serves both. Single precision, of 1e-7, halves the
    traffic; arrivals are summed in double.
    """

    pairs: int
    columns: int
    size: int
    patches: NDArray[np.complex64]
    slew_axes: Floats
    slew_scale: Floats
    slew_offset: Floats
    slew_axis_of: Ints
    load_axes: Floats
    load_axis_of: Ints
    last_load: Ints
    last_slew: Ints

    def place_load(self, axis: Ints, load: Floats) -> tuple[Ints, NDArray[np.float32]]:
        """Segment of each load on its axis, and the position in it."""
        segment = np.zeros(len(axis), dtype=np.int64)
        for inner in self.load_axes.T[1:-1]:
            segment += load >= inner[axis]
        segment = np.minimum(segment, self.last_load[axis])
        start = self.load_axes[axis, segment]
        part = (load - start) / (self.load_axes[axis, segment + 1] - start)
        return segment, part.astype(np.float32)

    def place_slew(
        self, axes: Ints, slew: Floats, segment: Ints, part: NDArray[np.float32]
    ) -> None:
        """Write the segment of each slew, and the position in it, for some of the slew axes."""
        for number in axes:
            # A comparison with every point; a binary search of so short an axis mispredicts.
            inner = self.slew_axes[number, 1 : self.last_slew[number] + 1, None]
            found = np.add.reduce(slew >= inner, axis=0, dtype=np.int64)
            segment[number] = found
            part[number] = slew * self.slew_scale[number].take(found)
            part[number] -= self.slew_offset[number].take(found)


@dataclass(frozen=True)
class _FoldedChecks:
    """Tables of the checks over the slew of the data alone, shape (supplies, checks, points)."""

    axis: Floats
    value: Floats
    last: Ints

    def lookup(self, supply: Ints, slew: Floats) -> Floats:
        """Return the setup time of each check [s]."""
        check = np.arange(len(slew))
        segment = np.zeros(len(slew), dtype=np.int64)
        for point in range(1, self.axis.shape[2] - 1):
            segment += slew >= self.axis[supply, check, point]
        segment = np.minimum(segment, self.last[supply, check])
        start, low = self.axis[supply, check, segment], self.value[supply, check, segment]
        segment += 1
        end, high = self.axis[supply, check, segment], self.value[supply, check, segment]
        return low + (high - low) * (slew - start) / (end - start)


def _fold_checks(libraries: Sequence[Tables], table: Ints) -> _FoldedChecks:
    axes, values, last = [], [], []
    for tables in libraries:
        axis = tables.load_axis[table]
        still = np.zeros((len(table), 1))
        axes.append(axis)
        values.append(tables.resample(table, still, axis)[:, 0])
        last.append(tables.size[table, 1] - 2)
    points = max(axis.shape[1] for axis in axes)

    def fill(parts: list[Floats], beyond: float) -> Floats:
        return np.stack(
            [
                np.pad(part, ((0, 0), (0, points - part.shape[1])), constant_values=beyond)
                for part in parts
            ]
        )

    return _FoldedChecks(fill(axes, np.inf), fill(values, 0.0), np.stack(last))


def _pack(libraries: Sequence[Tables], pairs: Ints) -> _Packed:
    delay, slew = pairs.T
    # The two tables of an arc may have axes of their own; on the union both stay what they are.
    slew_axis_in = [union_axes(item.slew_axis[delay], item.slew_axis[slew]) for item in libraries]
    load_axis_in = [union_axes(item.load_axis[delay], item.load_axis[slew]) for item in libraries]
    rows = max(axis.shape[1] for axis in slew_axis_in)
    columns = max(axis.shape[1] for axis in load_axis_in)
    shape = (len(libraries), len(pairs))
    values = np.zeros((*shape, rows, columns), dtype=np.complex128)
    slew_axis = np.full((*shape, rows), np.inf)
    load_axis = np.full((*shape, columns), np.inf)
    for number, (tables, slews, loads) in enumerate(
        zip(libraries, slew_axis_in, load_axis_in, strict=True)
    ):
        own_rows, own_columns = slews.shape[1], loads.shape[1]
        block = values[number, :, :own_rows, :own_columns]
        block.real = tables.resample(delay, slews, loads)
        block.imag = tables.resample(slew, slews, loads)
        slew_axis[number, :, :own_rows] = slews
        load_axis[number, :, :own_columns] = loads
    slew_axes, slew_axis_of = np.unique(slew_axis.reshape(-1, rows), axis=0, return_inverse=True)
    load_axes, load_axis_of = np.unique(load_axis.reshape(-1, columns), axis=0, return_inverse=True)
    return _Packed(
        len(pairs),
        columns,
        rows * columns,
        _patches(values),
        slew_axes,
        *_slopes(slew_axes),
        slew_axis_of,
        load_axes,
        load_axis_of,
        np.isfinite(load_axes).sum(axis=1) - 2,
        np.isfinite(slew_axes).sum(axis=1) - 2,
    )


def _slopes(axes: Floats) -> tuple[Floats, Floats]:
    """Scale and offset that give the position in each segment; 0 beyond the end of an axis."""
    with np.errstate(invalid="ignore"):
        widths = np.diff(axes, axis=1)
    inside = np.isfinite(widths)
    scale = np.divide(1.0, widths, out=np.zeros_like(widths), where=inside)
    return scale, np.where(inside, axes[:, :-1], 0.0) * scale


def _patches(values: NDArray[np.complex128]) -> NDArray[np.complex64]:
    """Coefficients of every patch, shape (all table points, 4), at its low corner."""
    corner = np.zeros((*values.shape, 4), dtype=np.complex64)
    inner = corner[..., :-1, :-1, :]
    low, right = values[..., :-1, :-1], values[..., :-1, 1:]
    up, far = values[..., 1:, :-1], values[..., 1:, 1:]
    inner[..., 0], inner[..., 1], inner[..., 2] = low, right - low, up - low
    inner[..., 3] = far - right - up + low
    return corner.reshape(-1, 4)
