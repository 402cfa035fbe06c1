"""Operating points of a network between energy and KL divergence: `voltile search` (3.3)."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, StageMeter, VoltileError, file_hash
from voltile.flows.output_files import refuse_overwriting
from voltile.flows.precision.energy import (
    PrecisionEnergy,
    chosen_pe,
    computed_table,
    read_precision_energy,
)
from voltile.flows.precision.evaluation import Evaluations, evaluations
from voltile.flows.precision.inputs import (
    PrecisionInputs,
    accuracies,
    read_precision_inputs,
)
from voltile.flows.precision.search_check import Check, checked
from voltile.flows.precision.search_outputs import SEARCH_OUTPUTS, remove_search, write_search
from voltile.flows.search import (
    SearchParameters,
    SearchResult,
    divergence_from_full,
    search,
)
from voltile.flows.search.exhaustive import check_number
from voltile.flows.stages import stage_key
from voltile.sim import PrecisionPoints

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SearchConfig:
    """What to search.

    Attributes
    ----------
    model : str
        ONNX file, or a built-in example.
    calibration, test : Path, optional
        Inputs as npz; those of an example by default.
    calset : int, optional
        Inputs of the former that calibrate, by default `CALSET` or all of fewer; the others test,
        without a file for that.
    energy : Path, optional
        Energy table; made with the defaults of `voltile energy` without one.
    pe : str, optional
        Element; that of the energy table, or of `voltile energy`, by default.
    policy, vdd : str, float, optional
        Operating point of the table, as `read_precision_energy` has them.
    truncate : bool
        Whether weights of low precision are truncated instead of rounded.
    exhaustive : bool
        Whether to compare with all settings.
    acc_width : int, optional
        Bits of accumulators that saturate; without it no sum is out of range.
    workers : int
        Processes that evaluate settings.
    parameters : SearchParameters
        How to search.
    """

    model: str
    calibration: Path | None = None
    test: Path | None = None
    calset: int | None = None
    energy: Path | None = None
    pe: str | None = None
    policy: str | None = None
    vdd: float | None = None
    truncate: bool = False
    exhaustive: bool = False
    acc_width: int | None = None
    workers: int = 1
    parameters: SearchParameters = field(default_factory=SearchParameters)


@dataclass(frozen=True)
class SearchJobResult:
    """What was found.

    Attributes
    ----------
    energy : PrecisionEnergy
        What layers take.
    found : SearchResult
        Of the genetic search.
    points : PrecisionPoints
        Operating points, full precision first, then by KL divergence; energies are of all layers.
    calibration_top_1, test_top_1 : ndarray, shape (points,)
        Accuracies; NaN where they are not known.
    check : Check or None
        Where it was asked for.
    """

    config: SearchConfig
    inputs: PrecisionInputs
    energy: PrecisionEnergy
    found: SearchResult
    points: PrecisionPoints
    calibration_top_1: FloatArray
    test_top_1: FloatArray
    check: Check | None

    @property
    def saving(self) -> FloatArray:
        """Part of the energy at full precision that every point saves."""
        return 1 - self.points.energy / self.energy.full

    @property
    def latency(self) -> FloatArray:
        """Time of an inference at every point [s]."""
        return self.energy.latency(self.points.settings)

    @property
    def top_1(self) -> FloatArray:
        """Accuracy of every point: of the test set where there is one."""
        return self.calibration_top_1 if self.inputs.test is None else self.test_top_1

    @property
    def reconfiguration(self) -> FloatArray:
        """Energy of the switch from every point (rows) to every other [J]; NaN if not known."""
        settings, count = self.points.settings, len(self.points)
        if self.energy.reconfiguration is None:
            return np.full((count, count), np.nan)
        each = self.energy.reconfiguration[np.arange(settings.shape[1]), settings]
        changed = settings[:, None] != settings[None]
        return np.asarray((each[None] * changed).sum(axis=2), np.float64)


def run_search(
    config: SearchConfig,
    out: Path,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> SearchJobResult:
    """Search, and write `SEARCH_OUTPUTS` and a QDQ model per point into a folder.

    Where the search stands is kept in `OUT/stages`: the same command goes on from there.

    Parameters
    ----------
    say : callable
        Is told what is done next.
    progress : callable
        Is told how many evaluations of how many a stage has done.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used; no output is written then.
    """
    pe = chosen_pe(config.pe, config.energy)
    config = replace(config, pe=pe)
    meter = StageMeter()
    with meter.stage("quantisation"):
        inputs = read_precision_inputs(
            config.model, config.calibration, config.test, config.calset, pe,
            not config.truncate, config.acc_width,
        )  # fmt: skip
        given = [*inputs.files, *([config.energy] if config.energy else [])]
        refuse_overwriting(given, out, SEARCH_OUTPUTS)
        if config.energy and config.energy.resolve().parent == out.resolve():
            raise VoltileError(f"output folder {out} is that of the energy table; choose another")
        layers, precisions = len(inputs.network.names), len(inputs.network.element.products)
        if config.exhaustive:
            check_number(layers, precisions)
    with evaluations(inputs, config.workers, config.acc_width is not None) as evaluate:
        with meter.stage("full precision"):
            divergence = divergence_from_full(evaluate.calibration, layers)
            # Labels that do not fit are told at once.
            _top_1s(inputs, evaluate, np.zeros((1, layers), np.int64))
        with meter.stage("energy"):
            table = config.energy or computed_table(
                inputs, config.policy, config.vdd, out / "energy"
            )
            energy = read_precision_energy(table, inputs, config.policy, config.vdd)
        say(
            f"{inputs.model.stem}: {layers} layers of {precisions} precisions, "
            f"{len(inputs.calibration)} inputs for calibration; energy of {pe} elements "
            f"from {table}, {energy.policy} at {energy.reference_vdd:g} V"
        )
        parameters, divergences = config.parameters, _divergences_of(config, inputs)
        remove_search(out)
        with meter.stage("search"):
            found = search(
                divergence, energy.energy, parameters,
                _kept(out, "search", ".npz", parameters=parameters.of_populations,
                      energy=energy.energy.tolist(), **divergences),
                lambda done: progress("search", done, parameters.evaluations),
            )  # fmt: skip
        check = None
        if config.exhaustive:
            kept = _kept(out, "all", ".f64", **divergences)
            with meter.stage("all settings"):
                check = checked(divergence, energy, found, parameters.threshold, progress, kept)
        with meter.stage("accuracy"):
            points = _with_full(found.points, energy)
            calibration, test = _top_1s(inputs, evaluate, points.settings)
    result = SearchJobResult(config, inputs, energy, found, points, calibration, test, check)
    with meter.stage("outputs"):
        write_search(result, out)
    RunRecord(
        command=json.loads(json.dumps(asdict(config), default=str)),
        inputs={str(path): file_hash(path) for path in (*inputs.files, table)},
        versions={name: version(name) for name in ("voltile", "numpy", "onnxruntime", "pymoo")},
        seed=parameters.seed,
        stages=meter.costs,
    ).write(out / "run.json")
    return result


def _top_1s(
    inputs: PrecisionInputs, evaluate: Evaluations, settings: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Return the accuracies of settings on the calibration set and on the test set."""
    calibration = accuracies(evaluate.calibration, inputs.calibration, settings)
    if evaluate.test is None or inputs.test is None:
        return calibration, np.full(len(settings), np.nan)
    return calibration, accuracies(evaluate.test, inputs.test, settings)


def _divergences_of(config: SearchConfig, inputs: PrecisionInputs) -> dict[str, Any]:
    """Return what the divergence of a setting depends on."""
    return {
        "model": file_hash(inputs.model), "calibration": file_hash(inputs.calibration.path),
        "calset": len(inputs.calibration), "pe": config.pe, "truncate": config.truncate,
        "acc_width": config.acc_width,
    }  # fmt: skip


def _kept(out: Path, name: str, suffix: str, **made_from: Any) -> Path:
    """Return the file that keeps how far a stage is; those of other inputs are deleted."""
    folder = out / "stages"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{stage_key(**made_from)[:16]}{suffix}"
    for other in set(folder.glob(f"{name}-*{suffix}")) - {path}:
        other.unlink()
    return path


def _with_full(points: PrecisionPoints, energy: PrecisionEnergy) -> PrecisionPoints:
    """Return the points after full precision, each once, with the energy of all layers."""
    others = np.flatnonzero(points.settings.any(axis=1))
    settings = points.settings[others]
    return PrecisionPoints(
        np.concatenate([np.zeros_like(points.settings[:1]), settings]),
        np.concatenate([[energy.full], points.energy[others] + energy.others]),
        np.concatenate([[0.0], points.divergence[others]]),
    )
