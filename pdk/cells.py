"""Turns a Liberty tree into a `CellLibrary`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from voltile.core import LibertyError
from voltile.pdk.liberty import Group, read_liberty
from voltile.pdk.library import (
    ArcType,
    CellLibrary,
    Direction,
    Floats,
    Sense,
    Sequential,
    SequentialKind,
)
from voltile.pdk.logic import parse_expression
from voltile.pdk.tables import pack_tables

_Kind = TypeVar("_Kind")

_DIRECTIONS = {item.name.lower(): item for item in Direction}
_SENSES = {
    "positive_unate": Sense.POSITIVE,
    "negative_unate": Sense.NEGATIVE,
    "non_unate": Sense.NON_UNATE,
}
_ARC_TYPES = {item.name.lower(): item for item in ArcType} | {
    "combinational_rise": ArcType.COMBINATIONAL,
    "combinational_fall": ArcType.COMBINATIONAL,
    "three_state_enable": ArcType.TRISTATE,
    "three_state_disable": ArcType.TRISTATE,
}
_THRESHOLDS = {
    f"{level}_pct_{edge}"
    for level in ("input_threshold", "output_threshold", "slew_lower_threshold",
                  "slew_upper_threshold")
    for edge in ("rise", "fall")
} | {"slew_derate_from_library"}  # fmt: skip
# Variables that belong to the second axis of a table, whatever place a template gives them.
_SECOND_AXIS = ("total_output_net_capacitance", "constrained_pin_transition")
_EDGE_TABLES = (("cell_rise", "rise_transition"), ("cell_fall", "fall_transition"))


@dataclass
class _Builder:
    """What grows while the cells are walked; tables are packed at the end."""

    templates: dict[str, Group]
    time: float
    capacitance: float
    leakage: float
    energy: float
    arcs: list[tuple[int, ...]] = field(default_factory=list)
    arc_when: list[str] = field(default_factory=list)
    powers: list[tuple[int, ...]] = field(default_factory=list)
    power_when: list[str] = field(default_factory=list)
    tables: list[tuple[Floats, Floats, Floats]] = field(default_factory=list)

    def add_table(self, group: Group | None, unit: float, second_unit: float) -> int:
        """Store a table; return its index, or -1 when there is none."""
        if group is None or "values" not in group.attributes:
            return -1
        template = self.templates.get(group.label)
        axes = []
        for number in ("1", "2"):
            text = group.attributes.get(f"index_{number}")
            if text is None and template is not None:
                text = template.attributes.get(f"index_{number}")
            axes.append(_numbers(text))
            if np.any(np.diff(axes[-1]) <= 0):
                raise ValueError(f"table '{group.kind}' has an axis that does not ascend")
        shape = (max(len(axes[0]), 1), max(len(axes[1]), 1))
        values = _numbers(group.attributes["values"]) * unit
        if values.size != shape[0] * shape[1]:
            raise ValueError(f"table '{group.kind}' has {values.size} values, not {shape}")
        values = values.reshape(shape)
        if template and template.attributes.get("variable_1") in _SECOND_AXIS:
            axes, values = axes[::-1], values.T
        self.tables.append((axes[0] * self.time, axes[1] * second_unit, values))
        return len(self.tables) - 1


def read_cell_library(path: Path) -> CellLibrary:
    """Read a Liberty file into arrays, in SI units.

    Raises
    ------
    LibertyError
        When the file cannot be read, or a cell of it makes no sense; naming the cell.
    """
    library = read_liberty(path)
    try:
        return _build(library)
    except (LibertyError, ValueError) as error:
        raise LibertyError(str(error), str(path)) from None


def _build(library: Group) -> CellLibrary:
    templates = {group.label: group for group in library.groups if group.kind.endswith("template")}
    capacitance = _capacitance_unit(library)
    builder = _Builder(
        templates,
        time=_unit(library, "time_unit", "s"),
        capacitance=capacitance,
        leakage=_unit(library, "leakage_power_unit", "W"),
        energy=capacitance * _unit(library, "voltage_unit", "V") ** 2,
    )
    cells = list(library.of_kind("cell"))
    areas: list[float] = []
    plain_leakages: list[float] = []
    names: list[str] = []
    functions: list[str] = []
    directions: list[int] = []
    clocks: list[bool] = []
    input_caps: list[tuple[float, float]] = []
    max_caps: list[float] = []
    first_pin = [0]
    leakages: list[tuple[int, float, str]] = []
    sequential: dict[int, Sequential] = {}
    for index, cell in enumerate(cells):
        try:
            areas.append(cell.number("area") * 1e-12)
            plain_leakages.append(cell.number("cell_leakage_power") * builder.leakage)
            pins = _expand_pins(cell)
            at = {name: len(names) + position for position, (name, _) in enumerate(pins)}
            for name, pin in pins:
                names.append(name)
                functions.append(_checked(pin.attributes.get("function", "")))
                directions.append(_choice(pin, "direction", "input", _DIRECTIONS))
                clocks.append("true" in (pin.attributes.get("clock"), _gate_clock(pin)))
                plain = pin.number("capacitance")
                caps = (
                    pin.number("rise_capacitance", plain),
                    pin.number("fall_capacitance", plain),
                )
                input_caps.append((caps[0] * capacitance, caps[1] * capacitance))
                max_caps.append(pin.number("max_capacitance", np.inf) * capacitance)
            for name, pin in pins:
                _add_arcs(builder, index, at, name, pin)
            for state in cell.of_kind("leakage_power"):
                value = state.number("value") * builder.leakage
                leakages.append((index, value, _checked(state.attributes.get("when", ""))))
            state_of_cell = _sequential(cell)
            if state_of_cell is not None:
                sequential[index] = state_of_cell
        except ValueError as error:
            raise LibertyError(f"cell '{cell.label}': {error}") from None
        first_pin.append(len(names))
    # Files of one family list arcs and states in different orders; ours is always the same.
    arc_rows = sorted(zip(builder.arcs, builder.arc_when, strict=True), key=_arc_order)
    power_rows = sorted(zip(builder.powers, builder.power_when, strict=True), key=_power_order)
    leakages.sort(key=lambda state: (state[0], normal_form(state[2])))
    arcs = np.array([row for row, _ in arc_rows], dtype=np.int64).reshape(-1, 9)
    powers = np.array([row for row, _ in power_rows], dtype=np.int64).reshape(-1, 5)
    return CellLibrary(
        name=library.label,
        vdd=_voltage(library),
        temperature=library.number("nom_temperature", 25.0),
        cell_name=tuple(cell.label for cell in cells),
        cell_area=np.array(areas),
        cell_leakage=np.array(plain_leakages),
        cell_first_pin=np.array(first_pin),
        pin_name=tuple(names),
        pin_function=tuple(functions),
        pin_direction=np.array(directions, dtype=np.int64),
        pin_is_clock=np.array(clocks, dtype=bool),
        pin_capacitance=np.array(input_caps).reshape(-1, 2),
        pin_max_capacitance=np.array(max_caps),
        arc_cell=arcs[:, 0],
        arc_from=arcs[:, 1],
        arc_to=arcs[:, 2],
        arc_type=arcs[:, 3],
        arc_sense=arcs[:, 4],
        arc_when=tuple(normal_form(when) for _, when in arc_rows),
        arc_table=arcs[:, 5:].reshape(-1, 2, 2),
        power_cell=powers[:, 0],
        power_pin=powers[:, 1],
        power_related=powers[:, 2],
        power_when=tuple(normal_form(when) for _, when in power_rows),
        power_table=powers[:, 3:],
        leakage_cell=np.array([cell for cell, _, _ in leakages], dtype=np.int64),
        leakage_value=np.array([value for _, value, _ in leakages]),
        leakage_when=tuple(normal_form(when) for _, _, when in leakages),
        sequential=sequential,
        tables=pack_tables(builder.tables),
        thresholds={name: library.number(name) for name in _THRESHOLDS & library.attributes.keys()},
    )


def _expand_pins(cell: Group) -> list[tuple[str, Group]]:
    """(name, group) of every pin; bits of a bus share the group of the bus."""
    if any(cell.of_kind("bus", "bundle")):
        raise ValueError("bus and bundle pins are not supported in standard cells")
    return [
        (name.strip().strip('"'), pin)
        for pin in cell.of_kind("pin")
        for name in pin.arguments.split(",")
    ]


def _checked(text: str) -> str:
    """The text of a function or condition, once it is known to be an expression."""
    if text:
        parse_expression(text)
    return text


def _choice(group: Group, name: str, default: str, known: Mapping[str, _Kind]) -> _Kind:
    """The value of an attribute that is one of a few words."""
    word = group.attributes.get(name, default)
    if word not in known:
        raise ValueError(f"{name} '{word}' is not understood")
    return known[word]


def _gate_clock(pin: Group) -> str | None:
    return pin.attributes.get("clock_gate_clock_pin")


def _add_arcs(builder: _Builder, cell: int, at: dict[str, int], name: str, pin: Group) -> None:
    for timing in pin.of_kind("timing"):
        kind = timing.attributes.get("timing_type", "combinational")
        if kind not in _ARC_TYPES:  # pulse widths, non-sequential checks
            continue
        arc_type = _ARC_TYPES[kind]
        sense = _choice(timing, "timing_sense", "non_unate", _SENSES)
        tables = _arc_tables(builder, timing, arc_type)
        if max(tables) < 0:
            continue
        timed = arc_type <= ArcType.FALLING_EDGE
        if timed and any((tables[edge] < 0) != (tables[edge + 1] < 0) for edge in (0, 2)):
            start = timing.attributes.get("related_pin", "")
            raise ValueError(f"an arc from {start} to {name} has a delay without an output slew")
        for related in _related(timing, at):
            builder.arcs.append((cell, related, at[name], arc_type, sense, *tables))
            builder.arc_when.append(_checked(timing.attributes.get("when", "")))
    for power in pin.of_kind("internal_power"):
        children = {group.kind: group for group in power.groups}
        both = children.get("power")
        edges = tuple(
            builder.add_table(children.get(kind, both), builder.energy, builder.capacitance)
            for kind in ("rise_power", "fall_power")
        )
        for related in _related(power, at) or [-1]:
            builder.powers.append((cell, at[name], related, *edges))
            builder.power_when.append(_checked(power.attributes.get("when", "")))


def _arc_tables(builder: _Builder, timing: Group, arc_type: ArcType) -> tuple[int, ...]:
    children = {group.kind: group for group in timing.groups}
    time = builder.time
    if arc_type.is_check:
        rise = builder.add_table(children.get("rise_constraint"), time, time)
        fall = builder.add_table(children.get("fall_constraint"), time, time)
        return (rise, -1, fall, -1)
    return tuple(
        builder.add_table(children.get(kind), time, builder.capacitance)
        for edge in _EDGE_TABLES
        for kind in edge
    )


def _related(group: Group, at: dict[str, int]) -> list[int]:
    names = group.attributes.get("related_pin", "").split()
    unknown = [name for name in names if name not in at]
    if unknown:
        raise ValueError(f"there is no pin '{unknown[0]}'")
    return [at[name] for name in names]


def _sequential(cell: Group) -> Sequential | None:
    gate = cell.attributes.get("clock_gating_integrated_cell", "")
    if gate:
        return _clock_gate(cell, gate)
    for kind, clock, data in (
        (SequentialKind.FLIP_FLOP, "clocked_on", "next_state"),
        (SequentialKind.LATCH, "enable", "data_in"),
    ):
        for group in cell.of_kind(kind):
            names = [name.strip().strip('"') for name in group.arguments.split(",")]
            return Sequential(
                kind,
                clock=group.attributes.get(clock, ""),
                data=group.attributes.get(data, ""),
                clear=group.attributes.get("clear", ""),
                preset=group.attributes.get("preset", ""),
                state=names[0],
                state_inverted=names[1] if len(names) > 1 else "",
            )
    return None


def _clock_gate(cell: Group, kind: str) -> Sequential:
    roles: dict[str, list[str]] = {"clock": [], "enable": [], "test": [], "out": []}
    for pin in cell.of_kind("pin"):
        for role, names in roles.items():
            if pin.attributes.get(f"clock_gate_{role}_pin") == "true":
                names.append(pin.label)
    if not (roles["clock"] and roles["enable"] and roles["out"]):
        raise ValueError(
            "a clock gate needs pins marked clock_gate_clock_pin, _enable_pin and _out_pin"
        )
    return Sequential(
        SequentialKind.CLOCK_GATE,
        clock=roles["clock"][0],
        data="|".join(roles["enable"] + roles["test"]),
        active_high="negedge" not in kind,
        output=roles["out"][0],
    )


def normal_form(when: str) -> str:
    """Write a product of literals in alphabetical order; leave any other expression alone."""
    plain = when.replace(" ", "")
    if set(plain) & set("|+^()'*"):
        return when
    return "&".join(sorted(plain.split("&"), key=lambda literal: literal.lstrip("!")))


def _arc_order(row: tuple[tuple[int, ...], str]) -> tuple[int | str, ...]:
    (cell, start, end, kind, sense, *_), when = row
    return (cell, end, start, kind, normal_form(when), sense)


def _power_order(row: tuple[tuple[int, ...], str]) -> tuple[int | str, ...]:
    (cell, pin, related, *_), when = row
    return (cell, pin, related, normal_form(when))


def _numbers(text: str | None) -> Floats:
    if not text:
        return np.zeros(0)
    return np.array(text.replace('"', " ").replace(",", " ").split(), dtype=np.float64)


_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3}


def _unit(library: Group, name: str, symbol: str) -> float:
    text = library.attributes.get(name)
    if text is None:
        return {"s": 1e-9, "W": 1e-9, "V": 1.0}[symbol]
    digits = "".join(letter for letter in text if letter in "0123456789.")
    prefix = text.strip().lstrip("0123456789. ").removesuffix(symbol)
    if prefix not in _PREFIX:
        raise LibertyError(f"{name} '{text}' is not understood")
    return float(digits or 1.0) * _PREFIX[prefix]


def _capacitance_unit(library: Group) -> float:
    text = library.attributes.get("capacitive_load_unit", "1, pf")
    number, _, unit = text.partition(",")
    prefix = unit.strip().strip('"').lower().removesuffix("f")
    if prefix not in _PREFIX or not unit:
        raise LibertyError(f"capacitive_load_unit '{text}' is not understood")
    return float(number) * _PREFIX[prefix]


def _voltage(library: Group) -> float:
    named = _operating_conditions(library)
    return next(named, library.number("nom_voltage", 0.0))


def _operating_conditions(library: Group) -> Iterator[float]:
    default = library.attributes.get("default_operating_conditions")
    for group in library.of_kind("operating_conditions"):
        if default in (None, group.label) and "voltage" in group.attributes:
            yield group.number("voltage")
