"""Writes measured cells as one Liberty file: one technology, gate length, corner and supply.

Arcs that hold in different states of the other inputs keep their `when`, without a table for "any
state" beside them: OpenSTA and Voltile take the worst of those that case analysis leaves, abc the
worst of all, and a table without `when` would hide the others from case analysis.

References
----------
Liberty User Guides and Reference Manual Suite, version 2017.06.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voltile.core import TechnologyError
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.measurement import (
    ArcKind,
    ArcMeasurement,
    CellMeasurement,
    PinMeasurement,
)
from voltile.pdk.library import Sequential, SequentialKind
from voltile.pdk.logic import evaluate, parse_expression, truth_table, variables

# Units of the file: 1 ns, 1 V, 1 pF, 1 nW; an energy is then in pJ.
_TIME, _LOAD, _POWER, _ENERGY = 1e-9, 1e-12, 1e-9, 1e-12

_SLEW_AND_LOAD = (_TIME, _LOAD)
# Group, variables and their units, of the templates for each kind of table.
_TEMPLATES = {
    "delay": (
        "lu_table_template",
        ("input_net_transition", "total_output_net_capacitance"),
        _SLEW_AND_LOAD,
    ),
    "energy": (
        "power_lut_template",
        ("input_transition_time", "total_output_net_capacitance"),
        _SLEW_AND_LOAD,
    ),
    "pin_energy": ("power_lut_template", ("input_transition_time",), (_TIME,)),
    "check": (
        "lu_table_template",
        ("related_pin_transition", "constrained_pin_transition"),
        (_TIME, _TIME),
    ),
}


@dataclass(frozen=True)
class Conditions:
    """Under which conditions the cells of a library were measured.

    Attributes
    ----------
    timing_corner, leakage_corner : str
        As in `ss_125C`: all but the leakage is of the first.
    temperature : float
        Of the timing corner [degree Celsius].
    provenance : str
        With which models, simulator and options the measurements were made; any number of lines.
    """

    technology: str
    bias: str
    timing_corner: str
    temperature: float
    vdd: float
    leakage_corner: str
    provenance: str

    @property
    def library_name(self) -> str:
        """Name of the library, such as `freepdk45_pb1_ss_125C_0v85`."""
        volts = f"{self.vdd:.3f}".removesuffix("0").replace(".", "v")
        return f"{self.technology}_{self.bias}_{self.timing_corner}_{volts}"


@dataclass(frozen=True)
class MeasuredCell:
    """A cell, its area [m2], and what was measured of it."""

    cell: Cell
    area: float
    measured: CellMeasurement


def liberty_text(conditions: Conditions, cells: Sequence[MeasuredCell]) -> str:
    """Return the text of a Liberty file; numbers have five significant digits.

    Raises
    ------
    TechnologyError
        When a cell was measured under other conditions, or lacks a pin or the leakage corner.
    """
    templates = _Templates()
    body = [line for item in cells for line in _cell(item, conditions, templates)]
    lines = _group(f"library ({conditions.library_name})",
                   [*_header(conditions, cells), *templates.lines(), *body])  # fmt: skip
    return _comment(conditions) + "\n".join(lines) + "\n"


def _comment(conditions: Conditions) -> str:
    text = (
        f"Cells of {conditions.technology}, gate length {conditions.bias}, at "
        f"{conditions.vdd:.3f} V: timing, energy and capacitance at {conditions.timing_corner}, "
        f"leakage at {conditions.leakage_corner}.\n\n{conditions.provenance}"
    )
    lines = text.replace("*/", "* /").splitlines()
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _header(conditions: Conditions, cells: Sequence[MeasuredCell]) -> list[str]:
    corner = conditions.timing_corner
    slowest = max((slew for item in cells for slew in item.measured.slews), default=_TIME)
    return [
        "define (leakage_corner, library, string);",
        "technology (cmos);",
        "delay_model : table_lookup;",
        'time_unit : "1ns";',
        'voltage_unit : "1V";',
        'current_unit : "1uA";',
        'pulling_resistance_unit : "1kohm";',
        'leakage_power_unit : "1nW";',
        "capacitive_load_unit (1, pf);",
        "input_threshold_pct_rise : 50;",
        "input_threshold_pct_fall : 50;",
        "output_threshold_pct_rise : 50;",
        "output_threshold_pct_fall : 50;",
        "slew_lower_threshold_pct_rise : 20;",
        "slew_lower_threshold_pct_fall : 20;",
        "slew_upper_threshold_pct_rise : 80;",
        "slew_upper_threshold_pct_fall : 80;",
        "slew_derate_from_library : 1;",
        f"default_max_transition : {_number(slowest, _TIME)};",
        "nom_process : 1;",
        f"nom_temperature : {conditions.temperature:g};",
        f"nom_voltage : {conditions.vdd:g};",
        f'leakage_corner : "{conditions.leakage_corner}";',
        *_group(
            f"operating_conditions ({corner})",
            [
                "process : 1;",
                f"temperature : {conditions.temperature:g};",
                f"voltage : {conditions.vdd:g};",
                "tree_type : balanced_tree;",
            ],
        ),
        f"default_operating_conditions : {corner};",
    ]


class _Templates:
    """Table templates by their axes, named in the order in which tables ask for them."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}

    def name(self, kind: str, *axes: Sequence[float]) -> str:
        units = _TEMPLATES[kind][2]
        key = (kind, *(_row(axis, unit) for axis, unit in zip(axes, units, strict=True)))
        return self._names.setdefault(key, f"{kind}_{len(self._names)}")

    def lines(self) -> Iterator[str]:
        for (kind, *axes), name in self._names.items():
            group, names, _ = _TEMPLATES[kind]
            variables_ = [f"variable_{at} : {text};" for at, text in enumerate(names, 1)]
            indices = [f"index_{at} ({text});" for at, text in enumerate(axes, 1)]
            yield from _group(f"{group} ({name})", [*variables_, *indices])


