"""What an accelerator computes under a thermal governor, on a die that is tiled with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.pdk import LeakageTemperature
from voltile.power.thermal import Accelerator, LevelledInference, ThermalGrid, Throttling

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AcceleratorWorkload:
    """A network at a precision, under a scheme that sets the supplies.

    Attributes
    ----------
    scheme : str
    area : float
        Of what takes the power of the array [m2].
    """

    scheme: str
    area: float
    grid: ThermalGrid
    accelerator: Accelerator
    inference: LevelledInference
    by: Throttling

    @property
    def title(self) -> str:
        """Network, precision and scheme."""
        return f"{self.inference.name}, {self.scheme}"


def leakage_factors(leaks: LeakageTemperature, vdd: Floats) -> Floats:
    """Return leakage over that of the libraries, shape (*vdd.shape, temperatures)."""
    found, at = np.unique(vdd, return_inverse=True)
    return np.array([leaks.factors(item) for item in found])[at.reshape(vdd.shape)]
