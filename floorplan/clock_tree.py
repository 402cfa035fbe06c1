"""The clock tree: buffers and wires between the source of every clock net and the pins on it.

Every net that carries a clock, that of a port and that behind each clock gate, gets a tree. In
every tile that has pins on the net, leaf buffers drive them; above the leaves stand levels of
buffers, the trunk, until one stage can drive what is left. A stage is a driver with its wire and
the pins on it. It bears at most a part of the largest load of the technology's buffer: what is too
much for one stage is parted across the longer side of the area that it covers, and again (Jackson
et al.), and a wire that is too long is cut into equal pieces by repeaters. A stage gets the
smallest buffer that bears it. The buffer stands at the median of what it drives, and the wire is
the rectilinear minimum spanning tree of both: at most half longer than the shortest that can be
(Hwang), a tenth on average. A clock gate needs no buffers where it bears all its sinks and they are
in its own tile, and gets one beside it where it is too weak for its stage.

Leaf buffers belong to their tile; the trunk belongs to no tile and is always at VddH.

Left out: balance of the branches, that is skew and insertion delay, and what wires and buffers that
takes; rows for the buffers, which stand where there is free space; the place of a pin in its cell.

References
----------
M. A. B. Jackson, A. Srinivasan, E. S. Kuh, "Clock routing for high-performance ICs", DAC 1990: the
method of means and medians.
F. K. Hwang, "On Steiner minimal trees with rectilinear distance", SIAM J. Appl. Math. 30, 1976.
"""

from dataclasses import dataclass, replace
from fnmatch import fnmatch
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.placement import Placement
from voltile.pdk import Technology, parse_expression, truth_table, variables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Part of a driver's largest load that a stage bears at most. Transition times grow with the load,
# so edges of the clock take about a fifth of the longest that the library allows. Leaves then drive
# some 20 registers; TritonCTS puts up to 50 into a cluster (OpenROAD, src/cts/README.md, option
# -sink_clustering_size).
LOAD_SHARE = 0.2
# Tile of what belongs to none.
TRUNK = -1


@dataclass(frozen=True)
class ClockTree:
    """Buffers on the clock nets of a placed netlist.

    Buffer b drives a net of its own, number `nets + b`, where `nets` are those of the netlist.

    Attributes
    ----------
    clocks : ClockNetwork
        Of the netlist.
    cell_type : ndarray of int, shape (buffers,)
        Index into the netlist's library; `input_pin` and `output_pin` count within their pins.
    clock_net : ndarray of int, shape (buffers,)
        Net of the netlist whose clock each buffer hands on.
    input_net : ndarray of int, shape (buffers,)
    tile : ndarray of int, shape (buffers,)
        Of leaf buffers; `TRUNK` elsewhere.
    level : ndarray of int, shape (buffers,)
        0 for leaves, upwards to the source.
    x, y : ndarray, shape (buffers,)
        [m].
    area : ndarray, shape (buffers,)
        [m2].
    pin_net : ndarray of int, shape (pins,)
        Net of each pin of the netlist, with the tree.
    wire_length, wire_capacitance : ndarray, shape (nets + buffers,)
        Of the stage of each net [m], [F]; 0 where the net is no clock.
    """

    clocks: ClockNetwork
    input_pin: int
    output_pin: int
    cell_type: Ints
    clock_net: Ints
    input_net: Ints
    tile: Ints
    level: Ints
    x: Floats
    y: Floats
    area: Floats
    pin_net: Ints
    wire_length: Floats
    wire_capacitance: Floats

    @property
    def buffers(self) -> int:
        """Number of buffers."""
        return len(self.cell_type)

    @property
    def clock_nets(self) -> Ints:
        """Nets of the stages: the clock nets of the netlist, then those of the buffers."""
        own = len(self.clocks.net_phase) + np.arange(self.buffers)
        return np.append(np.flatnonzero(self.clocks.is_clock), own)

    def over_nets(self, values: Floats) -> Floats:
        """Append to values of the netlist's nets, for each buffer, that of its clock."""
        return np.append(values, values[self.clock_net])

    def insert(self, netlist: Netlist) -> Netlist:
        """Return the netlist with the tree: buffers come after its instances, nets after its nets.

        Parameters
        ----------
        netlist : Netlist
            The one that the tree was built for.
        """
        names = [
            f"{netlist.net_name[net]}$clock${number}"
            for number, net in enumerate(self.clock_net.tolist())
        ]
        pin_net = np.empty((self.buffers, 2), dtype=np.int64)
        pin_net[:, self.input_pin] = self.input_net
        pin_net[:, self.output_pin] = netlist.nets + np.arange(self.buffers)
        return replace(
            netlist,
            cell_name=(*netlist.cell_name, *(f"{name}$buffer" for name in names)),
            cell_type=np.append(netlist.cell_type, self.cell_type),
            net_name=(*netlist.net_name, *names),
            pin_net=np.append(self.pin_net, pin_net),
        )


