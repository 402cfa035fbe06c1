"""The picture of the energy per MAC."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from voltile.flows.figures import new_figure, save_figure
from voltile.power import CONSTANT_FREQUENCY, CONSTANT_THROUGHPUT, MacEnergy

if TYPE_CHECKING:
    from voltile.flows.elements.job import PeStudy

# Colour-blind safe (Okabe and Ito).
_PARTS = (("switching", "#0072B2"), ("internal", "#56B4E9"), ("leakage", "#D55E00"))
# Width that titles and legend take, whatever the number of bars [inches]; letters of the footer.
_LEAST_WIDTH, _LETTERS_PER_INCH = 7.2, 13
# Room for bars, in bars: a few must not be spread over it all.
_LEAST_BARS = 3
_NAMES = {"scalable": "ScalableMac", "spatial": "SpatialMac", "dual": "DualMac"}


def plot_energies(study: "PeStudy", path: Path) -> None:
    """Draw the energy per MAC over precision, at constant frequency and at constant throughput.

    At constant frequency that of the nominal supply.
    """
    bars = [(result.name, precision) for result in study.results
            for precision in dict.fromkeys(item.precision for item in result.energies)]  # fmt: skip
    width = max(_LEAST_WIDTH, 1.6 + 1.0 * len(bars))
    figure, axes = new_figure(width, 4.2, columns=2, sharey=True)
    for axis, mode, title in zip(
        axes[0], (CONSTANT_FREQUENCY, CONSTANT_THROUGHPUT),
        ("constant frequency, nominal supply", "constant throughput, lowest supply"), strict=True,
    ):  # fmt: skip
        chosen = [
            max((item for item in result.energies
                 if (item.mode, item.precision) == (mode, precision)), key=lambda item: item.vdd)
            for result in study.results
            for name, precision in bars if name == result.name
        ]  # fmt: skip
        _draw(axis, bars, chosen)
        axis.set_title(title, fontsize=10)
    axes[0, 0].set_ylabel("energy per MAC [pJ]")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(_PARTS), frameon=False)  # fmt: skip
    config = study.config
    conditions = (
        f"{study.technology.name}, words of {config.width} bits, accumulators of "
        f"{config.acc_width} bits; {study.operands.source}"
    )
    figure.supxlabel(fill(conditions, int(_LETTERS_PER_INCH * width)), fontsize=8.5)
    save_figure(figure, path)


def _draw(axis: Any, bars: list[tuple[str, Any]], chosen: list[MacEnergy]) -> None:
    """Draw one stacked bar per element and precision, with its supply on top."""
    names = [name for name, _ in bars]
    gaps = np.cumsum([0.0, *(0.6 * (a != b) for a, b in zip(names, names[1:], strict=False))])
    places = np.arange(len(bars)) + gaps
    parts = 1e12 * np.array([(item.switching, item.internal, item.leakage) for item in chosen])
    bottom = np.zeros(len(bars))
    for (label, colour), part in zip(_PARTS, parts.T, strict=True):
        axis.bar(places, part, bottom=bottom, label=label, color=colour, width=0.75)
        bottom += part
    for place, total, item in zip(places, bottom, chosen, strict=True):
        axis.text(place, total, f"{total:.3g} pJ\n{item.vdd:.3g} V", ha="center", va="bottom",
                  fontsize=7.5)  # fmt: skip
    axis.set_xticks(places, [precision.name.lower() for _, precision in bars], fontsize=9)
    for name in dict.fromkeys(names):
        middle = np.mean([place for place, other in zip(places, names, strict=True)
                          if other == name])  # fmt: skip
        axis.text(middle, -0.13, _NAMES[name], ha="center", va="top",
                  transform=axis.get_xaxis_transform())  # fmt: skip
    spread = max(_LEAST_BARS, places[-1] + 1)
    axis.set_xlim((places[-1] - spread) / 2 - 0.1, (places[-1] + spread) / 2 + 0.1)
    axis.margins(y=0.16)
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)
