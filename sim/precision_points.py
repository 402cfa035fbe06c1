"""Precision settings of a network and what each gives: energy, KL divergence, accuracy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class PrecisionPoints:
    """Settings that a network can be switched between (3.3).

    Attributes
    ----------
    settings : ndarray of int, shape (points, layers)
        As `core.precision` has them.
    energy : ndarray, shape (points,)
        Of an inference [J].
    divergence : ndarray, shape (points,)
        KL divergence from full precision.
    top_1 : ndarray, shape (points,), or None
        Share of right answers, where labels are known.
    """

    settings: IntArray
    energy: FloatArray
    divergence: FloatArray
    top_1: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.settings)

    @property
    def objectives(self) -> FloatArray:
        """KL divergence and energy, shape (points, 2)."""
        return np.stack([self.divergence, self.energy], axis=1)

    def take(self, points: IntArray) -> "PrecisionPoints":
        """Return some of the points, in the order given."""
        top_1 = None if self.top_1 is None else self.top_1[points]
        return PrecisionPoints(
            self.settings[points], self.energy[points], self.divergence[points], top_1
        )

    def best_first(self) -> IntArray:
        """Return the points from the most accurate on.

        By top-1 where it is known, then by the least KL divergence, then by the least energy.
        """
        wrong = np.zeros(len(self)) if self.top_1 is None else -self.top_1
        return np.lexsort((self.energy, self.divergence, wrong))
