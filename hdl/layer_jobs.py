"""From a layer to a job: descriptor, stream words in, feature map out."""

import math

import numpy as np
from amaranth import Shape
from numpy.typing import ArrayLike

from voltile.core import LayerError, Precision
from voltile.hdl.accelerator import Accelerator
from voltile.hdl.layer_job import (
    DIMENSION_BITS,
    WORD_BITS,
    PrecisionCode,
    WeightForm,
    job_fields,
)
from voltile.hdl.layers import IntArray, Layer
from voltile.hdl.operand_order import operand_orders
from voltile.hdl.stream_words import checked, packed


class LayerJob:
    """A layer on an accelerator.

    Parameters
    ----------
    layer : Layer
        What to compute.
    accelerator : Accelerator
        What computes it.
    weight_form : WeightForm
        What the words of weights hold: weights of the layer's precision, or of full precision, the
        same words for every precision.

    Attributes
    ----------
    fields : dict of str to int
        Value of every field of the descriptor, as `job_fields` names them, in the order of the
        registers.

    Raises
    ------
    LayerError
        When the accelerator cannot compute the layer as one job: a precision that its elements do
        not have, more words than a bank holds, a field that does not fit its register, or groups
        whose weights of full precision would need another order.
    """

    def __init__(
        self,
        layer: Layer,
        accelerator: Accelerator,
        weight_form: WeightForm = WeightForm.OPERANDS,
    ):
        pe = accelerator.pe
        if not isinstance(weight_form, WeightForm):
            raise LayerError(f"weight_form must be a WeightForm, not {weight_form!r}")
        if layer.precision not in pe.modes:
            raise LayerError(
                f"{type(pe).__name__} has no {layer.precision.name.lower()} precision, but "
                f"{', '.join(precision.name.lower() for precision in pe.modes)}"
            )
        self.layer = layer
        self.accelerator = accelerator
        self.weight_form = weight_form
        orders = operand_orders(pe, accelerator.rows)
        self._order = self._weight_order = orders[layer.precision]
        if weight_form is not WeightForm.OPERANDS:
            self._weight_order = orders[Precision.FULL]
        self._out_values = accelerator.cols * (2 if layer.narrow else 1)
        self.fields = self._described()

    def _grouping(self, values: int) -> tuple[int, int]:
        """Return the words of a pixel that a window takes, and the folds that take the same.

        Words are of `values` activations.

        Groups are taken together until they fill words and folds. Weights between channels of
        different groups are zeros.
        """
        layer, cols = self.layer, self.accelerator.cols
        inputs = layer.in_channels // layer.groups
        outputs = layer.out_channels // layer.groups
        together = math.lcm(
            values // math.gcd(values, inputs),
            cols // math.gcd(cols, outputs),
        )
        if together >= layer.groups:
            return -(-layer.in_channels // values), -(-layer.out_channels // cols)
        return together * inputs // values, together * outputs // cols

    def _described(self) -> dict[str, int]:
        layer, accelerator = self.layer, self.accelerator
        (kernel_height, kernel_width), (stride_y, stride_x) = layer.kernel, layer.stride
        out_folds = -(-layer.out_channels // accelerator.cols)
        window, group_folds = self._grouping(self._order.act_values)
        weight_window, weight_group_folds = self._grouping(self._weight_order.act_values)
        # Every group, the last one too, has all of its words.
        pixel = window * -(-out_folds // group_folds)
        pixels = layer.out_height * layer.out_width
        products = kernel_height * kernel_width * window * self._order.act_values
        reads = products // (self._order.weights * self._order.weight_share)
        out_pixel = -(-layer.out_channels // self._out_values)
        fields = {
            "precision": PrecisionCode[layer.precision.name].value,
            "bias": int(layer.bias),
            "relu": int(layer.relu),
            "narrow": int(layer.narrow),
            "weight_form": self.weight_form.value,
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
            "group_folds": group_folds,
            "weight_window_words": weight_window,
            "weight_group_folds": weight_group_folds,
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
        if (
            fields["weight_group_folds"] < fields["group_folds"]
            and fields["weight_window_words"] != fields["window_words"]
        ):
            groups = (
                fields["weight_group_folds"] * accelerator.cols * self.layer.groups
                // self.layer.out_channels
            )  # fmt: skip
            raise LayerError(
                f"weights of full precision lie in another order than those of "
                f"{self.layer.precision.name.lower()} precision for {self.layer.groups} groups: "
                f"give the layer in parts of {groups} groups"
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
        values = checked("activations", act, shape, self._order.act_bits)
        words = self.fields["act_words"] // (layer.in_height * layer.in_width)
        order = self._order
        padded = np.zeros((*shape[:2], words * order.act_values), np.int64)
        padded[:, :, : layer.in_channels] = values
        operands = padded.reshape(-1, self.accelerator.rows * order.act_share, order.acts)
        return packed(operands, order.act_bits, self.accelerator.pe.act_width // order.act_share)

    def weight_words(self, weight: ArrayLike, bias: ArrayLike | None = None) -> list[int]:
        """Return the stream words of weights and biases.

        Parameters
        ----------
        weight : array_like, shape (out_channels, kernel_height, kernel_width, in_channels / groups)
            Signed values of the bits of weights: those of the layer's precision, or of full
            precision if the weight form says so.
        bias : array_like, shape (out_channels,), optional
            Signed values of twice the element's operand bits; needed when the layer has a bias.

        Raises
        ------
        LayerError
            When shape or values do not fit.
        """
        layer, accelerator, order = self.layer, self.accelerator, self._weight_order
        pe = accelerator.pe
        inputs = layer.in_channels // layer.groups
        shape = (layer.out_channels, *layer.kernel, inputs)
        values = checked("weights", weight, shape, order.weight_bits)
        folds = self.fields["out_folds"]
        window = self.fields["weight_window_words"] * order.act_values
        padded = np.zeros((folds * accelerator.cols, *layer.kernel, window), np.int64)
        channel = np.arange(layer.out_channels)
        group = channel // (layer.out_channels // layer.groups)
        # The first channel of the group within the window of the fold.
        windows = channel // accelerator.cols // self.fields["weight_group_folds"]
        first = group * inputs - windows * window
        for number, start in enumerate(first):
            padded[number, :, :, start : start + inputs] = values[number]
        share = order.weight_share
        operands = padded.reshape(folds, accelerator.cols, -1, share, order.weights)
        operands = operands.swapaxes(1, 2).reshape(
            folds, -1, accelerator.cols * share, order.weights
        )
        words = np.array(
            packed(operands, order.weight_bits, pe.weight_width // share), object
        ).reshape(folds, -1)
        if layer.bias:
            if bias is None:
                raise LayerError("the layer has a bias, and none is given")
            biases = np.zeros(folds * accelerator.cols, np.int64)
            biases[: layer.out_channels] = checked(
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

        Raises
        ------
        LayerError
            When there are fewer words than the job gives, or more.
        """
        layer, accelerator = self.layer, self.accelerator
        if len(words) != self.fields["out_words"]:
            raise LayerError(
                f"the job gives {self.fields['out_words']} words of results, not {len(words)}"
            )
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
