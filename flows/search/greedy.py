"""Greedy assignment of precisions for a target accuracy (dissertation Algorithm 4)."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.flows.search.objectives import check_table, total_energy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """A precision per layer that was found for a target accuracy.

    Attributes
    ----------
    setting : ndarray of int, shape (layers,)
        As `core.precision` has it.
    accuracy : float
        Of the setting, on the calibration set.
    effort : float
        Of the setting, in the unit of the effort of layers.
    met : bool
        Whether the accuracy is the target or more. If full precision is below it and no first step
        mends that, the setting is full precision.
    """

    setting: IntArray
    accuracy: float
    effort: float
    met: bool


def assign_precisions(
    accuracy: Callable[[IntArray], float], effort: FloatArray, target: float
) -> Assignment:
    """Lower precisions layer by layer while the accuracy stays at the target or above.

    The layer of the most effort at its current precision comes first, of equals the first in the
    network. After a step that keeps the target, layers that cannot go lower are left out, the
    others sorted anew, and the first is tried again; after one that does not, the step is taken
    back and the next layer is tried. A step goes to the next lower precision that takes less
    effort, which by Table 3.9 every lower one does.

    Parameters
    ----------
    accuracy : callable
        Of a setting, shape (layers,).
    effort : ndarray, shape (layers, precisions)
        Operations (Eq. 3.9), or energy [J].
    target : float
        Least accuracy.

    Raises
    ------
    VoltileError
        When the effort is no table.
    """
    assigning = assignment(effort, target)
    setting = next(assigning)
    while True:
        try:
            setting = assigning.send(accuracy(setting))
        except StopIteration as end:
            found: Assignment = end.value
            return found


def assignment(effort: FloatArray, target: float) -> Generator[IntArray, float, Assignment]:
    """Yield the settings that `assign_precisions` asks for, each for its accuracy; return the last.

    So several assignments can go on together.
    """
    check_table(effort, "effort")
    setting = np.zeros(len(effort), np.int64)
    reached = yield setting
    steps = _steps(effort, setting)
    number = 0
    while number < len(steps):
        layer, lower = steps[number]
        lowered = setting.copy()
        lowered[layer] = lower
        found = yield lowered
        if found < target:
            number += 1
            continue
        setting, reached = lowered, found
        steps = _steps(effort, setting)
        number = 0
    return Assignment(setting, reached, float(total_energy(effort, setting)), reached >= target)


def _steps(effort: FloatArray, setting: IntArray) -> list[tuple[int, int]]:
    """Return layers that can go lower with the precision each goes to, the most effort first."""
    current = effort[np.arange(len(setting)), setting]
    steps = []
    for layer in np.argsort(-current, kind="stable").tolist():
        precision = int(setting[layer])
        less = np.flatnonzero(effort[layer, precision:] < current[layer])
        if len(less):
            steps.append((layer, precision + int(less[0])))
    return steps
