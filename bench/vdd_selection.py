"""Vdd selection for the whole frequency curve: every interval of both widths, in one process."""

import time

import numpy as np
from prepared import PREPARED, faults_through, parser_of, prepared

from voltile.floorplan import TileTimer, Timer, select_vdd
from voltile.pdk import LibrarySet


def main(name: str, n: int) -> None:
    """Print the time per interval and in total."""
    result = prepared(name, (n,))
    technology, layout = result.technology, result.layouts[n]
    graph, placement, wires = layout.graph, layout.placement, layout.wires
    span = technology.vdds[0], technology.vdds[-1]
    total = 0.0
    for count in (2, 4):
        levels = np.round(np.linspace(*span, count + 1), 6).tolist()
        for low, high in zip(levels[:-1], levels[1:], strict=True):
            pair = LibrarySet.of(technology, (low, high))
            start = time.perf_counter()
            timer = Timer(graph, pair.libraries, pair.mixed_supply)
            plan = select_vdd(TileTimer.plain(timer, placement, wires))
            met = [plan.raised(f) for f in result.frequency if f <= plan.reach]
            seconds = time.perf_counter() - start
            total += seconds
            print(f"{low:.2f}-{high:.2f} V: {seconds:.2f} s, {len(plan.order) + 1} timing updates, "
                  f"{len(met)} of {len(result.frequency)} frequencies within reach")  # fmt: skip
    print(f"{name}, {n} x {n} tiles, {graph.netlist.cells} cells: {total:.2f} s in total")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=PREPARED, default="cv32e40p")
    parser.add_argument("tiles", nargs="?", type=int, default=7, help="N of the N x N mesh")
    given = parser.parse_args()
    with faults_through(parser):
        main(given.design, given.tiles)
