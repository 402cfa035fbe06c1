"""What layers move between DRAM and the memories: a reuse model of one loop order per layer.

A layer is computed tile by tile: a band of output rows of some folds of output channels, with all
input channels of its group. Memories are double buffered: a tile has half of each. Bands are as
high as activations and results fit, folds as many as weights fit and as results fit with one row.
Then the order of the two loops that moves less is taken:

- weights kept: each channel tile is loaded once, and the bands stream by it, once per channel tile;
- activations kept: each band is loaded once, and the channel tiles stream by it, once per band.

Whatever needs one tile only stays. Bands overlap by their halo, which is loaded again. A batch has
as many times the bands. Where a bank does not hold the weights of one fold, they stream anew for
every fold of pixels (output stationary: on rows; input stationary: on columns) or every band
(weight stationary). Groups are computed one after the other and share nothing. Partial sums of
weight and input stationary arrays stay in the memory of results, as wide as accumulators.

Operands are packed at the width of their precision, biases have two operand words, results the
element's width. Weights of an average are no load. Layers that do not run on the array stream each
of their maps once.
"""

from dataclasses import dataclass

import numpy as np

from voltile.sim.array_config import ArrayConfig, Dataflow
from voltile.sim.cycles import ceil_div
from voltile.sim.layer_columns import IntArray
from voltile.sim.operand_columns import OperandColumns
from voltile.sim.row_bands import input_rows, rows_that_fit
from voltile.sim.smallest_part import check_smallest_parts
from voltile.sim.workload import Workload


@dataclass(frozen=True)
class Traffic:
    """Bits that a batch moves, and in how many parts; arrays of shape (precisions, layers).

    Attributes
    ----------
    act_bits, weight_bits, out_bits : ndarray
        Loaded from DRAM, loaded, stored.
    parts : ndarray
        Tiles, each loaded, computed and stored while its neighbours are stored and loaded.
    """

    act_bits: IntArray
    weight_bits: IntArray
    out_bits: IntArray
    parts: IntArray


def tiled_traffic(
    workload: Workload, operands: OperandColumns, sums: IntArray, config: ArrayConfig
) -> Traffic:
    """Return the traffic of layers by the reuse model.

    Parameters
    ----------
    sums : ndarray
        Times that a result is written; more than once: its memory holds partial sums.

    Raises
    ------
    LayerError
        When one output row of one fold does not fit the memories.
    """
    layers, element, batch = workload.columns, config.element, workload.batch
    act_bank, weight_bank, out_bank = (
        size * 4 for size in (config.act_bytes, config.weight_bytes, config.out_bytes)
    )
    row = layers.in_width * layers.group_inputs * operands.act_bits
    one = np.minimum(layers.group_outputs, config.cols)
    per_channel = layers.weighted * layers.vector * operands.weight_bits
    per_channel = per_channel + 2 * element.width * layers.bias
    result = layers.out_width * np.where(sums > 1, element.acc_width, element.width)

    # Channels of a tile, then its rows.
    folds = ceil_div(layers.group_outputs, config.cols)
    held = weight_bank // np.maximum(one * per_channel, 1)
    most = np.minimum(held, out_bank // (result * one))
    channel_tiles = ceil_div(folds, np.clip(most, 1, folds))
    each = np.minimum(ceil_div(folds, channel_tiles) * config.cols, layers.group_outputs)
    channel_tiles = ceil_div(layers.group_outputs, each)
    high = np.minimum(rows_that_fit(layers, act_bank // row), out_bank // (result * each))
    least = row * np.minimum(layers.reach_y, layers.in_height)
    check_smallest_parts(
        workload,
        high < 1,
        {"activations": (least, act_bank), "results": (result * one, out_bank)},
    )
    high = np.clip(high, 1, layers.out_height)
    rows = ceil_div(layers.out_height, ceil_div(layers.out_height, high))
    bands = ceil_div(layers.out_height, rows)

    loads = batch * bands
    act = input_rows(layers, rows) * row * layers.groups * batch
    weight = per_channel * layers.out_channels
    weights_kept = act * np.where(loads > 1, channel_tiles, 1), weight
    acts_kept = act, weight * np.where(channel_tiles > 1, loads, 1)
    fewer = weights_kept[0] + weights_kept[1] <= acts_kept[0] + acts_kept[1]
    anew = {
        Dataflow.OUTPUT_STATIONARY: ceil_div(batch * layers.pixels, config.rows),
        Dataflow.WEIGHT_STATIONARY: loads,
        Dataflow.INPUT_STATIONARY: ceil_div(batch * layers.pixels, config.cols),
    }[config.dataflow]
    act_bits = np.where(held < 1, act, np.where(fewer, weights_kept[0], act))
    weight_bits = np.where(held < 1, weight * anew, np.where(fewer, weight, acts_kept[1]))

    # Groups of one tile share parts, as many as fit.
    tiles = channel_tiles * bands
    group_weights = np.maximum(per_channel * layers.group_outputs, 1)
    together = np.minimum(
        np.minimum(act_bank // (row * layers.in_height), weight_bank // group_weights),
        out_bank // (result * layers.out_height * layers.group_outputs),
    )
    together = np.where(tiles == 1, np.clip(together, 1, layers.groups), 1)
    return Traffic(
        act_bits=act_bits,
        weight_bits=weight_bits,
        out_bits=_results(workload, config, act_bits),
        parts=batch * tiles * ceil_div(layers.groups, together),
    )


def streamed_traffic(workload: Workload, operands: OperandColumns, config: ArrayConfig) -> Traffic:
    """Return the traffic of layers that take each of their maps once and hold none."""
    layers = workload.columns
    values = layers.in_height * layers.in_width * layers.in_channels * layers.inputs
    act_bits = workload.batch * values * operands.act_bits
    out_bits = _results(workload, config, act_bits)
    return Traffic(
        act_bits=act_bits,
        weight_bits=np.zeros_like(act_bits),
        out_bits=out_bits,
        parts=np.maximum(
            ceil_div(act_bits, 4 * config.act_bytes), ceil_div(out_bits, 4 * config.out_bytes)
        ),
    )


def _results(workload: Workload, config: ArrayConfig, like: IntArray) -> IntArray:
    """Return the bits of results, the same at every precision."""
    layers = workload.columns
    bits = workload.batch * layers.pixels * layers.out_channels * config.element.width
    return np.broadcast_to(bits, like.shape)
