"""Characterises cells: one task per cell, gate length and supply, each kept as soon as it ends.

What comes out depends neither on the number of workers nor on how often the job was stopped.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import voltile
from voltile.core import (
    Pools,
    RunRecord,
    StageMeter,
    TechnologyError,
    VoltileError,
    executor,
    file_hash,
    run_tasks,
    write_atomically,
)
from voltile.pdk.characterization import ngspice
from voltile.pdk.characterization.anchor import check_anchors
from voltile.pdk.characterization.bench import Bench, Corner
from voltile.pdk.characterization.cell_sources import Subject
from voltile.pdk.characterization.config import Config, HeaderDesign
from voltile.pdk.characterization.header import HeaderMeasurement, HeaderTask, measure_header
from voltile.pdk.characterization.kept_results import KeptResults
from voltile.pdk.characterization.measure import measure_cell, plan_cell
from voltile.pdk.characterization.measurement import FORMAT, CellMeasurement
from voltile.pdk.characterization.mixed_supply_table import mixed_supply_table
from voltile.pdk.characterization.plan import Plan, Settings
from voltile.pdk.characterization.products import write_products

# Raised when the same inputs give other numbers: kept results are then measured again.
MEASURING_VERSION = 1

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    cell : str
        The one of which a task ended; empty at the start of a stage.
    cell_done, cell_total, done, total : int
        Tasks of that cell, and of all.
    rate : float
        Edges at one slew and one load, per second.
    left : float
        Estimated time to the end of the stage [s].
    fault : str
        Why the cell is left out from now on.
    """

    stage: str
    cell: str = ""
    cell_done: int = 0
    cell_total: int = 0
    done: int = 0
    total: int = 0
    rate: float = 0.0
    left: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Summary:
    """What a job made.

    Attributes
    ----------
    left_out : mapping of cell to str
        Why others are not among the cells.
    lacks : str
        What keeps `voltile run` from using the manifest; empty: nothing.
    """

    manifest: Path
    cells: tuple[str, ...]
    left_out: Mapping[str, str]
    lacks: str


@dataclass(frozen=True)
class _Task:
    """One piece of work: to measure by a plan or, without one, to make the plan."""

    bench: Bench
    bias: str
    plan: Plan | None
    settings: Settings
    largest_load: float
    leakage_corners: tuple[Corner, ...]

    @property
    def cost(self) -> float:
        """Estimate of the time it takes [s]."""
        cell = self.bench.cell
        moves = 3 << len(cell.inputs) if cell.storage or not self.plan else len(self.plan.toggles)
        return 1 + len(cell.netlist.transistors) * moves / 25


def _work(task: _Task) -> tuple[str, str]:
    """Return the result as JSON, and why there is none. Runs in a worker."""
    try:
        if task.plan is None:
            return plan_cell(task.bench, task.settings, task.largest_load).to_json(), ""
        return measure_cell(
            task.bench, task.bias, task.plan, task.settings, task.largest_load,
            task.leakage_corners,
        ).to_json(), ""  # fmt: skip
    except VoltileError as error:
        return "", str(error)


