"""Exports a finished run: one mesh, one interval width, one operating point of its plan."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.core import PlacementInfeasible, TechnologyError, VoltileError
from voltile.floorplan import PowerGrid, make_power_grid
from voltile.floorplan.exports import OperatingPoints, write_exports
from voltile.flows.fine_vh.job import read_run
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.fine_vh.result import RunResult


@dataclass(frozen=True)
class ExportSummary:
    """What was exported.

    Attributes
    ----------
    n : int
        Of the n x n mesh.
    points, at : OperatingPoints, int
        Its plan, and the point of it that constraints and libraries are of.
    slack : float
        Worst slack there [s].
    notes : tuple of str
        What the exports lack, a sentence each.
    """

    n: int
    points: OperatingPoints
    at: int
    slack: float
    notes: tuple[str, ...]


def export_run(
    run_folder: Path, out: Path, n: int | None, dvdd: float | None, frequency: float | None
) -> ExportSummary:
    """Write the exports of a run into a folder.

    Parameters
    ----------
    n : int, optional
        Of the N x N mesh; by default the largest.
    dvdd : float, optional
        Width of the Vdd interval [V]; by default the narrowest.
    frequency : float, optional
        [Hz]; the lowest operating point of the plan that reaches it. By default that at which the
        most even areas are at both supplies.

    Raises
    ------
    VoltileError
        When the run is not finished, or has no such mesh, width or frequency.
    """
    result = read_run(run_folder)
    n = _chosen_mesh(result, n)
    count = _chosen_count(result, dvdd)
    points = operating_points(result, n, count)
    at = result.telling_frequency(n, count)
    if frequency is not None:
        at = _chosen_point(points, frequency)
    technology, layout = result.technology, result.layouts[n]
    vdds = (float(points.vdd_low[at]), float(points.vdd_high[at]))
    mesh = layout.tile_timer(layout.libraries(vdds, result.bias), result.bias)
    notes = list(technology.lacks)
    if len(technology.biases) > 1 and not layout.bias_of(result.bias).any():
        notes.append("no cell has a longer gate: the run assigned no poly-bias")
    grid = None
    if layout.muxes is not None:
        try:
            grid = _power_grid(result, layout, points)
        except (PlacementInfeasible, TechnologyError) as error:
            notes.append(f"the layout has no power grid: {error}")
    slack = write_exports(mesh, technology, points, at, out, layout.muxes, grid)
    return ExportSummary(n, points, at, slack, tuple(notes))


def _power_grid(result: RunResult, layout: Layout, points: OperatingPoints) -> PowerGrid:
    """The power grid that serves all points of the plan: cells draw most at the highest pair."""
    low, high = float(points.vdd_low.max()), float(points.vdd_high.max())
    drawn = layout.currents(result.activity, [(low, high)])[low, high]
    tile, grid = layout.placement.tile, layout.placement.grid
    at_low, at_high = (item.peak(tile, grid.tiles) for item in drawn)
    return make_power_grid(grid, result.technology, at_low, at_high, low, high)


def operating_points(result: RunResult, n: int, count: int) -> OperatingPoints:
    """Return the plan of a mesh whose Vdd range is split into `count` intervals."""
    width = (result.technology.vdds[-1] - result.technology.vdds[0]) / count
    curve = next(
        curve
        for curve in result.shown_curves
        if curve.scheme == "fine-vh" and curve.n == n and abs(curve.interval - width) < 1e-6
    )
    middle = (curve.vdd_low + curve.vdd_high) / 2
    is_high = result.tile_vdd[n, count] > middle[:, None]
    return OperatingPoints(curve.frequency, curve.vdd_low, curve.vdd_high, is_high)


def _chosen_mesh(result: RunResult, n: int | None) -> int:
    meshes = sorted({mesh for mesh, _ in result.tile_vdd})
    if n is not None and n not in meshes:
        listed = ", ".join(f"{mesh} x {mesh}" for mesh in meshes)
        raise VoltileError(f"the run has no mesh of {n} x {n} tiles: it has {listed}")
    return n or meshes[-1]


def _chosen_count(result: RunResult, dvdd: float | None) -> int:
    """Number of intervals of a width."""
    span = result.technology.vdds[-1] - result.technology.vdds[0]
    widths = {span / count: count for count in sorted({count for _, count in result.tile_vdd})}
    if dvdd is None:
        return widths[min(widths)]
    for width, count in widths.items():
        if abs(width - dvdd) < 5e-4:
            return count
    listed = ", ".join(f"{width:.3f}" for width in widths)
    raise VoltileError(f"the run has no Vdd interval of {dvdd:g} V: it has {listed} V")


def _chosen_point(points: OperatingPoints, frequency: float) -> int:
    # Tables show fewer digits than a frequency has.
    reached = np.flatnonzero(points.frequency >= frequency * (1 - 1e-4))
    if not len(reached) or not frequency > 0:
        raise VoltileError(
            f"frequency must be above 0 and at most {points.frequency.max() / 1e6:.1f} MHz, which "
            f"the plan of the run reaches, not {frequency / 1e6:g} MHz"
        )
    return int(reached[np.argmin(points.frequency[reached])])
