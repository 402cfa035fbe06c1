"""What several formats list: ports and pins net by net, cells tile by tile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.placement import Placement

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class NetEnds:
    """What each net joins, the driver first.

    Attributes
    ----------
    end : ndarray of int
        Ports, then pins: end e is port e, or pin e - ports.
    first : ndarray of int, shape (nets + 1,)
        The ends of net n are end[first[n] : first[n + 1]].
    is_driven : ndarray of bool, shape (nets,)
    """

    end: Ints
    first: Ints
    is_driven: NDArray[np.bool_]

    def by_net(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Texts of the ends of each net, given one for every port and pin."""
        ordered = [texts[end] for end in self.end.tolist()]
        return (ordered[start:stop] for start, stop in pairwise(self.first.tolist()))


def net_ends(netlist: Netlist) -> NetEnds:
    """Return the ends of every net; pins that are left open are none."""
    net = np.concatenate([netlist.port_net, netlist.pin_net])
    drives = np.concatenate([netlist.port_is_input, netlist.pin_is_output])
    end = np.lexsort((~drives, net))
    end = end[np.count_nonzero(net == OPEN) :]
    first = np.searchsorted(net[end], np.arange(netlist.nets + 1))
    is_driven = np.zeros(netlist.nets, dtype=bool)
    is_driven[net[drives & (net != OPEN)]] = True
    return NetEnds(end, first, is_driven)


def pin_texts(netlist: Netlist, form: str) -> list[str]:
    """Return a text for every pin; `form` has a place for the instance and one for the pin."""
    names, pin_name = netlist.cell_name, netlist.library.pin_name
    pins = zip(netlist.pin_cell.tolist(), netlist.pin_library.tolist(), strict=True)
    return [form.format(names[cell], pin_name[pin]) for cell, pin in pins]


def tile_members(netlist: Netlist, placement: Placement) -> list[list[str]]:
    """Return the names of the instances in each tile."""
    order = np.argsort(placement.tile, kind="stable")
    first = np.searchsorted(placement.tile[order], np.arange(placement.grid.tiles + 1))
    names = [netlist.cell_name[cell] for cell in order.tolist()]
    return [names[start:stop] for start, stop in pairwise(first.tolist())]
