"""Leakage that heats what it leaks from: temperatures at rest and over time, thermal runaway.

At rest, temperature and leakage are a fixed point: T = T(P + L(T)). From the temperatures without
leakage on, each pass adds the leakage of the one before. As leakage grows with temperature, this
climbs to the lowest fixed point; where there is none, it does not end. The ratio of a pass to the
one before tends to the loop gain, dT/dP dL/dT; at 1 or more, the chip runs away.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal.network import ThermalNetwork
from voltile.power.thermal.transient import Stepper

Floats = NDArray[np.float64]

# How far from the fixed point to end [K], and after how many passes.
_CLOSE = 1e-6
_MOST_PASSES = 2000


@dataclass(frozen=True, eq=False)
class Leakage:
    """Leakage of every source over its temperature, exponential between characterised points.

    Attributes
    ----------
    temperatures : ndarray, shape (points,)
        Ascending, two or more [degrees Celsius].
    power : ndarray, shape (points, sources)
        At a supply, or the sum of what is at several; of each source above 0, or 0 throughout [W].
    """

    temperatures: Floats
    power: Floats

    def __post_init__(self) -> None:
        if not (len(self.temperatures) > 1 and (np.diff(self.temperatures) > 0).all()):
            raise ValueError(
                f"leakage must be known at two ascending temperatures or more, not "
                f"{self.temperatures.tolist()} C"
            )
        # An exponential does not begin at 0.
        growing = (self.power > 0).all(axis=0) | (self.power == 0).all(axis=0)
        if not (growing.all() and np.isfinite(self.power).all()):
            raise ValueError("leakage of a source must be above 0 and finite, or 0 throughout")

    @property
    def limit(self) -> float:
        """Highest temperature at which it is known [degrees Celsius]."""
        return float(self.temperatures[-1])

    @cached_property
    def _growth(self) -> Floats:
        """From each point to the next; 1 where nothing leaks."""
        low, high = self.power[:-1], self.power[1:]
        return np.divide(high, low, out=np.ones_like(low), where=low > 0)

    def at(self, temperature: Floats) -> Floats:
        """Return the leakage of every source [W] at its temperature [degrees Celsius].

        Raises
        ------
        ValueError
            When there are not as many temperatures as sources.
        VoltileError
            For a temperature below those that are known.
        ThermalRunaway
            For one above.
        """
        known = self.temperatures
        if temperature.shape != self.power.shape[1:]:
            raise ValueError(
                f"leakage is that of {self.power.shape[1]} sources, which must have a temperature "
                f"each, not {len(temperature)}"
            )
        coldest, hottest = float(temperature.min()), float(temperature.max())
        if coldest < known[0]:
            raise VoltileError(
                f"leakage is known from {known[0]:g} to {known[-1]:g} C, not at {coldest:.1f} C"
            )
        if hottest > known[-1]:
            raise ThermalRunaway(
                f"the chip reaches {hottest:.1f} C, and leakage is known up to {known[-1]:g} C: "
                f"lower its power, or cool it better",
                hottest,
            )
        below = np.minimum(np.searchsorted(known, temperature, "right"), len(known) - 1) - 1
        part = (temperature - known[below]) / (known[below + 1] - known[below])
        source = np.arange(len(temperature))
        found: Floats = self.power[below, source] * self._growth[below, source] ** part
        return found


def steady_with_leakage(network: ThermalNetwork, power: Floats, leakage: Leakage) -> Floats:
    """Return the temperature of every node at rest [degrees Celsius].

    Parameters
    ----------
    power : ndarray, shape (sources,)
        Without leakage [W].

    Raises
    ------
    ThermalRunaway
        When no temperature up to the limit of the leakage is steady.
    """
    temperature, change, gain = network.steady(power), np.inf, 0.0
    for _ in range(_MOST_PASSES):
        here = temperature[network.sources]
        if here.max() > leakage.limit:
            break
        later = network.steady(power + leakage.at(here))
        before, change = change, float(np.abs(later - temperature).max())
        gain = change / before if before > 0 else 0.0
        temperature = later
        if gain < 1 and change * max(gain, 0.5) < _CLOSE * (1 - gain):
            return temperature
    raise ThermalRunaway(
        f"no temperature up to {leakage.limit:g} C is steady under {power.sum():.4g} W and "
        f"leakage: lower its power, or cool it better",
        leakage.limit,
    )


def advance_with_leakage(
    along: Stepper, temperature: Floats, power: Floats, leakage: Leakage
) -> Floats:
    """Return the temperatures of all nodes a step later, leakage added.

    Leakage is the mean of those at both ends of the step, the end foreseen with that of the start:
    of second order in the step.

    Raises
    ------
    ThermalRunaway
        Above the limit of the leakage.
    """
    along.network.check_power(power)
    sources = along.network.sources
    now = leakage.at(temperature[sources])
    foreseen = along.advance(temperature, power + now)
    later = leakage.at(foreseen[sources])
    return along.advance(temperature, power + 0.5 * (now + later))
