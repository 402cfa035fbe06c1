"""Pictures of a search: its front (Fig. 3.6), and how its population came there (Fig. 3.9)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.flows.figures import new_figure, number_points, save_figure

if TYPE_CHECKING:
    from voltile.flows.precision.search_job import SearchJobResult

# Colour-blind safe (Okabe and Ito).
_POINT, _FULL, _TRUE, _SEEN = "#D55E00", "black", "#0072B2", "#BBBBBB"
_STEPS = (("#BBBBBB", "o"), ("#56B4E9", "s"), ("#E69F00", "^"))


def plot_front(result: "SearchJobResult", path: Path) -> None:
    """Draw KL divergence and, where labels are known, the loss of accuracy over the energy."""
    known = not np.isnan(result.top_1).any()
    figure, axes = new_figure(10 if known else 6.2, 4.6, 1 + known)
    _divergences(axes[0, 0], result)
    if known:
        axis = axes[0, 1]
        _points(axis, result, 100 * (result.top_1[0] - result.top_1))
        axis.set_ylabel("loss of top-1 accuracy [%]")
        axis.set_title(result.inputs.accuracy_set.removeprefix("on "), fontsize=9)
    for axis in axes[0]:
        axis.set_xlabel("energy / full precision")
        axis.grid(alpha=0.3)
        axis.margins(0.08)
    _describe(figure, axes[0, 0], result)
    number_points(axes[0, 0], 1 - result.saving, result.points.divergence)
    if known:
        number_points(axes[0, 1], 1 - result.saving, 100 * (result.top_1[0] - result.top_1))
    save_figure(figure, path)


def _divergences(axis: Any, result: "SearchJobResult") -> None:
    unit, others = result.energy.full, result.energy.others
    threshold = result.config.parameters.threshold
    points = result.points
    top = 1.15 * max(points.divergence.max(), threshold if np.isfinite(threshold) else 0.0)
    seen = result.found.seen
    shown = seen.divergence <= top
    axis.plot((seen.energy[shown] + others) / unit, seen.divergence[shown], ".", ms=3,
              color=_SEEN, label="settings seen")  # fmt: skip
    if result.check:
        front = result.check.front
        axis.plot((front.energy + others) / unit, front.divergence, "-", lw=1, color=_TRUE,
                  drawstyle="steps-pre", label="front of all settings")  # fmt: skip
    if np.isfinite(threshold):
        axis.axhline(threshold, color="black", ls=":", lw=1, label="threshold")
    _points(axis, result, points.divergence)
    axis.set_ylim(-0.06 * top, top)
    axis.set_title(f"{len(result.inputs.calibration)} inputs of the calibration set", fontsize=9)
    axis.set_ylabel("KL divergence [nat]")


def plot_population(result: "SearchJobResult", path: Path) -> None:
    """Draw the first, the middle and the last population, and what was chosen."""
    populations, seen = result.found.populations, result.found.seen
    steps = dict.fromkeys((0, len(populations) // 2 - 1, len(populations) - 1))
    unit, others = result.energy.full, result.energy.others
    figure, axes = new_figure(6.2, 4.6)
    axis = axes[0, 0]
    for step, (colour, marker) in zip((item for item in steps if item >= 0), _STEPS, strict=False):
        rows = populations[step]
        axis.plot(seen.divergence[rows], (seen.energy[rows] + others) / unit, marker, ms=4.5,
                  color=colour, mec="white", mew=0.3, label=f"step {step + 1}")  # fmt: skip
    chosen = result.found.points
    axis.plot(chosen.divergence, (chosen.energy + others) / unit, "x", color=_POINT, mew=2, ms=8,
              label="operating points")  # fmt: skip
    threshold = result.config.parameters.threshold
    if np.isfinite(threshold):
        axis.axvline(threshold, color="black", ls=":", lw=1, label="threshold")
    # Random settings may be a hundred times as far off as what is chosen.
    axis.set_xscale("symlog", linthresh=0.1, linscale=0.5)
    axis.set_xlim(left=-0.01)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("KL divergence [nat], logarithmic above 0.1")
    axis.set_ylabel("energy / full precision")
    axis.grid(alpha=0.3)
    _describe(figure, axis, result)
    save_figure(figure, path)


def _points(axis: Any, result: "SearchJobResult", values: NDArray[np.float64]) -> None:
    """Draw something of full precision and of the operating points over their energy."""
    relative = 1 - result.saving
    axis.plot(relative[0], values[0], "o", color=_FULL, label="full precision")
    axis.plot(relative[1:], values[1:], "x", color=_POINT, mew=2, ms=8, label="operating points")


def _describe(figure: Any, axis: Any, result: "SearchJobResult") -> None:
    """Write the legend of an axis above, and below of what and by which settings the picture is."""
    told = result.config.parameters
    penalty = f"penalty above a KL divergence of {told.threshold:g}"
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=5,
                  frameon=False, fontsize=8, columnspacing=1.2, handletextpad=0.3)  # fmt: skip
    figure.supxlabel(
        f"{result.inputs.subject}\n{result.energy.operating_point}; {told.evaluations} evaluations "
        f"in populations of {told.population}, seed {told.seed}\n"
        f"{penalty if np.isfinite(told.threshold) else 'no penalty'}; operating points at a "
        f"resolution of {told.resolution:.3g} of the ranges",
        fontsize=8,
    )