def clock_buffers(technology: Technology) -> tuple[str, ...]:
    """Names of the cells that stages choose from: buffers with the pins of the technology's own."""
    library = technology.library(technology.nominal_vdd)
    pins = {technology.buffer_input, technology.buffer_output}
    found = []
    for cell, name in enumerate(library.cell_name):
        of = library.pins_of(cell)
        if len(of) != 2 or {library.pin_name[pin] for pin in of} != pins:
            continue
        text = library.pin_function[library.pin_index[cell, technology.buffer_output]]
        is_buffer = bool(text) and _is_identity(text)
        if is_buffer and not any(fnmatch(name, glob) for glob in technology.dont_use):
            found.append(name)
    return tuple(found)


def _is_identity(text: str) -> bool:
    tree = parse_expression(text)
    names = variables(tree)
    return len(names) == 1 and [int(bit) for bit in truth_table(tree, names)] == [0, 1]


def build_clock_tree(
    netlist: Netlist, clocks: ClockNetwork, placement: Placement, technology: Technology
) -> ClockTree:
    """Return the clock tree of a placed netlist, for its loads at the nominal supply.

    Raises
    ------
    TechnologyError
        When the library states no largest load of the technology's buffer.
    """
    builder = _Builder(netlist, clocks, placement, technology)
    for net in np.flatnonzero(clocks.is_clock).tolist():
        builder.grow(net)
    return builder.tree()


@dataclass(frozen=True)
class _Ends:
    """What a stage drives, sinks or buffers: places, shape (ends, 2) [m], and loads [F]."""

    place: Floats
    load: Floats

    def __getitem__(self, which: Ints) -> "_Ends":
        return _Ends(self.place[which], self.load[which])

    @property
    def middle(self) -> Floats:
        """Where their driver stands."""
        return np.asarray(np.median(self.place, axis=0))


