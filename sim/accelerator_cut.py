"""How the accelerator cuts layers into jobs that fit a bank of each memory.

The first of these that fits is taken, in parts as few and as equal as it gives:

1. groups of channels, as many together as fill words and columns, or a multiple of that;
2. the fewest such groups, in bands of output rows;
3. folds of output channels of one group, as many as fit with one output row, in bands.

A band needs the input rows that its windows reach, padding counted as if it were rows.
"""

from typing import NamedTuple

import numpy as np

from voltile.core import LayerError
from voltile.sim.array_config import ArrayConfig
from voltile.sim.cycles import JobWords, ceil_div, groups_together
from voltile.sim.layer_columns import BoolArray, IntArray, Integers, LayerColumns
from voltile.sim.operand_columns import OperandColumns
from voltile.sim.row_bands import rows_that_fit
from voltile.sim.smallest_part import check_smallest_parts
from voltile.sim.workload import Workload


class Cut(NamedTuple):
    """How layers are cut, arrays of shape (precisions, layers).

    There are `repeats` times `number` parts of `groups` groups with `inputs` and `outputs` channels
    in all, the last one of each `number` smaller, in bands of `rows` output rows.
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


class Needs(NamedTuple):
    """Words of activations, weights and results of parts; arrays."""

    act: IntArray
    weight: IntArray
    out: IntArray


class _Parts:
    """Parts of layers, and whether they fit a bank of each memory."""

    def __init__(self, layers: LayerColumns, operands: OperandColumns, config: ArrayConfig):
        self.layers = layers
        self.operands = operands
        self.config = config
        self.banks = config.bank_words

    def words(self, inputs: IntArray, outputs: IntArray, groups: Integers) -> JobWords:
        """Return how the channels of parts lie in words."""
        return JobWords.of(
            inputs, outputs, groups, self.layers.kernel, self.operands, self.config.rows,
            self.config.cols, self.config.element,
        )  # fmt: skip

    def needs(
        self,
        inputs: IntArray,
        outputs: IntArray,
        groups: Integers,
        in_rows: IntArray,
        out_rows: Integers,
    ) -> Needs:
        """Return the words that parts need."""
        layers, words = self.layers, self.words(inputs, outputs, groups)
        return Needs(
            words.pixel * in_rows * layers.in_width,
            words.folds * (words.weights + 2 * layers.bias),
            ceil_div(outputs, self.config.cols) * out_rows * layers.out_width,
        )

    def fit(self, needs: Needs) -> BoolArray:
        """Return whether parts fit."""
        enough: BoolArray = np.less_equal(needs.act, self.banks[0])
        return enough & (needs.weight <= self.banks[1]) & (needs.out <= self.banks[2])


def cut_layers(workload: Workload, operands: OperandColumns, config: ArrayConfig) -> Cut:
    """Return how layers are cut; of those that do not run on the array it means nothing.

    Raises
    ------
    LayerError
        When one output row of one fold of a layer does not fit, or when it has to be cut into bands
        and padding is not smaller than the kernel.
    """
    layers = workload.columns
    inputs, outputs = layers.group_inputs, layers.group_outputs
    parts = _Parts(layers, operands, config)
    fits = parts.fit(
        parts.needs(
            layers.in_channels, layers.out_channels, layers.groups, layers.in_height,
            layers.out_height,
        )
    )  # fmt: skip
    values = config.act_port_bits // operands.act_bits
    together = groups_together(inputs, outputs, values, config.cols)
    few = np.minimum(together, layers.groups)
    row = np.where(
        layers.out_height == 1, layers.in_height, np.minimum(layers.in_height, layers.kernel_y)
    )
    # Whether groups themselves are cut.
    single = ~fits & ~parts.fit(parts.needs(few * inputs, few * outputs, few, row, 1))
    least = parts.needs(inputs, np.minimum(outputs, config.cols), 1, row, 1)
    _check_smallest(workload, single & ~parts.fit(least), least, config)

    groups = np.where(fits, layers.groups, _groups_that_fit(parts, together))
    groups = np.where(single, 1, groups)
    outputs = np.where(single, _channels_that_fit(parts, least), groups * outputs)
    number = np.where(
        single, ceil_div(layers.group_outputs, outputs), ceil_div(layers.groups, groups)
    )
    last_groups = np.where(single, 1, layers.groups - (number - 1) * groups)
    last_outputs = last_groups * layers.group_outputs - single * (number - 1) * outputs
    rows = np.where(fits, layers.out_height, _rows_that_fit(parts, groups, outputs))
    _check_padding(workload, rows < layers.out_height)
    return Cut(
        number=number,
        repeats=np.where(single, layers.groups, 1),
        inputs=groups * inputs,
        outputs=outputs,
        groups=groups,
        last_inputs=last_groups * inputs,
        last_outputs=last_outputs,
        last_groups=last_groups,
        rows=rows,
    )


def _equal_shares(total: IntArray, most: IntArray) -> IntArray:
    """Return the size of equal shares, as few as hold `most` each, or one."""
    return ceil_div(total, ceil_div(total, np.clip(most, 1, total)))


def _groups_that_fit(parts: _Parts, together: IntArray) -> IntArray:
    """Return the groups of a part where groups are computed as a whole."""
    layers, (act, weight, out) = parts.layers, parts.banks
    few = np.minimum(together, layers.groups)
    chunk = parts.needs(
        few * layers.group_inputs, few * layers.group_outputs, few, layers.in_height,
        layers.out_height,
    )  # fmt: skip
    # Words of results are shared by the channels of a pixel.
    results = out // layers.pixels * parts.config.cols // (together * layers.group_outputs)
    most = np.minimum(np.minimum(act // chunk.act, weight // chunk.weight), results)
    shares = _equal_shares(ceil_div(layers.groups, together), most)
    groups: IntArray = np.minimum(together * shares, layers.groups)
    return groups


def _channels_that_fit(parts: _Parts, least: Needs) -> IntArray:
    """Return the output channels of a part where groups are cut."""
    layers, (_, weight, out), cols = parts.layers, parts.banks, parts.config.cols
    most = np.minimum(weight // least.weight, out // layers.out_width)
    shares = _equal_shares(ceil_div(layers.group_outputs, cols), most)
    channels: IntArray = np.minimum(cols * shares, layers.group_outputs)
    return channels


def _rows_that_fit(parts: _Parts, groups: IntArray, outputs: IntArray) -> IntArray:
    """Return the output rows of a band."""
    layers, (act, _, out) = parts.layers, parts.banks
    words = parts.words(groups * layers.group_inputs, outputs, groups)
    most = np.minimum(
        rows_that_fit(layers, act // (layers.in_width * words.pixel)),
        out // (layers.out_width * ceil_div(outputs, parts.config.cols)),
    )
    return _equal_shares(layers.out_height, most)


def _check_smallest(
    workload: Workload, fails: BoolArray, least: Needs, config: ArrayConfig
) -> None:
    widths = config.act_port_bits, config.weight_port_bits, config.out_port_bits
    kinds = "activations", "weights", "results"
    kept = zip(kinds, least, config.bank_words, widths, strict=True)
    bits = {kind: (need * width, bank * width) for kind, need, bank, width in kept}
    check_smallest_parts(workload, fails, bits)


def _check_padding(workload: Workload, banded: BoolArray) -> None:
    """Refuse bands in which a window might see padding only."""
    layers = workload.columns
    deep = np.maximum(layers.pad_top, layers.pad_bottom) >= layers.kernel_y
    wrong = banded & deep & (layers.on_array == 1)
    if wrong.any():
        layer = workload.layers[np.argwhere(wrong)[0, -1]]
        raise LayerError(
            f"layer '{layer.name}': padding of {layer.padding[0]} and {layer.padding[2]} rows must "
            f"be smaller than the kernel's {layer.kernel[0]} where it is computed in bands of rows"
        )
