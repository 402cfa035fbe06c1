"""What drives the inputs: a recording, random bits, or dot products for the built-in designs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision
from voltile.floorplan import ClockNetwork, Netlist, TimingGraph
from voltile.flows.fine_vh.config import RunConfig
from voltile.hdl import DotProduct, grid_stimulus, schedule_dot_products
from voltile.power import (
    Stimulus,
    data_inputs,
    random_stimulus,
    recorded_stimulus,
    scheduled_stimulus,
)

# Length of each dot product: 3 x 3 filter taps over 3 channels.
_LENGTH = 27
# Cycles of reset before the first control word.
_RESET = 2


def stimulus_of(config: RunConfig, graph: TimingGraph) -> Stimulus:
    """Return what drives the inputs; those that the constraints hold constant do not move."""
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


def dot_product_stimulus(
    netlist: Netlist,
    clocks: ClockNetwork,
    rows: int,
    cols: int,
    cycles: int,
    lanes: int,
    seed: int,
    held: Mapping[str, int],
) -> Stimulus:
    """Return Algorithm 3's control words for a `Grid` with uniformly random operands and biases.

    Dot products of 27 terms with bias, in turn at full, mixed and half precision, for at least
    `cycles` cycles; every lane has operands of its own. Port bits in `held` stay at their value.
    """
    jobs: list[DotProduct] = []
    while sum(job.cycles for job in jobs) < cycles:
        precision = list(Precision)[len(jobs) % len(Precision)]
        jobs.append(DotProduct(_LENGTH, precision, bias=True, position=8))
    plan = schedule_dot_products(jobs)
    rng = np.random.default_rng(seed)

    def words(streams: int, count: int, width: int) -> NDArray[np.int64]:
        return rng.integers(0, 1 << width, (streams, lanes, count))

    ports = grid_stimulus(
        plan,
        words(rows, sum(job.act_words for job in jobs), 8),
        words(cols, sum(job.length for job in jobs), 8),
        words(cols, len(jobs), 16),
    )
    values = {port: _after_reset(np.moveaxis(array, -1, 0)) for port, array in ports.items()}
    length = len(next(iter(values.values())))
    values["rst"] = (np.arange(length) < _RESET).astype(np.int64)
    description = (
        f"dot products of {_LENGTH} uniformly random operands with bias, in turn at full, mixed "
        f"and half precision, {length} cycles on {lanes} lanes"
    )
    return scheduled_stimulus(
        netlist,
        clocks,
        values,
        description,
        name="dot-product",
        held=held,
        warmup=_RESET + 4,
    )


def _after_reset(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hold the first value during the reset."""
    return np.concatenate([np.repeat(array[:1], _RESET, axis=0), array])
