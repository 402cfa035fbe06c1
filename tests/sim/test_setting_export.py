"""Settings as QDQ files under plain onnxruntime, and as flags of descriptors."""

import json

import numpy as np
import pytest
from graph_models import SHAPE, write_graph

from voltile.core import LayerError, Precision
from voltile.sim import (
    DUAL,
    SCALABLE,
    SPATIAL,
    FixedPointNetwork,
    PrecisionEvaluator,
    layer_flags,
    qdq_model,
    read_onnx,
)

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    rng = np.random.default_rng(9)
    path = write_graph(tmp_path_factory.mktemp("qdq") / "graph.onnx", rng)
    return read_onnx(path), rng.normal(size=(6, *SHAPE))


def assert_same_outputs(network, inputs, rng):
    """Compare files of a few settings with the evaluator, with and without optimisations."""
    evaluator = PrecisionEvaluator(network, inputs)
    modes, count = len(evaluator.precisions), len(network.names)
    settings = [*([mode] * count for mode in range(modes)), rng.integers(0, modes, count)]
    feed = {"input": np.ascontiguousarray(np.moveaxis(inputs, -1, 1), np.float32)}
    for setting, expected in zip(settings, evaluator.evaluate(settings), strict=True):
        file = qdq_model(network, [evaluator.precisions[code] for code in setting])
        onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        for session in (runtime.InferenceSession(file), runtime.InferenceSession(file, options)):
            np.testing.assert_array_equal(session.run(None, feed)[0], expected)


@pytest.mark.parametrize("rounding", [True, False])
@pytest.mark.parametrize("element", [SCALABLE, SPATIAL, DUAL], ids=lambda item: item.name)
def test_files_give_the_outputs_of_the_integers(element, rounding, graph):
    floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, element, rounding=rounding)
    assert_same_outputs(network, inputs, np.random.default_rng(6))


@pytest.mark.parametrize("element", [SCALABLE, DUAL], ids=lambda item: item.name)
def test_keyword_spotting_gives_the_outputs_of_the_integers(element, keyword_spotting):
    model, inputs, _ = keyword_spotting
    network = FixedPointNetwork.quantised(read_onnx(model), inputs[:20], element)
    assert_same_outputs(network, inputs[:10].astype(np.float32), np.random.default_rng(7))


def test_files_hold_weights_of_the_bits_of_their_precision(graph):
    floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, SCALABLE)
    setting = [Precision.FULL, Precision.MIXED, Precision.HALF, Precision.FULL, Precision.HALF]
    model = onnx.load_from_string(qdq_model(network, setting))
    types = {item.name: item.data_type for item in model.graph.initializer}
    made = {node.output[0]: node for node in model.graph.node}
    bits = [onnx.TensorProto.DataType.Name(types[made[node.input[1]].input[0]])
            for node in model.graph.node if node.op_type == "Conv"]  # fmt: skip
    assert bits == ["INT8", "INT4", "INT4", "INT8", "INT4"]
    [held] = [item.value for item in model.metadata_props if item.key == "precisions"]
    names = ["full", "mixed", "half", "full", "half"]
    assert json.loads(held) == dict(zip(network.names, names, strict=True))


@pytest.mark.parametrize("element", [SCALABLE, DUAL], ids=lambda item: item.name)
def test_no_optimiser_finds_a_convolution_before_a_quantiser(element, graph):
    """Taken for one, they would round to the nearest: an offset always lies between."""
    floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, element)
    for mode in element.products:
        model = onnx.load_from_string(qdq_model(network, [mode] * len(network.names)))
        made = {node.output[0]: node.op_type for node in model.graph.node}
        for node in model.graph.node:
            if node.op_type in ("QuantizeLinear", "Relu", "Clip"):
                assert made.get(node.input[0]) != "Conv"


def test_flags_are_those_of_the_descriptors(graph):
    """c1 feeds three layers and stays wide; c2 and m feed the concatenation; p feeds fc alone."""
    floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, SCALABLE)
    setting = [Precision.FULL, Precision.HALF, Precision.HALF, Precision.MIXED, Precision.HALF]
    flags = layer_flags(network, setting)
    assert [item["layer"] for item in flags] == ["c1", "c2", "c3", "p", "fc"]
    assert [item["precision"] for item in flags] == ["full", "half", "half", "mixed", "half"]
    assert [item["narrow"] for item in flags] == [False, False, False, True, False]
    pool = network.convolutions[3]
    position = pool.fraction_in + pool.fraction_weight - pool.fraction_out + 4
    assert flags[3]["position"] == position
    assert {item["weight_form"] for item in flags} == {"rounded"}
    json.dumps(flags)


def test_a_setting_for_other_layers_is_refused(graph):
    network = FixedPointNetwork.quantised(*graph, SCALABLE)
    for export in (qdq_model, layer_flags):
        with pytest.raises(LayerError, match="5 layers need a precision each, 1 are given"):
            export(network, [Precision.FULL])
