"""Every scheme of a run: operating curves, and modes."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from voltile.flows.fine_vh.biases import compared_biases
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.intervals import Intervals
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.fine_vh.supplies import supply_levels
from voltile.pdk import Technology
from voltile.power import (
    Activity,
    OperatingCurve,
    OperatingModes,
    SupplyPoints,
    fine_vh,
    fine_vh_modes,
    ideal_dvfs,
    ideal_modes,
    level_modes,
    vdd_dithering,
    vdd_hopping,
)

Floats = NDArray[np.float64]


def all_curves(
    config: RunConfig,
    technology: Technology,
    points: Mapping[str, SupplyPoints],
    intervals: Intervals,
    frequency: Floats,
) -> tuple[
    tuple[OperatingCurve, ...],
    dict[tuple[int, int], OperatingCurve],
    dict[tuple[int, int], Floats],
]:
    """Return all curves; by (N, interval count) FINE-VH as asked for, and its tiles' supplies."""
    biases = compared_biases(config, technology)
    curves = [replace(ideal_dvfs(item, frequency), bias=name) for name, item in points.items()]
    fine: dict[tuple[int, int], OperatingCurve] = {}
    tile_vdd: dict[tuple[int, int], Floats] = {}
    for count in config.intervals:
        levels = supply_levels(technology, count)
        curves.append(vdd_hopping(points["none"], levels, frequency))
        curves.append(vdd_dithering(points["none"], levels, frequency))
        for n in config.tiles:
            for bias in biases:
                mine = [intervals[n, count, index, bias] for index in range(count)]
                curves.append(fine_vh(n, mine, frequency, bias)[0])
                if bias == biases[-1]:
                    fine[n, count], tile_vdd[n, count] = fine_vh(n, mine, frequency, bias, True)
                    curves.append(fine[n, count])
    return tuple(curves), fine, tile_vdd


def all_modes(
    config: RunConfig,
    technology: Technology,
    points: SupplyPoints,
    intervals: Intervals,
    layouts: Mapping[int, Layout],
    activity: Activity,
) -> tuple[OperatingModes, ...]:
    """Return what every scheme can run at, FINE-VH with the poly-bias that is asked for."""
    asked = compared_biases(config, technology)[-1]
    rails = {n: layout.rail_capacitance(activity) for n, layout in layouts.items()}
    modes = [ideal_modes(points, rails[1])]
    for count in config.intervals:
        levels = supply_levels(technology, count)
        for scheme in ("hopping", "dithering"):
            modes.append(level_modes(scheme, points, levels, rails[1]))
        for n in config.tiles:
            mine = [intervals[n, count, index, asked] for index in range(count)]
            modes.append(fine_vh_modes(n, mine, rails[n], layouts[n].header_gates))
    return tuple(modes)
