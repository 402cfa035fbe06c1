"""Reads one edge out of a transient: delay, transition time, energy, charge of the input."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.pdk.characterization.bench import Bench, Event
from voltile.pdk.characterization.ngspice import Waveforms
from voltile.pdk.characterization.waveforms import MIDDLE, RAMP, crossing, transition


@dataclass(frozen=True)
class EdgeView:
    """The part of a transient that follows one input edge.

    Attributes
    ----------
    end : float
        Until when the edge is looked at [s].
    rest : pair of mapping of source to current
        Static currents before and after the edge, beyond those at time 0 [A].
    """

    bench: Bench
    wave: Waveforms
    event: Event
    end: float
    rest: tuple[Mapping[str, float], Mapping[str, float]]

    def delay(self, output: str) -> float:
        """Time from half of the input's own swing to half of Vdd at the output [s]."""
        time, signal, rises = self.signal(output)
        return crossing(time, signal, MIDDLE * self.bench.vdd, rises) - self.event.at

    def slew(self, output: str) -> float:
        """Transition time of the output, 20-80 % of Vdd [s]."""
        time, signal, rises = self.signal(output)
        return transition(time, signal, self.bench.vdd, rises)

    def energy(self, charged: float = 0.0) -> float:
        """Energy that the rails deliver for the edge, without leakage and without the load [J].

        Parameters
        ----------
        charged : float
            Capacitance of the loads that the edge charges to Vdd [F].
        """
        rails = self.bench.circuit.rails
        delivered = sum(volts * self._charge(name) for name, (_, volts) in rails.items())
        return delivered - charged * self.bench.vdd**2

    def capacitance(self) -> float:
        """Charge that the edge drives into (or draws from) the input, over Vdd [F]."""
        moved = self._charge(self.event.pin)
        return (moved if self.event.value else -moved) / self.bench.vdd

    @property
    def begin(self) -> float:
        """Start of the ramp [s]."""
        return self.event.at - RAMP / 2 * self.event.slew

    def _charge(self, source: str) -> float:
        start, stop = np.interp([self.begin, self.end], self.wave.time, self.wave.charge(source))
        before, after = (rest[source] for rest in self.rest)
        static = before * (self.event.at - self.begin) + after * (self.end - self.event.at)
        return float(stop - start) - static

    def signal(self, output: str) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
        """Times, voltages of an output, and whether it rises."""
        inside = (self.wave.time >= self.begin) & (self.wave.time <= self.end)
        signal = self.wave.voltage(output)[inside]
        return self.wave.time[inside], signal, bool(signal[-1] > signal[0])
