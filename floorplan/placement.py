"""Placement of a netlist on a mesh of tiles."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible, TechnologyError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.mux_cells import MuxColumns, MuxReserve
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.floorplan.placer import UNITS_PER_SITE, PlacerInput, place_cells
from voltile.floorplan.tiles import TileGrid, make_tile_grid, remedy
from voltile.floorplan.timing import Wires
from voltile.pdk import Technology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Placement:
    """Where the cells of a netlist stand on a mesh.

    Attributes
    ----------
    site, row : ndarray of int, shape (cells,)
        Lower left corner of each instance, in sites and rows.
    tile : ndarray of int, shape (cells,)
    net_length : ndarray, shape (nets,)
        Half-perimeter length of each net over pins and ports [m]; 0 for clock nets.
    port_x, port_y : ndarray, shape (ports,)
        Port positions on the core's boundary [m].
    """

    grid: TileGrid
    site: Ints
    row: Ints
    tile: Ints
    net_length: Floats
    port_x: Floats
    port_y: Floats

    def wires(self, technology: Technology) -> Wires:
        """Lumped wire of each net from its length and the technology's RC per metre."""
        return Wires(
            self.net_length * technology.wire_capacitance,
            self.net_length * technology.wire_resistance,
        )


@dataclass(frozen=True)
class Pull:
    """A point that draws cells, each as a net of some weight would.

    Attributes
    ----------
    weight : ndarray, shape (cells,)
    x, y : float
        Parts of the core's width and height.
    """

    weight: Floats
    x: float
    y: float


def place(
    netlist: Netlist,
    clocks: ClockNetwork,
    technology: Technology,
    n: int,
    utilisation: float,
    seed: int = 1,
    net_weight: Floats | None = None,
    reserve: MuxReserve | None = None,
) -> Placement:
    """Place a netlist on the n x n mesh that `check_mesh` returns, as `place_on` does."""
    grid = check_mesh(netlist, technology, n, utilisation, reserve)
    return place_on(grid, netlist, clocks, technology, seed, net_weight)


def place_on(
    grid: TileGrid,
    netlist: Netlist,
    clocks: ClockNetwork,
    technology: Technology,
    seed: int = 1,
    net_weight: Floats | None = None,
    near: Placement | None = None,
    pull: Pull | None = None,
) -> Placement:
    """Place a netlist on a mesh.

    Rows are broken at the tile borders before placement; ports stand evenly around the core in
    their order; clock nets do not pull. The same inputs and seed give the same placement. The
    placer reports on standard output, which is silenced for this process meanwhile.

    Parameters
    ----------
    net_weight : ndarray, shape (nets,), optional
        How much the length of each net counts; by default all the same.
    near : Placement, optional
        Of the same instances on the same mesh, perhaps in other widths: each goes to a legal place
        near where it stands there. By default all are placed anew.
    pull : Pull, optional
        Where cells are drawn to; by default nowhere.

    Raises
    ------
    PlacementInfeasible
        When the cells cannot be legalised in that many tiles.
    """
    width = _cell_width(netlist, technology)
    port_x, port_y = _boundary_positions(grid, len(netlist.port_net))
    pin_x, pin_y = _pin_offsets(netlist, technology)
    if net_weight is None:
        net_weight = np.ones(netlist.nets)
    if pull is None:
        pull = Pull(np.zeros(netlist.cells), 0.0, 0.0)
    problem = _problem(
        netlist, clocks, grid, width, (pin_x, pin_y), (port_x, port_y), seed, net_weight, pull
    )
    if near is not None:
        start = near.site * UNITS_PER_SITE, near.row * problem.height
        problem = replace(problem, start=start)
    try:
        x, y = place_cells(problem)
    except RuntimeError as error:
        fill = width.sum() * technology.site_height / grid.row_area
        raise PlacementInfeasible(
            f"{grid.n} x {grid.n} tiles cannot be legalised: tiles of {grid.tile_rows} rows by "
            f"{grid.tile_width} sites, {fill:.0%} full ({error}); {remedy(grid.n)}",
            grid.n,
        ) from None
    # The placer knows no site grid. Down to the site is always legal, since widths and row starts
    # are multiples of it.
    site = x // UNITS_PER_SITE
    row = y // problem.height
    sites = np.rint(width / grid.site_width).astype(np.int64)
    tile = _check_legal(grid, site, row, sites)
    length = _half_perimeter(netlist, clocks, grid, site, row, width, (pin_x, pin_y),
                             (port_x, port_y))  # fmt: skip
    return Placement(grid, site, row, tile, length, port_x, port_y)


