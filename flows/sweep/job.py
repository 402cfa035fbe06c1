"""Networks over arrays, dataflows, memories, precisions and supplies: `voltile sweep`.

Chunks of combinations go through one executor; each is kept as soon as it ends, under a key of all
that it depends on. The tables are the same bytes however many workers there are, whichever
executor, and however often the job was stopped.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import (
    Pools,
    RunRecord,
    StageMeter,
    VoltileError,
    executor,
    file_hash,
    run_tasks,
)
from voltile.flows.energy.job import has_parquet, input_files
from voltile.flows.output_files import remove_outputs, write_csv
from voltile.flows.stages import Stages, stage_key
from voltile.flows.sweep.chunks import Arrays, Chunk, compute_chunk
from voltile.flows.sweep.config import SweepConfig
from voltile.flows.sweep.inputs import SweepInputs, read_inputs
from voltile.flows.sweep.rows import (
    LEFT_OUT_COLUMNS,
    join_chunks,
    left_out_counts,
    left_out_rows,
    reasons,
    sweep_fronts,
    sweep_table,
)
from voltile.sim import SweepTable

SWEEP_OUTPUTS = ("sweep.csv", "sweep.parquet", "pareto.png", "left_out.csv", "run.json")

# Raised when the same inputs give other numbers: kept chunks are then computed again.
_VERSION = 2
# Designs of a chunk: tenths of a second.
_CHUNK = 256
_AREA = (
    "area: cells of the elements with their clock trees, and SRAM; no wires and gaps between them, "
    "sequencer, control processor, interface to the DRAM. CACTI gives some memories more area at a "
    "narrow port than at a wide one, so that a smaller array can come out larger"
)


@dataclass(frozen=True)
class SweepResult:
    """What was found.

    Attributes
    ----------
    left_out : mapping of str to int
        Combinations that cannot be computed, by the reason; the most frequent ones first.
    fronts : mapping of (str, str) to ndarray
        By network and bits of operands (and mode, of two), rows that no other one beats in energy
        and latency, by latency. Bits are not compared: accuracy is not known here.
    notes : tuple of str
        What a reader must know of the figures, a sentence each.
    """

    config: SweepConfig
    table: SweepTable
    left_out: Mapping[str, int]
    fronts: Mapping[tuple[str, str], NDArray[np.int64]]
    notes: tuple[str, ...]


def run_sweep(
    config: SweepConfig,
    out: Path,
    pools: Pools = executor,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> SweepResult:
    """Compute all combinations and write `SWEEP_OUTPUTS` into a folder.

    Parquet is left out where there is no pyarrow.

    Parameters
    ----------
    out : Path
        Folder; chunks that it holds from an earlier run are used again.
    pools : callable
        Makes an executor; called again when a worker dies.
    show : callable
        Takes how many designs are done, and how many there are.

    Raises
    ------
    VoltileError
        One of its children, for whatever in the inputs cannot be used, or when no combination can
        be computed; nothing is written then.
    """
    from voltile.flows.sweep.plots import plot_pareto

    files = input_files(config.networks, config.pe_energy, out, SWEEP_OUTPUTS)
    inputs = read_inputs(config)
    made = [folder for folder in (out / "stages", out, *out.parents) if not folder.exists()]
    meter = StageMeter()
    stages = Stages(out, meter, lambda line: None)
    remove_outputs(out, SWEEP_OUTPUTS)
    try:
        with meter.stage("combinations"):
            found = _compute(inputs, stages, pools, show)
        left_out = left_out_counts(inputs, found)
        if "design" not in found:
            raise VoltileError(f"no combination can be computed: {reasons(left_out)}")
    except VoltileError:
        with suppress(OSError):  # there are finished chunks
            for folder in made:
                folder.rmdir()
        raise
    with meter.stage("table"):
        table = sweep_table(inputs, found)
        table.write(out / "sweep.csv")
        if has_parquet():
            table.write(out / "sweep.parquet")
        write_csv(out / "left_out.csv", LEFT_OUT_COLUMNS, left_out_rows(inputs, found))
    notes = dict.fromkeys(note for item in inputs.elements.values() for note in item.notes)
    result = SweepResult(config, table, left_out, sweep_fronts(table), (*notes, _AREA))
    with meter.stage("plot"):
        plot_pareto(result, out / "pareto.png")
    RunRecord(
        command=json.loads(json.dumps(asdict(config), default=str)),
        inputs={str(path): file_hash(path) for path in (*files, *inputs.files)},
        versions={name: version(name) for name in ("voltile", "numpy")},
        seed=0,
        stages=meter.costs,
    ).write(out / "run.json")
    return result


def _compute(
    inputs: SweepInputs, stages: Stages, pools: Pools, show: Callable[[int, int], None]
) -> Arrays:
    """Return what is kept of the chunks, and the rest from workers."""
    designs = inputs.config.designs
    starts = range(0, len(designs), _CHUNK)
    chunks = {
        f"sweep-{number:05}": inputs.chunk(designs[at : at + _CHUNK])
        for number, at in enumerate(starts)
    }
    hashes = [file_hash(path) for path in inputs.files]
    keys = {
        name: stage_key(sweep=_VERSION, files=hashes, **_key_parts(chunk))
        for name, chunk in chunks.items()
    }
    kept = {name: stages.read(name, key) for name, key in keys.items()}
    found = {name: arrays for name, arrays in kept.items() if arrays is not None}
    missing = {name: chunk for name, chunk in chunks.items() if name not in found}
    done = len(designs) - sum(len(chunk.designs) for chunk in missing.values())
    show(done, len(designs))

    def take(name: str, arrays: Arrays) -> None:
        nonlocal done
        if "design" in arrays:  # what is left out altogether is found again at once
            stages.write(name, keys[name], arrays)
        found[name] = arrays
        done += len(chunks[name].designs)
        show(done, len(designs))

    run_tasks(pools, missing, compute_chunk, take, lambda name: True)
    return join_chunks([(at, found[name]) for at, name in zip(starts, chunks, strict=True)])


def _key_parts(chunk: Chunk) -> dict[str, object]:
    """All that a chunk's rows depend on, but for the files of costs."""
    return {
        "designs": chunk.designs,
        "workloads": chunk.workloads,
        "surroundings": [(item.dram, item.control) for item in chunk.elements.values()],
        "precisions": {pe: [item.name for item in items] for pe, items in chunk.precisions.items()},
        "policies": chunk.policies,
        "vdds": chunk.vdds,
        "dram_bandwidth": chunk.dram_bandwidth,
    }
