"""Power grid of a mesh: VddL, VddH, ground, n-bias and p-bias as stripes on two upper metals.

Vertical stripes of all five nets run over the column of Vdd-MUX at the left border of every column
of tiles, horizontal ones over the gaps between lines of tiles, and a ring of five goes around the
core (dissertation 4.1.2, Fig. 4.4). Stripes of one net meet the ring and each other where they
cross; the vias there, and those down to the Vdd-MUX, are left to a router.

Widths follow from the peak currents, by two rules. No stripe, fed from the ring at both of its
ends, loses more than an allowed part of the supply, though it carried alone all tiles along it: the
loss in its middle is I Rs L / 8 w with the current evenly spread. The ring, fed in the middle of
its four sides, loses no more than that to its corners: I Rs L / 32 w with the current of the core
spread around it. Where the technology limits the mean current per width, half of the current of a
stripe, or an eighth of that of the core, stays within it. Bias nets carry none, and have the least
width of their layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible, TechnologyError
from voltile.floorplan.mux_cells import SUPPLIES
from voltile.floorplan.tiles import GAP_ROWS, TileGrid
from voltile.pdk import Layer, Technology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Part of the supply that a stripe, or the ring, may lose.
LOSS = 0.01
# Widths and places are multiples of this [m], as manufacturing grids divide it.
_GRID = 1e-8
# By what the two rules divide the current: of a stripe that is fed at both ends, and of the core.
_STRIPE, _RING = (8, 2), (32, 8)


@dataclass(frozen=True)
class PowerGrid:
    """Rectangles of metal; the core begins at (0, 0), the ring lies outside of it.

    Attributes
    ----------
    nets : tuple of str
        Named as the pins of the Vdd-MUX.
    layers : tuple of str
        The vertical one, then the horizontal one.
    net, layer : ndarray of int, shape (rectangles,)
    x, y, width, height : ndarray, shape (rectangles,)
        Lower left corner and size [m].
    """

    nets: tuple[str, ...]
    layers: tuple[str, str]
    net: Ints
    layer: Ints
    x: Floats
    y: Floats
    width: Floats
    height: Floats


@dataclass(frozen=True)
class _Bundle:
    """Lines of all nets side by side: offset of each from the first one's edge, and width [m]."""

    offset: Floats
    width: Floats

    @property
    def span(self) -> float:
        return float(self.offset[-1] + self.width[-1])


def make_power_grid(
    grid: TileGrid,
    technology: Technology,
    current_low: Floats,
    current_high: Floats,
    vdd_low: float,
    vdd_high: float,
    loss: float = LOSS,
) -> PowerGrid:
    """Return the stripes and the ring of a mesh for a pair of supplies.

    VddL is sized for all tiles at VddL, VddH and ground for all tiles at VddH.

    Parameters
    ----------
    current_low, current_high : ndarray, shape (tiles,)
        Peak current of each tile at VddL and at VddH [A].
    loss : float
        Part of the supply that a stripe, or the ring, may lose.

    Raises
    ------
    TechnologyError
        When the LEF files have no vertical or horizontal routing layer with a sheet resistance.
    PlacementInfeasible
        When the stripes of a column or line of tiles are wider than the tiles.
    """
    names = (_top_layer(technology, "VERTICAL"), _top_layer(technology, "HORIZONTAL"))
    nothing = np.zeros(grid.tiles)
    current = np.stack([current_low, current_high, current_high, nothing, nothing])
    budget = loss * np.array([vdd_low, vdd_high, vdd_high, 1.0, 1.0])
    by_tile = current.reshape(len(SUPPLIES), grid.n, grid.n)  # net, line, column
    size = (grid.core_sites * grid.site_width, grid.core_rows * grid.site_height)
    stripes, rings = [], []
    for axis, name in enumerate(names):
        layer, length = technology.lef.layers[name], size[1 - axis]
        along = by_tile.sum(axis=1 + axis).max(axis=1)
        stripes.append(_bundle(along, layer, length, budget, _STRIPE))
        rings.append(_bundle(current.sum(axis=1), layer, length, budget, _RING))
    _check_room(grid, names, stripes, technology)
    columns = grid.tile_origin[: grid.n, 0] * grid.site_width
    gaps = (grid.tile_origin[:: grid.n, 1][1:] - GAP_ROWS / 2) * grid.site_height
    space = [technology.lef.layers[name].spacing for name in names]
    places = (_snapped(columns), _snapped(gaps - stripes[1].span / 2))
    found = list(_rectangles(size, space, places, stripes, rings))
    net, layer_of = (np.array([item[at] for item in found]) for at in (0, 1))
    x, y, width, height = np.array([item[2] for item in found]).T
    return PowerGrid(SUPPLIES, names, net, layer_of, x, y, width, height)