def _cell(item: MeasuredCell, conditions: Conditions, templates: _Templates) -> Iterator[str]:
    cell, measured = item.cell, item.measured
    if measured.bias != conditions.bias or abs(measured.vdd - conditions.vdd) > 1e-6:
        raise TechnologyError(
            f"cell '{cell.name}' is measured for {measured.bias} at {measured.vdd:.3f} V, not for "
            f"{conditions.bias} at {conditions.vdd:.3f} V"
        )
    lines = [
        f"area : {item.area * 1e12:.8g};",
        f'cell_footprint : "{cell.name}";',
        *_leakage(cell, measured, conditions.leakage_corner),
        *(_storage(cell.storage) if cell.storage else ()),
    ]
    pins = {pin.pin: pin for pin in measured.pins}
    for name in cell.inputs:
        if name not in pins:
            raise TechnologyError(f"cell '{cell.name}': pin '{name}' is not measured")
        lines += _group(f"pin ({name})", _input(cell, measured, pins[name], templates))
    if cell.storage and cell.storage.kind is SequentialKind.CLOCK_GATE:
        bit = cell.storage.state
        lines += _group(f"pin ({bit})", ["direction : internal;", f"internal_node : {bit};"])
    for name in cell.functions:
        lines += _group(f"pin ({name})", _output(cell, measured, name, templates))
    return _group(f"cell ({cell.name})", lines)


def _leakage(cell: Cell, measured: CellMeasurement, corner: str) -> Iterator[str]:
    if corner not in measured.leakage:
        raise TechnologyError(
            f"cell '{cell.name}' has no leakage at corner {corner}; measured are "
            + ", ".join(measured.leakage)
        )
    states = measured.leakage[corner]
    yield f"cell_leakage_power : {_number(float(np.mean(list(states.values()))), _POWER)};"
    # States of a clock gate that its outputs do not tell apart share one condition.
    shared: dict[str, list[float]] = {}
    for state, power in states.items():
        shared.setdefault(_condition(cell, measured.inputs, state), []).append(power)
    for when, powers in shared.items():
        if when:
            value = f"value : {_number(float(np.mean(powers)), _POWER)};"
            yield from _group("leakage_power ()", [f'when : "{when}";', value])


def _condition(cell: Cell, inputs: Sequence[str], state: str) -> str:
    """`when` of a state: the inputs and, of a sequential cell, the output that shows its bit."""
    levels = {name: int(level) for name, level in zip(inputs, state, strict=False)}
    shown = dict(levels)
    if cell.storage:
        stored = cell.storage.named(int(state[-1]))
        output, function = next(iter(cell.functions.items()))
        shown[output] = evaluate(parse_expression(function), levels | stored, 1)
    return "&".join(name if level else f"!{name}" for name, level in shown.items())


def _storage(storage: Sequential) -> Iterator[str]:
    asynchronous = [f'{name} : "{text}";' for name, text in
                    (("clear", storage.clear), ("preset", storage.preset)) if text]  # fmt: skip
    if storage.kind is not SequentialKind.CLOCK_GATE:
        is_latch = storage.kind is SequentialKind.LATCH
        clock, data = ("enable", "data_in") if is_latch else ("clocked_on", "next_state")
        yield from _group(
            f'{storage.kind} ("{storage.state}", "{storage.state_inverted}")',
            [f'{clock} : "{storage.clock}";', f'{data} : "{storage.data}";', *asynchronous],
        )
    else:
        enables = variables(parse_expression(storage.data))
        edge, opens, closes = ("pos", "L", "H") if storage.active_high else ("neg", "H", "L")
        tested = "_precontrol" if len(enables) > 1 else ""
        yield f'clock_gating_integrated_cell : "latch_{edge}edge{tested}";'
        opened = truth_table(parse_expression(storage.data), enables)
        rows = [
            f"{opens} {' '.join('LH'[pattern >> bit & 1] for bit in range(len(enables)))} : - : "
            f"{'LH'[int(level)]}"
            for pattern, level in enumerate(opened)
        ]
        table = ", ".join([*rows, f"{closes} {'- ' * len(enables)}: - : N"])
        head = f'statetable ("{storage.clock} {" ".join(enables)}", "{storage.state}")'
        yield from _group(head, [f'table : "{table}";'])


