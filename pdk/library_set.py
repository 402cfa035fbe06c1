"""The cell libraries of a few supplies in every bias, and what drivers at a lower supply do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.library import CellLibrary
from voltile.pdk.mixed_supply import MixedSupply
from voltile.pdk.technology import Technology

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LibrarySet:
    """Versions that an instance can be of: a supply and a bias.

    Attributes
    ----------
    vdds : tuple of float
        Supplies [V], ascending.
    libraries : tuple of CellLibrary
        Of the first supply in every bias, then of the second, and so on.
    mixed_supply : MixedSupply, optional
    leakage_corner : str
    """

    vdds: tuple[float, ...]
    biases: tuple[str, ...]
    libraries: tuple[CellLibrary, ...]
    mixed_supply: MixedSupply | None = None
    leakage_corner: str = ""

    @classmethod
    def of(
        cls, technology: Technology, vdds: Sequence[float], biases: Sequence[str] | None = None
    ) -> "LibrarySet":
        """Return the libraries of a technology at some supplies, by default in its first bias."""
        biases = tuple(biases or technology.biases[:1])
        vdds = tuple(sorted(vdds))
        return cls(
            vdds,
            biases,
            tuple(technology.library(vdd, bias) for vdd in vdds for bias in biases),
            technology.mixed_supply,
            technology.leakage_corner,
        )

    def index(self, supply: Ints, bias: Ints | int = 0) -> Ints:
        """Return which of `libraries` is of a supply and a bias, by their numbers."""
        return np.asarray(supply * len(self.biases) + bias)
