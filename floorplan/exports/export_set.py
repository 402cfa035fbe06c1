"""Writes a placed design with its plan in all formats into a folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from voltile.floorplan.exports.def_writer import FixedCells, SupplyShapes, write_def
from voltile.floorplan.exports.names import with_plain_names
from voltile.floorplan.exports.operating_points import OperatingPoints
from voltile.floorplan.exports.sdc_writer import explicit_constraints, write_sdc
from voltile.floorplan.exports.spef_writer import write_spef
from voltile.floorplan.exports.tcl_writer import (
    cell_suffix,
    library_name,
    write_openroad_script,
    write_opensta_script,
)
from voltile.floorplan.exports.upf_writer import write_upf
from voltile.floorplan.netlist import write_verilog
from voltile.floorplan.placement import Placement
from voltile.floorplan.timing import Timer
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import Technology, write_timing_liberty


def write_exports(
    graph: TimingGraph,
    placement: Placement,
    technology: Technology,
    points: OperatingPoints,
    at: int,
    folder: Path,
    fixed: FixedCells | None = None,
    shapes: SupplyShapes | None = None,
    select_net: Sequence[str] | None = None,
    own_lef: Sequence[str] = (),
) -> float:
    """Write netlist, DEF, UPF, SDC, SPEF, libraries of two supplies, and two Tcl scripts.

    Parameters
    ----------
    at : int
        The operating point that the SDC, the libraries and the script for OpenSTA are of.
    fixed, shapes, select_net, own_lef
        What `write_def`, `write_upf` and `write_openroad_script` take.

    Returns
    -------
    slack : float
        Worst slack at that point [s].
    """
    period = 1.0 / float(points.frequency[at])
    graph = with_plain_names(replace(graph, constraints=explicit_constraints(graph, period)))
    netlist, wires = graph.netlist, placement.wires(technology)
    vdds = (float(points.vdd_low[at]), float(points.vdd_high[at]))
    libraries = [technology.library(vdd) for vdd in vdds]
    supply = points.tile_is_high[at].astype(int)[placement.tile]
    slack = Timer(graph, libraries).analyze(supply, wires).worst_slack(period)
    folder.mkdir(parents=True, exist_ok=True)
    design = folder / netlist.name
    write_verilog(netlist, design.with_suffix(".v"))
    write_def(graph, placement, technology, design.with_suffix(".def"), fixed, shapes)
    write_upf(netlist, placement, points, design.with_suffix(".upf"), select_net)
    write_sdc(graph.constraints, design.with_suffix(".sdc"))
    write_spef(netlist, wires, design.with_suffix(".spef"))
    if graph.constraints.load:
        loads = folder / f"{netlist.name}_loads.spef"
        write_spef(netlist, wires, loads, graph.constraints.load)
    for number, library in enumerate(libraries):
        name = library_name(library)
        write_timing_liberty(library, folder / f"{name}.lib", name, cell_suffix(number))
    write_opensta_script(graph, libraries, supply, slack, folder / "opensta.tcl")
    write_openroad_script(netlist, technology, folder / "openroad.tcl", own_lef)
    return slack
