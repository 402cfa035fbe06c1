"""What a thermal governor governs: a processor, its settings, what an inference takes at each."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.power.thermal.leakage_feedback import Leakage, steady_with_leakage
from voltile.power.thermal.network import ThermalNetwork
from voltile.power.thermal.vf_table import VfTable

Floats = NDArray[np.float64]


class Setting(NamedTuple):
    """What a governor chooses: a level of the VF table, and how many cores compute."""

    level: int
    cores: int


@dataclass(frozen=True, eq=False)
class Operation:
    """Inferences without a pause, at one setting.

    Attributes
    ----------
    latency : float
        Of one [s].
    power : ndarray, shape (sources,)
        Without leakage, mean over an inference [W].
    leakage : Leakage
    """

    latency: float
    power: Floats
    leakage: Leakage

    def __post_init__(self) -> None:
        if not 0 < self.latency < np.inf:
            raise ValueError(f"a latency must be positive and finite, not {self.latency:g} s")


class Named(Protocol):
    """What a processor computes."""

    @property
    def name(self) -> str:
        """Of the network."""
        ...


Computed = TypeVar("Computed", bound=Named)


@dataclass(frozen=True, eq=False)
class Processor(ABC, Generic[Computed]):
    """A processor in its package; its governor reads the hottest of the network's sources.

    Attributes
    ----------
    cores : int
        That can be shut down one by one.
    background : float
        Power of the rest of the chip, at all times, spread evenly over the sources [W].
    """

    table: VfTable
    cores: int
    network: ThermalNetwork
    background: float

    @abstractmethod
    def operation(self, inference: Computed, setting: Setting) -> Operation:
        """Return what an inference takes at a setting."""

    @property
    def fastest(self) -> Setting:
        """VF_max on all cores."""
        return Setting(self.table.highest, self.cores)

    def setting(self, frequency: float, cores: int | None = None) -> Setting:
        """Return the setting of a frequency [Hz] and a number of cores, by default all.

        Raises
        ------
        VoltileError
            When there is no such level, or are not so many cores.
        """
        chosen = Setting(self.table.level(frequency), self.cores if cores is None else cores)
        self.check(chosen)
        return chosen

    def check(self, setting: Setting) -> None:
        """Check that there is such a setting.

        Raises
        ------
        VoltileError
        """
        if not 0 <= setting.level <= self.table.highest:
            raise VoltileError(f"a level must be 0 to {self.table.highest}, not {setting.level}")
        if not 1 <= setting.cores <= self.cores:
            raise VoltileError(f"cores must be 1 to {self.cores}, not {setting.cores}")

    def name_of(self, setting: Setting) -> str:
        """Frequency of a setting, and its cores where these are not all."""
        frequency = f"{self.table.frequency[setting.level] / 1e6:g} MHz"
        few = setting.cores < self.cores
        return f"{frequency} on {setting.cores} of {self.cores} cores" if few else frequency

    def steady(self, inference: Computed, setting: Setting) -> Floats:
        """Temperature of every node at rest under inferences at a setting [degrees Celsius].

        Raises
        ------
        ThermalRunaway
        """
        now = self.operation(inference, setting)
        return steady_with_leakage(self.network, now.power, now.leakage)

    def idle(self) -> Floats:
        """Temperature of every node at rest with all cores off [degrees Celsius]."""
        sources = len(self.network.sources)
        return self.network.steady(np.full(sources, self.background / sources))

    def hottest(self, temperature: Floats) -> float:
        """Temperature that the governor reads, of those of all nodes [degrees Celsius]."""
        return float(temperature[self.network.sources].max())
