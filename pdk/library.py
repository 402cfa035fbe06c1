"""A cell library at one supply: every cell, pin, timing arc and power arc as arrays."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.pdk.tables import Tables, interpolate_tables, select_tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Direction(IntEnum):
    """Pin direction."""

    INPUT = 0
    OUTPUT = 1
    INOUT = 2
    INTERNAL = 3


class Sense(IntEnum):
    """Timing sense of an arc."""

    POSITIVE = 0
    NEGATIVE = 1
    NON_UNATE = 2


class ArcType(IntEnum):
    """Timing types that Voltile uses; the others of a library are left out."""

    COMBINATIONAL = 0
    RISING_EDGE = 1
    FALLING_EDGE = 2
    SETUP_RISING = 3
    SETUP_FALLING = 4
    HOLD_RISING = 5
    HOLD_FALLING = 6
    RECOVERY_RISING = 7
    RECOVERY_FALLING = 8
    CLEAR = 9
    PRESET = 10
    TRISTATE = 11

    @property
    def is_check(self) -> bool:
        """Whether the arc constrains its end pin instead of driving it."""
        return ArcType.SETUP_RISING <= self <= ArcType.RECOVERY_FALLING


class SequentialKind(StrEnum):
    """How a cell keeps state; `ff` and `latch` are Liberty's words."""

    FLIP_FLOP = "ff"
    LATCH = "latch"
    CLOCK_GATE = "clock_gate"


@dataclass(frozen=True)
class Sequential:
    """State of a cell, as Liberty expressions over its pins ("" where there is none).

    A flip-flop takes `data` at the rising edge of the expression `clock`; a latch is transparent
    while `clock` is true. A clock gate holds `data` (its enable) while its clock pin `clock` is
    high, or low for the negative-edge kind, and drives its pin `output` with `gated_clock`.

    Attributes
    ----------
    state, state_inverted : str
        What `data` and the functions of outputs call the stored bit and its inverse.
    active_high : bool
        False for a clock gate of the negative-edge kind, whose output rests high.
    output : str
        The gated clock of a clock gate.
    """

    kind: SequentialKind
    clock: str
    data: str
    clear: str = ""
    preset: str = ""
    state: str = "IQ"
    state_inverted: str = "IQ_N"
    active_high: bool = True
    output: str = ""

    def named(self, stored: Any, ones: Any = 1) -> dict[str, Any]:
        """Return the stored bit and its inverse by their names; words as in `evaluate`."""
        return {self.state: stored, self.state_inverted: stored ^ ones}

    @property
    def gated_clock(self) -> str:
        """What a clock gate drives: clock AND state, or clock OR inverted state."""
        return f"{self.clock} {'& ' if self.active_high else '| !'}{self.state}"