class _Builder:
    """A tree that grows net by net."""

    def __init__(
        self,
        netlist: Netlist,
        clocks: ClockNetwork,
        placement: Placement,
        technology: Technology,
    ) -> None:
        self._netlist, self._clocks, self._placement = netlist, clocks, placement
        self._library = library = technology.library(technology.nominal_vdd)
        buffer = library.cell_index[technology.buffer_cell]
        output = library.pin_index[buffer, technology.buffer_output]
        if library.pin_max_capacitance[output] == inf:
            raise TechnologyError(
                f"technology {technology.name}: its library states no largest load of buffer "
                f"{technology.buffer_cell} (max_capacitance), by which clock buffers are spread"
            )
        self._most = LOAD_SHARE * library.pin_max_capacitance
        self._limit = float(self._most[output])
        self._pin_load = library.pin_capacitance.mean(axis=1)
        self._per_metre = technology.wire_capacitance
        first = library.cell_first_pin[buffer]
        self._output_pin = int(output - first)
        self._input_pin = 1 - self._output_pin
        kinds = np.array([library.cell_index[name] for name in clock_buffers(technology)])
        self._repeater_load = float(self._input_load(np.array([buffer]))[0])
        self._kinds = kinds[np.lexsort((self._input_load(kinds), library.cell_area[kinds]))]
        grid = placement.grid
        self._place = np.stack(
            [placement.site * grid.site_width, placement.row * grid.site_height], axis=1
        )
        self._pin_net = netlist.pin_net.copy()
        self._length = np.zeros(netlist.nets).tolist()
        # Of each buffer: cell, clock net, tile, level; place; input net.
        self._made: list[tuple[int, int, int, int]] = []
        self._stands: list[Floats] = []
        self._into: list[int] = []

    def tree(self) -> ClockTree:
        """Return what has grown."""
        kind, clock, tile, level = np.array(self._made, dtype=np.int64).reshape(-1, 4).T
        x, y = np.array(self._stands).reshape(-1, 2).T
        length = np.array(self._length)
        return ClockTree(
            self._clocks, self._input_pin, self._output_pin, kind, clock,
            np.array(self._into, dtype=np.int64), tile, level, x, y,
            self._library.cell_area[kind], self._pin_net, length, length * self._per_metre,
        )  # fmt: skip

    def grow(self, net: int) -> None:
        """Put buffers between the source of a clock net and its sinks, where it needs them."""
        netlist = self._netlist
        first = netlist.net_first_sink
        sinks = netlist.sink_pins[first[net] : first[net + 1]]
        if not len(sinks):
            return
        at, tile, limit = self._source(net)
        cells = netlist.pin_cell[sinks]
        tiles = self._placement.tile[cells]
        ends = _Ends(self._place[cells], self._pin_load[netlist.pin_library[sinks]])
        if (tiles == tile).all() and self._load(ends, at) <= limit:
            self._length[net] = _wire(ends.place, at)
            return
        leaves = []
        for each in np.unique(tiles).tolist():
            inside = np.flatnonzero(tiles == each)
            for group in self._groups(ends[inside], self._limit):
                mine = inside[group]
                leaves.append(self._add((net, each, 0), ends[mine], ends[mine].middle))
                self._pin_net[sinks[mine]] = self._net_of(leaves[-1])
        self._join(net, leaves, at, limit)

    def _source(self, net: int) -> tuple[Floats, int, float]:
        """Place, tile and largest load of what drives a clock net."""
        netlist = self._netlist
        driver = int(netlist.net_driver[net])
        if driver >= 0:
            cell = int(netlist.pin_cell[driver])
            most = float(self._most[netlist.pin_library[driver]])
            return self._place[cell], int(self._placement.tile[cell]), min(most, self._limit)
        port = int(np.flatnonzero((netlist.port_net == net) & netlist.port_is_input)[0])
        at = np.array([self._placement.port_x[port], self._placement.port_y[port]])
        return at, TRUNK, self._limit

    def _join(self, net: int, nodes: list[int], at: Floats, limit: float) -> None:
        """Put the trunk between a source and leaf buffers."""
        level, reach = 1, self._limit
        while self._load(ends := self._ends(nodes), at) > reach:
            groups = self._groups(ends, reach)
            if len(groups) == len(nodes):  # too far apart for one buffer to drive any two
                reach *= 2
                continue
            above = []
            for group in groups:
                mine = [nodes[one] for one in group.tolist()]
                if len(mine) > 1:  # one by itself waits for the next level
                    mine = [self._drive((net, TRUNK, level), mine, ends[group].middle)]
                above += mine
            nodes, level = above, level + 1
        nodes, length = self._cut((net, TRUNK, level), nodes, at)
        if self._load(self._ends(nodes), at, length) > limit:  # a buffer beside a weak source
            nodes, length = [self._drive((net, TRUNK, level), nodes, at, length)], 0.0
        self._length[net] = length
        self._connect(nodes, net)

    def _drive(
        self, of: tuple[int, int, int], nodes: list[int], at: Floats, length: float | None = None
    ) -> int:
        """Add a buffer that drives others, over repeaters where it takes them."""
        if length is None:
            nodes, length = self._cut(of, nodes, at)
        buffer = self._add(of, self._ends(nodes), at, length)
        self._connect(nodes, self._net_of(buffer))
        return buffer

    def _cut(
        self, of: tuple[int, int, int], nodes: list[int], at: Floats
    ) -> tuple[list[int], float]:
        """Cut the wire of a stage into equal pieces; return what its driver then drives."""
        ends = self._ends(nodes)
        length, pieces = _wire(ends.place, at), 1
        if self._load(ends, at, length) > self._limit:
            pins = max(float(ends.load.sum()), self._repeater_load)
            # Half of the load for wire at least, however many buffers stand that far apart.
            pieces = ceil(self._per_metre * length / max(self._limit - pins, 0.5 * self._limit))
        for number in range(pieces - 1, 0, -1):
            start = at + (ends.middle - at) * number / pieces
            nodes = [self._drive(of, nodes, start, length / pieces)]
        return nodes, length / pieces

    def _groups(self, ends: _Ends, limit: float) -> list[Ints]:
        """Part the ends into groups of a largest load; a single one is always such a group.

        Groups are parted where the share of the load is that of half of the buffers needed.
        """
        done, rest = [], [np.arange(len(ends.load))]
        while rest:
            group = rest.pop()
            mine = ends[group]
            parts = ceil(self._load(mine, mine.middle) / limit)
            if parts <= 1 or len(group) == 1:
                done.append(group)
                continue
            along = int(np.argmax(np.ptp(mine.place, axis=0)))
            order = np.argsort(mine.place[:, along], kind="stable")
            filled = np.cumsum(mine.load[order])
            cut = int(np.searchsorted(filled, filled[-1] * (parts // 2) / parts)) + 1
            cut = min(cut, len(group) - 1)
            rest += [group[order[cut:]], group[order[:cut]]]
        return done

    def _add(
        self, of: tuple[int, int, int], ends: _Ends, at: Floats, length: float | None = None
    ) -> int:
        """Add a buffer of (clock net, tile, level) for a stage; return its number."""
        load = self._load(ends, at, length)
        output = self._library.cell_first_pin[self._kinds] + self._output_pin
        enough = self._kinds[self._most[output] >= load]
        kind = enough[0] if len(enough) else self._kinds[np.argmax(self._most[output])]
        self._made.append((int(kind), *of))
        self._stands.append(at)
        self._into.append(OPEN)
        self._length.append(_wire(ends.place, at) if length is None else length)
        return len(self._made) - 1

    def _net_of(self, buffer: int) -> int:
        return self._netlist.nets + buffer

    def _connect(self, buffers: list[int], net: int) -> None:
        for buffer in buffers:
            self._into[buffer] = net

    def _ends(self, buffers: list[int]) -> _Ends:
        kinds = np.array([self._made[buffer][0] for buffer in buffers])
        return _Ends(np.array([self._stands[one] for one in buffers]), self._input_load(kinds))

    def _input_load(self, kinds: Ints) -> Floats:
        return np.asarray(self._pin_load[self._library.cell_first_pin[kinds] + self._input_pin])

    def _load(self, ends: _Ends, at: Floats, length: float | None = None) -> float:
        """Load of a stage [F]; its wire is the tree of its ends, unless its length is given."""
        length = _wire(ends.place, at) if length is None else length
        return float(ends.load.sum() + self._per_metre * length)


def _wire(ends: Floats, at: Floats) -> float:
    """Length of the wire of a stage whose driver stands at a place [m]."""
    from voltile.floorplan.spanning_tree import spanning_length

    return float(spanning_length(np.append(ends, at[None], axis=0)))
