"""Compiled passes over a timing graph. Imports numba, which takes a second: import it late."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from voltile.pdk.lookup import place
from voltile.pdk.supply_tables import SupplyTables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)
def propagate(
    tables: SupplyTables,
    low_driver: Floats,
    library: Ints,
    level: Ints,
    stretch: Floats,
    source: Ints,
    cell: Ints,
    arc: Ints,
    first: Ints,
    end_node: Ints,
    load: Floats,
    wire_delay: Floats,
    arrival: Floats,
    slew: Floats,
) -> Floats:
    """Fill in the arrival and the slew of each of `end_node`, in this order.

    Parameters
    ----------
    low_driver : ndarray, shape (libraries, levels, arcs, 2)
        `LowDrivers.arc`.
    library : ndarray of int, shape (cells,)
    level : ndarray of int, shape (nets,)
        Level of the supply of each net's driver.
    stretch : ndarray, shape (cells,)
        Factor on every delay of an instance.
    source, cell, arc : ndarray of int, shape (records,)
    first : ndarray of int, shape (ends + 1,)
        The records into `end_node[i]` are `first[i]` to `first[i + 1]`.
    arrival : ndarray, shape (launching edges, nodes)
        Those of the start nodes are given.

    Returns
    -------
    ndarray, shape (records,)
        Delay of each record [s]; a second where the output does not switch.
    """
    delay = np.empty(len(source))
    for i in range(len(end_node)):
        node = end_node[i]
        axis, over, x = -1, 0, 0.0
        for record in range(first[i], first[i + 1]):
            start, of = source[record], library[cell[record]]
            row = of * tables.groups + arc[record]
            if tables.load.of_row[row] != axis:  # mostly the same for all arcs of an output
                axis = tables.load.of_row[row]
                over, x = place(tables.load, row, load[node])
            at, y = place(tables.slew, row, slew[start])
            patch = tables.patches[row, at, over]
            time = patch[0, 0] + patch[1, 0] * x + (patch[2, 0] + patch[3, 0] * x) * y
            output = patch[0, 1] + patch[1, 1] * x + (patch[2, 1] + patch[3, 1] * x) * y
            factor = low_driver[of, level[start >> 1], arc[record]]
            if factor[0] < np.inf:
                time *= factor[0] * stretch[cell[record]]
                output *= factor[1]
            else:
                time = 1.0
            delay[record] = time
            slew[node] = max(slew[node], output)
            for launch in range(len(arrival)):
                arrival[launch, node] = max(arrival[launch, node], arrival[launch, start] + time)
        for launch in range(len(arrival)):
            arrival[launch, node] += wire_delay[node]
    return delay


@njit(cache=True)
def heaviest_paths(
    source: Ints, first: Ints, end_node: Ints, weight: Floats, nodes: int
) -> tuple[Floats, Floats]:
    """Largest sum of weights of the records before, and after, each node, shape (nodes,)."""
    before, after = np.zeros(nodes), np.zeros(nodes)
    for i in range(len(end_node)):
        for record in range(first[i], first[i + 1]):
            total = before[source[record]] + weight[record]
            before[end_node[i]] = max(before[end_node[i]], total)
    for i in range(len(end_node) - 1, -1, -1):
        for record in range(first[i], first[i + 1]):
            total = after[end_node[i]] + weight[record]
            after[source[record]] = max(after[source[record]], total)
    return before, after


@njit(cache=True)
def require(
    source: Ints, first: Ints, end_node: Ints, delay: Floats, wire_delay: Floats, required: Floats
) -> None:
    """Carry required times, shape (nodes,), from the ends of paths back to their starts."""
    for i in range(len(end_node) - 1, -1, -1):
        at_driver = required[end_node[i]] - wire_delay[end_node[i]]
        for record in range(first[i], first[i + 1]):
            start = source[record]
            required[start] = min(required[start], at_driver - delay[record])
