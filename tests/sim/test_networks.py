"""Networks from ONNX files, and in fixed point."""

import numpy as np
import pytest

from voltile.core import LayerError, Precision
from voltile.sim import (
    DUAL,
    SCALABLE,
    SPATIAL,
    FixedPointNetwork,
    FloatLayer,
    FloatNetwork,
    fraction_length,
    quantise,
    read_onnx,
    read_onnx_workload,
)

onnx = pytest.importorskip("onnx")


def write_model(path, nodes, constants, shape=(1, 2, 5, 4)):
    """Write a model whose nodes are a chain from `input`."""
    from onnx import helper, numpy_helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "chain", [value("input", onnx.TensorProto.FLOAT, shape)],
        [value(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array.astype(np.float32), name)
         for name, array in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def chain(rng, **attributes):
    """Return a convolution, ReLU, a fully connected layer, and their constants."""
    from onnx import helper

    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["c"], **attributes),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "m"], ["out"], transB=1),
    ]
    return nodes, {
        "w": rng.normal(size=(6, 2 // attributes.get("group", 1), 3, 2)),
        "b": rng.normal(size=6),
        "m": rng.normal(size=(3, 6)),
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [1, 0, 2, 1], "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "group": 2},
        {"auto_pad": "VALID"},
    ],
)
def test_layers_of_a_file_compute_what_onnxruntime_does(attributes, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(5)
    path = write_model(tmp_path / "net.onnx", *chain(rng, **attributes))
    network = read_onnx(path)
    values = rng.normal(size=(5, 4, 2))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    channels_first = np.moveaxis(values, -1, 0)[None].astype(np.float32)
    [expected] = session.run(None, {"input": channels_first})
    found = network.feature_maps(values)[-1]
    np.testing.assert_allclose(found.ravel(), expected.ravel(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("Sigmoid", ["input"], {})], "is of type Sigmoid, which is"),
        ([("ConvTranspose", ["input", "w"], {})], "is of type ConvTranspose, which is"),
        ([("Conv", ["input", "w"], {"dilations": [2, 2]})], "or a dilated one"),
        ([("Conv", ["input", "input"], {})], "operand 'input' of 'n0' is not a constant"),
        ([("Relu", ["input"], {})], "'n0' has no layer before it"),
        (
            [("Conv", ["input", "w"], {}), ("Conv", ["input", "w"], {})],
            "nothing takes the result of 'n0'",
        ),
        ([("Gemm", ["input", "m"], {"transB": 1})], "takes 6 values, the feature map has 40"),
        ([("Constant", [], {"value_string": "a"})], "'n0' is of type Constant with value_s"),
        (
            [("Flatten", ["input"], {}), ("Conv", ["n0", "w"], {})],
            "'n1' takes a feature map that is flattened",
        ),
        (
            [("Conv", ["input", "l"], {})],
            "a kernel of 6 x 2 of 'n0' does not fit a feature map of 5 x 4",
        ),
        ([("Conv", ["input", "x"], {})], "takes 3 channels, the feature map has 2"),
        ([("LSTM", ["input", "w"], {})], "'n0' is of type LSTM, which is not supported"),
        (
            [("Conv", ["input", "w"], {}), ("HardSwish", ["n0"], {})],
            "'n1' is of type HardSwish, which is not supported",
        ),
        (
            [("Conv", ["input", "w"], {}), ("Softmax", ["n0"], {}), ("Relu", ["n1"], {})],
            "'n2' follows a Softmax",
        ),
        (
            [("Conv", ["input", "s"], {}), ("Relu", ["n0"], {}), ("Add", ["n0", "n1"], {})],
            "'n2' takes 'n0', which is no feature map",
        ),
        (
            [("Conv", ["input", "s"], {}), ("MaxPool", ["n0"], {"kernel_shape": [1, 1]}),
             ("Relu", ["n0"], {})],
            "'n2' follows 'n0', which others take without it",
        ),
        (
            [("Conv", ["input", "w"], {}), ("Add", ["input", "n0"], {})],
            r"'n1' joins feature maps of \[\(5, 4, 2\), \(3, 3, 2\)\], or not by their channels",
        ),
        (
            [("Conv", ["input", "s"], {}), ("Concat", ["input", "n0"], {"axis": 2})],
            "or not by their channels",
        ),
        (
            [("MaxPool", ["input"], {"kernel_shape": [2, 2]}),
             ("BatchNormalization", ["n0", "v", "v", "v", "v"], {})],
            r"'n1' \(BatchNormalization\) does not follow a convolution at once",
        ),
        ([("Conv", ["input", "s"], {}), ("Clip", ["n0", "v0"], {})], "clips from 1.0 to None"),
        ([("Conv", ["input", "s"], {"strides": [0, 1]})], "'n0' is no valid Conv"),
        (
            [("AveragePool", ["input"], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]})],
            "'n0' averages over less at the border than elsewhere",
        ),
        (
            [("MaxPool", ["input"], {"kernel_shape": [2, 2], "ceil_mode": 1})],
            "'n0' is dilated, or its windows reach over the padding",
        ),
        (
            [("Reshape", ["input", "q"], {}), ("Gemm", ["n0", "m"], {})],
            "'n0' does not flatten a feature map to one row an input",
        ),
    ],
)
def test_what_is_not_supported_is_named(nodes, message, tmp_path):
    from onnx import helper

    made = [helper.make_node(kind, inputs, [f"n{number}"], **attributes)
            for number, (kind, inputs, attributes) in enumerate(nodes)]  # fmt: skip
    constants = {
        "w": np.ones((2, 2, 3, 2)), "m": np.ones((3, 6)), "x": np.ones((2, 3, 3, 2)),
        "l": np.ones((2, 2, 6, 2)), "s": np.ones((2, 2, 1, 1)), "v": np.ones(2),
        "v0": np.ones(()), "q": np.ones(4),
    }  # fmt: skip
    path = write_model(tmp_path / "net.onnx", made, constants)
    with pytest.raises(LayerError, match=message):
        read_onnx(path)


