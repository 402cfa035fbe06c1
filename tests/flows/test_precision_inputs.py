"""Networks, inputs and labels that a precision search takes, and those it refuses."""

import digits_case
import numpy as np
import pytest
from digits_case import DATA, MODEL

from voltile.core import VoltileError
from voltile.flows.precision.inputs import read_precision_inputs

onnx = pytest.importorskip("onnx")

# A warning of numpy is a line on the terminal beside the error.
pytestmark = pytest.mark.filterwarnings("error")


def read(model=str(MODEL), calibration=DATA, test=None, calset=None):
    return read_precision_inputs(model, calibration, test, calset, "scalable", True)


def write_inputs(path, **changed):
    """Write the example's inputs with other arrays; None leaves one out."""
    with np.load(DATA) as arrays:
        content = {name: arrays[name] for name in arrays.files} | changed
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    return path


X = digits_case.inputs()[0].astype(float)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"x": X * 1e37}, "magnitudes of inputs must be below 9.22e+18, not 1e+37"),
        ({"x": X * 1e300}, "magnitudes of inputs must be below 9.22e+18, not 1e+300"),
        ({"scale": 1e308}, "x, less zero_point and times scale 1e+308, must be finite"),
        ({"x": X * 0}, "of the first 100, the calibration set, must be 1.08e-19 or more, not 0"),
        ({"scale": 1e-300}, "calibration set, must be 1.08e-19 or more, not 1.6e-299"),
        ({"x": X[:0]}, "x is empty, of shape (0, 1, 8, 8)"),
        ({"x": X[:, :, :0]}, "x is empty, of shape (600, 1, 0, 8)"),
        ({"x": X.astype(object)}, "no npz file of plain arrays"),
        ({"y": X[:, 0, 0, 0].astype(object)}, "no npz file of plain arrays"),
    ],
)  # fmt: skip
def test_values_that_fixed_point_does_not_hold_are_refused(changed, fault, tmp_path):
    file = write_inputs(tmp_path / "x.npz", **({"scale": None} | changed))
    with pytest.raises(VoltileError) as error:
        read(calibration=file)
    assert str(error.value).startswith(f"inputs {file}: ") and fault in str(error.value)


def test_a_network_whose_results_fixed_point_does_not_hold_is_refused(tmp_path):
    model = onnx.load(str(MODEL))
    (weight,) = [item for item in model.graph.initializer if item.name == "fc.weight"]
    values = onnx.numpy_helper.to_array(weight) * np.float32(1e20)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(tmp_path / "large.onnx"))
    with pytest.raises(VoltileError, match=r"^'fc' has results of \S+; fixed point takes magn"):
        read(str(tmp_path / "large.onnx"))


def test_a_calibration_set_larger_than_the_file_is_refused():
    with pytest.raises(VoltileError, match=r"^calset must be up to 600, the inputs of .*601$"):
        read(calset=601)


def test_inputs_beyond_the_calibration_set_are_the_test_set(tmp_path):
    assert read().accuracy_set == "on 500 inputs of the test set"
    # All of fewer than 100 by default; nothing is left then, and that is said.
    few = write_inputs(tmp_path / "few.npz", x=X[:60], y=digits_case.inputs()[1][:60], scale=None)
    unsplit = "inputs of the calibration set, as there is no test set"
    assert read(calibration=few).accuracy_set == f"on 60 {unsplit}"
    assert read(calset=600).accuracy_set == f"on 600 {unsplit}"
    unknown = write_inputs(tmp_path / "unknown.npz", y=None)
    assert read(calibration=unknown).accuracy_set == "unknown without labels"
    assert read(test=few).accuracy_set == "on 60 inputs of the test set"


def test_a_test_set_must_be_other_inputs(tmp_path):
    (tmp_path / "link.npz").symlink_to(DATA)
    with pytest.raises(VoltileError, match="are those of calibration; a test set has others$"):
        read(test=tmp_path / "link.npz")


