"""A die on its package as cells of a grid: finite volumes, and what blocks cover of them.

Every layer is one cell thick, with its temperature in the middle of the cell. Between two cells lie
the halves of both in series; on the outer sides half a cell and the convection. The sides of the
package carry no heat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.power.thermal.network import ThermalNetwork, links, with_ambient
from voltile.power.thermal.package import Package

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ThermalGrid:
    """A die in nx x ny cells; cell i stands in column i % nx and row i // nx, from the lower left.

    Attributes
    ----------
    width, height : float
        Of the die [m].
    network : ThermalNetwork
        Its nodes are the cells of the first layer, then those of the next; its sources the first.
    """

    width: float
    height: float
    nx: int
    ny: int
    network: ThermalNetwork

    def maps(self, temperature: Floats) -> Floats:
        """Return the temperature [degrees Celsius] of all layers, shape (layers, ny, nx)."""
        return temperature.reshape(-1, self.ny, self.nx)

    def shares(self, blocks: Floats) -> Floats:
        """Return which part of each block lies in each cell, shape (cells, blocks).

        ``shares @ power`` is the power of the cells for that of blocks; ``shares.T @ temperature``
        the mean temperature of blocks.

        Parameters
        ----------
        blocks : ndarray, shape (blocks, 4)
            Left, bottom, right and top edge [m].

        Raises
        ------
        VoltileError
            For a block without area, or not on the die.
        """
        left, bottom, right, top = np.asarray(blocks, dtype=np.float64).T
        slack = 1e-9 * max(self.width, self.height)
        for at, (x0, y0, x1, y1) in enumerate(zip(left, bottom, right, top, strict=True)):
            if not (x1 > x0 and y1 > y0):
                raise VoltileError(f"block {at} must have an area, not {_size(x1 - x0, y1 - y0)}")
            if min(x0, y0) < -slack or x1 > self.width + slack or y1 > self.height + slack:
                raise VoltileError(
                    f"block {at} must lie on the die of {_size(self.width, self.height)}, not "
                    f"reach from {_place(x0, y0)} to {_place(x1, y1)} um"
                )
        across = _overlap(left, right, self.width, self.nx)
        along = _overlap(bottom, top, self.height, self.ny)
        return (along[:, None, :] * across[None, :, :]).reshape(self.nx * self.ny, -1)


def thermal_grid(package: Package, width: float, height: float, nx: int, ny: int) -> ThermalGrid:
    """Return a die of a size [m] on a package, in nx x ny cells.

    Raises
    ------
    ValueError
        For a die without area, or a grid without cells.
    """
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise ValueError(f"a die must have an area, not {_size(width, height)}")
    if min(nx, ny) < 1:
        raise ValueError(f"a grid must have 1 x 1 cells or more, not {nx} x {ny}")
    dx, dy, cells = width / nx, height / ny, nx * ny
    layers = package.layers
    node = np.arange(len(layers) * cells).reshape(len(layers), ny, nx)
    thick = np.array([layer.thickness for layer in layers])
    conductivity = np.array([layer.conductivity for layer in layers])
    half = thick / (2 * conductivity)
    ways: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], Floats]] = (
        (node[:, :, :-1], node[:, :, 1:], conductivity * thick * dy / dx),
        (node[:, :-1], node[:, 1:], conductivity * thick * dx / dy),
        (node[:-1], node[1:], dx * dy / (half[:-1] + half[1:])),
    )
    first = np.concatenate([one.ravel() for one, _, _ in ways])
    second = np.concatenate([other.ravel() for _, other, _ in ways])
    values = [np.broadcast_to(g[:, None, None], one.shape).ravel() for one, _, g in ways]
    outside = np.zeros(node.size)
    for layer, convection in ((0, package.convection_first), (-1, package.convection_last)):
        if convection:
            outside[node[layer].ravel()] += dx * dy / (half[layer] + 1 / convection)
    matrix = with_ambient(links(first, second, np.concatenate(values), node.size), outside)
    volume = np.repeat(dx * dy * thick, cells)
    capacitance = volume * np.repeat([layer.heat_capacity for layer in layers], cells)
    network = ThermalNetwork(matrix, capacitance, package.ambient, node[0].ravel())
    return ThermalGrid(width, height, nx, ny, network)


def _overlap(low: Floats, high: Floats, size: float, cells: int) -> Floats:
    """Which part of each span lies in each of the cells of an axis, shape (cells, spans)."""
    edges = np.linspace(0.0, size, cells + 1)[:, None]
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    parts: Floats = np.maximum(inside, 0.0)
    parts /= parts.sum(axis=0)
    return parts


def _size(width: float, height: float) -> str:
    return f"{width * 1e6:g} x {height * 1e6:g} um"


def _place(x: float, y: float) -> str:
    return f"({x * 1e6:g}, {y * 1e6:g})"
