"""Writes the Tcl scripts that read what is exported, in OpenSTA and in OpenROAD."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from voltile.core import write_atomically
from voltile.floorplan.exports.cell_versions import CellVersions
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import Technology

_READ = """set_cmd_units -time ns -capacitance pF
read_sdc {design}.sdc
read_spef {design}.spef
"""
# With set_load at a port, OpenSTA of 2019 counts no wire into what the driver of that net bears; a
# second SPEF then brings the loads as part of the wires.
_LOADS = """# Loads of ports are read as part of their wires.
proc set_load {{args}} {{}}
{read}read_spef {design}_loads.spef
"""
_OPENSTA = """# Setup timing of {design} in OpenSTA, every cell at the supply of its tile.
# In this folder: sta -exit opensta.tcl
#
# OpenSTA has no supply per instance. The netlist names cells at VddL; those at VddH are replaced
# by cells of other libraries, which are slower from inputs that come from tiles at VddL. What
# headers drop is in {design}.sdc, as derates.
{libraries}
read_verilog {design}.v
link_design {design}

proc version {{macro cells}} {{
  foreach cell $cells {{replace_cell $cell $macro}}
}}
{replacements}
{read}
# Tables of clock gates hold their checks; OpenSTA adds checks at whatever looks like one.
set_disable_inferred_clock_gating [get_cells *]
# The clock is ideal; OpenSTA would yet credit paths with the derates of its gates, as pessimism.
set sta_crpr_enabled 0
# The delay model of the plan: a driver bears all capacitance of its net, and every sink follows by
# one Elmore delay. Newer releases of OpenSTA have no such calculator; theirs shield capacitance by
# resistance and lengthen slews along the wire, which mostly costs slack.
if {{[catch {{set_delay_calculator simple_rc}}]}} {{
  puts "this OpenSTA has no delay calculator simple_rc: wires are timed in its own way"
}}
puts "worst slack by Voltile {slack:.7f}"
report_worst_slack -digits 7
"""
_OPENROAD = """# The layout of {design} in OpenROAD, timed with all cells at {vdd:g} V.
# In this folder: openroad openroad.tcl
{inputs}
read_def {design}.def
{read}
report_worst_slack
"""


def write_opensta_script(
    versions: CellVersions, graph: TimingGraph, files: Sequence[str], slack: float, path: Path
) -> None:
    """Write the script that times a plan; names must be plain.

    Where ports have loads, it also reads DESIGN_loads.spef: `write_spef` with those loads.

    Parameters
    ----------
    graph : TimingGraph
        With the names and constraints that are written.
    files : sequence of str
        Liberty files.
    slack : float
        Worst slack to compare with [s].
    """
    netlist, reads = graph.netlist, [f"read_liberty {name}" for name in files]
    read = _READ.format(design=netlist.name)
    if graph.constraints.load:
        read = _LOADS.format(design=netlist.name, read=read)
    text = _OPENSTA.format(
        design=netlist.name, libraries="\n".join(reads), slack=slack * 1e9, read=read,
        replacements="".join(_replacements(versions, netlist)),
    )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text(text)


def _replacements(versions: CellVersions, netlist: Netlist) -> Iterator[str]:
    for at, version in enumerate(versions.versions):
        if not versions.is_at_low(version.library):
            cells = np.flatnonzero(versions.of_cell == at).tolist()
            listed = " ".join(netlist.cell_name[cell] for cell in cells)
            library = versions.file_name(version.library)
            yield f"version {library}/{versions.timed(version)} {{{listed}}}\n"


def write_openroad_script(
    netlist: Netlist,
    technology: Technology,
    path: Path,
    own_lef: Sequence[str] = (),
    own_liberty: Sequence[str] = (),
) -> None:
    """Write the script that reads the layout; it names the technology's files by their paths.

    Parameters
    ----------
    own_lef, own_liberty : sequence of str
        Files beside the script, of cells that the technology has not.
    """
    lef = [*(item.resolve() for item in technology.lef_files), *own_lef]
    liberty = [technology.liberty(technology.nominal_vdd).resolve(), *own_liberty]
    inputs = [f"read_lef {{{item}}}" for item in lef]
    inputs += [f"read_liberty {{{item}}}" for item in liberty]
    text = _OPENROAD.format(
        design=netlist.name, vdd=technology.nominal_vdd, inputs="\n".join(inputs),
        read=_READ.format(design=netlist.name),
    )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text(text)
