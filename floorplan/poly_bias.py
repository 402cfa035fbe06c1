"""Longer gates where timing leaves room: poly-bias assignment (Fig. 4.6, Eq. 4.2).

A cell that is driven from another tile may find its inputs at a lower supply and then leaks. Which
ones will is known only at run time, so that all such interface cells get the longest gate that the
clock period leaves room for. Three incremental stages, one per gate length, go from the longest to
the shortest; each begins with the cells whose slack exceeds the threshold of Eq. 4.2, takes cells
back until no path is longer than before, and ends with a full timing run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.timing import Timer, Timing, Wires

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# A period this much longer, relative, is the same period, rounded.
_ROUNDING = 1e-9
# Of the cells that may be to blame for a miss, the share from which the bias is taken at a time.
_TAKEN_BACK = 0.25
# Passes over all levels; what one takes back too much, the next gives again.
_PASSES = 2
# A group of cells this small, relative to those of its level, is dropped whole when it fails.
_SMALLEST_GROUP = 1 / 64
# Load that tells how much slower a farad makes a cell [F].
_PROBE = 1e-16


@dataclass(frozen=True)
class BiasStage:
    """One stage of the assignment.

    Attributes
    ----------
    bias : str
    threshold : float
        Slack that a cell must exceed to be considered, Eq. 4.2 [s].
    considered, assigned : int
        Cells above the threshold in the first round, and cells that got the bias.
    period : float
        Shortest clock period after the stage [s].
    """

    bias: str
    threshold: float
    considered: int
    assigned: int
    period: float


@dataclass(frozen=True)
class BiasPlan:
    """Bias of every instance.

    Attributes
    ----------
    bias : ndarray of int, shape (cells,)
        Number of the bias, 0 the unbiased.
    period : float
        Clock period that the assignment had to keep [s].
    """

    bias: Ints
    period: float
    stages: tuple[BiasStage, ...]


def interface_cells(netlist: Netlist, is_clock: Bools, tile: Ints) -> Bools:
    """Return which cells are driven by a cell of another tile, shape (cells,); clocks do not count.

    Parameters
    ----------
    is_clock : ndarray of bool, shape (nets,)
    tile : ndarray of int, shape (cells,)
    """
    driver = netlist.net_driver
    sinks = netlist.sink_pins
    net = netlist.pin_net[sinks]
    sinks = sinks[(driver[net] >= 0) & ~is_clock[net]]
    cell = netlist.pin_cell[sinks]
    crosses = tile[cell] != tile[netlist.pin_cell[driver[netlist.pin_net[sinks]]]]
    result = np.zeros(netlist.cells, dtype=bool)
    result[cell[crosses]] = True
    return result


def assign_bias(
    timer: Timer,
    wires: Wires,
    slow_down: Mapping[str, float],
    may_change: Bools,
    period: float | None = None,
) -> BiasPlan:
    """Give cells the longest gates that leave the clock period as it is.

    Parameters
    ----------
    timer : Timer
        Bound to the libraries of one supply, the nominal one, in every bias, the unbiased first.
    slow_down : mapping of bias to float
        Mean added delay of each bias, a part of the unbiased delay (alpha_sd of Eq. 4.2).
    may_change : ndarray of bool, shape (cells,)
        Cells that may be biased: `interface_cells`, or all.
    period : float, optional
        Clock period to keep [s]; by default the shortest that the unbiased netlist runs at.
    """
    biases = [library.bias for library in timer.libraries]
    bias = np.zeros(timer.graph.netlist.cells, dtype=np.int64)
    timing = timer.analyze(bias, wires)
    kept = max(timing.min_period, period or 0.0)
    mean_delay = float(timing.critical_path()[1].mean())
    stages = []
    for number in sorted(range(1, len(biases)), key=lambda at: -slow_down[biases[at]]):
        threshold = mean_delay * slow_down[biases[number]]
        considered = may_change & (bias == 0) & (cell_slack(timing, kept) > threshold)
        bias, timing = _assigned(timer, wires, bias, timing, considered, number, kept)
        stages.append(BiasStage(
            biases[number], threshold, int(considered.sum()), int((bias == number).sum()),
            timing.min_period,
        ))  # fmt: skip
    return BiasPlan(bias, kept, tuple(stages))


def _assigned(
    timer: Timer,
    wires: Wires,
    bias: Ints,
    timing: Timing,
    considered: Bools,
    number: int,
    period: float,
) -> tuple[Ints, Timing]:
    """Give as many of the considered cells a bias as the period allows; return them, and timing.

    Level by level: no path leads through two cells of one, so that each may use up its slack. The
    levels where most can be saved come first.
    """
    graph = timer.graph
    level = _cell_level(timer)
    costs = _added_delays(timer, wires, bias, timing, considered, number)
    gain = np.where(considered, _leakage_gain(timer, number), 0.0)
    order = np.argsort(-np.bincount(level, gain), kind="stable")
    for depth in np.tile(order, _PASSES):
        chosen = considered & (bias == 0) & (level == depth)
        chosen[graph.cell[timing.record_slack(period) < costs.of_record]] = False
        chosen &= ~_overloads(timing, period, chosen, costs.of_pin)
        if chosen.any():
            bias, timing = _checked(timer, wires, bias, timing, chosen, number, period)
    return bias, timing


@dataclass(frozen=True)
class _AddedDelays:
    """What a bias adds to delays [s]: to each record, and by each pin to its net's driver."""

    of_record: Floats
    of_pin: Floats