def check_mesh(
    netlist: Netlist,
    technology: Technology,
    n: int,
    utilisation: float,
    reserve: MuxReserve | None = None,
) -> TileGrid:
    """Return the mesh on which a netlist would be placed, without placing it.

    Raises
    ------
    PlacementInfeasible
        When a tile cannot hold the widest cell, or its Vdd-MUX.
    """
    width = _cell_width(netlist, technology)
    area = float(width.sum() * technology.site_height)
    return make_tile_grid(area, float(width.max(initial=0)), technology, n, utilisation, reserve)


def _cell_width(netlist: Netlist, technology: Technology) -> Floats:
    """Width of each instance [m]."""
    macros = technology.lef.macros
    names = netlist.library.cell_name
    missing = [names[kind] for kind in np.unique(netlist.cell_type) if names[kind] not in macros]
    if missing:
        raise TechnologyError(f"technology {technology.name}: no LEF macro for {missing[0]}")
    width_of = np.array([macros[name].width if name in macros else 0.0 for name in names])
    return np.asarray(width_of[netlist.cell_type])


def _pin_offsets(netlist: Netlist, technology: Technology) -> tuple[Floats, Floats]:
    """Offset of each library pin from the lower left corner of its cell [m]."""
    library = netlist.library
    offset = np.zeros((len(library.pin_name), 2))
    for pin, name in enumerate(library.pin_name):
        macro = technology.lef.macros.get(library.cell_name[int(library.pin_cell[pin])])
        if macro is not None and name in macro.pin_offset:
            offset[pin] = macro.pin_offset[name]
    return offset[:, 0], offset[:, 1]


def _boundary_positions(grid: TileGrid, ports: int) -> tuple[Floats, Floats]:
    """Evenly around the core, counter-clockwise from the lower left corner."""
    width = grid.core_sites * grid.site_width
    height = grid.core_rows * grid.site_height
    along = (np.arange(ports) + 0.5) / max(ports, 1) * 2 * (width + height)
    corners = np.cumsum([0, width, height, width, height])
    x = np.interp(along, corners, [0, width, width, 0, 0])
    y = np.interp(along, corners, [0, 0, height, height, 0])
    return x, y


def _net_pins(netlist: Netlist, clocks: ClockNetwork) -> tuple[Ints, Ints, Ints]:
    """Pins and ports of every net that pulls: (net, node, pin), sorted by net.

    Nodes are instances, then ports; pin is -1 for a port.
    """
    pins = np.flatnonzero(netlist.pin_net != OPEN)
    ports = np.arange(len(netlist.port_net))
    net = np.concatenate([netlist.pin_net[pins], netlist.port_net])
    node = np.concatenate([netlist.pin_cell[pins], netlist.cells + ports])
    pin = np.concatenate([pins, np.full(len(ports), -1)])
    kept = ~clocks.is_clock[net]
    net, node, pin = net[kept], node[kept], pin[kept]
    order = np.argsort(net, kind="stable")
    return net[order], node[order], pin[order]


