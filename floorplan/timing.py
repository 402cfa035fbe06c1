"""Setup timing with a supply per instance.

Delays are those of the non-linear delay model, as a static timing tool computes them: bilinear in
input slew and load, continued beyond the ends of a table, worst slew and worst arrival at each node,
every conditional (`when`) arc. Each instance reads the tables of its own supply. A wire adds its
capacitance to the load and the Elmore delay of its lumped resistance to the arrival.

Arrivals are counted from the launching clock edge, so that one analysis holds for every period.

Not modelled here: level-shifter-free inputs whose driver sits at a lower supply (that needs
mixed-supply tables), hold checks, time borrowing through latches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import CellLibrary, Tables

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
        """Shortest clock period without a violation [s]."""
        return float(self.endpoints.period.max(initial=0.0))

    def worst_slack(self, period: float) -> float:
        """Worst setup slack over all endpoints at a clock period [s]."""
        return float((period * self.endpoints.share - self.endpoints.delay).min(initial=np.inf))

    def critical_path(self) -> tuple[Ints, Floats]:
        """Records of the path that sets the shortest period, from its end back, and their delays.

        The path is that of the endpoint with the largest `Endpoints.period`.
        """
        graph = self.graph
        end = int(np.argmax(self.endpoints.period))
        node = int(self.endpoints.node[end])
        arrival = self.arrival[int(self.endpoints.launch[end])]
        path = []
        while True:
            into = graph.records_into(node)
            if into.start == into.stop:
                break
            record = into.start + int(np.argmax(arrival[graph.source[into]] + self.delay[into]))
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
        netlist = graph.netlist
        sinks = netlist.sink_pins
        capacitance = np.stack([library.pin_capacitance.T for library in libraries])
        # shape (supplies, edges, sinks); sinks stand net by net
        self._sink_capacitance = capacitance[:, :, netlist.pin_library[sinks]]
        self._sink_cell = netlist.pin_cell[sinks]
        self._driving_net = np.flatnonzero(netlist.fanout)
        self._first_sink = netlist.net_first_sink[self._driving_net]
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
        if len(self._first_sink):
            load[self._driving_net] += np.add.reduceat(sink, self._first_sink, axis=1).T
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
        arrival = arrival[:, order]
        segment = np.zeros((len(tables.slew_axes), graph.nodes), dtype=np.int64)
        part = np.zeros(segment.shape, dtype=np.float32)
        first_run = graph.nodes - len(graph.run_node)
        tables.place_slew(slew[:first_run], segment[:, :first_run], part[:, :first_run])
        flat_segment, flat_part = segment.reshape(-1), part.reshape(-1)
        from_axis = tables.slew_axis_of[row] * graph.nodes + self._source
        delay = np.zeros(len(graph.source))
        columns, values = tables.columns, tables.values
        for level in range(len(graph.level_start) - 1):
            start, stop = int(graph.level_start[level]), int(graph.level_start[level + 1])
            first, last = int(graph.level_run[level]), int(graph.level_run[level + 1])
            at = from_axis[start:stop]
            index = base[start:stop] + flat_segment[at] * columns
            loads = load_part[start:stop]
            low = values[index]
            low += (values[index + 1] - low) * loads
            index += columns
            high = values[index]
            high += (values[index + 1] - high) * loads
            high -= low
            high *= flat_part[at]
            low += high
            step = low.real
            delay[start:stop] = step
            runs = graph.run_start[first:last] - start
            nodes = slice(first_run + first, first_run + last)
            slew[nodes] = np.maximum.reduceat(low.imag, runs)
            source = self._source[start:stop]
            for latest in arrival:
                latest[nodes] = np.maximum.reduceat(latest[source] + step, runs) + wire[nodes]
            tables.place_slew(slew[nodes], segment[:, nodes], part[:, nodes])
        arrival, slew = arrival[:, self._position], slew[self._position]
        endpoints = self._endpoints(supply, arrival, slew)
        return Timing(graph, arrival, slew, load, delay, wire_delay, endpoints)

    @cached_property
    def _order(self) -> Ints:
        """Nodes in the order of computation: starts of paths first, then run by run."""
        starts = np.ones(self.graph.nodes, dtype=bool)
        starts[self.graph.run_node] = False
        return np.concatenate([np.flatnonzero(starts), self.graph.run_node])

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
        axis = tables.load_axis_of[row]
        # Arcs that end in one node mostly share the load axis of their cell's output.
        run_axis = axis[graph.run_start]
        if np.array_equal(np.repeat(run_axis, self._run_length), axis):
            segment, part = tables.place_load(run_axis, load[graph.run_node])
            segment = np.repeat(segment, self._run_length)
            part = np.repeat(part, self._run_length)
        else:
            segment, part = tables.place_load(axis, load[graph.target])
        return row * tables.size + segment, part

    @cached_property
    def _run_length(self) -> Ints:
        return np.diff(np.append(self.graph.run_start, len(self.graph.source)))

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
        setup = np.zeros(len(checks.node))
        clock_slew = np.zeros(len(checks.node))  # the clock network is ideal
        for number, library in enumerate(self.libraries):
            mine = np.flatnonzero(supply[checks.cell] == number)
            setup[mine] = library.tables.lookup(
                checks.table[mine], clock_slew[mine], slew[checks.node[mine]]
            )
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

    `values` is flat and complex: the real part is the delay, the imaginary part the output slew, so
    that one gather and one interpolation serve both. Single precision, of 1e-7, halves the traffic;
    arrivals are summed in double.
    """

    pairs: int
    columns: int
    size: int
    values: NDArray[np.complex64]
    slew_axes: Floats
    slew_steps: Floats
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

    def place_slew(self, slew: Floats, segment: Ints, part: NDArray[np.float32]) -> None:
        """Write the segment of each slew, and the position in it, for every slew axis."""
        for number, axis in enumerate(self.slew_axes):
            last = int(self.last_slew[number])
            found = np.searchsorted(axis[1 : last + 1], slew, side="right")
            segment[number] = found
            part[number] = (slew - axis[found]) * self.slew_steps[number, found]


