"""A precision setting as a standard ONNX file, and as flags for the accelerator's descriptors."""

import json
from collections.abc import Sequence

from voltile.core import Precision
from voltile.sim.fixed_point import FixedPointNetwork
from voltile.sim.fixed_point_layers import FixedPointLayer
from voltile.sim.onnx_builder import OnnxBuilder
from voltile.sim.onnx_layers import ConvolutionNodes, add_join


def qdq_model(network: FixedPointNetwork, precisions: Sequence[Precision]) -> bytes:
    """Return an ONNX file (opset 21) that runs a network at a setting anywhere, exactly.

    QuantizeLinear and DequantizeLinear with scales that are powers of two, weights as integers of
    their bits (4, 8 or 16), biases of 32 bits. Results are cut off (floor) by an offset before the
    quantiser (`exact_sums`), which stands by itself: a runtime that takes convolution and quantiser
    for one, and rounds, does not find them side by side. 16-bit layers come in several convolutions
    of pieces, because single precision cannot add up their products. Outputs are those of the
    network's integers under any runtime that adds up in float32 directly, in any order. Sums are
    unbounded: accumulators that may saturate do not do so in the file.

    Input `input` is of batch x channels x height x width in the units of the network, `logits` of
    batch x classes. The precisions are in the metadata.

    Parameters
    ----------
    network : FixedPointNetwork
        Network, with an input shape.
    precisions : sequence of Precision
        One per layer that takes one.

    Raises
    ------
    LayerError
        When there is not one for each, or sums of a layer are too large for pieces.
    """
    from onnx import TensorProto, helper

    setting = network.by_layer(precisions)
    build, width = OnnxBuilder(), network.element.width
    words = ["input"]
    for number, (layer, taken) in enumerate(zip(network.layers, network.inputs, strict=True)):
        name = layer.source.name
        acts = [_act(network, build, item, words[item], setting[number]) for item in taken]
        if isinstance(layer, FixedPointLayer):
            nodes = ConvolutionNodes(network, number, setting[number] or Precision.FULL)
            real = nodes.add(build, acts[0], nodes.fraction, quantisers=True)
        else:
            real = add_join(build, layer, network.ceiling(number), acts)
        words.append(build.quantised(real, layer.fraction_out, width, f"{name}:words"))
    real = build.dequantised(words[-1], network.layers[-1].fraction_out)
    build.node("Flatten", real, name="logits", axis=1)
    rows, cols, channels = network.input_shape or ("height", "width", "channels")
    value = helper.make_tensor_value_info
    model = build.model(
        [value("input", TensorProto.FLOAT, ["batch", channels, rows, cols])],
        value("logits", TensorProto.FLOAT, ["batch", "classes"]),
    )
    names = [precision.name.lower() for precision in precisions]
    helper.set_model_props(
        model, {"precisions": json.dumps(dict(zip(network.names, names, strict=True)))}
    )
    data: bytes = model.SerializeToString()
    return data


def layer_flags(
    network: FixedPointNetwork, precisions: Sequence[Precision]
) -> list[dict[str, str | int | bool]]:
    """Return what a setting changes in the descriptors of the layers on the array, as plain data.

    Per layer: `layer` (name), `precision` (full, mixed or half), `position` (right shift of the
    results), `narrow` (whether results are written in half as many bits) and `weight_form` (how
    words of full-precision weights become those of the precision: rounded or truncated).

    Raises
    ------
    LayerError
        When there is not a precision for each.
    """
    return [
        {
            "layer": name,
            "precision": precision.name.lower(),
            "position": network.position(number, precisions),
            "narrow": network.narrow(number, precisions),
            "weight_form": "rounded" if network.rounding else "truncated",
        }
        for name, number, precision in zip(
            network.names, network.array_layers, precisions, strict=True
        )
    ]


def _act(
    network: FixedPointNetwork, build: OnnxBuilder, item: int, words: str,
    precision: Precision | None,
) -> str:  # fmt: skip
    """Return a feature map as a layer takes it, in the units of the network."""
    bits, lost = network.word(precision)
    if item == 0:
        fraction = network.fraction_in - lost
        return build.dequantised(build.quantised(words, fraction, bits), fraction)
    fraction = network.layers[item - 1].fraction_out
    real = build.dequantised(words, fraction)
    if not lost:
        return real
    fraction -= lost
    offset = build.number((2.0 ** -(lost + 1) - 0.5) * 2.0**-fraction)
    high = build.quantised(build.node("Add", real, offset), fraction, bits)
    return build.dequantised(high, fraction)
