"""Gate sizing on a placed netlist: the drive of every cell, against the real wire loads.

Synthesis sizes gates against a wire load model; here every net has its real length. Sizing follows
Lagrangian relaxation (Chen, Chu, Wong, "Fast and exact simultaneous gate and wire sizing by
Lagrangian relaxation", ICCAD 1998): every delay has a weight, the more the later paths through it
are, and every cell gets the drive for which its weighed delay, what it costs its neighbours, and
its own area and leakage together are least. Weights are a mean over the iterations, without which
paths take turns at being critical. What cells on paths with time then have too much is taken away.

The drive of a cell is a version, as its supply and its bias are (`voltile.pdk.DriveChoice`): the
timing graph does not change. Cells that drive clock nets, which are ideal, keep theirs.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import Netlist
from voltile.floorplan.sizing_problem import SizingProblem
from voltile.floorplan.slack_use import keep_period
from voltile.floorplan.timing import Timer, Timing, Wires
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import DriveChoice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ITERATIONS = 50
# Weights fall by a factor of e for every such part of the period that paths are shorter, from the
# first iteration to the last: ever less is left to paths that are not quite critical.
_TEMPERATURE = (0.03, 0.003)
# Weights are a mean over about 1 / (1 - memory) iterations.
_MEMORY = 0.9
# What all cells together cost, in periods, at least: 1 % of them must bring 0.01 % of speed.
_LEAST_PRICE = 0.01
# After an iteration the price changes by this power of what is left of the period, at most by a
# factor.
_PRICE_POWER = 6
_PRICE_STEP = 1.25
# Saving ends when a pass brings less than this part of the cost.
_LITTLE = 5e-4


@dataclass(frozen=True)
class Sizing:
    """What sizing has made of a netlist.

    Attributes
    ----------
    netlist : Netlist
        With other types of cells, else the same.
    timing : Timing
        With the wires that were given, of the graph that was given.
    """

    netlist: Netlist
    timing: Timing


def resize(
    graph: TimingGraph,
    wires: Wires,
    choice: DriveChoice,
    period: float = 0.0,
    spare: float = 0.0,
) -> Sizing:
    """Size the gates of a placed netlist: the least area and leakage at a clock period.

    Nets that load their driver with more than it may carry are made as few as drives can; setup
    times are those of the data edges as they come, and do not count when a drive is weighed.

    Parameters
    ----------
    choice : DriveChoice
        Of the technology that the netlist is of.
    period : float
        Clock period that is short enough [s]. Where it is out of reach, the shortest that is found
        takes its place; by default it always is.
    spare : float
        Part of the period that paths keep as slack, where they have it, when cells are made
        cheaper.
    """
    problem = SizingProblem(Timer(graph, choice.libraries), wires, choice)
    start = choice.rank[graph.netlist.cell_type]
    drive, timing = _search(problem, start, problem.analyze(start), period)
    drive, timing = _save(problem, drive, timing, max(timing.min_period, period), spare)
    netlist = replace(graph.netlist, cell_type=choice.cell(graph.netlist.cell_type, drive))
    return Sizing(netlist, timing)


def _search(
    problem: SizingProblem, drive: Ints, timing: Timing, period: float
) -> tuple[Ints, Timing]:
    """Return the best drives of all iterations: least cost at the period, else least period."""
    from voltile.floorplan.sizing_passes import cheapest_drives, mean_slopes

    def badness(drive: Ints, timing: Timing) -> tuple[int, float, float]:
        return problem.overload(drive, timing), max(timing.min_period, period), problem.cost(drive)

    tables, records = problem.timer.tables, problem.records
    weights, price = _Weights(problem), _LEAST_PRICE
    best = badness(drive, timing), drive, timing
    for temperature in np.geomspace(*_TEMPERATURE, _ITERATIONS):
        weight = weights.update(timing, temperature)
        by_slew, by_load = mean_slopes(
            tables, drive, records, timing.load, timing.slew, problem.wires.resistance, weight
        )
        drive = cheapest_drives(
            tables, drive, records, problem.instances, problem.drives, timing.load, timing.slew,
            weight, by_slew, by_load, price * timing.min_period,
        )  # fmt: skip
        timing = problem.analyze(drive)
        now = badness(drive, timing)
        if now < best[0]:
            best = now, drive, timing
        change = (period / timing.min_period) ** _PRICE_POWER
        price *= min(max(change, 1 / _PRICE_STEP), _PRICE_STEP)
        price = max(price, _LEAST_PRICE)
    return best[1:]


class _Weights:
    """What every delay weighs: the share of the latest paths that lead through it."""

    def __init__(self, problem: SizingProblem) -> None:
        self._records = problem.records
        self._late: list[Floats] = []
        self._late_ends = np.zeros(0)

    def update(self, timing: Timing, temperature: float) -> Floats:
        """Return the weights after one more iteration, shape (records,)."""
        from voltile.floorplan.sizing_passes import weigh_records

        ends, period = timing.endpoints, timing.min_period
        if not self._late:
            self._late = [np.zeros(len(self._records.source)) for _ in timing.arrival]
            self._late_ends = np.zeros(len(ends.node))
        self._late_ends *= _MEMORY
        self._late_ends += (1 - _MEMORY) * (period - ends.period)
        # The weights of all ends together make one period.
        of_end = np.exp(-self._late_ends / (temperature * period))
        of_end /= of_end.sum() * ends.share
        weight: Floats = np.zeros(len(self._records.source))
        for launch, (arrival, late) in enumerate(zip(timing.arrival, self._late, strict=True)):
            mine = ends.launch == launch
            of_node = np.zeros(timing.graph.nodes)
            np.add.at(of_node, ends.node[mine], of_end[mine])
            weigh_records(
                self._records, arrival, timing.delay, late, _MEMORY, temperature * period, of_node,
                weight,
            )  # fmt: skip
        return weight


def _save(
    problem: SizingProblem, drive: Ints, timing: Timing, period: float, spare: float
) -> tuple[Ints, Timing]:
    """Give cells the cheapest drives for which a clock period, which is met, is still met."""
    from voltile.floorplan.sizing_passes import largest_slopes, save_drives

    tables, records = problem.timer.tables, problem.records
    derate, cost = problem.timer.graph.constraints.cell_derate, np.inf
    while problem.cost(drive) < (1 - _LITTLE) * cost:
        cost = problem.cost(drive)
        cheaper = save_drives(
            tables, drive, records, problem.instances, problem.drives, timing.load, timing.slew,
            timing.wire_delay, timing.arrival, np.stack(timing.required((1 - spare) * period)),
            derate * largest_slopes(tables, drive, records, timing.load, timing.slew), derate,
        )  # fmt: skip
        drive, timing, _ = keep_period(
            problem.timer, problem.wires, drive, cheaper, timing, cheaper != drive, period
        )
    return drive, timing
