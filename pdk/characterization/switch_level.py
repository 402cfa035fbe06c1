"""Switch-level logic: what the transistors of a cell compute, and the proof that it is as stated.

A transistor is a switch that is closed, open, or, with an unknown gate, possibly closed. A node
takes the value of the rails and inputs that it reaches; without such a path it keeps the charge of
the gates that hang on it. Rails and inputs are stronger than all else and paths equally strong:
static CMOS has no ratioed fights, so paths to both rails make the value unknown.

Many cases are evaluated at once: a word is a Python integer with one bit per case, and `ones` the
word with every bit set.

References
----------
R. E. Bryant, "A Switch-Level Model and Simulator for MOS Digital Systems", IEEE Transactions on
Computers C-33(2), 1984.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voltile.core import TechnologyError
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.library import SequentialKind
from voltile.pdk.logic import evaluate, parse_expression, sum_of_products

# Words of the cases in which a node may be 1, and may be 0: both is unknown, none is floating.
_Value = tuple[int, int]
_LETTERS = {(1, 0): "1", (0, 1): "0", (1, 1): "X", (0, 0): "Z"}


@dataclass(frozen=True)
class _Switch:
    ends: tuple[str, str]
    gate: str
    closes_low: bool


@dataclass(frozen=True)
class _Component:
    """Nodes joined by channels, which are solved together; those in `stores` are gates."""

    nodes: tuple[str, ...]
    stores: frozenset[str]
    switches: tuple[_Switch, ...]


@dataclass(frozen=True)
class _Network:
    """The components of a cell: those in order of signal flow, and those that feed back.

    The clock buffers of a latch are among the former: they settle before its loop is looked at, as
    they do in silicon, where the loop is the slower of the two.
    """

    ordered: tuple[_Component, ...]
    cyclic: tuple[_Component, ...]
    gates: tuple[str, ...]
    rails: Mapping[str, bool]


def output_values(cell: Cell) -> dict[str, str]:
    """Return what each output is for every input pattern: one of `01XZ` per pattern.

    Bit k of the pattern number is the value of `cell.inputs[k]`, as in `logic.truth_table`.
    `X` is unknown (rails in contention, or a stored bit), `Z` floating.
    """
    patterns = range(1 << len(cell.inputs))
    values = _settled(_network(cell), _input_words(cell), (1 << len(patterns)) - 1)
    return {pin: "".join(_letter(values[pin], at) for at in patterns) for pin in _outputs(cell)}


def output_sequence(cell: Cell, vectors: Iterable[Mapping[str, int]]) -> list[dict[str, str]]:
    """Return the outputs, each one of `01XZ`, after each of a sequence of input vectors.

    Stored bits are unknown at the start.
    """
    network, steps = _network(cell), []
    values: dict[str, _Value] = {}
    for vector in vectors:
        values = _settled(network, {pin: vector[pin] for pin in cell.inputs}, 1, values)
        steps.append({pin: _letter(values[pin], 0) for pin in _outputs(cell)})
    return steps


def derive_functions(cell: Cell) -> dict[str, str]:
    """Return the Liberty function of each output of a combinational cell, from its transistors.

    A sum of products, or its inverse where that is shorter.

    Raises
    ------
    TechnologyError
        When an output is not 0 or 1 for some input pattern.
    """
    functions = {}
    for pin, letters in output_values(cell).items():
        for at, letter in enumerate(letters):
            if letter not in "01":
                where = _pattern(cell, _input_words(cell), at)
                raise TechnologyError(f"cell '{cell.name}': output {pin} is {letter}{where}")
        rows = np.array([letter == "1" for letter in letters])
        plain, inverse = (
            sum_of_products(np.flatnonzero(part), cell.inputs) for part in (rows, ~rows)
        )
        inverse = f"!({inverse})" if "|" in inverse else f"!{inverse}"
        shorter = rows.any() and _length(inverse) < _length(plain)
        functions[pin] = inverse if shorter else plain
    return functions


def _length(text: str) -> int:
    return len(re.findall(r"\w+|!", text))


def check_logic(cell: Cell) -> None:
    """Check that the transistors compute what `functions` and `storage` say.

    A combinational cell is evaluated for every input pattern. A sequential cell starts with its bit
    unknown under every input pattern; from there, every state that changes of single inputs lead to
    is visited, and the outputs are compared wherever the stated behaviour leaves no choice. So all
    sequences are covered but those that change clock and data at once, or release clear and preset
    together, whose outcome no cell promises. No gate may be left floating in any of these states.

    Raises
    ------
    TechnologyError
        Naming the cell, the output or node, and the input pattern.
    """
    network = _network(cell)
    ones = (1 << (1 << len(cell.inputs))) - 1
    before = _input_words(cell)
    values = _settled(network, before, ones)
    bit = _next_bit(cell, before, before, (ones, ones))
    _compare(cell, network, values, bit)
    seen: set[str] = set()
    while cell.storage is not None:
        state = [word for node in network.gates for word in values[node]]
        new = set(_rows([*bit, *before.values(), *state])) - seen
        if not new:
            break
        seen |= new
        # Every new state once per input, which changes in that copy.
        copies = [row for row in sorted(new) for _ in cell.inputs]
        ones = (1 << len(copies)) - 1
        one, zero, *words = _words(copies)
        inputs, state = words[: len(cell.inputs)], words[len(cell.inputs) :]
        charge = dict(zip(network.gates, zip(state[::2], state[1::2], strict=True), strict=True))
        changed = _words(["".join("01"[k == at % len(inputs)] for k in range(len(inputs)))
                          for at in range(len(copies))])  # fmt: skip
        before = dict(zip(cell.inputs, inputs, strict=True))
        after = {pin: before[pin] ^ word for pin, word in zip(cell.inputs, changed, strict=True)}
        values = _settled(network, after, ones, charge)
        bit = _next_bit(cell, before, after, (one, zero))
        before = after
        _compare(cell, network, values, bit)


def _compare(cell: Cell, network: _Network, values: Mapping[str, _Value], bit: _Value) -> None:
    ones = bit[0] | bit[1]
    inputs = {pin: values[pin][0] for pin in cell.inputs}
    for pin, text in cell.functions.items():
        one, zero = _possible(cell, text, inputs, bit)
        if wrong := (one ^ zero) & ((values[pin][0] ^ one) | (values[pin][1] ^ zero)):
            at = wrong.bit_length() - 1
            raise TechnologyError(
                f"cell '{cell.name}': output {pin} is {_letter(values[pin], at)}"
                f"{_pattern(cell, inputs, at)}, where '{text}' is {one >> at & 1}"
            )
    for component in network.ordered + network.cyclic:
        driven = _solved(replace(component, stores=frozenset()), values, network, ones)
        for node in sorted(component.stores):
            if floating := ones & ~(driven[node][0] | driven[node][1]):
                where = _pattern(cell, inputs, floating.bit_length() - 1)
                raise TechnologyError(f"cell '{cell.name}': nothing drives {node}{where}")


def _next_bit(
    cell: Cell, before: Mapping[str, int], after: Mapping[str, int], bit: _Value
) -> _Value:
    """What the stored bit may be once the inputs have changed."""
    storage = cell.storage
    if storage is None:
        return bit
    ones = bit[0] | bit[1]
    was, now = (evaluate(parse_expression(storage.clock), pins, ones) for pins in (before, after))
    load = {
        SequentialKind.FLIP_FLOP: now & ~was,
        SequentialKind.LATCH: now,
        SequentialKind.CLOCK_GATE: ones & ~now if storage.active_high else now,
    }[storage.kind]
    data = _possible(cell, storage.data, after, bit)
    one, zero = ((load & new) | (old & ~load) for new, old in zip(data, bit, strict=True))
    clear, preset = (
        evaluate(parse_expression(text), after, ones) if text else 0
        for text in (storage.clear, storage.preset)
    )
    return (one & ~clear) | preset, (zero & ~preset) | clear


def _possible(cell: Cell, text: str, inputs: Mapping[str, int], bit: _Value) -> _Value:
    """What an expression may be, given what the stored bit may be."""
    ones = bit[0] | bit[1]
    tree = parse_expression(text)
    cases = [cell.storage.named(word, ones) if cell.storage else {} for word in (ones, 0)]
    try:
        high, low = (evaluate(tree, {**inputs, **stored}, ones) for stored in cases)
    except KeyError as name:
        raise TechnologyError(
            f"cell '{cell.name}': {name} in '{text}' is no input and no stored bit"
        ) from None
    return (bit[0] & high) | (bit[1] & low), (bit[0] & ~high) | (bit[1] & ~low)


def _network(cell: Cell) -> _Network:
    rails = {cell.power: True, cell.well_power: True,
             cell.ground: False, cell.well_ground: False}  # fmt: skip
    fixed = rails.keys() | set(cell.inputs)
    joined = {node: {node} for node in cell.netlist.nodes if node not in fixed}
    switches = []
    for item in cell.netlist.transistors:
        if item.bulk not in rails:
            raise TechnologyError(
                f"cell '{cell.name}': bulk of {item.name} is at '{item.bulk}', not at a well"
            )
        ends = (item.drain, item.source)
        switches.append(_Switch(ends, item.gate, closes_low=rails[item.bulk]))
        if not fixed & set(ends):
            whole = joined[ends[0]] | joined[ends[1]]
            joined |= dict.fromkeys(whole, whole)
    gates = {switch.gate for switch in switches} - fixed
    waiting = [
        _Component(
            tuple(sorted(nodes)),
            frozenset(gates & nodes),
            tuple(switch for switch in switches if nodes & set(switch.ends)),
        )
        for nodes in {id(nodes): nodes for nodes in joined.values()}.values()
    ]
    ordered: list[_Component] = []
    known = set(fixed)
    while ready := [item for item in waiting if {one.gate for one in item.switches} <= known]:
        ordered += ready
        known |= {node for item in ready for node in item.nodes}
        waiting = [item for item in waiting if item not in ready]
    return _Network(tuple(ordered), tuple(waiting), tuple(sorted(gates)), rails)


def _settled(
    network: _Network, inputs: Mapping[str, int], ones: int, charge: Mapping[str, _Value] = {}
) -> dict[str, _Value]:
    """Values of all nodes once nothing changes; charges that are not given are unknown."""
    values = {node: (ones, ones) for node in network.gates} | dict(charge)
    values |= {node: (ones, 0) if high else (0, ones) for node, high in network.rails.items()}
    values |= {pin: (word, ones ^ word) for pin, word in inputs.items()}
    for component in network.ordered:
        values |= _solved(component, values, network, ones)
    rounds = 0
    while True:
        new: dict[str, _Value] = {}
        for component in network.cyclic:
            new |= _solved(component, values, network, ones)
        rounds += 1
        if rounds > 4 * len(network.cyclic):  # it oscillates: what still changes is unknown
            new = {node: (one | values[node][0], zero | values[node][1])
                   for node, (one, zero) in new.items()}  # fmt: skip
        if all(values.get(node) == value for node, value in new.items()):
            return values
        values |= new


def _solved(
    component: _Component, values: Mapping[str, _Value], network: _Network, ones: int
) -> dict[str, _Value]:
    """Values of a component's nodes while its gates are as given.

    What reaches a node is one integer of six words: surely a 1, surely a 0, possibly a 1, possibly
    a 0, possibly the charge of a 1, possibly that of a 0. A switch passes all six at once.
    """
    cases = ones.bit_length()
    sure = 1 | 1 << cases
    maybe = sure << 2 * cases | sure << 4 * cases
    reach = dict.fromkeys(component.nodes, 0)
    for node in component.stores:
        one, zero = values[node]
        reach[node] = (one | zero << cases) << 4 * cases
    channels = []
    for switch in component.switches:
        one, zero = values[switch.gate][:: -1 if switch.closes_low else 1]
        mask = (one & ~zero) * sure | (one | ones & ~zero) * maybe
        inner = [node for node in switch.ends if node in reach]
        if len(inner) == 2:
            channels.append((inner[0], inner[1], mask))
        else:
            (source,) = set(switch.ends) - set(inner)
            drive = values[source][0] | values[source][1] << cases
            reach[inner[0]] |= mask & (drive | drive << 2 * cases)
    moved = True
    while moved:
        moved = False
        for a, b, mask in channels:
            flow = mask & (reach[a] | reach[b])
            if flow & ~(reach[a] & reach[b]):
                reach[a] |= flow
                reach[b] |= flow
                moved = True
    return {node: _resolved(word, cases, ones) for node, word in reach.items()}


def _resolved(reach: int, cases: int, ones: int) -> _Value:
    sure_one, sure_zero, one, zero, charge_one, charge_zero = (
        reach >> word * cases & ones for word in range(6)
    )
    free = ones & ~(sure_one | sure_zero)
    unknown = free & ~(charge_one | charge_zero) & (one | zero)
    return one | (free & charge_one) | unknown, zero | (free & charge_zero) | unknown


def _outputs(cell: Cell) -> tuple[str, ...]:
    others = {cell.power, cell.ground, cell.well_power, cell.well_ground, *cell.inputs}
    return tuple(pin for pin in cell.netlist.pins if pin not in others)


def _input_words(cell: Cell) -> dict[str, int]:
    """Every input pattern, as one word per input."""
    patterns = range(1 << len(cell.inputs))
    return {
        pin: sum((pattern >> at & 1) << pattern for pattern in patterns)
        for at, pin in enumerate(cell.inputs)
    }


def _rows(words: Sequence[int]) -> list[str]:
    """One string per case from one word per signal; the first two words are the stored bit."""
    cases = (words[0] | words[1]).bit_length()
    return ["".join(row) for row in zip(*(f"{word:0{cases}b}" for word in words), strict=True)]


def _words(rows: Sequence[str]) -> list[int]:
    return [int("".join(column), 2) for column in zip(*rows, strict=True)]


def _letter(value: _Value, at: int) -> str:
    return _LETTERS[value[0] >> at & 1, value[1] >> at & 1]


def _pattern(cell: Cell, inputs: Mapping[str, int], at: int) -> str:
    text = " ".join(f"{pin}={inputs[pin] >> at & 1}" for pin in cell.inputs)
    return text and f" at {text}"
