"""Core shutdown beside DVFS: fewer cores at VF_max (dissertation Table 4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from voltile.core import ThermalRunaway
from voltile.power.thermal.cpu import Cpu, Inference
from voltile.power.thermal.inference_run import run_inferences
from voltile.power.thermal.policies import core_shutdown, throttled
from voltile.power.thermal.vf_characterization import LevelStatistics, Throttling, run_statistics


@dataclass(frozen=True, eq=False)
class FewerCores:
    """A network on fewer cores at VF_max.

    Attributes
    ----------
    nominal : float
        Latency without throttling [s].
    held : LevelStatistics
        On these cores from the start, throttled to VF_low.
    shut_down : LevelStatistics or None
        On all cores, above T_max on these, never at VF_low; `throttled` is the share of the time on
        these. None: thermal runaway.
    hottest : float
        Temperature that the latter reaches, which may be beyond T_max [degrees Celsius].
    """

    cores: int
    nominal: float
    held: LevelStatistics
    shut_down: LevelStatistics | None
    hottest: float


def fewer_cores(
    cpu: Cpu, inference: Inference, cores: int, counts: Sequence[int], by: Throttling
) -> FewerCores:
    """Compute as many inferences as the largest of `counts` on fewer cores.

    Raises
    ------
    VoltileError
        When there are not so many cores, or the governor cannot be.
    ThermalRunaway
        When the chip runs away although it is throttled.
    """
    fastest = float(cpu.table.frequency[-1])
    high, low = cpu.setting(fastest, cores), cpu.setting(by.low, cores)
    hold = throttled(cpu, high, low, by.limit, by.hysteresis)
    shut = core_shutdown(cpu, cores, by.limit, by.hysteresis)
    held = run_inferences(cpu, inference, hold, by.period, count=max(counts))
    try:
        run = run_inferences(cpu, inference, shut, by.period, count=max(counts))
    except ThermalRunaway as error:
        shut_down, hottest = None, error.temperature
    else:
        shut_down, hottest = run_statistics(fastest, run, counts), float(run.temperature.max())
    return FewerCores(
        cores,
        cpu.latency(inference, high),
        run_statistics(fastest, held, counts),
        shut_down,
        hottest,
    )
