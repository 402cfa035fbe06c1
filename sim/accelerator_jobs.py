"""Layers as jobs of the accelerator: how it cuts them into parts, cycles and words of all of them.

A layer that does not fit the banks is cut. The first of these that fits is taken, in parts as few
and as equal as it gives:

1. groups of channels, as many together as fill words and columns, or a multiple of that;
2. the fewest such groups, in bands of output rows;
3. folds of output channels of one group, as many as fit with one output row, in bands.

A band needs the input rows that its windows reach, padding counted as if it were rows.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from voltile.core import LayerError
from voltile.sim.array_config import ArrayConfig
from voltile.sim.cycles import JobWords, ceil_div, groups_together, job_tail
from voltile.sim.layer_columns import BoolArray, IntArray, Integers, LayerColumns
from voltile.sim.operand_columns import OperandColumns
from voltile.sim.row_bands import input_rows, rows_that_fit
from voltile.sim.workload import Workload


class Words(NamedTuple):
    """Words of a bank, or that a part needs of it: activations, weights, results."""

    act: Integers
    weight: Integers
    out: Integers


class Cut(NamedTuple):
    """How layers are cut, arrays of shape (precisions, layers).

    There are `repeats` times `number` parts of `groups` groups and `outputs` channels each, the
    last one of each `number` smaller, in bands of `rows` output rows.
    """

    number: IntArray
    repeats: IntArray
    inputs: IntArray
    outputs: IntArray
    groups: IntArray
    last_inputs: IntArray
    last_outputs: IntArray
    last_groups: IntArray
    rows: IntArray


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
    cut = _cut(workload, operands, config)

    # The first axis: parts of full size, and last ones.
    def both(full: IntArray, last: IntArray) -> IntArray:
        return np.stack(np.broadcast_arrays(full, last))

    number = both((cut.number - 1) * cut.repeats, cut.repeats)
    outputs = both(cut.outputs, cut.last_outputs)
    words = _words(
        both(cut.inputs, cut.last_inputs),
        outputs,
        both(cut.groups, cut.last_groups),
        layers,
        operands,
        config,
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


def _words(
    inputs: IntArray,
    outputs: IntArray,
    groups: Integers,
    layers: LayerColumns,
    operands: OperandColumns,
    config: ArrayConfig,
) -> JobWords:
    return JobWords.of(
        inputs, outputs, groups, layers.kernel, operands, config.rows, config.cols, config.element
    )


def _cut(workload: Workload, operands: OperandColumns, config: ArrayConfig) -> Cut:
    layers, element, cols = workload.columns, config.element, config.cols
    banks = Words(
        *(
            size * 8 // (2 * width)
            for size, width in (
                (config.act_bytes, config.act_port_bits),
                (config.weight_bytes, config.weight_port_bits),
                (config.out_bytes, config.out_port_bits),
            )
        )
    )
    inputs, outputs = layers.group_inputs, layers.group_outputs
    values = config.rows * element.act_width // operands.act_bits
    together = groups_together(inputs, outputs, values, cols)
    chunks = ceil_div(layers.groups, together)
    in_pixels = layers.in_height * layers.in_width

    def needs(words: JobWords, channels: IntArray, rows: IntArray, pixels: IntArray) -> Words:
        return Words(
            rows * layers.in_width * words.pixel,
            words.folds * (words.weights + 2 * layers.bias),
            pixels * ceil_div(channels, cols),
        )

    def fits(need: Words) -> BoolArray:
        enough: BoolArray = np.less_equal(need.act, banks.act)
        return enough & (need.weight <= banks.weight) & (need.out <= banks.out)

    # All groups, then as many as fit, then the fewest.
    whole = _words(layers.in_channels, layers.out_channels, layers.groups, layers, operands, config)
    whole_fits = fits(needs(whole, layers.out_channels, layers.in_height, layers.pixels))
    few = np.minimum(together, layers.groups)
    chunk = _words(few * inputs, few * outputs, few, layers, operands, config)
    chunk_weights = chunk.folds * (chunk.weights + 2 * layers.bias)
    most = np.minimum(
        np.minimum(banks.weight // chunk_weights, banks.act // (in_pixels * chunk.pixel)),
        banks.out // layers.pixels * cols // (together * outputs),
    )
    most = np.where(whole_fits, chunks, np.clip(most, 1, chunks))
    each = together * ceil_div(chunks, ceil_div(chunks, most))

    # One group, folds of its channels, where one row of the fewest groups does not fit.
    row_height = np.where(
        layers.out_height == 1, layers.in_height, np.minimum(layers.in_height, layers.kernel_y)
    )
    single = ~whole_fits & ~fits(needs(chunk, few * outputs, row_height, layers.out_width))
    one = _words(inputs, np.minimum(outputs, cols), 1, layers, operands, config)
    least = needs(one, np.minimum(outputs, cols), row_height, layers.out_width)
    _check(workload, single & ~fits(least), least, banks, config)
    folds = ceil_div(outputs, cols)
    most = np.minimum(banks.weight // least.weight, banks.out // layers.out_width)
    each_folds = cols * ceil_div(folds, ceil_div(folds, np.clip(most, 1, folds)))

    count = np.where(single, ceil_div(outputs, each_folds), ceil_div(layers.groups, each))
    part_groups = np.where(single, 1, np.minimum(each, layers.groups))
    last_groups = np.where(single, 1, layers.groups - (count - 1) * each)
    part_outputs = np.where(single, np.minimum(each_folds, outputs), part_groups * outputs)
    last_outputs = np.where(single, outputs - (count - 1) * each_folds, last_groups * outputs)

    part = _words(part_groups * inputs, part_outputs, part_groups, layers, operands, config)
    rows = np.minimum(
        rows_that_fit(layers, banks.act // (layers.in_width * part.pixel)),
        banks.out // (layers.out_width * ceil_div(part_outputs, cols)),
    )
    rows = np.where(whole_fits, layers.out_height, np.clip(rows, 1, layers.out_height))
    rows = ceil_div(layers.out_height, ceil_div(layers.out_height, rows))
    _check_padding(workload, rows < layers.out_height)
    return Cut(
        number=count,
        repeats=np.where(single, layers.groups, 1),
        inputs=part_groups * inputs,
        outputs=part_outputs,
        groups=part_groups,
        last_inputs=last_groups * inputs,
        last_outputs=last_outputs,
        last_groups=last_groups,
        rows=rows,
    )


def _check(
    workload: Workload, fails: BoolArray, least: Words, banks: Words, config: ArrayConfig
) -> None:
    """Refuse layers of which one row of one fold does not fit."""
    fails = fails & (workload.columns.on_array == 1)
    if not fails.any():
        return
    at = np.unravel_index(int(fails.argmax()), fails.shape)
    widths = config.act_port_bits, config.weight_port_bits, config.out_port_bits
    for kind, need, bank, width in zip(
        ("activations", "weights", "results"), least, banks, widths, strict=True
    ):
        words = int(np.broadcast_to(need, fails.shape)[at])
        if words > bank:
            raise LayerError(
                f"layer '{workload.layers[int(at[-1])].name}': its smallest part needs "
                f"{words * width // 8} bytes of {kind}, a bank has {int(bank) * width // 8}"
            )


def _check_padding(workload: Workload, banded: BoolArray) -> None:
    """Refuse bands in which a window might see padding only."""
    layers = workload.columns
    deep = np.maximum(layers.pad_top, layers.pad_bottom) >= layers.kernel_y
    wrong = banded & deep & (layers.on_array == 1)
    if wrong.any():
        layer = workload.layers[int(np.argwhere(wrong)[0, -1])]
        raise LayerError(
            f"layer '{layer.name}': padding of {layer.padding[0]} and {layer.padding[2]} rows must "
            f"be smaller than the kernel's {layer.kernel[0]} where it is computed in bands of rows"
        )
