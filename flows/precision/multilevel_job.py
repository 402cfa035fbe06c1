"""Precisions for a level of abstraction and a target accuracy: `voltile multilevel` (3.4)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, StageMeter, VoltileError, file_hash, write_atomically
from voltile.flows.output_files import refuse_overwriting, remove_outputs, write_csv
from voltile.flows.precision.energy import PrecisionEnergy, chosen_pe, read_precision_energy
from voltile.flows.precision.evaluation import evaluations
from voltile.flows.precision.inputs import (
    DataSet,
    PrecisionInputs,
    example_file,
    read_precision_inputs,
)
from voltile.flows.precision.search_outputs import precision_text, setting_flags
from voltile.flows.search import LevelAccuracy, TableRow, multilevel_table
from voltile.flows.search.objectives import Evaluate
from voltile.sim import ClassHierarchy, Cut, operations, read_hierarchy

MULTILEVEL_OUTPUTS = ("multilevel.csv", "settings.json", "multilevel.png", "run.json")
MULTILEVEL_COLUMNS = (
    "level", "classes", "target", "accuracy_calibration", "accuracy_test", "difference", "met",
    "effort", "effort_unit", "saving",
)  # fmt: skip


@dataclass(frozen=True)
class MultilevelConfig:
    """What to assign precisions for.

    Attributes
    ----------
    model, calibration, test, calset, pe, truncate, acc_width, workers
        As in `SearchConfig`.
    hierarchy : Path, optional
        CSV file of is-a edges; that of an example by default.
    levels : tuple of int
        Levels of the hierarchy; none: all below the root.
    targets : tuple of float
        Accuracies; none: those of the levels at full precision.
    classes : Path, optional
        Names of the network's outputs, one a line; without it they are 0, 1, 2 ...
    energy, policy, vdd
        Table to take energy from for the effort, and its point; operations without one.
    """

    model: str
    hierarchy: Path | None = None
    calibration: Path | None = None
    test: Path | None = None
    calset: int | None = None
    levels: tuple[int, ...] = ()
    targets: tuple[float, ...] = ()
    classes: Path | None = None
    energy: Path | None = None
    policy: str | None = None
    vdd: float | None = None
    pe: str | None = None
    truncate: bool = False
    acc_width: int | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        for target in self.targets:
            if not 0 <= target <= 1:
                raise VoltileError(f"a target accuracy must be from 0 to 1, not {target:g}")
        if self.energy is None and (self.policy is not None or self.vdd is not None):
            raise VoltileError("policy and Vdd choose rows of an energy table: give --energy, too")


@dataclass(frozen=True)
class MultilevelResult:
    """What was found.

    Attributes
    ----------
    energy : PrecisionEnergy or None
        What the effort is taken from; operations without one.
    full_effort : float
        At full precision, in the unit of the rows: operations or J.
    full_accuracy : ndarray, shape (levels,)
        At full precision, of the test set where there is one.
    evaluations : int
        Settings that were evaluated on the calibration set.
    """

    config: MultilevelConfig
    inputs: PrecisionInputs
    cuts: tuple[Cut, ...]
    rows: tuple[TableRow, ...]
    energy: PrecisionEnergy | None
    full_effort: float
    full_accuracy: NDArray[np.float64]
    evaluations: int

    @property
    def effort_unit(self) -> str:
        """Unit of the effort in the files."""
        return "pJ" if self.energy else "operations"


def run_multilevel(config: MultilevelConfig, out: Path) -> MultilevelResult:
    """Assign precisions by Algorithm 4, and write `MULTILEVEL_OUTPUTS` into a folder.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used; nothing is written then.
    """
    from voltile.flows.precision.multilevel_plots import plot_multilevel

    pe = chosen_pe(config.pe, config.energy)
    config = replace(config, pe=pe)
    meter = StageMeter()
    with meter.stage("quantisation"):
        inputs = read_precision_inputs(
            config.model, config.calibration, config.test, config.calset, pe,
            not config.truncate, config.acc_width,
        )  # fmt: skip
    hierarchy_file = config.hierarchy or example_file(config.model, "_hierarchy.csv")
    if hierarchy_file is None:
        raise VoltileError("a hierarchy of classes is needed: --hierarchy H.csv")
    optional = (config.classes, config.energy)
    files = [*inputs.files, hierarchy_file, *(path for path in optional if path)]
    refuse_overwriting(files, out, MULTILEVEL_OUTPUTS)
    with meter.stage("assignment"):
        result = _assigned(config, inputs, read_hierarchy(hierarchy_file))
    with meter.stage("outputs"):
        _write(result, out)
        plot_multilevel(result, out / "multilevel.png")
    RunRecord(
        command=json.loads(json.dumps(asdict(config), default=str)),
        inputs={str(path): file_hash(path) for path in files},
        versions={name: version(name) for name in ("voltile", "numpy", "onnxruntime")},
        seed=0,
        stages=meter.costs,
    ).write(out / "run.json")
    return result


def _assigned(
    config: MultilevelConfig, inputs: PrecisionInputs, hierarchy: ClassHierarchy
) -> MultilevelResult:
    """Assign precisions for every level and target."""
    full = np.zeros((1, len(inputs.network.names)), np.int64)
    with evaluations(inputs, config.workers, config.acc_width is not None) as evaluate:
        outputs = _classes(config.classes, evaluate.calibration(full).shape[-1])
        cuts = _cuts(hierarchy, config.levels, outputs)
        energy = None
        if config.energy:
            energy = read_precision_energy(config.energy, inputs, config.policy, config.vdd)
        effort = energy.energy if energy else _operations(inputs)
        calibration = _level_accuracy(evaluate.calibration, inputs.calibration, cuts)
        test = None
        if evaluate.test and inputs.test:
            test = _level_accuracy(evaluate.test, inputs.test, cuts)
        rows = multilevel_table(calibration, effort, inputs.macs(), config.targets, test)
        [reached] = (test or calibration)(full)
    return MultilevelResult(
        config, inputs, cuts, tuple(rows), energy, float(effort[:, 0].sum()), reached,
        calibration.evaluations,
    )  # fmt: skip


def _classes(path: Path | None, outputs: int) -> list[str]:
    """Return the names of the outputs."""
    if path is None:
        return [str(number) for number in range(outputs)]
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise VoltileError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise VoltileError(f"{path} is no text of class names") from None
    names = [name for name in names if name]
    if len(names) != outputs:
        raise VoltileError(f"{path} has {len(names)} class names, the network {outputs} outputs")
    return names


def _cuts(hierarchy: ClassHierarchy, levels: Sequence[int], outputs: list[str]) -> tuple[Cut, ...]:
    """Return the cuts at levels, by default at all below the root."""
    chosen = levels or tuple(range(1, hierarchy.deepest + 1))
    if max(chosen) > hierarchy.deepest:
        raise VoltileError(
            f"level must be from 0 to {hierarchy.deepest}, the depth of {hierarchy.name}, "
            f"not {max(chosen)}"
        )
    return tuple(hierarchy.cut(level, outputs) for level in sorted(set(chosen)))


def _operations(inputs: PrecisionInputs) -> NDArray[np.float64]:
    biases = [
        layer.bias * layer.out_channels * layer.out_height * layer.out_width
        for layer in inputs.layers
    ]
    return operations(inputs.macs(), biases, list(inputs.network.element.products))


def _level_accuracy(evaluate: Evaluate, data: DataSet, cuts: tuple[Cut, ...]) -> LevelAccuracy:
    if data.labels is None:
        raise VoltileError(f"inputs {data.path}: array 'y', the labels, is missing")
    try:
        return LevelAccuracy(evaluate, data.labels, cuts)
    except VoltileError as error:
        raise VoltileError(f"inputs {data.path}: {error}") from None


def _write(result: MultilevelResult, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    remove_outputs(out, MULTILEVEL_OUTPUTS)
    modes = tuple(result.inputs.network.element.products)
    shares = tuple(f"macs_{item.name.lower()}" for item in modes)
    write_csv(
        out / "multilevel.csv", (*MULTILEVEL_COLUMNS, *shares, "precisions"), _csv_rows(result)
    )
    settings = [
        {
            "level": row.level,
            "target": row.target,
            "layers": setting_flags(result.inputs.network, row.setting),
        }
        for row in result.rows
    ]
    groups = {
        str(cut.level): dict(enumerate(cut.classes[item] for item in cut.group))
        for cut in result.cuts
    }
    with write_atomically(out / "settings.json") as temporary:
        content = {"network": result.inputs.model.stem, "classes": groups, "settings": settings}
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def _csv_rows(result: MultilevelResult) -> Iterator[tuple[object, ...]]:
    modes = tuple(result.inputs.network.element.products)
    factor = 1e12 if result.effort_unit == "pJ" else 1.0
    for row in result.rows:
        test = "" if isnan(row.test_accuracy) else f"{row.test_accuracy:.6g}"
        yield (
            row.level, row.classes, f"{row.target:.6g}", f"{row.calibration_accuracy:.6g}", test,
            f"{row.difference:.6g}", str(row.met).lower(), f"{row.effort * factor:.9g}",
            result.effort_unit, f"{row.saving:.6g}", *(f"{item:.6g}" for item in row.mac_shares),
            precision_text(modes, row.setting),
        )  # fmt: skip
