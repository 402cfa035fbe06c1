"""Pictures of continuous inference under thermal governors (dissertation Fig. 4.18, 4.20-4.22)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.figures import HIGH, LOW, new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.thermal.job import WorkloadResult
    from voltile.power.thermal import CpuProfile, InferenceRun

_REACTIVE, _PROACTIVE, _FEWER = HIGH, "#0072B2", "#009E73"
_COLOURS = {"reactive": _REACTIVE, "proactive": _PROACTIVE}


def plot_latency_over_vf(results: "Sequence[WorkloadResult]", path: Path) -> None:
    """Draw the mean latency of the most inferences over the level (Fig. 4.18)."""
    figure, axes = _columns(results, 1, 2.8)
    for axis, result in zip(axes[0], results, strict=True):
        frequency = np.array([level.frequency for level in result.levels]) / 1e9
        latency = np.array([level.latency[-1] for level in result.levels]) * 1e3
        best = result.best[-1]
        # Slow levels would hide what happens around the best.
        shown = latency <= 2.5 * latency[best]
        axis.plot(frequency[shown], latency[shown], "+-", color=_PROACTIVE, label="proactive")
        axis.plot(frequency[-1], latency[-1], "x", color=_REACTIVE, label="reactive", zorder=3)
        axis.axhline(result.nominal * 1e3, color="black", ls="--", lw=0.8, label="nominal")
        axis.annotate(
            f"VF_opt {frequency[best]:g} GHz", (frequency[best], latency[best]), (0, 14),
            textcoords="offset points", ha="right" if best == len(frequency) - 1 else "center",
            fontsize=8,
        )  # fmt: skip
        axis.set_title(f"{result.name}, N = {result.counts[-1]}", fontsize=10)
        axis.set_xlabel("frequency [GHz]")
    axes[0, 0].set_ylabel("mean latency [ms]")
    _legend(figure, axes[0, 0])
    save_figure(figure, path)


def plot_throttling(results: "Sequence[WorkloadResult]", duration: float, path: Path) -> None:
    """Draw the share of the time at VF_low, with VF_opt of the most inferences (Fig. 4.20)."""
    figure, axes = new_figure(2 + 1.3 * len(results), 3.2)
    axis, at = axes[0, 0], np.arange(len(results))
    for shift, (name, colour) in zip((-0.2, 0.2), _COLOURS.items(), strict=True):
        share = [100 * result.traces[name].slowed_share(duration) for result in results]
        bars = axis.bar(at + shift, share, 0.4, color=colour, label=name)
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    names = [f"{item.name}\nN = {item.counts[-1]}: {item.vf_opt / 1e9:g} GHz" for item in results]
    axis.set_xticks(at, names)
    axis.set_ylabel(f"time at VF_low in {duration:g} s [%]")
    axis.margins(y=0.12)
    _from_zero(axis, 1.0)
    _legend(figure, axis)
    save_figure(figure, path)


def plot_characterization(results: "Sequence[WorkloadResult]", path: Path) -> None:
    """Draw mean latency, saving and standard deviation over the inferences (Fig. 4.21).

    With those of fewer cores at VF_max, throttled to VF_low; lines are where VF_opt changes.
    """
    figure, axes = _columns(results, 3, 7.4, sharex=True, height_ratios=(1.5, 1, 1))
    for (top, middle, bottom), result in zip(axes.T, results, strict=True):
        reactive, proactive, counts = result.reactive.latency, result.proactive, result.counts
        top.plot(counts, reactive * 1e3, "x", color=_REACTIVE, label="reactive")
        top.plot(counts, proactive * 1e3, "+", color=_PROACTIVE, label="proactive")
        top.axhline(result.nominal * 1e3, color="black", ls="--", lw=0.8, label="nominal")
        if fewer := result.fewer:
            label = f"{fewer.cores} cores"
            top.plot(counts, fewer.held.latency * 1e3, ".", color=_FEWER, label=label)
            bottom.plot(counts, fewer.held.deviation * 1e3, ".", color=_FEWER)
        changes = np.flatnonzero(np.diff(result.best, prepend=-1))
        for at in changes:
            for axis in (top, middle, bottom):
                axis.axvline(counts[at], color=LOW, lw=0.8, zorder=0, label="VF_opt from here on")
            top.annotate(
                f"{result.levels[result.best[at]].frequency / 1e9:g} GHz",
                (counts[at], 0.98), xycoords=("data", "axes fraction"), rotation=90, ha="left",
                va="top", fontsize=7,
            )  # fmt: skip
        top.set_title(result.name, fontsize=10)
        top.margins(y=0.25)
        width = 0.7 * (counts[1] - counts[0]) if len(counts) > 1 else 0.7
        middle.bar(counts, 100 * result.saving, width, color=_PROACTIVE)
        bottom.plot(counts, result.reactive.deviation * 1e3, "x", color=_REACTIVE)
        bottom.plot(counts, result.deviation * 1e3, "+", color=_PROACTIVE)
        bottom.set_xlabel("inferences N")
        _from_zero(middle, 1.0)
        _from_zero(bottom, 10 * result.nominal)
    for axis, label in zip(
        axes[:, 0],
        ("mean latency [ms]", "saving [%]", "standard deviation [ms]"),
        strict=True,
    ):
        axis.set_ylabel(label)
    _legend(figure, axes[0, 0])
    save_figure(figure, path)


def plot_traces(results: "Sequence[WorkloadResult]", profile: "CpuProfile", path: Path) -> None:
    """Draw temperature and latency over time, and when the chip first throttles (Fig. 4.22)."""
    figure, axes = _columns(results, 2, 5, sharex=True)
    for (top, bottom), result in zip(axes.T, results, strict=True):
        for name, colour in _COLOURS.items():
            run = result.traces[name]
            frequency = result.levels[run.level[0]].frequency / 1e9
            label = f"{name}, {frequency:g} GHz"
            top.plot(run.time, run.temperature, color=colour, lw=0.7, label=label)
            bottom.plot(run.end, run.latency * 1e3, ".", color=colour, ms=1.5)
            first = _first_throttling(run)
            if first is not None:
                top.axvline(first, color=colour, ls=":", lw=0.8)
                top.annotate(
                    f" {first:.3g} s", (first, 0.45), xycoords=("data", "axes fraction"),
                    fontsize=7, color=colour,
                )  # fmt: skip
        # Not the rounding of a latency that stays.
        low, high = bottom.get_ylim()
        missing = max(0.0, 100 * result.nominal - (high - low)) / 2
        bottom.set_ylim(low - missing, high + missing)
        top.axhline(profile.throttling.limit, color="black", ls="--", lw=0.8)
        top.set_title(result.name, fontsize=10)
        top.legend(fontsize=7, loc="lower right")
        bottom.set_xlabel("time [s]")
    axes[0, 0].set_ylabel("temperature [°C]")
    axes[1, 0].set_ylabel("latency [ms]")
    save_figure(figure, path)


def _first_throttling(run: "InferenceRun") -> float | None:
    slow = np.flatnonzero(run.level < run.level[0])
    return float(run.time[slow[0]]) if len(slow) else None


def _columns(
    results: "Sequence[WorkloadResult]", rows: int, height: float, **options: Any
) -> tuple[Any, Any]:
    """A column of axes per workload."""
    figure, axes = new_figure(1 + 2.8 * len(results), height, len(results), rows, **options)
    for axis in axes.ravel():
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    return figure, axes


def _from_zero(axis: Any, least: float) -> None:
    """Begin at 0, and show no less than up to `least`."""
    axis.set_ylim(0, max(axis.get_ylim()[1], least))


def _legend(figure: Any, axis: Any) -> None:
    ncols = 5 if figure.get_figwidth() > 5 else 2
    handles, labels = axis.get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))
    figure.legend(
        each.values(), each.keys(), loc="outside upper center", ncols=ncols, frameon=False
    )
