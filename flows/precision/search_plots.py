"""Pictures of a search: its front (Fig. 3.6), and how its population came there (Fig. 3.9)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.figures import new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.precision.search_job import SearchJobResult

# Colour-blind safe (Okabe and Ito).
_POINT, _FULL, _TRUE, _SEEN = "#D55E00", "black", "#0072B2", "#BBBBBB"
_STEPS = (("#BBBBBB", "o"), ("#56B4E9", "s"), ("#E69F00", "^"))


def plot_front(result: "SearchJobResult", path: Path) -> None:
    """Draw KL divergence and, where labels are known, the loss of accuracy over the energy."""
    known = not np.isnan(result.top_1).any()
    figure, axes = new_figure(10 if known else 5.4, 4.2, 1 + known)
    _divergences(axes[0, 0], result)
    if known:
        axis, relative = axes[0, 1], 1 - result.saving
        loss = 100 * (result.top_1[0] - result.top_1)
        axis.plot(relative[0], loss[0], "o", color=_FULL, label="full precision")
        axis.plot(relative[1:], loss[1:], "x", color=_POINT, mew=2, ms=8, label="operating points")
        _number(axis, relative, loss)
        axis.set_ylabel("loss of top-1 accuracy [%]")
        axis.set_title(result.inputs.accuracy_set, fontsize=9)
        axis.grid(alpha=0.3)
        axis.margins(0.08)
        axis.set_xlabel("energy / full precision")
        axis.legend(fontsize=8)
    figure.supxlabel(_subject(result), fontsize=8.5)
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
    relative = points.energy / unit
    axis.plot(relative[0], 0, "o", color=_FULL, label="full precision")
    axis.plot(relative[1:], points.divergence[1:], "x", color=_POINT, mew=2, ms=8,
              label="operating points")  # fmt: skip
    _number(axis, relative, points.divergence)
    axis.set_ylim(-0.04 * top, top)
    axis.set_title(f"{len(result.inputs.calibration)} inputs of the calibration set", fontsize=9)
    axis.set_xlabel("energy / full precision")
    axis.set_ylabel("KL divergence")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


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
    axis.set_xlabel("KL divergence, logarithmic above 0.1")
    axis.set_ylabel("energy / full precision")
    axis.grid(alpha=0.3)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=5,
                  frameon=False, fontsize=8, columnspacing=1.2, handletextpad=0.3)  # fmt: skip
    figure.supxlabel(_subject(result), fontsize=8.5)
    save_figure(figure, path)


def _number(axis: Any, xs: Any, ys: Any) -> None:
    for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
        # To both sides in turn, as neighbours are often close.
        side = (5, 5) if number % 2 == 0 else (-11, -10)
        axis.annotate(str(number), (x, y), xytext=side, textcoords="offset points", fontsize=8)


def _subject(result: "SearchJobResult") -> str:
    network = result.inputs.network
    return (
        f"{result.inputs.model.stem} on {network.element.name} elements of {network.element.width} "
        f"bits, {'rounded' if network.rounding else 'truncated'} weights; {result.energy.policy} "
        f"at {result.energy.reference_vdd:g} V"
    )