def _pack(libraries: Sequence[Tables], pairs: Ints) -> _Packed:
    delay, slew = pairs.T
    rows = max(tables.values.shape[1] for tables in libraries)
    columns = max(tables.values.shape[2] for tables in libraries)
    shape = (len(libraries), len(pairs))
    values = np.zeros((*shape, rows, columns), dtype=np.complex128)
    slew_axis = np.full((*shape, rows), np.inf)
    load_axis = np.full((*shape, columns), np.inf)
    for number, tables in enumerate(libraries):
        own_rows, own_columns = tables.values.shape[1:]
        values[number, :, :own_rows, :own_columns].real = tables.values[delay]
        slews = tables.resample(slew, tables.slew_axis[delay], tables.load_axis[delay])
        values[number, :, :own_rows, :own_columns].imag = slews
        slew_axis[number, :, :own_rows] = tables.slew_axis[delay]
        load_axis[number, :, :own_columns] = tables.load_axis[delay]
    slew_axes, slew_axis_of = np.unique(
        slew_axis.reshape(-1, rows), axis=0, return_inverse=True
    )
    load_axes, load_axis_of = np.unique(
        load_axis.reshape(-1, columns), axis=0, return_inverse=True
    )
    return _Packed(
        len(pairs),
        columns,
        rows * columns,
        values.reshape(-1).astype(np.complex64),
        slew_axes,
        _inverse_steps(slew_axes),
        slew_axis_of,
        load_axes,
        load_axis_of,
        np.isfinite(load_axes).sum(axis=1) - 2,
        np.isfinite(slew_axes).sum(axis=1) - 2,
    )


def _inverse_steps(axes: Floats) -> Floats:
    """One over the width of each segment; 0 beyond the end of a short axis."""
    with np.errstate(invalid="ignore"):
        widths = np.diff(axes, axis=1)
    return np.divide(1.0, widths, out=np.zeros_like(widths), where=np.isfinite(widths))
