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
    """Draw a curve per level from full precision on: accuracy over the saving.

    On the test set, where there is one.
    """
    figure, axes = new_figure(6.4, 4.4)
    axis = axes[0, 0]
    for number, cut in enumerate(result.cuts):
        rows = sorted(
            (row for row in result.rows if row.level == cut.level), key=lambda row: row.saving
        )
        reached = [result.full_accuracy[number], *(row.difference + row.target for row in rows)]
        axis.plot(
            100 * np.array([0.0, *(row.saving for row in rows)]), 100 * np.array(reached),
            f"-{_MARKERS[number % len(_MARKERS)]}", color=_COLOURS[number % len(_COLOURS)], ms=5,
            label=f"L = {cut.level}, {len(cut.classes)} classes",
        )  # fmt: skip
    what = "energy" if result.effort_unit == "pJ" else "operations"
    axis.set_xlabel(f"saving of {what} [%]")
    axis.set_ylabel("top-1 accuracy [%]")
    axis.set_title(result.inputs.accuracy_set, fontsize=9)
    axis.grid(alpha=0.3)
    axis.margins(0.08)
    axis.legend(fontsize=8)
    network = result.inputs.network
    figure.supxlabel(
        f"{result.inputs.model.stem} on {network.element.name} elements of "
        f"{network.element.width} bits, {len(result.inputs.calibration)} inputs for calibration",
        fontsize=8.5,
    )
    save_figure(figure, path)
