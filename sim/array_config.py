"""The array and its memories as the cost models see them."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from voltile.core import VoltileError
from voltile.sim.elements import SCALABLE, Element


class Dataflow(Enum):
    """What stays in the elements while the others stream by."""

    OUTPUT_STATIONARY = "os"
    WEIGHT_STATIONARY = "ws"
    INPUT_STATIONARY = "is"


class CycleMode(Enum):
    """Whose cycles are counted."""

    RTL = "rtl"
    """Those of the accelerator, exactly; output stationary only."""
    SCALE_SIM = "scale-sim"
    """Those of SCALE-Sim v3 in closed form."""


@dataclass(frozen=True)
class ArrayConfig:
    """A systolic array with three double-buffered memories and a DRAM.

    Attributes
    ----------
    rows, cols : int
        Elements of the array.
    element : Element
        What they are.
    dataflow : Dataflow
        What stays in them.
    mode : CycleMode
        Whose cycles are counted.
    act_bytes, weight_bytes, out_bytes : int
        Size of the memories of activations, weights and results, both banks together.
    dram_bandwidth : float
        Of the DRAM [byte/s]; infinite: never waited for.

    Raises
    ------
    VoltileError
        When a size is not positive, or the mode has no such dataflow.
    """

    rows: int = 8
    cols: int = 8
    element: Element = SCALABLE
    dataflow: Dataflow = Dataflow.OUTPUT_STATIONARY
    mode: CycleMode = CycleMode.SCALE_SIM
    act_bytes: int = 128 << 10
    weight_bytes: int = 128 << 10
    out_bytes: int = 128 << 10
    dram_bandwidth: float = inf

    def __post_init__(self) -> None:
        if min(self.rows, self.cols) < 1:
            raise VoltileError(
                f"an array has at least one row and column, not {self.rows} x {self.cols}"
            )
        for name in ("act_bytes", "weight_bytes", "out_bytes", "dram_bandwidth"):
            if not getattr(self, name) > 0:
                raise VoltileError(f"{name} must be positive, not {getattr(self, name):g}")
        if self.mode is CycleMode.RTL and self.dataflow is not Dataflow.OUTPUT_STATIONARY:
            raise VoltileError(
                f"the accelerator is output stationary (os), not {self.dataflow.value}; "
                "other dataflows: mode scale-sim"
            )
        if self.mode is CycleMode.RTL and (self.rows % 2 or self.cols % 2):
            raise VoltileError(
                f"the accelerator has an even number of rows and columns, not {self.rows} x "
                f"{self.cols}; any number: mode scale-sim"
            )

    @property
    def act_port_bits(self) -> int:
        """Bits of a word of the memory of activations."""
        return self.rows * self.element.act_width

    @property
    def weight_port_bits(self) -> int:
        """Bits of a word of the memory of weights."""
        return self.cols * self.element.weight_width

    @property
    def out_port_bits(self) -> int:
        """Bits of a word of the memory of results."""
        return self.cols * self.element.width

    @property
    def bank_words(self) -> tuple[int, int, int]:
        """Words of one bank of the memories of activations, weights and results."""
        return (
            self.act_bytes * 4 // self.act_port_bits,
            self.weight_bytes * 4 // self.weight_port_bits,
            self.out_bytes * 4 // self.out_port_bits,
        )
