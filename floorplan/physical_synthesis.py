"""Physical synthesis: placement and gate sizing in turns, then sizing on legal places."""

from dataclasses import dataclass

import numpy as np

from voltile.floorplan.mux_cells import MuxReserve
from voltile.floorplan.placement import Floats, Placement, check_mesh, place_on
from voltile.floorplan.sizing import resize
from voltile.floorplan.timing import Timer, Timing
from voltile.floorplan.timing_graph import TimingGraph, build_timing_graph
from voltile.pdk import DriveChoice, Technology

# Placements after the first. A third and a fourth bring nothing: on a processor core of 30 k cells
# the shortest period is 1.354, 1.320, 1.330 and 1.333 ns uncut, and 1.382, 1.326, 1.331 and
# 1.338 ns at 7 x 7 tiles.
_REPEATS = 1
# Nets count as critical from this share of the critical path's delay on, and weigh up to this much.
_CRITICAL_FROM = 0.7
_HEAVIEST = 10.0
# How often gates are sized once more, after cells of new widths have moved to legal places.
_TOUCHES = 1


@dataclass(frozen=True, eq=False)
class PlacedDesign:
    """A netlist with the drives that its wires call for, and where its cells stand.

    Attributes
    ----------
    graph : TimingGraph
        Of the netlist.
    """

    graph: TimingGraph
    placement: Placement


def place_and_size(
    graph: TimingGraph,
    technology: Technology,
    n: int,
    utilisation: float,
    seed: int = 1,
    period: float = 0.0,
    reserve: MuxReserve | None = None,
) -> PlacedDesign:
    """Place a netlist on an n x n mesh and size its gates for a clock period.

    Critical nets come out short. Each placement uses the mean of the weights before it and those
    that its predecessor's timing asks for, after sizing; with that memory, paths do not take turns
    at being critical. Of all placements made, the best is taken: the one with the shortest clock
    period, of such as meet it, the one of the least area. Runs in this process and silences its
    standard output meanwhile.

    Parameters
    ----------
    period : float
        Clock period that is short enough [s], at the nominal supply. Where it is out of reach, the
        shortest that is found takes its place; by default it always is.
    reserve : MuxReserve, optional
        Room that every tile keeps for its Vdd-MUX.

    Raises
    ------
    PlacementInfeasible
        When the cells cannot be legalised in that many tiles.
    """
    choice = DriveChoice(technology)
    weight: Floats | None = None
    designs = []
    for _ in range(1 + _REPEATS):
        grid = check_mesh(graph.netlist, technology, n, utilisation, reserve)
        placement = place_on(grid, graph.netlist, graph.clocks, technology, seed, weight)
        sizing = resize(graph, placement.wires(technology), choice, period)
        graph = build_timing_graph(sizing.netlist, graph.constraints)
        designs.append((_cost(graph, sizing.timing, period), PlacedDesign(graph, placement)))
        asked = criticality_weights(sizing.timing)
        weight = asked if weight is None else (weight + asked) / 2
    design = min(designs, key=lambda item: item[0])[1]
    legal = [_legalize(design, technology, seed, period)]
    for _ in range(_TOUCHES):
        _, design = legal[-1]
        sizing = resize(design.graph, design.placement.wires(technology), choice, period)
        graph = build_timing_graph(sizing.netlist, design.graph.constraints)
        legal.append(
            _legalize(PlacedDesign(graph, design.placement), technology, seed, period)
        )
    return min(legal, key=lambda item: item[0])[1]


def _legalize(
    design: PlacedDesign, technology: Technology, seed: int, period: float
) -> tuple[tuple[float, float], PlacedDesign]:
    """Move cells, some wider than their places, to legal ones; return the cost of that too."""
    graph = design.graph
    placement = place_on(
        design.placement.grid, graph.netlist, graph.clocks, technology, seed, near=design.placement
    )
    library = technology.library(technology.nominal_vdd)
    everywhere = np.zeros(graph.netlist.cells, dtype=np.int64)
    timing = Timer(graph, [library]).analyze(everywhere, placement.wires(technology))
    return _cost(graph, timing, period), PlacedDesign(graph, placement)


def _cost(graph: TimingGraph, timing: Timing, period: float) -> tuple[float, float]:
    return max(timing.min_period, period), float(graph.netlist.cell_area.sum())


def criticality_weights(timing: Timing) -> Floats:
    """Weight of each net, from 1 for an uncritical one to 10 on the critical path, shape (nets,).

    The criticality of a net is one minus its worst slack over the shortest clock period; the weight
    grows with the square of how far it exceeds 0.7.
    """
    period = timing.min_period
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    excess = np.clip((1 - slack / period - _CRITICAL_FROM) / (1 - _CRITICAL_FROM), 0, 1)
    return np.asarray(1 + (_HEAVIEST - 1) * excess**2)
