"""Timing-driven placement: place, weigh the nets by their slack, place again."""

import numpy as np

from voltile.floorplan.mux_cells import MuxReserve
from voltile.floorplan.placement import Floats, Placement, place
from voltile.floorplan.timing import Timer, Timing
from voltile.pdk import Technology

# Placements after the first. On a processor core of 31 k cells they take the shortest period from
# 11.1 to 10.1, 9.5 and 9.4 ns uncut, and from 11.8 to 10.8, 10.1 and 9.5 ns at 7 x 7 tiles.
_REPEATS = 3
# Nets count as critical from this share of the critical path's delay on, and weigh up to this much.
_CRITICAL_FROM = 0.7
_HEAVIEST = 10.0


def place_for_timing(
    timer: Timer,
    technology: Technology,
    n: int,
    utilisation: float,
    seed: int = 1,
    reserve: MuxReserve | None = None,
) -> Placement:
    """Place a netlist on an n x n mesh so that critical nets come out short.

    Each placement uses the mean of the weights before it and those that its predecessor's timing
    asks for; with that memory, paths do not take turns at being critical. Of all placements made,
    the one with the shortest clock period is returned. Runs in this process and silences its
    standard output meanwhile.

    Parameters
    ----------
    timer : Timer
        Bound to the library of the supply at which to weigh.
    reserve : MuxReserve, optional
        Room that every tile keeps for its Vdd-MUX.

    Raises
    ------
    PlacementInfeasible
        When the cells cannot be legalised in that many tiles.
    """
    graph = timer.graph
    supply = np.zeros(graph.netlist.cells, dtype=np.int64)
    weight: Floats | None = None
    best: tuple[float, Placement] | None = None
    for _ in range(1 + _REPEATS):
        placement = place(
            graph.netlist, graph.clocks, technology, n, utilisation, seed, net_weight=weight,
            reserve=reserve,
        )  # fmt: skip
        timing = timer.analyze(supply, placement.wires(technology))
        if best is None or timing.min_period < best[0]:
            best = timing.min_period, placement
        asked = criticality_weights(timing)
        weight = asked if weight is None else (weight + asked) / 2
    assert best is not None
    return best[1]


def criticality_weights(timing: Timing) -> Floats:
    """Weight of each net, from 1 for an uncritical one to 10 on the critical path, shape (nets,).

    The criticality of a net is one minus its worst slack over the shortest clock period; the weight
    grows with the square of how far it exceeds 0.7.
    """
    period = timing.min_period
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    excess = np.clip((1 - slack / period - _CRITICAL_FROM) / (1 - _CRITICAL_FROM), 0, 1)
    return np.asarray(1 + (_HEAVIEST - 1) * excess**2)
