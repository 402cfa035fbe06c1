"""Cycles and words of layers on the accelerator, all of their jobs together."""

from dataclasses import dataclass

import numpy as np

from voltile.core import LayerError
from voltile.sim.accelerator_cut import cut_layers
from voltile.sim.array_config import ArrayConfig
from voltile.sim.cycles import JobWords, ceil_div, job_tail
from voltile.sim.layer_columns import IntArray
from voltile.sim.operand_columns import OperandColumns
from voltile.sim.row_bands import input_rows
from voltile.sim.workload import Workload


@dataclass(frozen=True)
class AcceleratorCounts:
    """Jobs of layers and what they take, all together; arrays of shape (precisions, layers).

    Attributes
    ----------
    jobs, cycles : ndarray
        Number of jobs; cycles in which they compute.
    act_words, weight_words, out_words : ndarray
        Words that the streams take and give.
    act_reads, weight_reads, out_writes : ndarray
        Words that the array reads from its memories, and writes.
    """

    jobs: IntArray
    cycles: IntArray
    act_words: IntArray
    weight_words: IntArray
    out_words: IntArray
    act_reads: IntArray
    weight_reads: IntArray
    out_writes: IntArray


def accelerator_counts(
    workload: Workload, operands: OperandColumns, config: ArrayConfig
) -> AcceleratorCounts:
    """Return what the layers of a workload take on the accelerator, an inference.

    Layers that do not run on the array are none of its; their counts mean nothing.

    Raises
    ------
    LayerError
        When a layer has a dilation, which the accelerator does not know, or does not fit.
    """
    layers, element = workload.columns, config.element
    dilated = layers.on_array * np.maximum(layers.dilation_y, layers.dilation_x) > 1
    if dilated.any():
        layer = workload.layers[int(dilated.argmax())]
        raise LayerError(
            f"layer '{layer.name}': the accelerator has no dilation, this is one of "
            f"{layer.dilation[0]} x {layer.dilation[1]}; mode scale-sim has"
        )
    cut = cut_layers(workload, operands, config)

    # The first axis: parts of full size, and last ones.
    def both(full: IntArray, last: IntArray) -> IntArray:
        return np.stack(np.broadcast_arrays(full, last))

    number = both((cut.number - 1) * cut.repeats, cut.repeats)
    outputs = both(cut.outputs, cut.last_outputs)
    inputs, groups = both(cut.inputs, cut.last_inputs), both(cut.groups, cut.last_groups)
    words = JobWords.of(
        inputs, outputs, groups, layers.kernel, operands, config.rows, config.cols, element
    )
    bands = ceil_div(layers.out_height, cut.rows)
    last_rows = layers.out_height - (bands - 1) * cut.rows
    pixel_folds = (bands - 1) * ceil_div(cut.rows * layers.out_width, config.rows)
    pixel_folds += ceil_div(last_rows * layers.out_width, config.rows)
    jobs = cut.number * cut.repeats * bands
    folds = number * words.folds

    def total(each: IntArray) -> IntArray:
        summed: IntArray = each.sum(axis=0)
        return summed

    fold_cycles = bands * 2 * layers.bias + pixel_folds * (
        words.products + element.bias_cycles * layers.bias
    )
    return AcceleratorCounts(
        jobs=jobs,
        cycles=total(folds * fold_cycles) + jobs * job_tail(config.rows, config.cols, element),
        act_words=total(number * words.pixel) * input_rows(layers, cut.rows) * layers.in_width,
        weight_words=total(folds * bands * (words.weights + 2 * layers.bias)),
        out_words=total(number * ceil_div(outputs, config.cols)) * layers.pixels,
        act_reads=total(folds * words.window) * operands.passes * layers.kernel_pixels_inside,
        weight_reads=total(
            folds * (bands * 2 * layers.bias + pixel_folds * operands.passes * words.weights)
        ),
        out_writes=total(folds) * layers.pixels,
    )
