"""Measures a p-type header of a Vdd-MUX: on-resistance, gate capacitance and leakage per width.

One finger of a header of many stands for all: each of its diffusions is shared with a neighbour.
How the four terminals are biased, and why, stands in `voltile.pdk.header`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.pdk.characterization.bench import Corner
from voltile.pdk.characterization.layout import Diffusion
from voltile.pdk.characterization.models import device_card, model_cards
from voltile.pdk.characterization.ngspice import (
    Circuit,
    Transient,
    run_operating_points,
    run_transients,
)
from voltile.pdk.characterization.transistors import Transistor

# Voltage across a header that is on, as a part of the supply that it passes on.
DROP = 0.02

# The gate rises to VddH within the middle one of these times [s].
_RISE = (1e-10, 3e-10, 1e-9)

Table = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class HeaderTask:
    """What is measured: a finger of a p-type device at every VddH and VddL/VddH.

    Attributes
    ----------
    width, length, diffusion : float
        Width and length of the gate, and length of a diffusion between two gates [m].
    corner : Corner
        Of the resistance and of the gate.
    """

    device: str
    width: float
    length: float
    diffusion: float
    corner: Corner
    leakage_corners: tuple[Corner, ...]
    vdds: tuple[float, ...]
    ratios: tuple[float, ...]


@dataclass(frozen=True)
class HeaderMeasurement:
    """What was measured; shapes and units as in `voltile.pdk.header.Header`."""

    vdds: tuple[float, ...]
    ratios: tuple[float, ...]
    resistance: Table
    gate: tuple[float, ...]
    off: Mapping[str, Table]

    def to_json(self) -> str:
        """Return the measurement as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "HeaderMeasurement":
        """Return the measurement that `to_json` wrote."""
        return cls(**json.loads(text))


def measure_header(task: HeaderTask) -> HeaderMeasurement:
    """Measure a header.

    Raises
    ------
    VoltileError
        When there is no model for the device, or a simulation does not converge.
    """
    pairs = [(vdd, ratio) for vdd in task.vdds for ratio in task.ratios]
    shape = (len(task.vdds), len(task.ratios))
    circuit = _circuit(task, task.corner)
    on = [
        {"s": ratio * vdd, "d": (1 - DROP) * ratio * vdd, "g": 0.0, "b": vdd}
        for vdd, ratio in pairs
    ]
    current = _drain_current(circuit, on) / task.width
    across = np.array([DROP * ratio * vdd for vdd, ratio in pairs])
    off = [{"s": vdd, "d": ratio * vdd, "g": vdd, "b": vdd} for vdd, ratio in pairs]
    return HeaderMeasurement(
        task.vdds,
        task.ratios,
        _table((across / current).reshape(shape)),
        tuple(_gate_capacitance(circuit, task.vdds, task.width)),
        {
            corner.name: _table(
                # Of two equal supplies no more than rounding is left.
                (_drain_current(_circuit(task, corner), off) / task.width).clip(0).reshape(shape)
            )
            for corner in task.leakage_corners
        },
    )


def _circuit(task: HeaderTask, corner: Corner) -> Circuit:
    if task.device not in corner.devices:
        raise TechnologyError(f"corner '{corner.name}' has no model of header '{task.device}'")
    transistor = Transistor("header", "d", "g", "s", "b", task.device, task.width, task.length)
    shared = Diffusion(task.diffusion / 2, 0.0)
    models = model_cards(
        {task.device: corner.devices[task.device]}, {task.device: {(task.width, task.length)}}
    )
    card = device_card(transistor, shared, shared)
    return Circuit(models, card, ("s", "d", "g", "b"), (), corner.temperature, {})


def _drain_current(
    circuit: Circuit, levels: Sequence[Mapping[str, float]]
) -> NDArray[np.float64]:  # fmt: skip
    """Current that leaves the drain [A]."""
    found = run_operating_points(circuit, levels)
    return -np.array([float(point.current("d")[0]) for point in found])


def _gate_capacitance(circuit: Circuit, vdds: Sequence[float], width: float) -> list[float]:
    """Charge that takes the gate from 0 to VddH, the rest being at VddH, over both [F/m]."""
    start, end, stop = _RISE
    runs = [
        Transient(
            {"g": [(0.0, 0.0), (start, 0.0), (end, vdd), (stop, vdd)]}
            | {pin: [(0.0, vdd), (stop, vdd)] for pin in ("s", "d", "b")},
            {},
            stop,
        )
        for vdd in vdds
    ]
    found = run_transients(circuit, runs)
    return [
        float(waves.charge("g")[-1]) / (vdd * width) for vdd, waves in zip(vdds, found, strict=True)
    ]


def _table(values: NDArray[np.float64]) -> Table:
    return tuple(tuple(row) for row in values.tolist())
