"""From a layer to a job: descriptor, stream words in, feature map out."""

import math
from dataclasses import dataclass, replace

import numpy as np
from amaranth import Shape
from numpy.typing import ArrayLike, NDArray

from voltile.core import LayerError, Precision
from voltile.hdl.accelerator import Accelerator
from voltile.hdl.layer_job import DIMENSION_BITS, WORD_BITS, PrecisionCode, job_fields
from voltile.hdl.operand_order import operand_orders

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """A convolution, or, with a kernel as large as the input, a fully connected layer.

    Attributes
    ----------
    in_channels, out_channels : int
        Channels of the feature maps.
    in_height, in_width : int
        Pixels of the input.
    kernel, stride : tuple of int
        Height and width of the kernel; rows and columns from window to window.
    padding : tuple of int
        Rows and columns of zeros above, left, below and right.
    groups : int
        Groups of channels that do not see each other; as many as channels: depthwise.
    precision : Precision
        Of the operands.
    bias, relu : bool
        Whether there is a bias per output channel; whether negative results become zero.
    position : int
        Right shift of results.
    narrow : bool
        Whether results have half of the bits, for a layer at half precision.
    """

    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    precision: Precision = Precision.FULL
    bias: bool = True
    relu: bool = False
    position: int = 0
    narrow: bool = False

    def __post_init__(self) -> None:
        sizes = (self.in_channels, self.out_channels, self.in_height, self.in_width, self.groups)
        if min(*sizes, *self.kernel, *self.stride) < 1 or min(self.padding) < 0:
            raise LayerError(f"sizes of a layer are positive, and padding not negative: {self}")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise LayerError(
                f"{self.groups} groups do not divide {self.in_channels} input and "
                f"{self.out_channels} output channels"
            )
        if min(self.out_height, self.out_width) < 1:
            raise LayerError(
                f"a kernel of {self.kernel[0]} x {self.kernel[1]} does not fit a padded input of "
                f"{self.in_height + sum(self.padding[::2])} x "
                f"{self.in_width + sum(self.padding[1::2])}"
            )

    @property
    def out_height(self) -> int:
        """Rows of the output."""
        rows = self.in_height + self.padding[0] + self.padding[2] - self.kernel[0]
        return rows // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        """Columns of the output."""
        columns = self.in_width + self.padding[1] + self.padding[3] - self.kernel[1]
        return columns // self.stride[1] + 1


@dataclass(frozen=True)
class Part:
    """Some output channels of a layer, as a layer by itself.

    Attributes
    ----------
    layer : Layer
        The part.
    inputs, outputs : slice
        Its channels among those of the whole.
    """

    layer: Layer
    inputs: slice
    outputs: slice


