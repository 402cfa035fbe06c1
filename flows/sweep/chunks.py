"""Chunks of a sweep: what one worker computes at a time, and keeps.

A design, a network on an array, is one call of the vectorised cost models over all precisions and
operating points. A chunk has so many of them that handing it to a worker costs little beside.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, VoltileError
from voltile.flows.energy.accelerator_costs import ElementCosts
from voltile.flows.sweep.config import Design
from voltile.sim import (
    OperatingPoints,
    Policy,
    Workload,
    layer_costs,
    layer_energies,
    operating_points,
    sweep_columns,
)

Arrays = dict[str, NDArray[Any]]
Points = Callable[[str, tuple[Precision, ...]], OperatingPoints]

_NUMBERS = {precision: number for number, precision in enumerate(Precision)}


@dataclass(frozen=True)
class Chunk:
    """Designs, and all that their costs depend on.

    Attributes
    ----------
    workloads : mapping of str to Workload
        By the network of a design.
    elements : mapping of str to ElementCosts
        By the element of a design.
    precisions : mapping of str to tuple of Precision
        Those to compute, by the element of a design.
    policies : tuple of Policy
    vdds : tuple of float
        [V].
    dram_bandwidth : float
        [byte/s].
    """

    designs: tuple[Design, ...]
    workloads: Mapping[str, Workload]
    elements: Mapping[str, ElementCosts]
    precisions: Mapping[str, tuple[Precision, ...]]
    policies: tuple[Policy, ...]
    vdds: tuple[float, ...]
    dram_bandwidth: float


def compute_chunk(chunk: Chunk) -> Arrays:
    """Return the rows of the designs, and what is left out of them.

    Returns
    -------
    dict of str to ndarray
        ``design``, ``point``, ``precision``: numbers within the chunk, the operating points (every
        supply of every policy) and `Precision`; areas [um2]; `sim.sweep_columns`. These are absent
        where all is left out. ``left_design``, ``left_precision``, ``left_reason``.
    """

    @cache
    def points(pe: str, precisions: tuple[Precision, ...]) -> OperatingPoints:
        return operating_points(chunk.elements[pe].pe, precisions, chunk.policies, chunk.vdds)

    rows: list[Arrays] = []
    left: list[tuple[int, int, str]] = []
    for at, design in enumerate(chunk.designs):
        for precisions, found in _outcomes(chunk, at, chunk.precisions[design.pe], points):
            if isinstance(found, str):
                left += [(at, _NUMBERS[item], found) for item in precisions]
            else:
                rows.append(found)
    designs, numbers, reasons = zip(*left, strict=True) if left else ((), (), ())
    return {
        "left_design": np.array(designs, np.int64),
        "left_precision": np.array(numbers, np.int64),
        "left_reason": np.array(reasons, np.str_),
        **{name: np.concatenate([item[name] for item in rows]) for name in (rows or [{}])[0]},
    }


def _outcomes(
    chunk: Chunk, at: int, precisions: tuple[Precision, ...], points: Points
) -> Iterator[tuple[tuple[Precision, ...], Arrays | str]]:
    """Yield rows, or why there are none, at once or else precision by precision."""
    found: Arrays | str
    try:
        found = _rows(chunk, at, precisions, points)
    except VoltileError as error:
        found = str(error)
    if isinstance(found, str) and len(precisions) > 1:
        for item in precisions:
            yield from _outcomes(chunk, at, (item,), points)
    else:
        yield precisions, found


def _rows(chunk: Chunk, at: int, precisions: tuple[Precision, ...], points: Points) -> Arrays:
    design = chunk.designs[at]
    array, element = design.hardware(chunk.dram_bandwidth), chunk.elements[design.pe]
    memories = element.memories(array)
    costs = layer_costs(chunk.workloads[design.network], array, precisions)
    here = points(design.pe, precisions)
    energies = layer_energies(costs, element.pe, here, memories, element.control)
    shape = here.vdd.shape
    columns = {
        "design": np.array(at),
        "point": np.arange(shape[0])[:, None],
        "precision": np.array([_NUMBERS[item] for item in precisions]),
        "pe_area_um2": np.array(array.rows * array.cols * element.pe.area * 1e12),
        "sram_area_um2": np.array(memories.area * 1e12),
    }
    return {
        **{name: np.broadcast_to(item, shape).reshape(-1) for name, item in columns.items()},
        **sweep_columns(energies),
    }
