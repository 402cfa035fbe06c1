"""Our characterisation against the foundry's: the same cells, corner and supplies.

    python bench/characterization.py [CELL ...]

Measures the cells of `sky130-spice` at ss_100C and 1.40, 1.60 V, gate length as drawn, and reads
our Liberty files beside the foundry's. Ratios ours / theirs: of delay and output slew at every
point of our tables (worst `when` of each arc, points within the foundry's axes, delays above
20 ps), of pin capacitance, and of the mean internal energy of the edges of a cell's outputs. Prints
a table, and writes docs/images/characterization.png. Measurements stay in runs/bench.
"""

import lzma
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.pdk import CellLibrary, Direction, Sense, find_pdk, read_cell_library
from voltile.pdk.characterization.config import read_config
from voltile.pdk.characterization.job import Progress, characterize

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "runs" / "bench" / "characterization"
PICTURE = ROOT / "docs" / "images" / "characterization.png"
FOUNDRY = "sky130A/libs.ref/sky130_fd_sc_hd/lib/sky130_fd_sc_hd__ss_100C_1v{:02.0f}.lib"
VDDS = (1.40, 1.60)
QUANTITIES = ("delay", "slew", "capacitance", "energy")

Floats = NDArray[np.float64]
# Ratios of each cell by quantity.
Ratios = dict[str, dict[str, Floats]]


def main(cells: list[str]) -> None:
    """Measure, compare, print and draw."""
    config = read_config("sky130-spice")
    bias = next(iter(config.lengths))
    config = replace(config, vdds=VDDS, nominal_vdd=VDDS[-1], only=tuple(cells),
                     lengths={bias: config.lengths[bias]})  # fmt: skip
    characterize(config, FOLDER, show=show)
    pdk = find_pdk("sky130A")
    found: Ratios = {}
    for vdd in VDDS:
        packed = next(FOLDER.glob(f"lib/*_{vdd:.2f}.lib.xz".replace(".", "v", 1)))
        ours = FOLDER / packed.stem
        ours.write_bytes(lzma.decompress(packed.read_bytes()))
        theirs = pdk / FOUNDRY.format(100 * (vdd - 1))
        for cell, ratios in compare(read_cell_library(ours), read_cell_library(theirs)).items():
            for quantity, values in ratios.items():
                kept = found.setdefault(cell, {}).get(quantity, np.zeros(0))
                found[cell][quantity] = np.concatenate([kept, values])
    print(table(found))
    draw(found)


def show(progress: Progress) -> None:
    """Print where the measurement is."""
    if progress.cell or progress.fault:
        print(f"{progress.stage}: {progress.done} of {progress.total} {progress.cell} "
              f"{progress.fault}", file=sys.stderr)  # fmt: skip


def compare(ours: CellLibrary, theirs: CellLibrary) -> Ratios:
    """Ratios ours / theirs of every cell that both have."""
    return {
        name: {
            "delay": _arc_ratios(ours, theirs, name, 0),
            "slew": _arc_ratios(ours, theirs, name, 1),
            "capacitance": _capacitance_ratios(ours, theirs, name),
            "energy": _energy_ratio(ours, theirs, name),
        }
        for name in ours.cell_name
        if name in theirs.cell_index
    }


def _arc_ratios(ours: CellLibrary, theirs: CellLibrary, name: str, which: int) -> Floats:
    own, foreign = _worst(ours, ours, name, which), _worst(ours, theirs, name, which)
    ratios = [own[key] / foreign[key] for key in own.keys() & foreign.keys()]
    joined = np.concatenate(ratios) if ratios else np.zeros(0)
    return joined[np.isfinite(joined) & (joined > 0)]


def _worst(
    axes: CellLibrary, library: CellLibrary, name: str, which: int
) -> dict[tuple[str, str, int, bool], Floats]:
    """Worst value over all conditions of each arc and edge, at the points of `axes`' tables.

    Points outside the library's own axes are not compared, nor delays below 20 ps.
    """
    slews, loads = _points(axes, name)
    cell = library.cell_index[name]
    found: dict[tuple[str, str, int, bool], Floats] = {}
    for arc in np.flatnonzero(library.arc_cell == cell):
        for edge in (0, 1):
            table = int(library.arc_table[arc, edge, which])
            if table < 0 or library.arc_table[arc, edge, 1] < 0:
                continue
            block = library.tables
            at = np.full(slews.shape, table)
            values = block.lookup(at, slews, loads)
            ends = [axis[table][np.isfinite(axis[table])]
                    for axis in (block.slew_axis, block.load_axis)]  # fmt: skip
            inside = (slews <= ends[0][-1]) & (loads >= ends[1][0]) & (loads <= ends[1][-1])
            values[~inside | (which == 0) & (values < 20e-12)] = np.nan
            senses = {Sense.NON_UNATE: (True, False), Sense.POSITIVE: (True,)}.get(
                Sense(int(library.arc_sense[arc])), (False,)
            )
            for positive in senses:
                key = (
                    library.pin_name[int(library.arc_from[arc])],
                    library.pin_name[int(library.arc_to[arc])], edge, positive,
                )  # fmt: skip
                found[key] = np.fmax(found.get(key, values), values)
    return found


