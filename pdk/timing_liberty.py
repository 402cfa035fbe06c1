"""Writes a cell library at one supply as Liberty: what setup timing needs of it.

Any `CellLibrary` will do, also one between two characterised supplies. Energy, leakage and hold
checks are left out. Numbers have nine significant digits.

Cells can come again with other delays. An arc that takes both edges of its input to an edge of its
output (`non_unate`) is then written as two, since each may be slower by a factor of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import write_atomically
from voltile.pdk.library import (
    ArcType,
    CellLibrary,
    Direction,
    Sense,
    Sequential,
    SequentialKind,
)

# Units of the file: 1 ns, 1 pF.
_TIME, _LOAD = 1e-9, 1e-12
_SENSES = {
    Sense.POSITIVE: "positive_unate",
    Sense.NEGATIVE: "negative_unate",
    Sense.NON_UNATE: "non_unate",
}
_CHECKS = (
    ArcType.SETUP_RISING, ArcType.SETUP_FALLING, ArcType.RECOVERY_RISING, ArcType.RECOVERY_FALLING,
)  # fmt: skip
_DELAYS = (ArcType.COMBINATIONAL, ArcType.RISING_EDGE, ArcType.FALLING_EDGE)
# Delay of an arc whose output does not switch [s]; its slew stays.
_NEVER = 1.0
# Tables bring axes of their own; templates say which variable is which. A wire that hands on the
# slew that it gets is a table, too: the slew at its end is the slew at its start.
_HEADER = """/* {comment} */
library ("{name}") {{
  technology (cmos);
  delay_model : table_lookup;
  time_unit : "1ns";
  voltage_unit : "1V";
  current_unit : "1uA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf);
  nom_process : 1;
  nom_temperature : {temperature:g};
  nom_voltage : {vdd:g};
{thresholds}
  lu_table_template ("delay") {{
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("0, 1");
    index_2 ("0, 1");
  }}
  lu_table_template ("check") {{
    variable_1 : related_pin_transition;
    variable_2 : constrained_pin_transition;
    index_1 ("0, 1");
    index_2 ("0, 1");
  }}
  lu_table_template ("same_slew") {{
    variable_1 : output_pin_transition;
    variable_2 : connect_delay;
    index_1 ("0, 1");
    index_2 ("0, 1");
  }}
  rise_transition_degradation ("same_slew") {{ values ("0, 0", "1, 1"); }}
  fall_transition_degradation ("same_slew") {{ values ("0, 0", "1, 1"); }}
"""


@dataclass(frozen=True)
class CellCopy:
    """A cell of a library whose arcs differ.

    Attributes
    ----------
    cell : int
        In the library.
    suffix : str
        Added to the name of the cell, after that of the library.
    delay : mapping of (arc, input edge, output edge) to (float, float)
        Factors on delay and output slew; infinite: the output does not switch. Edges: 0 rise, 1
        fall.
    check : mapping of (arc, edge of the data) to float
        What is added to a constraint [s].
    """

    cell: int
    suffix: str = ""
    delay: Mapping[tuple[int, int, int], tuple[float, float]] = field(default_factory=dict)
    check: Mapping[tuple[int, int], float] = field(default_factory=dict)


def write_timing_liberty(
    library: CellLibrary, path: Path, name: str, suffix: str = "", copies: Sequence[CellCopy] = ()
) -> None:
    """Write a library as a Liberty file.

    Parameters
    ----------
    name : str
        Of the library in the file.
    suffix : str
        Added to every cell name: a tool that knows no supply per instance tells the copies of a
        cell at several supplies apart by it.
    copies : sequence of CellCopy
        Further cells, after those of the library.
    """
    arcs = np.split(
        np.arange(len(library.arc_cell)),
        np.searchsorted(library.arc_cell, np.arange(1, len(library.cell_name))),
    )
    lines = [
        line
        for copy in (*map(CellCopy, range(len(arcs))), *copies)
        for line in _cell(library, copy, arcs[copy.cell].tolist(), suffix + copy.suffix)
    ]
    comment = f"{library.name} at {library.vdd:.3f} V, setup timing only; licensed as its source"
    thresholds = (f"  {key} : {value:g};" for key, value in sorted(library.thresholds.items()))
    header = _HEADER.format(
        comment=comment, name=name, temperature=library.temperature, vdd=library.vdd,
        thresholds="\n".join(thresholds),
    )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text(header + "\n".join(lines) + "\n}\n")


def _cell(library: CellLibrary, copy: CellCopy, arcs: Iterable[int], suffix: str) -> Iterator[str]:
    cell = copy.cell
    yield f'  cell ("{library.cell_name[cell]}{suffix}") {{'
    yield f"    area : {library.cell_area[cell] * 1e12:.9g};"
    state = library.sequential.get(cell)
    if state is not None:
        yield from _state(state)
    into: dict[int, list[int]] = {}
    for arc in arcs:
        into.setdefault(int(library.arc_to[arc]), []).append(arc)
    for pin in library.pins_of(cell):
        yield f'    pin ("{library.pin_name[pin]}") {{'
        yield from _pin(library, pin, state)
        for arc in into.get(pin, ()):
            for sense in _senses(library, arc, copy):
                yield from _arc(library, arc, sense, copy)
        yield "    }"
    yield "  }"


def _state(state: Sequential) -> Iterator[str]:
    if state.kind == SequentialKind.CLOCK_GATE:
        edge = "posedge" if state.active_high else "negedge"
        yield f'    clock_gating_integrated_cell : "latch_{edge}";'
        return
    group, clock, data = {
        SequentialKind.FLIP_FLOP: ("ff", "clocked_on", "next_state"),
        SequentialKind.LATCH: ("latch", "enable", "data_in"),
    }[state.kind]
    yield f'    {group} ("{state.state}", "{state.state_inverted}") {{'
    for key, text in ((clock, state.clock), (data, state.data), ("clear", state.clear),
                      ("preset", state.preset)):  # fmt: skip
        if text:
            yield f'      {key} : "{text}";'
    yield "    }"


def _pin(library: CellLibrary, pin: int, state: Sequential | None) -> Iterator[str]:
    direction, name = Direction(int(library.pin_direction[pin])), library.pin_name[pin]
    yield f"      direction : {direction.name.lower()};"
    if direction == Direction.INPUT:
        rise, fall = (library.pin_capacitance[pin] / _LOAD).tolist()
        yield f"      capacitance : {(rise + fall) / 2:.9g};"
        yield f"      rise_capacitance : {rise:.9g};"
        yield f"      fall_capacitance : {fall:.9g};"
    if library.pin_is_clock[pin]:
        yield "      clock : true;"
    if library.pin_function[pin]:
        yield f'      function : "{library.pin_function[pin]}";'
    if state is not None and state.kind == SequentialKind.CLOCK_GATE:
        enable, *tests = state.data.split("|")
        roles = {state.clock: "clock", enable: "enable", state.output: "out"}
        roles |= dict.fromkeys(tests, "test")
        if name in roles:
            yield f"      clock_gate_{roles[name]}_pin : true;"


def _senses(library: CellLibrary, arc: int, copy: CellCopy) -> tuple[Sense, ...]:
    sense = Sense(int(library.arc_sense[arc]))
    split = sense == Sense.NON_UNATE and any(key[0] == arc for key in copy.delay)
    return (Sense.POSITIVE, Sense.NEGATIVE) if split else (sense,)


def _arc(library: CellLibrary, arc: int, sense: Sense, copy: CellCopy) -> Iterator[str]:
    kind = ArcType(int(library.arc_type[arc]))
    if kind in _DELAYS:
        template = "delay"
    elif kind in _CHECKS:
        template = "check"
    else:
        return
    yield "      timing () {"
    yield f'        related_pin : "{library.pin_name[int(library.arc_from[arc])]}";'
    yield f"        timing_type : {kind.name.lower()};"
    if kind == ArcType.COMBINATIONAL:
        yield f"        timing_sense : {_SENSES[sense]};"
    if library.arc_when[arc]:
        yield f'        when : "{library.arc_when[arc]}";'
    for edge, (tables, name) in enumerate(
        zip(library.arc_table[arc].tolist(), ("rise", "fall"), strict=True)
    ):
        if template == "check":
            added = copy.check.get((arc, edge), 0.0)
            yield from _table(library, tables[0], f"{name}_constraint", template, 1.0, added)
        else:
            key = (arc, edge ^ (sense == Sense.NEGATIVE), edge)
            delay, slew = copy.delay.get(key, (1.0, 1.0))
            never = _NEVER if delay == np.inf else 0.0
            delay, slew = (0.0, 1.0) if never else (delay, slew)
            yield from _table(library, tables[0], f"cell_{name}", template, delay, never)
            yield from _table(library, tables[1], f"{name}_transition", template, slew)
    yield "      }"


def _table(
    library: CellLibrary, table: int, name: str, template: str, factor: float, added: float = 0.0
) -> Iterator[str]:
    """A table of times, with those multiplied by a factor and something added [s]."""
    if table < 0:
        return
    tables = library.tables
    rows, columns = tables.size[table].tolist()
    second = _LOAD if template == "delay" else _TIME
    times = (factor * tables.values[table, :rows, :columns] + added) / _TIME
    values = ", ".join(f'"{_numbers(row)}"' for row in times)
    yield f'        {name} ("{template}") {{'
    yield f'          index_1 ("{_numbers(tables.slew_axis[table, :rows] / _TIME)}");'
    yield f'          index_2 ("{_numbers(tables.load_axis[table, :columns] / second)}");'
    yield f"          values ({values});"
    yield "        }"


def _numbers(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.9g}" for value in values.tolist())
