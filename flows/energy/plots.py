"""Pictures of the energy of a network: of its layers, and of its parts."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.flows.figures import new_figure, save_figure
from voltile.sim import ENERGY_PARTS

if TYPE_CHECKING:
    from voltile.flows.energy.job import EnergyResult

# Colour-blind safe (Okabe and Ito).
_COLOURS = dict(
    zip(ENERGY_PARTS, ("#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#999999"), strict=True)
)
_LABELS = dict(
    zip(
        ENERGY_PARTS,
        ("elements, dynamic", "elements, leakage", "SRAM", "DRAM", "control"),
        strict=True,
    )
)
_LONGEST_NAME = 26


def plot_layers(result: "EnergyResult", path: Path) -> None:
    """Draw the energy of every layer by its parts, a row per precision, at the first point.

    That is the first policy at the first supply; the caption says so where there are more.
    """
    energies = result.energies
    costs, points = energies.costs, energies.points
    names = short_names([layer.name for layer in costs.workload.layers])
    precisions = costs.precisions
    figure, axes = new_figure(
        2.2 + max(6.0, 0.21 * len(names)), 1.4 + 1.9 * len(precisions), rows=len(precisions),
        sharex=True, sharey=True,
    )  # fmt: skip
    unit, factor = energy_unit(energies.total[0].max())
    for number, (axis, precision) in enumerate(zip(axes[:, 0], precisions, strict=True)):
        parts = {part: values[0, number] * factor for part, values in energies.parts.items()}
        _stack(axis, np.arange(len(names)), parts)
        axis.set_title(
            f"{precision.name.lower()} precision, {points.vdd[0, number]:.3g} V, "
            f"{points.frequency[0, number] / 1e6:.0f} MHz", fontsize=9, loc="left",
        )  # fmt: skip
        axis.set_xlim(-0.7, len(names) - 0.3)
    axes[-1, 0].set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    figure.supylabel(f"energy [{unit}]", fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(ENERGY_PARTS), frameon=False, fontsize=9)  # fmt: skip
    shown = f"{points.policies[0].value}, full at {points.reference_vdd[0]:.3g} V"
    more = f"\n{shown}, the first of {len(points.policies)} operating points"
    figure.supxlabel(_subject(result) + more * (len(points.policies) > 1), fontsize=8.5)
    save_figure(figure, path)


def plot_breakdown(result: "EnergyResult", path: Path) -> None:
    """Draw the energy of the network by its parts, per precision and policy.

    At the highest and the lowest of the supplies of full precision, in the order of the points;
    the caption says so where there are more.
    """
    energies = result.energies
    costs, points = energies.costs, energies.points
    ends = {points.reference_vdd.min(), points.reference_vdd.max()}
    chosen = [at for at, vdd in enumerate(points.reference_vdd) if vdd in ends]
    precisions = len(costs.precisions)
    places = np.add.outer(np.arange(len(chosen)) * (precisions + 0.8), np.arange(precisions))
    figure, axes = new_figure(max(6.0, 2.0 + 0.72 * places.size + 0.5 * len(chosen)), 4.6)
    axis = axes[0, 0]
    unit, factor = energy_unit(energies.total.sum(axis=2).max())
    parts = {part: values[chosen].sum(axis=2) * factor for part, values in energies.parts.items()}
    top = _stack(axis, places.ravel(), {part: item.ravel() for part, item in parts.items()})
    for place, height, vdd in zip(places.flat, top, points.vdd[chosen].flat, strict=True):
        axis.text(place, height, f"{height:.3g} {unit}\n{vdd:.3g} V", ha="center", va="bottom",
                  fontsize=7)  # fmt: skip
    names = [item.name.lower() for item in costs.precisions] * len(chosen)
    axis.set_xticks(places.ravel(), names, fontsize=8)
    for at, middle in zip(chosen, places.mean(axis=1), strict=True):
        axis.text(middle, -0.1, f"{points.policies[at].value}\nfull at "
                  f"{points.reference_vdd[at]:.3g} V", ha="center", va="top", fontsize=8,
                  transform=axis.get_xaxis_transform())  # fmt: skip
    axis.set_ylabel(f"energy [{unit}]")
    axis.margins(x=0.02, y=0.16)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center",
                  ncols=3, frameon=False, fontsize=9)  # fmt: skip
    supplies = len(np.unique(points.reference_vdd))
    more = f"\nhighest and lowest of {supplies} supplies"
    figure.supxlabel(_subject(result) + more * (supplies > 2), fontsize=8.5)
    save_figure(figure, path)


def _stack(axis: Any, places: NDArray[Any], parts: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Draw stacked bars; return their heights."""
    bottom = np.zeros(len(places))
    for part in ENERGY_PARTS:
        axis.bar(places, parts[part], bottom=bottom, color=_COLOURS[part], label=_LABELS[part],
                 width=0.78)  # fmt: skip
        bottom = bottom + parts[part]
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)
    return bottom


def _subject(result: "EnergyResult") -> str:
    array = result.energies.costs.config
    batch = result.energies.costs.workload.batch
    return (
        f"{result.energies.costs.workload.name}{f', batch of {batch}' if batch > 1 else ''}; "
        f"{array.rows} x {array.cols} {array.element.name} elements, {array.dataflow.value}, "
        f"{result.technology.name}, {result.config.dram}"
    )


def energy_unit(largest: float) -> tuple[str, float]:
    """Return a unit that suits an energy [J], and how many of it are a joule."""
    if largest >= 1:
        return "J", 1.0
    return ("mJ", 1e3) if largest >= 1e-3 else ("µJ", 1e6)


def short_names(names: Sequence[str]) -> list[str]:
    """Return names without what all of them begin with, cut in their middle where they are long."""
    common = os.path.commonprefix(list(names)) if len(names) > 1 else ""
    common = common[: max(common.rfind("/"), common.rfind(".")) + 1]
    result = []
    for name in names:
        name = name.removeprefix(common) or name
        if len(name) > _LONGEST_NAME:
            half = (_LONGEST_NAME - 1) // 2
            name = f"{name[:half]}…{name[-half:]}"
        result.append(name)
    return result
