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
    row: Ints,
    source: Ints,
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
    row : ndarray of int, shape (records,)
        Row of the tables that gives delay and output slew of each record.
    source : ndarray of int, shape (records,)
    first : ndarray of int, shape (ends + 1,)
        The records into `end_node[i]` are `first[i]` to `first[i + 1]`.
    arrival : ndarray, shape (launching edges, nodes)
        Those of the start nodes are given.

    Returns
    -------
    ndarray, shape (records,)
        Delay of each record [s].
    """
    delay = np.empty(len(source))
    for i in range(len(end_node)):
        node = end_node[i]
        axis, over, x = -1, 0, 0.0
        for record in range(first[i], first[i + 1]):
            at_row, start = row[record], source[record]
            if tables.load.of_row[at_row] != axis:  # mostly the same for all arcs of an output
                axis = tables.load.of_row[at_row]
                over, x = place(tables.load, at_row, load[node])
            at, y = place(tables.slew, at_row, slew[start])
            patch = tables.patches[at_row, at, over]
            delay[record] = patch[0, 0] + patch[1, 0] * x + (patch[2, 0] + patch[3, 0] * x) * y
            output = patch[0, 1] + patch[1, 1] * x + (patch[2, 1] + patch[3, 1] * x) * y
            slew[node] = max(slew[node], output)
            for launch in range(len(arrival)):
                latest = arrival[launch, start] + delay[record]
                arrival[launch, node] = max(arrival[launch, node], latest)
        for launch in range(len(arrival)):
            arrival[launch, node] += wire_delay[node]
    return delay


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
