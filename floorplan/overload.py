"""How much nets load their drivers, against what these may carry."""

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN
from voltile.floorplan.timing_graph import TimingGraph

Floats = NDArray[np.float64]


def relative_loads(graph: TimingGraph, load: Floats, limit: Floats) -> Floats:
    """Return the load of each net over what its driver may carry, shape (nets,).

    0 for nets that no path leads into: constant ones, and clocks, whose network is ideal.

    Parameters
    ----------
    load : ndarray, shape (nodes,)
        [F].
    limit : ndarray, shape (pins,)
        What each output pin may drive [F].
    """
    netlist = graph.netlist
    switches = np.zeros(netlist.nets, dtype=bool)
    switches[graph.end_node >> 1] = True
    pins = np.flatnonzero(netlist.pin_is_output & (netlist.pin_net != OPEN))
    pins = pins[switches[netlist.pin_net[pins]]]
    net = netlist.pin_net[pins]
    result = np.zeros(netlist.nets)
    result[net] = load.reshape(-1, 2).max(axis=1)[net] / limit[pins]
    return result
