"""Vdd selection and power of every mesh in every interval, and what a run folder keeps of them."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import VddPlan
from voltile.flows.fine_vh.biases import compared_biases
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.fine_vh.supplies import supply_levels
from voltile.pdk import LibrarySet
from voltile.power import Activity, IntervalResult, PowerModel, evaluate_interval

Floats = NDArray[np.float64]
# FINE-VH results by N, interval count, interval, and poly-bias.
Intervals = dict[tuple[int, int, int, str], IntervalResult]

_STATES = ("steps", "is_high", "period", "energy", "leakage", "area_at_low")


def select_intervals(
    pool: Executor,
    config: RunConfig,
    layouts: Mapping[int, Layout],
    activity: Activity,
    frequency: Floats,
) -> Intervals:
    """Return Vdd selection and power of every mesh, split, interval and poly-bias, in parallel."""
    technology = layouts[1].technology
    biases = compared_biases(config, technology)
    jobs = {}
    for n in config.tiles:
        for count in config.intervals:
            levels = supply_levels(technology, count)
            for index, ends in enumerate(zip(levels[:-1], levels[1:], strict=True)):
                for bias in biases:
                    pair = layouts[n].libraries(ends, bias)
                    jobs[n, count, index, bias] = pool.submit(
                        _evaluate, layouts[n], pair, activity, bias, frequency, bias == biases[-1]
                    )
    return {key: job.result() for key, job in jobs.items()}


def _evaluate(
    layout: Layout,
    libraries: LibrarySet,
    activity: Activity,
    bias: str,
    frequency: Floats,
    search: bool,
) -> IntervalResult:
    graph = layout.graph
    model = PowerModel(graph.netlist, layout.tree, activity, libraries.libraries,
                       libraries.mixed_supply, libraries.leakage_corner)  # fmt: skip
    return evaluate_interval(
        layout.tile_timer(libraries, bias), model, frequency, search,
        float(layout.mux_leakage(*libraries.vdds).sum()),
    )  # fmt: skip


def intervals_to_arrays(results: Intervals) -> dict[str, NDArray[Any]]:
    """Return the results as plain arrays, for `numpy.savez`."""
    arrays: dict[str, NDArray[Any]] = {}
    for key, item in results.items():
        name = "/".join(map(str, key))
        arrays[f"{name}/order"] = item.plan.order
        arrays[f"{name}/plan_period"] = item.plan.period
        arrays[f"{name}/vdd"] = np.array([item.plan.vdd_low, item.plan.vdd_high])
        for part in _STATES:
            arrays[f"{name}/{part}"] = getattr(item, part)
    return arrays


def intervals_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Intervals:
    """Return the results that `intervals_to_arrays` took apart."""
    results: Intervals = {}
    for name in {key.rpartition("/")[0] for key in arrays}:
        n, count, index, bias = name.split("/")
        low, high = (float(vdd) for vdd in arrays[f"{name}/vdd"])
        plan = VddPlan(low, high, arrays[f"{name}/order"], arrays[f"{name}/plan_period"])
        states = {part: arrays[f"{name}/{part}"] for part in _STATES}
        results[int(n), int(count), int(index), bias] = IntervalResult(plan, **states)
    return results
