"""Energy of a network on an array, over precisions and operating points: `voltile energy`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import inf
from pathlib import Path

from voltile.core import Precision, RunRecord, VoltileError, file_hash
from voltile.flows.energy.accelerator_costs import Costs, accelerator_costs
from voltile.flows.energy.option_faults import option_faults, unknown_names
from voltile.flows.output_files import refuse_overwriting, remove_outputs, write_csv
from voltile.pdk import Technology, read_technology
from voltile.sim import (
    ELEMENTS,
    HARDWARE_COLUMNS,
    ArrayConfig,
    CycleMode,
    Dataflow,
    EnergyTable,
    LayerEnergies,
    Policy,
    WeightReconfiguration,
    Workload,
    hardware_values,
    layer_costs,
    layer_energies,
    operating_points,
    read_workload,
    weight_reconfiguration,
)

ENERGY_OUTPUTS = ("energy.csv", "energy.json", "energy.parquet", "layers.png", "breakdown.png",
                  "reconfiguration.csv", "run.json")  # fmt: skip
RECONFIGURATION_COLUMNS = (
    "network", *HARDWARE_COLUMNS, "weights", "dram_bytes", "sram_writes", "dram_pj", "sram_pj",
    "total_pj", "inference_pj", "share",
)  # fmt: skip


@dataclass(frozen=True)
class EnergyConfig:
    """What to compute.

    Attributes
    ----------
    network : str
        Built-in name, ONNX file or SCALE-Sim topology.
    array : tuple of int
        Rows and columns.
    precisions : tuple of str
        None: all that the element has.
    vdds : tuple of float
        Supplies of full precision [V]; none: the nominal one.
    policies : tuple of str
        How the other precisions use their speed; none: all of `sim.Policy`.
    pe_energy : Path, optional
        Table of `voltile characterize-pe`; by default the one of the technology.
    dram_bandwidth : float
        [byte/s].
    act_bytes, weight_bytes, out_bytes : int
        Memories, both banks together.
    """

    network: str
    array: tuple[int, int] = (8, 8)
    dataflow: str = Dataflow.OUTPUT_STATIONARY.value
    pe: str = "scalable"
    mode: str = CycleMode.SCALE_SIM.value
    tech: str = "freepdk45"
    pe_energy: Path | None = None
    dram: str = "lpddr4"
    dram_bandwidth: float = inf
    act_bytes: int = 128 << 10
    weight_bytes: int = 128 << 10
    out_bytes: int = 128 << 10
    precisions: tuple[str, ...] = ()
    vdds: tuple[float, ...] = ()
    policies: tuple[str, ...] = ()
    batch: int = 1

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise VoltileError("; ".join(faults))

    def _faults(self) -> Iterator[str]:
        """What cannot be computed, a clause each."""
        yield from option_faults(
            [self.dataflow], [self.mode], [self.pe], self.policies, self.dram, self.dram_bandwidth
        )
        if self.pe in ELEMENTS:
            known = [item.name.lower() for item in self.modes]
            yield from unknown_names(f"precision of {self.pe} elements", self.precisions, known)

    @property
    def modes(self) -> tuple[Precision, ...]:
        """Precisions of the element."""
        return tuple(ELEMENTS[self.pe].products)

    @property
    def chosen(self) -> tuple[Precision, ...]:
        """Precisions to compute."""
        names = self.precisions or [item.name.lower() for item in self.modes]
        return tuple(item for item in self.modes if item.name.lower() in names)

    @property
    def hardware(self) -> ArrayConfig:
        """The array as the cost models have it."""
        return ArrayConfig(
            *self.array, ELEMENTS[self.pe], Dataflow(self.dataflow), CycleMode(self.mode),
            self.act_bytes, self.weight_bytes, self.out_bytes, self.dram_bandwidth,
        )  # fmt: skip


@dataclass(frozen=True)
class EnergyResult:
    """What was found.

    Attributes
    ----------
    energies : LayerEnergies
        Of the precisions that were asked for.
    inference : float
        Energy of an inference at full precision, at the first supply [J].
    """

    config: EnergyConfig
    technology: Technology
    costs: Costs
    energies: LayerEnergies
    reconfiguration: WeightReconfiguration
    inference: float

    @property
    def table(self) -> EnergyTable:
        """Energy by layer, precision and operating point."""
        return self.energies.table(self.technology.name)


def compute_energy(config: EnergyConfig) -> EnergyResult:
    """Compute everything; nothing is written.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used.
    """
    hardware, workload = config.hardware, read_workload(config.network, config.batch)
    technology = read_technology(config.tech)
    costs = accelerator_costs(hardware, technology, config.dram, config.pe_energy)
    vdds = config.vdds or (technology.nominal_vdd,)
    policies = [Policy(item) for item in config.policies] or list(Policy)
    energies = _energies(workload, hardware, costs, config.chosen, policies, vdds)
    full = _energies(workload, hardware, costs, [Precision.FULL], [Policy.SAME_SUPPLY], vdds[:1])
    return EnergyResult(
        config, technology, costs, energies,
        weight_reconfiguration(workload, hardware, costs.memories),
        float(full.total[0].sum()) / workload.batch,
    )  # fmt: skip


def _energies(
    workload: Workload,
    hardware: ArrayConfig,
    costs: Costs,
    precisions: Sequence[Precision],
    policies: Sequence[Policy],
    vdds: Sequence[float],
) -> LayerEnergies:
    points = operating_points(costs.pe, precisions, policies, vdds)
    found = layer_costs(workload, hardware, precisions)
    return layer_energies(found, costs.pe, points, costs.memories, costs.control)


def run_energy(config: EnergyConfig, out: Path) -> EnergyResult:
    """Compute the energy table of a network and write `ENERGY_OUTPUTS` into a folder.

    Parquet is left out where there is no pyarrow.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used; nothing is written then.
    """
    from voltile.flows.energy.plots import plot_breakdown, plot_layers

    inputs = input_files([config.network], config.pe_energy, out, ENERGY_OUTPUTS)
    result = compute_energy(config)
    out.mkdir(parents=True, exist_ok=True)
    remove_outputs(out, ENERGY_OUTPUTS)
    table = result.table
    table.write(out / "energy.csv")
    table.write(out / "energy.json")
    if has_parquet():
        table.write(out / "energy.parquet")
    write_csv(out / "reconfiguration.csv", RECONFIGURATION_COLUMNS, [_reconfiguration(result)])
    plot_layers(result, out / "layers.png")
    plot_breakdown(result, out / "breakdown.png")
    technology = result.technology.files.values()
    RunRecord(
        command=json.loads(json.dumps(asdict(config), default=str)),
        inputs={str(path): file_hash(path) for path in (*inputs, *result.costs.files, *technology)},
        versions={name: version(name) for name in ("voltile", "numpy")},
        seed=0,
    ).write(out / "run.json")
    return result


def input_files(
    networks: Iterable[str], pe_energy: Path | None, out: Path, outputs: Iterable[str]
) -> list[Path]:
    """Return the files among the inputs.

    Raises
    ------
    VoltileError
        When outputs in the folder `out` would overwrite one of them.
    """
    files = [Path(name) for name in networks if Path(name).is_file()]
    files += [pe_energy] if pe_energy else []
    refuse_overwriting(files, out, outputs)
    return files


def has_parquet() -> bool:
    """Whether there is pyarrow."""
    from importlib.util import find_spec

    return find_spec("pyarrow") is not None


def _reconfiguration(result: EnergyResult) -> tuple[object, ...]:
    item, workload = result.reconfiguration, result.energies.costs.workload
    hardware = hardware_values(result.config.hardware, result.technology.name)
    energies = (item.dram, item.sram, item.energy, result.inference)
    return (
        workload.name, *hardware.values(), item.weights, item.dram_bytes, item.sram_writes,
        *(f"{energy * 1e12:.9e}" for energy in energies), f"{item.energy / result.inference:.6g}",
    )  # fmt: skip
