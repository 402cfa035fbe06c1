"""Picture of a network under an energy budget: energy and accuracy over time."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voltile.flows.energy.plots import energy_unit
from voltile.flows.figures import LOW, new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.precision.budget_job import BudgetResult

_CHOSEN, _OVER = "#0072B2", "#D55E00"


def plot_budget(result: "BudgetResult", path: Path) -> None:
    """Draw budget and energy of an inference with the point's number, and below the accuracy."""
    run, points = result.run, result.table.points
    edges, chosen = run.budget.time, points.energy[run.point]
    unit, factor = energy_unit(max(run.budget.energy.max(), chosen.max()))
    figure, axes = new_figure(9, 4.8, rows=2, sharex=True, height_ratios=(3, 2))
    energy, quality = axes[:, 0]
    energy.stairs(run.budget.energy * factor, edges, fill=True, color="#DDDDDD", label="budget")
    energy.stairs(chosen * factor, edges, baseline=None, color=_CHOSEN, lw=1.8,
                  label="inference at the point that is numbered")  # fmt: skip
    middle = (edges[:-1] + edges[1:]) / 2
    for at, point in enumerate(run.point):
        energy.annotate(str(point), (middle[at], chosen[at] * factor), xytext=(0, 3), ha="center",
                        textcoords="offset points", fontsize=8,
                        color="black" if run.met[at] else _OVER)  # fmt: skip
    if not run.met.all():
        over = ~run.met
        energy.plot(middle[over], chosen[over] * factor, "v", color=_OVER, ms=5,
                    label="least energy, above the budget")  # fmt: skip
    energy.set_ylabel(f"energy of an inference [{unit}]")
    energy.set_ylim(bottom=0)
    energy.margins(y=0.12)
    known = not np.isnan(run.accuracy).any()
    values = 100 * run.accuracy if known else run.divergence
    quality.stairs(values, edges, baseline=None, color=LOW, lw=1.8)
    quality.set_ylabel(
        f"top-1 accuracy [%],\n{result.table.top_1_set} set" if known else "KL divergence"
    )
    quality.margins(y=0.15)
    quality.set_xlabel("time [s]")
    quality.set_xlim(edges[0], edges[-1])
    for axis in (energy, quality):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    figure.legend(*energy.get_legend_handles_labels(), loc="outside upper center", ncols=3,
                  frameon=False, fontsize=9)  # fmt: skip
    save_figure(figure, path)
