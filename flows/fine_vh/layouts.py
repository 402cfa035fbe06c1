"""A layout of a run, uncut or a mesh: its placement, Vdd-MUX and poly-bias, and what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import (
    BiasPlan,
    ClockTree,
    LayoutArea,
    PlacedDesign,
    Placement,
    TileTimer,
    Timer,
    TimingGraph,
    VddMuxes,
    Wires,
    build_clock_tree,
    build_timing_graph,
    drop_stretch,
    interface_cells,
    layout_area,
    muxes_from_arrays,
    muxes_to_arrays,
    netlist_from_arrays,
    netlist_to_arrays,
    placement_from_arrays,
    placement_to_arrays,
    relative_loads,
)
from voltile.flows.fine_vh.header_currents import Pair, pair_currents
from voltile.pdk import LibrarySet, Technology
from voltile.power import (
    Activity,
    ClockStages,
    CurrentWaveform,
    header_gates,
    mux_leakage,
    rail_capacitance,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Layout:
    """One layout of a design.

    Attributes
    ----------
    muxes : VddMuxes, optional
        None: uncut, or a technology without headers.
    bias : mapping of name to BiasPlan
        "interface": cells driven from other tiles may have longer gates; "all": every cell may.
    drop : mapping of (VddL, VddH) to ndarray, shape (2, tiles)
        Part of its supply that the headers of a tile drop at VddL, and at VddH, at the current that
        flows when its cells switch.
    largest_drop : float
        The same of the worst tile and supply, at its peak current.
    """

    graph: TimingGraph
    technology: Technology
    placement: Placement
    tree: ClockTree
    muxes: VddMuxes | None = None
    bias: Mapping[str, BiasPlan] = field(default_factory=dict)
    drop: Mapping[Pair, Floats] = field(default_factory=dict)
    largest_drop: float = 0.0

    @property
    def n(self) -> int:
        """The mesh has n x n tiles."""
        return self.placement.grid.n

    @classmethod
    def of(cls, design: PlacedDesign, technology: Technology) -> "Layout":
        """Return a placed design with its clock tree."""
        graph, placement = design.graph, design.placement
        tree = build_clock_tree(graph.netlist, graph.clocks, placement, technology)
        return cls(graph, technology, placement, tree, design.muxes)

    @cached_property
    def wires(self) -> Wires:
        """Wires of its nets."""
        return self.placement.wires(self.technology)

    @cached_property
    def interface(self) -> Bools:
        """Cells driven from another tile, shape (cells,)."""
        graph = self.graph
        return interface_cells(graph.netlist, graph.clocks.is_clock, self.placement.tile)

    @property
    def area(self) -> LayoutArea:
        """Its area, as in Table 4.1."""
        return layout_area(self.graph.netlist, self.placement.grid, self.tree, self.muxes)

    @property
    def tile_area(self) -> Floats:
        """Area of the cells of each tile, shape (tiles,) [m2]."""
        area, tiles = self.graph.netlist.cell_area, self.placement.grid.tiles
        return np.bincount(self.placement.tile, area, minlength=tiles).astype(np.float64)

    @cached_property
    def min_period(self) -> float:
        """Shortest clock period at the nominal supply, without headers and poly-bias [s]."""
        return PlacedDesign(self.graph, self.placement).min_period(self.technology)

    @cached_property
    def relative_load(self) -> Floats:
        """Load of each net over what the library allows its driver, shape (nets,)."""
        graph, library = self.graph, self.technology.library(self.technology.nominal_vdd)
        every = np.zeros(graph.netlist.cells, dtype=np.int64)
        load, _ = Timer(graph, [library]).loads(every, self.wires)
        return relative_loads(graph, load, library.pin_max_capacitance[graph.netlist.pin_library])

    def slowest(self) -> float:
        """Shortest clock period at the highest supply, of the slowest variant [s].

        With all tiles at VddH, the drop of their headers, and any poly-bias that it has.
        """
        technology = self.technology
        vdd = technology.vdds[-1]
        libraries = LibrarySet.of(technology, [vdd], technology.biases)
        timer = Timer(self.graph, libraries.libraries)
        drops = [drop[1] for (_, high), drop in self.drop.items() if high == vdd]
        every = np.zeros(self.graph.netlist.cells, dtype=np.int64)
        stretch = None
        if drops:
            stretch = drop_stretch(technology, vdd, np.max(drops, axis=0))[self.placement.tile]
        chosen = (libraries.index(every, self.bias_of(name)) for name in ("none", *self.bias))
        return max(timer.analyze(item, self.wires, stretch).min_period for item in chosen)

    def currents(
        self, activity: Activity, pairs: Sequence[Pair]
    ) -> dict[Pair, tuple[CurrentWaveform, CurrentWaveform]]:
        """Return what its cells draw at VddL and at VddH of each pair (`pair_currents`)."""
        return pair_currents(self.graph, self.wires, self.tree, self.technology, activity, pairs)

    def bias_of(self, name: str) -> Ints:
        """Bias of each instance under "none", "interface" or "all", shape (cells,)."""
        if name == "none":
            return np.zeros(self.graph.netlist.cells, dtype=np.int64)
        return self.bias[name].bias

    def mux_leakage(self, vdd_low: float, vdd_high: float) -> Floats:
        """Return the leakage of each tile's Vdd-MUX between two supplies [W], shape (tiles,)."""
        if self.muxes is None:
            return np.zeros(self.placement.grid.tiles)
        return mux_leakage(self.muxes, self.technology, vdd_low, vdd_high)

    @property
    def header_gates(self) -> Floats:
        """Capacitance of one gate of each tile's headers, shape (tiles,) [F]."""
        if self.muxes is None:
            return np.zeros(self.placement.grid.tiles)
        return header_gates(self.muxes, self.technology)

    def rail_capacitance(self, activity: Activity) -> Floats:
        """Return what hangs on the virtual rail of each tile [F]; loads at the nominal Vdd."""
        netlist = self.graph.netlist
        libraries = [self.technology.library(self.technology.nominal_vdd)]
        every = np.zeros(netlist.cells, dtype=np.int64)
        load, _ = Timer(self.graph, libraries).loads(every, self.wires)
        stages = ClockStages(netlist, self.tree, libraries)
        load = stages.loads(stages.libraries_of(every), load)
        return rail_capacitance(netlist, self.tree, self.placement, activity, load)

    def libraries(self, vdds: Sequence[float], bias: str) -> LibrarySet:
        """Return the libraries of some supplies [V] that cells of a poly-bias are of."""
        biases = self.technology.biases
        return LibrarySet.of(self.technology, vdds, biases[:1] if bias == "none" else biases)

    def tile_timer(self, libraries: LibrarySet, bias: str) -> TileTimer:
        """Return its timing over the tiles at VddH, for the libraries of a pair of supplies."""
        timer = Timer(self.graph, libraries.libraries, libraries.mixed_supply)
        numbers = self.bias_of(bias)
        library = np.stack([libraries.index(np.full_like(numbers, at), numbers) for at in (0, 1)])
        drop = self._drop_at(libraries.vdds)
        stretch = np.stack([
            drop_stretch(self.technology, vdd, part)
            for vdd, part in zip(libraries.vdds, drop, strict=True)
        ])  # fmt: skip
        return TileTimer(timer, self.placement, self.wires, library, stretch)

    def _drop_at(self, vdds: Sequence[float]) -> Floats:
        if not self.drop:
            return np.zeros((2, self.placement.grid.tiles))
        pair = min(self.drop, key=lambda pair: max(abs(np.subtract(pair, vdds))))
        if not np.allclose(pair, vdds, atol=1e-6, rtol=0):
            raise ValueError(f"headers were sized for the pairs {list(self.drop)}, not for {vdds}")
        return self.drop[pair]


# The arrays below are what a run folder keeps of a layout.


def design_to_arrays(design: PlacedDesign) -> Arrays:
    """Return a placed design as plain arrays, for `numpy.savez`."""
    arrays = netlist_to_arrays(design.graph.netlist) | placement_to_arrays(design.placement)
    return arrays | (muxes_to_arrays(design.muxes) if design.muxes else {})


def design_from_arrays(arrays: Arrays, graph: TimingGraph) -> PlacedDesign:
    """Return the design that was kept; library and constraints are those of a graph."""
    netlist = netlist_from_arrays(arrays, graph.netlist.library)
    return PlacedDesign(
        build_timing_graph(netlist, graph.constraints), placement_from_arrays(arrays),
        muxes_from_arrays(arrays),
    )  # fmt: skip
