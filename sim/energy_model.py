"""Energy of every layer at every precision and operating point, in one call over arrays.

Of an array with its memories, a DRAM and a control processor::

    pe_dynamic = macs x energy of a MAC + (element cycles - busy ones) x clock of an idle cycle
    pe_leakage = (busy x leakage when busy + idle x leakage when idle) / frequency
    sram       = accesses x energy of an access + leakage x run time
    dram       = bits x energy of a bit
    control    = (run time in cycles + jobs x cycles of a descriptor) x energy of a cycle
                 + leakage x run time

with element cycles those of all elements, stalls included: an array waits with its clock on.
Memories and control processor stay at their nominal supplies; the latter is awake all the
time, at the clock of the array. Layers that do not run on the array (maximum pooling, element-wise
ones) cost memory accesses and time; the unit beside the memories that does them is not counted, nor
are the wires and the clock trunk between the elements.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.sim.energy_table import EnergyTable, hardware_values
from voltile.sim.layer_costs import LayerCosts
from voltile.sim.operating_points import OperatingPoints
from voltile.sim.pe_energy import PeEnergy

if TYPE_CHECKING:
    from voltile.power import MemoryEnergy

Floats = NDArray[np.float64]

ENERGY_PARTS = ("pe_dynamic", "pe_leakage", "sram", "dram", "control")
"""What the energy of a layer is made of."""


@dataclass(frozen=True)
class Memories:
    """What the memories around an array take.

    Attributes
    ----------
    act, weight, out : MemoryEnergy
        Those of activations, weights and results.
    dram : float
        Energy of a bit to or from the DRAM [J].
    """

    act: "MemoryEnergy"
    weight: "MemoryEnergy"
    out: "MemoryEnergy"
    dram: float

    @property
    def leakage(self) -> float:
        """Of the three on the chip [W]."""
        return self.act.leakage + self.weight.leakage + self.out.leakage

    @property
    def area(self) -> float:
        """Of the three on the chip [m2]."""
        return self.act.area + self.weight.area + self.out.area


@dataclass(frozen=True)
class Control:
    """What the control processor takes.

    Attributes
    ----------
    energy : float
        Of a cycle [J].
    leakage : float
        [W].
    job_cycles : int
        Cycles in which it writes the descriptor of a job.
    """

    energy: float
    leakage: float
    job_cycles: int


@dataclass(frozen=True, eq=False)
class LayerEnergies:
    """Energy of the layers of a network, of one batch.

    Attributes
    ----------
    costs : LayerCosts
        Cycles and accesses that it is made of.
    points : OperatingPoints
    stalls : ndarray, shape (points, precisions, layers)
        Cycles in which the array waits for the DRAM.
    parts : mapping of str to ndarray, shape (points, precisions, layers)
        Energy by `ENERGY_PARTS` [J].
    """

    costs: LayerCosts
    points: OperatingPoints
    stalls: NDArray[np.int64]
    parts: Mapping[str, Floats]

    @property
    def total(self) -> Floats:
        """Energy [J], shape (points, precisions, layers)."""
        return _sum(self.parts[name] for name in ENERGY_PARTS)

    @property
    def time(self) -> Floats:
        """Run time [s], shape (points, precisions, layers)."""
        cycles = self.costs.cycles + self.stalls
        return np.asarray(cycles / self.points.frequency[..., None])

    def table(self, tech: str) -> EnergyTable:
        """Return a row per operating point, precision and layer; `tech` names the technology."""
        costs, points = self.costs, self.points
        layers, shape = costs.workload.layers, self.stalls.shape
        over_points = {
            "policy": [item.value for item in points.policies],
            "reference_vdd_v": points.reference_vdd,
        }
        over_precisions = {"precision": [item.name.lower() for item in costs.precisions]}
        over_both = {"vdd_v": points.vdd, "frequency_hz": points.frequency}
        over_layers = {
            "layer": [layer.name for layer in layers],
            "op": [layer.op.value for layer in layers],
            "macs": costs.macs,
        }
        over_costs = {
            "cycles": costs.cycles,
            "utilisation": costs.utilisation,
            "dram_bytes": costs.dram_read_bytes + costs.dram_write_bytes,
            "act_sram_accesses": costs.act_reads + costs.act_fills,
            "weight_sram_accesses": costs.weight_reads + costs.weight_fills,
            "out_sram_accesses": costs.out_reads + costs.out_writes + costs.out_drains,
        }
        energies = {f"{name}_pj": self.parts[name] * 1e12 for name in ENERGY_PARTS}
        columns = {
            "network": np.array(costs.workload.name),
            "batch": np.array(costs.workload.batch),
            **{name: np.array(item) for name, item in hardware_values(costs.config, tech).items()},
            **{name: np.array(item)[:, None, None] for name, item in over_points.items()},
            **{name: np.array(item)[:, None] for name, item in over_precisions.items()},
            **{name: item[..., None] for name, item in over_both.items()},
            **{name: np.array(item) for name, item in over_layers.items()},
            **over_costs,
            "stall_cycles": self.stalls,
            **energies,
            "total_pj": _sum(energies.values()),
        }
        return EnergyTable(
            {name: np.broadcast_to(item, shape).reshape(-1) for name, item in columns.items()}
        )


def _sum(items: Iterable[Floats]) -> Floats:
    return np.asarray(np.sum(list(items), axis=0, dtype=float))


def layer_energies(
    costs: LayerCosts,
    pe: PeEnergy,
    points: OperatingPoints,
    memories: Memories,
    control: Control,
) -> LayerEnergies:
    """Return the energy of all layers, at the precisions of the costs and of the points.

    Raises
    ------
    VoltileError
        When the element was not measured at one of the precisions, or does fewer MACs per cycle
        than the cycles ask for.
    """
    element = pe.of(costs.precisions)
    frequency = points.frequency[..., None]
    stalls = costs.stalls(costs.config.dram_bandwidth / frequency)
    cycles = costs.cycles + stalls
    time = cycles / frequency
    at = element.at(points.vdd)
    busy = costs.macs / element.macs_per_cycle[:, None]
    every = costs.config.rows * costs.config.cols * cycles
    idle = every - busy
    if idle.min(initial=0.0) < 0:
        raise VoltileError(
            f"element {element.name} of the energy table does fewer MACs per cycle "
            f"({', '.join(f'{rate:g}' for rate in element.macs_per_cycle)}) than that of the array"
        )
    on_chip = (
        (costs.act_reads, costs.act_fills, memories.act),
        (costs.weight_reads, costs.weight_fills, memories.weight),
        (costs.out_reads + costs.out_drains, costs.out_writes, memories.out),
    )
    accesses = _sum(reads * item.read + writes * item.write for reads, writes, item in on_chip)
    bits = 8 * (costs.dram_read_bytes + costs.dram_write_bytes)
    parts = {
        "pe_dynamic": costs.macs * at.mac[..., None] + idle * at.idle[..., None],
        "pe_leakage": (busy * at.busy_leakage[..., None] + idle * at.idle_leakage[..., None])
        / frequency,
        "sram": accesses + memories.leakage * time,
        "dram": np.broadcast_to(bits * memories.dram, time.shape),
        "control": (cycles + costs.parts * control.job_cycles) * control.energy
        + control.leakage * time,
    }
    return LayerEnergies(costs, points, stalls, parts)
