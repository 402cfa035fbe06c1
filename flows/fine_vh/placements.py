"""Placement of the layouts of a run: uncut, and of every mesh with its Vdd-MUX, kept as stages.

A mesh that cannot be placed is kept, too, as the reason why.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import PlacementInfeasible
from voltile.floorplan import (
    Netlist,
    PlacedDesign,
    TimingGraph,
    check_mesh,
    mux_cells,
    place_and_size,
    resize_placed,
)
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.header_currents import HeaderCurrents, Pair
from voltile.flows.fine_vh.layouts import Layout, design_from_arrays, design_to_arrays
from voltile.flows.stages import Stages, stage_key
from voltile.pdk import Technology
from voltile.power import Activity

Arrays = dict[str, NDArray[Any]]

# N of the meshes that are compared where none are asked for; where none can be placed, the next.
_USUAL_TILES = {"placement": (3, 5, 7), "placement 2x2": (2,)}
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


def check_tiles(config: RunConfig, netlist: Netlist, technology: Technology) -> None:
    """Check that cells fit into the meshes that are asked for, before anything is placed.

    Raises
    ------
    PlacementInfeasible
        Where they do not.
    """
    for n in config.tiles:
        check_mesh(netlist, technology, n, config.utilisation)


def place_alone(
    stages: Stages,
    graph: TimingGraph,
    technology: Technology,
    period: float,
    utilisation: float,
    seed: int,
    key: str,
    stage: str,
) -> Layout:
    """Return the uncut layout of a netlist that no mesh is to be made of, kept as a stage.

    Parameters
    ----------
    period : float
        Clock period that its gates are sized for [s].
    key : str
        Of the netlist, its constraints, and how it is to be placed.
    """
    arrays = stages.run(
        stage, key,
        lambda: design_to_arrays(
            place_and_size(graph, technology, 1, utilisation, seed, period, buffers=True)
        ),
    )  # fmt: skip
    return Layout.of(design_from_arrays(arrays, graph), technology)


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

    Meshes are those that are asked for; else the usual ones that can be placed, else none.

    Parameters
    ----------
    pairs : sequence of (VddL, VddH)
        Between which tiles are to choose; headers suffice for all of them.
    period : float
        Clock period that gates are sized for [s]; a mesh need not be faster than the uncut layout.
    key : str
        Of the netlist, its constraints and its activity.

    Raises
    ------
    PlacementInfeasible
        When a mesh that is asked for cannot be placed.
    """
    technology, period = uncut.technology, max(period, uncut.min_period)
    headers = None
    if technology.header is not None and config.tiles != (1,):
        headers = HeaderCurrents(
            mux_cells(technology), uncut.currents(activity, pairs), config.drop
        )
    task = _Task(uncut, config, period, headers)
    meshes: dict[int, Layout] = {}
    for stage, tiles in ({"placement": config.tiles} if config.tiles else _USUAL_TILES).items():
        keys = {
            n: stage_key(netlist=key, n=n, period=period, pairs=pairs, **config.layout_options)
            for n in tiles if n > 1
        }  # fmt: skip
        for n, arrays in _placed(task, stage, keys, stages, pool).items():
            if "fault" in arrays:
                stages.say(f"  left out: {_fault_of(arrays)}")
            else:
                design = design_from_arrays(arrays, uncut.graph)
                meshes[n] = _with_drop(design, technology, headers, activity, pairs)
        if meshes:
            break
    return {1: uncut, **meshes}


def _placed(
    task: "_Task", stage: str, keys: Mapping[int, str], stages: Stages, pool: Executor
) -> dict[int, Arrays]:
    """Meshes, by N; each is a part of a stage. Refuses faults of those that are asked for."""
    parts = {f"placement-{n}x{n}": n for n in keys}

    def place_missing(missing: list[str]) -> Iterator[tuple[str, Arrays]]:
        jobs = {pool.submit(task.place, parts[part]): part for part in missing}
        for job in as_completed(jobs):
            task.check(job.result(), parts[jobs[job]])
            yield jobs[job], job.result()

    kept = stages.run_each(stage, {part: keys[n] for part, n in parts.items()}, place_missing)
    for part, arrays in kept.items():
        task.check(arrays, parts[part])
    return {parts[part]: arrays for part, arrays in kept.items()}


def _with_drop(
    design: PlacedDesign,
    technology: Technology,
    headers: HeaderCurrents | None,
    activity: Activity,
    pairs: Sequence[Pair],
) -> Layout:
    layout = Layout.of(design, technology)
    if headers is None:
        return layout
    # Sized by what the uncut layout draws; this is what this one does.
    own = replace(headers, waveforms=layout.currents(activity, pairs))
    return replace(layout, drop=own.drops(design), largest_drop=own.largest_drop(design))


def _fault_of(arrays: Arrays) -> str:
    return arrays["fault"].tobytes().decode()


@dataclass(frozen=True)
class _Task:
    """What the placement of a mesh needs; work of another process.

    Attributes
    ----------
    period : float
        Clock period that gates are sized for [s].
    headers : HeaderCurrents, optional
        By what the uncut layout draws; None without Vdd-MUX.
    """

    uncut: Layout
    config: RunConfig
    period: float
    headers: HeaderCurrents | None

    def place(self, n: int) -> Arrays:
        """Place a mesh and size its gates; where that cannot be, say why.

        Small tiles come out badly at times: then with other seeds, and the fastest is taken.
        """
        uncut, config, best, fault = self.uncut, self.config, None, ""
        for seed in range(config.seed, config.seed + _SEEDS):
            try:
                design = place_and_size(
                    uncut.graph, uncut.technology, n, config.utilisation, seed, self.period,
                    self.headers, config.gather, _SPARE,
                )  # fmt: skip
            except PlacementInfeasible as error:
                fault = str(error)
                break
            found = design.min_period(uncut.technology)
            if best is None or found < best[0]:
                best = found, design
            if found <= (1 + _SLOWER) * self.period:
                break
        if best is None:
            return {"fault": np.frombuffer(fault.encode(), dtype=np.uint8)}
        return design_to_arrays(best[1])

    def check(self, arrays: Arrays, n: int) -> None:
        """Refuse the fault of a mesh that was asked for."""
        if "fault" in arrays and self.config.tiles:
            options = "--tiles, --utilisation" + (", --drop" if self.headers else "")
            raise PlacementInfeasible(f"{_fault_of(arrays)} ({options})", n)
