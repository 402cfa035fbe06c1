"""The main job: from sources to FINE-VH operating curves, in a run folder."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import (
    PlacementInfeasible,
    RunRecord,
    StageMeter,
    TechnologyError,
    TimingInfeasible,
    VoltileError,
    executor,
    file_hash,
)
from voltile.floorplan import (
    Constraints,
    Netlist,
    Sources,
    Timer,
    TimingGraph,
    VddPlan,
    build_timing_graph,
    check_mesh,
    clock_buffers,
    netlist_from_arrays,
    netlist_to_arrays,
    read_sdc,
    source_files,
    synthesize,
)
from voltile.flows.layouts import Layout, make_layouts, place_uncut, with_bias_everywhere
from voltile.flows.outputs import OUTPUTS
from voltile.flows.run_config import RunConfig, read_config
from voltile.flows.run_result import RunResult, assigned_bias
from voltile.flows.stages import KeptStages, Stages, stage_key
from voltile.flows.stimuli import dot_product_stimulus
from voltile.flows.tile_power import (
    measure_tiles,
    tiles_from_arrays,
    tiles_to_arrays,
)
from voltile.hdl import Grid, to_rtlil
from voltile.pdk import LibrarySet, Technology, read_technology, with_relatives
from voltile.power import (
    Activity,
    ClockStages,
    IntervalResult,
    OperatingCurve,
    OperatingModes,
    PowerModel,
    Stimulus,
    SupplyPoints,
    activity_from_arrays,
    activity_to_arrays,
    compile_netlist,
    data_inputs,
    evaluate_interval,
    evaluate_supplies,
    fine_vh,
    fine_vh_modes,
    ideal_dvfs,
    ideal_modes,
    level_modes,
    rail_capacitance,
    random_stimulus,
    recorded_stimulus,
    simulate,
    vdd_dithering,
    vdd_hopping,
)

Floats = NDArray[np.float64]
# FINE-VH results by N, interval count, interval, and poly-bias.
Intervals = dict[tuple[int, int, int, str], IntervalResult]

# N of the meshes that are compared where none are asked for.
_USUAL_TILES = (3, 5, 7)
# Largest step between the supplies at which ideal-DVFS is evaluated [V].
_FINE_STEP = 0.02


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
    given = _read_inputs(config)
    _check_apart(out, given.files)
    stages = Stages(out, StageMeter(), say)
    for name in OUTPUTS:  # those of an earlier run must not pass for this one's
        (out / name).unlink(missing_ok=True)
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
    return _chain(config, _read_inputs(config), KeptStages(folder))


@dataclass(frozen=True)
class _Inputs:
    """What a run reads: technology, sources with their key, and the hash of every file.

    `beside` are the constraints and the recording of a run that has them.
    """

    technology: Technology
    sources: Sources
    source_key: str
    hashes: dict[str, str]
    beside: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        """All files."""
        return [*map(Path, self.hashes), *self.technology.files.values(), *self.beside]


def _read_inputs(config: RunConfig) -> _Inputs:
    technology = read_technology(config.tech)
    _check_supplies(technology, config.intervals)
    sources, key, hashes = _sources(config)
    beside = tuple(path for path in (config.sdc, _recording(config)) if path)
    return _Inputs(technology, sources, key, hashes, beside)


def _chain(config: RunConfig, given: _Inputs, stages: Stages) -> RunResult:
    """The chain from synthesis to curves; `stages` makes or reads what takes time."""
    technology, say = given.technology, stages.say
    inputs = given.hashes | {name: file_hash(path) for name, path in technology.files.items()}
    period = technology.synthesis_period if config.period is None else config.period
    key = stage_key(source=given.source_key, tech=sorted(inputs.items()), period=period)
    inputs |= {str(path): file_hash(path) for path in given.beside}
    command = asdict(config)
    _read_libraries(technology, stages)
    technology, netlist = _netlist(period, stages, technology, given.sources, key)
    say(f"  {netlist.cells} cells, {netlist.cell_area.sum() * 1e12:.0f} µm²")
    graph = build_timing_graph(netlist, _constraints(config, netlist, technology))
    config = replace(config, tiles=_meshes(config, netlist, technology, say))
    # The uncut layout may add buffers, so that what follows depends on how it is placed.
    key = stage_key(netlist=key, constraints=asdict(graph.constraints), period=period,
                    utilisation=config.utilisation, seed=config.seed)  # fmt: skip
    uncut, spare = place_uncut(config, stages, graph, technology, period, key)
    graph = uncut.graph
    stimulus = _stimulus(config, graph)
    activity_key = stage_key(netlist=key, stimulus=stimulus.description, seed=config.seed,
                             cycles=stimulus.cycles, lanes=stimulus.lanes,
                             recording=inputs.get(str(_recording(config)), ""))  # fmt: skip
    activity = activity_from_arrays(
        stages.run("activity", activity_key, lambda: _simulate(graph, stimulus))
    )
    with executor(config.workers) as pool:
        layouts = make_layouts(
            config, stages, uncut, activity, _pairs(technology, config.intervals), period, pool,
            activity_key,
        )  # fmt: skip
        bias = assigned_bias(config, technology)
        key = stage_key(
            activity=activity_key, tiles=config.tiles, poly_bias=bias, **config.layout_options
        )
        points = {"none": _supply_points(config, stages, uncut, activity, "none", key)}
        slowest = max(layout.slowest() for layout in layouts.values())
        frequency = _frequencies(config, points["none"], slowest)
        if "all" in layouts[1].bias:
            spare = with_bias_everywhere(stages, spare, key)
            points["all"] = _better(frequency, [
                _supply_points(config, stages, layouts[1], activity, "all", key),
                _supply_points(config, stages, spare, activity, "all-spare", key),
            ])  # fmt: skip
        key = stage_key(run=key, frequency=frequency.tolist(), intervals=config.intervals)
        intervals = _unpack_intervals(
            stages.run(
                "vdd-selection",
                key,
                lambda: _pack_intervals(_select(pool, config, layouts, activity, frequency)),
            )
        )
        curves, fine, tile_vdd = _curves(config, technology, points, intervals, frequency)
        levels = {count: _levels(technology, count) for count in config.intervals}
        tile_power = tiles_from_arrays(
            stages.run(
                "tile-power",
                stage_key(selection=key),
                lambda: tiles_to_arrays(
                    measure_tiles(pool, layouts, activity, levels, fine, tile_vdd)
                ),
            )
        )
    rails = _rails(layouts, activity)
    gates = {n: layout.header_gates for n, layout in layouts.items()}
    modes = _modes(config, technology, points["none"], intervals, rails, gates)
    record = RunRecord(
        command=json.loads(json.dumps(command, default=str)),
        inputs=inputs,
        versions={name: version(name) for name in ("voltile", "pyosys", "coloquinte", "numpy")},
        seed=config.seed,
        stages=stages.meter.costs,
    )
    return RunResult(
        config, technology, graph, activity, frequency, layouts, period, curves, fine,
        tile_vdd, tile_power, modes, stages.meter, record,
    )  # fmt: skip


def _check_supplies(technology: Technology, intervals: Sequence[int]) -> None:
    if len(technology.vdds) < 2:
        raise TechnologyError(
            f"technology {technology.name} has one supply, {technology.vdds[0]:.2f} V: to compare "
            f"supplies takes libraries of two or more"
        )
    least = technology.mixed_supply.ratios[0] if technology.mixed_supply else 0.0
    for count in intervals:
        low, high = _levels(technology, count)[:2]
        if low / high < least - 1e-6:
            raise TechnologyError(
                f"too few intervals, {count}: VddL {low:.2f} V is {low / high:.2f} of VddH "
                f"{high:.2f} V, and technology {technology.name} knows cells with drivers at "
                f"{least:g} of their supply and more; use narrower intervals"
            )


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


def _meshes(
    config: RunConfig, netlist: Netlist, technology: Technology, say: Callable[[str], None]
) -> tuple[int, ...]:
    """N of each mesh: those that are asked for; else the usual ones, as far as cells fit in."""
    for n in config.tiles:
        check_mesh(netlist, technology, n, config.utilisation)
    fits, fault = list(config.tiles), ""
    for n in () if config.tiles else (*_USUAL_TILES, 2, 1):
        try:
            if n >= min(_USUAL_TILES) or not fits:
                check_mesh(netlist, technology, n, config.utilisation)
                fits.append(n)
        except PlacementInfeasible as error:
            fault = fault or f"; {error}"
    if fault:
        say(f"  meshes: {', '.join(f'{n} x {n}' for n in fits)}{fault}")
    return tuple(fits)


def _netlist(
    period: float, stages: Stages, technology: Technology, sources: Sources, key: str
) -> tuple[Technology, Netlist]:
    """The mapped netlist, and the technology cut down to its cells in all their drives."""
    arrays = stages.run(
        "synthesis",
        key,
        lambda: netlist_to_arrays(
            synthesize(sources, technology, period, stages.folder / "synthesis")
        ),
    )
    used = json.loads(arrays["names"].tobytes())["types"]
    technology = with_relatives(
        technology,
        [*used, *clock_buffers(technology), technology.buffer_cell]
        + ([technology.header.flip_flop] if technology.header else []),
    )
    return technology, netlist_from_arrays(arrays, technology.library(technology.nominal_vdd))


def _simulate(graph: TimingGraph, stimulus: Stimulus) -> dict[str, NDArray[Any]]:
    program = compile_netlist(graph.netlist, graph.clocks)
    return activity_to_arrays(simulate(program, stimulus))


def _recording(config: RunConfig) -> Path | None:
    return None if config.activity in ("auto", "random") else Path(config.activity)


def _check_apart(out: Path, inputs: Sequence[Path]) -> None:
    """Check that no input is a file that the run writes."""
    written = {(out / name).resolve() for name in OUTPUTS}
    for path in inputs:
        if path.resolve() in written:
            raise VoltileError(f"output folder {out} would overwrite the input {path}")


def _pairs(technology: Technology, intervals: Sequence[int]) -> list[tuple[float, float]]:
    """(VddL, VddH) of every interval of every split."""
    splits = [_levels(technology, count) for count in intervals]
    return [pair for levels in splits for pair in zip(levels[:-1], levels[1:], strict=True)]


def _supply_points(
    config: RunConfig, stages: Stages, layout: Layout, activity: Activity, name: str, key: str
) -> SupplyPoints:
    """An uncut layout at one supply after another, with the poly-bias that a name begins with."""
    technology = layout.technology
    vdds, bias = _fine_supplies(technology, config.intervals), name.partition("-")[0]
    biases = technology.biases[:1] if bias == "none" else technology.biases

    def evaluate() -> dict[str, Floats]:
        points = evaluate_supplies(
            layout.graph, layout.wires, layout.tree, activity,
            (LibrarySet.of(technology, [vdd], biases) for vdd in vdds), layout.bias_of(bias),
        )  # fmt: skip
        return {name: getattr(points, name) for name in ("vdd", "frequency", "energy", "leakage")}

    stage = "supplies" if bias == "none" else f"supplies-{name}"
    return SupplyPoints(**stages.run(stage, stage_key(run=key, vdds=vdds, name=name), evaluate))


def _better(frequency: Floats, points: Sequence[SupplyPoints]) -> SupplyPoints:
    """Of those that reach all frequencies, the one of the lowest mean power under ideal-DVFS."""
    highest = frequency.max() * (1 - 1e-12)
    within = [item for item in points if highest <= item.frequency.max()]
    return min(within, key=lambda item: float(ideal_dvfs(item, frequency).power.mean()))


def _curves(
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
    """All schemes; by (N, interval count) FINE-VH as asked for, and the supply of its tiles."""
    asked = assigned_bias(config, technology)
    curves = [replace(ideal_dvfs(item, frequency), bias=name) for name, item in points.items()]
    fine: dict[tuple[int, int], OperatingCurve] = {}
    tile_vdd: dict[tuple[int, int], Floats] = {}
    for count in config.intervals:
        levels = _levels(technology, count)
        curves.append(vdd_hopping(points["none"], levels, frequency))
        curves.append(vdd_dithering(points["none"], levels, frequency))
        for n in config.tiles:
            for bias in _biases(config, technology):
                mine = [intervals[n, count, index, bias] for index in range(count)]
                curves.append(fine_vh(n, mine, frequency, bias)[0])
                if bias == asked:
                    fine[n, count], tile_vdd[n, count] = fine_vh(n, mine, frequency, bias, True)
                    curves.append(fine[n, count])
    return tuple(curves), fine, tile_vdd


def _biases(config: RunConfig, technology: Technology) -> tuple[str, ...]:
    """Kinds of poly-bias that are compared: without, that of the dissertation, that asked for."""
    asked = assigned_bias(config, technology)
    return ("none",) if asked == "none" else tuple(dict.fromkeys(("none", "interface", asked)))


def _rails(layouts: Mapping[int, Layout], activity: Activity) -> dict[int, Floats]:
    """What hangs on the virtual rail of each tile of each layout [F]; loads at the nominal Vdd."""
    result = {}
    for n, layout in layouts.items():
        netlist, technology = layout.graph.netlist, layout.technology
        libraries = [technology.library(technology.nominal_vdd)]
        every = np.zeros(netlist.cells, dtype=np.int64)
        load, _ = Timer(layout.graph, libraries).loads(every, layout.wires)
        stages = ClockStages(netlist, layout.tree, libraries)
        load = stages.loads(stages.libraries_of(every), load)
        result[n] = rail_capacitance(netlist, layout.tree, layout.placement, activity, load)
    return result


def _modes(
    config: RunConfig,
    technology: Technology,
    points: SupplyPoints,
    intervals: Intervals,
    rails: Mapping[int, Floats],
    gates: Mapping[int, Floats],
) -> tuple[OperatingModes, ...]:
    """What every scheme can run at."""
    modes = [ideal_modes(points, rails[1])]
    for count in config.intervals:
        levels = _levels(technology, count)
        for scheme in ("hopping", "dithering"):
            modes.append(level_modes(scheme, points, levels, rails[1]))
        for n in config.tiles:
            asked = assigned_bias(config, technology)
            mine = [intervals[n, count, index, asked] for index in range(count)]
            modes.append(fine_vh_modes(n, mine, rails[n], gates[n]))
    return tuple(modes)


def _sources(config: RunConfig) -> tuple[Sources, str, dict[str, str]]:
    """What to synthesise, its key, and the hashes of its files."""
    if not config.files:
        rows, cols = config.grid
        text = to_rtlil(Grid(rows, cols), f"grid_{rows}x{cols}")
        return Sources(rtlil=text), hashlib.sha256(text.encode()).hexdigest(), {}
    missing = [path for path in config.files if not path.is_file()]
    if missing:
        raise VoltileError(f"source file {missing[0]} does not exist")
    read = source_files(config.files, config.includes, config.defines)
    hashes = {str(path): file_hash(path) for path in read}
    sources = Sources(
        files=config.files,
        top=config.top,
        includes=config.includes,
        defines=("SYNTHESIS", *config.defines),
    )
    key = stage_key(files=config.files, hashes=hashes, top=config.top, includes=config.includes,
                    defines=config.defines)  # fmt: skip
    return sources, key, hashes


def _constraints(config: RunConfig, netlist: Netlist, technology: Technology) -> Constraints:
    """Those of the SDC file; else no external delays, and one buffer input on every output."""
    inputs, outputs = (
        [n for n, i in zip(netlist.port_name, netlist.port_is_input, strict=True) if i == wanted]
        for wanted in (True, False)
    )
    if config.sdc is not None:
        return read_sdc(config.sdc, inputs, outputs)
    library = technology.library(technology.nominal_vdd)
    buffer = library.cell_index[technology.buffer_cell]
    load = library.pin_capacitance[library.pin_index[buffer, technology.buffer_input]]
    return Constraints(load=dict.fromkeys(outputs, float(load.mean())))


def _stimulus(config: RunConfig, graph: TimingGraph) -> Stimulus:
    """What drives the inputs; those that the constraints hold constant do not move."""
    netlist, clocks = graph.netlist, graph.clocks
    inputs = set(data_inputs(netlist, clocks))
    held = {port: level for port, level in graph.constraints.case.items() if port in inputs}
    if config.activity == "auto" and not config.files:
        return dot_product_stimulus(
            netlist, clocks, *config.grid, config.cycles, config.lanes, config.seed, held
        )
    if config.activity in ("auto", "random"):
        return random_stimulus(netlist, clocks, config.cycles, config.lanes, config.seed, held=held)
    return recorded_stimulus(Path(config.activity), netlist, clocks, held=held)


def _levels(technology: Technology, count: int) -> list[float]:
    """The supply range split into `count` equal intervals."""
    levels = np.linspace(technology.vdds[0], technology.vdds[-1], count + 1)
    return [round(float(level), 6) for level in levels]


def _fine_supplies(technology: Technology, intervals: Sequence[int]) -> list[float]:
    """Supplies at which the uncut design is evaluated: fine steps, and every interval's ends."""
    span = technology.vdds[-1] - technology.vdds[0]
    fine = _levels(technology, max(2, int(np.ceil(span / _FINE_STEP - 1e-9))))
    ends = [level for count in intervals for level in _levels(technology, count)]
    return sorted({*fine, *ends})


