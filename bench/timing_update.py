"""Full timing update against OpenSTA: the same netlists, loads and wires, in the same run.

Ours: loads, delays, arrivals and the slack of every endpoint; median of 20. OpenSTA:
`find_timing -full_update` and the worst slack; mean of 10.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from prepared import PREPARED, faults_through, parser_of, prepared

from voltile.floorplan import Timer, opensta_worst_slack

DESIGNS = ("mac", "picorv32", "grid-4x4", "cv32e40p")


def main(names: Sequence[str]) -> None:
    """Print a table of the designs."""
    print("| design | cells | records | ours [ms] | OpenSTA [ms] | ratio | slack apart [ps] |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in names:
        print(measure(name), flush=True)


def measure(name: str) -> str:
    """Return the table row of one design."""
    result = prepared(name)
    technology, layout = result.technology, result.layouts[7]
    graph, wires = layout.graph, layout.wires
    vdd = technology.nominal_vdd
    timer = Timer(graph, [technology.library(vdd)])
    supply = np.zeros(graph.netlist.cells, dtype=np.int64)
    times = []
    for _ in range(21):
        start = time.perf_counter()
        timing = timer.analyze(supply, wires)
        times.append(time.perf_counter() - start)
    ours = float(np.median(times[1:]))
    period = timing.min_period
    with tempfile.TemporaryDirectory() as folder:
        theirs = opensta_worst_slack(
            graph, [technology.liberty(vdd)], supply, wires, timing.wire_delay, period,
            Path(folder), updates=10,
        )  # fmt: skip
    apart = abs(timing.worst_slack(period) - theirs.worst_slack) * 1e12
    return (
        f"| {name} | {graph.netlist.cells} | {len(graph.source)} | {ours * 1e3:.2f} | "
        f"{theirs.update_s * 1e3:.1f} | {theirs.update_s / ours:.1f} | {apart:.4f} |"
    )


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("designs", nargs="*", metavar="DESIGN", help=", ".join(PREPARED))
    names = parser.parse_args().designs or DESIGNS
    for name in names:
        if name not in PREPARED:
            parser.error(f"no design '{name}': choose from {', '.join(PREPARED)}")
    with faults_through(parser):
        main(names)
