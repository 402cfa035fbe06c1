"""Inferences one after another on a processor under a thermal governor: temperature and latency.

Once per polling period the governor reads the hottest temperature and chooses the setting for the
period. An inference goes on at the speed of each setting that it meets; the next begins at once.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal.leakage_feedback import advance_with_leakage
from voltile.power.thermal.policies import Policy
from voltile.power.thermal.processor import Computed, Operation, Processor, Setting
from voltile.power.thermal.transient import stepper

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_POLLS = 10_000_000
"""Of a run: eleven days at 100 ms."""


@dataclass(frozen=True, eq=False)
class InferenceRun:
    """What happened; polls and inferences in the order of time.

    Attributes
    ----------
    period : float
        Between polls [s].
    temperature : ndarray, shape (polls,)
        Read by the governor [degrees Celsius].
    level, cores : ndarray of int, shape (polls,)
        Chosen then.
    end, latency : ndarray, shape (inferences,)
        Of every inference that was finished [s].
    """

    period: float
    temperature: Floats
    level: Ints
    cores: Ints
    end: Floats
    latency: Floats

    @property
    def time(self) -> Floats:
        """Of every poll [s]."""
        return self.period * np.arange(len(self.level), dtype=np.float64)

    def slowed_share(self, until: float) -> float:
        """Share of the time up to `until` [s] at less than the first setting."""
        slowed = (self.level < self.level[0]) | (self.cores < self.cores[0])
        held = np.clip(until - self.time, 0.0, self.period)
        return float(slowed @ held / until)


def run_inferences(
    processor: Processor[Computed],
    inference: Computed,
    policy: Policy,
    period: float,
    count: float = inf,
    duration: float = inf,
) -> InferenceRun:
    """Compute inferences on a chip that was idle, until there are enough or the time is over.

    Parameters
    ----------
    period : float
        Between polls [s].
    count : float
        Inferences, a whole number.
    duration : float
        [s].

    Raises
    ------
    VoltileError
        When neither count nor duration ends it, the count is not whole, the period is not positive,
        there would be too many polls, or the policy chooses a setting that the processor has not.
    ThermalRunaway
        Naming the network, and the setting that it happens at.
    """
    if not 0 < period < inf:
        raise VoltileError(f"a polling period must be positive and finite, not {period * 1e3:g} ms")
    if not (count > 0 and duration > 0 and min(count, duration) < inf):
        raise VoltileError(
            f"a run must end after some inferences or some time, not {count:g} and {duration:g} s"
        )
    if not (count == inf or count == int(count)):
        raise VoltileError(f"a number of inferences must be whole, not {count:g}")
    along = stepper(processor.network, period)
    temperature, setting = processor.idle(), processor.fastest
    read, levels, cores, ends = [], [], [], [0.0]
    known: dict[Setting, Operation] = {}
    done, polls = 0.0, 0
    while len(ends) <= count and polls * period < duration:
        read.append(processor.hottest(temperature))
        setting = policy(read[-1], setting)
        levels.append(setting.level)
        cores.append(setting.cores)
        if setting not in known:
            processor.check(setting)
            known[setting] = processor.operation(inference, setting)
        now = known[setting]
        latency, start, progress = now.latency, polls * period, done
        done += period / latency
        while len(ends) <= done and len(ends) <= count:
            ends.append(start + (len(ends) - progress) * latency)
        try:
            temperature = advance_with_leakage(along, temperature, now.power, now.leakage)
        except ThermalRunaway as error:
            raise ThermalRunaway(
                f"{inference.name} at {processor.name_of(setting)}: {error}", error.temperature
            ) from None
        polls += 1
        if polls > MOST_POLLS:
            raise VoltileError(
                f"a run has at most {MOST_POLLS} polls; at {period * 1e3:g} ms each these were "
                f"{len(ends) - 1} inferences of {inference.name}"
            )
    end = np.array(ends)
    kept = end[1:] <= duration
    return InferenceRun(
        period, np.array(read), np.array(levels), np.array(cores),
        end[1:][kept], np.diff(end)[kept],
    )  # fmt: skip
