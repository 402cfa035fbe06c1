"""Physical synthesis: placement, gate sizing and Vdd-MUX in turns."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from voltile.core import PlacementInfeasible
from voltile.floorplan.buffering import relieve_critical_nets
from voltile.floorplan.mux_cells import MuxCells, MuxReserve
from voltile.floorplan.placement import Floats, Placement, Pull, check_mesh, place_on
from voltile.floorplan.sizing import resize
from voltile.floorplan.slack_use import cell_slack
from voltile.floorplan.timing import Timer, Timing
from voltile.floorplan.timing_graph import TimingGraph, build_timing_graph
from voltile.floorplan.vdd_mux import VddMuxes, place_muxes
from voltile.pdk import DriveChoice, Technology

# More bring nothing: on a processor core of 30 k cells the shortest period after one to four is
# 1.354, 1.320, 1.330 and 1.333 ns uncut, and 1.382, 1.326, 1.331 and 1.338 ns at 7 x 7 tiles.
_PLACEMENTS = 2
# Nets count as critical from this share of the critical path's delay on, and weigh up to this much.
_CRITICAL_FROM = 0.7
_HEAVIEST = 10.0
# Weight of what draws the most critical cells together, and the slack from which on cells are left
# alone, a part of the period.
_PULL, _PULLED_BELOW = 0.1, 0.1
# What a tile keeps for its Vdd-MUX, over what it needs as the cells stand; and how often they are
# moved until that suffices.
_ROOM, _ATTEMPTS = 1.1, 8


@dataclass(frozen=True, eq=False)
class PlacedDesign:
    """A netlist with the drives that its wires call for, and where its cells stand.

    Attributes
    ----------
    graph : TimingGraph
        Of the netlist.
    muxes : VddMuxes, optional
        None: uncut, or a technology without headers.
    """

    graph: TimingGraph
    placement: Placement
    muxes: VddMuxes | None = None

    def min_period(self, technology: Technology) -> float:
        """Shortest clock period at the nominal supply, without headers and poly-bias [s]."""
        library = technology.library(technology.nominal_vdd)
        everywhere = np.zeros(self.graph.netlist.cells, dtype=np.int64)
        wires = self.placement.wires(technology)
        return Timer(self.graph, [library]).analyze(everywhere, wires).min_period


class HeaderNeeds(Protocol):
    """What the headers of a mesh must carry, and the cells that they come in."""

    @property
    def cells(self) -> MuxCells:
        """Vdd-MUX of the technology."""

    def widths(self, placement: Placement) -> Floats:
        """Width that each of the two headers of a tile needs [m], shape (tiles,)."""


def place_and_size(
    graph: TimingGraph,
    technology: Technology,
    n: int,
    utilisation: float,
    seed: int = 1,
    period: float = 0.0,
    headers: HeaderNeeds | None = None,
    gather: bool = False,
    spare: float = 0.0,
    buffers: bool = False,
) -> PlacedDesign:
    """Place a netlist on an n x n mesh and size its gates for a clock period.

    It is placed twice, the second time with short critical nets and, with headers, around what the
    Vdd-MUX of each tile take. Runs in this process and silences its standard output meanwhile.

    Parameters
    ----------
    period : float
        Clock period that is short enough [s], at the nominal supply. Where it is out of reach, the
        shortest that is found takes its place; by default it always is.
    headers : HeaderNeeds, optional
        By default there are no Vdd-MUX.
    gather : bool
        Whether critical cells are drawn to each other, so that fewer tiles hold any.
    spare : float
        Part of the period that paths keep as slack, where they have it (`resize`).
    buffers : bool
        Whether buffers may be added; else the netlist keeps its cells and nets.

    Raises
    ------
    PlacementInfeasible
        When the cells cannot be legalised in that many tiles, or their Vdd-MUX do not fit.
    """
    choice = DriveChoice(technology)
    weight, reserve, pull = None, None, None
    for turn in range(_PLACEMENTS):
        grid = check_mesh(graph.netlist, technology, n, utilisation, reserve)
        placement = place_on(grid, graph.netlist, graph.clocks, technology, seed, weight, pull=pull)
        sizing = resize(graph, placement.wires(technology), choice, period, spare)
        graph = build_timing_graph(sizing.netlist, graph.constraints)
        weight = criticality_weights(sizing.timing)
        if buffers and turn == 0:
            netlist = relieve_critical_nets(
                graph, placement.wires(technology), technology,
                max(period, sizing.timing.min_period),
            )  # fmt: skip
            weight = np.append(weight, np.ones(netlist.nets - len(weight)))
            graph = build_timing_graph(netlist, graph.constraints)
        if gather:
            pull = gathering_pull(sizing.timing, placement)
        if headers is not None:
            reserve = MuxReserve(headers.cells, _ROOM * headers.widths(placement))
    kept = technology, seed, weight, pull, headers
    design = _legalize(PlacedDesign(graph, placement), *kept)
    touched = _legalize(_resized(design, technology, choice, period, spare), *kept)
    return min(design, touched, key=lambda item: _cost(item, technology, period))


def resize_placed(
    design: PlacedDesign, technology: Technology, seed: int, period: float, spare: float
) -> PlacedDesign:
    """Size the gates of a design without Vdd-MUX anew, and move them to legal places near by."""
    choice = DriveChoice(technology)
    return _legalize(_resized(design, technology, choice, period, spare), technology, seed)


def _resized(
    design: PlacedDesign, technology: Technology, choice: DriveChoice, period: float, spare: float
) -> PlacedDesign:
    sizing = resize(design.graph, design.placement.wires(technology), choice, period, spare)
    graph = build_timing_graph(sizing.netlist, design.graph.constraints)
    return PlacedDesign(graph, design.placement)


def _legalize(
    design: PlacedDesign,
    technology: Technology,
    seed: int,
    weight: Floats | None = None,
    pull: Pull | None = None,
    headers: HeaderNeeds | None = None,
) -> PlacedDesign:
    """Move cells, some wider than their places, to legal ones, and put Vdd-MUX beside them.

    Cells that move draw their current elsewhere: what tiles keep follows, until it suffices.
    """
    graph, placement = design.graph, design.placement
    grid, kept = placement.grid, (graph.netlist, graph.clocks, technology, seed, weight)
    if headers is None:
        return PlacedDesign(graph, place_on(grid, *kept, near=placement, pull=pull))
    needed = headers.widths(placement)
    for attempt in range(1, _ATTEMPTS + 1):
        reserve = MuxReserve(headers.cells, _ROOM * needed)
        grid = replace(grid, mux=reserve.columns(grid.tile_rows))
        try:
            placement = place_on(grid, *kept, near=placement, pull=pull)
        except PlacementInfeasible as error:
            raise PlacementInfeasible(
                f"{error}; Vdd-MUX take {reserve.share(grid.tile_rows, grid.tile_width):.0%} of "
                f"the tiles: a larger drop makes them smaller", grid.n
            ) from None  # fmt: skip
        needed = np.maximum(needed, headers.widths(placement))
        try:
            muxes = place_muxes(grid, headers.cells, headers.widths(placement))
        except PlacementInfeasible:
            if attempt == _ATTEMPTS:
                raise
        else:
            return PlacedDesign(graph, placement, muxes)
    raise AssertionError("unreachable")


def _cost(design: PlacedDesign, technology: Technology, period: float) -> tuple[float, float]:
    """Clock period where it is above the one asked for, then area."""
    area = float(design.graph.netlist.cell_area.sum())
    return max(design.min_period(technology), period), area


def criticality_weights(timing: Timing) -> Floats:
    """Weight of each net, from 1 for an uncritical one to 10 on the critical path, shape (nets,).

    The criticality of a net is one minus its worst slack over the shortest clock period; the weight
    grows with the square of how far it exceeds 0.7.
    """
    period = timing.min_period
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    excess = np.clip((1 - slack / period - _CRITICAL_FROM) / (1 - _CRITICAL_FROM), 0, 1)
    return np.asarray(1 + (_HEAVIEST - 1) * excess**2)


def gathering_pull(timing: Timing, placement: Placement) -> Pull:
    """Return the point amid the critical cells, and how much it is to draw each of them.

    Cells of the critical path are drawn as by `_PULL` nets, those with 10 % of slack no more.
    """
    grid, period = placement.grid, timing.min_period
    critical = np.clip(1 - cell_slack(timing, period) / (_PULLED_BELOW * period), 0, 1)
    x, y = (
        float(np.average(places, weights=critical + 1e-9)) / size
        for places, size in ((placement.site, grid.core_sites), (placement.row, grid.core_rows))
    )
    return Pull(_PULL * critical, x, y)
