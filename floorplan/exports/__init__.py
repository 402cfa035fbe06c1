"""What others go on with: a placed design and its plan as DEF, UPF, SDC, SPEF, Verilog and Tcl.

Public names
------------
write_exports : everything into a folder.
write_def, write_upf, write_sdc, write_spef : one format each.
write_opensta_script, write_openroad_script : Tcl that reads the set.
OperatingPoints : supplies of the tiles over frequency.
SupplyNetwork : Vdd-MUX, their names, and the power grid.
CellVersions, cell_versions : library cells by supply, bias and low inputs, and their names.
with_plain_names, explicit_constraints : what all writers expect of a design.
"""

from voltile.floorplan.exports.cell_versions import CellVersions, cell_versions
from voltile.floorplan.exports.def_supplies import SupplyNetwork
from voltile.floorplan.exports.def_writer import write_def
from voltile.floorplan.exports.export_set import write_exports
from voltile.floorplan.exports.names import with_plain_names
from voltile.floorplan.exports.operating_points import OperatingPoints
from voltile.floorplan.exports.sdc_writer import explicit_constraints, write_sdc
from voltile.floorplan.exports.spef_writer import write_spef
from voltile.floorplan.exports.tcl_writer import write_openroad_script, write_opensta_script
from voltile.floorplan.exports.upf_writer import write_upf

__all__ = [
    "CellVersions",
    "OperatingPoints",
    "SupplyNetwork",
    "cell_versions",
    "explicit_constraints",
    "with_plain_names",
    "write_def",
    "write_exports",
    "write_openroad_script",
    "write_opensta_script",
    "write_sdc",
    "write_spef",
    "write_upf",
]
