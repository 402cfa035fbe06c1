"""Setup timing with a library, that is a supply and a bias, per instance.

Delays are those of the non-linear delay model, as a static timing tool computes them: bilinear in
input slew and load, continued beyond the ends of a table, worst slew and worst arrival at each
node, every conditional (`when`) arc. Each instance reads the tables of its own library. A wire adds
its capacitance to the load and the Elmore delay of its lumped resistance to the arrival. An input
whose driver sits at a lower supply makes its arcs slower by the factors of the mixed-supply table.

Arrivals are counted from the launching clock edge, so that one analysis holds for every period.

Input ports and clock nets count as being at the highest supply. Not modelled: hold checks, time
borrowing through latches, inputs whose driver sits at a higher supply (which are no slower).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError
from voltile.floorplan.low_drivers import LowDrivers, low_drivers
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import CellLibrary, MixedSupply, Tables
from voltile.pdk.supply_tables import stack_supplies

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
    driver_level : ndarray of int, shape (nets,)
        `Timer.driver_level`.
    """

    graph: TimingGraph
    arrival: Floats
    slew: Floats
    load: Floats
    delay: Floats
    wire_delay: Floats
    driver_level: Ints
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
            record = into.start + latest
            path.append(record)
            node = int(graph.source[record])
        records = np.array(path, dtype=np.int64)
        return records, self.delay[records]

    def slack(self, period: float) -> Floats:
        """Worst slack through each node at a clock period [s], +inf where no endpoint follows."""
        result = np.full(self.graph.nodes, np.inf)
        for arrival, required in zip(self.arrival, self.required(period), strict=True):
            reached = np.isfinite(arrival)
            result[reached] = np.minimum(result[reached], (required - arrival)[reached])
        return result

    def record_slack(self, period: float) -> Floats:
        """Worst slack through each record at a clock period [s], +inf where no endpoint follows."""
        graph = self.graph
        result = np.full(len(graph.source), np.inf)
        for arrival, required in zip(self.arrival, self.required(period), strict=True):
            at_driver = (required - self.wire_delay)[graph.target]
            reached = np.flatnonzero(np.isfinite(arrival[graph.source]))
            slack = (at_driver - self.delay)[reached] - arrival[graph.source[reached]]
            result[reached] = np.minimum(result[reached], slack)
        return result

    def required(self, period: float) -> list[Floats]:
        """Return the latest arrival that each node allows [s], for each launching edge.

        Returns
        -------
        list of ndarray, shape (nodes,)
        """
        from voltile.floorplan.propagation import require

        graph, result = self.graph, []
        for launch, arrival in enumerate(self.arrival):
            required = np.full(graph.nodes, np.inf)
            mine = self.endpoints.launch == launch
            ends = self.endpoints.node[mine]
            margin = self.endpoints.delay[mine] - arrival[ends]
            np.minimum.at(required, ends, period * self.endpoints.share[mine] - margin)
            require(
                graph.source, graph.first, graph.end_node, self.delay, self.wire_delay, required
            )
            result.append(required)
        return result