def _input(
    cell: Cell, measured: CellMeasurement, pin: PinMeasurement, templates: _Templates
) -> Iterator[str]:
    rise, fall = pin.capacitance_rise, pin.capacitance_fall
    yield "direction : input;"
    yield f"capacitance : {_number((rise + fall) / 2, _LOAD)};"
    yield f"rise_capacitance : {_number(rise, _LOAD)};"
    yield f"fall_capacitance : {_number(fall, _LOAD)};"
    yield from _max_transition(measured)
    yield from _roles(cell.storage, pin.pin)
    for name, width in (("low", pin.low_width), ("high", pin.high_width)):
        if width:
            yield f"min_pulse_width_{name} : {_number(width, _TIME)};"
    if pin.energy_rise:
        template = templates.name("pin_energy", measured.slews)
        yield from _group("internal_power ()", [
            *_table("rise_power", template, [pin.energy_rise], _ENERGY),
            *_table("fall_power", template, [pin.energy_fall], _ENERGY),
        ])  # fmt: skip
    checks: dict[tuple[str, str], list[str]] = {}
    for check in measured.checks:
        if check.pin == pin.pin:
            template = templates.name("check", measured.check_slews, measured.check_slews)
            checks.setdefault((check.clock, check.kind), []).extend(
                _table(f"{check.edge}_constraint", template, check.values, _TIME)
            )
    for (clock, kind), tables in checks.items():
        yield from _group(
            "timing ()", [f'related_pin : "{clock}";', f"timing_type : {kind};", *tables]
        )


def _roles(storage: Sequential | None, pin: str) -> Iterator[str]:
    """What a pin is to a sequential cell; the last of a clock gate's enables is no test pin."""
    if storage is None:
        return
    if pin in variables(parse_expression(storage.clock)):
        yield "clock : true;"
    if storage.kind is SequentialKind.CLOCK_GATE:
        *tests, enable = variables(parse_expression(storage.data))
        for role, names in (("clock", (storage.clock,)), ("enable", (enable,)), ("test", tests)):
            if pin in names:
                yield f"clock_gate_{role}_pin : true;"


def _output(
    cell: Cell, measured: CellMeasurement, name: str, templates: _Templates
) -> Iterator[str]:
    yield "direction : output;"
    if cell.storage and name == cell.storage.output:
        yield "clock_gate_out_pin : true;"
        yield f'state_function : "{cell.functions[name]}";'
    else:
        yield f'function : "{cell.functions[name]}";'
    if measured.loads:
        yield f"max_capacitance : {_number(measured.loads[-1], _LOAD)};"
    yield from _max_transition(measured)
    groups: dict[tuple[str, str, ArcKind, str], list[ArcMeasurement]] = {}
    for arc in measured.arcs:
        if arc.output == name:
            groups.setdefault((arc.related, arc.when, arc.kind, _sense(arc)), []).append(arc)
    for (related, when, kind, sense), arcs in groups.items():
        head = [f'related_pin : "{related}";', *([f'when : "{when}";'] if when else [])]
        delay = templates.name("delay", measured.slews, measured.loads)
        energy = templates.name("energy", measured.slews, measured.loads)
        timing = [f"timing_type : {kind};", f"timing_sense : {sense};"]
        power: list[str] = []
        for arc in arcs:
            edge = arc.output_edge
            timing += _table(f"cell_{edge}", delay, arc.delay, _TIME)
            timing += _table(f"{edge}_transition", delay, arc.slew, _TIME)
            power += _table(f"{edge}_power", energy, arc.energy, _ENERGY)
        yield from _group("timing ()", head + timing)
        yield from _group("internal_power ()", head + power)


def _max_transition(measured: CellMeasurement) -> Iterator[str]:
    if measured.slews:
        yield f"max_transition : {_number(measured.slews[-1], _TIME)};"


def _sense(arc: ArcMeasurement) -> str:
    if arc.kind in (ArcKind.RISING_EDGE, ArcKind.FALLING_EDGE):
        return "non_unate"
    return "positive_unate" if arc.input_edge == arc.output_edge else "negative_unate"


def _group(head: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{"
    yield from (f"  {line}" for line in lines)
    yield "}"


def _table(kind: str, template: str, rows: Iterable[Iterable[float]], unit: float) -> list[str]:
    values = [_row(row, unit) for row in rows]
    inner = [f"  {row}{', ' if at < len(values) - 1 else ');'}" for at, row in enumerate(values)]
    wrapped = [line + "\\" for line in ["values ( ", *inner[:-1]]]
    return list(_group(f"{kind} ({template})", [*wrapped, inner[-1]]))


def _row(values: Iterable[float], unit: float) -> str:
    return '"' + ", ".join(_number(value, unit) for value in values) + '"'


def _number(value: float, unit: float) -> str:
    return f"{value / unit:.5g}"
