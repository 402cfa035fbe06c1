"""A multi-core processor that computes inferences: speed, power and heat at a setting.

Latency goes with 1 / (frequency x cores), and dynamic power with frequency x Vdd^2 x cores: what
memory takes its own time for, and what threads wait for each other, is not modelled. Leakage goes
with Vdd^2.5 x cores, as that of FreePDK45 cells (bench/leakage_temperature.py has its temperature;
an inverter leaks 95, 52 and 27 nW at 1.0, 0.8 and 0.6 V). A change of the setting takes no time.
"""

from dataclasses import dataclass, replace

import numpy as np

from voltile.power.thermal.leakage_feedback import Leakage
from voltile.power.thermal.processor import Operation, Processor, Setting

_LEAKAGE_EXPONENT = 2.5


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
class Cpu(Processor[Inference]):
    """A processor in its package; its network has one source, the die.

    Attributes
    ----------
    leakage : Leakage
        At the highest level, all cores on.
    """

    leakage: Leakage

    def __post_init__(self) -> None:
        if len(self.network.sources) != 1:
            raise ValueError(
                f"a CPU's network must have one source, not {len(self.network.sources)}"
            )

    def operation(self, inference: Inference, setting: Setting) -> Operation:
        """See `Processor`."""
        power = np.array([self.power(inference, setting)])
        return Operation(self.latency(inference, setting), power, self.leakage_at(setting))

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
