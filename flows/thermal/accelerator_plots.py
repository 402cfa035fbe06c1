"""Pictures of an accelerator under thermal governors: throughput, traces, maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.figures import HIGH, new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.thermal.accelerator_job import AcceleratorResult

_REACTIVE, _PROACTIVE = HIGH, "#0072B2"
# One for each scheme (Okabe and Ito).
_SCHEMES = ("#0072B2", "#E69F00", "#009E73")


def plot_throughput(results: "Sequence[AcceleratorResult]", path: Path) -> None:
    """Draw what every level sustains, and what it would without a limit, a panel per workload."""
    names = list(dict.fromkeys(result.workload.inference.name for result in results))
    figure, axes = new_figure(1 + 3.6 * len(names), 3.4, len(names))
    for axis, name in zip(axes[0], names, strict=True):
        mine = [result for result in results if result.workload.inference.name == name]
        for result, colour in zip(mine, _SCHEMES, strict=False):
            frequency = np.array([level.frequency for level in result.levels]) / 1e6
            rate = np.array([level.rate for level in result.levels])
            axis.plot(frequency, rate, "+-", color=colour, lw=1, label=result.workload.scheme)
            axis.plot(frequency[-1], rate[-1], "x", color=_REACTIVE, zorder=3)
            best = result.proactive
            axis.plot(best.frequency / 1e6, best.rate, "o", mfc="none", color=colour)
            unlimited = [1 / item.latency for item in result.workload.inference.operations]
            axis.plot(frequency, unlimited, color="black", ls="--", lw=0.6)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("level held [MHz]")
        axis.grid(alpha=0.3)
        axis.legend(
            fontsize=8, title="o best, x reactive, -- no limit", title_fontsize=8, frameon=False
        )
    axes[0, 0].set_ylabel("inferences per second, sustained")
    save_figure(figure, path)


def plot_traces(results: "Sequence[AcceleratorResult]", limit: float, path: Path) -> None:
    """Draw the hottest temperature over time under both governors."""
    figure, axes = new_figure(1 + 2.9 * len(results), 3, len(results), sharey=True)
    for axis, result in zip(axes[0], results, strict=True):
        for level, colour, name in (
            (result.reactive, _REACTIVE, "reactive"),
            (result.proactive, _PROACTIVE, "proactive"),
        ):
            label = f"{name}, {level.frequency / 1e6:.0f} MHz"
            axis.plot(level.run.time, level.run.temperature, color=colour, lw=0.7, label=label)
        axis.axhline(limit, color="black", ls="--", lw=0.8)
        axis.set_title(result.workload.title, fontsize=9)
        axis.set_xlabel("time [s]")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="lower right")
    axes[0, 0].set_ylabel("hottest cell [°C]")
    save_figure(figure, path)


def plot_maps(results: "Sequence[AcceleratorResult]", path: Path) -> None:
    """Draw the temperature at rest at the level that is held proactively."""
    figure, axes = new_figure(0.6 + 3.3 * len(results), 3.4, len(results))
    for axis, result in zip(axes[0], results, strict=True):
        grid, held = result.workload.grid, result.proactive
        level = f"{held.frequency / 1e6:.0f} MHz, without throttling"
        axis.set_title(f"{result.workload.title}\n{level}", fontsize=9)
        if held.steady is None:
            axis.text(0.5, 0.5, "runs away", ha="center", transform=axis.transAxes)
            continue
        hot = grid.maps(held.steady)[0]
        draw_map(axis, figure, hot, grid.width, grid.height, "temperature [°C]")
    save_figure(figure, path)


def draw_map(
    axis: Any, figure: Any, values: Any, width: float, height: float, label: str, **options: Any
) -> None:
    """Draw values of cells, shape (ny, nx), of a die of a size [m]."""
    image = axis.imshow(
        values, origin="lower", cmap="inferno", extent=(0, width * 1e6, 0, height * 1e6),
        interpolation="none", **options,
    )  # fmt: skip
    axis.set_xlabel("x [µm]")
    axis.set_ylabel("y [µm]")
    bar = figure.colorbar(image, ax=axis, shrink=0.85, label=label)
    bar.formatter.set_useOffset(False)
