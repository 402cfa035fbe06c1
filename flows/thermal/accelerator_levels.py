"""Levels of an accelerator under a thermal governor: from an energy table, and from a run's plan.

The die is tiled with one accelerator, and its sides carry no heat, so that one of them stands for
all. With an energy table alone its power is spread evenly, so that one cell per layer is exact.
"""

import numpy as np

from voltile.core import VoltileError
from voltile.flows.fine_vh.job import read_run
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.flows.thermal.accelerator_workload import AcceleratorWorkload, leakage_factors
from voltile.flows.thermal.plan_levels import plan_workloads
from voltile.flows.thermal.table_levels import TableLevels, read_levels
from voltile.pdk import LeakageTemperature, Technology, builtin_technologies, read_technology
from voltile.power.thermal import (
    Accelerator,
    Package,
    levelled_inference,
    read_package,
    thermal_grid,
)


def accelerator_workloads(config: AcceleratorConfig) -> list[AcceleratorWorkload]:
    """Return what is asked for, a workload for every precision and scheme.

    Raises
    ------
    VoltileError
        For an input that cannot be used.
    """
    side, package = config.side, read_package(config.package)
    levels = list(read_levels(config))
    leaks = _technology(config, levels[0].tech).leakage_temperature()
    run = read_run(config.plan) if config.plan else None
    if run is None:
        return [_uniform(config, item, package, side, leaks) for item in levels]
    return [
        workload
        for item in levels
        for workload in plan_workloads(config, item, run, package, side, leaks)
    ]


def _technology(config: AcceleratorConfig, of_table: str) -> Technology:
    """Return the technology that an energy table is of."""
    if config.tech is None and of_table not in builtin_technologies():
        raise VoltileError(
            f"{config.energy} is of technology {of_table}, which is not built in: --tech must be "
            f"its manifest file"
        )
    technology = read_technology(config.tech or of_table)
    if technology.name != of_table:
        raise VoltileError(
            f"--tech must be {of_table}, of which {config.energy} is, not {technology.name}"
        )
    return technology


def _uniform(
    config: AcceleratorConfig,
    levels: TableLevels,
    package: Package,
    side: float,
    leaks: LeakageTemperature,
) -> AcceleratorWorkload:
    """Everything at one supply, spread evenly."""
    grid = thermal_grid(package, side, side, 1, 1)
    leakage = levels.leakage[:, None] * leakage_factors(leaks, levels.table.vdd)
    inference = levelled_inference(
        levels.name, np.ones((1, 1)), levels.cycles / levels.table.frequency,
        (levels.dynamic + levels.rest)[:, None], leaks.temperatures, leakage[..., None],
    )  # fmt: skip
    accelerator = Accelerator(levels.table, 1, grid.network, 0.0)
    by = config.throttling(levels.table)
    return AcceleratorWorkload("one supply", side**2, grid, accelerator, inference, by)
