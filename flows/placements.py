"""Placement of the layouts of a run: uncut, and of every mesh with its Vdd-MUX, kept as stages."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from voltile.floorplan import TimingGraph, mux_cells, place_and_size, resize_placed
from voltile.flows.header_currents import HeaderCurrents, Pair
from voltile.flows.layouts import Layout, design_from_arrays, design_to_arrays
from voltile.flows.run_config import RunConfig
from voltile.flows.stages import Stages, stage_key
from voltile.pdk import Technology
from voltile.power import Activity

Arrays = dict[str, NDArray[Any]]

# Part of the period that paths of a mesh keep as slack, where they have it. Tiles at VddL live on
# slack: on a processor core of 30 k cells at 7 x 7 tiles it takes 0.3 % more area, and FINE-VH at
# narrow intervals saves 5 points more against ideal-DVFS.
_SPARE = 0.2
# A mesh that is slower than it should be by this part of the period is placed again, this often.
_SLOWER, _SEEDS = 0.03, 3


def place_uncut(
    config: RunConfig,
    stages: Stages,
    graph: TimingGraph,
    technology: Technology,
    period: float,
    key: str,
) -> tuple[Layout, Layout]:
    """Return the uncut layout of a netlist; and with gates sized as those of meshes are.

    Their netlist may have more buffers than the one given; meshes have the same. What is kept is
    read again.

    Parameters
    ----------
    period : float
        Clock period that its gates are sized for [s].
    key : str
        Of the netlist, its constraints, and how it is to be placed.
    """
    parts = ("placement-1x1", "placement-1x1-spare")
    keys = {part: stage_key(uncut=key, part=part) for part in parts}

    def place_both(_: list[str]) -> Iterator[tuple[str, Arrays]]:
        design = place_and_size(
            graph, technology, 1, config.utilisation, config.seed, period, buffers=True
        )
        yield parts[0], design_to_arrays(design)
        spare = resize_placed(design, technology, config.seed, period, _SPARE)
        yield parts[1], design_to_arrays(spare)

    kept = stages.run_each("placement uncut", keys, place_both)
    uncut, spare = (Layout.of(design_from_arrays(kept[part], graph), technology) for part in parts)
    return uncut, spare


def place_meshes(
    config: RunConfig,
    stages: Stages,
    uncut: Layout,
    activity: Activity,
    pairs: Sequence[Pair],
    period: float,
    pool: Executor,
    key: str,
) -> dict[int, Layout]:
    """Return the uncut layout (1), and that of every mesh; kept stages are read again.

    Parameters
    ----------
    pairs : sequence of (VddL, VddH)
        Between which tiles are to choose; headers suffice for all of them.
    period : float
        Clock period that gates are sized for [s]; a mesh need not be faster than the uncut layout.
    key : str
        Of the netlist, its constraints and its activity.
    """
    technology, period = uncut.technology, max(period, uncut.min_period)
    headers = None
    if technology.header is not None and max(config.tiles) > 1:
        headers = HeaderCurrents(
            mux_cells(technology), uncut.currents(activity, pairs), config.drop
        )
    meshes = {f"placement-{n}x{n}": n for n in config.tiles if n > 1}
    keys = {
        part: stage_key(netlist=key, n=n, period=period, pairs=pairs, **config.layout_options)
        for part, n in meshes.items()
    }

    def place_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        jobs = {
            pool.submit(_place, uncut, meshes[part], config, period, headers): part
            for part in missing
        }  # fmt: skip
        for job in as_completed(jobs):
            yield jobs[job], job.result()

    layouts = {1: uncut}
    for part, arrays in stages.run_each("placement", keys, place_missing).items():
        design = design_from_arrays(arrays, uncut.graph)
        layout = Layout.of(design, technology)
        if headers is not None:  # sized by what the uncut layout draws; this is what this one does
            own = replace(headers, waveforms=layout.currents(activity, pairs))
            layout = replace(layout, drop=own.drops(design), largest_drop=own.largest_drop(design))
        layouts[meshes[part]] = layout
    return layouts


def _place(
    uncut: Layout, n: int, config: RunConfig, period: float, headers: HeaderCurrents | None
) -> Arrays:
    """Place a mesh and size its gates, with its Vdd-MUX where the technology has headers.

    Small tiles come out badly at times: then with other seeds, and the fastest is taken.
    """
    best = None
    for seed in range(config.seed, config.seed + _SEEDS):
        design = place_and_size(
            uncut.graph, uncut.technology, n, config.utilisation, seed, period, headers,
            config.gather, _SPARE,
        )  # fmt: skip
        found = design.min_period(uncut.technology)
        if best is None or found < best[0]:
            best = found, design
        if found <= (1 + _SLOWER) * period:
            break
    assert best is not None
    return design_to_arrays(best[1])
