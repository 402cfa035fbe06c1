"""Every precision setting of a small network: the front that a search should find."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.flows.search.fronts import pareto_front
from voltile.flows.search.objectives import Divergence, check_table, total_energy
from voltile.sim.precision_points import PrecisionPoints

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_SETTINGS = 2**14
"""That are tried: 14 layers of two precisions."""


def all_settings(layers: int, precisions: int) -> IntArray:
    """Return every setting, shape (settings, layers).

    Counted upwards with the first layer as the highest digit, so that neighbours share their first
    layers.
    """
    place = precisions ** np.arange(layers - 1, -1, -1)
    return np.asarray(np.arange(precisions**layers)[:, None] // place % precisions, np.int64)


def check_number(layers: int, precisions: int) -> None:
    """Check that there are few enough settings to try all.

    Raises
    ------
    VoltileError
        When there are more than `MOST_SETTINGS`.
    """
    if precisions**layers > MOST_SETTINGS:
        raise VoltileError(
            f"all settings are tried up to {MOST_SETTINGS}; {layers} layers of {precisions} "
            f"precisions have {precisions**layers}"
        )


def exhaustive_points(
    divergence: Divergence,
    energy: FloatArray,
    chunk: int = 256,
    progress: Callable[[int], None] = lambda done: None,
) -> PrecisionPoints:
    """Return all settings with their objectives.

    Parameters
    ----------
    divergence : callable
        Evaluates settings.
    energy : ndarray, shape (layers, precisions)
        [J].
    chunk : int
        Settings per evaluation.
    progress : callable
        Is told how many settings are done.

    Raises
    ------
    VoltileError
        When there are more than `MOST_SETTINGS`.
    """
    check_table(energy)
    check_number(*energy.shape)
    settings = all_settings(*energy.shape)
    values = []
    for start in range(0, len(settings), chunk):
        values.append(divergence(settings[start : start + chunk]))
        progress(min(start + chunk, len(settings)))
    return PrecisionPoints(settings, total_energy(energy, settings), np.concatenate(values))


def exhaustive_front(points: PrecisionPoints, threshold: float = np.inf) -> PrecisionPoints:
    """Return the Pareto points among those whose KL divergence is not above a threshold."""
    within = points.take(np.flatnonzero(points.divergence <= threshold))
    return within.take(pareto_front(within.objectives))
