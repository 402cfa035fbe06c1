"""Energy per MAC of the processing elements over the share of zeros among the activations.

    python bench/zero_skipping.py [--tech freepdk45] [--picture docs/images/zero_skipping.png]

Words of 8 bits, random; a part of the activations is zero. Nominal supply, the clock that all
precisions of an element meet there, accumulators of 32 bits. Prints a table for every precision;
draws a picture where one is asked for. Glitches are not counted.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from prepared import FOLDER, faults_through, parser_of

from voltile.core import Precision, StageMeter, VoltileError
from voltile.flows.elements.job import PeConfig, mac_model, place_element
from voltile.flows.elements.operands import random_operands
from voltile.flows.figures import new_figure, save_figure
from voltile.flows.stages import Stages
from voltile.hdl import PROCESSING_ELEMENTS
from voltile.pdk import read_technology
from voltile.power import MacEnergy

SPARSITY = (0.0, 0.25, 0.5, 0.75, 0.9)
# Colour-blind safe (Okabe and Ito).
STYLE = {"scalable": ("#0072B2", "o"), "spatial": ("#D55E00", "s"), "dual": ("#009E73", "^")}

Found = dict[tuple[str, Precision], list[MacEnergy]]


def main(given: argparse.Namespace) -> None:
    """Measure, print and draw."""
    if given.picture and not given.picture.resolve().parent.is_dir():
        raise VoltileError(f"{given.picture} cannot be written: there is no such folder")
    technology = read_technology(given.tech)
    config = PeConfig(tech=given.tech)
    folder = FOLDER / f"zero-skipping-{technology.name}"
    stages = Stages(folder, StageMeter(), lambda line: print(line, file=sys.stderr))
    found: Found = {}
    for name in config.pes:
        element = config.element(name)
        placed = place_element(element, name, technology, config, stages)
        for sparsity in SPARSITY:
            operands = random_operands(config.width, sparsity, config.seed)
            stage = f"{name}-{sparsity:.0%}"
            model = mac_model(stage, placed, element, operands, stages)
            for precision in element.modes:
                (point,) = model.points(precision, [technology.nominal_vdd])
                row = model.at("", point, precision, model.clock)
                found.setdefault((name, precision), []).append(row)
    print("\n".join(_table(found)))
    if given.picture:
        _draw(found, f"{technology.name}, {technology.nominal_vdd:g} V", given.picture)


def _table(found: Found) -> Iterator[str]:
    heads = "".join(f" {sparsity:.0%} |" for sparsity in SPARSITY)
    yield f"| pJ per MAC, share of zeros: |{heads} at 90 % over 0 | idle cycle [pJ] | gated |"
    yield "| --- " * (len(SPARSITY) + 4) + "|"
    for (name, precision), rows in found.items():
        values = [row.energy * 1e12 for row in rows]
        cells = "".join(f" {value:.2f} |" for value in values)
        yield (
            f"| {PROCESSING_ELEMENTS[name].__name__}, {precision.name.lower()} |{cells} "
            f"{values[-1] / values[0]:.2f} | {rows[0].idle * 1e12:.2f} | "
            f"{rows[0].gated * 1e12:.2f} |"
        )


def _draw(found: Found, conditions: str, path: Path) -> None:
    precisions = list(Precision)
    figure, axes = new_figure(10, 3.6, columns=len(precisions))
    for axis, precision in zip(axes[0], precisions, strict=True):
        for name in PROCESSING_ELEMENTS:
            rows = found.get((name, precision))
            if rows:
                colour, marker = STYLE[name]
                label = PROCESSING_ELEMENTS[name].__name__
                axis.plot([100 * item for item in SPARSITY], [row.energy * 1e12 for row in rows],
                          color=colour, marker=marker, label=label)  # fmt: skip
        axis.set_title(f"{precision.name.lower()} precision", fontsize=10)
        axis.set_xlabel("zero activations [%]")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel(f"energy per MAC [pJ]\n{conditions}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3,
                  frameon=False)  # fmt: skip
    save_figure(figure, path)


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--tech", default="freepdk45", help="technology (default: Voltile's)")
    parser.add_argument("--picture", type=Path, help="file to draw, which is written over")
    with faults_through(parser):
        main(parser.parse_args())
