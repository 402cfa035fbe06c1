"""A search beside all settings of a small network (dissertation 3.3.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.flows.precision.energy import PrecisionEnergy
from voltile.flows.search import (
    SearchResult,
    exhaustive_front,
    exhaustive_points,
    hypervolume,
)
from voltile.flows.search.objectives import Divergence
from voltile.sim import PrecisionPoints


@dataclass(frozen=True)
class Check:
    """The front of all settings beside that of the search.

    Attributes
    ----------
    settings : int
        That there are.
    front : PrecisionPoints
        Pareto points among them within the threshold.
    ratio : float
        Hypervolume of the search's Pareto points as a part of theirs, up to the greatest KL
        divergence and energy of the true front's corner; NaN where that is none.
    """

    settings: int
    front: PrecisionPoints
    ratio: float


def checked(
    divergence: Divergence,
    energy: PrecisionEnergy,
    found: SearchResult,
    threshold: float,
    progress: Callable[[str, int, int], None],
    kept: Path,
) -> Check:
    """Evaluate all settings, and compare; how far this is stays in the file `kept`."""
    layers, precisions = energy.energy.shape
    every = exhaustive_points(
        divergence, energy.energy, kept=kept,
        progress=lambda done: progress("all settings", done, precisions**layers),
    )  # fmt: skip
    front = exhaustive_front(every, threshold)
    highest = threshold if np.isfinite(threshold) else float(every.divergence.max())
    corner = np.array([highest, energy.energy[:, 0].sum()])
    whole = hypervolume(front.objectives, corner)
    part = hypervolume(found.seen.take(found.pareto).objectives, corner)
    return Check(len(every), front, part / whole if whole else np.nan)
