"""Technologies: manifests, Liberty and LEF readers, cell libraries as arrays.

Public names
------------
Technology, read_technology, find_pdk, builtin_technologies : a process, from its TOML manifest.
Sram : which memories stand for those of a technology.
CellLibrary, Direction, ArcType, Sense, Sequential, SequentialKind : one supply's cells as arrays.
DriveChoice, with_relatives, drive_families : cells that differ in drive only.
interpolate_library : the library between two characterised supplies.
Header : p-type header of a Vdd-MUX: resistance, gate and leakage per width.
MixedSupply : what a driver at a lower supply does to leakage, delay and setup.
LeakageTemperature, read_leakage_temperature : leakage over temperature.
LibrarySet : the libraries of a few supplies in every bias.
Tables : many NLDM tables as one block.
read_cell_library, read_liberty, read_lef : the file readers.
copy_macros : footprints under other names.
write_timing_liberty : a library, also one between two supplies, for another timing tool.
CellCopy : a cell in such a file whose arcs differ from those of its library.
parse_expression, evaluate, truth_table, variables : Liberty's Boolean expressions.
"""

from voltile.pdk.cells import read_cell_library
from voltile.pdk.drives import DriveChoice, drive_families, with_relatives
from voltile.pdk.header import Header
from voltile.pdk.leakage_temperature import LeakageTemperature, read_leakage_temperature
from voltile.pdk.lef import Layer, Lef, Macro, copy_macros, read_lef
from voltile.pdk.liberty import read_liberty
from voltile.pdk.library import (
    ArcType,
    CellLibrary,
    Direction,
    Sense,
    Sequential,
    SequentialKind,
    interpolate_library,
)
from voltile.pdk.library_set import LibrarySet
from voltile.pdk.logic import Expression, evaluate, parse_expression, truth_table, variables
from voltile.pdk.manifest import builtin_technologies, read_technology
from voltile.pdk.mixed_supply import MixedSupply
from voltile.pdk.pdk_root import find_pdk
from voltile.pdk.tables import Tables
from voltile.pdk.technology import Sram, Technology
from voltile.pdk.timing_liberty import CellCopy, write_timing_liberty

__all__ = [
    "ArcType",
    "CellCopy",
    "CellLibrary",
    "Direction",
    "DriveChoice",
    "Expression",
    "Header",
    "Layer",
    "LeakageTemperature",
    "Lef",
    "LibrarySet",
    "Macro",
    "MixedSupply",
    "Sense",
    "Sequential",
    "SequentialKind",
    "Tables",
    "Sram",
    "Technology",
    "builtin_technologies",
    "copy_macros",
    "drive_families",
    "evaluate",
    "find_pdk",
    "interpolate_library",
    "parse_expression",
    "read_cell_library",
    "read_leakage_temperature",
    "read_lef",
    "read_liberty",
    "read_technology",
    "truth_table",
    "variables",
    "with_relatives",
    "write_timing_liberty",
]
