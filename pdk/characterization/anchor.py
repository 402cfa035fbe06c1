"""Anchors absolute delay on a foundry's libraries, where a configuration asks for it.

Simulation gives the ratios between supplies, gate lengths and loads well; a foundry's own library
also holds what its layout adds. Per cell, the median ratio of the foundry's delay to ours at its
supplies is what delay and output slew are multiplied by: linear over Vdd in between, constant
outside. Constraints, energy, capacitance and leakage stay as measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.pdk.cells import read_cell_library
from voltile.pdk.characterization.config import Config
from voltile.pdk.characterization.measurement import ArcMeasurement, CellMeasurement, Edge, Table
from voltile.pdk.library import ArcType, CellLibrary, Sense

# Supplies closer than this are the same supply [V].
_SAME_VDD = 1e-6

Floats = NDArray[np.float64]
Measured = Mapping[str, Sequence[CellMeasurement]]


def anchoring_note(config: Config) -> str:
    """Return the sentence that says what is anchored; empty where nothing is."""
    if not config.anchors:
        return ""
    files = ", ".join(f"{path.name} at {vdd:g} V" for vdd, path in config.anchors.items())
    return f"Delay and output slew of each cell are scaled to the median delay of {files}."


def check_anchors(config: Config) -> None:
    """Check before hours of measuring what anchoring needs after them.

    Raises
    ------
    TechnologyError
        When a supply of the foundry is outside those measured, the unbiased cells are missing, or
        a library cannot be read or is of another supply.
    """
    if not config.anchors:
        return
    base, length = next(iter(config.lengths.items()))
    if length != config.planned_at[1]:
        raise TechnologyError(f"anchoring needs the first gate length, not only {base}")
    for vdd, path in config.anchors.items():
        if not config.vdds[0] - _SAME_VDD <= vdd <= config.vdds[-1] + _SAME_VDD:
            raise TechnologyError(
                f"anchoring at {vdd:g} V needs measurements around it, not from "
                f"{config.vdds[0]:g} to {config.vdds[-1]:g} V"
            )
        given = read_cell_library(path).vdd
        if abs(given - vdd) > 1e-3:
            raise TechnologyError(
                f"anchor {path} is characterised at {given:g} V, not at {vdd:g} V"
            )


def anchored(config: Config, measured: Measured) -> Measured:
    """Return the measurements with their delay and slew scaled; see `check_anchors`."""
    if not config.anchors:
        return measured
    base = next(iter(config.lengths))
    factors: dict[str, list[float]] = {cell: [] for cell in measured}
    for vdd, path in config.anchors.items():
        library = read_cell_library(path)
        for cell, items in measured.items():
            own = _between([item for item in items if item.bias == base], vdd)
            factors[cell].append(_factor(cell, own, library))
    known = list(config.anchors)
    return {
        cell: [_scaled(item, float(np.interp(item.vdd, known, factors[cell]))) for item in items]
        for cell, items in measured.items()
    }


def _between(items: Sequence[CellMeasurement], vdd: float) -> CellMeasurement:
    """What would be measured at a supply: delays interpolated in their logarithm."""
    ordered = sorted(items, key=lambda item: item.vdd)
    below = [item for item in ordered if item.vdd <= vdd + _SAME_VDD][-1]
    above = next(item for item in ordered if item.vdd >= vdd - _SAME_VDD)
    span = above.vdd - below.vdd
    part = (vdd - below.vdd) / span if span else 0.0

    def mixed(one: ArcMeasurement, other: ArcMeasurement) -> ArcMeasurement:
        first, second = np.array(one.delay), np.array(other.delay)
        with np.errstate(invalid="ignore"):  # of a delay below zero comes no number
            delay = np.exp((1 - part) * np.log(first) + part * np.log(second))
        return replace(one, delay=_table(delay))

    arcs = tuple(mixed(*pair) for pair in zip(below.arcs, above.arcs, strict=True))
    return replace(below, vdd=vdd, arcs=arcs)


def _factor(name: str, own: CellMeasurement, library: CellLibrary) -> float:
    """Median ratio of the foundry's delays to ours; 1 for a cell without common arcs."""
    cell = library.cell_index.get(name)
    if cell is None:
        return 1.0
    slew, load = (axis.ravel() for axis in np.meshgrid(own.slews, own.loads, indexing="ij"))
    ratios = []
    for arc in own.arcs:
        edge = int(arc.output_edge is Edge.FALL)
        sense = Sense.POSITIVE if arc.input_edge == arc.output_edge else Sense.NEGATIVE
        rows = np.flatnonzero(
            (library.arc_cell == cell)
            & (library.arc_from == library.pin_index.get((cell, arc.related), -1))
            & (library.arc_to == library.pin_index.get((cell, arc.output), -1))
            & (library.arc_type <= ArcType.FALLING_EDGE)
            & np.isin(library.arc_sense, (sense, Sense.NON_UNATE))
            & (library.arc_table[:, edge, 0] >= 0)
        )
        for table in library.arc_table[rows, edge, 0]:
            theirs = library.tables.lookup(np.full(len(slew), table), slew, load)
            ratio = theirs / np.array(arc.delay).ravel()
            ratios.append(ratio[np.isfinite(ratio) & (ratio > 0)])
    values = np.concatenate(ratios) if ratios else np.ones(1)
    return float(np.median(values)) if len(values) else 1.0


def _scaled(item: CellMeasurement, factor: float) -> CellMeasurement:
    return replace(
        item,
        arcs=tuple(
            replace(arc, delay=_table(np.array(arc.delay) * factor),
                    slew=_table(np.array(arc.slew) * factor))
            for arc in item.arcs
        ),
    )  # fmt: skip


def _table(values: Floats) -> Table:
    return tuple(tuple(row) for row in values.tolist())
