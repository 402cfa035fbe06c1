"""Levels of an accelerator whose array comes from the folder of a run: FINE-VH beside one supply.

Power is that of the placed netlist under the run's stimulus, in every cycle, busy or not: of every
tile under FINE-VH, of the uncut core under ideal-DVFS and Vdd-hopping. Of the energy table are
cycles, memories and control.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.floorplan import TileGrid
from voltile.flows.fine_vh.result import RunResult
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.flows.thermal.accelerator_workload import AcceleratorWorkload, leakage_factors
from voltile.flows.thermal.table_levels import TableLevels
from voltile.pdk import LeakageTemperature
from voltile.power import OperatingCurve
from voltile.power.thermal import Accelerator, Package, VfTable, levelled_inference, thermal_grid

Floats = NDArray[np.float64]

# Cells along each side of an accelerator whose tiles are told apart.
_CELLS = 16
# What rounding in a table can do to cycles, and to the width of an interval [V].
_ROUNDING = 1e-9

Scheme = tuple[str, int, VfTable, Floats, Floats]
"""Name, mesh, levels; energy of a cycle [J], shape (levels, tiles + 1), with the core's last, and
leakage [W], shape (levels, temperatures, tiles + 1)."""


def plan_workloads(
    config: AcceleratorConfig,
    levels: TableLevels,
    run: RunResult,
    package: Package,
    side: float,
    leaks: LeakageTemperature,
) -> Iterator[AcceleratorWorkload]:
    """Yield the array of a run under every scheme, at the run's frequencies.

    Raises
    ------
    VoltileError
        When the table is not one for this array, or the area does not hold it.
    """
    if np.ptp(levels.cycles) > _ROUNDING * levels.cycles[0]:
        raise VoltileError(
            f"{config.energy}: cycles of {levels.name} must not depend on the clock where a plan "
            f"sets it: make the table without --dram-bandwidth"
        )
    if run.technology.name != levels.tech:
        raise VoltileError(
            f"{config.plan} is of technology {run.technology.name}, and {config.energy} of "
            f"{levels.tech}: 'voltile energy ... --tech {run.config.tech}'"
        )
    if not run.config.files and run.config.grid != levels.shape:
        placed = _by(run.config.grid)
        raise VoltileError(
            f"{config.plan} is of an array of {placed}, and {config.energy} of one of "
            f"{_by(levels.shape)}: 'voltile energy ... --array {placed}'"
        )
    frequency, cycles = run.frequency, float(levels.cycles[0])
    # Accesses and cycles, and what leaks over the run time: linear in 1 / f.
    rest = np.polyval(np.polyfit(1 / levels.table.frequency, levels.rest, 1), 1 / frequency)
    grid = thermal_grid(package, side, side, _CELLS, _CELLS)
    n, count, _ = run.telling_point
    for scheme, mesh, table, energy, leakage in (
        *_one_supply(run, run.fine_vh[n, count], leaks),
        _tiles(run, n, count, leaks),
    ):
        blocks = _blocks(run.layouts[mesh].placement.grid, side, config.plan)
        dynamic = np.column_stack([energy * cycles, rest])
        nothing = np.zeros((*leakage.shape[:2], 1))
        inference = levelled_inference(
            levels.name, grid.shares(blocks), cycles / frequency, dynamic, leaks.temperatures,
            np.concatenate([leakage, nothing], axis=2),
        )  # fmt: skip
        accelerator = Accelerator(table, 1, grid.network, 0.0)
        area = run.layouts[mesh].area.core
        yield AcceleratorWorkload(
            scheme, area, grid, accelerator, inference, config.throttling(table)
        )


def _one_supply(
    run: RunResult, fine: OperatingCurve, leaks: LeakageTemperature
) -> Iterator[Scheme]:
    """The uncut layout at any supply, and at those that FINE-VH has."""
    for curve in run.shown_curves:
        same = curve.scheme == "ideal" or abs(curve.interval - fine.interval) < _ROUNDING
        if curve.scheme not in ("ideal", "hopping") or curve.bias != "none" or not same:
            continue
        name = "ideal-DVFS" if curve.scheme == "ideal" else "Vdd-hopping"
        energy = (curve.power - curve.leakage) / curve.frequency
        leakage = curve.leakage[:, None] * leakage_factors(leaks, curve.vdd_low)
        table = VfTable(f"{name} of the run", curve.frequency, curve.vdd_high)
        # All in the core, nothing in its one tile by itself.
        yield (name, 1, table, np.column_stack([np.zeros_like(energy), energy]),
               np.stack([np.zeros_like(leakage), leakage], axis=2))  # fmt: skip


def _tiles(run: RunResult, n: int, count: int, leaks: LeakageTemperature) -> Scheme:
    """FINE-VH: tiles at their supplies, the trunk of the clock tree at VddH over the core."""
    curve, tiles = run.fine_vh[n, count], run.tile_power[n, count]
    energy = np.column_stack([tiles.energy, tiles.trunk_energy])[tiles.state]
    leakage = np.column_stack([tiles.leakage, tiles.trunk_leakage])[tiles.state]
    vdd = np.column_stack([run.tile_vdd[n, count], curve.vdd_high])
    table = VfTable("FINE-VH of the run", curve.frequency, curve.vdd_high)
    hot = leakage[:, None] * np.moveaxis(leakage_factors(leaks, vdd), 2, 1)
    return f"FINE-VH {n} x {n}", n, table, energy, hot


def _blocks(mesh: TileGrid, side: float, plan: Path | None) -> Floats:
    """Edges of tiles, core and accelerator, the core in the middle [m], shape (tiles + 2, 4)."""
    pitch = np.array([mesh.site_width, mesh.site_height])
    core = pitch * (mesh.core_sites, mesh.core_rows)
    if core.max() > side:
        raise VoltileError(
            f"the area must hold the array of {plan}, whose core is {core[0] * 1e3:.3g} x "
            f"{core[1] * 1e3:.3g} mm: --area must be at least {core.max() ** 2 * 1e6:.3g} mm2, not "
            f"{side**2 * 1e6:.3g} mm2"
        )
    corner = (side - core) / 2
    low = corner + mesh.tile_origin * pitch
    size = pitch * (mesh.tile_width, mesh.tile_rows)
    whole = [[*corner, *(corner + core)], [0.0, 0.0, side, side]]
    return np.concatenate([np.column_stack([low, low + size]), whole])


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]}x{shape[1]}"
