"""Workloads from ONNX files; models are built here, shapes are by hand or from onnxruntime."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voltile.core import LayerError
from voltile.sim import LayerShape, Op, network, read_onnx_workload, read_workload

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=output, **attributes)


def write_model(path, nodes, constants=None, shape=("N", 8, 10, 12), **inputs):
    """Write a model; constants are arrays, or shapes of arrays of ones."""
    value = helper.make_tensor_value_info
    arrays = {name: np.ones(item, np.float32) if isinstance(item, tuple) else item
              for name, item in (constants or {}).items()}  # fmt: skip
    graph = helper.make_graph(
        nodes, "net",
        [value(name, TensorProto.FLOAT, size) for name, size in {"x": shape, **inputs}.items()],
        [value(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def read(tmp_path):
    def read(nodes, constants=None, batch=1, **shapes):
        path = write_model(tmp_path / "net.onnx", nodes, constants, **shapes)
        return read_onnx_workload(path, batch).layers

    return read


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 3], "pads": [1, 0, 2, 1]},
        {"group": 4, "dilations": [2, 1]},
        {"group": 8, "auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
        {"auto_pad": "VALID", "strides": [2, 1]},
    ],
)
def test_convolutions_have_the_size_that_onnxruntime_computes(attributes, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    groups = attributes.get("group", 1)
    nodes = [node("Conv", ["x", "w"], "y", **attributes)]
    path = write_model(tmp_path / "net.onnx", nodes, {"w": (16, 8 // groups, 4, 3)})
    [layer] = read_onnx_workload(path).layers
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"x": np.ones((1, 8, 10, 12), np.float32)})
    assert (layer.out_channels, layer.out_height, layer.out_width) == found.shape[1:]
    # Where windows lie over pixels, as the products of ones show: the least is that in a corner.
    corner = [
        sum(0 <= i * dilation - before < size for i in range(length))
        for length, dilation, before, size in zip(
            layer.kernel, layer.dilation, layer.padding[:2], (10, 12), strict=True
        )
    ]
    assert found[0, 0, 0, 0] == corner[0] * corner[1] * 8 // groups
    assert layer.weights == 16 * 8 // groups * 12
    assert not layer.bias


@pytest.mark.parametrize(
    ("automatic", "pads"), [("SAME_UPPER", (3, 1, 3, 2)), ("SAME_LOWER", (3, 2, 3, 1))]
)
def test_same_padding_knows_dilation(read, automatic, pads):
    """ONNX: as many windows as pixels, divided by the stride, rounded up; onnxruntime refuses it.

    By hand: windows reach over 7 x 5; 10 rows from 10 need 6 more, 6 columns from 12 need 3 more.
    """
    attributes = {"auto_pad": automatic, "strides": [1, 2], "dilations": [2, 2]}
    [layer] = read([node("Conv", ["x", "w"], "c", **attributes)], {"w": (4, 8, 4, 3)})
    assert layer.padding == pads
    assert (layer.out_height, layer.out_width) == (10, 6)


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 2]},
        {"strides": [2, 2], "ceil_mode": 1},
        {"strides": [3, 4], "ceil_mode": 1, "pads": [1, 1, 1, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {},
    ],
)
def test_poolings_have_the_size_that_onnxruntime_computes(op, attributes, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    nodes = [node(op, ["x"], "y", kernel_shape=[3, 3], **attributes)]
    path = write_model(tmp_path / "net.onnx", nodes)
    [layer] = read_onnx_workload(path).layers
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"x": np.ones((1, 8, 10, 12), np.float32)})
    assert (layer.out_channels, layer.out_height, layer.out_width) == found.shape[1:]
    assert layer.groups == 8
    assert layer.weights == 0
    assert layer.macs == (9 * found.size if op == "AveragePool" else 0)


def test_a_residual_block_counts_its_sum(read):
    layers = read(
        [
            node("Conv", ["x", "a"], "c1", pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["c1", "s", "s", "s", "s"], "n1"),
            node("Relu", ["n1"], "r1"),
            node("Conv", ["r1", "b", "s"], "c2"),
            node("Add", ["c2", "x"], "sum"),
            node("Relu", ["sum"], "out"),
        ],
        {"a": (16, 8, 3, 3), "b": (8, 16, 1, 1), "s": (16,)},
    )
    assert layers == (
        LayerShape("c1", Op.CONV, 8, 16, 10, 12, (3, 3), padding=(1, 1, 1, 1)),
        LayerShape("c2", Op.CONV, 16, 8, 10, 12),
        LayerShape("sum", Op.ELEMENTWISE, 8, 8, 10, 12, groups=8, bias=False, inputs=2),
    )


def test_branches_meet_in_a_concatenation(read):
    layers = read(
        [
            node("Conv", ["x", "a"], "c1"),
            node("Conv", ["x", "b"], "c2", pads=[1, 1, 1, 1]),
            node("Concat", ["c1", "c2"], "both", axis=1),
            node("GlobalAveragePool", ["both"], "mean"),
        ],
        {"a": (4, 8, 1, 1), "b": (6, 8, 3, 3)},
    )
    assert [layer.name for layer in layers] == ["c1", "c2", "mean"]
    assert layers[2] == LayerShape(
        "mean", Op.AVERAGE_POOL, 10, 10, 10, 12, (10, 12), groups=10, bias=False
    )


def test_normalisation_that_cannot_be_folded_is_a_layer(read):
    layers = read(
        [
            node("Relu", ["x"], "r"),
            node("BatchNormalization", ["r", "s", "s", "s", "s"], "n"),
            node("LRN", ["n"], "l", size=3),
        ],
        {"s": (8,)},
    )
    assert [(layer.name, layer.op, layer.inputs) for layer in layers] == [
        ("n", Op.ELEMENTWISE, 1), ("l", Op.ELEMENTWISE, 1),
    ]  # fmt: skip


def test_factors_per_channel_count_the_map_alone(read):
    """Squeeze and excitation."""
    layers = read(
        [
            node("GlobalAveragePool", ["x"], "mean"),
            node("Conv", ["mean", "a"], "c"),
            node("Sigmoid", ["c"], "gate"),
            node("Mul", ["x", "gate"], "scaled"),
        ],
        {"a": (8, 8, 1, 1)},
    )
    assert layers[2] == LayerShape("scaled", Op.ELEMENTWISE, 8, 8, 10, 12, groups=8, bias=False)


def test_functions_of_one_map_are_fused(read):
    """A hard swish in four nodes, x * clip(x + 3) / 6, and x * sigmoid(x)."""
    layers = read(
        [
            node("Conv", ["x", "a"], "c"),
            node("Add", ["c", "three"], "c3"),
            node("Clip", ["c3"], "clipped"),
            node("Mul", ["c", "clipped"], "product"),
            node("Div", ["product", "three"], "quotient"),
            node("Sigmoid", ["quotient"], "s"),
            node("Mul", ["quotient", "s"], "out"),
        ],
        {"a": (8, 8, 1, 1), "three": np.float32(3)},
    )
    assert [layer.name for layer in layers] == ["c"]


@pytest.mark.parametrize(
    ("attributes", "operands"),
    [
        ({"transB": 1}, ("flat", "m")),
        ({}, ("flat", "t")),
        ({"transA": 1, "transB": 1}, ("turned", "m")),
    ],
)
@pytest.mark.parametrize("flatten", ["Flatten", "Reshape"])
def test_a_product_of_a_flattened_map_has_its_kernel(read, attributes, operands, flatten):
    layers = read(
        [
            node("Relu", ["x"], "r"),
            node(flatten, ["r", "minus"] if flatten == "Reshape" else ["r"], "flat"),
            node("Transpose", ["flat"], "turned"),
            node("Gemm", [*operands, "b"], "fc", **attributes),
            node("Gemm", ["fc", "last"], "fc2"),
        ],
        {"m": (5, 960), "t": (960, 5), "b": (5,), "last": (5, 3), "minus": np.array([1, -1])},
        batch=1,
    )
    assert layers == (
        LayerShape("fc", Op.GEMM, 8, 5, 10, 12, (10, 12)),
        LayerShape("fc2", Op.GEMM, 5, 3, bias=False),
    )


@pytest.mark.parametrize(("first", "batch"), [("N", 1), ("N", 3), (None, 3), (4, 1), (4, 3)])
def test_rows_are_those_of_one_input(tmp_path, first, batch):
    """Whatever the batch that the file or the user says."""
    nodes = [node("MatMul", ["x", "w"], "p")]
    nodes += [node("Add", ["p", "b"], "s"), node("Relu", ["s"], "r")]
    constants = {"w": (16, 4), "b": (4,)}
    path = write_model(tmp_path / "n.onnx", nodes, constants, (first, 7, 16))
    workload = read_onnx_workload(path, batch)
    assert workload.layers == (LayerShape("p", Op.GEMM, 16, 4, 7),)
    assert workload.batch == batch


def test_the_dynamic_flatten_of_exporters_is_followed(read):
    """Shape, Gather, Unsqueeze, Concat, Reshape: arithmetic on shapes, no layers."""
    layers = read(
        [
            node("Shape", ["x"], "shape"),
            node("Gather", ["shape", "zero"], "first", axis=0),
            node("Unsqueeze", ["first", "axes"], "rank1"),
            node("Concat", ["rank1", "minus"], "target", axis=0),
            node("Reshape", ["x", "target"], "flat"),
            node("Gemm", ["flat", "w"], "fc"),
        ],
        {"zero": np.array(0), "axes": np.array([0]), "minus": np.array([-1]), "w": (960, 2)},
    )
    assert layers == (LayerShape("fc", Op.GEMM, 8, 2, 10, 12, (10, 12), bias=False),)


def test_quantised_weights_and_constant_nodes_are_weights(read):
    weight = numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32))
    layers = read(
        [
            node("DequantizeLinear", ["w", "scale", "zero"], "wf"),
            node("QuantizeLinear", ["x", "scale", "zero"], "xq"),
            node("DequantizeLinear", ["xq", "scale", "zero"], "xf"),
            node("Conv", ["xf", "wf"], "c1"),
            node("Constant", [], "w2", value=weight),
            node("Conv", ["c1", "w2"], "c2"),
            node("ReduceMean", ["c2"], "mean", axes=[2, 3], keepdims=0),
        ],
        {"w": np.ones((4, 8, 1, 1), np.int8), "scale": np.float32(1), "zero": np.int8(0)},
    )
    assert [(layer.op, layer.in_channels, layer.out_channels) for layer in layers] == [
        (Op.CONV, 8, 4), (Op.CONV, 4, 4), (Op.AVERAGE_POOL, 4, 4),
    ]  # fmt: skip


def test_weights_in_files_that_are_not_there_are_not_needed(tmp_path):
    nodes = [node("Conv", ["x", "w"], "c")]
    path = write_model(tmp_path / "net.onnx", nodes, {"w": (16, 8, 3, 3)})
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    (tmp_path / "weights").unlink()
    assert read_onnx_workload(path).layers[0].weights == 16 * 8 * 9


def test_names_are_those_of_nodes_or_what_they_make(read):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["a", "w"], ["b"], name="conv"),
        helper.make_node("Conv", ["b", "w"], ["c"], name="conv"),
    ]
    assert [layer.name for layer in read(nodes, {"w": (8, 8, 1, 1)})] == ["a", "conv", "c"]


@pytest.fixture
def zoo():
    """Networks of the ONNX model zoo without their weights, as the onnx package has them."""
    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    if not folder.is_dir():
        pytest.skip("needs the light models of the onnx package")
    return lambda name: read_onnx_workload(folder / f"light_{name}.onnx").layers


@pytest.mark.parametrize(
    ("name", "weights", "billions"),
    [
        ("vgg19", 143667240 - 14696, 19.63),
        ("resnet50", 25557032 - 53120 - 1000, 4.09),
        ("densenet121", 7978856 - 83648 - 1000, 2.83),
    ],
)
def test_networks_of_the_model_zoo_have_the_figures_of_torchvision(zoo, name, weights, billions):
    """Parameters, less those of normalisation and biases; products as "GFLOPS" of its tables.

    Biases of VGG19: 2 * (64 + 128) + 4 * 256 + 8 * 512 + 2 * 4096 + 1000 = 14696.
    """
    layers = zoo(name)
    assert sum(layer.weights for layer in layers) == weights
    macs = sum(layer.macs for layer in layers if layer.op is not Op.AVERAGE_POOL)
    assert round(macs / 1e9, 2) == billions


def test_built_in_networks_are_those_of_the_model_zoo(zoo):
    """Layer for layer, but for their names; ResNet50 with its strides in other places."""
    found = [replace(layer, name="any") for layer in zoo("squeezenet")]
    built = [replace(layer, name="any") for layer in network("squeezenet1.1").layers]
    assert found == built
    found, built = (
        sorted((layer.op.value, layer.vector, layer.out_channels, layer.inputs) for layer in layers)
        for layers in (zoo("resnet50"), network("resnet50").layers)
    )
    assert found == built


def test_keyword_spotting_is_the_built_in_network(keyword_spotting):
    assert read_workload(str(keyword_spotting[0]), 2).layers == network("kws_dscnn").layers


W = {"w": (8, 8, 3, 3)}
CONV = node("Conv", ["x", "w"], "c")


@pytest.mark.parametrize(
    ("nodes", "constants", "shape", "message"),
    [
        ([node("ConvTranspose", ["x", "w"], "up")], W, None, "'up' is of type ConvTranspose"),
        ([helper.make_node("Gelu", ["x"], ["g"], domain="my.own")], {}, None, "type my.own.Gelu"),
        ([node("Resize", ["x", "", "s"], "r")], {"s": (4,)}, None, "'r' is of type Resize"),
        ([node("Conv", ["x", "v"], "c")], {"v": (4, 8, 3)}, (1, 8, 9), "Conv of 1 dimension"),
        ([node("Conv", ["x", "x"], "c")], {}, None, "weights of 'c' are not constant"),
        ([node("MatMul", ["x", "x"], "m")], {}, None, "weights of 'm' are not constant"),
        ([node("MatMul", ["m", "x"], "y")], {"m": (4, 10)}, None, "takes a constant for its"),
        ([node("MatMul", ["x", "m"], "y")], {"m": (8, 12, 3)}, None, "of two dimensions, not 3"),
        ([node("MatMul", ["x", "m"], "y")], {"m": (9, 3)}, None, "'y' takes 9 values, 'x' has 12"),
        ([node("Gemm", ["x", "m"], "y")], {"m": (12, 3)}, None, "takes matrices of two dim"),
        ([node("Conv", ["x", "v"], "c")], {"v": (4, 7, 3, 3)}, None, "7 channels, 'x' has 8"),
        ([node("Conv", ["x", "w"], "c", group=0)], W, None, "takes 0 channels, 'x' has 8"),
        ([node("Conv", ["x", "w"], "c", strides=[0, 1])], W, None, "must be positive"),
        ([node("Conv", ["x", "w"], "c", strides=[1])], W, None, "strides must be 2 integer"),
        ([node("Conv", ["x", "w"], "c", strides="ab")], W, None, "strides must be 2 integer"),
        ([node("Conv", ["x", "w"], "c", pads=[1, 1])], W, None, "pads must be 4 integer"),
        ([node("Conv", ["x", "w"], "c", pads=7)], W, None, "pads must be 4 integer"),
        ([node("Conv", ["x", "w"], "c", pads=[-1, 0, 0, 0])], W, None, "padding not negative"),
        ([node("Conv", ["x", "w"], "c", auto_pad="MORE")], W, None, "auto_pad is unknown"),
        ([CONV], W, ("N", 8, "H", 12), "sizes of 'x' at 'c' must be known .*, not 1 x 8 x . x 12"),
        ([CONV], W, ("N", 8, -4, 12), "sizes of 'x' at 'c' must be known and positive"),
        ([CONV], W, "any", "the shape of 'x' at 'c' is unknown"),
        ([node("Add", ["x", "c"], "y")], {"c": ()}, None, "there is no layer"),
        ([node("LRN", ["x"], "y", size=3)], {}, (), "the shape of 'y' at 'y' is unknown"),
        ([CONV], W, ("N", 8, 2, 12), "kernel of 3 x 3 does not fit an input of 2 x 12"),
        ([CONV], W, (1, 8, 1 << 31, 1 << 31), "where a batch of 1 may take"),
        ([CONV], {"w": (8, 8, 3)}, None, "Conv of 1 dimension"),
        ([node("Conv", ["x", "gone"], "c")], {}, None, "takes 'gone', which no node before makes"),
        ([node("Conv", ["x"], "c")], {}, None, "weights of 'c' are not constant"),
        ([node("Relu", ["x"], "r")], {}, None, "there is no layer"),
        ([node("MaxPool", ["x"], "p")], {}, None, "a kernel|sizes must be positive"),
        ([node("ReduceMean", ["x"], "p", axes=[1])], {}, None, "not over height and width"),
        ([node("Conv", ["x", "w"], "two\nlines")], W, None, r"printable text, not 'two\\nlines'"),
        ([helper.make_node("Conv", ["x", "w"], [])], W, None, "of type 'Conv' has no output"),
        ([helper.make_node("Conv\n\n", ["x", "w"], ["c"])], W, None, "'c' is of type Conv , which"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_in_one_line(nodes, constants, shape, message, tmp_path):
    path = tmp_path / "net.onnx"
    last = nodes[-1].output[0] if nodes[-1].output else "none"
    value = helper.make_tensor_value_info
    size = {"any": None, None: ("N", 8, 10, 12)}.get(shape, shape)
    graph = helper.make_graph(
        nodes, "net", [value("x", TensorProto.FLOAT, size)], [value(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(item, np.float32), name)
         for name, item in constants.items()],
    )  # fmt: skip
    path.write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(LayerError, match=message) as caught:
        read_onnx_workload(path)
    assert "\n" not in str(caught.value)


def test_a_batch_that_was_folded_into_rows_is_refused(read):
    with pytest.raises(LayerError, match="'m' at 'y' has 1 row.s., no multiple of the batch of 4"):
        read([node("Reshape", ["x", "one"], "m"), node("MatMul", ["m", "w"], "y")],
             {"one": np.array([1, 12]), "w": (12, 2)}, shape=(4, 3))  # fmt: skip
    with pytest.raises(LayerError, match="'c' needs 2 feature map.s. .* 'm' is of 4 x 2 x 3 x 3"):
        read([node("Reshape", ["x", "four"], "m"), node("Conv", ["m", "w"], "c")],
             {"four": np.array([4, 2, 3, 3]), "w": (2, 2, 1, 1)}, shape=(2, 4, 3, 3))  # fmt: skip


def test_sums_that_do_not_fit_say_what_inference_found(read):
    with pytest.raises(LayerError, match="shape of 'sum' at 'sum' is unknown .*(?i:dimension)"):
        read([CONV, node("Add", ["c", "x"], "sum")], W)


def test_damaged_files_are_no_onnx_files(tmp_path):
    """Cut anywhere, or with a byte changed: a workload, or one error of one line."""
    path = write_model(tmp_path / "net.onnx", [CONV, node("Relu", ["c"], "r")], {"w": (8, 8, 1, 1)})
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    damaged = [b"", b"no model", bytes(1000), whole.replace(b"Relu", b"Re\xff\xfe")]
    for place in rng.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] = rng.integers(0, 256)
        damaged += [bytes(changed), whole[:place]]
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            read_onnx_workload(path)
        except LayerError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused >= 150


@pytest.mark.parametrize("batch", [0, -1, 1 << 31, 1 << 80])
def test_a_batch_is_a_positive_number(read, batch):
    with pytest.raises(LayerError, match="batch must be from 1 to"):
        read([CONV], W, batch)


@pytest.mark.parametrize("name", ["none.onnx", "."])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(LayerError, match="cannot be read: (No such file|Is a) "):
        read_onnx_workload(tmp_path / name)
