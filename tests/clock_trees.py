"""Clock trees without buffers, and placements by hand."""

from types import SimpleNamespace

import numpy as np

from voltile.floorplan import ClockTree, trace_clocks


def bare_tree(netlist, clocks=None):
    """No buffers and no wires: sources drive all their sinks."""
    none, no_place = np.zeros(0, dtype=np.int64), np.zeros(0)
    return ClockTree(
        clocks or trace_clocks(netlist), 0, 1, none, none, none, none, none, no_place, no_place,
        no_place, netlist.pin_net, np.zeros(netlist.nets), np.zeros(netlist.nets),
    )  # fmt: skip


def stand(netlist, place, tile, ports=(0.0, 0.0)):
    """What a clock tree reads of a placement whose sites and rows are 1 um: places in um.

    Parameters
    ----------
    place : mapping of instance to (x, y)
    tile : mapping of instance to int
    ports : (x, y) of every port
    """
    at = np.array([place[name] for name in netlist.cell_name]).reshape(-1, 2)
    tiles = np.array([tile[name] for name in netlist.cell_name])
    every = np.ones(len(netlist.port_net)) * 1e-6
    return SimpleNamespace(
        grid=SimpleNamespace(site_width=1e-6, site_height=1e-6, tiles=int(tiles.max()) + 1),
        site=at[:, 0], row=at[:, 1], tile=tiles, port_x=ports[0] * every, port_y=ports[1] * every,
    )  # fmt: skip
