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

import numpy as np
from designs import DESIGNS

from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    synthesize,
)
from voltile.floorplan.synth import MAX_FANOUT
from voltile.hdl import Grid, to_rtlil
from voltile.pdk import Technology, read_technology
from voltile.pdk.characterization.config import read_config

MANIFEST = """
name = "foundry"
description = "sky130_fd_sc_hd, foundry Liberty, slow corner at 100 C"
pdk = "sky130A"
nominal_vdd_v = 1.60
corner = {{ timing = "ss_100C" }}
layout = {{ tech_lef = ["{tech_lef}"], lef = ["{lef}"], site = "unithd", tile_gap_sites = 4 }}
wire = {{ resistance_ohm_per_um = 0.8929, capacitance_ff_per_um = 0.136233 }}
[cells]
buffer = "sky130_fd_sc_hd__buf_8"
buffer_input = "A"
buffer_output = "X"
tie_high = ["sky130_fd_sc_hd__conb_1", "HI"]
tie_low = ["sky130_fd_sc_hd__conb_1", "LO"]
dont_use = [
    "*lpflow*", "*probe*", "*macro_sparecell*", "*clkdly*", "*dlygate*", "*dlymetal*", "*_0",
]
[[library]]
vdd_v = 1.60
file = "sky130A/libs.ref/sky130_fd_sc_hd/lib/sky130_fd_sc_hd__ss_100C_1v60.lib"
"""
# Length of wire per sink, in row heights: that of the mapping's wire load model.
ROWS_PER_SINK = 4.5


def main(periods: list[float]) -> None:
    """Print the table."""
    config = read_config("sky130-spice")
    with TemporaryDirectory() as name:
        folder = Path(name)
        tech_lef, lef = (str(path) for path in config.source.files[1:3])
        (folder / "foundry.toml").write_text(MANIFEST.format(tech_lef=tech_lef, lef=lef))
        full = read_technology(str(folder / "foundry.toml"))
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
    buffer = library.cell_index[technology.buffer_cell]
    load = float(library.pin_capacitance[library.pin_index[buffer, "A"]].mean())
    outputs = [name for name, is_input in zip(netlist.port_name, netlist.port_is_input, strict=True)
               if not is_input]  # fmt: skip
    graph = build_timing_graph(netlist, Constraints(load=dict.fromkeys(outputs, load)))
    # Clock networks are ideal; other nets have no more sinks than this.
    fanout = np.where(netlist.fanout <= MAX_FANOUT, netlist.fanout, 0)
    length = fanout * ROWS_PER_SINK * technology.site_height
    wires = Wires(length * technology.wire_capacitance, length * technology.wire_resistance)
    timing = Timer(graph, [library]).analyze(np.zeros(netlist.cells, dtype=np.int64), wires)
    return float(netlist.cell_area.sum()), timing.min_period


if __name__ == "__main__":
    main([float(word) for word in sys.argv[1:]] or [5.0, 10.0, 20.0])
