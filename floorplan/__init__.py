"""From sources to a timed layout: synthesis, netlist, tiles, placement, timing, Vdd selection.

Public names
------------
Sources, source_files, synthesize : logic synthesis for a clock period, and what it reads.
Netlist, write_verilog, netlist_to_arrays, netlist_from_arrays : a mapped netlist as index arrays.
Constraints, read_sdc : what the surroundings ask of a design.
ClockNetwork, trace_clocks : which nets carry a clock.
ClockTree, build_clock_tree, clock_buffers : the buffers and wires of a placed clock network.
TimingGraph, build_timing_graph : the structure of setup timing.
Timer, Timing, Wires : timing with a supply per instance.
unmeasured_cells : cells of whose drivers at a lower supply too little is known.
TileGrid, make_tile_grid : a core cut into N x N tiles.
place, check_mesh, place_and_size, resize_placed, PlacedDesign : placement, alone and with sizing.
Placement, placement_to_arrays, placement_from_arrays : where cells stand.
interface_cells, assign_bias, BiasPlan, BiasStage : poly-bias, longer gates where time is left.
relative_loads : how much nets load their drivers, against what these may carry.
use_slack, cell_slack : slower versions of cells within a clock period.
MuxCells, mux_cells, mux_models : the Vdd-MUX of a technology, as LEF and Verilog.
MuxReserve : room for Vdd-MUX that tiles keep before placement.
VddMuxes, size_headers, place_muxes : Vdd-MUX that carry the tiles' current, and their scan chain.
MuxNames, name_muxes, write_mux_verilog : a netlist with its Vdd-MUX.
muxes_to_arrays, muxes_from_arrays : what a run keeps of them.
drop_stretch, delay_exponent : how much slower cells get by what headers drop.
PowerGrid, make_power_grid : stripes and ring of five nets.
LayoutArea, layout_area : area as in Table 4.1.
TileTimer : timing over the tiles that run at VddH.
VddPlan, select_vdd : Algorithm 5, which tiles run at VddH.
opensta_worst_slack : the same netlist and supplies in OpenSTA, as an outside check.
"""

from voltile.floorplan.clock_tree import ClockTree, build_clock_tree, clock_buffers
from voltile.floorplan.clocks import ClockNetwork, trace_clocks
from voltile.floorplan.constraints import Constraints, read_sdc
from voltile.floorplan.header_drop import delay_exponent, drop_stretch
from voltile.floorplan.layout_area import LayoutArea, layout_area
from voltile.floorplan.low_drivers import unmeasured_cells
from voltile.floorplan.mux_cells import (
    MuxCells,
    MuxReserve,
    mux_cells,
    mux_models,
)
from voltile.floorplan.mux_netlist import MuxNames, name_muxes, write_mux_verilog
from voltile.floorplan.netlist import (
    Netlist,
    netlist_from_arrays,
    netlist_to_arrays,
    write_verilog,
)
from voltile.floorplan.opensta import opensta_worst_slack
from voltile.floorplan.overload import relative_loads
from voltile.floorplan.physical_synthesis import (
    PlacedDesign,
    place_and_size,
    resize_placed,
)
from voltile.floorplan.placement import (
    Placement,
    check_mesh,
    place,
    placement_from_arrays,
    placement_to_arrays,
)
from voltile.floorplan.poly_bias import BiasPlan, BiasStage, assign_bias, interface_cells
from voltile.floorplan.power_grid import PowerGrid, make_power_grid
from voltile.floorplan.slack_use import cell_slack, use_slack
from voltile.floorplan.source_files import source_files
from voltile.floorplan.synth import Sources, synthesize
from voltile.floorplan.tile_timing import TileTimer
from voltile.floorplan.tiles import TileGrid, make_tile_grid
from voltile.floorplan.timing import Timer, Timing, Wires
from voltile.floorplan.timing_graph import TimingGraph, build_timing_graph
from voltile.floorplan.vdd_mux import (
    VddMuxes,
    muxes_from_arrays,
    muxes_to_arrays,
    place_muxes,
    size_headers,
)
from voltile.floorplan.vdd_selection import VddPlan, select_vdd

__all__ = [
    "BiasPlan",
    "BiasStage",
    "ClockNetwork",
    "ClockTree",
    "Constraints",
    "LayoutArea",
    "MuxCells",
    "MuxNames",
    "MuxReserve",
    "Netlist",
    "PlacedDesign",
    "Placement",
    "PowerGrid",
    "Sources",
    "TileGrid",
    "TileTimer",
    "Timer",
    "Timing",
    "TimingGraph",
    "VddMuxes",
    "VddPlan",
    "Wires",
    "assign_bias",
    "build_clock_tree",
    "build_timing_graph",
    "cell_slack",
    "check_mesh",
    "clock_buffers",
    "delay_exponent",
    "drop_stretch",
    "interface_cells",
    "layout_area",
    "make_power_grid",
    "make_tile_grid",
    "mux_cells",
    "mux_models",
    "muxes_from_arrays",
    "muxes_to_arrays",
    "name_muxes",
    "netlist_from_arrays",
    "netlist_to_arrays",
    "opensta_worst_slack",
    "place",
    "place_and_size",
    "place_muxes",
    "placement_from_arrays",
    "placement_to_arrays",
    "read_sdc",
    "relative_loads",
    "resize_placed",
    "select_vdd",
    "size_headers",
    "source_files",
    "synthesize",
    "trace_clocks",
    "unmeasured_cells",
    "use_slack",
    "write_mux_verilog",
    "write_verilog",
]
