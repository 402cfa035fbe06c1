"""Cells whose drivers sit at a lower supply: leakage, delay and setup, measured and looked up.

In a FINE-VH layout a cell at VddH may be driven from a tile at VddL. A high input then leaves the
pull-up network partly on: leakage rises by the derating factor k_i of dissertation Eq. 4.3, and
edges get slower. Tables hold both over gate length, VddH and VddL/VddH. In between, leakage is
interpolated in its logarithm, all else linearly; outside there is no extrapolation.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError, write_atomically
from voltile.pdk.library import CellLibrary, Direction, SequentialKind
from voltile.pdk.logic import evaluate, parse_expression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Singles = NDArray[np.float32]

# Raised when the meaning of the file changes.
_FORMAT = 1
# Supplies [V] and ratios closer than this are the same.
_SAME = 1e-6


class StateRow(NamedTuple):
    """State of a cell: per input `0`, `1`, or `L` for high at VddL; then the stored bit."""

    cell: str
    state: str


class ArcRow(NamedTuple):
    """Arc of a cell for one input edge and one output edge, `rise` or `fall`."""

    cell: str
    related: str
    output: str
    input_edge: str
    output_edge: str
    when: str


class CheckRow(NamedTuple):
    """Constraint on an edge of a data pin; `kind` as in Liberty's `timing_type`."""

    cell: str
    pin: str
    clock: str
    kind: str
    edge: str


