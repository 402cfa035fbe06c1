"""Slower versions of cells where paths leave time, such as longer gates.

In rounds: each takes, along every path, about as many cells as the slack of the path affords. Loads
and slews couple paths, so that every round ends with a full timing run, and is taken back in part
where the clock period is missed.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN
from voltile.floorplan.timing import Timer, Timing, Wires

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# A period this much longer, relative, is the same period, rounded.
_ROUNDING = 1e-9
# Of the cells that may be to blame for a miss, the share that is taken back at a time.
_TAKEN_BACK = 0.25
# Rounds at most; they end when this many in a row change hardly any cell, a part of all proposals.
_ROUNDS, _IDLE, _FEW = 60, 4, 1e-3
# Of the slack, the part that a round spends.
_CAUTION = 0.9
# Irrational steps, so that levels and rounds take turns evenly.
_GOLDEN, _SILVER = 0.6180339887, 0.4142135624
# Load that tells how much slower a farad makes a cell [F].
_PROBE = 1e-16


def use_slack(
    timer: Timer,
    wires: Wires,
    library: Ints,
    proposed: Ints,
    period: float,
    spare: float = 0.0,
) -> tuple[Ints, Timing]:
    """Give as many cells their proposed library as the clock period allows.

    Parameters
    ----------
    library, proposed : ndarray of int, shape (cells,)
        Which of the timer's libraries each instance is of, and would rather be of.
    period : float
        Clock period to keep [s], which the netlist meets as it is.
    spare : float
        Slack that paths are left, those that have it [s].

    Returns
    -------
    library : ndarray of int, shape (cells,)
    timing : Timing
        Of that.
    """
    timing = timer.analyze(library, wires)
    level = cell_level(timer)
    costs = _added_delays(timer, wires, library, proposed, timing)
    wanted = proposed != library
    few = _FEW * wanted.sum()
    idle = 0
    for turn in range(_ROUNDS):
        open_ = wanted & (library != proposed)
        share = _affordable(timing, period, spare, costs.of_record, open_)
        # Along a path levels differ, so that about this share of its cells is taken.
        chosen = share > (level * _GOLDEN + turn * _SILVER) % 1
        chosen &= ~_overloads(timing, period, spare, chosen, costs.of_pin)
        before = library
        library, timing, unfit = keep_period(
            timer, wires, library, proposed, timing, chosen, period
        )
        wanted &= ~unfit
        idle = idle + 1 if (library != before).sum() <= few else 0
        if idle == _IDLE:
            break
    return library, timing


def _affordable(
    timing: Timing, period: float, spare: float, added: Floats, candidates: Bools
) -> Floats:
    """Share of the candidates on paths through each cell that its slack affords, shape (cells,).

    The worst slack through an arc over what all candidates would add to the heaviest path through
    it; 0 for cells that are no candidates, or that cannot even afford themselves.
    """
    from voltile.floorplan.propagation import heaviest_paths

    graph = timing.graph
    weight = np.where(candidates[graph.cell], np.maximum(added, 0.0), 0.0)
    to, after = heaviest_paths(graph.source, graph.first, graph.end_node, weight, graph.nodes)
    path = to[graph.source] + weight + after[graph.target]
    slack = timing.record_slack(period) - spare
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(path > 0, _CAUTION * slack / path, 1.0)
    share[(slack < weight)] = 0.0
    result = np.where(candidates, 1.0, 0.0)
    np.minimum.at(result, graph.cell, share)
    return np.asarray(result)


@dataclass(frozen=True)
class _AddedDelays:
    """What proposals add to delays [s]: to each record, and by each pin to its net's driver."""

    of_record: Floats
    of_pin: Floats


def _added_delays(
    timer: Timer, wires: Wires, library: Ints, proposed: Ints, timing: Timing
) -> _AddedDelays:
    """Estimate them as if all proposals were taken: inputs are then slower than later."""
    graph, netlist = timer.graph, timer.graph.netlist
    slower = timer.analyze(proposed, wires)
    loaded = timer.analyze(library, Wires(wires.capacitance + _PROBE, wires.resistance))
    per_farad = np.zeros(graph.nodes)
    np.maximum.at(per_farad, graph.target, (loaded.delay - timing.delay) / _PROBE)
    capacitance = np.stack([item.pin_capacitance for item in timer.libraries])
    before, after = (capacitance[of[netlist.pin_cell], netlist.pin_library]
                     for of in (library, proposed))  # fmt: skip
    per_net = np.append(per_farad.reshape(-1, 2).max(axis=1) + wires.resistance, 0.0)
    added = (after - before).max(axis=1) * per_net[netlist.pin_net]
    return _AddedDelays(slower.delay - timing.delay, np.where(netlist.pin_is_output, 0.0, added))


