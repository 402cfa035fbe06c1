"""Picture of scalable effort: accuracy over savings at every level (Fig. 3.15)."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voltile.flows.figures import new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.precision.multilevel_job import MultilevelResult

# Colour-blind safe (Okabe and Ito).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "os^Dvp"


def plot_multilevel(result: "MultilevelResult", path: Path) -> None:
    """Draw a curve per level from full precision to the lowest target: accuracy over the saving.

    On the test set, where there is one.
    """
    figure, axes = new_figure(6.4, 4.6)
    axis = axes[0, 0]
    for number, cut in enumerate(result.cuts):
        rows = sorted(
            (row for row in result.rows if row.level == cut.level), key=lambda row: -row.target
        )
        reached = [result.full_accuracy[number], *(row.difference + row.target for row in rows)]
        axis.plot(
            100 * np.array([0.0, *(row.saving for row in rows)]), 100 * np.array(reached),
            f"-{_MARKERS[(number + number // len(_COLOURS)) % len(_MARKERS)]}",
            color=_COLOURS[number % len(_COLOURS)], ms=5,
            label=f"L = {cut.level}, {len(cut.classes)} class{'es' * (len(cut.classes) > 1)}",
        )  # fmt: skip
    inputs, energy = result.inputs, result.energy
    axis.set_xlabel(f"saving of {'energy' if energy else 'operations'} [%]")
    axis.set_ylabel("top-1 accuracy [%]")
    axis.set_title(inputs.accuracy_set.removeprefix("on "), fontsize=9)
    axis.grid(alpha=0.3)
    axis.margins(0.08)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=4,
                  frameon=False, fontsize=8)  # fmt: skip
    effort = energy.operating_point if energy else "operations of 4 x 4 bits"
    figure.supxlabel(
        f"{inputs.subject}\n{effort}; from full precision to the lowest target", fontsize=8
    )
    save_figure(figure, path)