@dataclass(frozen=True, eq=False)
class MixedSupply:
    """What a driver at a lower supply does to the cells of a technology.

    Attributes
    ----------
    vdds : tuple of float
        Supplies of the driven cell, VddH [V], ascending.
    ratios : tuple of float
        VddL/VddH, ascending; the last is 1.
    inputs : mapping of cell to its inputs
        In the order of the letters of a state.
    states, arcs, checks : tuple
        What each row of the tables is of. Arcs and checks that were not measured with a low driver
        (those of clocks and of asynchronous inputs) have no row.
    leakage : mapping of corner to ndarray, shape (biases, vdds, ratios, states)
        [W].
    delay, slew : ndarray, shape (biases, vdds, ratios, arcs)
        Factors; infinite where the output does not switch.
    addition : ndarray, shape (biases, vdds, ratios, checks)
        What is added to the constraint [s].
    """

    biases: tuple[str, ...]
    vdds: tuple[float, ...]
    ratios: tuple[float, ...]
    inputs: Mapping[str, tuple[str, ...]]
    states: tuple[StateRow, ...]
    arcs: tuple[ArcRow, ...]
    checks: tuple[CheckRow, ...]
    leakage: Mapping[str, Singles]
    delay: Singles
    slew: Singles
    addition: Singles

    @cached_property
    def state_row(self) -> dict[StateRow, int]:
        """Row of each state."""
        return {row: at for at, row in enumerate(self.states)}

    @cached_property
    def arc_row(self) -> dict[ArcRow, int]:
        """Row of each arc."""
        return {row: at for at, row in enumerate(self.arcs)}

    @cached_property
    def check_row(self) -> dict[CheckRow, int]:
        """Row of each constraint."""
        return {row: at for at, row in enumerate(self.checks)}

    @cached_property
    def _full_swing(self) -> Ints:
        """Row of the same state with every high input at VddH, for each row of states."""
        rows = [self.state_row[StateRow(cell, state.replace("L", "1"))]
                for cell, state in self.states]  # fmt: skip
        return np.array(rows, dtype=np.int64)

    def leakages(self, corner: str, bias: str, vdd_low: float, vdd_high: float) -> Floats:
        """Return the leakage of every state [W], shape (states,).

        Parameters
        ----------
        vdd_low, vdd_high : float
            Supplies of the driver and of the cell [V].

        Raises
        ------
        TechnologyError
            When the corner or bias is not characterised, or the supplies are out of range.
        """
        if corner not in self.leakage:
            raise TechnologyError(
                f"leakage corner '{corner}' is not in the mixed-supply table: it has "
                + ", ".join(self.leakage)
            )
        with np.errstate(divide="ignore"):  # a cell without transistors leaks nothing
            logarithms = self._interpolate(self.leakage[corner], bias, vdd_low, vdd_high, np.log)
        return np.exp(logarithms)

    def leakage_factor(self, corner: str, bias: str, vdd_low: float, vdd_high: float) -> Floats:
        """Return k_i of dissertation Eq. 4.3 for every state, shape (states,).

        It is 1 where no input is low, and throughout when the driver's supply is no lower.
        """
        full = self.leakages(corner, bias, vdd_high, vdd_high)[self._full_swing]
        with np.errstate(invalid="ignore"):
            factor = self.leakages(corner, bias, vdd_low, vdd_high) / full
        factor[self._full_swing == np.arange(len(factor))] = 1.0
        return factor

    def delay_factor(self, bias: str, vdd_low: float, vdd_high: float) -> tuple[Floats, Floats]:
        """Return the factors on delay and on output slew of every arc, each of shape (arcs,)."""
        return (
            self._interpolate(self.delay, bias, vdd_low, vdd_high),
            self._interpolate(self.slew, bias, vdd_low, vdd_high),
        )

    def check_addition(self, bias: str, vdd_low: float, vdd_high: float) -> Floats:
        """Return what is added to every constraint [s], shape (checks,)."""
        return self._interpolate(self.addition, bias, vdd_low, vdd_high)

    def _interpolate(
        self, table: Singles, bias: str, vdd_low: float, vdd_high: float, scale: Any = np.asarray
    ) -> Floats:
        if bias not in self.biases:
            raise TechnologyError(
                f"bias '{bias}' is not in the mixed-supply table: it has {', '.join(self.biases)}"
            )
        if not self.vdds[0] - _SAME < vdd_high < self.vdds[-1] + _SAME:
            raise TechnologyError(
                f"the mixed-supply table covers cells at {self.vdds[0]:.2f} to "
                f"{self.vdds[-1]:.2f} V, not at {vdd_high:g} V"
            )
        ratio = min(vdd_low / vdd_high, 1.0)
        if ratio < self.ratios[0] - _SAME:
            raise TechnologyError(
                f"a driver at {vdd_low:g} V is at {ratio:.3f} of the {vdd_high:g} V of its cell: "
                f"the mixed-supply table covers {self.ratios[0]:g} to 1"
            )
        rows = table[self.biases.index(bias)]
        vdd, ratio_ = _place(self.vdds, vdd_high), _place(self.ratios, ratio)
        ends = [[scale(rows[v, r].astype(np.float64)) for r in ratio_[:2]] for v in vdd[:2]]
        low, high = (_mix(below, above, ratio_[2]) for below, above in ends)
        return _mix(low, high, vdd[2])

    def replace_leakage(self, library: CellLibrary, corner: str, bias: str) -> CellLibrary:
        """Return a library with its leakage replaced by that of a corner at its supply.

        Raises
        ------
        TechnologyError
            When the table lacks a cell of the library, or a state that the library names.
        """
        power = self.leakages(corner, bias, library.vdd, library.vdd)
        own = np.flatnonzero(self._full_swing == np.arange(len(power)))
        rows: dict[str, list[int]] = {}
        for row in own:
            rows.setdefault(self.states[row].cell, []).append(int(row))
        means, values = np.empty(len(library.cell_name)), np.empty(len(library.leakage_when))
        for cell, name in enumerate(library.cell_name):
            if name not in rows:
                raise TechnologyError(f"the mixed-supply table has no cell '{name}'")
            means[cell] = power[rows[name]].mean()
        levels: dict[int, dict[str, Ints]] = {}
        for at, (cell, when) in enumerate(
            zip(library.leakage_cell, library.leakage_when, strict=True)
        ):
            name = library.cell_name[cell]
            if cell not in levels:
                levels[cell] = self._levels(library, int(cell), rows[name])
            holds = evaluate(parse_expression(when or "1"), levels[cell], np.int64(1))
            chosen = power[rows[name]][np.broadcast_to(holds, len(rows[name])) == 1]
            if not len(chosen):
                raise TechnologyError(
                    f"the mixed-supply table has no state of cell '{name}' with {when}"
                )
            values[at] = chosen.mean()
        return replace(library, cell_leakage=means, leakage_value=values)

    def _levels(self, library: CellLibrary, cell: int, rows: Sequence[int]) -> dict[str, Ints]:
        """Level of every pin of a cell in each of the states, and of what it stores."""
        name = library.cell_name[cell]
        letters = np.array([[int(letter) for letter in self.states[row].state] for row in rows])
        letters = letters.reshape(len(rows), -1)
        levels: dict[str, Any] = dict(zip(self.inputs[name], letters.T, strict=False))
        item = library.sequential.get(cell)
        if item is not None:
            levels |= item.named(letters[:, -1])
        known = dict(levels)
        if item is not None and item.kind == SequentialKind.CLOCK_GATE:
            gated = parse_expression(item.gated_clock)
            levels[item.output] = evaluate(gated, known, np.int64(1))
        for pin in library.pins_of(cell):
            function = library.pin_function[pin]
            if function and library.pin_direction[pin] == Direction.OUTPUT:
                expression = parse_expression(function)
                levels[library.pin_name[pin]] = evaluate(expression, known, np.int64(1))
        return levels

    def save(self, path: Path) -> None:
        """Write the tables to a compressed `.npz` file, whole or not at all."""
        tables = {name: getattr(self, name) for name in FACTORS}
        tables |= {f"leakage{at}": table for at, table in enumerate(self.leakage.values())}
        # Neighbours over supplies compress better than neighbouring rows.
        arrays: dict[str, Any] = {name: np.moveaxis(item, -1, 0) for name, item in tables.items()}
        texts = {name: getattr(self, name) for name in _TEXTS}
        texts |= {"format": _FORMAT, "corners": list(self.leakage)}
        arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
        with write_atomically(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path: Path) -> "MixedSupply":
        """Return the tables of a file that `save` wrote.

        Raises
        ------
        TechnologyError
            When the file is missing, damaged, or of another format.
        """
        if not path.is_file():
            raise TechnologyError(f"there is no mixed-supply table {path}")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                texts = json.loads(arrays["texts"].tobytes())
                if texts["format"] != _FORMAT:
                    raise TechnologyError(f"mixed-supply table {path} is of another format")
                tables = {
                    name: np.moveaxis(arrays[name], 0, -1) for name in arrays if name != "texts"
                }
                return cls(
                    tuple(texts["biases"]),
                    tuple(texts["vdds"]),
                    tuple(texts["ratios"]),
                    inputs={cell: tuple(pins) for cell, pins in texts["inputs"].items()},
                    states=tuple(StateRow(*row) for row in texts["states"]),
                    arcs=tuple(ArcRow(*row) for row in texts["arcs"]),
                    checks=tuple(CheckRow(*row) for row in texts["checks"]),
                    leakage={
                        corner: tables[f"leakage{at}"] for at, corner in enumerate(texts["corners"])
                    },
                    **{name: tables[name] for name in FACTORS},
                )
        except TechnologyError:
            raise
        except Exception as error:  # a damaged file fails in many ways
            raise TechnologyError(f"mixed-supply table {path} is damaged: {error}") from None


def stand_ins(rows: Sequence[StateRow | ArcRow | CheckRow], cell: str) -> Ints:
    """Return the rows of a table that stand for one that a cell lacks: the cell's, else all."""
    mine = [at for at, row in enumerate(rows) if row.cell == cell]
    return np.array(mine or range(len(rows)), dtype=np.int64)


FACTORS = ("delay", "slew", "addition")
_TEXTS = ("biases", "vdds", "ratios", "inputs", "states", "arcs", "checks")


def _place(axis: Sequence[float], x: float) -> tuple[int, int, float]:
    """Points beside x, and its position between them."""
    above = int(np.searchsorted(axis, x - _SAME))
    if abs(axis[above] - x) < _SAME:
        return above, above, 0.0
    return above - 1, above, (x - axis[above - 1]) / (axis[above] - axis[above - 1])


def _mix(low: Floats, high: Floats, part: float) -> Floats:
    # Not at a point itself, where infinity times zero would be no number.
    return low if part == 0 else (1 - part) * low + part * high