def split_layer(layer: Layer, accelerator: Accelerator) -> list[Part]:
    """Return parts of a layer that are a job each, as few as halving the channels gives.

    Raises
    ------
    LayerError
        When the smallest part does not fit either: the groups, or the output channels, of one fold.
    """
    units = layer.groups if layer.groups > 1 else layer.out_channels
    per_fold = math.lcm(accelerator.cols, layer.out_channels // units)
    # Parts begin with a fold of their own.
    step = per_fold // (layer.out_channels // units)
    count = units
    while True:
        parts = [_part(layer, start, min(start + count, units)) for start in range(0, units, count)]
        try:
            for part in parts:
                LayerJob(part.layer, accelerator)
        except LayerError:
            if count <= step:
                raise
            count = -(-count // (2 * step)) * step
        else:
            return parts


def _part(layer: Layer, start: int, stop: int) -> Part:
    """Return groups, or output channels where there is one group, from `start` to `stop`."""
    if layer.groups == 1:
        inputs, outputs, groups = slice(0, layer.in_channels), slice(start, stop), 1
    else:
        each_in, each_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
        inputs = slice(start * each_in, stop * each_in)
        outputs = slice(start * each_out, stop * each_out)
        groups = stop - start
    changed = replace(
        layer,
        in_channels=inputs.stop - inputs.start,
        out_channels=outputs.stop - outputs.start,
        groups=groups,
    )
    return Part(changed, inputs, outputs)


@dataclass(frozen=True)
class SpaceToDepth:
    """A strided layer as one of stride 1 whose pixels are blocks of the input's.

    A block has as many rows and columns as the stride, and their channels side by side, so that
    layers of few input channels fill more of a word. The windows start at blocks: padding is part
    of the input then. Results are the same, but where an accumulator saturates on its way.

    Attributes
    ----------
    source : Layer
        The layer, of one group.

    Raises
    ------
    LayerError
        When the layer has several groups, or a window in which there is padding only.
    """

    source: Layer

    def __post_init__(self) -> None:
        layer = self.source
        if layer.groups != 1:
            raise LayerError(f"blocks of pixels are for layers of one group, not {layer.groups}")
        if layer.padding[0] >= layer.kernel[0] or layer.padding[1] >= layer.kernel[1]:
            raise LayerError(
                f"padding of {layer.padding[0]} and {layer.padding[1]} must be smaller than the "
                f"kernel of {layer.kernel[0]} x {layer.kernel[1]}"
            )

    @property
    def layer(self) -> Layer:
        """The layer of blocks."""
        layer, (rows, columns) = self.source, self.source.stride
        kernel = -(-layer.kernel[0] // rows), -(-layer.kernel[1] // columns)
        return replace(
            layer,
            in_channels=layer.in_channels * rows * columns,
            in_height=layer.out_height + kernel[0] - 1,
            in_width=layer.out_width + kernel[1] - 1,
            kernel=kernel,
            stride=(1, 1),
            padding=(0, 0, 0, 0),
        )

    def act(self, act: ArrayLike) -> IntArray:
        """Return a feature map of the source as one of blocks."""
        values, (top, left, _, _) = np.asarray(act, np.int64), self.source.padding
        (rows, columns), blocks = self.source.stride, self.layer
        height, width = blocks.in_height * rows, blocks.in_width * columns
        padded = np.zeros((height, width, values.shape[2]), np.int64)
        part = values[: height - top, : width - left]
        padded[top : top + part.shape[0], left : left + part.shape[1]] = part
        of_blocks: IntArray = _blocks(padded[None], rows, columns)[0]
        return of_blocks

    def weight(self, weight: ArrayLike) -> IntArray:
        """Return weights of the source as those of blocks."""
        values = np.asarray(weight, np.int64)
        (rows, columns), kernel = self.source.stride, self.layer.kernel
        padded = np.zeros(
            (len(values), kernel[0] * rows, kernel[1] * columns, values.shape[3]), np.int64
        )
        padded[:, : values.shape[1], : values.shape[2]] = values
        return _blocks(padded, rows, columns)


def _blocks(values: IntArray, rows: int, columns: int) -> IntArray:
    """Return maps whose pixels are blocks: (maps, height, width, channels) of each."""
    count, height, width, channels = values.shape
    split = values.reshape(count, height // rows, rows, width // columns, columns, channels)
    blocks: IntArray = split.swapaxes(2, 3).reshape(count, height // rows, width // columns, -1)
    return blocks


class LayerJob:
    """A layer on an accelerator.

    Parameters
    ----------
    layer : Layer
        What to compute.
    accelerator : Accelerator
        What computes it.

    Attributes
    ----------
    fields : dict of str to int
        Value of every field of the descriptor, as `job_fields` names them, in the order of the
        registers.

    Raises
    ------
    LayerError
        When the accelerator cannot compute the layer as one job: a precision that its elements do
        not have, more words than a bank holds, or a field that does not fit its register.
    """

    def __init__(self, layer: Layer, accelerator: Accelerator):
        pe = accelerator.pe
        if layer.precision not in pe.modes:
            raise LayerError(
                f"{type(pe).__name__} has no {layer.precision.name.lower()} precision, but "
                f"{', '.join(precision.name.lower() for precision in pe.modes)}"
            )
        self.layer = layer
        self.accelerator = accelerator
        self._order = operand_orders(pe, accelerator.rows)[layer.precision]
        self._act_values = self._order.act_values
        self._group_words, self._group_folds = self._grouping()
        self._out_values = accelerator.cols * (2 if layer.narrow else 1)
        self.fields = self._described()

    def _grouping(self) -> tuple[int, int]:
        """Return the words of a pixel that a window takes, and the folds that take the same.

        Groups are taken together until they fill words and folds. Weights between channels of
        different groups are zeros.
        """
        layer, cols = self.layer, self.accelerator.cols
        inputs = layer.in_channels // layer.groups
        outputs = layer.out_channels // layer.groups
        together = math.lcm(
            self._act_values // math.gcd(self._act_values, inputs),
            cols // math.gcd(cols, outputs),
        )
        if together >= layer.groups:
            return -(-layer.in_channels // self._act_values), -(-layer.out_channels // cols)
        return together * inputs // self._act_values, together * outputs // cols

    def _described(self) -> dict[str, int]:
        layer, accelerator = self.layer, self.accelerator
        (kernel_height, kernel_width), (stride_y, stride_x) = layer.kernel, layer.stride
        out_folds = -(-layer.out_channels // accelerator.cols)
        window = self._group_words
        # Every group, the last one too, has all of its words.
        pixel = window * -(-out_folds // self._group_folds)
        pixels = layer.out_height * layer.out_width
        products = kernel_height * kernel_width * window * self._act_values
        reads = products // (self._order.weights * self._order.weight_share)
        out_pixel = -(-layer.out_channels // self._out_values)
        fields = {
            "precision": PrecisionCode[layer.precision.name].value,
            "bias": int(layer.bias),
            "relu": int(layer.relu),
            "narrow": int(layer.narrow),
            "position": layer.position,
            "act_words": layer.in_height * layer.in_width * pixel,
            "weight_words": out_folds * (reads + 2 * layer.bias),
            "out_words": pixels * out_pixel,
            "in_height": layer.in_height,
            "in_width": layer.in_width,
            "kernel_height": kernel_height,
            "kernel_width": kernel_width,
            "stride_y": stride_y,
            "stride_x": stride_x,
            "pad_top": layer.padding[0],
            "pad_left": layer.padding[1],
            "pixels": pixels,
            "out_width": layer.out_width,
            "window_words": window,
            "out_folds": out_folds,
            "group_folds": self._group_folds,
            "base": -(layer.padding[0] * layer.in_width + layer.padding[1]) * pixel,
            "step_kernel_x": pixel - (window - 1),
            "step_kernel_y": (layer.in_width - (kernel_width - 1)) * pixel - (window - 1),
            "step_out_x": stride_x * pixel,
            "step_out_y": (stride_y * layer.in_width - (layer.out_width - 1) * stride_x) * pixel,
            "out_pixel_words": out_pixel,
        }
        self._check(fields)
        steps = ("base", *(name for name in fields if name.startswith("step_")))
        return fields | {name: fields[name] % (1 << WORD_BITS) for name in steps}

    def _check(self, fields: dict[str, int]) -> None:
        accelerator = self.accelerator
        for name, kind in (("act", "activations"), ("weight", "weights"), ("out", "results")):
            words, depth = fields[f"{name}_words"], getattr(accelerator, f"{name}_depth")
            if words > depth:
                raise LayerError(
                    f"the layer has {words} words of {kind}, a bank of the buffer holds {depth}: "
                    "give it in parts, or make the buffer larger"
                )
        _, _, bottom, right = self.layer.padding
        reach = fields["in_height"] + bottom, fields["in_width"] + right
        for name, value in zip(("in_height", "in_width"), reach, strict=True):
            if value >= 1 << DIMENSION_BITS:
                raise LayerError(
                    f"{name} with padding must be below {1 << DIMENSION_BITS}, not {value}"
                )
        for name, shape in job_fields(accelerator.pe.acc_width).items():
            limit = 1 << Shape.cast(shape).width
            if name != "position" and not name.startswith(("base", "step_")):
                if fields[name] >= limit:
                    raise LayerError(f"{name} must be below {limit}, not {fields[name]}")
        if not 0 <= fields["position"] < accelerator.pe.acc_width:
            raise LayerError(
                f"position must be from 0 to {accelerator.pe.acc_width - 1}, "
                f"not {fields['position']}"
            )

    def act_words(self, act: ArrayLike) -> list[int]:
        """Return the stream words of a feature map.

        Parameters
        ----------
        act : array_like, shape (in_height, in_width, in_channels)
            Signed values of the bits of the precision's activations.

        Raises
        ------
        LayerError
            When shape or values do not fit.
        """
        layer = self.layer
        shape = (layer.in_height, layer.in_width, layer.in_channels)
        values = _checked("activations", act, shape, self._order.act_bits)
        words = self.fields["act_words"] // (layer.in_height * layer.in_width)
        padded = np.zeros((*shape[:2], words * self._act_values), np.int64)
        padded[:, :, : layer.in_channels] = values
        order = self._order
        operands = padded.reshape(-1, self.accelerator.rows * order.act_share, order.acts)
        return _packed(operands, order.act_bits, self.accelerator.pe.act_width // order.act_share)

    def weight_words(self, weight: ArrayLike, bias: ArrayLike | None = None) -> list[int]:
        """Return the stream words of weights and biases.

        Parameters
        ----------
        weight : array_like, shape (out_channels, kernel_height, kernel_width, in_channels / groups)
            Signed values of the bits of the precision's weights.
        bias : array_like, shape (out_channels,), optional
            Signed values of twice the element's operand bits; needed when the layer has a bias.

        Raises
        ------
        LayerError
            When shape or values do not fit.
        """
        layer, accelerator, order = self.layer, self.accelerator, self._order
        pe = accelerator.pe
        inputs = layer.in_channels // layer.groups
        shape = (layer.out_channels, *layer.kernel, inputs)
        values = _checked("weights", weight, shape, order.weight_bits)
        folds, window = self.fields["out_folds"], self._group_words * self._act_values
        padded = np.zeros((folds * accelerator.cols, *layer.kernel, window), np.int64)
        channel = np.arange(layer.out_channels)
        group = channel // (layer.out_channels // layer.groups)
        # The first channel of the group within the window of the fold.
        first = group * inputs - channel // accelerator.cols // self._group_folds * window
        for number, start in enumerate(first):
            padded[number, :, :, start : start + inputs] = values[number]
        share = order.weight_share
        operands = padded.reshape(folds, accelerator.cols, -1, share, order.weights)
        operands = operands.swapaxes(1, 2).reshape(
            folds, -1, accelerator.cols * share, order.weights
        )
        words = np.array(
            _packed(operands, order.weight_bits, pe.weight_width // share), object
        ).reshape(folds, -1)
        if layer.bias:
            if bias is None:
                raise LayerError("the layer has a bias, and none is given")
            biases = np.zeros(folds * accelerator.cols, np.int64)
            biases[: layer.out_channels] = _checked(
                "biases", bias, (layer.out_channels,), 2 * pe.width
            )
            ahead = [
                (half & (1 << pe.width) - 1).reshape(folds, accelerator.cols).astype(object)
                << np.arange(accelerator.cols).astype(object) * pe.weight_width
                for half in (biases, biases >> pe.width)
            ]
            sums = [half.sum(axis=1, keepdims=True) for half in ahead]
            words = np.concatenate([*sums, words], axis=1)
        return [int(word) for word in words.ravel()]

    def feature_map(self, words: list[int]) -> IntArray:
        """Return the results that a job gave to the stream.

        Returns
        -------
        ndarray, shape (out_height, out_width, out_channels)
            Signed values.
        """
        layer, accelerator = self.layer, self.accelerator
        width = len(accelerator.pe.out)
        bits = width // 2 if layer.narrow else width
        each = width // bits
        count = accelerator.cols * each
        array = np.array(words, object).reshape(-1, 1)
        # Operand words from the lowest bits on; in one of them, the first value is on top.
        place = np.arange(count) // each * width + (each - 1 - np.arange(count) % each) * bits
        values = (array >> place.astype(object) & (1 << bits) - 1).astype(np.int64)
        signed = np.where(values >> bits - 1, values - (1 << bits), values)
        channels: IntArray = signed.reshape(layer.out_height, layer.out_width, -1)
        return channels[:, :, : layer.out_channels]


def _checked(name: str, values: ArrayLike, shape: tuple[int, ...], bits: int) -> IntArray:
    array = np.asarray(values)
    if array.shape != shape:
        raise LayerError(f"{name} must have the shape {shape}, not {array.shape}")
    if array.dtype.kind not in "iu":
        raise LayerError(f"{name} must be integers, not {array.dtype}")
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    outside = array[(array < low) | (array > high)]
    if outside.size:
        raise LayerError(f"{name} must lie in {low} .. {high}, not {outside[0]}")
    return array.astype(np.int64)


def _packed(operands: IntArray, bits: int, width: int) -> list[int]:
    """Return words of the operands of the last two axes but one.

    Parameters
    ----------
    operands : ndarray, shape (..., operand words, values)
        Values of an operand word, the first of which goes to the top.
    bits, width : int
        Bits of a value and of an operand word.
    """
    patterns = (operands & (1 << bits) - 1).astype(object)
    count = operands.shape[-1]
    place = np.array([width - (number + 1) * bits for number in range(count)], object)
    each = (patterns << place).sum(axis=-1)
    across = np.array([number * width for number in range(each.shape[-1])], object)
    return list((each << across).sum(axis=-1).ravel())
