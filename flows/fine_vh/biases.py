"""Poly-bias of the layouts of a run, kept as stages."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import BiasPlan, BiasStage, Timer, assign_bias
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.header_currents import Pair
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.stages import Stages, stage_key
from voltile.pdk import LibrarySet, Technology

Arrays = dict[str, NDArray[Any]]

# Part of the period that paths of a mesh keep as slack while cells get longer gates (decision 013).
_SPARE = 0.15


def assigned_bias(config: RunConfig, technology: Technology) -> str:
    """Return the poly-bias that was asked for, as far as the technology has any."""
    return config.poly_bias if len(technology.biases) > 1 else "none"


def compared_biases(config: RunConfig, technology: Technology) -> tuple[str, ...]:
    """Return what is compared: without, that of the dissertation; last, what was asked for."""
    asked = assigned_bias(config, technology)
    return ("none",) if asked == "none" else tuple(dict.fromkeys(("none", "interface", asked)))


def assign_biases(
    config: RunConfig,
    stages: Stages,
    layouts: Mapping[int, Layout],
    pairs: Sequence[Pair],
    pool: Executor,
    key: str,
) -> dict[int, Layout]:
    """Return the layouts with their poly-bias; the uncut one with that of all its cells."""
    if assigned_bias(config, layouts[1].technology) == "none":
        return dict(layouts)
    kinds = tuple(dict.fromkeys(("interface", config.poly_bias)))
    names = {n: kinds for n in layouts} | {1: tuple(dict.fromkeys(("all", *kinds)))}
    parts = {f"poly-bias-{n}x{n}": n for n in layouts}
    keys = {
        part: stage_key(run=key, names=names[n], n=n, pairs=pairs, **config.layout_options)
        for part, n in parts.items()
    }

    def assign_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        jobs = {
            pool.submit(_with_bias, layouts[parts[part]], names[parts[part]]): part
            for part in missing
        }
        for job in as_completed(jobs):
            yield jobs[job], _bias_to_arrays(job.result())

    return {
        parts[part]: replace(layouts[parts[part]], bias=_bias_from_arrays(arrays))
        for part, arrays in stages.run_each("poly-bias", keys, assign_missing).items()
    }


def with_bias_everywhere(stages: Stages, layout: Layout, key: str) -> Layout:
    """Return an uncut layout with longer gates wherever time is left, kept as a stage.

    Parameters
    ----------
    key : str
        Of the layout.
    """
    arrays = stages.run(
        "poly-bias-1x1-spare", stage_key(layout=key),
        lambda: _bias_to_arrays(_with_bias(layout, ("all",))),
    )  # fmt: skip
    return replace(layout, bias=_bias_from_arrays(arrays))


def _with_bias(layout: Layout, names: Sequence[str]) -> dict[str, BiasPlan]:
    """Poly-bias of a layout at the nominal supply, for each kind of cells that may change."""
    technology, cells = layout.technology, layout.graph.netlist.cells
    libraries = LibrarySet.of(technology, [technology.nominal_vdd], technology.biases)
    timer = Timer(layout.graph, libraries.libraries)
    may_change = {"interface": layout.interface, "all": np.ones(cells, dtype=bool)}
    spare = _SPARE if layout.n > 1 else 0.0
    return {
        name: assign_bias(timer, layout.wires, technology.slow_downs, may_change[name], spare=spare)
        for name in names
    }


def _bias_to_arrays(plans: Mapping[str, BiasPlan]) -> Arrays:
    arrays: Arrays = {}
    for name, plan in plans.items():
        text = json.dumps({"period": plan.period, "stages": [asdict(item) for item in plan.stages]})
        arrays[f"{name}/bias"] = plan.bias.astype(np.int8)
        arrays[f"{name}/text"] = np.frombuffer(text.encode(), dtype=np.uint8)
    return arrays


def _bias_from_arrays(arrays: Arrays) -> dict[str, BiasPlan]:
    plans = {}
    for name in sorted({key.partition("/")[0] for key in arrays}):
        text = json.loads(arrays[f"{name}/text"].tobytes())
        stages = tuple(BiasStage(**item) for item in text["stages"])
        plans[name] = BiasPlan(arrays[f"{name}/bias"].astype(np.int64), text["period"], stages)
    return plans
