"""Placement that gathers critical cells, beside the blind mesh at the same utilisation.

Runs a design twice at 7 x 7 tiles, without and with `--gather`: area at VddL, wire length, shortest
period at the nominal supply, and mean power of FINE-VH against ideal-DVFS, for both widths of
interval.
"""

import sys
from dataclasses import replace

from designs import DESIGNS
from prepared import FOLDER, GRIDS, PREPARED, faults_through, parser_of

from voltile.flows import RunConfig, RunResult, run

HEAD = (
    "| design | placement | wire [m] | period [ns] | area at VddL, wide | narrow "
    "| power against ideal-DVFS, wide | narrow |"
)


def main(names: list[str]) -> None:
    """Print two rows per design."""
    print(HEAD + "\n" + "| --- " * (HEAD.count("|") - 1) + "|")
    for name in names:
        if name in GRIDS:
            config = RunConfig(grid=GRIDS[name], tiles=(7,))
        else:
            sources = DESIGNS[name]()
            config = RunConfig(files=tuple(sources.files), top=sources.top, tiles=(7,))
        for gather in (False, True):
            out = FOLDER / f"gather-{name}"
            result = run(replace(config, gather=gather), out, _tell)
            print(f"| {name} | {'gathered' if gather else 'blind'} | {row(result)} |", flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def row(result: RunResult) -> str:
    """Return the figures of a run."""
    layout = result.layouts[7]
    curves = [result.fine_vh[7, count] for count in (2, 4)]
    ideal = next(item for item in result.curves if item.scheme == "ideal" and item.bias == "none")
    wire = f"{layout.placement.net_length.sum():.3f} | {result.min_period[7] * 1e9:.3f}"
    area = " | ".join(f"{item.area_at_low.mean():.1%}" for item in curves)
    power = " | ".join(f"{(item.power / ideal.power).mean() - 1:+.1%}" for item in curves)
    return f"{wire} | {area} | {power}"


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument(
        "--designs", nargs="+", choices=PREPARED, default=["grid-4x4", "picorv32"]
    )  # fmt: skip
    given = parser.parse_args()
    with faults_through(parser):
        main(given.designs)
