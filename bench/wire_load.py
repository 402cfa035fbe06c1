"""Length of the placed nets over their fan-out, in row heights: source of the wire load model."""

import numpy as np
from prepared import PREPARED, faults_through, parser_of, prepared


def main(name: str) -> None:
    """Print mean length per fan-out, and the mean per sink over all nets."""
    result = prepared(name)
    length = result.layouts[1].placement.net_length / result.technology.site_height
    fanout = result.netlist.fanout
    placed = length > 0
    for sinks in range(1, 25):
        mine = placed & (fanout == sinks)
        if mine.sum() > 20:
            print(f"{sinks:2d} sinks: {mine.sum():6d} nets, {length[mine].mean():7.1f} rows, "
                  f"{length[mine].mean() / sinks:5.1f} per sink")  # fmt: skip
    print(f"all: {length[placed].sum() / np.sum(fanout[placed]):.2f} row heights per sink")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=PREPARED, default="cv32e40p")
    with faults_through(parser):
        main(parser.parse_args().design)
