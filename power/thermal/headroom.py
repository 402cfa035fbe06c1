"""Thermal headroom: how long a cold chip stays below its limit, and what power that tells of."""

from dataclasses import replace

import numpy as np

from voltile.core import VoltileError
from voltile.power.thermal.cpu import Cpu, Inference
from voltile.power.thermal.leakage_feedback import advance_with_leakage
from voltile.power.thermal.transient import stepper

# Steps to the time in question, and to how much of a degree a power is sought.
_STEPS = 200
_CLOSE = 1e-9
# Largest power in question, over that whose heat alone, at rest, reaches the limit.
_LARGEST = 50.0


def die_temperature(cpu: Cpu, inference: Inference, time: float, hottest: float) -> float:
    """Return the die's temperature [degrees Celsius] after a time [s] at VF_max from idle.

    It is not followed beyond `hottest`, and counts as that then.
    """
    along, die = stepper(cpu.network, time / _STEPS), cpu.network.sources[0]
    temperature, leakage = cpu.idle(), cpu.leakage_at(cpu.fastest)
    power = np.array([cpu.power(inference, cpu.fastest)])
    for _ in range(_STEPS):
        if temperature[die] > hottest:
            return hottest
        temperature = advance_with_leakage(along, temperature, power, leakage)
    return min(float(temperature[die]), hottest)


def power_from_headroom(cpu: Cpu, inference: Inference, time: float, limit: float) -> Inference:
    """Return the inference with the dynamic power at which the die is at its limit after a time.

    Parameters
    ----------
    time : float
        t_safe of dissertation Table 4.3 [s].
    limit : float
        T_max [degrees Celsius].

    Raises
    ------
    VoltileError
        When there is no such power.
    """
    from scipy.optimize import brentq

    hottest = limit + 10.0

    def beyond(power: float) -> float:
        return die_temperature(cpu, replace(inference, power=power), time, hottest) - limit

    rise = cpu.network.steady(np.array([1.0]))[cpu.network.sources[0]] - cpu.network.ambient
    largest = _LARGEST * (limit - cpu.network.ambient) / float(rise)
    if not beyond(0.0) < 0 < beyond(largest):
        raise VoltileError(
            f"no dynamic power up to {largest:.3g} W takes the chip to {limit:g} C in {time:g} s "
            f"as it should for {inference.name}"
        )
    return replace(inference, power=float(brentq(beyond, 0.0, largest, xtol=_CLOSE)))