class Timer:
    """A timing graph bound to the libraries of one or more supplies and biases.

    Parameters
    ----------
    libraries : sequence of CellLibrary
        Of the same structure as the netlist's library.
    mixed_supply : MixedSupply, optional
        What drivers at a lower supply do; by default nothing.

    Attributes
    ----------
    tables : SupplyTables
        Delay and output slew of the graph's `arcs` in each library.

    Raises
    ------
    TechnologyError
        When a library is of another structure, or two supplies are too far apart for the table.
    """

    def __init__(
        self,
        graph: TimingGraph,
        libraries: Sequence[CellLibrary],
        mixed_supply: MixedSupply | None = None,
    ) -> None:
        for library in libraries:
            graph.netlist.library.check_same_structure(library)
        self.graph = graph
        self.libraries = tuple(libraries)
        tables = [library.tables for library in libraries]
        arcs, checks = graph.arcs, graph.checks.of_library
        self.tables = stack_supplies(tables, np.stack([arcs.delay_table, arcs.slew_table], axis=1))
        # The clock network is ideal: checks are read at a clock slew of 0.
        self._checks = _fold_checks(tables, checks.table)
        self._low = low_drivers(libraries, arcs, checks, mixed_supply)
        netlist = graph.netlist
        sinks = netlist.sink_pins
        # shape (libraries, edges, library pins)
        self._sink_capacitance = np.stack([library.pin_capacitance.T for library in libraries])
        self._sink_kind = netlist.pin_library[sinks]
        self._sink_cell = netlist.pin_cell[sinks]
        self._sink_net = netlist.pin_net[sinks]
        self._output_load = np.zeros(netlist.nets)
        ports = dict(zip(netlist.port_name, netlist.port_net, strict=True))
        for port, load in graph.constraints.load.items():
            self._output_load[ports[port]] += load

    @property
    def low_drivers(self) -> LowDrivers:
        """What drivers at the lower of its supplies do."""
        return self._low

    def loads(self, library: Ints, wires: Wires) -> tuple[Floats, Floats]:
        """Load of the driver and Elmore delay of the wire at each node, shape (nodes,)."""
        nets = self.graph.netlist.nets
        sink = self._sink_capacitance[library[self._sink_cell], :, self._sink_kind]
        load = np.repeat(self._output_load[:, None], 2, axis=1)
        for edge in (0, 1):
            load[:, edge] += np.bincount(self._sink_net, sink[:, edge], minlength=nets)
        delay = wires.resistance[:, None] * (0.5 * wires.capacitance[:, None] + load)
        delay *= self.graph.constraints.net_derate
        delay[self.graph.clocks.is_clock] = 0.0  # an ideal network
        return (load + wires.capacitance[:, None]).ravel(), delay.ravel()

    def driver_level(self, library: Ints) -> Ints:
        """Rank of the supply of each net's driver, from the lowest of the timer's, shape (nets,).

        Ports and clock nets have the highest.
        """
        graph, driver = self.graph, self.graph.netlist.net_driver
        level = np.full(graph.netlist.nets, self._low.level.max())
        driven = np.flatnonzero((driver >= 0) & ~graph.clocks.is_clock)
        level[driven] = self._low.level[library[graph.netlist.pin_cell[driver[driven]]]]
        return level

    def analyze(self, library: Ints, wires: Wires, stretch: Floats | None = None) -> Timing:
        """Time the netlist.

        Parameters
        ----------
        library : ndarray of int, shape (cells,)
            Which of the timer's libraries each instance is of.
        stretch : ndarray, shape (cells,), optional
            Factor on every delay of each instance, beside that of the constraints; by default 1.
        """
        from voltile.floorplan.propagation import propagate

        graph = self.graph
        load, wire_delay = self.loads(library, wires)
        slew = np.zeros(graph.nodes)
        arrival = np.full((2 if self._uses_falling_edge else 1, graph.nodes), -np.inf)
        arrival[0, graph.source_rise] = (wire_delay + self._input_arrival)[graph.source_rise]
        if len(arrival) == 2:
            arrival[1, graph.source_fall] = 0.0
        level = self.driver_level(library)
        stretch = np.ones(graph.netlist.cells) if stretch is None else stretch
        stretch = stretch * graph.constraints.cell_derate
        delay = propagate(
            self.tables, self._low.arc, library, level, stretch, graph.source, graph.cell,
            graph.arc, graph.first, graph.end_node, load, wire_delay, arrival, slew,
        )  # fmt: skip
        endpoints = self._endpoints(library, level, arrival, slew)
        return Timing(graph, arrival, slew, load, delay, wire_delay, level, endpoints)

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

    def _endpoints(self, library: Ints, level: Ints, arrival: Floats, slew: Floats) -> Endpoints:
        checks = self.graph.checks
        of = library[checks.cell]
        setup = self._checks.lookup(of, checks.kind, slew[checks.node])
        setup += self._low.setup[of, level[checks.node >> 1], checks.kind]
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
class _FoldedChecks:
    """Tables of the checks over the slew of the data alone, shape (libraries, kinds, points)."""

    axis: Floats
    value: Floats
    last: Ints

    def lookup(self, library: Ints, kind: Ints, slew: Floats) -> Floats:
        """Return the setup time of each check [s]."""
        segment = np.zeros(len(slew), dtype=np.int64)
        for point in range(1, self.axis.shape[2] - 1):
            segment += slew >= self.axis[library, kind, point]
        segment = np.minimum(segment, self.last[library, kind])
        start, low = self.axis[library, kind, segment], self.value[library, kind, segment]
        segment += 1
        end, high = self.axis[library, kind, segment], self.value[library, kind, segment]
        return np.asarray(low + (high - low) * (slew - start) / (end - start))


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
