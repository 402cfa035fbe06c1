"""Temperature of accelerators, and what they sustain below a limit under thermal governors.

    python bench/thermal_accelerator.py [--operands FILE.npz] [--limit 85] [--workers N]

MLPerf Tiny's keyword-spotting network on `freepdk45`, without a pause. Prints, as tables:

- the placed 8 x 8 array of `ScalableMac` at rest, 1.00 V and its clock, at full and half precision
  under operands (`voltile operands`, else random): power of every cell where it stands, that of
  memories and control spread over the accelerator; on a die tiled with it, and once alone;
- governors on that accelerator from the energy table of its elements, at both precisions;
- governors on a placed 4 x 4 array under one supply and under FINE-VH at 7 x 7 tiles.

Package: `cqfp` of Voltile. Area: cells over a utilisation of 0.7, memories by CACTI (3 x 128 KiB),
and the core of the control processor. Leaves maps.png and the folders of
`voltile thermal` in `runs/bench/thermal-accelerator`.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from array_energy import Bench, Measured
from numpy.typing import NDArray
from prepared import FOLDER, faults_through, parser_of, prepared
from rich.console import Console

from voltile.core import Precision
from voltile.floorplan import Timer
from voltile.flows.elements.job import PeConfig
from voltile.flows.energy.job import EnergyConfig, EnergyResult, run_energy
from voltile.flows.figures import new_figure, save_figure
from voltile.flows.fine_vh.outputs import write_outputs
from voltile.flows.precision.inputs import example_file
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.flows.thermal.accelerator_job import run_accelerator_thermal
from voltile.flows.thermal.accelerator_plots import draw_map
from voltile.flows.thermal.display import accelerator_table
from voltile.flows.thermal.table_levels import read_levels
from voltile.pdk import read_technology
from voltile.power import PowerModel
from voltile.power.thermal import (
    Leakage,
    ThermalGrid,
    read_package,
    steady_with_leakage,
    thermal_grid,
)

Floats = NDArray[np.float64]

OUT = FOLDER / "thermal-accelerator"
# Core of CV32E40P on freepdk45: bench/main_job.py.
UTILISATION, CONTROL = 0.7, 0.054e-6
NETWORK, SUPPLIES = "kws_dscnn", tuple(round(0.6 + 0.05 * at, 2) for at in range(9))
DIE = 8e-3
SHOWN = (Precision.FULL, Precision.HALF)
CELLS = 96


def main(given: argparse.Namespace) -> None:
    """Print the tables, and draw."""
    package = example_file("cqfp", ".toml")
    assert package is not None
    for size in (8, 4):
        result = run_energy(
            EnergyConfig(NETWORK, array=(size, size), vdds=SUPPLIES, precisions=("full", "half")),
            OUT / f"energy-{size}x{size}",
        )
        config = AcceleratorConfig(
            OUT / f"energy-{size}x{size}" / "energy.csv", package, area=area_of(result, size),
            policy="iso-frequency", limit=given.limit,
        )  # fmt: skip
        if size == 8:
            operands = Path(given.operands) if given.operands else None
            bench = Bench(PeConfig(("scalable",), operands=operands))
            print(bench.operands.source)
            placed_maps(bench.measure("scalable", size), config)
        else:
            run = prepared("grid-4x4")
            write_outputs(run, FOLDER / "grid-4x4")
            config = replace(config, plan=FOLDER / "grid-4x4", precisions=("full",))
        found = run_accelerator_thermal(
            config, OUT / f"governors-{size}x{size}", given.workers, "", lambda runs, _: runs
        )
        print(f"{size} x {size}, {config.area * 1e6:.3g} mm2 each")
        Console(width=130).print(accelerator_table(found, config.limit))


def area_of(result: EnergyResult, size: int) -> float:
    """Area of an accelerator [m2]."""
    return size**2 * result.costs.pe.area / UTILISATION + result.costs.memories.area + CONTROL


def placed_maps(item: Measured, config: AcceleratorConfig) -> None:
    """Print the temperatures of the placed array at both precisions, and draw them."""
    package = read_package(config.package)
    grid = thermal_grid(package, config.side, config.side, CELLS, CELLS)
    alone = thermal_grid(package, DIE, DIE, CELLS, CELLS)
    print("| precision | array [mW] | leakage [mW] | beside [mW] | tiled: mean, hottest [C] | "
          "within the array [K] | one alone on 64 mm2: rise [K] |\n"
          "| --- | --- | --- | --- | --- | --- | --- |")  # fmt: skip
    maps, density = {}, {}
    for precision, levels in zip(SHOWN, read_levels(config), strict=True):
        latency = levels.cycles[-1] / levels.table.frequency[-1]
        beside = float(levels.rest[-1] / latency)
        power, leaks, array = cell_power(item, precision, grid)
        even = np.full(CELLS**2, beside / CELLS**2)
        temperature = at_rest(grid, power + even, leaks)
        maps[precision] = found = grid.maps(temperature)[0]
        spent = power + even + leaks
        density[precision] = grid.maps(spent)[0] / (config.side * 1e3 / CELLS) ** 2
        # All of it in the middle cell or cells of the large die, whose cells are 83 um wide.
        middle = np.array([[DIE / 2 - config.side / 2] * 2 + [DIE / 2 + config.side / 2] * 2])
        whole = alone.shares(middle)[:, 0]
        lone = at_rest(alone, (power.sum() + beside) * whole, leaks.sum() * whole)
        rise = lone.max() - package.ambient
        print(f"| {precision.name.lower()} | {power.sum() * 1e3:.1f} | {leaks.sum() * 1e3:.1f} | "
              f"{beside * 1e3:.1f} | {found.mean():.2f}, {found.max():.2f} | "
              f"{np.ptp(found.ravel()[array]):.3f} | {rise:.2f} |")  # fmt: skip
    draw(density, maps, array, grid)


def cell_power(
    item: Measured, precision: Precision, grid: ThermalGrid
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Power and leakage of the grid's cells [W], the array in the middle; and which it covers."""
    layout, model = item.placed.layout, item.model
    mesh, placement, tree = layout.placement.grid, layout.placement, layout.tree
    libraries = [model.technology.library(model.technology.nominal_vdd)]
    every = np.zeros(layout.graph.netlist.cells, dtype=np.int64)
    timing = Timer(layout.graph, libraries).analyze(every, layout.wires)
    busy = model.modes[precision].busy
    report = PowerModel(layout.graph.netlist, tree, busy, libraries).evaluate(every, timing)
    size = np.array([mesh.core_sites * mesh.site_width, mesh.core_rows * mesh.site_height])
    low = (grid.width - size) / 2
    x = np.append(placement.site * mesh.site_width, tree.x) + low[0]
    y = np.append(placement.row * mesh.site_height, tree.y) + low[1]
    edges = np.linspace(0, grid.width, CELLS + 1)

    def binned(values: Floats) -> Floats:
        return np.histogram2d(y, x, [edges, edges], weights=values)[0].ravel()

    middle = (edges[1:] + edges[:-1]) / 2
    inside = [(middle > low[axis]) & (middle < low[axis] + size[axis]) for axis in (0, 1)]
    array = (inside[1][:, None] & inside[0]).ravel()
    return binned(report.dynamic_energy * model.clock), binned(report.leakage), array


