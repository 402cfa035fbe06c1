"""What a cell is: its transistors, and the logic that they are to perform."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from voltile.pdk.characterization.transistors import CellNetlist


class StorageKind(StrEnum):
    """What stores the bit of a sequential cell."""

    FLIP_FLOP = "ff"
    LATCH = "latch"
    CLOCK_GATE = "clock_gate"


@dataclass(frozen=True)
class Storage:
    """How a sequential cell stores its bit; expressions are Liberty's, over the inputs.

    Attributes
    ----------
    clock : str
        `clocked_on` of a flip-flop, `enable` of a latch: `CLK`, or `!GATE_N`. For a clock gate the
        clock input (its latch is open while the clock is low).
    data : str
        `next_state`, or `data_in`; for a clock gate what enables the clock: `GATE` or `SCE | GATE`.
    clear, preset : str
        Liberty's `clear` and `preset`; empty: none.
    """

    kind: StorageKind
    clock: str
    data: str
    clear: str = ""
    preset: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell to be measured.

    Attributes
    ----------
    functions : mapping of output to expression
        Liberty expressions over the inputs; of a sequential cell over `IQ` and `IQ_N`.
    power, ground, well_power, well_ground : str
        Pins of the netlist; a well pin may be the same as the rail.
    """

    netlist: CellNetlist
    inputs: tuple[str, ...]
    functions: Mapping[str, str]
    storage: Storage | None
    power: str
    ground: str
    well_power: str
    well_ground: str

    @property
    def name(self) -> str:
        """Name of the cell."""
        return self.netlist.name
