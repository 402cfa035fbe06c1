"""What is measured of one cell at one supply and one gate length, and its file format (JSON)."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Raised when the meaning of a field changes; older files are measured again.
FORMAT = 1

Table = tuple[tuple[float, ...], ...]


class Edge(StrEnum):
    """Direction in which a signal changes."""

    RISE = "rise"
    FALL = "fall"


class ArcKind(StrEnum):
    """How an input edge moves an output."""

    COMBINATIONAL = "combinational"
    RISING_EDGE = "rising_edge"
    FALLING_EDGE = "falling_edge"
    CLEAR = "clear"
    PRESET = "preset"


class CheckKind(StrEnum):
    """Constraint of a data pin against a clock edge; names as in Liberty's `timing_type`."""

    SETUP_RISING = "setup_rising"
    SETUP_FALLING = "setup_falling"
    HOLD_RISING = "hold_rising"
    HOLD_FALLING = "hold_falling"
    RECOVERY_RISING = "recovery_rising"
    RECOVERY_FALLING = "recovery_falling"
    REMOVAL_RISING = "removal_rising"
    REMOVAL_FALLING = "removal_falling"


@dataclass(frozen=True)
class ArcMeasurement:
    """One arc for one input edge, one output edge and one state of the other inputs.

    Attributes
    ----------
    when : str
        Liberty expression over the other inputs; empty where there is but one state.
    delay, slew, energy : table, shape (slews, loads)
        From 50 % of the input to 50 % of the output [s]; 20 % to 80 % [s]; energy that the edge
        takes from the supply without that which charges the load [J].
    low_delay, low_slew : tuple of float, shape (ratios,)
        Factors on delay and slew when the input swings to ratio * Vdd only, measured at the middle
        of the table; empty for the clock of a sequential cell.
    """

    related: str
    output: str
    kind: ArcKind
    input_edge: Edge
    output_edge: Edge
    when: str
    delay: Table
    slew: Table
    energy: Table
    low_delay: tuple[float, ...] = ()
    low_slew: tuple[float, ...] = ()


@dataclass(frozen=True)
class CheckMeasurement:
    """One constraint: values [s], shape (slews of the clock, slews of the data).

    `low_delay` holds what to add to the value [s] when the data swings to ratio * Vdd only.
    """

    pin: str
    clock: str
    kind: CheckKind
    edge: Edge
    values: Table
    low_delay: tuple[float, ...] = ()


@dataclass(frozen=True)
class PinMeasurement:
    """One input pin.

    Attributes
    ----------
    capacitance_rise, capacitance_fall : float
        Charge that the edge takes into the pin over Vdd [F].
    energy_rise, energy_fall : tuple of float, shape (slews,)
        Energy of an edge of the pin that moves no output [J]; empty for combinational cells.
    low_width, high_width : float
        Minimum pulse width [s] of a clock, clear or preset; 0: not measured.
    """

    pin: str
    capacitance_rise: float
    capacitance_fall: float
    energy_rise: tuple[float, ...] = ()
    energy_fall: tuple[float, ...] = ()
    low_width: float = 0.0
    high_width: float = 0.0


@dataclass(frozen=True)
class CellMeasurement:
    """All that is measured of one cell at one supply and one gate length.

    Attributes
    ----------
    slews, check_slews, loads, ratios : tuple of float
        Axes of the tables: input slews 20-80 % [s], loads [F], and supplies of a driver over Vdd.
    leakage : mapping of corner to state to power [W]
        A state is one character per input, in the order of `inputs`, then, for a sequential cell,
        one for the stored bit `Q`: `0` or `1`.
    low_leakage : mapping of corner to state to tuple of float, shape (ratios,)
        Leakage [W] with inputs driven from ratio * Vdd: `L` stands for a high input at that supply.
        States without an `L` are in `leakage`.
    """

    cell: str
    bias: str
    vdd: float
    inputs: tuple[str, ...]
    slews: tuple[float, ...]
    check_slews: tuple[float, ...]
    loads: tuple[float, ...]
    ratios: tuple[float, ...]
    arcs: tuple[ArcMeasurement, ...]
    checks: tuple[CheckMeasurement, ...]
    pins: tuple[PinMeasurement, ...]
    leakage: Mapping[str, Mapping[str, float]]
    low_leakage: Mapping[str, Mapping[str, tuple[float, ...]]]

    def to_json(self) -> str:
        """Return the measurement as JSON text."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "CellMeasurement":
        """Return the measurement that `to_json` wrote.

        Raises
        ------
        ValueError
            When the text is damaged, or of another format.
        """
        try:
            data = json.loads(text)
            if data.pop("format") != FORMAT:
                raise ValueError("another format")
            for name, kind in (("arcs", ArcMeasurement), ("checks", CheckMeasurement),
                               ("pins", PinMeasurement)):  # fmt: skip
                data[name] = tuple(_restore(kind, item) for item in data[name])
            return cls(**{key: _tuples(value) for key, value in data.items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a cell measurement: {error}") from None


_ENUMS = {"kind": (ArcKind, CheckKind), "input_edge": (Edge,), "output_edge": (Edge,),
          "edge": (Edge,)}  # fmt: skip


def _restore(kind: type, item: dict[str, Any]) -> Any:
    for name, enums in _ENUMS.items():
        if name in item:
            enum = enums[-1] if kind is CheckMeasurement else enums[0]
            item[name] = enum(item[name])
    return kind(**{key: _tuples(value) for key, value in item.items()})


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
