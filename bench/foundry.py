"""The foundry's cells at other corners as technologies, and netlists timed without placing them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voltile.floorplan import Constraints, Netlist, Timer, Wires, build_timing_graph
from voltile.floorplan.synth import MAX_FANOUT
from voltile.pdk import CellLibrary, Technology, read_technology
from voltile.pdk.characterization.config import read_config

MANIFEST = """
name = "foundry"
description = "sky130_fd_sc_hd, foundry Liberty, {corner}"
pdk = "sky130A"
nominal_vdd_v = {nominal}
corner = {{ timing = "{corner}" }}
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
"""
LIBRARY = """[[library]]
vdd_v = {vdd}
file = "sky130A/libs.ref/sky130_fd_sc_hd/lib/sky130_fd_sc_hd__{corner}_{tag}.lib"
"""
# Length of wire per sink, in row heights: that of the mapping's wire load model.
ROWS_PER_SINK = 4.5


def foundry_technology(
    folder: Path, corner: str = "ss_100C", vdds: Sequence[float] = (1.40, 1.60)
) -> Technology:
    """Return sky130_fd_sc_hd at a corner and some supplies; its manifest goes to a folder."""
    tech_lef, lef = (str(path) for path in read_config("sky130-spice").source.files[1:3])
    text = MANIFEST.format(tech_lef=tech_lef, lef=lef, corner=corner, nominal=vdds[-1])
    for vdd in vdds:
        text += LIBRARY.format(vdd=vdd, corner=corner, tag=f"{vdd:.2f}".replace(".", "v"))
    (folder / "foundry.toml").write_text(text)
    return read_technology(str(folder / "foundry.toml"))


def min_period(netlist: Netlist, technology: Technology, library: CellLibrary) -> float:
    """Shortest period [s], with wires as long as the wire load model of the mapping says."""
    buffer = library.cell_index[technology.buffer_cell]
    pin = library.pin_index[buffer, technology.buffer_input]
    load = float(library.pin_capacitance[pin].mean())
    outputs = [name for name, is_input in zip(netlist.port_name, netlist.port_is_input, strict=True)
               if not is_input]  # fmt: skip
    graph = build_timing_graph(netlist, Constraints(load=dict.fromkeys(outputs, load)))
    # Clock networks are ideal; other nets have no more sinks than this.
    fanout = np.where(netlist.fanout <= MAX_FANOUT, netlist.fanout, 0)
    length = fanout * ROWS_PER_SINK * technology.site_height
    wires = Wires(length * technology.wire_capacitance, length * technology.wire_resistance)
    every = np.zeros(netlist.cells, dtype=np.int64)
    return Timer(graph, [library]).analyze(every, wires).min_period
