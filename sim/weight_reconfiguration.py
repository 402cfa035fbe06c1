"""What it costs to turn the weights of a network into low precision (dissertation 3.3.2, Fig. 3.5).

The weights of full precision are loaded from the DRAM and the rounded ones are stored in the SRAM
of weights, once for all layers: an upper bound, as only some layers change, and seldom (Table 3.7).
An element that rounds weights itself takes those of full precision at any precision, and needs none
of it.
"""

from dataclasses import dataclass

from voltile.core import Precision
from voltile.sim.array_config import ArrayConfig
from voltile.sim.energy_model import Memories
from voltile.sim.workload import Workload


@dataclass(frozen=True)
class WeightReconfiguration:
    """What it takes, and for how many weights.

    Attributes
    ----------
    dram_bytes, sram_writes : int
        Read from the DRAM, and words written to the SRAM.
    dram, sram : float
        Energy [J].
    """

    weights: int
    dram_bytes: int
    sram_writes: int
    dram: float
    sram: float

    @property
    def energy(self) -> float:
        """Of both [J]."""
        return self.dram + self.sram


def weight_reconfiguration(
    workload: Workload, array: ArrayConfig, memories: Memories
) -> WeightReconfiguration:
    """Return the cost of turning all weights from full into half precision."""
    weights = int(workload.size("weights").sum())
    full, half = (array.element.weight_bits(item) for item in (Precision.FULL, Precision.HALF))
    if full == half:
        return WeightReconfiguration(weights, 0, 0, 0.0, 0.0)
    dram_bytes = -(-weights * full // 8)
    writes = -(-weights * half // array.weight_port_bits)
    return WeightReconfiguration(
        weights, dram_bytes, writes, 8 * dram_bytes * memories.dram, writes * memories.weight.write
    )