def _frequencies(config: RunConfig, points: SupplyPoints, slowest: float) -> Floats:
    """Frequencies from the reach of the lowest supply to that of the slowest layout."""
    low, high = float(points.frequency[0]), min(float(points.frequency[-1]), 1 / slowest)
    if not config.frequencies:
        return np.linspace(low, high, config.points)
    asked = np.array(sorted(set(config.frequencies)))
    if asked[-1] > high * (1 + 1e-9):
        raise TimingInfeasible(
            f"{asked[-1] / 1e6:.1f} MHz is beyond the design's reach: at "
            f"{points.vdd[-1]:.2f} V the slowest layout runs at up to {high / 1e6:.1f} MHz",
            float(asked[-1]),
            high,
        )
    return asked


def _select(
    pool: Executor,
    config: RunConfig,
    layouts: Mapping[int, Layout],
    activity: Activity,
    frequency: Floats,
) -> Intervals:
    """Vdd selection and power of every mesh, split, interval and poly-bias, in parallel."""
    technology = layouts[1].technology
    asked = assigned_bias(config, technology)
    jobs = {}
    for n in config.tiles:
        for count in config.intervals:
            levels = _levels(technology, count)
            for index, ends in enumerate(zip(levels[:-1], levels[1:], strict=True)):
                for bias in _biases(config, technology):
                    biases = technology.biases[:1] if bias == "none" else technology.biases
                    pair = LibrarySet.of(technology, ends, biases)
                    jobs[n, count, index, bias] = pool.submit(
                        _evaluate, layouts[n], pair, activity, bias, frequency, bias == asked
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


def _pack_intervals(results: Intervals) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for key, item in results.items():
        name = "/".join(map(str, key))
        arrays[f"{name}/order"] = item.plan.order
        arrays[f"{name}/plan_period"] = item.plan.period
        arrays[f"{name}/vdd"] = np.array([item.plan.vdd_low, item.plan.vdd_high])
        for part in _STATES:
            arrays[f"{name}/{part}"] = getattr(item, part)
    return arrays


_STATES = ("steps", "is_high", "period", "energy", "leakage", "area_at_low")


def _unpack_intervals(arrays: dict[str, NDArray[Any]]) -> Intervals:
    results: Intervals = {}
    for name in {key.rpartition("/")[0] for key in arrays}:
        n, count, index, bias = name.split("/")
        low, high = (float(vdd) for vdd in arrays[f"{name}/vdd"])
        plan = VddPlan(low, high, arrays[f"{name}/order"], arrays[f"{name}/plan_period"])
        states = {part: arrays[f"{name}/{part}"] for part in _STATES}
        results[int(n), int(count), int(index), bias] = IntervalResult(plan, **states)
    return results
