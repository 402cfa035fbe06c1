"""The layouts of a run, uncut and of every mesh: placement, Vdd-MUX, poly-bias."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import (
    BiasPlan,
    BiasStage,
    ClockTree,
    LayoutArea,
    PlacedDesign,
    Placement,
    TileTimer,
    Timer,
    TimingGraph,
    VddMuxes,
    Wires,
    assign_bias,
    build_clock_tree,
    build_timing_graph,
    drop_stretch,
    interface_cells,
    layout_area,
    mux_cells,
    muxes_from_arrays,
    muxes_to_arrays,
    netlist_from_arrays,
    netlist_to_arrays,
    place_and_size,
    placement_from_arrays,
    placement_to_arrays,
    resize_placed,
)
from voltile.flows.header_currents import HeaderCurrents, Pair, pair_currents
from voltile.flows.run_config import RunConfig
from voltile.flows.stages import Stages, stage_key
from voltile.pdk import LibrarySet, Technology
from voltile.power import Activity, CurrentWaveform, header_gates, mux_leakage

# Part of the period that paths of a mesh keep as slack, where they have it. Tiles at VddL live on
# slack: on a processor core of 30 k cells at 7 x 7 tiles it takes 0.3 % more area, and FINE-VH at
# narrow intervals saves 5 points more against ideal-DVFS.
_SPARE = 0.2
# The same while cells get longer gates (decision 013).
_BIAS_SPARE = 0.15

# A mesh that is slower than it should be by this part of the period is placed again, this often.
_SLOWER, _SEEDS = 0.03, 3

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


def place_uncut(
    config: RunConfig,
    stages: Stages,
    graph: TimingGraph,
    technology: Technology,
    period: float,
    key: str,
) -> tuple[Layout, Layout]:
    """Return the uncut layout of a netlist; and with gates sized as those of meshes are.

    Their netlist may have more buffers than the one given; meshes have the same. What is kept is
    read again.

    Parameters
    ----------
    period : float
        Clock period that its gates are sized for [s].
    key : str
        Of the netlist, its constraints, and how it is to be placed.
    """
    parts = ("placement-1x1", "placement-1x1-spare")
    keys = {part: stage_key(uncut=key, part=part) for part in parts}

    def place_both(_: list[str]) -> Iterator[tuple[str, Arrays]]:
        design = place_and_size(
            graph, technology, 1, config.utilisation, config.seed, period, buffers=True
        )
        yield parts[0], _design_to_arrays(design)
        spare = resize_placed(design, technology, config.seed, period, _SPARE)
        yield parts[1], _design_to_arrays(spare)

    kept = stages.run_each("placement uncut", keys, place_both)
    uncut, spare = (Layout.of(_design_from_arrays(kept[part], graph), technology) for part in parts)
    return uncut, spare


def with_bias_everywhere(stages: Stages, layout: Layout, key: str) -> Layout:
    """Return an uncut layout with longer gates wherever time is left, kept as a stage.

    Parameters
    ----------
    key : str
        Of the layout.
    """
    arrays = stages.run(
        "poly-bias-1x1-spare", stage_key(layout=key),
        lambda: _bias_to_arrays(_with_bias(layout, ("all",))),
    )  # fmt: skip
    return replace(layout, bias=_bias_from_arrays(arrays))


def make_layouts(
    config: RunConfig,
    stages: Stages,
    uncut: Layout,
    activity: Activity,
    pairs: Sequence[Pair],
    period: float,
    pool: Executor,
    key: str,
) -> dict[int, Layout]:
    """Return the uncut layout (1), and that of every mesh; kept stages are read again.

    Parameters
    ----------
    pairs : sequence of (VddL, VddH)
        Between which tiles are to choose; headers suffice for all of them.
    period : float
        Clock period that gates are sized for [s]; a mesh need not be faster than the uncut layout.
    key : str
        Of the netlist, its constraints and its activity.
    """
    technology, period = uncut.technology, max(period, uncut.min_period)
    headers = None
    if technology.header is not None and max(config.tiles) > 1:
        headers = HeaderCurrents(
            mux_cells(technology), uncut.currents(activity, pairs), config.drop
        )
    meshes = {f"placement-{n}x{n}": n for n in config.tiles if n > 1}
    keys = {
        part: stage_key(netlist=key, n=n, period=period, pairs=pairs, **config.layout_options)
        for part, n in meshes.items()
    }

    def place_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        jobs = {
            pool.submit(_place, uncut, meshes[part], config, period, headers): part
            for part in missing
        }  # fmt: skip
        for job in as_completed(jobs):
            yield jobs[job], job.result()

    layouts = {1: uncut}
    for part, arrays in stages.run_each("placement", keys, place_missing).items():
        design = _design_from_arrays(arrays, uncut.graph)
        layout = Layout.of(design, technology)
        if headers is not None:  # sized by what the uncut layout draws; this is what this one does
            own = replace(headers, waveforms=layout.currents(activity, pairs))
            layout = replace(layout, drop=own.drops(design), largest_drop=own.largest_drop(design))
        layouts[meshes[part]] = layout
    return _biased(config, stages, layouts, pairs, pool, key)


def _biased(
    config: RunConfig,
    stages: Stages,
    layouts: Mapping[int, Layout],
    pairs: Sequence[Pair],
    pool: Executor,
    key: str,
) -> dict[int, Layout]:
    """The layouts with their poly-bias; the uncut one with that of all its cells."""
    if config.poly_bias == "none" or len(layouts[1].technology.biases) == 1:
        return dict(layouts)
    kinds = tuple(dict.fromkeys(("interface", config.poly_bias)))
    names = {n: kinds for n in layouts} | {1: tuple(dict.fromkeys(("all", *kinds)))}
    parts = {f"poly-bias-{n}x{n}": n for n in layouts}
    keys = {
        part: stage_key(run=key, names=names[n], n=n, pairs=pairs, **config.layout_options)
        for part, n in parts.items()
    }

    def assign_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        jobs = {
            pool.submit(_with_bias, layouts[parts[part]], names[parts[part]]): part
            for part in missing
        }
        for job in as_completed(jobs):
            yield jobs[job], _bias_to_arrays(job.result())

    return {
        parts[part]: replace(layouts[parts[part]], bias=_bias_from_arrays(arrays))
        for part, arrays in stages.run_each("poly-bias", keys, assign_missing).items()
    }


def _place(
    uncut: Layout, n: int, config: RunConfig, period: float, headers: HeaderCurrents | None
) -> Arrays:
    """Place a mesh and size its gates, with its Vdd-MUX where the technology has headers.

    Small tiles come out badly at times: then with other seeds, and the fastest is taken.
    """
    best = None
    for seed in range(config.seed, config.seed + _SEEDS):
        design = place_and_size(
            uncut.graph, uncut.technology, n, config.utilisation, seed, period, headers,
            config.gather, _SPARE,
        )  # fmt: skip
        found = design.min_period(uncut.technology)
        if best is None or found < best[0]:
            best = found, design
        if found <= (1 + _SLOWER) * period:
            break
    assert best is not None
    return _design_to_arrays(best[1])


def _design_to_arrays(design: PlacedDesign) -> Arrays:
    arrays = netlist_to_arrays(design.graph.netlist) | placement_to_arrays(design.placement)
    return arrays | (muxes_to_arrays(design.muxes) if design.muxes else {})


def _design_from_arrays(arrays: Arrays, graph: TimingGraph) -> PlacedDesign:
    """The design that was kept; library and constraints are those of a graph."""
    netlist = netlist_from_arrays(arrays, graph.netlist.library)
    return PlacedDesign(
        build_timing_graph(netlist, graph.constraints), placement_from_arrays(arrays),
        muxes_from_arrays(arrays),
    )  # fmt: skip


def _with_bias(layout: Layout, names: Sequence[str]) -> dict[str, BiasPlan]:
    """Poly-bias of a layout at the nominal supply, for each kind of cells that may change."""
    technology, cells = layout.technology, layout.graph.netlist.cells
    libraries = LibrarySet.of(technology, [technology.nominal_vdd], technology.biases)
    timer = Timer(layout.graph, libraries.libraries)
    may_change = {"interface": layout.interface, "all": np.ones(cells, dtype=bool)}
    spare = _BIAS_SPARE if layout.n > 1 else 0.0
    return {
        name: assign_bias(timer, layout.wires, technology.slow_downs, may_change[name], spare=spare)
        for name in names
    }


def _bias_to_arrays(plans: Mapping[str, BiasPlan]) -> Arrays:
    arrays: Arrays = {}
    for name, plan in plans.items():
        text = json.dumps({"period": plan.period, "stages": [asdict(item) for item in plan.stages]})
        arrays[f"{name}/bias"] = plan.bias.astype(np.int8)
        arrays[f"{name}/text"] = np.frombuffer(text.encode(), dtype=np.uint8)
    return arrays


def _bias_from_arrays(arrays: Arrays) -> dict[str, BiasPlan]:
    plans = {}
    for name in sorted({key.partition("/")[0] for key in arrays}):
        text = json.loads(arrays[f"{name}/text"].tobytes())
        stages = tuple(BiasStage(**item) for item in text["stages"])
        plans[name] = BiasPlan(arrays[f"{name}/bias"].astype(np.int64), text["period"], stages)
    return plans
