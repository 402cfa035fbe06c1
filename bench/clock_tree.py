"""Clock trees of a design's layouts: buffers, wires, and the share of power that clocks take.

At the nominal supply and the highest frequency of each layout. What clocks take inside registers
is found by a second evaluation in which nothing but the clocks moves.
"""

from dataclasses import replace

import numpy as np
from prepared import PREPARED, faults_through, parser_of, prepared

from voltile.floorplan import Timer
from voltile.flows import RunResult
from voltile.pdk import SequentialKind
from voltile.power import PowerModel

HEAD = (
    "tiles  buffers  leaves  sinks/leaf  levels  area   clock wire m  signal wire m  "
    "power mW   tree  (wires, pins  buffers)  gates  in registers"
)


def main(name: str, tiles: tuple[int, ...], tech: str) -> None:
    """Print a row per layout."""
    result = prepared(name, tiles, tech)
    netlist, clocks = result.netlist, result.graph.clocks
    sinks = int(netlist.fanout[clocks.is_clock].sum())
    print(f"{name}, {tech}: {netlist.cells} cells, {int(clocks.is_clock.sum())} clock nets with "
          f"{sinks} sinks\n{HEAD}")  # fmt: skip
    for n in sorted(result.layouts):
        print(_row(result, n))


def _row(result: RunResult, n: int) -> str:
    layout = result.layouts[n]
    tree, netlist, placement = layout.tree, layout.graph.netlist, layout.placement
    library = result.technology.library(result.technology.nominal_vdd)
    every = np.zeros(netlist.cells, dtype=np.int64)
    timing = Timer(layout.graph, [library]).analyze(every, layout.wires)
    rate = np.where(result.graph.clocks.is_clock, result.activity.toggle_rate, 0.0)
    clocks_only = replace(result.activity, toggle_rate=rate)
    report, quiet = (
        PowerModel(netlist, tree, activity, [library]).evaluate(every, timing)
        for activity in (result.activity, clocks_only)
    )
    frequency = 1 / timing.min_period
    total, part = report.totals(frequency), report.tree_totals(frequency)
    gates = [
        cell for cell, item in library.sequential.items() if item.kind == SequentialKind.CLOCK_GATE
    ]
    is_gate = np.isin(netlist.cell_type, gates)
    energy = quiet.dynamic_energy[: netlist.cells] * frequency
    leaves = tree.level == 0
    on_leaves = int((tree.pin_net >= netlist.nets).sum())
    shares = (part.total, part.switching, part.internal, energy[is_gate].sum(),
              energy[~is_gate].sum())  # fmt: skip
    tree_, wires, buffers, gate, register = (f"{share / total.total:.1%}" for share in shares)
    return (
        f"{n:5d} {tree.buffers:8d} {leaves.sum():7d} {on_leaves / max(leaves.sum(), 1):11.1f} "
        f"{tree.level.max(initial=-1) + 1:7d} {tree.area.sum() / netlist.cell_area.sum():5.1%} "
        f"{tree.wire_length.sum():14.4f} {placement.net_length.sum():14.4f} "
        f"{total.total * 1e3:9.3f}  {tree_:>5}  {wires:>12} {buffers:>9} {gate:>6} {register:>13}"
    )


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=PREPARED, default="cv32e40p")
    parser.add_argument("--tiles", type=int, nargs="+", default=[7], help="N of each mesh")
    parser.add_argument("--tech", default="sky130hd", help="technology")
    form = parser.parse_args()
    with faults_through(parser):
        main(form.design, tuple(form.tiles), form.tech)
