"""Which level is the fastest in the long run: latency over level and number of inferences.

Every level is held proactively (dissertation 4.2.2); the highest is the reactive governor. The
inferences of a run do not depend on how many follow, so that one run serves all numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.power.thermal.inference_run import InferenceRun, run_inferences
from voltile.power.thermal.policies import proactive
from voltile.power.thermal.processor import Computed, Processor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Throttling:
    """How a governor throttles.

    Attributes
    ----------
    low : float
        VF_low [Hz].
    limit, hysteresis : float
        T_max [degrees Celsius]; how far below to go back [K].
    period : float
        Between polls [s].
    """

    low: float
    limit: float
    hysteresis: float
    period: float


@dataclass(frozen=True, eq=False)
class LevelStatistics:
    """Of one level, over the numbers of inferences; arrays of shape (numbers,).

    Attributes
    ----------
    latency, deviation : ndarray
        Mean and standard deviation [s].
    throttled : ndarray
        Share of the time at VF_low.
    """

    frequency: float
    latency: Floats
    deviation: Floats
    throttled: Floats


def level_statistics(
    processor: Processor[Computed],
    inference: Computed,
    frequency: float,
    counts: Sequence[int],
    by: Throttling,
) -> LevelStatistics:
    """Hold the level of a frequency [Hz] for as many inferences as the largest of `counts`.

    Raises
    ------
    VoltileError
        When a count is below 1, or the governor cannot be.
    ThermalRunaway
    """
    if not counts or min(counts) < 1:
        raise VoltileError(f"numbers of inferences must be 1 or more, not {list(counts)}")
    policy = proactive(processor, frequency, by.low, by.limit, by.hysteresis)
    run = run_inferences(processor, inference, policy, by.period, count=max(counts))
    return run_statistics(frequency, run, counts)


def run_statistics(frequency: float, run: InferenceRun, counts: Sequence[int]) -> LevelStatistics:
    """Return the statistics of the first inferences of a run, for each of `counts`."""
    parts = [run.latency[:count] for count in counts]
    return LevelStatistics(
        frequency,
        np.array([part.mean() for part in parts]),
        np.array([part.std() for part in parts]),
        np.array([run.slowed_share(run.end[count - 1]) for count in counts]),
    )


def best_levels(levels: Sequence[LevelStatistics]) -> Ints:
    """Return for each number of inferences which of the levels has the lowest mean latency."""
    best: Ints = np.array([level.latency for level in levels]).argmin(axis=0)
    return best