def test_tables_say_which_set_accuracies_are_of(voltile):
    for command in (("search", "--evaluations", 100), ("multilevel", "--target", 0.9)):
        for options, text in (((), "500 inputs of the test set"), (
            ("--calset", 600), "600 inputs of the calibration set, as there is no test set"
        )):  # fmt: skip
            code, out, _ = voltile(command[0], "digits", *command[1:], *options)
            assert code == 0 and text in " ".join(out.split())


def write_model(path, *tail, channels=10):
    """Write a convolution of 3 x 3 over the digits, to 6 x 6, with other nodes after it."""
    helper = onnx.helper
    constants = [np.ones((channels, 1, 3, 3), np.float32)]
    nodes = [helper.make_node("Conv", ["x", "c0"], ["t0"], "conv")]
    for number, (op, *operands) in enumerate(tail, 1):
        names = [f"c{len(constants) + place}" for place in range(len(operands))]
        constants += [np.array(item, np.int64) for item in operands]
        nodes.append(helper.make_node(op, [f"t{number - 1}", *names], [f"t{number}"], f"n{number}"))
    value, kind = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "graph", [value("x", kind, ["N", 1, 8, 8])], [value(f"t{len(tail)}", kind, None)],
        [onnx.numpy_helper.from_array(item, f"c{place}") for place, item in enumerate(constants)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("tail", "channels", "shape"),
    [
        ([], 2, r"\(2, 6, 6\)"),
        ([("Softmax",)], 2, r"\(2, 6, 6\)"),
        ([("GlobalAveragePool",)], 1, r"\(1, 1, 1\)"),
    ],
)
def test_a_network_without_a_vector_of_scores_is_refused(tail, channels, shape, tmp_path):
    model = write_model(tmp_path / "map.onnx", *tail, channels=channels)
    with pytest.raises(
        VoltileError,
        match="^.*map.onnx: the output must be a vector of scores of two classes or more for an "
        f"input, not of shape {shape}$",
    ):
        read(str(model))


@pytest.mark.parametrize(
    ("tail", "classes"),
    [
        ([("Flatten",)], 360),
        ([("GlobalAveragePool",)], 10),
        ([("GlobalAveragePool",), ("Squeeze", [2, 3])], 10),
        ([("GlobalAveragePool",), ("Reshape", [-1, 10])], 10),
    ],
)
def test_vectors_of_scores_are_taken(tail, classes, tmp_path):
    found = read(str(write_model(tmp_path / "vector.onnx", *tail)))
    assert np.prod(found.network.feature_maps(X[0, 0, :, :, None], _full(found))[-1].shape) == (
        classes
    )


@pytest.mark.parametrize("tail", [
    [("Squeeze",)], [("GlobalAveragePool",), ("Reshape", [-1, 2, 5])],
])  # fmt: skip
def test_what_spreads_a_vector_is_no_flattening(tail, tmp_path):
    with pytest.raises(VoltileError, match="does not flatten a feature map to one row an input$"):
        read(str(write_model(tmp_path / "spread.onnx", *tail)))


def _full(found):
    return [next(iter(found.network.element.products))] * len(found.network.names)


def test_nothing_outside_the_folder_of_a_model_is_read(tmp_path):
    """External data must lie beside the file, so that a model reads no other file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "weights").write_bytes(np.ones(90, np.float32).tobytes())
    inside = tmp_path / "inside"
    inside.mkdir()
    model = onnx.load(str(write_model(inside / "net.onnx", ("Flatten",))))
    (weight,) = model.graph.initializer
    (inside / "link").symlink_to(outside / "weights")
    for location in ("../outside/weights", str(outside / "weights"), "nosuch", "link"):
        del weight.external_data[:]
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
        (inside / "net.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(VoltileError, match=r"^.*net.onnx: external data cannot be used: \S.*$"):
            read(str(inside / "net.onnx"))
