"""Longer gates where timing leaves room: poly-bias assignment (Fig. 4.6, Eq. 4.2).

A cell that is driven from another tile may find its inputs at a lower supply and then leaks. Which
ones will is known only at run time, so that all such interface cells get the longest gate that the
clock period leaves room for. Three incremental stages, one per gate length, go from the longest to
the shortest; each begins with the cells whose slack exceeds the threshold of Eq. 4.2, and ends with
a full timing run that proves the period kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import Netlist
from voltile.floorplan.slack_use import cell_slack, use_slack
from voltile.floorplan.timing import Timer, Wires

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Of the shortest clock period, what a change may cost.
_MARGIN = 1e-3


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
    spare: float = 0.0,
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
        Clock period to keep [s]; by default a thousandth above the shortest that the unbiased
        netlist runs at: loads and slews couple all paths, and without any margin the critical one
        forbids changes far from it.
    spare : float
        Part of the period that paths are left as slack, those that have it; loads and slews of
        others may take some of it.
    """
    biases = [library.bias for library in timer.libraries]
    bias = np.zeros(timer.graph.netlist.cells, dtype=np.int64)
    timing = timer.analyze(bias, wires)
    kept = max(timing.min_period, period or timing.min_period * (1 + _MARGIN))
    mean_delay = float(timing.critical_path()[1].mean())
    stages = []
    for number in sorted(range(1, len(biases)), key=lambda at: -slow_down[biases[at]]):
        threshold = mean_delay * slow_down[biases[number]]
        slack = cell_slack(timing, kept) - spare * kept
        considered = may_change & (bias == 0) & (slack > threshold)
        proposed = np.where(considered, number, bias)
        bias, timing = use_slack(timer, wires, bias, proposed, kept, spare * kept)
        stages.append(BiasStage(
            biases[number], threshold, int(considered.sum()), int((bias == number).sum()),
            timing.min_period,
        ))  # fmt: skip
    return BiasPlan(bias, kept, tuple(stages))