def test_layers_are_named_as_in_the_workload(keyword_spotting):
    """So that energy tables join."""
    model, *_ = keyword_spotting
    workload = read_onnx_workload(model)
    names = [layer.name for layer in read_onnx(model).layers]
    assert names == [layer.name for layer in workload.layers if layer.op.on_array]


def test_a_file_that_is_none_is_named(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(LayerError, match="no ONNX file"):
        read_onnx(path)
    path.write_bytes(b"")
    with pytest.raises(LayerError, match="net.onnx: the file is empty$"):
        read_onnx(path)
    path.unlink()
    with pytest.raises(LayerError, match="net.onnx cannot be read: No such file or directory$"):
        read_onnx(path)


@pytest.mark.parametrize(
    ("change", "what"),
    [({"w": np.nan}, "weights"), ({"w": -np.inf}, "weights"), ({"b": np.nan}, "results"),
     ({"w": 1e308, "b": 1e308}, "results")],
)  # fmt: skip
def test_network_rejects_numbers_that_are_not_finite(change, what):
    """A weight of minus infinity does not show after a ReLU; 2e308 is beyond doubles."""
    arrays = {"w": 0.5, "b": 1.0} | change
    weight, bias = np.full((1, 1, 1, 1), arrays["w"]), np.full(1, arrays["b"])
    network = FloatNetwork((2, 2, 1), (FloatLayer("c", weight, bias, relu=True),))
    with pytest.raises(LayerError, match=f"^'c' has {what} that are not finite$"):
        FixedPointNetwork.quantised(network, np.ones((1, 2, 2, 1)))


def test_quantisation_is_half_even_and_clips():
    """Eq. 3.2 on a few values by hand: two fraction bits, four bits."""
    values = [0.125, 0.375, -0.125, 1.74, 1.9, -2.0, -3.0]
    assert quantise(values, 2, 4).tolist() == [0, 2, 0, 7, 7, -8, -8]


@pytest.mark.parametrize("scale", [0.003, 0.7, 40.0])
def test_fraction_length_has_the_least_squared_error(scale):
    values = np.random.default_rng(6).normal(size=2000) * scale
    errors = {
        fraction: np.mean((values - quantise(values, fraction, 8) * 2.0**-fraction) ** 2)
        for fraction in range(-12, 24)
    }
    assert fraction_length(values, 8) == min(errors, key=errors.get)


def test_fixed_point_follows_floating_point(tmp_path):
    """The more bits, the nearer to floating point: 16-bit words to their last bits."""
    rng = np.random.default_rng(7)
    network = read_onnx(write_model(tmp_path / "net.onnx", *chain(rng, pads=[1, 1, 1, 1])))
    inputs = rng.normal(size=(8, 5, 4, 2))
    for element, tolerance in ((SCALABLE, 0.1), (SPATIAL, 0.1), (DUAL, 0.0003)):
        fixed = FixedPointNetwork.quantised(network, inputs, element)
        last = fixed.layers[-1]
        full = [Precision.FULL] * len(fixed.layers)
        found = np.array([fixed.feature_maps(item, full)[-1].ravel() for item in inputs])
        expected = np.array([network.feature_maps(item)[-1].ravel() for item in inputs])
        error = np.abs(found * 2.0**-last.fraction_out - expected).max()
        assert error < tolerance * np.abs(expected).max()


def test_every_layer_needs_a_precision(tmp_path):
    rng = np.random.default_rng(7)
    network = read_onnx(write_model(tmp_path / "net.onnx", *chain(rng)))
    fixed = FixedPointNetwork.quantised(network, rng.normal(size=(2, 5, 4, 2)))
    with pytest.raises(LayerError, match="3 layers need a precision each, 1 are given"):
        fixed.feature_maps(np.zeros((5, 4, 2)), [Precision.FULL])


def test_a_constant_that_lacks_bytes_is_named(tmp_path):
    path = write_model(tmp_path / "net.onnx", *chain(np.random.default_rng(7)))
    model = onnx.load(path)
    model.graph.initializer[0].raw_data = b"\0" * 4
    onnx.save(model, path)
    with pytest.raises(LayerError, match="'w' is no valid constant"):
        read_onnx(path)