def at_rest(grid: ThermalGrid, power: Floats, leakage: Floats) -> Floats:
    """Temperatures of all nodes, with leakage at them [degrees Celsius]."""
    leaks = read_technology("freepdk45").leakage_temperature()
    over = Leakage(leaks.temperatures, np.outer(leaks.factors(1.0), leakage))
    return steady_with_leakage(grid.network, power, over)


def draw(
    density: dict[Precision, Floats],
    maps: dict[Precision, Floats],
    array: NDArray[np.bool_],
    grid: ThermalGrid,
) -> None:
    """Draw power [W/mm2] and temperature around the array, each on one scale for all precisions."""
    figure, axes = new_figure(10.4, 7.6, len(maps), 2)
    risen = {name: item - item.mean() for name, item in maps.items()}
    rows, columns = np.nonzero(array.reshape(CELLS, CELLS))
    pitch = grid.width / CELLS * 1e6
    left, low = columns.min() * pitch, rows.min() * pitch
    width, height = (np.ptp(columns) + 1) * pitch, (np.ptp(rows) + 1) * pitch
    margin = 0.35 * width
    for row, values, label in (
        (axes[0], density, "power [W/mm²]"), (axes[1], risen, "above the mean [K]"),
    ):  # fmt: skip
        least, most = (find(find(item.flat) for item in values.values()) for find in (min, max))
        for axis, (precision, item) in zip(row, values.items(), strict=True):
            draw_map(axis, figure, item, grid.width, grid.height, label, vmin=least, vmax=most)
            axis.add_patch(_outline(left, low, width, height))
            axis.set_xlim(left - margin, left + width + margin)
            axis.set_ylim(low - margin, low + height + margin)
            axis.set_title(f"{precision.name.lower()} precision", fontsize=10)
            _scale_bar(axis, 100)
    for axis, item in zip(axes[1], maps.values(), strict=True):
        axis.set_title(f"mean {item.mean():.1f} °C, hottest {item.max():.2f} °C", fontsize=10)
    save_figure(figure, OUT / "maps.png")


def _outline(x: float, y: float, width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, fill=False, ec="white", lw=0.8)


def _scale_bar(axis: Any, length: float) -> None:
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    x, y = left + 0.06 * (right - left), low + 0.06 * (high - low)
    axis.plot([x, x + length], [y, y], color="white", lw=3)
    label = f"{length:g} µm"
    axis.text(x + length / 2, y + 0.025 * (high - low), label, color="white", ha="center")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--operands", default=os.environ.get("OPERANDS", ""),
                        help="operands of 8 bits (voltile operands); else random")  # fmt: skip
    parser.add_argument("--limit", type=float, default=85.0, help="[C] (default: 85)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    with faults_through(parser):
        main(parser.parse_args())
