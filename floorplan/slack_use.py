"""Slower versions of cells where paths leave time: longer gates, smaller drives.

Level by level: no path leads through two cells of one, so that each may use up its slack. Loads and
slews couple paths, so that every step ends with a full timing run, and is taken back in part where
the clock period is missed.
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
# Passes over all levels; what one takes back too much, the next gives again.
_PASSES = 2
# A group of cells this small, relative to those of its level, is dropped whole when it fails.
_SMALLEST_GROUP = 1 / 64
# Load that tells how much slower a farad makes a cell [F].
_PROBE = 1e-16


def use_slack(
    timer: Timer, wires: Wires, library: Ints, proposed: Ints, gain: Floats, period: float
) -> tuple[Ints, Timing]:
    """Give as many cells their proposed library as the clock period allows.

    Parameters
    ----------
    library, proposed : ndarray of int, shape (cells,)
        Which of the timer's libraries each instance is of, and would rather be of.
    gain : ndarray, shape (cells,)
        What the proposal is worth in each cell; levels where that is most come first.
    period : float
        Clock period to keep [s], which the netlist meets as it is.

    Returns
    -------
    library : ndarray of int, shape (cells,)
    timing : Timing
        Of that.
    """
    graph = timer.graph
    timing = timer.analyze(library, wires)
    level = _cell_level(timer)
    costs = _added_delays(timer, wires, library, proposed, timing)
    wanted = proposed != library
    order = np.argsort(-np.bincount(level, np.where(wanted, gain, 0.0)), kind="stable")
    for depth in np.tile(order, _PASSES):
        chosen = wanted & (library != proposed) & (level == depth)
        if not chosen.any():
            continue
        chosen[graph.cell[timing.record_slack(period) < costs.of_record]] = False
        chosen &= ~_overloads(timing, period, chosen, costs.of_pin)
        if chosen.any():
            library, timing = _checked(timer, wires, library, proposed, timing, chosen, period)
    return library, timing


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


def _overloads(timing: Timing, period: float, chosen: Bools, added: Floats) -> Bools:
    """Cells that, with those before them, load a net more than its slack allows, shape (cells,)."""
    graph, netlist = timing.graph, timing.graph.netlist
    slack = np.append(timing.slack(period).reshape(-1, 2).min(axis=1), np.inf)
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


def _checked(
    timer: Timer,
    wires: Wires,
    library: Ints,
    proposed: Ints,
    before: Timing,
    chosen: Bools,
    period: float,
    smallest: int = 0,
) -> tuple[Ints, Timing]:
    """Take the proposals of the chosen cells, but those through which the period is then missed.

    Cells whose own paths are too long go first. What then remains comes from loads and slews on
    paths beside; whose, is found by halving, down to groups of a few, which are dropped.
    """
    smallest = smallest or ceil(chosen.sum() * _SMALLEST_GROUP)
    while chosen.any():
        result = np.where(chosen, proposed, library)
        timing = timer.analyze(result, wires)
        if timing.min_period <= period * (1 + _ROUNDING):
            return result, timing
        slack = cell_slack(timing, period)
        guilty = np.flatnonzero(chosen & (slack < 0))
        if len(guilty):
            worst = guilty[np.argsort(slack[guilty], kind="stable")]
            chosen = chosen.copy()
            chosen[worst[: ceil(_TAKEN_BACK * len(worst))]] = False
        elif chosen.sum() <= smallest:
            break
        else:
            first = chosen & (np.cumsum(chosen) <= chosen.sum() // 2)
            for half in (first, chosen & ~first):
                library, before = _checked(
                    timer, wires, library, proposed, before, half, period, smallest
                )
            break
    return library, before


def _cell_level(timer: Timer) -> Ints:
    """Level of the deepest output of each cell, shape (cells,)."""
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
