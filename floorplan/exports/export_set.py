"""Writes a placed design with its plan in all formats into a folder."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, write_atomically
from voltile.floorplan.exports.cell_versions import CellVersions, cell_versions
from voltile.floorplan.exports.def_supplies import SupplyNetwork
from voltile.floorplan.exports.def_writer import write_def
from voltile.floorplan.exports.listings import tile_members
from voltile.floorplan.exports.names import with_plain_names
from voltile.floorplan.exports.operating_points import OperatingPoints
from voltile.floorplan.exports.sdc_writer import explicit_constraints, write_sdc
from voltile.floorplan.exports.spef_writer import write_spef
from voltile.floorplan.exports.tcl_writer import write_openroad_script, write_opensta_script
from voltile.floorplan.exports.upf_writer import write_upf
from voltile.floorplan.mux_cells import mux_cells, mux_models
from voltile.floorplan.mux_netlist import name_muxes, write_mux_verilog
from voltile.floorplan.netlist import Netlist, write_verilog
from voltile.floorplan.power_grid import PowerGrid
from voltile.floorplan.tile_timing import TileTimer
from voltile.floorplan.vdd_mux import VddMuxes
from voltile.pdk import Technology, copy_macros, write_timing_liberty

Bools = NDArray[np.bool_]


def write_exports(
    mesh: TileTimer,
    technology: Technology,
    points: OperatingPoints,
    at: int,
    folder: Path,
    muxes: VddMuxes | None = None,
    grid: PowerGrid | None = None,
) -> float:
    """Write netlist, layout, power intent, constraints, wires, libraries, and two Tcl scripts.

    Parameters
    ----------
    mesh : TileTimer
        Of the supplies at the operating point: what it times is what the exports are to say.
    at : int
        The operating point that the SDC, the libraries and the script for OpenSTA are of.
    muxes : VddMuxes, optional
        By default the mesh has none.
    grid : PowerGrid, optional
        Of a mesh with Vdd-MUX; by default there are no stripes.

    Returns
    -------
    slack : float
        Worst slack at that point [s].

    Raises
    ------
    VoltileError
        When the plan or the Vdd-MUX are of another mesh, or the mesh of other supplies.
    """
    _check(mesh, points, at, muxes)
    period, is_high = 1.0 / float(points.frequency[at]), points.tile_is_high[at]
    graph, placement = mesh.timer.graph, mesh.placement
    graph = with_plain_names(replace(graph, constraints=explicit_constraints(graph, period)))
    netlist, wires = graph.netlist, mesh.wires
    slack = mesh.analyze(is_high).worst_slack(period)
    versions = cell_versions(mesh, technology.biases, is_high)
    supply = SupplyNetwork(muxes, name_muxes(netlist, muxes), grid) if muxes else None
    folder.mkdir(parents=True, exist_ok=True)
    design = folder / netlist.name
    drawn = versions.drawn_by_cell
    if supply:
        write_mux_verilog(netlist, supply.muxes, design.with_suffix(".v"), drawn.__getitem__)
    else:
        write_verilog(netlist, design.with_suffix(".v"), drawn.__getitem__)
    write_def(graph, placement, technology, design.with_suffix(".def"), supply, drawn)
    write_upf(netlist, placement, points, design.with_suffix(".upf"), supply)
    write_sdc(graph.constraints, design.with_suffix(".sdc"), _derates(mesh, netlist, is_high))
    write_spef(netlist, wires, design.with_suffix(".spef"))
    if graph.constraints.load:
        loads = folder / f"{netlist.name}_loads.spef"
        write_spef(netlist, wires, loads, graph.constraints.load)
    liberty = list(_libraries(versions, folder))
    lef, nominal = _biased_cells(versions, technology, folder)
    if supply:
        cells = mux_cells(technology)
        _write(folder / "vdd_mux.lef", cells.lef())
        _write(folder / "vdd_mux.lib", cells.liberty())
        _write(folder / "vdd_mux.v", mux_models())
        liberty, lef = [*liberty, "vdd_mux.lib"], [*lef, "vdd_mux.lef"]
        nominal = [*nominal, "vdd_mux.lib"]
    write_opensta_script(versions, graph, liberty, slack, folder / "opensta.tcl")
    write_openroad_script(netlist, technology, folder / "openroad.tcl", lef, nominal)
    return slack


def _check(mesh: TileTimer, points: OperatingPoints, at: int, muxes: VddMuxes | None) -> None:
    mesh.check_tiles("plan", points.tile_is_high.shape[1])
    if muxes is not None:
        mesh.check_tiles("set of Vdd-MUX", len(muxes.header_width))
    supplies = float(points.vdd_low[at]), float(points.vdd_high[at])
    if not np.allclose(supplies, mesh.vdds, atol=1e-3, rtol=0):
        raise VoltileError(
            "the plan is of {:.3f} and {:.3f} V, and the mesh is timed at {:.3f} and "
            "{:.3f} V".format(*supplies, *mesh.vdds)
        )


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text)


def _derates(
    mesh: TileTimer, netlist: Netlist, is_high: Bools
) -> Iterator[tuple[float, list[str]]]:
    """By what the headers of each tile make its cells slower, and these cells."""
    factors = mesh.stretch[is_high.astype(np.int64), np.arange(mesh.tiles)].tolist()
    yield from zip(factors, tile_members(netlist, mesh.placement), strict=True)


def _libraries(versions: CellVersions, folder: Path) -> Iterator[str]:
    """Write the libraries that time the plan; their files."""
    for number in versions.used:
        name = versions.file_name(number)
        write_timing_liberty(
            versions.libraries[number], folder / f"{name}.lib", name, versions.suffix(number),
            versions.copies(number),
        )  # fmt: skip
        yield f"{name}.lib"


def _biased_cells(
    versions: CellVersions, technology: Technology, folder: Path
) -> tuple[list[str], list[str]]:
    """Write footprints of cells with a bias, and their libraries at the nominal supply."""
    if not versions.used_biases:
        return [], []
    _write(folder / "biased_cells.lef", copy_macros(technology.lef_files, versions.biased_names))
    liberty = []
    for bias in versions.used_biases:
        suffix = versions.bias_suffix[bias]
        library = technology.library(technology.nominal_vdd, bias)
        write_timing_liberty(library, folder / f"nominal{suffix}.lib", f"nominal{suffix}", suffix)
        liberty.append(f"nominal{suffix}.lib")
    return ["biased_cells.lef"], liberty
