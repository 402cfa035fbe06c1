"""Precisions for a level of abstraction and a target accuracy: `voltile multilevel` (3.4)."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, StageMeter, VoltileError, file_hash
from voltile.flows.output_files import all_outputs, refuse_overwriting
from voltile.flows.precision.energy import PrecisionEnergy, chosen_pe, read_precision_energy
from voltile.flows.precision.evaluation import evaluations
from voltile.flows.precision.inputs import (
    DataSet,
    PrecisionInputs,
    example_file,
    read_precision_inputs,
)
from voltile.flows.precision.multilevel_outputs import MULTILEVEL_OUTPUTS, write_multilevel
from voltile.flows.search import LevelAccuracy, TableRow, multilevel_table
from voltile.flows.search.objectives import Evaluate
from voltile.flows.stages import Stages, stage_key
from voltile.sim import ClassHierarchy, Cut, operations, read_hierarchy

FloatArray = NDArray[np.float64]

# Curves that a picture can tell apart.
_MOST_LEVELS = 20


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
    full_accuracy: FloatArray
    evaluations: int

    @property
    def effort_unit(self) -> str:
        """Unit of the effort in the files."""
        return "pJ" if self.energy else "operations"


def run_multilevel(
    config: MultilevelConfig,
    out: Path,
    progress: Callable[[str, int, None], None] = lambda stage, done, total: None,
) -> MultilevelResult:
    """Assign precisions by Algorithm 4, and write `MULTILEVEL_OUTPUTS` into a folder.

    Accuracies of the calibration set are kept in `OUT/stages`: the same command goes on from there.

    Parameters
    ----------
    progress : callable
        Is told how far the assignment is, in words, and how many settings are evaluated; how many
        there will be is not known.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used; nothing is written then.
    """
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
        result = _assigned(config, inputs, read_hierarchy(hierarchy_file), files, out, progress)
    with all_outputs(out, MULTILEVEL_OUTPUTS):
        with meter.stage("outputs"):
            write_multilevel(result, out)
        RunRecord(
            command=json.loads(json.dumps(asdict(config), default=str)),
            inputs={str(path): file_hash(path) for path in files},
            versions={name: version(name) for name in ("voltile", "numpy", "onnxruntime")},
            seed=0,
            stages=meter.costs,
        ).write(out / "run.json")
    return result


def _assigned(
    config: MultilevelConfig,
    inputs: PrecisionInputs,
    hierarchy: ClassHierarchy,
    files: Sequence[Path],
    out: Path,
    progress: Callable[[str, int, None], None],
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
        # What does not fit is told before anything is written.
        [reached] = calibration(full)
        if test:
            [reached] = test(full)
        stages, key = Stages(out, StageMeter(), lambda line: None), _key(config, files)
        calibration.known.update(_known(stages, key))

        def told(done: int, total: int) -> None:
            _keep(stages, key, calibration.known)
            progress(f"{done} of {total} targets, settings", calibration.evaluations, None)

        rows = multilevel_table(calibration, effort, inputs.macs(), config.targets, test, told)
    return MultilevelResult(
        config, inputs, cuts, tuple(rows), energy, float(effort[:, 0].sum()), reached,
        calibration.evaluations,
    )  # fmt: skip


def _key(config: MultilevelConfig, files: Sequence[Path]) -> str:
    made_from = {name: value for name, value in asdict(config).items() if name != "workers"}
    return stage_key(files=[file_hash(path) for path in files], **made_from)


def _known(stages: Stages, key: str) -> dict[bytes, FloatArray]:
    """Return what an interrupted run left of `LevelAccuracy.known`."""
    kept = stages.read("accuracies", key)
    if kept is None:
        return {}
    keys = [setting.tobytes() for setting in kept["settings"]]
    return dict(zip(keys, kept["accuracies"], strict=True))


def _keep(stages: Stages, key: str, known: dict[bytes, FloatArray]) -> None:
    settings = np.array([np.frombuffer(item, np.int64) for item in known])
    stages.write(
        "accuracies", key, {"settings": settings, "accuracies": np.stack([*known.values()])}
    )


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
    chosen = sorted(set(levels or range(1, hierarchy.deepest + 1)))
    if len(chosen) > _MOST_LEVELS:
        raise VoltileError(
            f"levels must be up to {_MOST_LEVELS} at a time, not {len(chosen)}; {hierarchy.name} "
            f"has {hierarchy.deepest} below the root: choose with --level"
        )
    if max(chosen) > hierarchy.deepest:
        raise VoltileError(
            f"level must be from 0 to {hierarchy.deepest}, the depth of {hierarchy.name}, "
            f"not {max(chosen)}"
        )
    return tuple(hierarchy.cut(level, outputs) for level in chosen)


def _operations(inputs: PrecisionInputs) -> FloatArray:
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