@dataclass(frozen=True)
class CellLibrary:
    """Cells characterised at one supply, process and temperature. All numbers in SI units.

    Attributes
    ----------
    vdd, temperature : float
        Supply [V], temperature [degree Celsius].
    cell_name : tuple of str
    cell_area, cell_leakage : ndarray, shape (cells,)
        Area [m2], state-independent leakage [W].
    cell_first_pin : ndarray of int, shape (cells + 1,)
        Pins of cell c are cell_first_pin[c] : cell_first_pin[c + 1].
    pin_name, pin_function : tuple of str, one per pin
    pin_direction, pin_is_clock : ndarray, shape (pins,)
    pin_capacitance : ndarray, shape (pins, 2)
        Input capacitance for a rising and a falling edge [F].
    pin_max_capacitance : ndarray, shape (pins,)
        Largest load of an output [F]; infinite where none is given.
    arc_cell, arc_from, arc_to, arc_type, arc_sense : ndarray, shape (arcs,)
        Timing arcs; pins are library-wide pin indices. Arcs of one cell are consecutive.
    arc_table : ndarray of int, shape (arcs, 2, 2)
        [arc, edge of the end pin (0 rise, 1 fall), (0 delay or check, 1 output slew)]; -1 is none.
    power_cell, power_pin, power_related : ndarray, shape (power arcs,)
        Internal power of `power_pin` switching, caused by `power_related` (-1: by itself).
    power_when : tuple of str
    power_table : ndarray of int, shape (power arcs, 2)
        Energy table [J] for the rising and the falling edge of `power_pin`.
    leakage_cell, leakage_value : ndarray, shape (leakage states,)
        [W]; `leakage_when` is the condition of each.
    sequential : mapping of cell index to Sequential
    bias : str
        Version of the cells, a gate length or a Vth flavour (`Technology.biases`).
    thresholds : mapping of str to float
        Between which levels delays and slews are measured [% of the supply], by the names that
        Liberty has for them; `slew_derate_from_library`.
    """

    name: str
    vdd: float
    temperature: float
    cell_name: tuple[str, ...]
    cell_area: Floats
    cell_leakage: Floats
    cell_first_pin: Ints
    pin_name: tuple[str, ...]
    pin_function: tuple[str, ...]
    pin_direction: Ints
    pin_is_clock: NDArray[np.bool_]
    pin_capacitance: Floats
    pin_max_capacitance: Floats
    arc_cell: Ints
    arc_from: Ints
    arc_to: Ints
    arc_type: Ints
    arc_sense: Ints
    arc_when: tuple[str, ...]
    arc_table: Ints
    power_cell: Ints
    power_pin: Ints
    power_related: Ints
    power_when: tuple[str, ...]
    power_table: Ints
    leakage_cell: Ints
    leakage_value: Floats
    leakage_when: tuple[str, ...]
    sequential: Mapping[int, Sequential]
    tables: Tables
    bias: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def cell_index(self) -> dict[str, int]:
        """Cell name to index."""
        return {name: index for index, name in enumerate(self.cell_name)}

    @cached_property
    def pin_cell(self) -> Ints:
        """Cell of each pin."""
        return np.repeat(np.arange(len(self.cell_name)), np.diff(self.cell_first_pin))

    @cached_property
    def pin_index(self) -> dict[tuple[int, str], int]:
        """(cell index, pin name) to library-wide pin index."""
        return {
            (int(cell), name): pin
            for pin, (cell, name) in enumerate(zip(self.pin_cell, self.pin_name, strict=True))
        }

    def pins_of(self, cell: int) -> range:
        """Library-wide indices of a cell's pins."""
        return range(int(self.cell_first_pin[cell]), int(self.cell_first_pin[cell + 1]))

    def inputs_of(self, cell: int) -> tuple[str, ...]:
        """Names of a cell's input pins, in library order."""
        return tuple(
            self.pin_name[pin]
            for pin in self.pins_of(cell)
            if self.pin_direction[pin] == Direction.INPUT
        )

    def check_same_structure(self, other: "CellLibrary") -> None:
        """Check that another supply's library has the same cells, pins and arcs in the same order.

        Raises
        ------
        TechnologyError
            Naming the first cell that differs.
        """
        if self.cell_name != other.cell_name or self.pin_name != other.pin_name:
            raise TechnologyError(f"libraries {self.name} and {other.name} hold different cells")
        for name in ("arc_from", "arc_to", "arc_type", "power_pin", "power_related"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if not np.array_equal(mine, theirs):
                shared = min(len(mine), len(theirs))
                different = np.flatnonzero(mine[:shared] != theirs[:shared])
                at = int(different[0]) if len(different) else shared - 1
                cells = self.arc_cell if name.startswith("arc") else self.power_cell
                raise TechnologyError(
                    f"libraries {self.name} and {other.name} differ in {name.replace('_', ' ')} "
                    f"of cell {self.cell_name[int(cells[at])]}"
                )


def select_cells(library: CellLibrary, cells: Iterable[str]) -> CellLibrary:
    """Return the library with only these cells, in library order.

    A design uses a fifth of a library's cells; what is done per library then costs a fifth.
    """
    wanted = set(cells)
    kept = np.flatnonzero([name in wanted for name in library.cell_name])
    new_cell = np.full(len(library.cell_name), -1)
    new_cell[kept] = np.arange(len(kept))
    pins = np.flatnonzero(new_cell[library.pin_cell] >= 0)
    new_pin = np.full(len(library.pin_name) + 1, -1)  # the last entry serves pin -1
    new_pin[pins] = np.arange(len(pins))
    arcs = np.flatnonzero(new_cell[library.arc_cell] >= 0)
    powers = np.flatnonzero(new_cell[library.power_cell] >= 0)
    states = np.flatnonzero(new_cell[library.leakage_cell] >= 0)
    used = np.concatenate([library.arc_table[arcs].ravel(), library.power_table[powers].ravel()])
    tables = np.unique(used[used >= 0])
    new_table = np.full(len(library.tables.size) + 1, -1)
    new_table[tables] = np.arange(len(tables))
    counts = np.diff(library.cell_first_pin)[kept]
    return replace(
        library,
        cell_name=tuple(library.cell_name[i] for i in kept),
        cell_area=library.cell_area[kept],
        cell_leakage=library.cell_leakage[kept],
        cell_first_pin=np.concatenate([[0], np.cumsum(counts)]),
        pin_name=tuple(library.pin_name[i] for i in pins),
        pin_function=tuple(library.pin_function[i] for i in pins),
        pin_direction=library.pin_direction[pins],
        pin_is_clock=library.pin_is_clock[pins],
        pin_capacitance=library.pin_capacitance[pins],
        pin_max_capacitance=library.pin_max_capacitance[pins],
        arc_cell=new_cell[library.arc_cell[arcs]],
        arc_from=new_pin[library.arc_from[arcs]],
        arc_to=new_pin[library.arc_to[arcs]],
        arc_type=library.arc_type[arcs],
        arc_sense=library.arc_sense[arcs],
        arc_when=tuple(library.arc_when[i] for i in arcs),
        arc_table=new_table[library.arc_table[arcs]],
        power_cell=new_cell[library.power_cell[powers]],
        power_pin=new_pin[library.power_pin[powers]],
        power_related=new_pin[library.power_related[powers]],
        power_when=tuple(library.power_when[i] for i in powers),
        power_table=new_table[library.power_table[powers]],
        leakage_cell=new_cell[library.leakage_cell[states]],
        leakage_value=library.leakage_value[states],
        leakage_when=tuple(library.leakage_when[i] for i in states),
        sequential={int(new_cell[i]): v for i, v in library.sequential.items() if new_cell[i] >= 0},
        tables=select_tables(library.tables, tables),
    )


def interpolate_library(low: CellLibrary, high: CellLibrary, vdd: float) -> CellLibrary:
    """Return the library at a supply between two characterised ones.

    Delays, slews and leakage are mixed in the logarithm over Vdd; checks, energies and
    capacitances, which may change sign or hardly move, linearly.
    """
    low.check_same_structure(high)
    part = (vdd - low.vdd) / (high.vdd - low.vdd)
    delays = np.zeros(len(low.tables.size), dtype=bool)
    is_check = np.isin(low.arc_type, [kind for kind in ArcType if kind.is_check])
    used = low.arc_table[~is_check].ravel()
    delays[used[used >= 0]] = True
    return replace(
        low,
        name=f"{low.name}@{vdd:.3f}V",
        vdd=vdd,
        cell_leakage=_mix_logarithm(low.cell_leakage, high.cell_leakage, part),
        leakage_value=_mix_logarithm(low.leakage_value, high.leakage_value, part),
        pin_capacitance=(1 - part) * low.pin_capacitance + part * high.pin_capacitance,
        tables=interpolate_tables(low.tables, high.tables, part, delays),
    )


def _mix_logarithm(low: Floats, high: Floats, part: float) -> Floats:
    tiny = 1e-30
    return np.maximum(low, tiny) ** (1 - part) * np.maximum(high, tiny) ** part


# The arrays below are what the cache on disk holds.

_TABLE_FIELDS = tuple(item.name for item in fields(Tables))
_PLAIN = ("sequential", "tables")


def library_to_arrays(library: CellLibrary) -> dict[str, NDArray[Any]]:
    """Return the library as plain arrays, for `numpy.savez`."""
    arrays: dict[str, NDArray[Any]] = {}
    texts: dict[str, Any] = {}
    for item in fields(CellLibrary):
        value = getattr(library, item.name)
        if isinstance(value, np.ndarray):
            arrays[item.name] = value
        elif item.name not in _PLAIN:
            texts[item.name] = value
    for name in _TABLE_FIELDS:
        arrays[f"tables.{name}"] = getattr(library.tables, name)
    texts["sequential"] = {str(cell): vars(item) for cell, item in library.sequential.items()}
    arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    return arrays


def library_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> CellLibrary:
    """Return the library that `library_to_arrays` took apart."""
    texts = json.loads(arrays["texts"].tobytes())
    sequential = {
        int(cell): Sequential(**(item | {"kind": SequentialKind(item["kind"])}))
        for cell, item in texts.pop("sequential").items()
    }
    texts = {key: tuple(v) if isinstance(v, list) else v for key, v in texts.items()}
    plain = {
        key: value
        for key, value in arrays.items()
        if key != "texts" and not re.match(r"tables\.", key)
    }
    tables = Tables(**{name: arrays[f"tables.{name}"] for name in _TABLE_FIELDS})
    fields_of: dict[str, Any] = {**plain, **texts}
    return CellLibrary(**fields_of, sequential=sequential, tables=tables)