def _overloads(timing: Timing, period: float, spare: float, chosen: Bools, added: Floats) -> Bools:
    """Cells that, with those before them, load a net more than its slack allows, shape (cells,)."""
    graph, netlist = timing.graph, timing.graph.netlist
    slack = np.append(timing.slack(period).reshape(-1, 2).min(axis=1) - spare, np.inf)
    slack[np.flatnonzero(graph.clocks.is_clock)] = np.inf
    pins = np.flatnonzero(chosen[netlist.pin_cell] & (added > 0))
    pins = pins[np.argsort(netlist.pin_net[pins], kind="stable")]
    net = netlist.pin_net[pins]
    total = np.cumsum(added[pins])
    start = np.flatnonzero(np.diff(net, prepend=-2))
    before = np.repeat((total - added[pins])[start], np.diff(np.append(start, len(net))))
    result = np.zeros(netlist.cells, dtype=bool)
    result[netlist.pin_cell[pins[total - before > slack[net]]]] = True
    return result


def keep_period(
    timer: Timer,
    wires: Wires,
    library: Ints,
    proposed: Ints,
    before: Timing,
    chosen: Bools,
    period: float,
) -> tuple[Ints, Timing, Bools]:
    """Take the proposals of the chosen cells, but those through which the period is then missed.

    Cells whose own paths are too long go first. What then remains comes from cells beside such
    paths: they load them, or their slew meets them.

    Parameters
    ----------
    library, proposed : ndarray of int, shape (cells,)
        Which of the timer's libraries each instance is of, and is proposed to be of.
    before : Timing
        With `library`.
    chosen : ndarray of bool, shape (cells,)

    Returns
    -------
    library : ndarray of int, shape (cells,)
    timing : Timing
    unfit : ndarray of bool, shape (cells,)
        Cells beside such paths, whose proposals will not do.
    """
    beside = np.zeros(len(chosen), dtype=bool)
    while chosen.any():
        result = np.where(chosen, proposed, library)
        timing = timer.analyze(result, wires)
        if timing.min_period <= period * (1 + _ROUNDING):
            return result, timing, beside
        slack = cell_slack(timing, period)
        guilty = chosen & (slack < 0)
        if not guilty.any():
            slack = _slack_beside(timing, period)
            guilty = chosen & (slack < 0)
            beside |= guilty
        if not guilty.any():
            break
        worst = np.flatnonzero(guilty)[np.argsort(slack[guilty], kind="stable")]
        chosen = chosen.copy()
        chosen[worst[: ceil(_TAKEN_BACK * len(worst))]] = False
        beside &= ~chosen
    return library, before, beside


def _slack_beside(timing: Timing, period: float) -> Floats:
    """Worst slack of what each cell loads, and of the cells that it drives [s], shape (cells,)."""
    graph, netlist = timing.graph, timing.graph.netlist
    net_slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    net_slack[graph.clocks.is_clock] = np.inf
    sinks = netlist.sink_pins
    net, sink = netlist.pin_net[sinks], netlist.pin_cell[sinks]
    result = np.full(netlist.cells, np.inf)
    np.minimum.at(result, sink, net_slack[net])
    driven = netlist.net_driver[net] >= 0
    driver = netlist.pin_cell[netlist.net_driver[net[driven]]]
    np.minimum.at(result, driver, cell_slack(timing, period)[sink[driven]])
    return result


def cell_level(timer: Timer) -> Ints:
    """Return the level of the deepest output of each cell, shape (cells,)."""
    netlist = timer.graph.netlist
    outputs = np.flatnonzero(netlist.pin_is_output & (netlist.pin_net != OPEN))
    level = np.zeros(netlist.cells, dtype=np.int64)
    np.maximum.at(level, netlist.pin_cell[outputs], timer.graph.level[netlist.pin_net[outputs]])
    return level


def cell_slack(timing: Timing, period: float) -> Floats:
    """Return the worst slack of the paths that lead through each cell [s], shape (cells,).

    That at its outputs; of a register also that at its inputs. Infinite where no path leads.
    """
    graph, netlist = timing.graph, timing.graph.netlist
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    ends = np.zeros(netlist.cells, dtype=bool)
    ends[graph.checks.cell] = True
    pins = np.flatnonzero(
        (netlist.pin_is_output | ends[netlist.pin_cell]) & (netlist.pin_net != OPEN)
    )
    pins = pins[~graph.clocks.is_clock[netlist.pin_net[pins]]]
    result = np.full(netlist.cells, np.inf)
    np.minimum.at(result, netlist.pin_cell[pins], slack[netlist.pin_net[pins]])
    return result