def _top_layer(technology: Technology, direction: str) -> str:
    """The uppermost routing layer of a direction whose resistance is known."""
    for name, layer in reversed(technology.lef.layers.items()):
        if layer.direction == direction and layer.sheet_resistance > 0 and layer.width > 0:
            return name
    raise TechnologyError(
        f"technology {technology.name}: no {direction.lower()} routing layer of its LEF files has "
        f"a width and a sheet resistance, which the power grid needs"
    )


def _bundle(
    current: Floats, layer: Layer, length: float, budget: Floats, parts: tuple[int, int]
) -> _Bundle:
    """Lines of all nets, each as wide as the loss, the limit of current and the layer ask for."""
    width = layer.sheet_resistance * length * current / (parts[0] * budget)
    if layer.current_density:
        width = np.maximum(width, current / parts[1] / layer.current_density)
    width = np.maximum(width, layer.width)
    width = np.ceil(width / _GRID - 1e-6) * _GRID
    step = np.ceil((width + layer.spacing) / _GRID - 1e-6) * _GRID
    return _Bundle(np.append(0.0, np.cumsum(step)[:-1]), width)


def _snapped(places: NDArray[np.floating]) -> Floats:
    return np.asarray(np.rint(places / _GRID) * _GRID, dtype=np.float64)


def _check_room(
    grid: TileGrid, names: tuple[str, str], stripes: list[_Bundle], technology: Technology
) -> None:
    room = (grid.tile_width * grid.site_width, grid.tile_rows * grid.site_height)
    for name, bundle, most in zip(names, stripes, room, strict=True):
        if bundle.span + technology.lef.layers[name].spacing > most:
            raise PlacementInfeasible(
                f"{grid.n} x {grid.n} tiles cannot hold their power stripes: those on {name} take "
                f"{bundle.span * 1e6:.1f} µm, and a tile is {most * 1e6:.1f} µm; use fewer tiles "
                f"or allow a larger loss",
                grid.n,
            )


def _rectangles(
    size: tuple[float, float],
    space: list[float],
    places: tuple[Floats, Floats],
    stripes: list[_Bundle],
    rings: list[_Bundle],
) -> Iterator[tuple[int, int, tuple[float, float, float, float]]]:
    """Yield net, layer, and (x, y, width, height) of every piece."""
    for net in range(len(SUPPLIES)):
        # How far from the core the ring of the net begins and ends, by the axis across its lines.
        near = [space[axis] + rings[axis].offset[net] for axis in (0, 1)]
        far = [near[axis] + rings[axis].width[net] for axis in (0, 1)]
        for axis in (0, 1):
            across = [(-far[axis], rings[axis].width[net])]
            across += [(size[axis] + near[axis], rings[axis].width[net])]
            bundle = stripes[axis]
            across += [(place + bundle.offset[net], bundle.width[net]) for place in places[axis]]
            start, length = -far[1 - axis], size[1 - axis] + 2 * far[1 - axis]
            for at, width in across:
                yield net, axis, (at, start, width, length) if axis == 0 else (
                    start, at, length, width
                )  # fmt: skip
