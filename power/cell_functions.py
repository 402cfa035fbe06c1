"""What every cell of a netlist computes: functions of signals, from those of the library."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from voltile.core import NetlistError
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import (
    Direction,
    Expression,
    Sequential,
    SequentialKind,
    parse_expression,
    truth_table,
    variables,
)
from voltile.power.steps import Function, Ints

# Names in expressions that no pin can have.
_STATE, _CLEAR, _PRESET = "#state", "#clear", "#preset"


@dataclass
class CellFunctions:
    """Functions of all cells, a list item per cell type; signals are numbered as in `program`.

    Attributes
    ----------
    signals : int
        How many there are; grows with states and conditions.
    logic : list of Function
        Combinational outputs, and the conditions of asynchronous clears and presets.
    latches, latch_enables : list of Function
        Next state of each latch, and what opens it.
    next_states, flop_clocks : list of Function
        Next state of each flip-flop, and what clocks it.
    gate_latches, gate_outputs : list of Function
        Latch inside each clock gate, and its output.
    asynchronous : list of (state, clear, preset, cell)
        Of flip-flops that have any: signals, shape (flops,), and instances.
    """

    netlist: Netlist
    signals: int
    logic: list[Function] = field(default_factory=list)
    latches: list[Function] = field(default_factory=list)
    latch_enables: list[Function] = field(default_factory=list)
    next_states: list[Function] = field(default_factory=list)
    flop_clocks: list[Function] = field(default_factory=list)
    gate_latches: list[Function] = field(default_factory=list)
    gate_outputs: list[Function] = field(default_factory=list)
    asynchronous: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)

    def new_signals(self, count: int) -> Ints:
        self.signals += count
        return np.arange(self.signals - count, self.signals)


def cell_functions(netlist: Netlist) -> CellFunctions:
    """Return the functions of all cells.

    Raises
    ------
    NetlistError
        For an output whose function the library does not give.
    """
    design = CellFunctions(netlist, 1 + netlist.nets)
    for kind in np.unique(netlist.cell_type):
        _add_cells(design, int(kind))
    return design


def _add_cells(design: CellFunctions, kind: int) -> None:
    """Add the functions of all instances of one cell type."""
    netlist, library = design.netlist, design.netlist.library
    cells = np.flatnonzero(netlist.cell_type == kind)
    start = netlist.first_pin[cells] - library.cell_first_pin[kind]
    pins = {
        library.pin_name[pin]: netlist.pin_net[start + pin] + 1  # OPEN + 1 is the constant
        for pin in library.pins_of(kind)
    }
    item = library.sequential.get(kind)
    signals, renamed = dict(pins), dict[str, Expression]()
    if item is not None:
        signals[_STATE] = design.new_signals(len(cells))
        if item.kind == SequentialKind.CLOCK_GATE:
            _add_clock_gates(design, item, cells, signals)
        else:
            if item.state_inverted:
                renamed[item.state_inverted] = ("not", ("var", _STATE))
            renamed[item.state] = ("var", _STATE)
            _add_registers(design, item, cells, signals, renamed)
    for pin in library.pins_of(kind):
        name, text = library.pin_name[pin], library.pin_function[pin]
        if library.pin_direction[pin] != Direction.OUTPUT:
            continue
        if item is not None and item.kind == SequentialKind.CLOCK_GATE and name == item.output:
            continue
        joined = np.flatnonzero(pins[name] != OPEN + 1)
        if not len(joined):
            continue
        where = f"output {name} of cell {library.cell_name[kind]}"
        if not text:
            raise NetlistError(f"library {library.name} gives no function for {where}")
        expression = _rename(parse_expression(text), renamed)
        picked = {key: value[joined] for key, value in signals.items()}
        design.logic.append(_function(expression, picked, pins[name][joined], cells[joined], where))


def _add_clock_gates(
    design: CellFunctions, item: Sequential, cells: Ints, signals: Mapping[str, Ints]
) -> None:
    clock: Expression = ("var", item.clock)
    held: Expression = ("var", _STATE)
    # Open while the clock has the level at which the output rests.
    is_open = ("not", clock) if item.active_high else clock
    latch = ("or", ("and", is_open, parse_expression(item.data)), ("and", ("not", is_open), held))
    output = ("and", clock, held) if item.active_high else ("or", clock, ("not", held))
    where = f"clock gate {design.netlist.library.cell_name[design.netlist.cell_type[cells[0]]]}"
    design.gate_latches.append(_function(latch, signals, signals[_STATE], cells, where))
    joined = signals[item.output] != OPEN + 1
    design.gate_outputs.append(
        _function(
            output,
            {key: value[joined] for key, value in signals.items()},
            signals[item.output][joined],
            cells[joined],
            where,
        )
    )


def _add_registers(
    design: CellFunctions,
    item: Sequential,
    cells: Ints,
    signals: dict[str, Ints],
    renamed: Mapping[str, Expression],
) -> None:
    where = f"register {design.netlist.library.cell_name[design.netlist.cell_type[cells[0]]]}"
    for name, text in ((_CLEAR, item.clear), (_PRESET, item.preset)):
        signals[name] = np.zeros(len(cells), dtype=np.int64)
        if text:
            signals[name] = design.new_signals(len(cells))
            condition = _rename(parse_expression(text), renamed)
            design.logic.append(_function(condition, signals, signals[name], cells, where))
    data = _rename(parse_expression(item.data), renamed) if item.data else ("const", 0)
    clock = parse_expression(item.clock) if item.clock else ("const", 0)
    state: Expression = ("var", _STATE)
    if item.kind == SequentialKind.LATCH:
        data = ("or", ("and", clock, data), ("and", ("not", clock), state))
    if item.preset:
        data = ("or", data, ("var", _PRESET))
    if item.clear:
        data = ("and", data, ("not", ("var", _CLEAR)))
    own = signals[_STATE]
    if item.kind == SequentialKind.LATCH:
        design.latches.append(_function(data, signals, own, cells, where))
        design.latch_enables.append(_function(clock, signals, own, cells, where))
        return
    design.next_states.append(_function(data, signals, own, cells, where))
    design.flop_clocks.append(_function(clock, signals, own, cells, where))
    if item.clear or item.preset:
        design.asynchronous.append((own, signals[_CLEAR], signals[_PRESET], cells))


def _rename(expression: Expression, renamed: Mapping[str, Expression]) -> Expression:
    if expression[0] == "var":
        return renamed.get(expression[1], expression)
    if expression[0] == "const":
        return expression
    return (expression[0], *(_rename(part, renamed) for part in expression[1:]))


def _function(
    expression: Expression, signals: Mapping[str, Ints], output: Ints, cells: Ints, where: str
) -> Function:
    names = variables(expression)
    unknown = [name for name in names if name not in signals]
    if unknown:
        raise NetlistError(f"the function of {where} names '{unknown[0]}', which is not a pin")
    # Inputs without effect are left out: they are no dependence.
    table = truth_table(expression, names)
    patterns = np.arange(len(table))
    kept = [k for k in range(len(names)) if (table != table[patterns ^ (1 << k)]).any()]
    used = tuple(names[k] for k in kept)
    rows = np.zeros(1 << len(kept), dtype=np.int64)
    for place, k in enumerate(kept):
        rows |= ((np.arange(len(rows)) >> place) & 1) << k
    inputs = [signals[name] for name in used]
    return Function(
        tuple(bool(value) for value in table[rows]),
        output,
        np.stack(inputs, axis=1) if inputs else np.zeros((len(output), 0), dtype=np.int64),
        cells,
    )
