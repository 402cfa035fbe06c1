"""What the options of `voltile sweep` name, read once for all combinations."""

from dataclasses import dataclass
from pathlib import Path

from voltile.core import Precision, VoltileError
from voltile.flows.energy.accelerator_costs import ElementCosts, element_costs
from voltile.flows.sweep.chunks import Chunk
from voltile.flows.sweep.config import Design, SweepConfig
from voltile.pdk import Technology, read_technology
from voltile.sim import ELEMENTS, Policy, Workload, operating_points, read_workload


@dataclass(frozen=True)
class SweepInputs:
    """What the options name.

    Attributes
    ----------
    workloads, elements
        By the names in the configuration.
    vdds : tuple of float
        Supplies of full precision [V].
    """

    config: SweepConfig
    technology: Technology
    workloads: dict[str, Workload]
    elements: dict[str, ElementCosts]
    policies: tuple[Policy, ...]
    vdds: tuple[float, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of costs, and of the technology."""
        costs = dict.fromkeys(path for item in self.elements.values() for path in item.files)
        return *costs, *self.technology.files.values()

    def chunk(self, designs: tuple[Design, ...]) -> Chunk:
        """Return a chunk with what it needs of the inputs."""
        networks = {design.network for design in designs}
        return Chunk(
            designs,
            {name: item for name, item in self.workloads.items() if name in networks},
            self.elements,
            {pe: self.config.precisions_of(pe) for pe in self.elements},
            self.policies,
            self.vdds,
            self.config.dram_bandwidth,
        )


def read_inputs(config: SweepConfig) -> SweepInputs:
    """Read networks, technology and tables.

    Raises
    ------
    VoltileError
        One of its children, for whatever cannot be used in any combination.
    """
    workloads = {name: read_workload(name, config.batch) for name in config.networks}
    names = [item.name for item in workloads.values()]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise VoltileError(f"more than one network is named {', '.join(doubles)}")
    technology = read_technology(config.tech)
    elements = {
        pe: element_costs(ELEMENTS[pe], technology, config.dram, config.pe_energy)
        for pe in config.pes
    }
    policies = tuple(Policy(item) for item in config.policies) or tuple(Policy)
    vdds = config.vdds or (technology.nominal_vdd,)
    for costs in elements.values():  # supplies must be there, whatever the combination
        operating_points(costs.pe, [Precision.FULL], policies, vdds)
    return SweepInputs(config, technology, workloads, elements, policies, vdds)
