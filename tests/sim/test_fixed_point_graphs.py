"""Networks with branches: read, in integers, and under onnxruntime."""

from dataclasses import replace

import numpy as np
import pytest
from graph_models import SHAPE, specified_maps, write_graph

from voltile.core import LayerError, Precision
from voltile.sim import (
    DUAL,
    SCALABLE,
    SPATIAL,
    Emulator,
    FixedPointNetwork,
    fraction_length,
    range_fraction_length,
    read_onnx,
    read_onnx_workload,
)

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

ELEMENTS = [SCALABLE, SPATIAL, DUAL]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """The file, its network, and inputs."""
    rng = np.random.default_rng(11)
    path = write_graph(tmp_path_factory.mktemp("graph") / "graph.onnx", rng)
    return path, read_onnx(path), rng.normal(size=(6, *SHAPE)).astype(np.float32)


def settings(network, rng):
    """Return every precision on all layers, and two drawn at random."""
    modes, count = list(network.element.products), len(network.names)
    drawn = [[modes[item] for item in rng.integers(0, len(modes), count)] for _ in range(2)]
    return [[mode] * count for mode in modes] + drawn


def emulated_maps(emulator, values, setting):
    """Return the words of every layer for one input, channels last."""
    network = emulator.network
    by_layer = network.by_layer(setting)
    maps = [None]
    for number, taken in enumerate(network.inputs):
        precision = by_layer[number]
        acts = [maps[item] if item else emulator.enter(values[None], precision or Precision.FULL)
                for item in taken]  # fmt: skip
        maps.append(emulator.results(number, precision, acts))
    return [np.moveaxis(words[0], 0, -1) for words in maps[1:]]


def test_a_graph_computes_what_onnxruntime_does(graph):
    path, network, inputs = graph
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"input": np.moveaxis(inputs, -1, 1)})
    logits = np.array([network.feature_maps(item)[-1].ravel() for item in inputs])
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    names = [layer.name for layer in network.layers]
    assert names == ["c1", "c2", "m", "j", "c3", "a", "p", "fc"]
    assert network.inputs == ((0,), (1,), (1,), (2, 3), (4,), (5, 1), (6,), (7,))
    on_array = [layer.name for layer in read_onnx_workload(path).layers if layer.op.on_array]
    assert on_array == ["c1", "c2", "c3", "p", "fc"]  # names that energy tables have, too


@pytest.mark.parametrize("rounding", [True, False])
@pytest.mark.parametrize("element", ELEMENTS, ids=lambda item: item.name)
def test_integers_and_emulation_are_as_specified(element, rounding, graph):
    _, floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, element, rounding=rounding)
    emulator = Emulator(network)
    for setting in settings(network, np.random.default_rng(2)):
        expected = specified_maps(network, inputs[0], setting)
        golden = network.feature_maps(inputs[0], setting)[1:]
        emulated = emulated_maps(emulator, inputs[0], setting)
        for number, words in enumerate(expected):
            narrow = network.narrow(number, setting) * element.width // 2
            np.testing.assert_array_equal(emulated[number], words)
            np.testing.assert_array_equal(golden[number], words >> narrow)


def test_sixteen_bits_follow_floating_point(graph):
    _, floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, DUAL)
    full = [Precision.FULL] * len(network.names)
    for values in inputs:
        found = network.feature_maps(values, full)[-1] * 2.0 ** -network.layers[-1].fraction_out
        expected = floats.feature_maps(values)[-1]
        assert np.abs(found - expected).max() < 0.002 * np.abs(expected).max()


@pytest.mark.parametrize("small", [0, 1])
def test_fraction_lengths_far_apart_are_aligned_exactly(small, tmp_path):
    """16-bit words that are 2**20 apart do not add up in single precision."""
    rng = np.random.default_rng(5)
    path = write_graph(tmp_path / "graph.onnx", rng, gain=1.0)
    floats = read_onnx(path)
    inputs = rng.normal(size=(2, *SHAPE))
    network = FixedPointNetwork.quantised(floats, inputs, DUAL)
    layers = list(network.layers)
    join = next(number for number, layer in enumerate(layers) if layer.source.name == "a")
    fractions = list(layers[join].fractions_in)
    fractions[small] += 20
    layers[join] = replace(layers[join], fractions_in=tuple(fractions))
    network = replace(network, layers=tuple(layers))
    full = [Precision.FULL] * len(network.names)
    found = emulated_maps(Emulator(network), inputs[0], full)
    for words, expected in zip(found, specified_maps(network, inputs[0], full), strict=True):
        np.testing.assert_array_equal(words, expected)


