"""Energy per MAC of the processing elements, on their placed gate-level netlists."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from math import inf
from pathlib import Path

from voltile.core import Precision, RunRecord, StageMeter, VoltileError, file_hash
from voltile.floorplan import Sources, build_timing_graph
from voltile.flows.elements.operands import Operands, random_operands, read_operands, width_fault
from voltile.flows.elements.stimuli import ArrayStimuli, PeStimuli, control_case
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.fine_vh.placements import place_alone
from voltile.flows.netlists import mapped_netlist, unconstrained
from voltile.flows.output_files import refuse_overwriting, remove_outputs, write_csv
from voltile.flows.stages import Arrays, Stages, stage_key
from voltile.hdl import PROCESSING_ELEMENTS, ProcessingElement, SystolicArray, to_rtlil
from voltile.pdk import Technology, read_technology
from voltile.power import (
    Activity,
    MacEnergy,
    MacMode,
    MacModel,
    activity_from_arrays,
    activity_to_arrays,
    compile_netlist,
    simulate,
)

PE_OUTPUTS = ("pe_energy.csv", "pe_energy.png", "pe_energy.json")
PE_COLUMNS = (
    "pe", "width", "acc_width", "precision", "mode", "vdd_v", "frequency_hz", "max_frequency_hz",
    "macs_per_cycle", "energy_per_mac_pj", "switching_pj", "internal_pj", "leakage_pj",
    "idle_pj_per_cycle", "gated_pj_per_cycle", "area_um2",
)  # fmt: skip


@dataclass(frozen=True)
class PeConfig:
    """What to characterise.

    Attributes
    ----------
    pes : tuple of str
        Names in `PROCESSING_ELEMENTS`.
    width, acc_width : int
        N, and bits of the accumulator, of all of them.
    precisions : tuple of str
        Those of interest, as far as an element has them; none: all.
    operands : Path, optional
        File of operands; by default they are random.
    sparsity : float
        Share of zeros among random activations.
    period : float, optional
        Clock period that gates are mapped and sized for [s]; by default that of the technology.
    """

    pes: tuple[str, ...] = tuple(PROCESSING_ELEMENTS)
    width: int = 8
    acc_width: int = 32
    precisions: tuple[str, ...] = ()
    tech: str = "freepdk45"
    operands: Path | None = None
    sparsity: float = 0.0
    period: float | None = None
    utilisation: float = 0.7
    seed: int = 1

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise VoltileError("; ".join(faults))

    def element(self, name: str) -> ProcessingElement:
        """Return an element by its name."""
        try:
            return PROCESSING_ELEMENTS[name](self.width, self.acc_width)
        except ValueError as error:
            raise VoltileError(str(error)) from None

    def of_interest(self, element: type[ProcessingElement]) -> list[Precision]:
        """Return the precisions to characterise that an element has."""
        wanted = self.precisions or [item.name.lower() for item in Precision]
        return [item for item in element.modes if item.name.lower() in wanted]

    def _faults(self) -> Iterator[str]:
        """What cannot be characterised, a clause each."""
        names = [item.name.lower() for item in Precision]
        if fault := width_fault(self.width):
            yield fault
        for name in self.pes or ("none",):
            if name not in PROCESSING_ELEMENTS:
                yield f"a processing element must be {', '.join(PROCESSING_ELEMENTS)}, not {name}"
        for name in self.precisions:
            if name not in names:
                yield f"a precision must be {', '.join(names)}, not {name}"
        if not 0 <= self.sparsity <= 1:
            yield f"sparsity must be from 0 to 1, not {self.sparsity:g}"
        if self.operands is not None and self.sparsity:
            yield "sparsity is of random operands, not of those of a file"
        if self.period is not None and not 0 < self.period < inf:
            yield f"clock period must be positive and finite, not {self.period * 1e9:g} ns"
        if not 0 < self.utilisation <= 1:
            yield f"utilisation must be above 0 and at most 1, not {self.utilisation:g}"
        if not 0 <= self.seed < 2**31:
            yield f"seed must be 0 to {2**31 - 1}, not {self.seed}"


@dataclass(frozen=True)
class PeResult:
    """What was found of one element.

    Attributes
    ----------
    name : str
        Of the element.
    area : float
        Of the cells of its netlist and its clock tree [m2].
    energies : tuple of MacEnergy
        At constant frequency over supply, at constant throughput, and at the highest frequency of
        every supply, of each precision.
    """

    name: str
    area: float
    energies: tuple[MacEnergy, ...]


@dataclass(frozen=True)
class PeStudy:
    """What was found of all elements, and of which operands."""

    config: PeConfig
    technology: Technology
    operands: Operands
    results: tuple[PeResult, ...]


def characterize_pes(config: PeConfig, out: Path, say: Callable[[str], None] = print) -> PeStudy:
    """Characterise elements; finished stages of an earlier job with the same inputs are read again.

    Writes `PE_OUTPUTS`.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used.
    """
    from voltile.flows.elements.plots import plot_energies

    names = [name for name in config.pes if config.of_interest(PROCESSING_ELEMENTS[name])]
    if not names:
        raise VoltileError(
            f"{', '.join(config.pes)}: there is no {', '.join(config.precisions)} precision"
        )
    technology = read_technology(config.tech)
    operands = operands_of(config)
    refuse_overwriting([config.operands] if config.operands else [], out, PE_OUTPUTS)
    elements = {name: config.element(name) for name in names}
    stages = Stages(out, StageMeter(), say)
    remove_outputs(out, PE_OUTPUTS)
    say(f"operands: {operands.source}; {operands.zero_acts:.1%} of the activations are zero")
    results = []
    for name, element in elements.items():
        placed = place_element(element, name, technology, config, stages)
        wanted = config.of_interest(PROCESSING_ELEMENTS[name])
        results.append(_measure(name, placed, element, operands, wanted, stages))
    study = PeStudy(config, technology, operands, tuple(results))
    write_csv(out / "pe_energy.csv", PE_COLUMNS, _rows(study))
    plot_energies(study, out / "pe_energy.png")
    _record(study, stages).write(out / "pe_energy.json")
    return study


def operands_of(config: PeConfig) -> Operands:
    """Return the operands that were asked for."""
    if config.operands is not None:
        return read_operands(config.operands, config.width)
    return random_operands(config.width, config.sparsity, config.seed)


@dataclass(frozen=True)
class PlacedElement:
    """The uncut layout of an element, and the key of what it was made from."""

    layout: Layout
    key: str

    @property
    def area(self) -> float:
        """Area of its cells, those of the clock tree included [m2]."""
        return float(self.layout.tree.insert(self.layout.graph.netlist).cell_area.sum())


def place_element(
    element: ProcessingElement | SystolicArray,
    name: str,
    technology: Technology,
    config: PeConfig,
    stages: Stages,
) -> PlacedElement:
    """Synthesise and place an element, or an array."""
    text = to_rtlil(element, name)
    period = technology.synthesis_period if config.period is None else config.period
    hashes = sorted((item, file_hash(path)) for item, path in technology.files.items())
    key = stage_key(rtlil=hashlib.sha256(text.encode()).hexdigest(), tech=hashes, period=period)
    stage = f"{name}-synthesis"
    technology, netlist = mapped_netlist(
        stages, technology, Sources(rtlil=text), period, key, stage
    )
    graph = build_timing_graph(netlist, unconstrained(netlist, technology))
    key = stage_key(netlist=key, utilisation=config.utilisation, seed=config.seed)
    layout = place_alone(
        stages, graph, technology, period, config.utilisation, config.seed, key,
        f"{name}-placement",
    )  # fmt: skip
    return PlacedElement(layout, key)


def mac_model(
    name: str,
    placed: PlacedElement,
    unit: ProcessingElement | SystolicArray,
    operands: Operands,
    stages: Stages,
) -> MacModel:
    """Return the model of a placed element or array under operands, at all of its precisions."""
    layout = placed.layout
    graph = layout.graph
    element = unit.pe if isinstance(unit, SystolicArray) else unit
    stimuli = {
        precision: ArrayStimuli(unit, graph.netlist, graph.clocks, operands, precision)
        if isinstance(unit, SystolicArray)
        else PeStimuli(unit, graph.netlist, graph.clocks, operands, precision)
        for precision in element.modes
    }
    parts = {f"{name}-activity-{item.name.lower()}": item for item in stimuli}
    key = stage_key(placed=placed.key, operands=operands.key)

    def simulate_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        program = compile_netlist(graph.netlist, graph.clocks)
        for part in missing:
            mine = stimuli[parts[part]]
            yield (
                part,
                {
                    f"{kind}/{item}": array
                    for kind, stimulus in (("busy", mine.busy()), ("idle", mine.idle()))
                    for item, array in activity_to_arrays(simulate(program, stimulus)).items()
                },
            )

    kept = stages.run_each(f"{name}-activity", dict.fromkeys(parts, key), simulate_missing)
    modes = {
        precision: MacMode(
            control_case(element, precision),
            _activity(kept[part], "busy"),
            _activity(kept[part], "idle"),
            stimuli[precision].macs_per_cycle,
        )
        for part, precision in parts.items()
    }
    return MacModel(graph, layout.wires, layout.tree, layout.technology, modes)


def _activity(arrays: Arrays, kind: str) -> Activity:
    prefix = f"{kind}/"
    return activity_from_arrays(
        {name.removeprefix(prefix): array for name, array in arrays.items()
         if name.startswith(prefix)}
    )  # fmt: skip


def _measure(
    name: str,
    placed: PlacedElement,
    element: ProcessingElement,
    operands: Operands,
    wanted: list[Precision],
    stages: Stages,
) -> PeResult:
    model = mac_model(name, placed, element, operands, stages)
    energies: list[MacEnergy] = []
    stages.say(f"{name}-energy ...")
    with stages.meter.stage(f"{name}-energy"):
        for precision in wanted:
            energies += [*model.constant_frequency(precision), model.constant_throughput(precision)]
            energies += model.highest_frequency(precision)
    stages.say(f"{name}-energy: {stages.meter.costs[f'{name}-energy'].wall_s:.1f} s")
    return PeResult(name, placed.area, tuple(energies))


def _rows(study: PeStudy) -> Iterator[tuple[object, ...]]:
    config = study.config
    for result in study.results:
        for item in result.energies:
            energies = (item.energy, item.switching, item.internal, item.leakage, item.idle,
                        item.gated)  # fmt: skip
            yield (
                result.name, config.width, config.acc_width, item.precision.name.lower(), item.mode,
                f"{item.vdd:.6g}", f"{item.frequency:.9e}", f"{item.max_frequency:.9e}",
                f"{item.macs_per_cycle:.9g}", *(f"{energy * 1e12:.9e}" for energy in energies),
                f"{result.area * 1e12:.6g}",
            )  # fmt: skip


def _record(study: PeStudy, stages: Stages) -> RunRecord:
    inputs = {name: file_hash(path) for name, path in study.technology.files.items()}
    if study.config.operands is not None:
        inputs[str(study.config.operands)] = study.operands.key
    return RunRecord(
        command=json.loads(json.dumps(asdict(study.config), default=str)),
        inputs=inputs,
        versions={name: version(name) for name in ("voltile", "pyosys", "coloquinte", "numpy")},
        seed=study.config.seed,
        stages=stages.meter.costs,
    )
