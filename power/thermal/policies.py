"""Thermal governors: what setting to take at the temperature that the sensor reads.

A policy is any function of the temperature [degrees Celsius] and the present setting to the next
one; it is asked once per polling period. Those here throttle: they go to a low setting above a
limit, and back below it.
"""

from collections.abc import Callable
from typing import Any

from voltile.core import VoltileError
from voltile.power.thermal.processor import Processor, Setting

Policy = Callable[[float, Setting], Setting]


def throttled(
    processor: Processor[Any], high: Setting, low: Setting, limit: float, hysteresis: float
) -> Policy:
    """Return the policy that holds `high`, but takes `low` from above a limit until well below it.

    Parameters
    ----------
    limit : float
        T_max [degrees Celsius].
    hysteresis : float
        How far below the limit to go back [K].

    Raises
    ------
    VoltileError
        When the limit less the hysteresis is not above the chip's temperature at rest, or the
        hysteresis is negative.
    """
    rest = processor.hottest(processor.idle())
    if not limit - hysteresis > rest or not hysteresis >= 0:
        raise VoltileError(
            f"a limit must be above the {rest:.1f} C of the idle chip in an ambient of "
            f"{processor.network.ambient:g} C, and its hysteresis 0 or more and within that, not "
            f"{limit:g} C with {hysteresis:g} K"
        )

    def policy(temperature: float, present: Setting) -> Setting:
        if temperature > limit:
            return low
        return high if temperature < limit - hysteresis or present != low else low

    return policy


def reactive(processor: Processor[Any], low: float, limit: float, hysteresis: float) -> Policy:
    """Throttle from VF_max to the level of a frequency [Hz]; see `throttled`."""
    return throttled(processor, processor.fastest, processor.setting(low), limit, hysteresis)


def proactive(
    processor: Processor[Any], held: float, low: float, limit: float, hysteresis: float
) -> Policy:
    """Hold the level of a frequency [Hz] from the start; throttle where that is too much."""
    return throttled(
        processor, processor.setting(held), processor.setting(min(held, low)), limit, hysteresis
    )


def core_shutdown(processor: Processor[Any], cores: int, limit: float, hysteresis: float) -> Policy:
    """Stay at VF_max, and shut cores down instead of throttling; see `throttled`."""
    fewer = processor.setting(float(processor.table.frequency[-1]), cores)
    return throttled(processor, processor.fastest, fewer, limit, hysteresis)