def _problem(
    netlist: Netlist,
    clocks: ClockNetwork,
    grid: TileGrid,
    width: Floats,
    offset: tuple[Floats, Floats],
    port: tuple[Floats, Floats],
    seed: int,
    net_weight: Floats,
    pull: Pull,
) -> PlacerInput:
    net, node, pin = _net_pins(netlist, clocks)
    library_pin = netlist.pin_library[pin]
    at = [np.where(pin >= 0, item[library_pin], 0.0) for item in offset]
    segments = grid.row_segments
    unit = grid.site_width / UNITS_PER_SITE

    def units(metres: Floats) -> Ints:
        return np.rint(metres / unit).astype(np.int64)

    first = np.flatnonzero(np.diff(net, prepend=-1))
    height = round(grid.site_height / unit)
    rows = segments[:, 1:] * [UNITS_PER_SITE, height, UNITS_PER_SITE]
    return PlacerInput(
        width=units(width),
        height=height,
        net_first=np.append(first, len(net)),
        net_node=node,
        net_x=units(at[0]),
        net_y=units(at[1]),
        net_weight=net_weight[net[first]],
        pull=pull.weight,
        fixed_x=units(np.append(port[0], pull.x * grid.core_sites * grid.site_width)),
        fixed_y=units(np.append(port[1], pull.y * grid.core_rows * grid.site_height)),
        segments=np.concatenate([rows, segments[:, 2:3] % 2], axis=1),
        seed=seed,
    )


def _check_legal(grid: TileGrid, site: Ints, row: Ints, sites: Ints) -> Ints:
    """Return the tile of each cell; raise when a cell overlaps another or a tile border."""
    tile = grid.tile_at(site, row)
    outside = (tile < 0) | (tile != grid.tile_at(site + sites - 1, row))
    order = np.lexsort((site, row))
    same_row = np.diff(row[order]) == 0
    overlap = same_row & (np.diff(site[order]) < sites[order][:-1])
    if outside.any() or overlap.any():
        raise PlacementInfeasible(
            f"{grid.n} x {grid.n} tiles cannot be legalised: {int(outside.sum())} cells across a "
            f"tile border, {int(overlap.sum())} overlaps; {remedy(grid.n)}",
            grid.n,
        )
    return tile


def _half_perimeter(
    netlist: Netlist,
    clocks: ClockNetwork,
    grid: TileGrid,
    site: Ints,
    row: Ints,
    width: Floats,
    offset: tuple[Floats, Floats],
    port: tuple[Floats, Floats],
) -> Floats:
    net, node, pin = _net_pins(netlist, clocks)
    library_pin = netlist.pin_library[pin]
    flipped = np.concatenate([row % 2 == 1, np.zeros(len(port[0]), dtype=bool)])[node]
    up = np.where(flipped, grid.site_height - offset[1][library_pin], offset[1][library_pin])
    x = np.concatenate([site * grid.site_width, port[0]])[node]
    y = np.concatenate([row * grid.site_height, port[1]])[node]
    x += np.where(pin >= 0, offset[0][library_pin], 0.0)
    y += np.where(pin >= 0, up, 0.0)
    length = np.zeros(netlist.nets)
    if len(net):
        starts = np.flatnonzero(np.diff(net, prepend=-1))
        for values in (x, y):
            spread = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
            length[net[starts]] += spread
    return length


# The arrays below are what a run folder keeps of a placement.

_ARRAYS = ("site", "row", "tile", "net_length", "port_x", "port_y")


def placement_to_arrays(placement: Placement) -> dict[str, NDArray[Any]]:
    """Return the placement as plain arrays, for `numpy.savez`."""
    grid = placement.grid
    arrays = {name: getattr(placement, name) for name in _ARRAYS}
    shape = np.array([grid.n, grid.tile_rows, grid.tile_width, grid.gap_sites, grid.mux.flop])
    size = np.array([grid.site_width, grid.site_height])
    return arrays | {"grid": shape, "size": size, "columns": np.array(grid.mux[:2])}


def placement_from_arrays(arrays: dict[str, NDArray[Any]]) -> Placement:
    """Return the placement that `placement_to_arrays` took apart."""
    *shape, flop = arrays["grid"].tolist()
    left, right = (tuple(item) for item in arrays["columns"].tolist())
    n, tile_rows, tile_width, gap_sites = shape
    width, height = arrays["size"].tolist()
    mux = MuxColumns(left, right, flop)
    grid = TileGrid(n, tile_rows, tile_width, gap_sites, width, height, mux)
    return Placement(grid, **{name: arrays[name] for name in _ARRAYS})
