"""Measures the headers of the Vdd-MUX for a technology of foundry libraries: its headers.csv.

The manifest of sky130hd names libraries of a corner at which nothing else is simulated; the device
is that of configuration sky130-spice at the same process corner and temperature.
"""

from dataclasses import replace
from pathlib import Path

from prepared import faults_through, parser_of

import voltile.pdk
from voltile.core import write_atomically
from voltile.pdk import read_technology
from voltile.pdk.characterization.config import read_config
from voltile.pdk.characterization.header import HeaderTask, measure_header
from voltile.pdk.header import header_csv

FILE = Path(voltile.pdk.__file__).parent / "technologies" / "sky130hd" / "headers.csv"


def main(out: Path) -> None:
    """Write the table of sky130hd."""
    config, technology = read_config("sky130-spice"), read_technology("sky130hd")
    design = config.header
    assert design is not None
    slow = config.timing_corner
    assert (slow.name, technology.timing_corner) == ("ss_100C", "ss_n40C")
    cold = replace(slow, name=technology.timing_corner, temperature=-40.0)
    vdds = technology.vdds
    task = HeaderTask(
        design.device, design.finger_width, config.drawn_length, config.layout.shared_diffusion,
        cold, (cold,), vdds, tuple(sorted({vdds[0] / vdds[-1], *config.settings.ratios, 1.0})),
    )  # fmt: skip
    with write_atomically(out) as temporary:
        temporary.write_text(header_csv(**vars(measure_header(task))))


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, default=FILE, help="the table in the sources")
    with faults_through(parser):
        main(parser.parse_args().out)
