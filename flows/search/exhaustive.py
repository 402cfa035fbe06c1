"""Every precision setting of a small network: the front that a search should find."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, write_atomically
from voltile.flows.search.fronts import pareto_front
from voltile.flows.search.objectives import Divergence, check_table, total_energy
from voltile.sim.precision_points import PrecisionPoints

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_SETTINGS = 3**11
"""That are tried: 17 layers of two precisions, 11 of three."""


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
    kept: Path | None = None,
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
    kept : Path, optional
        File of the divergences so far, written after every chunk; when it exists, only those that
        it lacks are evaluated.

    Raises
    ------
    VoltileError
        When there are more than `MOST_SETTINGS`, or the file is damaged.
    """
    check_table(energy)
    check_number(*energy.shape)
    settings = all_settings(*energy.shape)
    values = _read(kept, len(settings)) if kept is not None and kept.exists() else np.empty(0)
    while len(values) < len(settings):
        values = np.append(values, divergence(settings[len(values) : len(values) + chunk]))
        if kept is not None:
            with write_atomically(kept) as temporary:
                temporary.write_bytes(values.tobytes())
        progress(len(values))
    return PrecisionPoints(settings, total_energy(energy, settings), values)


def _read(path: Path, settings: int) -> FloatArray:
    content = path.read_bytes()
    values = np.frombuffer(content[: len(content) // 8 * 8])
    if len(content) % 8 or len(values) > settings or not (values >= 0).all():
        raise VoltileError(f"{path} has no divergences of these settings; delete it to begin anew")
    return values


def exhaustive_front(points: PrecisionPoints, threshold: float = np.inf) -> PrecisionPoints:
    """Return the Pareto points among those whose KL divergence is not above a threshold."""
    within = points.take(np.flatnonzero(points.divergence <= threshold))
    return within.take(pareto_front(within.objectives))
