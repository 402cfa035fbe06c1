"""A network whose precision follows an energy budget at run time (dissertation 3.3.1).

At every change of the budget the controller takes the most accurate point whose energy per
inference is within it, and where none is, the one of the least energy; both among the points at
which an inference takes no longer than until the next begins. It does not know how long a
budget will hold, so the energy of the switch takes no part in the choice; it is drawn, and counted,
on top.

To switch, the weights of each layer whose precision changes are reconfigured (3.3.2). What this
takes depends on the new precision only, as weights are always made from those of full precision.
The network begins at full precision. The time of a switch is not counted.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_steps
from voltile.sim.precision_points import PrecisionPoints

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BUDGET_COLUMNS = ("time_s", "budget_j")
MOST_RATE = 1e9
"""Of inferences [1/s], so that those of the longest trace are counted in 64 bits."""
_MOST_BUDGET = 1e6
# Of the number of an inference, so that one at a change of the budget counts to what follows.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Budget:
    """Energy that an inference may take, over time.

    Attributes
    ----------
    time : ndarray, shape (budgets + 1,)
        Start of each budget, and the end [s].
    energy : ndarray, shape (budgets,)
        [J].
    """

    time: FloatArray
    energy: FloatArray


def read_budget(path: Path) -> Budget:
    """Read a CSV file of time_s and budget_j, the energy of an inference.

    A row holds until the time of the next. The last row ends the trace: its budget is 0 or empty.

    Raises
    ------
    VoltileError
        As by `core.read_steps`, and for a budget above a megajoule.
    """
    steps = read_steps(path, BUDGET_COLUMNS)
    for line, value in zip(steps.line, steps.value, strict=True):
        if value > _MOST_BUDGET:
            raise VoltileError(
                f"{path}:{line}: budget_j must be {_MOST_BUDGET:g} or less, not {value:g}"
            )
    return Budget(steps.time, steps.value)


@dataclass(frozen=True)
class BudgetRun:
    """What a network did under a budget; arrays of shape (budgets,), but one.

    Attributes
    ----------
    budget : Budget
        That of every stretch of time.
    point : ndarray of int
        Point that was chosen.
    inferences : ndarray of int
        That began in the stretch.
    inference_energy, switch_energy : ndarray
        Of all inferences, and of the switch at the beginning [J].
    accuracy : ndarray
        Top-1 of the point, NaN where it is not known.
    divergence : ndarray
        KL divergence of the point.
    met : ndarray of bool
        Whether the point is within the budget.
    fast : ndarray of bool, shape (points,)
        Points that keep up with the rate, to choose from.
    """

    budget: Budget
    point: IntArray
    inferences: IntArray
    inference_energy: FloatArray
    switch_energy: FloatArray
    accuracy: FloatArray
    divergence: FloatArray
    met: BoolArray
    fast: BoolArray

    @property
    def energy(self) -> float:
        """Of inferences and switches [J]."""
        return float(self.inference_energy.sum() + self.switch_energy.sum())

    @property
    def switches(self) -> int:
        """Number of changes from one point to another."""
        return int(np.count_nonzero(np.diff(self.point)))

    @property
    def mean_accuracy(self) -> float:
        """Over the inferences; NaN when there is none."""
        total = self.inferences.sum()
        return float(self.accuracy @ self.inferences / total) if total else float("nan")


def run_under_budget(
    points: PrecisionPoints,
    latency: FloatArray,
    budget: Budget,
    rate: float,
    reconfiguration: FloatArray,
) -> BudgetRun:
    """Emulate the controller.

    Parameters
    ----------
    points : PrecisionPoints
        Those to choose from.
    latency : ndarray, shape (points,)
        Time of an inference at each [s].
    budget : Budget
        Energy of an inference over time.
    rate : float
        Inferences per second, at even distances from the beginning on [1/s].
    reconfiguration : ndarray, shape (layers, precisions)
        Energy to make the weights of a layer those of a precision [J].

    Raises
    ------
    VoltileError
        When there is no point, the rate is not above 0 and up to `MOST_RATE` and to what the
        fastest point reaches, or the energies of reconfiguration are of other layers.
    """
    if not len(points):
        raise VoltileError("there is no operating point to choose from")
    fast = rate * latency <= 1 + _ROUNDING
    if not (0 < rate <= MOST_RATE and fast.any()):
        most = min(MOST_RATE, 1 / latency.min())
        raise VoltileError(
            f"rate must be above 0 and up to {most:.9g} per second, not {rate:g}: an inference "
            f"takes {latency.min():.4g} s at the fastest operating point"
        )
    layers = points.settings.shape[1]
    if reconfiguration.ndim != 2 or len(reconfiguration) != layers:
        raise VoltileError(
            f"energies of reconfiguration must be of {layers} layers, not of the shape "
            f"{reconfiguration.shape}"
        )
    best = points.best_first()
    best = best[fast[best]]
    allowed = points.energy[best] <= budget.energy[:, None]
    met = np.asarray(allowed.any(axis=1))
    chosen = np.where(met, best[allowed.argmax(axis=1)], best[points.energy[best].argmin()])
    begun = np.ceil((budget.time - budget.time[0]) * rate - _ROUNDING)
    inferences = np.diff(begun).astype(np.int64)
    top_1 = np.full(len(points), np.nan) if points.top_1 is None else points.top_1
    return BudgetRun(
        budget, chosen, inferences, points.energy[chosen] * inferences,
        _switch_energy(points.settings[chosen], reconfiguration),
        top_1[chosen], points.divergence[chosen], met, fast,
    )  # fmt: skip


def _switch_energy(settings: IntArray, reconfiguration: FloatArray) -> FloatArray:
    """Return the energy of getting to each setting from the one before it."""
    before = np.concatenate([np.zeros_like(settings[:1]), settings[:-1]])
    each = reconfiguration[np.arange(settings.shape[1]), settings]
    return np.asarray((each * (settings != before)).sum(axis=1), np.float64)
