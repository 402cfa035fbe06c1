"""Picture of a network under an energy budget: energy and accuracy over time."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.energy.plots import energy_unit
from voltile.flows.figures import DIGIT, LOW, new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.precision.budget_job import BudgetResult

_CHOSEN, _OVER = "#0072B2", "#D55E00"
# Of the energy at full precision: a greater budget changes nothing, and is cut off there.
_TOP = 1.25


def plot_budget(result: "BudgetResult", path: Path) -> None:
    """Draw budget and energy of an inference with the point's number, and below the accuracy."""
    run, points = result.run, result.table.points
    edges, chosen = run.budget.time, points.energy[run.point]
    top = _TOP * points.energy.max()
    unit, factor = energy_unit(top)
    figure, axes = new_figure(9, 5.2, rows=2, sharex=True, height_ratios=(3, 2))
    energy, quality = axes[:, 0]
    energy.stairs(run.budget.energy * factor, edges, fill=True, color="#DDDDDD", label="budget")
    energy.stairs(chosen * factor, edges, baseline=None, color=_CHOSEN, lw=1.8,
                  label="inference, with the number of its point")  # fmt: skip
    if not run.met.all():
        over = ~run.met
        energy.hlines(chosen[over] * factor, edges[:-1][over], edges[1:][over], color=_OVER, lw=3,
                      zorder=3, label="least energy, above the budget")  # fmt: skip
    beyond = run.budget.energy > top
    if beyond.any():
        most, in_it = energy_unit(run.budget.energy.max())
        energy.plot(
            (edges[:-1] + edges[1:])[beyond] / 2, np.full(beyond.sum(), 0.97 * top * factor), "^",
            color="#777777", ms=5,
            label=f"more budget, up to {run.budget.energy.max() * in_it:.4g} {most}",
        )  # fmt: skip
    energy.set_ylabel(f"energy of an inference [{unit}]")
    energy.set_ylim(0, top * factor)
    known = not np.isnan(run.accuracy).any()
    values = 100 * run.accuracy if known else run.divergence
    quality.stairs(values, edges, baseline=None, color=LOW, lw=1.8)
    quality.set_ylabel(
        f"top-1 accuracy [%],\n{result.table.top_1_set} set" if known else "KL divergence [nat]"
    )
    quality.margins(y=0.15)
    quality.set_xlabel("time [s]")
    quality.set_xlim(edges[0], edges[-1])
    for axis in (energy, quality):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    figure.legend(*energy.get_legend_handles_labels(), loc="outside upper center", ncols=4,
                  frameon=False, fontsize=8, columnspacing=1.2)  # fmt: skip
    figure.supxlabel(
        f"{result.table.subject}\n{result.rate:g} inferences per second, {run.switches} switches "
        f"of precision{'; ' * bool(result.slow)}{result.slow}",
        fontsize=8,
    )
    _number_stretches(energy, result, factor)
    save_figure(figure, path)


def _number_stretches(axis: Any, result: "BudgetResult", factor: float) -> None:
    """Write its number over every stretch at a point that is wide enough."""
    run, points = result.run, result.table.points
    axis.figure.draw_without_rendering()  # the layout is not known before
    per_second = axis.get_window_extent().width * 72 / axis.figure.dpi / np.ptp(run.budget.time)
    changes = 1 + np.flatnonzero(np.diff(run.point) | np.diff(run.met))
    for first, end in zip([0, *changes], [*changes, len(run.point)], strict=True):
        start, stop = run.budget.time[[first, end]]
        point = run.point[first]
        if (stop - start) * per_second > DIGIT * (len(str(point)) + 0.5):
            axis.annotate(
                str(point), ((start + stop) / 2, points.energy[point] * factor), (0, 3),
                textcoords="offset points", ha="center", fontsize=8,
                color="black" if run.met[first] else _OVER,
            )  # fmt: skip
