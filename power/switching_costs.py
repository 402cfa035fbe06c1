"""What it costs to go from one operating mode to another: external converters and Vdd-MUX.

References
----------
T. D. Burd and R. W. Brodersen, "Design issues for dynamic voltage scaling", ISLPED 2000: energy and
time of a transition of the converter.
Texas Instruments, TPS62740 data sheet SLVSB02B: the converter of the defaults, of the class that
feeds a battery-powered core: 10 µF at its output, 300 mA, 90 % efficient.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from voltile.core import VoltileError
from voltile.power.operating_modes import OperatingModes


@dataclass(frozen=True)
class Converter:
    """An external DC/DC converter that is told another output voltage.

    Attributes
    ----------
    capacitance : float
        At its output [F]; 0 for a converter that follows at once and for nothing.
    max_current : float
        [A].
    efficiency : float
        With which the capacitance is charged and discharged.
    """

    capacitance: float = 10e-6
    max_current: float = 0.3
    efficiency: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.capacitance < inf:
            raise VoltileError(
                f"converter capacitance must be 0 or more and finite, not "
                f"{self.capacitance * 1e6:g} µF"
            )
        if not 0 < self.max_current < inf:
            raise VoltileError(
                f"converter current must be positive and finite, not {self.max_current:g} A"
            )
        if not 0 < self.efficiency <= 1:
            raise VoltileError(
                f"converter efficiency must be above 0 and at most 1, not {self.efficiency:g}"
            )

    def energy(self, before: float, after: float) -> float:
        """Energy lost when the output goes from one voltage to another, up or down [J]."""
        return (1 - self.efficiency) * self.capacitance * abs(after**2 - before**2)

    def time(self, before: float, after: float) -> float:
        """Time that the output takes from one voltage to another [s].

        Its current rises to the maximum and falls again: half of the maximum on average.
        """
        return 2 * self.capacitance / self.max_current * abs(after - before)


@dataclass(frozen=True)
class SwitchingCosts:
    """The converters of an emulated core, and how fast its Vdd-MUX switch.

    Attributes
    ----------
    converter : Converter
        One of each supply.
    mux_time : float or None
        From the order to switch tiles until they are at their new supply [s]. None: the load of the
        scan chain, one bit per tile at the clock of the slowest mode. The rails are faster: a
        header that drops 2 % of Vdd at the tile's peak current charges what hangs on the rail
        within a clock period.
    dithering_period : float
        Vdd-dithering is at VddH and at VddL once in so long a time [s]. The default is long
        against the load of its one bit, and short against the demands of a workload.
    """

    converter: Converter = field(default_factory=Converter)
    mux_time: float | None = None
    dithering_period: float = 100e-6

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise VoltileError("; ".join(faults))

    def switching_time(self, modes: OperatingModes) -> float:
        """Time of a change of the selection of tiles [s]."""
        if self.mux_time is not None:
            return self.mux_time
        return modes.n**2 / float(modes.frequency.min())

    def _faults(self) -> Iterator[str]:
        if self.mux_time is not None and not 0 <= self.mux_time < inf:
            yield f"Vdd-MUX time must be 0 or more and finite, not {self.mux_time * 1e9:g} ns"
        if not 0 < self.dithering_period < inf:
            yield (
                f"dithering period must be positive and finite, not "
                f"{self.dithering_period * 1e6:g} µs"
            )
