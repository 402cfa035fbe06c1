"""Figures read from simulated waveforms: crossings, transition times, settling."""

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError

Floats = NDArray[np.float64]

# Of the swing: where delays are counted, and between which levels a transition time is.
MIDDLE, LOWER, UPPER = 0.5, 0.2, 0.8
# A linear input ramp lasts this many of its transition times.
RAMP = 1 / (UPPER - LOWER)


class NoCrossing(VoltileError):
    """A signal that never reaches the level that it should."""


def crossing(time: Floats, signal: Floats, level: float, rises: bool, last: bool = False) -> float:
    """Time at which a signal crosses a level, the first or the last time [s].

    Between samples the signal is a cubic through its neighbours: with a straight line, the steps
    that a simulator takes on a bend would cost more accuracy than its tolerances.

    Raises
    ------
    NoCrossing
    """
    above = signal >= level if rises else signal <= level
    found = np.flatnonzero(~above[:-1] & above[1:])
    if not len(found):
        raise NoCrossing(f"a signal never {'rises' if rises else 'falls'} through {level:.3g} V")
    at = int(found[-1 if last else 0])
    start, width = float(time[at]), float(time[at + 1] - time[at])
    low, high = float(signal[at]) - level, float(signal[at + 1]) - level
    slope_low, slope_high = (_slope(time, signal, index) * width for index in (at, at + 1))
    inside, outside = 0.0, 1.0
    for _ in range(40):
        x = 0.5 * (inside + outside)
        value = (
            low * (1 + 2 * x) * (1 - x) ** 2 + slope_low * x * (1 - x) ** 2
            + high * x**2 * (3 - 2 * x) - slope_high * x**2 * (1 - x)
        )  # fmt: skip
        if (value >= 0) == (high >= 0):
            outside = x
        else:
            inside = x
    return start + width * inside


def _slope(time: Floats, signal: Floats, at: int) -> float:
    """Slope at a sample from the parabola through it and its neighbours, kept monotonic."""
    if at == 0 or at == len(time) - 1:
        return 0.0
    before, after = float(time[at] - time[at - 1]), float(time[at + 1] - time[at])
    left = float(signal[at] - signal[at - 1]) / before
    right = float(signal[at + 1] - signal[at]) / after
    if left * right <= 0:
        return 0.0
    slope = (left * after + right * before) / (before + after)
    limit = 3 * min(abs(left), abs(right))
    return float(np.clip(slope, -limit, limit))


def transition(time: Floats, signal: Floats, swing: float, rises: bool) -> float:
    """Transition time of an output between 20 % and 80 % of its swing [s]."""
    levels = (LOWER, UPPER) if rises else (UPPER, LOWER)
    begin, end = (crossing(time, signal, level * swing, rises) for level in levels)
    return end - begin


def is_settled(time: Floats, signal: Floats, at: float, final: float, swing: float) -> bool:
    """Whether a signal is within 1 % of the swing of its final value at a time."""
    return abs(float(np.interp(at, time, signal)) - final) < 0.01 * swing


def settling_time(time: Floats, signal: Floats, swing: float) -> float:
    """Time of the last sample that is more than 1 % of the swing off the end value [s]."""
    off = np.flatnonzero(np.abs(signal - signal[-1]) > 0.01 * swing)
    return float(time[off[-1]]) if len(off) else 0.0
