"""A searched network under an energy budget over time: `voltile budget` (3.3.1)."""

import json
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, VoltileError, file_hash
from voltile.flows.output_files import refuse_overwriting, write_csv
from voltile.flows.precision.search_outputs import LOOKUP_SCHEMA
from voltile.sim import BudgetRun, PrecisionPoints, read_budget, run_under_budget

BUDGET_OUTPUTS = ("budget.csv", "budget.png", "budget.json")
BUDGET_RUN_COLUMNS = (
    "time_s", "budget_j", "point", "within_budget", "inferences", "inference_energy_j",
    "switch_energy_j", "kl_divergence", "top1",
)  # fmt: skip


@dataclass(frozen=True)
class Lookup:
    """A look-up table of operating points.

    Attributes
    ----------
    network : str
        Name.
    subject : str
        On what and by which energies, for captions.
    points : PrecisionPoints
        With the accuracy that is known best.
    reconfiguration : ndarray, shape (layers, precisions), or None
        To make the weights of a layer those of a precision [J]; None when it is not known.
    """

    network: str
    subject: str
    points: PrecisionPoints
    reconfiguration: NDArray[np.float64] | None


@dataclass(frozen=True)
class BudgetResult:
    """What the controller did.

    Attributes
    ----------
    lookup : Lookup
        The points that it had.
    run : BudgetRun
        Over time.
    rate : float
        Inferences per second [1/s].
    """

    lookup: Lookup
    run: BudgetRun
    rate: float


def run_budget(budget: Path, run_folder: Path, rate: float, out: Path) -> BudgetResult:
    """Emulate the run-time controller of a finished search, and write `BUDGET_OUTPUTS`.

    It goes by the KL divergence, which needs no labels; accuracy is that of the test set, else that
    of the calibration set.

    Parameters
    ----------
    budget : Path
        CSV of time_s, budget_j.
    rate : float
        Inferences per second [1/s].

    Raises
    ------
    VoltileError
        For a budget, a run folder or a rate that cannot be used.
    """
    from voltile.flows.precision.budget_plots import plot_budget

    table = run_folder / "lookup.json"
    refuse_overwriting([budget, table], out, BUDGET_OUTPUTS)
    lookup = read_lookup(table)
    points, costs = lookup.points, lookup.reconfiguration
    blind = replace(points, top_1=None)
    zero = np.zeros((points.settings.shape[1], int(points.settings.max(initial=0)) + 1))
    run = run_under_budget(blind, read_budget(budget), rate, zero if costs is None else costs)
    if points.top_1 is not None:
        run = replace(run, accuracy=points.top_1[run.point])
    result = BudgetResult(lookup, run, rate)
    out.mkdir(parents=True, exist_ok=True)
    for item in BUDGET_OUTPUTS:
        (out / item).unlink(missing_ok=True)
    write_csv(out / "budget.csv", BUDGET_RUN_COLUMNS, _rows(run))
    plot_budget(result, out / "budget.png")
    RunRecord(
        command={"budget": str(budget), "run": str(run_folder), "rate": rate},
        inputs={str(path): file_hash(path) for path in (budget, table)},
        versions={item: version(item) for item in ("voltile", "numpy")},
        seed=0,
    ).write(out / "budget.json")
    return result


def read_lookup(path: Path) -> Lookup:
    """Read the `lookup.json` of a search.

    Raises
    ------
    VoltileError
        When it is none.
    """
    try:
        content = json.loads(path.read_text())
        if content["schema"] != LOOKUP_SCHEMA:
            raise VoltileError(f"{path} has schema {content['schema']}, not {LOOKUP_SCHEMA}")
        modes, rows = list(content["precisions"]), content["points"]
        layers = [layer["layer"] for layer in rows[0]["layers"]]
        settings = np.array(
            [[modes.index(layer["precision"]) for layer in point["layers"]] for point in rows]
        )
        energy = np.array([point["energy_pj"] for point in rows], np.float64) * 1e-12
        divergence = np.array([point["kl_divergence"] for point in rows], np.float64)
        shares = [
            point["top1_calibration" if point["top1_test"] is None else "top1_test"]
            for point in rows
        ]
        top_1 = None if None in shares else np.array(shares, np.float64)
        costs = content["reconfiguration_pj"]
        known = None if costs is None else 1e-12 * np.array(
            [[costs[name][mode] for mode in modes] for name in layers], np.float64
        )  # fmt: skip
        subject = (
            f"{content['network']} on {content['element']} elements; energy: {content['policy']} "
            f"at {content['reference_vdd_v']:g} V"
        )
        points = PrecisionPoints(settings, energy, divergence, top_1)
        return Lookup(content["network"], subject, points, known)
    except OSError as error:
        raise VoltileError(
            f"{path} cannot be read ({error.strerror}); first run: voltile search"
        ) from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise VoltileError(f"{path} is no look-up table of a search") from None


def _rows(run: BudgetRun) -> list[tuple[object, ...]]:
    return [
        (
            f"{run.budget.time[at]:.9g}", f"{run.budget.energy[at]:.9g}", run.point[at],
            str(bool(run.met[at])).lower(), run.inferences[at], f"{run.inference_energy[at]:.9g}",
            f"{run.switch_energy[at]:.9g}", f"{run.divergence[at]:.9g}",
            "" if isnan(run.accuracy[at]) else f"{run.accuracy[at]:.6g}",
        )
        for at in range(len(run.point))
    ]  # fmt: skip