def characterize(
    config: Config,
    out: Path,
    pools: Pools = executor,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Measure every cell; write libraries, footprints, mixed-supply tables and a manifest.

    A cell that fails at any point is left out of everything; the others finish.

    Parameters
    ----------
    out : Path
        Folder; measurements that it holds from an earlier run are used again.
    pools : callable
        Makes an executor; called again when a worker dies.
    show : callable
        Takes the progress.

    Raises
    ------
    VoltileError
        When an input cannot be used, the folder cannot be written, or no cell is left.
    """
    meter = StageMeter()
    with meter.stage("cells"):
        job = _Job(config, out, pools, show)
        subjects = job.subjects
    with meter.stage("plans"):
        plans = job.plans(subjects.cells)
    with meter.stage("measurements"):
        measured = job.measurements(subjects.cells, plans)
        header = job.header()
    if not measured:
        raise VoltileError(f"no cell could be characterised: {_reasons(job.left_out)}")
    show(Progress("libraries"))
    with meter.stage("libraries"):
        kept = {name: subjects.cells[name] for name in measured}
        manifest = write_products(
            config, subjects.site, kept, measured, header, job.provenance, out,
            lambda done, total: show(Progress("libraries", done=done, total=total)),
        )  # fmt: skip
    job.write_records(meter, measured)
    left_out = dict(sorted(job.left_out.items()))
    return Summary(manifest, tuple(measured), left_out, _lacks(config, kept))


class _Job:
    """The tasks of one run, and how fast they come."""

    def __init__(
        self, config: Config, out: Path, pools: Pools, show: Callable[[Progress], None]
    ) -> None:
        self.config, self.out, self.pools, self.show = config, out, pools, show
        self.point_edges, self.seconds = 0, 0.0
        self.simulator = f"ngspice-{ngspice.check_version()}"
        self.models = {path: _hash(path, "transistor models") for path in config.model_files}
        check_anchors(config)
        show(Progress("cells"))
        self.subjects = config.subjects()
        self.left_out = dict(self.subjects.left_out)
        self.kept = KeptResults(out / "measurements")

    def plans(self, subjects: Mapping[str, Subject]) -> dict[str, Plan]:
        """Return the arcs of every cell; of sequential cells none, which are not planned."""
        vdd, length = self.config.planned_at
        tasks = {
            f"{name}/plan": self._task(subject, "", vdd, length, None)
            for name, subject in subjects.items()
            if subject.cell.inputs and not subject.cell.storage
        }
        found = self._results("plans", tasks, Plan.from_json)
        return {name: found.get(f"{name}/plan", Plan(())) for name in subjects}

    def measurements(
        self, subjects: Mapping[str, Subject], plans: Mapping[str, Plan]
    ) -> dict[str, list[CellMeasurement]]:
        """Return what is measured of every cell that does not fail, by bias and supply."""
        config = self.config
        tasks = {
            f"{name}/{bias}_{vdd:.3f}": self._task(subject, bias, vdd, length, plans[name])
            for name, subject in subjects.items()
            if name not in self.left_out
            for bias, length in config.lengths.items()
            for vdd in config.vdds
        }
        found = self._results("measurements", tasks, CellMeasurement.from_json)
        cells: dict[str, list[CellMeasurement]] = {}
        for name in tasks:
            cell = _cell_of(name)
            if cell not in self.left_out:
                cells.setdefault(cell, []).append(found[name])
        for cell, items in list(cells.items()):
            try:  # alone: in the table of all cells one such cell would cost the others
                mixed_supply_table(items)
            except TechnologyError as error:
                self._leave_out("measurements", cell, str(error))
                del cells[cell]
        return cells

    def header(self) -> HeaderMeasurement | None:
        """Return what is measured of a header; None when none is wanted, or it fails."""
        design = self.config.header
        if design is None:
            return None
        self.show(Progress("header"))
        task = self._header_task(design)
        key = self._key(task)
        found = self.kept.read("header", key, HeaderMeasurement.from_json)
        if found is None:
            try:
                found = measure_header(task)
            except VoltileError as error:
                self._leave_out("header", "header", str(error))
                return None
            self.kept.write("header", key, found.to_json())
        return found

    def _header_task(self, design: HeaderDesign) -> HeaderTask:
        config = self.config
        ratios = {config.vdds[0] / config.vdds[-1], *config.settings.ratios, 1.0}
        return HeaderTask(
            design.device, design.finger_width, config.drawn_length,
            config.layout.shared_diffusion, config.timing_corner, config.leakage_corners,
            config.vdds, tuple(sorted(ratios)),
        )  # fmt: skip

    def _task(
        self, subject: Subject, bias: str, vdd: float, length: float, plan: Plan | None
    ) -> _Task:
        config = self.config
        bench = Bench(subject.cell, config.timing_corner, vdd, length, config.drawn_length,
                      config.layout)  # fmt: skip
        corners = () if plan is None else config.leakage_corners
        return _Task(bench, bias, plan, config.settings, subject.largest_load, corners)

    def _key(self, task: _Task | HeaderTask) -> str:
        """Hash of all that a result depends on; model files count by what they hold."""
        plain = asdict(task)
        if isinstance(task, _Task) and (storage := plain["bench"]["cell"]["storage"]):
            # Names, and what the proven functions say as well: nothing measured depends on them.
            for name in ("state", "state_inverted", "active_high", "output"):
                del storage[name]
        content = [MEASURING_VERSION, FORMAT, self.simulator, plain]
        text = json.dumps(content, sort_keys=True, default=lambda path: self.models[path])
        return hashlib.sha256(text.encode()).hexdigest()

    def _results(
        self, stage: str, tasks: Mapping[str, _Task], parse: Callable[[str], _Result]
    ) -> dict[str, _Result]:
        """Read what is kept and do the rest, the longest tasks first."""
        keys = {name: self._key(task) for name, task in tasks.items()}
        read = {name: self.kept.read(name, key, parse) for name, key in keys.items()}
        found = {name: result for name, result in read.items() if result is not None}
        costs = {name: task.cost for name, task in tasks.items() if name not in found}
        missing = {name: tasks[name] for name in sorted(costs, key=lambda name: -costs[name])}
        start, done = time.perf_counter(), 0.0
        self.show(Progress(stage, done=len(found), total=len(tasks)))

        def is_wanted(name: str) -> bool:
            return _cell_of(name) not in self.left_out

        def take(name: str, answer: tuple[str, str]) -> None:
            nonlocal done
            text, fault = answer
            cell = _cell_of(name)
            if fault:
                self._leave_out(stage, cell, fault)
                return
            self.kept.write(name, keys[name], text)
            found[name] = parse(text)
            done += costs[name]
            self.point_edges += _point_edges(found[name])
            self.seconds = time.perf_counter() - start
            to_do = sum(cost for item, cost in costs.items()
                        if item not in found and is_wanted(item))  # fmt: skip
            mine = [item for item in tasks if _cell_of(item) == cell]
            self.show(Progress(
                stage, cell, sum(item in found for item in mine), len(mine), len(found), len(tasks),
                self.point_edges / self.seconds, self.seconds / done * to_do,
            ))  # fmt: skip

        run_tasks(self.pools, missing, _work, take, is_wanted)
        return found

    def _leave_out(self, stage: str, cell: str, fault: str) -> None:
        if cell not in self.left_out:
            self.left_out[cell] = fault
            self.show(Progress(stage, cell, fault=fault))

    @property
    def provenance(self) -> str:
        """With which models, simulator and options the measurements are made."""
        config = self.config
        lines = [
            f"{config.description}.",
            f"Cells and models: {config.models}",
            *(f"{path.parent.name}/{path.name}: SHA-256 {digest[:16]}"
              for path, digest in self.models.items()),
            f"Simulator: {self.simulator}",
            f"Options for transients: {ngspice.TRANSIENT_OPTIONS}",
            f"Options for constraints: {ngspice.CHECK_OPTIONS}",
            f"Options for leakage: {ngspice.OPERATING_OPTIONS}",
            f"Made by voltile characterize, version {voltile.__version__}.",
        ]  # fmt: skip
        return "\n".join(lines)

    def write_records(
        self, meter: StageMeter, measured: Mapping[str, list[CellMeasurement]]
    ) -> None:
        """Write run.json, and characterization.json with what was found and how fast."""
        config = self.config
        inputs = {path: _hash(path, "input") for path in (config.file, *config.files)}
        RunRecord(
            command={"config": str(config.file), "out": str(self.out), "cells": config.only,
                     "biases": list(config.lengths), "vdds_v": config.vdds},
            inputs={str(path): digest for path, digest in {**inputs, **self.models}.items()},
            versions={"voltile": voltile.__version__, "numpy": np.__version__,
                      "ngspice": self.simulator, "measuring": str(MEASURING_VERSION)},
            seed=0,
            stages=meter.costs,
        ).write(self.out / "run.json")  # fmt: skip
        content = {
            "technology": config.name,
            "cells": list(measured),
            "left_out": dict(sorted(self.left_out.items())),
            "point_edges": sum(_point_edges(item) for items in measured.values() for item in items),
            "point_edges_of_this_run": self.point_edges,
            "point_edges_per_second": self.point_edges / self.seconds if self.seconds else None,
            "wall_s": sum(cost.wall_s for cost in meter.costs.values()),
        }
        with write_atomically(self.out / "characterization.json") as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")


def _reasons(left_out: Mapping[str, str]) -> str:
    """Why cells are left out: each reason once, and no more than fit a line."""
    cells: dict[str, list[str]] = {}
    for cell, why in sorted(left_out.items()):
        cells.setdefault(why, []).append(cell)
    parts = [
        f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {why}"
        for why, names in cells.items()
    ]
    others = [f"{len(parts) - 3} other reasons"] if len(parts) > 3 else []
    return "; ".join([*parts[:3], *others])


def _lacks(config: Config, subjects: Mapping[str, Subject]) -> str:
    """Say which cells and pins the manifest names that are not among those measured."""
    roles, header = config.roles, config.header
    named: dict[str, tuple[str, ...]] = {
        "buffer": (roles.buffer, roles.buffer_input, roles.buffer_output),
        "tie_high": roles.tie_high,
        "tie_low": roles.tie_low,
        **({"flip_flop": (header.flip_flop,)} if header else {}),
    }
    missing = [
        f"{role} {' '.join(words)}"
        for role, words in named.items()
        if words[0] not in subjects or not {*words[1:]} <= {*subjects[words[0]].cell.netlist.pins}
    ]
    if not missing:
        return ""
    return f"voltile run cannot use this technology: no cell is {', '.join(missing)}"


def _cell_of(task: str) -> str:
    return task.partition("/")[0]


def _point_edges(result: object) -> int:
    """Edges that the delay tables hold, each at one slew and one load; of a plan none."""
    if not isinstance(result, CellMeasurement):
        return 0
    return len(result.arcs) * len(result.slews) * len(result.loads)


def _hash(path: Path, what: str) -> str:
    try:
        return file_hash(path)
    except OSError as error:
        raise TechnologyError(f"cannot read {what} {path}: {error.strerror}") from None
