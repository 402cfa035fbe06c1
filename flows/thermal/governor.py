"""Checks of what a user asks of a thermal governor, before anything is computed."""

from collections.abc import Mapping
from math import inf
from typing import Any

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal import MOST_POLLS, Processor, Throttling
from voltile.power.thermal.processor import Computed

OPTIONS = {name: f"--{name}" for name in ("low", "limit", "hysteresis", "period")}


def check_governor(
    processor: Processor[Any], by: Throttling, known: float, names: Mapping[str, str]
) -> None:
    """Check that a governor can throttle a processor.

    Parameters
    ----------
    known : float
        Temperature up to which leakage is known [degrees Celsius].
    names : mapping
        Of every part of `by` to where the user gives it.

    Raises
    ------
    VoltileError
    """
    try:
        processor.table.level(by.low)
    except VoltileError as error:
        raise VoltileError(f"{names['low']}: {error}") from None
    rest = processor.hottest(processor.idle())
    if not rest < by.limit <= known:
        raise VoltileError(
            f"{names['limit']} must be above the {rest:.1f} C of the idle chip in an ambient of "
            f"{processor.network.ambient:g} C, up to the {known:g} C to which leakage is known, "
            f"not {by.limit:g} C"
        )
    if not 0 <= by.hysteresis < by.limit - rest:
        raise VoltileError(
            f"{names['hysteresis']} must be 0 or more, and less than the {by.limit - rest:.1f} K "
            f"between {by.limit:g} C and the {rest:.1f} C of the idle chip, not {by.hysteresis:g} K"
        )
    if not 0 < by.period < inf:
        raise VoltileError(
            f"{names['period']} must be positive and finite, not {by.period * 1e3:g} ms"
        )


def unkept_limit(processor: Processor[Computed], inference: Computed, by: Throttling) -> str:
    """Tell of a limit that VF_low on all cores does not keep; empty where it does."""
    low = processor.setting(by.low)
    at = f"even at VF_low, {processor.name_of(low)}"
    try:
        rest = processor.hottest(processor.steady(inference, low))
    except ThermalRunaway as error:
        return f"{inference.name} {at}, runs away: steady nowhere up to {error.temperature:g} C"
    if rest <= by.limit:
        return ""
    return (
        f"{inference.name} {at}, comes to rest at {rest:.1f} C, above the limit of {by.limit:g} C"
    )


def check_duration(duration: float, period: float, polls: int, longest: float = 0.0) -> None:
    """Check that runs last some polls, and end before long; all in seconds.

    Parameters
    ----------
    polls : int
        Least number in `duration`.
    longest : float
        Of all runs but those of `duration`.

    Raises
    ------
    VoltileError
    """
    if not polls * period <= duration < inf:
        raise VoltileError(
            f"--duration must be {polls * period:g} s or more, and finite, not {duration:g} s"
        )
    if max(duration, longest) / period > MOST_POLLS:
        raise VoltileError(
            f"{max(duration, longest):g} s polled every {period * 1e3:g} ms make more than "
            f"{MOST_POLLS:g} polls: take a longer --period, or less time"
        )
