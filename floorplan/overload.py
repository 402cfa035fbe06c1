"""Nets that load their drivers with more than these may carry."""

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN
from voltile.floorplan.timing_graph import TimingGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def overloaded_nets(graph: TimingGraph, load: Floats, limit: Floats) -> Ints:
    """Return them; clock nets, whose network is ideal, are none.

    Parameters
    ----------
    load : ndarray, shape (nodes,)
        [F].
    limit : ndarray, shape (pins,)
        What each output pin may drive [F].
    """
    netlist = graph.netlist
    net = netlist.pin_net
    pins = np.flatnonzero(netlist.pin_is_output & (net != OPEN))
    pins = pins[~graph.clocks.is_clock[net[pins]]]
    return np.asarray(net[pins[load.reshape(-1, 2).max(axis=1)[net[pins]] > limit[pins]]])