def _points(library: CellLibrary, name: str) -> tuple[Floats, Floats]:
    """Slews and loads of the delay tables of a cell, all of which have the same axes."""
    delay, slew = library.arc_table[library.arc_cell == library.cell_index[name]].reshape(-1, 2).T
    tables = delay[slew >= 0]
    if not len(tables):
        return np.zeros(0), np.zeros(0)
    axes = (library.tables.slew_axis[tables[0]], library.tables.load_axis[tables[0]])
    grid = np.meshgrid(*(axis[np.isfinite(axis)] for axis in axes), indexing="ij")
    return grid[0].ravel(), grid[1].ravel()


def _capacitance_ratios(ours: CellLibrary, theirs: CellLibrary, name: str) -> Floats:
    mine, other = ours.cell_index[name], theirs.cell_index[name]
    ratios = [
        ours.pin_capacitance[pin] / theirs.pin_capacitance[theirs.pin_index[other, label]]
        for pin in ours.pins_of(mine)
        if ours.pin_direction[pin] == Direction.INPUT
        and (other, label := ours.pin_name[pin]) in theirs.pin_index
    ]
    return np.concatenate(ratios) if ratios else np.zeros(0)


def _energy_ratio(ours: CellLibrary, theirs: CellLibrary, name: str) -> Floats:
    """Mean energy of all edges of the outputs at the middle of the tables, ours / theirs."""
    slews, loads = _points(ours, name)
    if not len(slews):
        return np.zeros(0)
    middle = len(slews) // 2
    means = []
    for library in (ours, theirs):
        cell = library.cell_index[name]
        outputs = {pin for pin in library.pins_of(cell)
                   if library.pin_direction[pin] == Direction.OUTPUT}  # fmt: skip
        tables = np.array([
            table
            for arc in np.flatnonzero(library.power_cell == cell)
            if int(library.power_pin[arc]) in outputs
            for table in library.power_table[arc]
            if table >= 0
        ], dtype=np.int64)  # fmt: skip
        if not len(tables):
            return np.zeros(0)
        at = (np.full(len(tables), slews[middle]), np.full(len(tables), loads[middle]))
        means.append(float(library.tables.lookup(tables, *at).mean()))
    return np.array([means[0] / means[1]])


def table(found: Ratios) -> str:
    """Median and 5th to 95th percentile of every cell and of all."""
    every = {
        quantity: np.concatenate([ratios[quantity] for ratios in found.values()])
        for quantity in QUANTITIES
    }
    lines = ["| cell | " + " | ".join(QUANTITIES) + " |", "| --- |" + " --- |" * len(QUANTITIES)]
    for name, ratios in [*sorted(found.items()), ("all", every)]:
        cells = []
        for quantity in QUANTITIES:
            values = ratios[quantity]
            low, middle, high = np.percentile(values, [5, 50, 95]) if len(values) else [np.nan] * 3
            cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})" if len(values) else "-")
        lines.append(f"| {name.removeprefix('sky130_fd_sc_hd__')} | " + " | ".join(cells) + " |")
    within = ", ".join(
        f"{quantity} {100 * np.mean(np.abs(values - 1) < 0.2):.1f} %"
        for quantity, values in every.items()
    )
    return "\n".join([*lines, "", f"Within 20 % of the foundry's: {within}."])


def draw(found: Ratios) -> None:
    """Median and 5th to 95th percentile of every cell, one column per quantity."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted(found, reverse=True)
    figure, axes = plt.subplots(1, len(QUANTITIES), figsize=(10, 0.16 * len(names) + 1.2),
                                sharey=True, layout="constrained")  # fmt: skip
    for axis, quantity in zip(axes, QUANTITIES, strict=True):
        for row, name in enumerate(names):
            values = found[name][quantity]
            if len(values):
                low, middle, high = np.percentile(values, [5, 50, 95])
                axis.plot([low, high], [row, row], color="#56B4E9", linewidth=2)
                axis.plot(middle, row, "o", color="#0072B2", markersize=3)
        axis.axvspan(0.8, 1.2, color="#EEEEEE", zorder=0)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set(xlim=(0.4, 1.6), xlabel=f"{quantity}, ours / foundry's", ylim=(-1, len(names)))
        axis.tick_params(labelsize=7)
    axes[0].set_yticks(
        range(len(names)), [name.removeprefix("sky130_fd_sc_hd__") for name in names], fontsize=6
    )
    figure.suptitle("ss, 100 °C, 1.40 and 1.60 V: median and 5th to 95th percentile", fontsize=10)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1:])