def _added_delays(
    timer: Timer, wires: Wires, bias: Ints, timing: Timing, considered: Bools, number: int
) -> _AddedDelays:
    """Estimate them as if all considered cells got the bias: inputs are then slower than later."""
    graph, netlist = timer.graph, timer.graph.netlist
    slower = timer.analyze(np.where(considered, number, bias), wires)
    loaded = timer.analyze(bias, Wires(wires.capacitance + _PROBE, wires.resistance))
    per_farad = np.zeros(graph.nodes)
    np.maximum.at(per_farad, graph.target, (loaded.delay - timing.delay) / _PROBE)
    first, other = (timer.libraries[at].pin_capacitance for at in (0, number))
    capacitance = (other - first).max(axis=1)[netlist.pin_library]
    per_net = np.append(per_farad.reshape(-1, 2).max(axis=1) + wires.resistance, 0.0)
    of_pin = np.where(netlist.pin_is_output, 0.0, capacitance * per_net[netlist.pin_net])
    return _AddedDelays(slower.delay - timing.delay, of_pin)


def _overloads(timing: Timing, period: float, chosen: Bools, added: Floats) -> Bools:
    """Cells that, with those before them, load a net more than its slack allows, shape (cells,)."""
    graph, netlist = timing.graph, timing.graph.netlist
    slack = np.append(timing.slack(period).reshape(-1, 2).min(axis=1), np.inf)
    slack[graph.clocks.is_clock.nonzero()[0]] = np.inf
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
    bias: Ints,
    before: Timing,
    chosen: Bools,
    number: int,
    period: float,
    smallest: int = 0,
) -> tuple[Ints, Timing]:
    """Give the chosen cells a bias, but those through which the period is then missed.

    Cells whose own paths are too long go first. What then remains comes from loads and slews on
    paths beside; whose, is found by halving, down to groups of a few, which are dropped.
    """
    smallest = smallest or ceil(chosen.sum() * _SMALLEST_GROUP)
    while chosen.any():
        result = np.where(chosen, number, bias)
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
                bias, before = _checked(timer, wires, bias, before, half, number, period, smallest)
            break
    return bias, before


def _cell_level(timer: Timer) -> Ints:
    """Level of the deepest output of each cell, shape (cells,)."""
    netlist = timer.graph.netlist
    outputs = np.flatnonzero(netlist.pin_is_output & (netlist.pin_net != OPEN))
    level = np.zeros(netlist.cells, dtype=np.int64)
    np.maximum.at(level, netlist.pin_cell[outputs], timer.graph.level[netlist.pin_net[outputs]])
    return level


def _leakage_gain(timer: Timer, number: int) -> Floats:
    """Mean leakage that a bias saves in each instance [W], shape (cells,)."""
    first, other = timer.libraries[0], timer.libraries[number]
    return np.asarray((first.cell_leakage - other.cell_leakage)[timer.graph.netlist.cell_type])


def cell_slack(timing: Timing, period: float) -> Floats:
    """Return the worst slack of the paths that lead through each cell [s], shape (cells,).

    That at its outputs; of a register also that at its inputs. Infinite where no path leads.
    """
    netlist = timing.graph.netlist
    ends = np.zeros(netlist.cells, dtype=bool)
    ends[timing.graph.checks.cell] = True
    return _worst_slack(timing, period, netlist.pin_is_output | ends[netlist.pin_cell])


def _worst_slack(timing: Timing, period: float, pins: Bools) -> Floats:
    """Worst slack of the nets at some pins of each cell, but for clocks [s], shape (cells,)."""
    graph, netlist = timing.graph, timing.graph.netlist
    slack = timing.slack(period).reshape(-1, 2).min(axis=1)
    kept = np.flatnonzero(pins & (netlist.pin_net != OPEN))
    kept = kept[~graph.clocks.is_clock[netlist.pin_net[kept]]]
    result = np.full(netlist.cells, np.inf)
    np.minimum.at(result, netlist.pin_cell[kept], slack[netlist.pin_net[kept]])
    return result
