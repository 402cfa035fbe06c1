"""What a workload demands of a core over time: traces from CSV files, and synthetic ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TimingInfeasible, VoltileError, read_steps, write_atomically
from voltile.power.governors import ROUNDING
from voltile.power.operating_modes import OperatingModes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRACE_COLUMNS = ("time_s", "frequency_hz")
# Of a synthetic trace.
_MOST_DEMANDS = 1_000_000
_NANOSECOND = 9


@dataclass(frozen=True)
class Trace:
    """Demanded clock frequency over time.

    Attributes
    ----------
    name : str
        File, or what made it.
    time : ndarray, shape (demands + 1,)
        Start of each demand, and the end of the trace [s].
    frequency : ndarray, shape (demands,)
        Cycles demanded per second; 0 when idle [Hz].
    line : ndarray of int, shape (demands,)
        Line of the file.
    """

    name: str
    time: Floats
    frequency: Floats
    line: Ints

    @property
    def duration(self) -> float:
        """[s]."""
        return float(self.time[-1] - self.time[0])

    def check_reach(self, modes: OperatingModes) -> None:
        """Check that a scheme meets every demand.

        Raises
        ------
        TimingInfeasible
        """
        beyond = np.flatnonzero(self.frequency > modes.reach * (1 + ROUNDING))
        if len(beyond):
            demand = float(self.frequency[beyond[0]])
            raise TimingInfeasible(
                f"{self.name}:{self.line[beyond[0]]}: frequency_hz is {demand:g}, beyond the reach "
                f"of {modes.title}: at most {modes.reach:.6g}",
                demand,
                modes.reach,
            )


def read_trace(path: Path) -> Trace:
    """Read a CSV file of time_s and frequency_hz.

    A row demands its frequency from its time to that of the next row. The last row ends the trace:
    its frequency is 0 or empty.

    Raises
    ------
    VoltileError
        As by `core.read_steps`.
    """
    steps = read_steps(path, TRACE_COLUMNS)
    return Trace(str(path), steps.time, steps.value, steps.line)


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace as the CSV file that `read_trace` reads."""
    with write_atomically(path) as temporary, temporary.open("w") as stream:
        stream.write(",".join(TRACE_COLUMNS) + "\n")
        for time, frequency in zip(trace.time.tolist(), trace.frequency.tolist(), strict=False):
            stream.write(f"{time!r},{frequency:.9g}\n")
        stream.write(f"{float(trace.time[-1])!r},\n")


def bursts(
    highest: float, duration: float, busy: float, idle: float, rng: np.random.Generator
) -> Trace:
    """Return a trace of short peaks between idle times.

    Peaks and idle times have exponentially distributed lengths; peaks demand half of the highest
    frequency or more, evenly distributed.

    Parameters
    ----------
    highest : float
        Highest demand [Hz].
    duration : float
        [s].
    busy, idle : float
        Mean lengths [s].

    Raises
    ------
    VoltileError
        For a length out of range.
    """
    _check_lengths(duration, (busy + idle) / 2, busy=busy, idle=idle)
    pairs = int(2 * duration / (busy + idle)) + 100
    while True:
        lengths = rng.exponential((idle, busy), (pairs, 2)).ravel()
        if lengths.sum() > duration:
            break
        pairs *= 2
    demand = np.stack([np.zeros(pairs), rng.uniform(0.5, 1.0, pairs) * highest], axis=1).ravel()
    start = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    return _trace("bursts", start, demand, duration)


def ramps(
    lowest: float,
    highest: float,
    duration: float,
    ramp: float,
    step: float,
    rng: np.random.Generator,
) -> Trace:
    """Return a trace that rises and falls between frequencies drawn from an even distribution.

    Parameters
    ----------
    lowest, highest : float
        Range of the demand [Hz].
    duration : float
        [s].
    ramp : float
        Length of each rise or fall [s].
    step : float
        Time between changes of the demand [s].

    Raises
    ------
    VoltileError
        For a length out of range.
    """
    _check_lengths(duration, step, ramp=ramp, step=step)
    if ramp < step:
        raise VoltileError(
            f"ramp must be as long as a step or longer, {step * 1e3:g} ms, not {ramp * 1e3:g} ms"
        )
    start = step * np.arange(np.ceil(duration / step), dtype=np.float64)
    turns = ramp * np.arange(duration // ramp + 2, dtype=np.float64)
    demand = np.interp(start, turns, rng.uniform(lowest, highest, len(turns)))
    return _trace("ramps", start, demand, duration)


def _check_lengths(duration: float, mean: float, **lengths: float) -> None:
    for name, length in {"duration": duration, **lengths}.items():
        if not 0 < length < np.inf:
            raise VoltileError(f"{name} must be positive and finite, not {length * 1e3:g} ms")
    if duration / mean > _MOST_DEMANDS:
        raise VoltileError(
            f"a synthetic trace has at most {_MOST_DEMANDS} demands; {duration * 1e3:g} ms at "
            f"{mean * 1e3:g} ms each are {duration / mean:.3g}"
        )


def _trace(name: str, start: Floats, demand: Floats, duration: float) -> Trace:
    """The demands before the end of the trace, at whole nanoseconds."""
    start = start.round(_NANOSECOND)
    kept = (start < duration) & (np.diff(start, append=np.inf) > 0)
    time = np.append(start[kept], duration)
    return Trace(name, time, demand[kept], np.arange(kept.sum()) + 2)
