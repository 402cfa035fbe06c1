"""Vdd-MUX, power grid and area of a design over its meshes, beside dissertation Table 4.1.

The peak current of a tile is taken as a multiple of its mean one at the highest frequency of the
supply: that crest factor is an assumption. Meshes are placed without regard to timing.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prepared import PREPARED, faults_through, parser_of, prepared

from voltile.floorplan import (
    ClockTree,
    PlacedDesign,
    Placement,
    PowerGrid,
    Timer,
    Timing,
    build_clock_tree,
    layout_area,
    make_power_grid,
    mux_cells,
    mux_models,
    place,
    place_with_muxes,
    size_headers,
    write_mux_verilog,
)
from voltile.flows import RunResult
from voltile.power import PowerModel

# Area overhead of N x N tiles: dissertation Table 4.1.
PUBLISHED = {3: "2.42%", 5: "3.86%", 7: "5.95%"}
HEAD = (
    "tiles  core um2  more   (paper)  rows  cells um2  Vdd-MUX um2  headers um  most/mean  "
    "of kept  drop  chain um  wire m"
)

Floats = NDArray[np.float64]


class Currents:
    """Peak current of the tiles of a placement, from the activity of a finished run.

    At every supply the clock is the fastest of the run's uncut layout.
    """

    def __init__(self, result: RunResult, crest: float) -> None:
        self.header = result.technology.header
        vdds = result.technology.vdds
        self.pairs = list(zip(vdds[:-1], vdds[1:], strict=True))
        self._result, self._crest = result, crest
        uncut = result.layouts[1].placement
        self._period = {vdd: _timing(result, uncut, vdd).min_period for vdd in vdds}

    def of_tile(self, placement: Placement) -> dict[float, Floats]:
        """Peak current of every tile at each supply [A]; VddH itself feeds the clock's trunk."""
        tree = _tree(self._result, placement)
        return {vdd: self._of_tile(placement, tree, vdd) for vdd in self._period}

    def _of_tile(self, placement: Placement, tree: ClockTree, vdd: float) -> Floats:
        result = self._result
        model = PowerModel(result.netlist, tree, result.activity, [result.technology.library(vdd)])
        supply = np.zeros(result.netlist.cells, dtype=np.int64)
        report = model.evaluate(supply, _timing(result, placement, vdd))
        energy = report.switching_energy + report.internal_energy
        power = self._crest * energy / self._period[vdd] + report.leakage
        return report.of_tiles(power, placement) / vdd

    def widths(self, placement: Placement) -> Floats:
        """Width that each header of a tile needs for every pair of neighbouring supplies [m]."""
        tile = self.of_tile(placement)
        return np.max(
            [size_headers(tile[a], tile[b], a, b, self.header) for a, b in self.pairs], axis=0
        )


def _tree(result: RunResult, placement: Placement) -> ClockTree:
    return build_clock_tree(result.netlist, result.graph.clocks, placement, result.technology)


def _timing(result: RunResult, placement: Placement, vdd: float) -> Timing:
    technology = result.technology
    supply = np.zeros(result.netlist.cells, dtype=np.int64)
    timer = Timer(result.graph, [technology.library(vdd)])
    return timer.analyze(supply, placement.wires(technology))


def main(form: argparse.Namespace) -> None:
    """Print a row per mesh; write LEF, models and netlist of the last one where asked."""
    result = prepared(form.design)
    technology, netlist, clocks = result.technology, result.netlist, result.graph.clocks
    cells, uncut = mux_cells(technology), result.layouts[1].placement
    currents = Currents(result, form.crest)
    for vdd, current in currents.of_tile(uncut).items():
        print(f"{vdd:.2f} V: {current.sum() * 1e3:.3f} mA at the peak")
    total = float(currents.widths(uncut)[0])
    before = layout_area(netlist, uncut.grid, _tree(result, uncut))
    print(HEAD)
    print(f"    1 {before.core * 1e12:9.0f} {'':15} {before.rows:5d} {before.cells * 1e12:10.0f}"
          f" {'':63} {uncut.net_length.sum():7.3f}")  # fmt: skip
    for n in form.tiles:
        design, muxes = place_with_muxes(
            lambda reserve, n=n: PlacedDesign(
                result.graph, place(netlist, clocks, technology, n, 0.7, reserve=reserve)
            ),
            lambda design: currents.widths(design.placement), cells, 1.5 * total / (n * n), n,
        )  # fmt: skip
        placement = design.placement
        area = layout_area(netlist, placement.grid, _tree(result, placement), muxes)
        tile, needed = currents.of_tile(placement), currents.widths(placement)
        drop = max(
            float((muxes.resistance(cells.header, vdd, high) * tile[vdd]).max() / vdd)
            for low, high in currents.pairs for vdd in (low, high)
        )  # fmt: skip
        print(
            f"{area.tiles:5d} {area.core * 1e12:9.0f} {area.overhead(before):5.1%} "
            f"{PUBLISHED.get(n, ''):>9} {area.rows:5d} {area.cells * 1e12:10.0f} "
            f"{area.muxes * 1e12:12.0f} {muxes.header_width.sum() * 1e6:11.0f} "
            f"{needed.max() / needed.mean():10.2f} "
            f"{needed.max() / muxes.header_width.max():8.2f} {drop:5.2%} "
            f"{muxes.chain_length * 1e6:9.0f} {placement.net_length.sum():7.3f}"
        )
        low, high = currents.pairs[-1]
        power = make_power_grid(placement.grid, technology, tile[low], tile[high], low, high)
        print(f"      {_widths(power)}")
        if form.out:
            form.out.mkdir(parents=True, exist_ok=True)
            (form.out / "vdd_mux.lef").write_text(cells.lef())
            (form.out / "vdd_mux.v").write_text(mux_models())
            write_mux_verilog(netlist, muxes, form.out / "netlist.v")


def _widths(power: PowerGrid) -> str:
    """Narrowest and widest line of each layer."""
    parts = []
    for layer, name in enumerate(power.layers):
        across = (power.width, power.height)[layer][power.layer == layer] * 1e6
        parts.append(f"{name} {across.min():.2f} to {across.max():.2f} um wide")
    return ", ".join(parts)


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=PREPARED, default="grid-4x4")
    parser.add_argument("--tiles", type=int, nargs="+", default=[3, 5, 7], help="N of each mesh")
    parser.add_argument("--crest", type=float, default=3.0, help="peak over mean current")
    parser.add_argument("--out", type=Path, help="folder for LEF, models and netlist")
    with faults_through(parser):
        main(parser.parse_args())
