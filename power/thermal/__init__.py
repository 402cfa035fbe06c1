"""Temperature from power: thermal networks, and how a chip's governor keeps within a limit.

Public names
------------
Layer, Package, read_package : what a die stands on.
ThermalNetwork, lumped_network : thermal resistances and capacitances; temperatures at rest.
ThermalGrid, thermal_grid : a die on its package in cells; power of blocks, maps of temperature.
Stepper, stepper, TrBdf2 : temperatures over time.
"""

from voltile.power.thermal.grid import ThermalGrid, thermal_grid
from voltile.power.thermal.network import ThermalNetwork, lumped_network
from voltile.power.thermal.package import Layer, Package, read_package
from voltile.power.thermal.transient import Stepper, TrBdf2, stepper

__all__ = [
    "Layer",
    "Package",
    "Stepper",
    "ThermalGrid",
    "ThermalNetwork",
    "TrBdf2",
    "lumped_network",
    "read_package",
    "stepper",
    "thermal_grid",
]
