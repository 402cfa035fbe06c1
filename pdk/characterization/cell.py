"""What a cell is: its transistors, and the logic that they are to perform."""

from collections.abc import Mapping
from dataclasses import dataclass

from voltile.pdk.characterization.transistors import CellNetlist
from voltile.pdk.library import Sequential


@dataclass(frozen=True)
class Cell:
    """One cell to be measured.

    Attributes
    ----------
    functions : mapping of output to expression
        Liberty expressions over the inputs; of a sequential cell also over what `storage` calls
        its bit.
    power, ground, well_power, well_ground : str
        Pins of the netlist; a well pin may be the same as the rail.
    """

    netlist: CellNetlist
    inputs: tuple[str, ...]
    functions: Mapping[str, str]
    storage: Sequential | None
    power: str
    ground: str
    well_power: str
    well_ground: str

    @property
    def name(self) -> str:
        """Name of the cell."""
        return self.netlist.name
