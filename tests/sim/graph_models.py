"""A small ONNX network with branches, and what its integers must be, from the specification."""

import itertools

import numpy as np

from voltile.core import Precision
from voltile.sim import FixedPointLayer

SHAPE = (8, 6, 2)


def write_graph(path, rng, gain=1.0):
    """Write a network with a residual sum, a concatenation, pooling, batch norm and ReLU6."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], output, **attributes))

    constants, nodes = [], []
    normal = [constant(f"n{place}", values) for place, values in enumerate(
        (rng.uniform(0.5, 2, 4), rng.normal(size=4), rng.normal(size=4), rng.uniform(0.5, 2, 4))
    )]  # fmt: skip
    constant("zero", 0.0), constant("six", 6.0)
    node("Conv", ["input", constant("w1", gain * rng.normal(size=(4, 2, 3, 3)))], "c1",
         pads=[1, 1, 1, 1])  # fmt: skip
    node("BatchNormalization", ["c1", *normal], "b1")
    node("Relu", ["b1"], "r1")
    w2 = constant("w2", rng.normal(size=(4, 1, 3, 2)))
    node("Conv", ["r1", w2, constant("o2", [1, -1, 0, 2])],
         "c2", group=4, auto_pad="SAME_UPPER")  # fmt: skip
    node("Clip", ["c2", "zero", "six"], "r2")
    node("MaxPool", ["r1"], "m", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    node("Concat", ["r2", "m"], "j", axis=1)
    node("Conv", ["j", constant("w3", rng.normal(size=(4, 8, 1, 1)))], "c3")
    node("Add", ["c3", "r1"], "a")
    node("Relu", ["a"], "r3")
    node("AveragePool", ["r3"], "p", kernel_shape=[2, 2], strides=[2, 2])
    node("Flatten", ["p"], "f")
    node("MatMul", ["f", constant("w4", rng.normal(size=(48, 3)))], "fc")
    node("Add", ["fc", constant("o4", rng.normal(size=3))], "fb")
    node("Softmax", ["fb"], "out")
    value = helper.make_tensor_value_info
    height, width, channels = SHAPE
    graph = helper.make_graph(
        nodes, "graph", [value("input", TensorProto.FLOAT, ["N", channels, height, width])],
        [value("out", TensorProto.FLOAT, None)], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def specified_maps(network, values, setting):
    """Return the words of all bits of every layer, in loops over Python integers.

    Convolutions by the definition of the precisions: full words; weights of half the bits, worth
    2**K each; and activations cut to their high half, worth 2**K each, the input rounded to it.
    """
    bits, half = network.element.width, network.element.width // 2
    precision = dict(zip(network.names, setting, strict=True))
    maps = []
    for layer, taken in zip(network.layers, network.inputs, strict=True):
        mode = precision.get(layer.source.name)
        lost = half if mode is Precision.HALF else 0
        acts = []
        for item in taken:
            if item:
                acts.append((maps[item - 1] >> lost).astype(object))
            else:
                scaled = np.rint(values * 2.0 ** (network.fraction_in - lost)).astype(int)
                limit = 1 << bits - lost - 1
                acts.append(np.clip(scaled, -limit, limit - 1).astype(object))
        source = layer.source
        if isinstance(layer, FixedPointLayer):
            weight, shift = layer.weight, lost
            if mode is not Precision.FULL:
                low = np.rint(weight / 2**half) if network.rounding else weight // 2**half
                weight = np.minimum(low.astype(int), 2 ** (half - 1) - 1)
                shift += half
            bias = np.zeros(len(weight), int) if layer.bias is None else layer.bias
            sums = convolution(acts[0], weight, source) * 2**shift + bias
            position = layer.fraction_in + layer.fraction_weight - layer.fraction_out
        elif hasattr(source, "kernel"):
            sums, position = pooled(acts[0], source), 0
        else:
            longest = max(layer.fractions_in)
            aligned = [act * 2 ** (longest - fraction)
                       for act, fraction in zip(acts, layer.fractions_in, strict=True)]
            sums = np.concatenate(aligned, axis=2) if source.concatenates else sum(aligned)
            position = longest - layer.fraction_out
        words = np.clip(sums // 2**position, -(1 << bits - 1), (1 << bits - 1) - 1)
        if source.relu:
            words = np.maximum(words, 0)
        if source.ceiling is not None:
            words = np.minimum(words, int(np.floor(source.ceiling * 2.0**layer.fraction_out)))
        maps.append(words.astype(int))
    return maps


def convolution(act, weight, source):
    """Return sums of products, of Python integers."""
    top, left, bottom, right = source.padding
    padded = np.pad(act, ((top, bottom), (left, right), (0, 0)), constant_values=0)
    outputs, rows, cols, inputs = weight.shape
    height = (padded.shape[0] - rows) // source.stride[0] + 1
    width = (padded.shape[1] - cols) // source.stride[1] + 1
    sums = np.zeros((height, width, outputs), object)
    for y, x, output in itertools.product(range(height), range(width), range(outputs)):
        first = output * source.groups // outputs * inputs
        row, col = y * source.stride[0], x * source.stride[1]
        seen = padded[row : row + rows, col : col + cols, first : first + inputs]
        sums[y, x, output] = (seen * weight[output].astype(object)).sum()
    return sums


def pooled(act, source):
    """Return the largest value in the map of every window."""
    top, left, *_ = source.padding
    height, width, channels = act.shape
    out = [(size + sum(source.padding[axis::2]) - source.kernel[axis]) // source.stride[axis] + 1
           for axis, size in enumerate((height, width))]  # fmt: skip
    result = np.zeros((*out, channels), object)
    for y, x in itertools.product(*map(range, out)):
        row, col = y * source.stride[0] - top, x * source.stride[1] - left
        seen = act[max(row, 0) : row + source.kernel[0], max(col, 0) : col + source.kernel[1]]
        result[y, x] = seen.max(axis=(0, 1))
    return result
