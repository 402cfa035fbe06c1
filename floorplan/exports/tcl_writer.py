"""Writes the Tcl scripts that read what is exported, in OpenSTA and in OpenROAD."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import write_atomically
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import CellLibrary, Technology

Ints = NDArray[np.int64]

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
# OpenSTA has no supply per instance: each supply is a library, and all but the first have a suffix
# to their cell names.
{libraries}
read_verilog {design}.v
link_design {design}

proc supply {{library suffix macro cells}} {{
  foreach cell $cells {{replace_cell $cell $library/$macro$suffix}}
}}
{replacements}
{read}
# Tables of clock gates hold their checks; OpenSTA adds checks at whatever looks like one.
set_disable_inferred_clock_gating [get_cells *]
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


def library_name(library: CellLibrary) -> str:
    """Name of the exported library of a supply, such as `vdd_1v520`."""
    return f"vdd_{library.vdd:.3f}".replace(".", "v")


def cell_suffix(number: int) -> str:
    """What is added to the cell names of a supply's library; the first has none."""
    return f"__supply{number}" if number else ""


def write_opensta_script(
    graph: TimingGraph, libraries: Sequence[CellLibrary], supply: Ints, slack: float, path: Path
) -> None:
    """Write the script that times a plan; names must be plain.

    Where ports have loads, it also reads DESIGN_loads.spef: `write_spef` with those loads.

    Parameters
    ----------
    libraries : sequence of CellLibrary
        One per supply, written under `library_name` with cell names that end in `cell_suffix`.
    supply : ndarray of int, shape (cells,)
    slack : float
        Worst slack to compare with [s].
    """
    netlist = graph.netlist
    reads = [f"read_liberty {library_name(library)}.lib" for library in libraries]
    read = _READ.format(design=netlist.name)
    if graph.constraints.load:
        read = _LOADS.format(design=netlist.name, read=read)
    text = _OPENSTA.format(
        design=netlist.name, libraries="\n".join(reads), slack=slack * 1e9, read=read,
        replacements="".join(_replacements(netlist, libraries, supply)),
    )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text(text)


def _replacements(
    netlist: Netlist, libraries: Sequence[CellLibrary], supply: Ints
) -> Iterator[str]:
    for number, library in enumerate(libraries[1:], 1):
        raised = np.flatnonzero(supply == number)
        kinds = netlist.cell_type[raised]
        for kind in np.unique(kinds).tolist():
            cells = " ".join(netlist.cell_name[cell] for cell in raised[kinds == kind].tolist())
            yield (
                f"supply {library_name(library)} {cell_suffix(number)} "
                f"{netlist.library.cell_name[kind]} {{{cells}}}\n"
            )


def write_openroad_script(
    netlist: Netlist, technology: Technology, path: Path, own_lef: Sequence[str] = ()
) -> None:
    """Write the script that reads the layout; it names the technology's files by their paths.

    Parameters
    ----------
    own_lef : sequence of str
        LEF files beside the script, of cells that the technology has not.
    """
    lef = [*(item.resolve() for item in technology.lef_files), *own_lef]
    inputs = [f"read_lef {{{item}}}" for item in lef]
    inputs.append(f"read_liberty {{{technology.liberty(technology.nominal_vdd).resolve()}}}")
    text = _OPENROAD.format(
        design=netlist.name, vdd=technology.nominal_vdd, inputs="\n".join(inputs),
        read=_READ.format(design=netlist.name),
    )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text(text)
