"""Cycles of layers in closed form: of the accelerator's jobs, and as SCALE-Sim counts them.

Numbers and arrays are taken alike; arrays broadcast.
"""

from dataclasses import astuple, dataclass

import numpy as np

from voltile.core import Precision
from voltile.sim.array_config import Dataflow
from voltile.sim.elements import SCALABLE, Element
from voltile.sim.layer_columns import IntArray, Integers
from voltile.sim.operand_columns import OperandColumns


def ceil_div(value: Integers, by: Integers) -> IntArray:
    """Return quotients of integers, rounded up."""
    quotient: IntArray = -(-np.asarray(value, np.int64) // by)
    return quotient


def groups_together(inputs: Integers, outputs: Integers, values: Integers, cols: int) -> IntArray:
    """Return the fewest groups whose channels fill words of `values` and folds of `cols`."""
    together: IntArray = np.lcm(values // np.gcd(values, inputs), cols // np.gcd(cols, outputs))
    return together


@dataclass(frozen=True)
class JobWords:
    """How the channels of a job lie in words of the accelerator's memories; arrays.

    Words of activations hold adjacent channels of a pixel, as many as `rows` ports take. Groups
    are taken together until they fill words of activations and the columns; weights between
    channels of different ones are zeros, and the words of a pixel are there whether filled or not.

    Attributes
    ----------
    folds : ndarray
        Folds of output channels.
    window : ndarray
        Activation words of a pixel that a window takes.
    pixel : ndarray
        Activation words of a pixel.
    products : ndarray
        Cycles of the products of a dot product, all passes.
    weights : ndarray
        Words of weights of a fold.
    """

    folds: IntArray
    window: IntArray
    pixel: IntArray
    products: IntArray
    weights: IntArray

    @classmethod
    def of(
        cls,
        in_channels: Integers,
        out_channels: Integers,
        groups: Integers,
        kernel: Integers,
        operands: OperandColumns,
        rows: int,
        cols: int,
        element: Element,
    ) -> "JobWords":
        """Return the words of jobs with a kernel of so many pixels."""
        values = rows * element.act_width // operands.act_bits
        inputs, outputs = (
            np.asarray(in_channels, np.int64) // groups,
            np.asarray(out_channels, np.int64) // groups,
        )
        together = groups_together(inputs, outputs, values, cols)
        whole = together >= groups
        folds = ceil_div(out_channels, cols)
        window = np.where(whole, ceil_div(in_channels, values), together * inputs // values)
        shared = np.where(whole, folds, together * outputs // cols)
        vector = kernel * window * values
        return cls(
            folds=folds,
            window=window,
            pixel=window * ceil_div(folds, shared),
            products=operands.passes * vector // operands.products,
            weights=vector // (element.weight_width // operands.weight_bits),
        )


def job_tail(rows: int, cols: int, element: Element) -> int:
    """Return the cycles from a job's last product to its last result."""
    return rows + cols + element.latency + 3


def layer_cycles(
    in_channels: Integers,
    out_channels: Integers,
    out_pixels: Integers,
    kernel: tuple[int, int],
    groups: Integers,
    precision: Precision,
    bias: Integers,
    rows: int,
    cols: int,
    element: Element = SCALABLE,
) -> IntArray:
    """Return the cycles in which the accelerator computes a layer that is one job.

    Counted from the first cycle of the job to the one that writes the last result. A dot product
    goes over all words of a window, `JobWords`, in every pass::

        folds * (2 * bias + ceil(out_pixels / rows) * (products + bias_cycles * bias)) + tail
    """
    columns = OperandColumns.of(element, [precision])
    operands = OperandColumns(*(column[0, 0] for column in astuple(columns)))
    words = JobWords.of(
        in_channels, out_channels, groups, kernel[0] * kernel[1], operands, rows, cols, element
    )
    load, extra = 2 * np.asarray(bias, np.int64), element.bias_cycles * np.asarray(bias, np.int64)
    folds = words.folds * (load + ceil_div(out_pixels, rows) * (words.products + extra))
    cycles: IntArray = folds + job_tail(rows, cols, element)
    return cycles


@dataclass(frozen=True)
class ScaleSimCounts:
    """What SCALE-Sim counts of a layer; arrays.

    Attributes
    ----------
    cycles : ndarray
        Cycles, memories never waited for.
    act_reads, weight_reads : ndarray
        Operand words that the array reads, one element's at a time.
    out_writes : ndarray
        Results and partial sums that it writes.
    sums : ndarray
        Times that a result is written; more than once: all but the last are partial sums.
    """

    cycles: IntArray
    act_reads: IntArray
    weight_reads: IntArray
    out_writes: IntArray
    sums: IntArray


def scale_sim_counts(
    out_pixels: Integers,
    out_channels: Integers,
    vector: Integers,
    rows: int,
    cols: int,
    dataflow: Dataflow = Dataflow.OUTPUT_STATIONARY,
    groups: Integers = 1,
    passes: Integers = 1,
) -> ScaleSimCounts:
    """Return the counts of SCALE-Sim v3 (arXiv:1811.02883) in closed form.

    With E pixels, M channels and vectors of K on R x C elements, every fold filled and drained by
    itself; the program's cycle is the number of the last one, from 0::

        os   E on rows, M on columns, K streams   ceil(E/R) ceil(M/C) (K + R + C - 2) - 1
        ws   K on rows, M on columns, E streams   ceil(K/R) ceil(M/C) (E + 2R + C - 2) - 1
        is   K on rows, E on columns, M streams   ceil(K/R) ceil(E/C) (M + 2R + C - 2) - 1

    Results of ``os`` are counted once each; the program's report adds R + C to a fold of them,
    which is no access.

    The program knows one product a cycle and one group. Where a product takes several passes, as
    many times as much streams by; groups follow each other, a fold of their own each.

    Parameters
    ----------
    out_channels : ndarray or int
        Of all groups.
    vector : ndarray or int
        Operand words of an output: kernel height x kernel width x input channels of a group.
    """
    groups, pixels, length = (
        np.asarray(groups, np.int64),
        np.asarray(out_pixels, np.int64),
        np.asarray(vector, np.int64),
    )
    channels = np.asarray(out_channels, np.int64) // groups
    results = groups * pixels * channels
    one = np.ones_like(results)
    if dataflow is Dataflow.OUTPUT_STATIONARY:
        down, across = ceil_div(pixels, rows), ceil_div(channels, cols)
        fold = length * passes + rows + cols - 2
        reads = across * length * passes * pixels, down * length * passes * channels
        sums = one
    elif dataflow is Dataflow.WEIGHT_STATIONARY:
        down, across = ceil_div(length, rows), ceil_div(channels, cols)
        fold = pixels * passes + 2 * rows + cols - 2
        reads, sums = (across * length * pixels, length * channels), down * one
    else:
        down, across = ceil_div(length, rows), ceil_div(pixels, cols)
        fold = channels * passes + 2 * rows + cols - 2
        reads, sums = (length * pixels, across * length * channels), down * one
    return ScaleSimCounts(
        cycles=groups * down * across * fold - 1,
        act_reads=groups * reads[0],
        weight_reads=groups * reads[1],
        out_writes=sums * results,
        sums=sums,
    )
