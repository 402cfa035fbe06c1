"""The placer, coloquinte: cells to rows, in its own units."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The placer's unit, as a part of a site. coloquinte's legaliser keeps width times displacement in
# 32 bits; on a nanometre grid a far piece of a broken row overflows to a bargain.
UNITS_PER_SITE = 10
# Effort of coloquinte, from 1 to 9; 3 is its default.
_EFFORT = 3
# Cells are widened to this fill while they are placed, so that free space spreads over the tiles;
# left alone, the placer packs them to one side. What is free beyond it still gathers there: a
# higher fill spreads more evenly, but costs wire and mostly speed (decision 007).
_SPREAD = 0.8


@dataclass(frozen=True)
class PlacerInput:
    """What the placer needs, in its own units. Net i counts `net_weight[i]`.

    `segments` are pieces of row: left end, lower end, width, and whether upside down. `start` are
    the lower left corners of cells that stand already, in x and in y. The last of the fixed points
    draws cells as nets of weight `pull` would.
    """

    width: Ints
    height: int
    net_first: Ints
    net_node: Ints
    net_x: Ints
    net_y: Ints
    net_weight: Floats
    pull: Floats
    fixed_x: Ints
    fixed_y: Ints
    segments: Ints
    seed: int
    start: tuple[Ints, Ints] | None = None


def place_cells(problem: PlacerInput) -> tuple[Ints, Ints]:
    """Return the lower left corners of the cells, in the placer's units.

    Cells that stand already go to legal places near by, and on from there where wires get shorter.

    Raises
    ------
    RuntimeError
        When the cells cannot be legalised.
    """
    if problem.start is not None:
        return _run_coloquinte(problem, spread=False)
    try:
        return _run_coloquinte(problem, spread=True)
    except RuntimeError:  # in small tiles, cells that are widened may not fit where they are not
        return _run_coloquinte(problem, spread=False)


def _run_coloquinte(problem: PlacerInput, spread: bool) -> tuple[Ints, Ints]:
    import coloquinte

    cells, fixed = len(problem.width), len(problem.fixed_x)
    circuit = coloquinte.Circuit(cells + fixed)
    circuit.cell_width = [*problem.width.tolist(), *[0] * fixed]
    circuit.cell_height = [*[problem.height] * cells, *[0] * fixed]
    circuit.cell_is_fixed = [*[False] * cells, *[True] * fixed]
    circuit.cell_is_obstruction = [*[True] * cells, *[False] * fixed]
    polarity = coloquinte.CellRowPolarity
    circuit.cell_row_polarity = [*[polarity.SAME] * cells, *[polarity.ANY] * fixed]
    middle = problem.segments[:, :2].mean(axis=0).astype(int)
    start_x, start_y = problem.start or (np.full(cells, place) for place in middle)
    circuit.cell_x = [*start_x.tolist(), *problem.fixed_x.tolist()]
    circuit.cell_y = [*start_y.tolist(), *problem.fixed_y.tolist()]
    orientation = (coloquinte.CellOrientation.N, coloquinte.CellOrientation.FS)
    circuit.rows = [
        coloquinte.Row(
            coloquinte.Rectangle(x, x + width, y, y + problem.height),
            orientation[flipped],
        )
        for x, y, width, flipped in problem.segments.tolist()
    ]
    node, x, y = (item.tolist() for item in (problem.net_node, problem.net_x, problem.net_y))
    first = problem.net_first
    for start, stop, heavy in zip(first[:-1], first[1:], problem.net_weight.tolist(), strict=True):
        if stop - start > 1:
            circuit.add_net(node[start:stop], x[start:stop], y[start:stop], heavy)
    middle_y = problem.height // 2
    for cell in np.flatnonzero(problem.pull).tolist():
        offsets = [int(problem.width[cell]) // 2, 0], [middle_y, 0]
        circuit.add_net([cell, cells + fixed - 1], *offsets, float(problem.pull[cell]))
    circuit.check()
    parameters = coloquinte.ColoquinteParameters(_EFFORT, problem.seed)
    with _silent():
        if spread:
            circuit.expand_cells_to_density(_SPREAD, 0.0)
        if problem.start is None:
            circuit.place_global(parameters)
        circuit.place_detailed(parameters)
    return np.array(circuit.cell_x[:cells]), np.array(circuit.cell_y[:cells])


@contextmanager
def _silent() -> Iterator[None]:
    """Send this process's standard output, that of C code included, nowhere."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
