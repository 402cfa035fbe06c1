"""How often a condition on the pins of a cell holds, from the static probabilities of its nets.

Pins are taken as independent, as the estimate of leakage by input patterns does (dissertation
Eq. 4.3). An output is no independent pin: in a gate it stands for its function of the inputs, in a
register for the stored state.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import (
    CellLibrary,
    Direction,
    Expression,
    Sequential,
    SequentialKind,
    parse_expression,
    truth_table,
    variables,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATE = "#state"


class PinProbabilities:
    """Static probabilities at the pins of all instances of one cell type.

    Attributes
    ----------
    kind : int
        The cell type.
    cells : ndarray of int
        The instances.
    """

    def __init__(self, netlist: Netlist, static_probability: Floats, kind: int) -> None:
        library = netlist.library
        self.kind = kind
        self.cell_name = library.cell_name[kind]
        self.cells = np.flatnonzero(netlist.cell_type == kind)
        # A pin that is left open is 0, as in the simulation.
        high = np.append(static_probability, 0.0)
        pins = library.pins_of(kind)
        start = netlist.first_pin[self.cells]
        self.nets = {
            library.pin_name[pin]: netlist.pin_net[start + pin - pins.start] for pin in pins
        }
        self._high: dict[str, Floats] = {name: high[net] for name, net in self.nets.items()}
        self.renamed = _output_expressions(library, kind)
        if kind in library.sequential:
            self._high[STATE] = self._state_probability(library.sequential[kind])

    def _state_probability(self, item: Sequential) -> Floats:
        """Probability of the state: of a clock gate that of its enable, which it holds.

        Else from the first output that shows it.
        """
        if item.kind == SequentialKind.CLOCK_GATE:
            return self.of([parse_expression(item.data)])[:, 0]
        result = np.full(len(self.cells), np.nan)
        for name, expression in self.renamed.items():
            if name not in self.nets:
                continue
            shown = np.isnan(result) & (self.nets[name] != OPEN)
            if expression == ("var", STATE):
                result[shown] = self._high[name][shown]
            elif expression == ("not", ("var", STATE)):
                result[shown] = 1 - self._high[name][shown]
        return np.where(np.isnan(result), 0.5, result)

    def parse(self, text: str) -> Expression:
        """Return a condition of the library over independent variables."""
        return rename(parse_expression(text), self.renamed)

    def of(self, conditions: Sequence[Expression]) -> Floats:
        """Return the probability of each condition, shape (instances, conditions)."""
        names = tuple(dict.fromkeys(name for item in conditions for name in variables(item)))
        unknown = [name for name in names if name not in self._high]
        if unknown:
            raise TechnologyError(
                f"a condition of cell {self.cell_name} names '{unknown[0]}', which is not a pin"
            )
        tables = [truth_table(item, names) for item in conditions]
        columns = np.array(tables, dtype=np.float64).reshape(len(tables), -1).T
        result: Floats = self.patterns(names) @ columns
        return result

    def patterns(self, names: Sequence[str]) -> Floats:
        """Return the probability of every pattern at some pins, shape (instances, patterns).

        The first name is the lowest bit of the number of a pattern.
        """
        result = np.ones((len(self.cells), 1))
        for name in names:
            high = self._high[name][:, None]
            result = np.concatenate([result * (1 - high), result * high], axis=1)
        return result

    def of_states(self, whens: Sequence[str]) -> Floats:
        """Return the probability of each of a cell's states, shape (instances, states).

        Each row sums to 1: an empty condition is the rest, and states that leave out patterns that
        cannot occur are scaled up. A row that would be 0 throughout gives every state the same.
        """
        return normalised(self.of_alternatives(whens), np.ones(len(whens), dtype=bool))

    def of_alternatives(self, whens: Sequence[str]) -> Floats:
        """Return the probability of each condition; an empty one holds where no other does."""
        named = [self.parse(when) for when in whens if when]
        rest: Expression = ("const", 1)
        for condition in named:
            rest = ("and", rest, ("not", condition))
        return self.of([self.parse(when) if when else rest for when in whens])


def normalised(weights: Floats, possible: NDArray[np.bool_]) -> Floats:
    """Scale the weights of the possible states, shape (states,), to a sum of 1 in every row.

    A row that is 0 throughout gives every possible state the same.
    """
    weights = weights * possible
    total = weights.sum(axis=1, keepdims=True)
    result = np.broadcast_to(possible / max(possible.sum(), 1), weights.shape).copy()
    np.divide(weights, total, out=result, where=total > 0)
    return result


def rename(expression: Expression, renamed: Mapping[str, Expression]) -> Expression:
    """Return an expression with variables replaced by expressions."""
    if expression[0] == "var":
        return renamed.get(expression[1], expression)
    if expression[0] == "const":
        return expression
    return (expression[0], *(rename(part, renamed) for part in expression[1:]))


def cofactor(expression: Expression, name: str, level: int) -> Expression:
    """Return an expression with one variable held."""
    return rename(expression, {name: ("const", level)})


def _output_expressions(library: CellLibrary, kind: int) -> dict[str, Expression]:
    """Outputs, and names of the state, as expressions over inputs and `STATE`."""
    item = library.sequential.get(kind)
    renamed: dict[str, Expression] = {}
    if item is not None and item.kind != SequentialKind.CLOCK_GATE:
        renamed[item.state] = ("var", STATE)
        if item.state_inverted:
            renamed[item.state_inverted] = ("not", ("var", STATE))
    states = dict(renamed)
    for pin in library.pins_of(kind):
        text = library.pin_function[pin]
        if library.pin_direction[pin] == Direction.OUTPUT and text:
            renamed[library.pin_name[pin]] = rename(parse_expression(text), states)
    return renamed
