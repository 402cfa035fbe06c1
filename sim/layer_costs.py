"""What every layer of a network costs on an array, at every precision: cycles, accesses, traffic.

Whose cycles: `CycleMode`. Those of the accelerator are exact, and its traffic is that of its jobs'
streams: every job takes its activations and weights anew, and a batch is as many inferences. Those
of SCALE-Sim leave out biases, run a batch as one inference of as many pixels, and move what the
reuse model of `tiled_traffic` says.

Maximum pooling and element-wise layers do not run on the array: they are taken as `cols` values a
cycle through a unit beside the memory of results. The accelerator has no such unit, its host does
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision
from voltile.sim.accelerator_jobs import accelerator_counts
from voltile.sim.array_config import ArrayConfig, CycleMode
from voltile.sim.cycles import ceil_div, scale_sim_counts
from voltile.sim.layer_columns import IntArray
from voltile.sim.operand_columns import OperandColumns
from voltile.sim.traffic import streamed_traffic, tiled_traffic
from voltile.sim.workload import Workload


@dataclass(frozen=True, eq=False)
class LayerCosts:
    """Costs of the layers of a network, of one batch of inferences.

    Words are as wide as a port of their memory: the operands of all rows (activations) or of all
    columns (weights), the results of all columns. Arrays of shape (precisions, layers).

    Attributes
    ----------
    workload : Workload
    config : ArrayConfig
    precisions : tuple of Precision
    cycles : ndarray
        Cycles in which the layer computes, and memories are not waited for.
    macs : ndarray, shape (layers,)
        Products; none where a layer does not run on the array.
    utilisation : ndarray of float
        Products over those that all elements could make in these cycles.
    act_reads, weight_reads, out_reads, out_writes : ndarray
        Words that the array reads and writes, partial sums included.
    act_fills, weight_fills, out_drains : ndarray
        Words written from outside, and read towards it.
    dram_read_bytes, dram_write_bytes : ndarray
        Traffic of the DRAM.
    parts : ndarray
        Parts in which the layer is loaded, computed and unloaded, taken as equal; in mode rtl jobs.
    """

    workload: Workload
    config: ArrayConfig
    precisions: tuple[Precision, ...]
    cycles: IntArray
    macs: IntArray
    utilisation: NDArray[np.float64]
    act_reads: IntArray
    weight_reads: IntArray
    out_reads: IntArray
    out_writes: IntArray
    act_fills: IntArray
    weight_fills: IntArray
    out_drains: IntArray
    dram_read_bytes: IntArray
    dram_write_bytes: IntArray
    parts: IntArray

    def stalls(self, bytes_per_cycle: NDArray[np.float64] | float) -> IntArray:
        """Return the cycles in which a layer waits for the DRAM.

        While part i computes, part i + 1 is loaded and part i - 1 unloaded, by one DRAM,
        which loads first. Of n parts that compute c cycles, load in l and unload in u, each::

            l + max(c, l) + (n - 2) max(c, l + u) + max(c, u) + u  -  n c,   n >= 2
            l + u,                                                          n = 1

        A layer begins when the one before has ended. The streams of the accelerator take a word a
        cycle each at most; SCALE-Sim mode knows no such limit.

        Parameters
        ----------
        bytes_per_cycle : ndarray or float
            Of the DRAM; broadcast against (precisions, layers).

        Returns
        -------
        ndarray
            Of the broadcast shape, rounded up.
        """
        parts = self.parts
        load = self.dram_read_bytes / (parts * bytes_per_cycle)
        unload = self.dram_write_bytes / (parts * bytes_per_cycle)
        both = load + unload
        if self.config.mode is CycleMode.RTL:
            load = np.maximum(load, np.maximum(self.act_fills, self.weight_fills) / parts)
            unload = np.maximum(unload, self.out_drains / parts)
            both = np.maximum(both, np.maximum(load, unload))
        compute = self.cycles / parts
        waits = load + unload
        waits = waits + (parts > 1) * (
            np.maximum(load - compute, 0)
            + (parts - 2) * np.maximum(both - compute, 0)
            + np.maximum(unload - compute, 0)
        )
        # Rounded up, but for the error of the sums.
        return np.ceil(waits - 1e-6).astype(np.int64)


def layer_costs(
    workload: Workload, config: ArrayConfig, precisions: Sequence[Precision]
) -> LayerCosts:
    """Return what the layers of a workload cost.

    Raises
    ------
    VoltileError
        When the element does not have a precision.
    LayerError
        When a layer does not fit the memories in the smallest part, or, in mode rtl, when the
        accelerator cannot compute it.
    """
    operands = OperandColumns.of(config.element, precisions)
    layers = workload.columns
    on_array = layers.on_array == 1
    model = _accelerator if config.mode is CycleMode.RTL else _scale_sim
    counts = model(workload, operands, config)
    if not on_array.all():
        beside = _beside(workload, operands, config)
        counts = {name: np.where(on_array, counts[name], beside[name]) for name in counts}
    macs = workload.batch * layers.macs
    rate = operands.products / operands.passes
    return LayerCosts(
        workload=workload,
        config=config,
        precisions=tuple(precisions),
        macs=macs,
        utilisation=macs / (config.rows * config.cols * rate * counts["cycles"]),
        **counts,
    )


def _accelerator(
    workload: Workload, operands: OperandColumns, config: ArrayConfig
) -> dict[str, IntArray]:
    counts, batch = accelerator_counts(workload, operands, config), workload.batch
    read_bits = counts.act_words * config.act_port_bits
    read_bits = read_bits + counts.weight_words * config.weight_port_bits
    return {
        "cycles": batch * counts.cycles,
        "act_reads": batch * counts.act_reads,
        "weight_reads": batch * counts.weight_reads,
        "out_reads": np.zeros_like(counts.cycles),
        "out_writes": batch * counts.out_writes,
        "act_fills": batch * counts.act_words,
        "weight_fills": batch * counts.weight_words,
        "out_drains": batch * counts.out_words,
        "dram_read_bytes": batch * read_bits // 8,
        "dram_write_bytes": batch * counts.out_words * config.out_port_bits // 8,
        "parts": batch * counts.jobs,
    }


def _scale_sim(
    workload: Workload, operands: OperandColumns, config: ArrayConfig
) -> dict[str, IntArray]:
    layers, element = workload.columns, config.element
    counts = scale_sim_counts(
        workload.batch * layers.pixels,
        layers.out_channels,
        ceil_div(layers.vector, operands.products),
        config.rows,
        config.cols,
        config.dataflow,
        layers.groups,
        operands.passes,
    )
    # On a single element the program's number of the last cycle, from 0, is one short.
    products = workload.batch * layers.macs * operands.passes
    least = ceil_div(products, operands.products * config.rows * config.cols)
    moved = tiled_traffic(workload, operands, counts.sums, config)
    act_bits = counts.act_reads * operands.products * operands.act_bits
    weight_bits = counts.weight_reads * operands.products * operands.weight_bits
    results = counts.out_writes // counts.sums
    partial_bits = (counts.out_writes - results) * element.acc_width
    return {
        "cycles": np.maximum(counts.cycles, least),
        "act_reads": ceil_div(act_bits, config.act_port_bits),
        "weight_reads": ceil_div(weight_bits, config.weight_port_bits),
        "out_reads": ceil_div(partial_bits, config.out_port_bits),
        "out_writes": ceil_div(partial_bits + results * element.width, config.out_port_bits),
        "act_fills": ceil_div(moved.act_bits, config.act_port_bits),
        "weight_fills": ceil_div(moved.weight_bits, config.weight_port_bits),
        "out_drains": ceil_div(moved.out_bits, config.out_port_bits),
        "dram_read_bytes": ceil_div(moved.act_bits, 8) + ceil_div(moved.weight_bits, 8),
        "dram_write_bytes": ceil_div(moved.out_bits, 8),
        "parts": moved.parts,
    }


def _beside(
    workload: Workload, operands: OperandColumns, config: ArrayConfig
) -> dict[str, IntArray]:
    """Return the counts of layers beside the array, at `cols` values a cycle."""
    layers = workload.columns
    values = workload.batch * layers.pixels * layers.out_channels * layers.kernel * layers.inputs
    moved = streamed_traffic(workload, operands, config)
    act_words = ceil_div(moved.act_bits, config.act_port_bits)
    out_words = ceil_div(moved.out_bits, config.out_port_bits)
    none = np.zeros_like(act_words)
    return {
        "cycles": ceil_div(values, config.cols) + none,
        "act_reads": act_words,
        "weight_reads": none,
        "out_reads": none,
        "out_writes": out_words,
        "act_fills": act_words,
        "weight_fills": none,
        "out_drains": out_words,
        "dram_read_bytes": ceil_div(moved.act_bits, 8),
        "dram_write_bytes": ceil_div(moved.out_bits, 8),
        "parts": moved.parts,
    }
