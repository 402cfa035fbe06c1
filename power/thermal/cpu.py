"""A multi-core processor that computes inferences: speed, power and heat at a setting.

Latency goes with 1 / (frequency x cores), and dynamic power with frequency x Vdd^2 x cores: what
memory takes its own time for, and what threads wait for each other, is not modelled. Leakage goes
with Vdd^2.5 x cores, as that of FreePDK45 cells (bench/leakage_temperature.py has its temperature;
an inverter leaks 95, 52 and 27 nW at 1.0, 0.8 and 0.6 V). A change of the setting takes no time.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.power.thermal.leakage_feedback import Leakage
from voltile.power.thermal.network import ThermalNetwork
from voltile.power.thermal.vf_table import VfTable

Floats = NDArray[np.float64]

_LEAKAGE_EXPONENT = 2.5


class Setting(NamedTuple):
    """What a governor chooses: a level of the VF table, and how many cores compute."""

    level: int
    cores: int


@dataclass(frozen=True)
class Inference:
    """A network that is computed over and over.

    Attributes
    ----------
    latency : float
        Nominal: at the highest level on all cores [s].
    power : float
        Dynamic, then [W].
    """

    name: str
    latency: float
    power: float


@dataclass(frozen=True, eq=False)
class Cpu:
    """A processor in its package.

    Attributes
    ----------
    network : ThermalNetwork
        With one source, the die, whose temperature the governor reads.
    background : float
        Power of the rest of the chip, at all times [W].
    leakage : Leakage
        At the highest level, all cores on.
    """

    table: VfTable
    cores: int
    network: ThermalNetwork
    background: float
    leakage: Leakage

    def __post_init__(self) -> None:
        if len(self.network.sources) != 1:
            raise ValueError(
                f"a CPU's network must have one source, not {len(self.network.sources)}"
            )

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

    def latency(self, inference: Inference, setting: Setting) -> float:
        """Time of an inference [s]."""
        frequency = self.table.frequency
        slower = frequency[-1] / frequency[setting.level] * self.cores / setting.cores
        return float(inference.latency * slower)

    def power(self, inference: Inference, setting: Setting) -> float:
        """Power without leakage [W]."""
        frequency, vdd = self.table.frequency, self.table.vdd
        part = frequency[setting.level] / frequency[-1] * (vdd[setting.level] / vdd[-1]) ** 2
        return float(self.background + inference.power * part * setting.cores / self.cores)

    def leakage_at(self, setting: Setting) -> Leakage:
        """Leakage at a setting."""
        part = (self.table.vdd[setting.level] / self.table.vdd[-1]) ** _LEAKAGE_EXPONENT
        scale = part * setting.cores / self.cores
        return replace(self.leakage, power=self.leakage.power * scale)

    def idle(self) -> Floats:
        """Temperature of every node at rest with all cores off [degrees Celsius]."""
        return self.network.steady(np.array([self.background]))
