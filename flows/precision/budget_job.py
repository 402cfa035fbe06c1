"""A searched network under an energy budget over time: `voltile budget` (3.3.1)."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from math import isnan
from pathlib import Path

import numpy as np

from voltile.core import RunRecord, StageMeter, file_hash
from voltile.flows.output_files import all_outputs, refuse_overwriting, write_csv
from voltile.flows.precision.lookup_table import LookupTable, read_lookup
from voltile.sim import Budget, BudgetRun, read_budget, run_under_budget

BUDGET_OUTPUTS = ("budget.csv", "budget.png", "budget.json")
BUDGET_RUN_COLUMNS = (
    "time_s", "budget_j", "point", "within_budget", "inferences", "inference_energy_j",
    "switch_energy_j", "kl_divergence", "top1",
)  # fmt: skip


@dataclass(frozen=True)
class BudgetResult:
    """What the controller did.

    Attributes
    ----------
    table : LookupTable
        What it read.
    run : BudgetRun
        Over time.
    rate : float
        Inferences per second [1/s].
    """

    table: LookupTable
    run: BudgetRun
    rate: float

    @property
    def slow(self) -> str:
        """Which points are left out as too slow, in words; empty where none is."""
        numbers = np.flatnonzero(~self.run.fast)
        which = f"{'points' if len(numbers) > 1 else 'point'} {', '.join(map(str, numbers))}"
        return f"not fast enough: {which}" if len(numbers) else ""


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

    file = run_folder / "lookup.json"
    refuse_overwriting([budget, file], out, BUDGET_OUTPUTS)
    meter = StageMeter()
    with meter.stage("controller"):
        table = read_lookup(file)
        result = BudgetResult(table, _controlled(table, read_budget(budget), rate), rate)
    with all_outputs(out, BUDGET_OUTPUTS):
        with meter.stage("outputs"):
            write_csv(out / "budget.csv", BUDGET_RUN_COLUMNS, _rows(result.run))
            plot_budget(result, out / "budget.png")
        RunRecord(
            command={"budget": str(budget), "run": str(run_folder), "rate": rate},
            inputs={str(path): file_hash(path) for path in (budget, file)},
            versions={item: version(item) for item in ("voltile", "numpy")},
            seed=0,
            stages=meter.costs,
        ).write(out / "budget.json")
    return result


def _controlled(table: LookupTable, budget: Budget, rate: float) -> BudgetRun:
    """Return what the controller does, which does not know accuracies."""
    points, costs = table.points, table.reconfiguration
    blind = replace(points, top_1=None)
    zero = np.zeros((points.settings.shape[1], int(points.settings.max(initial=0)) + 1))
    costs = zero if costs is None else costs
    run = run_under_budget(blind, table.latency, budget, rate, costs)
    return run if points.top_1 is None else replace(run, accuracy=points.top_1[run.point])


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
