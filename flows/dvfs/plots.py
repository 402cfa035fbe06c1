"""Pictures of an emulated workload: where the energy goes, and what clock and supplies do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.figures import HIGH, LOW, new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.dvfs.job import SchemeResult
    from voltile.power import Emulation, Trace

# Colour-blind safe (Okabe and Ito).
_PARTS = (
    ("switching", "#0072B2"), ("leakage", "#56B4E9"), ("converter", "#D55E00"),
    ("Vdd-MUX", "#F0E442"),
)  # fmt: skip
# Demands in the picture over time; more could not be told apart.
_SHOWN = 80


def plot_energy(results: "Sequence[SchemeResult]", trace: "Trace", path: Path) -> None:
    """Draw the energy of every scheme, split by where it goes."""
    figure, axes = new_figure(9, 1.6 + 0.32 * len(results))
    axis = axes[0, 0]
    energy = 1e3 * np.array(
        [
            (item.dynamic_energy, item.leakage_energy, item.converter.energy, item.vdd_mux.energy)
            for item in (result.emulation for result in results)
        ]
    )
    left = np.zeros(len(results))
    for (label, colour), part in zip(_PARTS, energy.T, strict=True):
        axis.barh(range(len(results)), part, left=left, label=label, color=colour)
        left += part
    for at, (result, total) in enumerate(zip(results, left, strict=True)):
        missed = f", {result.emulation.missed} missed" if result.emulation.missed else ""
        axis.text(total, at, f" {total:.4g}{missed}", va="center", fontsize=8)
    axis.set_yticks(range(len(results)), [result.title for result in results])
    axis.invert_yaxis()
    axis.set_xlim(0, 1.18 * left.max())
    axis.set_xlabel(f"energy of {_milliseconds(trace.duration)} [mJ]")
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=len(_PARTS), frameon=False)
    save_figure(figure, path)


def plot_timeline(results: "Sequence[SchemeResult]", trace: "Trace", path: Path) -> None:
    """Draw demand and clock, and the supplies of ideal-DVFS and FINE-VH, over time.

    FINE-VH is that of the finest mesh, with its widest and its narrowest intervals.
    """
    ideal = [item for item in results if item.scheme == "ideal"]
    fine = [item for item in results if item.scheme == "fine-vh"]
    finest = max((item.emulation.modes.n for item in fine), default=1)
    fine = [item for item in fine if item.emulation.modes.n == finest]
    fine.sort(key=lambda item: -item.emulation.modes.interval)
    shown = [fine[0], fine[-1]] if len(fine) > 1 else fine
    figure, axes = new_figure(11, 2.2 * (1 + len(shown)) + 0.6, rows=1 + len(shown), sharex=True)
    begin = trace.time[0]
    end = trace.time[min(_SHOWN, len(trace.frequency))]
    clock = axes[0, 0]
    edges = 1e3 * (trace.time - begin)
    clock.stairs(trace.frequency * 1e-6, edges, fill=True, color="#CCCCCC", label="demand")
    for item in shown[-1:]:
        _steps(
            clock, item.emulation, "clock", 1e-6, begin, color="black", linewidth=0.8,
            label=f"clock,\n{item.title}",
        )  # fmt: skip
    clock.set_ylabel("frequency [MHz]")
    clock.set_ylim(bottom=0)
    for axis, item in zip(axes[1:, 0], shown, strict=True):
        for name, colour, label in (("vdd_high", HIGH, "VddH"), ("vdd_low", LOW, "VddL")):
            _steps(axis, item.emulation, name, 1.0, begin, color=colour, label=label, linewidth=1.6)
        for other in ideal:
            _steps(
                axis, other.emulation, "vdd_high", 1.0, begin, color="black", linewidth=0.8,
                label=other.title,
            )  # fmt: skip
        axis.set_ylabel("supply [V]")
        axis.set_title(f"{item.title} intervals", fontsize=10)
    for axis in axes[:, 0]:
        axis.grid(alpha=0.3)
        axis.margins(y=0.12)
        axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    part = "" if end == trace.time[-1] else f"first {_milliseconds(end - begin)} of "
    clock.set_title(f"{part}{_milliseconds(trace.duration)}", fontsize=10)
    axes[-1, 0].set_xlabel("time [ms]")
    axes[-1, 0].set_xlim(0, 1e3 * (end - begin))
    save_figure(figure, path)


def _steps(
    axis: Any, emulation: "Emulation", name: str, unit: float, begin: float, **style: Any
) -> None:
    """Draw a column of the timeline as steps."""
    line = emulation.timeline
    edges = np.append(line.start, line.start[-1] + line.duration[-1]) - begin
    axis.stairs(getattr(line, name) * unit, 1e3 * edges, baseline=None, **style)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.4g} ms"