def test_accumulators_saturate_on_request(graph):
    _, floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, replace(SCALABLE, acc_width=16))
    full, values = [Precision.FULL] * len(network.names), 30 * inputs[0]
    golden = network.feature_maps(values, full)[1:]
    saturating = Emulator(network, saturation=True)
    assert saturating.saturating
    for words, expected in zip(emulated_maps(saturating, values, full), golden, strict=True):
        np.testing.assert_array_equal(words, expected)
    unbounded = emulated_maps(Emulator(network), values, full)
    for words, expected in zip(unbounded, specified_maps(network, values, full), strict=True):
        np.testing.assert_array_equal(words, expected)
    assert (unbounded[0] != golden[0]).any()


def test_wide_accumulators_do_not_saturate(graph):
    _, floats, inputs = graph
    for element in ELEMENTS:
        assert Emulator(FixedPointNetwork.quantised(floats, inputs, element)).saturating == ()


@pytest.mark.parametrize(("largest", "fraction"), [(0.99, 7), (1.0, 6), (3.9, 5), (0.124, 10)])
def test_integer_length_is_that_of_equation_3_8(largest, fraction):
    """Eq. 3.8 by hand for 8 bits; the mean squared error never asks for less."""
    values = np.array([largest, -largest / 3, 0.0])
    assert range_fraction_length(values, 8) == fraction
    assert fraction_length(values, 8) >= fraction


def test_fraction_lengths_may_follow_the_range(graph):
    _, floats, inputs = graph
    network = FixedPointNetwork.quantised(floats, inputs, length=range_fraction_length)
    assert network.fraction_in == 8 - int(np.floor(np.log2(np.abs(inputs).max()) + 2))


def test_biases_fit_their_words(tmp_path):
    """A bias of 1000 has at most 5 fraction bits in 16 bits."""
    rng = np.random.default_rng(1)
    floats = read_onnx(write_graph(tmp_path / "graph.onnx", rng))
    first = replace(floats.layers[0], bias=np.array([1000.0, 1, 2, 3]))
    floats = replace(floats, layers=(first, *floats.layers[1:]))
    network = FixedPointNetwork.quantised(floats, rng.normal(size=(2, *SHAPE)))
    layer = network.layers[0]
    assert layer.fraction_in + layer.fraction_weight == 5
    assert layer.bias[0] == 32000


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (np.zeros((3, 6, 8, 2)), r"of shape \(inputs, 8, 6, 2\), not \(3, 6, 8, 2\)"),
        (np.zeros((0, *SHAPE)), "not \\(0, 8, 6, 2\\)"),
        (np.zeros((1, *SHAPE), complex), "must be real numbers, not complex128"),
        (np.full((1, *SHAPE), "a"), "must be real numbers, not <U1"),
        (np.full((1, *SHAPE), np.nan), "hold values that are not finite"),
    ],
)
def test_calibration_data_that_do_not_fit_are_refused(calibration, message, graph):
    with pytest.raises(LayerError, match=message):
        FixedPointNetwork.quantised(graph[1], calibration)


def test_a_layer_without_finite_weights_is_named(graph):
    _, floats, inputs = graph
    layers = list(floats.layers)
    layers[4] = replace(layers[4], weight=np.full_like(layers[4].weight, np.inf))
    with pytest.raises(LayerError, match="'c3' has weights that"):
        FixedPointNetwork.quantised(replace(floats, layers=tuple(layers)), inputs)


def test_a_precision_that_the_element_lacks_is_refused(graph):
    network = FixedPointNetwork.quantised(graph[1], graph[2], DUAL)
    mixed = [Precision.MIXED] * len(network.names)
    with pytest.raises(LayerError, match="precisions of 'dual' are full, half, not mixed"):
        network.feature_maps(graph[2][0], mixed)


@pytest.mark.parametrize("name", ["scalable", "spatial", "dual"])
def test_keyword_spotting_is_the_golden_model(name, keyword_spotting):
    """Full, mixed, half and in turn, as the RTL runs them, on real inputs."""
    model, inputs, _ = keyword_spotting
    element = next(item for item in ELEMENTS if item.name == name)
    network = FixedPointNetwork.quantised(read_onnx(model), inputs[:20], element)
    emulator = Emulator(network)
    for setting in settings(network, np.random.default_rng(4)):
        golden = network.feature_maps(inputs[30], setting)[1:]
        emulated = emulated_maps(emulator, inputs[30], setting)
        for number, words in enumerate(emulated):
            narrow = network.narrow(number, setting) * element.width // 2
            np.testing.assert_array_equal(words >> narrow, golden[number])
