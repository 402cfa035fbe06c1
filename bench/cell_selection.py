"""What synthesis loses when it has only the cells of `sky130-spice`, from the foundry's library.

    python bench/cell_selection.py [PERIOD_NS ...]

Maps a processor core and a grid of MACs at ss_100C 1.60 V, with all cells of sky130_fd_sc_hd and
with those that sky130-spice characterises. Prints area and shortest period of both; wires are as
long as the wire load model of the mapping says.
"""

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from designs import DESIGNS
from foundry import foundry_technology, min_period

from voltile.floorplan import Sources, synthesize
from voltile.hdl import Grid, to_rtlil
from voltile.pdk import Technology
from voltile.pdk.characterization.config import read_config


def main(periods: list[float]) -> None:
    """Print the table."""
    config = read_config("sky130-spice")
    with TemporaryDirectory() as name:
        folder = Path(name)
        full = foundry_technology(folder)
        kept = config.subjects().cells
        others = [cell for cell in full.library(full.nominal_vdd).cell_name if cell not in kept]
        part = replace(full, dont_use=(*full.dont_use, *others))
        core = DESIGNS["cv32e40p"]()
        designs = {
            "cv32e40p": replace(core, defines=("SYNTHESIS", *core.defines)),
            "4 x 4 grid": Sources(rtlil=to_rtlil(Grid(4, 4), "grid")),
        }
        heads = ("design", "period asked for [ns]", "area [um2], all cells", "with ours",
                 "delay [ns], all cells", "with ours")  # fmt: skip
        print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
        for design, sources in designs.items():
            for period in periods:
                (area, delay), (area_, delay_) = (
                    mapped(technology, sources, period * 1e-9, folder)
                    for technology in (full, part)
                )
                print(f"| {design} | {period:g} | {area * 1e12:.0f} | {area_ / area - 1:+.1%} | "
                      f"{delay * 1e9:.2f} | {delay_ / delay - 1:+.1%} |", flush=True)  # fmt: skip


def mapped(
    technology: Technology, sources: Sources, period: float, folder: Path
) -> tuple[float, float]:
    """Area [m2] and shortest period [s] of a mapped design."""
    netlist = synthesize(sources, technology, period, folder)
    library = technology.library(technology.nominal_vdd)
    return float(netlist.cell_area.sum()), min_period(netlist, technology, library)


if __name__ == "__main__":
    main([float(word) for word in sys.argv[1:]] or [5.0, 10.0, 20.0])
