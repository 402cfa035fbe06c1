"""An accelerator that computes one network over and over: cost by level, and what it sustains.

What it takes at a level comes from tables, whatever sets the levels: one supply for all, or a plan
of supplies by tile. A change of the level takes no time.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal.inference_run import InferenceRun, run_inferences
from voltile.power.thermal.leakage_feedback import Leakage
from voltile.power.thermal.policies import proactive
from voltile.power.thermal.processor import Operation, Processor, Setting
from voltile.power.thermal.vf_characterization import Throttling

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LevelledInference:
    """A network whose cost is known at every level.

    Attributes
    ----------
    operations : tuple of Operation, length levels
        Without what the rest of the chip takes (`Processor.background`).
    """

    name: str
    operations: tuple[Operation, ...]


class Accelerator(Processor[LevelledInference]):
    """An accelerator on its die, whose governor's knob are the levels."""

    def operation(self, inference: LevelledInference, setting: Setting) -> Operation:
        """See `Processor`."""
        own = inference.operations[setting.level]
        return replace(own, power=own.power + self.background / len(own.power))


def levelled_inference(
    name: str,
    shares: Floats,
    latency: Floats,
    dynamic: Floats,
    temperatures: Floats,
    leakage: Floats,
) -> LevelledInference:
    """Return an inference from tables over levels and blocks of the die.

    Parameters
    ----------
    shares : ndarray, shape (sources, blocks)
        Part of each block in each source (`ThermalGrid.shares`).
    latency : ndarray, shape (levels,)
        [s].
    dynamic : ndarray, shape (levels, blocks)
        Energy of an inference, without leakage [J].
    temperatures : ndarray, shape (points,)
        At which leakage is known [degrees Celsius].
    leakage : ndarray, shape (levels, points, blocks)
        [W].
    """
    operations = zip(
        latency.tolist(), dynamic / latency[:, None] @ shares.T, leakage @ shares.T, strict=True
    )
    return LevelledInference(
        name,
        tuple(Operation(time, power, Leakage(temperatures, leaks))
              for time, power, leaks in operations),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class SustainedLevel:
    """A level that is held proactively, throttled where that is too much.

    Attributes
    ----------
    frequency, vdd : float
        [Hz], [V].
    power : float
        Without leakage, and without throttling [W].
    steady : ndarray, shape (nodes,), or None
        Temperature at rest without throttling [degrees Celsius]; None: it runs away.
    rate : float
        Inferences per second in the second half of the run.
    throttled : float
        Share of that half at VF_low.
    run : InferenceRun
    """

    frequency: float
    vdd: float
    power: float
    steady: Floats | None
    rate: float
    throttled: float
    run: InferenceRun


def sustained_level(
    accelerator: Accelerator,
    inference: LevelledInference,
    frequency: float,
    duration: float,
    by: Throttling,
) -> SustainedLevel:
    """Hold the level of a frequency [Hz] for a time [s] from an idle chip.

    Raises
    ------
    VoltileError
        When the time is shorter than two polls, or the governor cannot be.
    ThermalRunaway
        When the chip runs away although it is throttled.
    """
    if not 2 * by.period <= duration < np.inf:
        raise VoltileError(
            f"a duration must be two polls of {by.period * 1e3:g} ms or more, and finite, not "
            f"{duration:g} s"
        )
    policy = proactive(accelerator, frequency, by.low, by.limit, by.hysteresis)
    run = run_inferences(accelerator, inference, policy, by.period, duration=duration)
    late = run.level[len(run.level) // 2 :]
    speed = 1 / np.array([item.latency for item in inference.operations])
    level = accelerator.table.level(frequency)
    setting = accelerator.setting(frequency)
    power = float(accelerator.operation(inference, setting).power.sum())
    try:
        steady = accelerator.steady(inference, setting)
    except ThermalRunaway:
        steady = None
    return SustainedLevel(
        frequency, float(accelerator.table.vdd[level]), power, steady,
        float(speed[late].mean()), float(np.mean(late != level)), run,
    )  # fmt: skip
