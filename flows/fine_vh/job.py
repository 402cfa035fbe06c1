"""The main job: from sources to FINE-VH operating curves, in a run folder."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import (
    RunRecord,
    StageMeter,
    TimingInfeasible,
    executor,
    file_hash,
)
from voltile.floorplan import (
    build_timing_graph,
)
from voltile.floorplan.vdd_selection import ROUNDING
from voltile.flows.fine_vh.biases import assign_biases, assigned_bias, with_bias_everywhere
from voltile.flows.fine_vh.config import RunConfig, read_config
from voltile.flows.fine_vh.inputs import (
    RunInputs,
    constraints_of,
    read_inputs,
    recording,
)
from voltile.flows.fine_vh.intervals import (
    intervals_from_arrays,
    intervals_to_arrays,
    select_intervals,
)
from voltile.flows.fine_vh.outputs import OUTPUTS
from voltile.flows.fine_vh.placements import check_tiles, place_meshes, place_uncut
from voltile.flows.fine_vh.result import RunResult
from voltile.flows.fine_vh.schemes import all_curves, all_modes
from voltile.flows.fine_vh.stimuli import stimulus_of
from voltile.flows.fine_vh.supplies import better_points, supply_levels, supply_pairs, supply_points
from voltile.flows.fine_vh.tile_power import measure_tiles, tiles_from_arrays, tiles_to_arrays
from voltile.flows.netlists import mapped_netlist, simulated
from voltile.flows.output_files import refuse_overwriting, remove_outputs
from voltile.flows.stages import KeptStages, Stages, stage_key
from voltile.pdk import Technology
from voltile.power import (
    SupplyPoints,
)

Floats = NDArray[np.float64]


def run(config: RunConfig, out: Path, say: Callable[[str], None] = print) -> RunResult:
    """Run the whole chain; finished stages of an earlier run with the same inputs are read again.

    Parameters
    ----------
    out : Path
        Run folder.
    say : callable
        Takes a line of progress.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used.
    """
    given = read_inputs(config)
    refuse_overwriting(given.files, out, OUTPUTS)
    stages = Stages(out, StageMeter(), say)
    remove_outputs(out, OUTPUTS)
    return _chain(config, given, stages)


def read_run(folder: Path) -> RunResult:
    """Return what a finished run found, from the stages that its folder keeps.

    Raises
    ------
    VoltileError
        When the folder holds no finished run, or a stage is missing or not made from the inputs
        as they are now.
    """
    config = read_config(folder / "run.json")
    return _chain(config, read_inputs(config), KeptStages(folder))


def _chain(config: RunConfig, given: RunInputs, stages: Stages) -> RunResult:
    """The chain from synthesis to curves; `stages` makes or reads what takes time."""
    technology, asked = given.technology, config
    inputs = given.hashes | {name: file_hash(path) for name, path in technology.files.items()}
    period = technology.synthesis_period if config.period is None else config.period
    key = stage_key(source=given.source_key, tech=sorted(inputs.items()), period=period)
    inputs |= {str(path): file_hash(path) for path in given.beside}

    _read_libraries(technology, stages)
    technology, netlist = mapped_netlist(stages, technology, given.sources, period, key)
    stages.say(f"  {netlist.cells} cells, {netlist.cell_area.sum() * 1e12:.0f} µm²")
    graph = build_timing_graph(netlist, constraints_of(config, netlist, technology))
    check_tiles(config, netlist, technology)

    # The uncut layout may add buffers, so that what follows depends on how it is placed.
    key = stage_key(netlist=key, constraints=asdict(graph.constraints), period=period,
                    utilisation=config.utilisation, seed=config.seed)  # fmt: skip
    uncut, spare = place_uncut(config, stages, graph, technology, period, key)
    graph = uncut.graph
    stimulus = stimulus_of(config, graph)
    key = stage_key(netlist=key, stimulus=stimulus.description, seed=config.seed,
                    cycles=stimulus.cycles, lanes=stimulus.lanes,
                    recording=inputs.get(str(recording(config)), ""))  # fmt: skip
    activity = simulated(stages, graph, stimulus, key)
    with executor(config.workers) as pool:
        pairs = supply_pairs(technology, config.intervals)
        layouts = place_meshes(config, stages, uncut, activity, pairs, period, pool, key)
        config = replace(config, tiles=config.tiles or tuple(sorted({*layouts} - {1})) or (1,))
        layouts = assign_biases(config, stages, layouts, pairs, pool, key)

        key = stage_key(activity=key, tiles=config.tiles,
                        poly_bias=assigned_bias(config, technology),
                        **config.layout_options)  # fmt: skip
        points = {"none": supply_points(stages, uncut, activity, config.intervals, "none", key)}
        slowest = max(layout.slowest() for layout in layouts.values())
        frequency = _frequencies(config, points["none"], slowest)
        if "all" in layouts[1].bias:
            spare = with_bias_everywhere(stages, spare, key)
            points["all"] = better_points(frequency, [
                supply_points(stages, layouts[1], activity, config.intervals, "all", key),
                supply_points(stages, spare, activity, config.intervals, "all-spare", key),
            ])  # fmt: skip

        key = stage_key(run=key, frequency=frequency.tolist(), intervals=config.intervals)
        intervals = intervals_from_arrays(stages.run(
            "vdd-selection", key,
            lambda: intervals_to_arrays(
                select_intervals(pool, config, layouts, activity, frequency)
            ),
        ))  # fmt: skip
        curves, fine, tile_vdd = all_curves(config, technology, points, intervals, frequency)
        levels = {count: supply_levels(technology, count) for count in config.intervals}
        tile_power = tiles_from_arrays(stages.run(
            "tile-power", stage_key(selection=key),
            lambda: tiles_to_arrays(
                measure_tiles(pool, layouts, activity, levels, fine, tile_vdd)
            ),
        ))  # fmt: skip
    modes = all_modes(config, technology, points["none"], intervals, layouts, activity)
    record = RunRecord(
        command=json.loads(json.dumps(asdict(asked), default=str)),
        inputs=inputs,
        versions={name: version(name) for name in ("voltile", "pyosys", "coloquinte", "numpy")},
        seed=config.seed,
        stages=stages.meter.costs,
    )
    return RunResult(
        config, technology, graph, activity, frequency, layouts, period, curves, fine,
        tile_vdd, tile_power, modes, stages.meter, record,
    )  # fmt: skip


def _read_libraries(technology: Technology, stages: Stages) -> None:
    """Read the library of every supply: a broken one shows now, not after the placement.

    Says what the figures are of, and what the technology lacks.
    """
    stages.say("libraries ...")
    with stages.meter.stage("libraries"):
        for vdd in technology.vdds:
            technology.library(vdd)
    stages.say(f"libraries: {stages.meter.costs['libraries'].wall_s:.1f} s")
    stages.say(f"  delay at {technology.timing_corner}, leakage at {technology.leakage_corner}")
    for sentence in technology.lacks:
        stages.say(f"  {sentence}")


def _frequencies(config: RunConfig, points: SupplyPoints, slowest: float) -> Floats:
    """Frequencies from the reach of the lowest supply to that of the slowest layout."""
    low, high = float(points.frequency[0]), min(float(points.frequency[-1]), 1 / slowest)
    if not config.frequencies:
        return np.linspace(low, high, config.points)
    asked = np.array(sorted(set(config.frequencies)))
    if asked[-1] > high * (1 + ROUNDING):
        raise TimingInfeasible(
            f"{asked[-1] / 1e6:.1f} MHz is beyond the design's reach: at "
            f"{points.vdd[-1]:.2f} V the slowest layout runs at up to {high / 1e6:.1f} MHz",
            float(asked[-1]),
            high,
        )
    return asked
