"""What is measured with which settings, and which states of a cell stand for which others.

Delays of an input depend on the other inputs. All states in which the input moves an output are
simulated once, at one point; states whose delays agree are then measured as one, the slowest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from voltile.pdk.characterization.cell import Cell
from voltile.pdk.logic import parse_expression, sum_of_products, truth_table


@dataclass(frozen=True)
class Settings:
    """Axes of the tables, and how finely states are told apart.

    Attributes
    ----------
    slews, check_slews : tuple of float
        Input slews 20-80 % of delay tables and of constraints [s].
    loads : tuple of float
        Over the largest load of the cell.
    ratios : tuple of float
        Supplies of a driver over Vdd, below 1, ascending.
    same_delay : float
        States whose delays differ by less than this part are measured as one.
    """

    slews: tuple[float, ...]
    check_slews: tuple[float, ...]
    loads: tuple[float, ...]
    ratios: tuple[float, ...]
    same_delay: float = 0.1


@dataclass(frozen=True)
class Toggle:
    """An input pin that moves outputs, and the state of the other inputs; bit k is `inputs[k]`."""

    pin: str
    state: int


@dataclass(frozen=True)
class ArcGroup:
    """States of the other inputs measured as one: `toggle` stands for them, `when` names them."""

    toggle: Toggle
    output: str
    positive: bool
    when: str


@dataclass(frozen=True)
class Plan:
    """Arcs of a combinational cell that are measured."""

    groups: tuple[ArcGroup, ...]

    @property
    def toggles(self) -> tuple[Toggle, ...]:
        """Input changes to simulate, each once."""
        return tuple(dict.fromkeys(group.toggle for group in self.groups))

    def to_json(self) -> str:
        """Return the plan as JSON text."""
        return json.dumps([asdict(group) for group in self.groups])

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Return the plan that `to_json` wrote."""
        return cls(
            tuple(
                ArcGroup(**{**item, "toggle": Toggle(**item["toggle"])})
                for item in json.loads(text)
            )
        )


def output_tables(cell: Cell) -> dict[str, np.ndarray]:
    """Value of every output of a combinational cell for each input pattern."""
    return {
        output: truth_table(parse_expression(function), cell.inputs)
        for output, function in cell.functions.items()
    }


def sensitised(cell: Cell) -> list[tuple[Toggle, tuple[str, ...]]]:
    """Every input change that moves outputs, with these outputs."""
    tables = output_tables(cell)
    found = []
    for k, pin in enumerate(cell.inputs):
        for state in range(1 << len(cell.inputs)):
            if not state >> k & 1:
                moved = tuple(
                    output
                    for output, table in tables.items()
                    if table[state] != table[state | 1 << k]
                )
                if moved:
                    found.append((Toggle(pin, state), moved))
    return found


def make_plan(
    cell: Cell, delays: Mapping[tuple[Toggle, str], Sequence[float]], same: float
) -> Plan:
    """Merge states with like delays.

    Parameters
    ----------
    delays : mapping of (toggle, output) to delays [s]
        After the rising and after the falling edge of the input.
    same : float
        See `Settings.same_delay`.
    """
    tables = output_tables(cell)
    arcs: dict[tuple[str, str, bool], list[Toggle]] = {}
    for toggle, output in delays:
        positive = not tables[output][toggle.state]
        arcs.setdefault((toggle.pin, output, positive), []).append(toggle)
    groups = []
    for (pin, output, positive), toggles in sorted(arcs.items()):
        both_senses = (pin, output, not positive) in arcs
        left = sorted(toggles, key=lambda item: (-sum(delays[item, output]), item.state))
        while left:
            slowest = left[0]
            like = [
                item
                for item in left
                if all(
                    abs(one - other) <= same * abs(one)
                    for one, other in zip(
                        delays[slowest, output], delays[item, output], strict=True
                    )
                )
            ]
            alone = len(like) == len(toggles) and not both_senses
            when = "" if alone else _condition(cell, pin, like)
            groups.append(ArcGroup(slowest, output, positive, when))
            left = [item for item in left if item not in like]
    return Plan(tuple(groups))


def _condition(cell: Cell, pin: str, toggles: Sequence[Toggle]) -> str:
    """Expression over the other inputs that holds in these states."""
    others = tuple(name for name in cell.inputs if name != pin)
    places = [cell.inputs.index(name) for name in others]
    rows = [
        sum((toggle.state >> place & 1) << k for k, place in enumerate(places))
        for toggle in toggles
    ]
    return sum_of_products(np.array(rows), others)
