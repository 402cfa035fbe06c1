"""Leakage of every instance from the states of its inputs and the supplies of their drivers.

Dissertation Eq. 4.3: the sum, over the patterns at the inputs of a cell, of how likely one is,
times its leakage, times the derating factor of that pattern for the inputs that sit at VddL. Pins
are taken as independent; patterns that a cell cannot be in are left out and the rest scaled up.
Where the table lacks a state with inputs at VddL, the factor is the worst that it has of the cell,
else of all cells.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import CellLibrary, MixedSupply
from voltile.pdk.mixed_supply import StateRow, stand_ins
from voltile.power.conditions import STATE, PinProbabilities, normalised

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class LeakageModel:
    """Leakage of a netlist in given states, over the library of each instance and its drivers.

    Parameters
    ----------
    pins : sequence of PinProbabilities
        One for every cell type of the netlist.
    libraries : sequence of CellLibrary
        Of one or two supplies.
    mixed_supply, corner
        Without a table, the libraries' own leakage; drivers at a lower supply then add nothing.
    """

    def __init__(
        self,
        netlist: Netlist,
        pins: Sequence[PinProbabilities],
        libraries: Sequence[CellLibrary],
        mixed_supply: MixedSupply | None = None,
        corner: str = "",
    ) -> None:
        self._netlist = netlist
        vdds, self._level = np.unique([library.vdd for library in libraries], return_inverse=True)
        self._knows_drivers = mixed_supply is not None and len(vdds) == 2
        if mixed_supply is not None and len(vdds) > 2:
            raise TechnologyError(
                f"leakage with drivers at other supplies is of two supplies, not {len(vdds)}"
            )
        blocks: list[Floats] = []
        # Where the block of each instance begins, for every library, and the step per set of pins.
        self._first = np.zeros((len(libraries), netlist.cells), dtype=np.int64)
        self._step = np.zeros(netlist.cells, dtype=np.int64)
        self._bit = np.zeros(len(netlist.library.pin_name), dtype=np.int64)
        filled = 0
        for group in pins:
            for number, block in enumerate(
                self._blocks(group, libraries, mixed_supply, corner, float(vdds[0]))
            ):
                self._first[number, group.cells] = filled + np.arange(block.shape[1])
                blocks.append(block.ravel())
                filled += block.size
            self._step[group.cells] = len(group.cells)
        self._values = np.concatenate([np.zeros(0), *blocks])

    def evaluate(self, library: Ints, driver_level: Ints) -> Floats:
        """Return the leakage of every instance [W], shape (cells,).

        Parameters
        ----------
        library : ndarray of int, shape (cells,)
        driver_level : ndarray of int, shape (nets,)
            `Timer.driver_level`.
        """
        netlist = self._netlist
        at = self._first[library, np.arange(netlist.cells)]
        if self._knows_drivers:
            net = netlist.pin_net
            is_low = (net != OPEN) & ~netlist.pin_is_output
            is_low &= driver_level[net] < self._level[library[netlist.pin_cell]]
            low = np.flatnonzero(is_low)
            cell = netlist.pin_cell[low]
            weight = self._bit[netlist.pin_library[low]]
            at = at + self._step * np.bincount(cell, weight, netlist.cells).astype(np.int64)
        return self._values[at]

    def _blocks(
        self,
        group: PinProbabilities,
        libraries: Sequence[CellLibrary],
        mixed_supply: MixedSupply | None,
        corner: str,
        vdd_low: float,
    ) -> list[Floats]:
        """Leakage of the instances of one type at each library, shape (sets of pins, instances).

        Number m of the sets holds the inputs whose bit is set in m.
        """
        kind = group.kind
        if mixed_supply is None or not self._knows_drivers:
            return [_own_leakage(group, library)[None] for library in libraries]
        inputs = mixed_supply.inputs[group.cell_name]
        library = self._netlist.library
        for bit, name in enumerate(inputs):
            self._bit[library.pin_index[kind, name]] = 1 << bit
        stored = kind in library.sequential
        probability = group.patterns((*inputs, STATE) if stored else inputs)
        blocks = []
        for number, item in enumerate(libraries):
            supplies = (corner, item.bias, vdd_low, item.vdd)
            power = mixed_supply.leakages(*supplies)
            sets = 1 << len(inputs) if self._level[number] else 1
            rows = _state_rows(mixed_supply, group.cell_name, sets, stored)
            possible = rows[0] >= 0
            leaks = np.where(rows >= 0, power[rows], power[rows[0]])
            lacking = (rows < 0) & possible
            if lacking.any():
                factor = mixed_supply.leakage_factor(*supplies)
                of_cell = factor[stand_ins(mixed_supply.states, group.cell_name)]
                worst = of_cell if (of_cell > 1).any() else factor
                leaks[lacking] *= np.fmax.reduce(worst, initial=1.0)
            blocks.append(np.where(possible, leaks, 0.0) @ normalised(probability, possible).T)
        return blocks


def unmeasured_states(netlist: Netlist, mixed_supply: MixedSupply) -> set[str]:
    """Return the cells of a netlist of which the table lacks a state with inputs at VddL."""
    library = netlist.library
    kinds = {int(kind): library.cell_name[kind] for kind in np.unique(netlist.cell_type)}
    lacking = set()
    for kind, cell in kinds.items():
        sets = 1 << len(mixed_supply.inputs[cell])
        rows = _state_rows(mixed_supply, cell, sets, kind in library.sequential)
        if ((rows < 0) & (rows[0] >= 0)).any():
            lacking.add(cell)
    return lacking


def _state_rows(table: MixedSupply, cell: str, sets: int, stored: bool) -> Ints:
    """Rows of the table for every set of low inputs and pattern, shape (sets, patterns); -1: none.

    Bit i of a pattern is input i; the highest bit is what a sequential cell stores.
    """
    letters = len(table.inputs[cell])
    rows = np.full((sets, 1 << (letters + stored)), -1, dtype=np.int64)
    for low, pattern in product(range(sets), range(rows.shape[1])):
        state = "".join(_letter(low, pattern, bit) for bit in range(letters))
        state += str(pattern >> letters) if stored else ""
        rows[low, pattern] = table.state_row.get(StateRow(cell, state), -1)
    return rows


def _letter(low: int, pattern: int, bit: int) -> str:
    if not pattern >> bit & 1:
        return "0"
    return "L" if low >> bit & 1 else "1"


def _own_leakage(group: PinProbabilities, library: CellLibrary) -> Floats:
    """Mean over the states that the library names, shape (instances,)."""
    first, end = np.searchsorted(library.leakage_cell, [group.kind, group.kind + 1])
    whens = library.leakage_when[first:end]
    if not whens:
        return np.full(len(group.cells), library.cell_leakage[group.kind])
    return np.asarray(group.of_states(whens) @ library.leakage_value[first:end])
