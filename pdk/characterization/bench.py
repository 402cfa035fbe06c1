"""A cell on the bench: one supply, gate length and corner; logic values in, waveforms out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.layout import Layout, diffusions, wire_capacitances
from voltile.pdk.characterization.models import (
    DeviceModel,
    biased_length,
    device_card,
    model_cards,
    node_name,
)
from voltile.pdk.characterization.ngspice import (
    TRANSIENT_OPTIONS,
    Circuit,
    Transient,
    Waveforms,
    run_operating_points,
    run_transients,
)
from voltile.pdk.characterization.waveforms import RAMP

Bits = Mapping[str, int]


@dataclass(frozen=True)
class Corner:
    """Transistor models of every device name, and a temperature [degrees Celsius]."""

    name: str
    temperature: float
    devices: Mapping[str, DeviceModel]


@dataclass(frozen=True)
class Event:
    """An input that goes to a level: `at` is when it is half way [s], `slew` 20-80 % [s]."""

    pin: str
    value: int
    at: float
    slew: float


@dataclass(frozen=True)
class Stimulus:
    """One transient: what the inputs are at first, what happens, the loads, and the end [s].

    `swing` gives the supply of an input's driver over Vdd where it is not 1.
    """

    start: Bits
    events: Sequence[Event]
    loads: Mapping[str, float]
    stop: float
    swing: Mapping[str, float]


@dataclass(frozen=True)
class Bench:
    """A cell between its sources.

    Attributes
    ----------
    length : float
        Gate length [m] of the transistors that are drawn at `drawn_length`.
    layout : Layout
        What its layout adds.
    """

    cell: Cell
    corner: Corner
    vdd: float
    length: float
    drawn_length: float
    layout: Layout

    def at(self, corner: Corner) -> "Bench":
        """Return the bench at another corner."""
        return replace(self, corner=corner)

    @cached_property
    def circuit(self) -> Circuit:
        """The cell with its models."""
        cell = self.cell
        devices = [
            replace(item, length=biased_length(item, self.drawn_length, self.length))
            for item in cell.netlist.transistors
        ]
        sizes: dict[str, set[tuple[float, float]]] = {}
        for item in devices:
            sizes.setdefault(item.model, set()).add((item.width, item.length))
        rails = {"power": (cell.power, self.vdd), "ground": (cell.ground, 0.0)}
        if cell.well_power != cell.power:
            rails["well"] = (cell.well_power, self.vdd)
        if cell.well_ground != cell.ground:
            rails["bulk"] = (cell.well_ground, 0.0)
        ends = diffusions(cell.netlist, self.layout)
        cards = [
            device_card(item, ends[item.drain, item.model], ends[item.source, item.model])
            for item in devices
        ]
        fixed = frozenset((cell.power, cell.ground, cell.well_power, cell.well_ground))
        wires = wire_capacitances(cell.netlist, self.layout, fixed)
        cards += [
            f"c_w{number} {node_name(net)} 0 {value:.6g}"
            for number, (net, value) in enumerate(wires.items())
        ]
        return Circuit(
            model_cards(self.corner.devices, sizes), "\n".join(cards),
            cell.inputs, tuple(cell.functions), self.corner.temperature, rails,
        )  # fmt: skip

    def transients(
        self, stimuli: Sequence[Stimulus], nodeset: Mapping[str, float] | None = None,
        save_all: bool = False, options: str = TRANSIENT_OPTIONS,
    ) -> list[Waveforms]:  # fmt: skip
        """Simulate; see `run_transients`."""
        runs = [Transient(self._waves(item), item.loads, item.stop) for item in stimuli]
        return run_transients(self.circuit, runs, nodeset, save_all, options)

    def _waves(self, stimulus: Stimulus) -> dict[str, list[tuple[float, float]]]:
        high = {pin: self.vdd * stimulus.swing.get(pin, 1.0) for pin in self.cell.inputs}
        waves = {pin: [(0.0, high[pin] * stimulus.start[pin])] for pin in self.cell.inputs}
        for event in stimulus.events:
            wave, half = waves[event.pin], 0.5 * RAMP * event.slew
            # An event that begins before the last one ended starts from where that one ends.
            begin = max(event.at - half, wave[-1][0] + 1e-15)
            wave.append((begin, wave[-1][1]))
            wave.append((max(event.at + half, begin + 1e-15), high[event.pin] * event.value))
        for wave in waves.values():
            wave.append((wave[-1][0] + stimulus.stop, wave[-1][1]))
        return waves

    def rest(
        self, states: Iterable[Mapping[str, float]], nodeset: Mapping[str, float] | None = None
    ) -> list[dict[str, float]]:
        """Current that each source delivers at rest [A].

        Parameters
        ----------
        states : iterable of mapping of input to level
            Levels over Vdd: 0, 1, or the ratio of a lower supply.
        """
        levels = [{pin: self.vdd * state[pin] for pin in self.cell.inputs} for state in states]
        found = run_operating_points(self.circuit, levels, nodeset) if levels else []
        sources = (*self.cell.inputs, *self.circuit.rails)
        return [{name: float(point.current(name)[0]) for name in sources} for point in found]

    def leakage(
        self, states: Sequence[Mapping[str, float]], nodeset: Mapping[str, float] | None = None
    ) -> list[float]:
        """Power that the rails and the drivers of the inputs deliver at rest [W]; see `rest`."""
        rails = {name: volts for name, (_, volts) in self.circuit.rails.items()}
        return [
            sum(volts * currents[name] for name, volts in rails.items())
            + sum(self.vdd * state[pin] * currents[pin] for pin in self.cell.inputs)
            for state, currents in zip(states, self.rest(states, nodeset), strict=True)
        ]
