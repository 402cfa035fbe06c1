"""The mixed-supply table of measured cells."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.pdk.cells import normal_form
from voltile.pdk.characterization.measurement import CellMeasurement
from voltile.pdk.mixed_supply import FACTORS, ArcRow, CheckRow, MixedSupply, StateRow

Singles = NDArray[np.float32]
_Values = dict[Any, tuple[float, ...]]


def mixed_supply_table(measurements: Iterable[CellMeasurement]) -> MixedSupply:
    """Return the tables of cells measured for every bias at every supply.

    Biases and cells are in order of appearance, the unbiased length first.

    Raises
    ------
    TechnologyError
        When a measurement is missing, or differs from the others of its cell in its states,
        arcs, checks or ratios; naming cell, bias and supply.
    """
    found = {(item.bias, item.vdd, item.cell): item for item in measurements}
    if not found:
        raise TechnologyError("a mixed-supply table needs at least one measured cell")
    biases = tuple(dict.fromkeys(bias for bias, _, _ in found))
    vdds = tuple(sorted({vdd for _, vdd, _ in found}))
    cells = tuple(dict.fromkeys(cell for _, _, cell in found))
    ratios = next(iter(found.values())).ratios
    first: dict[str, _Values] = {}
    grid: dict[str, list[Singles]] = {}
    for bias, vdd in product(biases, vdds):
        place = f"for {bias} at {vdd:g} V"
        tables: dict[str, _Values] = {}
        for cell in cells:
            item = found.get((bias, vdd, cell))
            if item is None or item.ratios != ratios:
                raise TechnologyError(
                    f"cell '{cell}' is not measured {place} with drivers at "
                    + ", ".join(f"{ratio:g}" for ratio in ratios)
                )
            for name, values in _values(item).items():
                tables.setdefault(name, {}).update(values)
        first = first or tables
        _check_rows(tables, first, place)
        for name, values in tables.items():
            block = np.array([values[row] for row in first[name]], dtype=np.float32)
            grid.setdefault(name, []).append(block.reshape(-1, len(ratios) + 1).T)
    blocks = {
        name: _rounded(np.stack(parts).reshape(len(biases), len(vdds), *parts[0].shape))
        for name, parts in grid.items()
    }
    corners = [name for name in blocks if name not in FACTORS]
    return MixedSupply(
        biases,
        vdds,
        (*ratios, 1.0),
        inputs={cell: found[biases[0], vdds[0], cell].inputs for cell in cells},
        states=tuple(first[corners[0]]),
        arcs=tuple(first["delay"]),
        checks=tuple(first["addition"]),
        leakage={name: blocks[name] for name in corners},
        delay=blocks["delay"],
        slew=blocks["slew"],
        addition=blocks["addition"],
    )


def _values(item: CellMeasurement) -> dict[str, _Values]:
    """Values over the ratios and 1 of each row, for every corner and every factor."""
    cell, full_swing = item.cell, len(item.ratios) + 1
    tables: dict[str, _Values] = {}
    for corner, full in item.leakage.items():
        low = item.low_leakage[corner]
        tables[corner] = {
            StateRow(cell, state): (power,) * full_swing for state, power in full.items()
        } | {
            StateRow(cell, state): (*powers, full[state.replace("L", "1")])
            for state, powers in low.items()
        }
    arcs = [
        (ArcRow(cell, arc.related, arc.output, arc.input_edge, arc.output_edge,
                normal_form(arc.when)), arc)
        for arc in item.arcs if arc.low_delay
    ]  # fmt: skip
    checks = [
        (CheckRow(cell, check.pin, check.clock, check.kind, check.edge), check)
        for check in item.checks if check.low_delay
    ]  # fmt: skip
    tables["delay"] = {row: (*arc.low_delay, 1.0) for row, arc in arcs}
    tables["slew"] = {row: (*arc.low_slew, 1.0) for row, arc in arcs}
    tables["addition"] = {row: (*check.low_delay, 0.0) for row, check in checks}
    return tables


def _check_rows(tables: dict[str, _Values], first: dict[str, _Values], place: str) -> None:
    """Check that the tables have the rows of the first, and all corners the same."""
    corners = [name for name in first if name not in FACTORS]
    for name in first | tables:
        expected = first[corners[0]] if name in corners else first.get(name, {})
        odd = set(tables.get(name, {})) ^ set(expected)
        if odd:
            raise TechnologyError(
                f"cell '{min(odd).cell}' has other rows of {name} {place} than elsewhere"
            )


def _rounded(table: Singles) -> Singles:
    """Round to 13 bits, about 1e-4: as exact as the simulation, and half the size on disk."""
    mantissa, exponent = np.frexp(table)
    return np.ldexp(np.round(mantissa * 2**13) / np.float32(2**13), exponent)
