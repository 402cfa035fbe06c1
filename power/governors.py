"""Governors: which mode of a scheme to take for a demand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from voltile.power.dvfs import SupplyPoints
from voltile.power.operating_modes import OperatingModes

# Powers so close are equal: a level between two intervals is the same mode in both.
_EQUAL = 1e-6
# A clock so little beyond the reach of a mode is that reach, rounded by whoever wrote it.
ROUNDING = 1e-6


class Offer(NamedTuple):
    """One way to meet a demand.

    Attributes
    ----------
    vdd_low, vdd_high : float
        [V].
    reach : float
        Highest clock frequency [Hz].
    energy, leakage : float
        Per clock cycle [J] and [W], at the reach.
    dynamic_power, leakage_power : float
        At the demand [W].
    mode : int
        Whose tiles are raised.
    raise_rate : float
        How often all tiles are raised and lowered again [1/s]; 0 but for Vdd-dithering.
    """

    vdd_low: float
    vdd_high: float
    reach: float
    energy: float
    leakage: float
    dynamic_power: float
    leakage_power: float
    mode: int
    raise_rate: float

    @property
    def pair(self) -> tuple[float, float]:
        """VddL and VddH [V]."""
        return self.vdd_low, self.vdd_high


# Takes a demand, and the clock that the mode must reach [Hz].
Offers = Callable[[float, float], list[Offer]]


class Governor:
    """Takes the mode of lowest power that meets a demand.

    Among equals it takes one that leaves the pair of supplies as it is. At no demand the clock is
    off, and the mode of lowest leakage is taken.

    Parameters
    ----------
    dithering_period, switching_time : float
        Of Vdd-dithering: at VddH once in so long a time; to get there [s].
    """

    def __init__(
        self, modes: OperatingModes, dithering_period: float, switching_time: float
    ) -> None:
        self._reach = modes.reach
        if modes.scheme == "ideal":
            self._offers = _continuous(modes)
        elif modes.scheme == "dithering":
            self._offers = _time_shared(modes, dithering_period, switching_time)
        else:
            self._offers = _stepwise(modes)

    def choose(self, demand: float, needed: float, present: Offer | None = None) -> Offer:
        """Return the mode to take.

        Parameters
        ----------
        demand : float
            Within the reach of the scheme [Hz].
        needed : float
            Clock to be reached at least, to catch up; where no mode does, the highest is taken
            [Hz].
        present : Offer or None
            Mode that the core is in.
        """

        def cost(offer: Offer) -> float:
            power = offer.dynamic_power + offer.leakage_power
            stays = present is not None and offer.pair == present.pair
            return power * (1 - _EQUAL) if stays else power

        needed = min(needed, self._reach)
        best = min(self._offers(demand, needed), key=cost)
        return best._replace(reach=max(best.reach, needed))


def _continuous(modes: OperatingModes) -> Offers:
    """Ideal-DVFS: one supply, just high enough."""
    points = SupplyPoints(modes.vdd_high, modes.frequency, modes.energy, modes.leakage)

    def offers(demand: float, needed: float) -> list[Offer]:
        at = points.meeting(np.array([needed]))
        vdd, reach, energy, leakage = (
            float(values[0]) for values in (at.vdd, at.frequency, at.energy, at.leakage)
        )
        return [Offer(vdd, vdd, reach, energy, leakage, demand * energy, leakage, 0, 0.0)]

    return offers


def _rows(modes: OperatingModes) -> list[tuple[float, float, float, float, float]]:
    return list(
        zip(
            modes.vdd_low.tolist(), modes.vdd_high.tolist(), modes.frequency.tolist(),
            modes.energy.tolist(), modes.leakage.tolist(), strict=True,
        )
    )  # fmt: skip


def _stepwise(modes: OperatingModes) -> Offers:
    """Vdd-hopping and FINE-VH: every mode that is fast enough."""
    rows = _rows(modes)

    def offers(demand: float, needed: float) -> list[Offer]:
        return [
            Offer(low, high, reach, energy, leakage, demand * energy, leakage, mode, 0.0)
            for mode, (low, high, reach, energy, leakage) in enumerate(rows)
            if needed <= reach * (1 + ROUNDING)
        ]

    return offers


def _time_shared(modes: OperatingModes, period: float, switching_time: float) -> Offers:
    """Vdd-dithering: at VddH for such a share of the time that the average is met (Eq. 4.1).

    While it is raised, the design is at VddH but still at the clock of VddL. Where there is no time
    for that, it stays at VddH. Work that is late is caught up with at VddH.
    """
    rows = _rows(modes)
    pairs = list(enumerate(zip(rows[::2], rows[1::2], strict=True)))
    raising = switching_time / period

    def offers(demand: float, needed: float) -> list[Offer]:
        found = []
        for index, (low, high) in pairs:
            _, _, slow, low_energy, low_leakage = low
            _, _, fast, high_energy, high_leakage = high
            share = min((demand - slow) / (fast - slow), 1.0)
            if needed <= slow * (1 + ROUNDING):
                found.append(Offer(*low, demand * low_energy, low_leakage, 2 * index, 0.0))
            elif needed > fast * (1 + ROUNDING):
                continue
            elif not 0 < share < 1 - raising:
                found.append(Offer(*high, demand * high_energy, high_leakage, 2 * index + 1, 0.0))
            else:
                at_low = 1 - share - raising
                at_high = raising * slow + share * fast
                dynamic = at_low * slow * low_energy + at_high * high_energy
                leakage = at_low * low_leakage + (1 - at_low) * high_leakage
                found.append(Offer(*high, dynamic, leakage, 2 * index, 1 / period))
        return found

    return offers
