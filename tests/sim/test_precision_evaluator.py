"""Many settings evaluated together are what each gives alone, computed once."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from graph_models import SHAPE, write_graph

from voltile.core import LayerError
from voltile.sim import DUAL, SCALABLE, FixedPointNetwork, PrecisionEvaluator, read_onnx

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def quantised(tmp_path_factory):
    rng = np.random.default_rng(8)
    path = write_graph(tmp_path_factory.mktemp("evaluator") / "graph.onnx", rng)
    inputs = rng.normal(size=(5, *SHAPE))
    return FixedPointNetwork.quantised(read_onnx(path), inputs), inputs


def golden_logits(network, inputs, evaluator, setting):
    precisions = [evaluator.precisions[code] for code in setting]
    scale = 2.0 ** -network.layers[-1].fraction_out
    return [network.feature_maps(item, precisions)[-1].ravel() * scale for item in inputs]


@pytest.mark.parametrize("memory", [1 << 30, 6000, 1])
def test_logits_are_those_of_the_golden_model(memory, quantised):
    """With memory for all maps, for some, for none."""
    network, inputs = quantised
    evaluator = PrecisionEvaluator(network, inputs, memory_bytes=memory)
    rng = np.random.default_rng(3)
    for _ in range(3):
        settings = rng.integers(0, 3, (20, len(network.names)))
        logits = evaluator.evaluate(settings)
        for place in (0, 7, 19):
            expected = golden_logits(network, inputs, evaluator, settings[place])
            np.testing.assert_array_equal(logits[place], expected)
        held = sum(words.nbytes for words in evaluator._kept.values())
        assert held == evaluator.kept_bytes <= memory


def test_shared_layers_are_computed_once(quantised):
    """All settings of 3 precisions on 5 layers with 3 layers without one: a count by hand.

    Results of c1, c2, m (as c1), j (as c2), c3, a (as c3), p, fc: 3, 9, 3, 9, 27, 27, 81, 243.
    """
    network, inputs = quantised
    evaluator = PrecisionEvaluator(network, inputs)
    every = np.array(list(itertools.product(range(3), repeat=len(network.names))))
    whole = evaluator.evaluate(every)
    assert evaluator.counts.layers == 3 + 9 + 3 + 9 + 27 + 27 + 81 + 243
    assert (evaluator.counts.asked, evaluated := evaluator.counts.evaluated) == (243, 243)
    np.testing.assert_array_equal(evaluator.evaluate(every[::-1]), whole[::-1])
    assert evaluator.counts.evaluated == evaluated
    assert evaluator.counts.layers == 402


def test_layers_kept_serve_later_calls(quantised):
    network, inputs = quantised
    evaluator = PrecisionEvaluator(network, inputs)
    evaluator.evaluate([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    assert (evaluator.counts.layers, evaluator.counts.evaluated) == (8, 1)
    evaluator.evaluate([[0, 0, 0, 0, 2]])
    assert (evaluator.counts.layers, evaluator.counts.reused) == (9, 1)


# Prints what the peak memory of a process [KiB] grows by with all settings of the network. Before
# it, one input has made what does not depend on their number.
GROWTH = """
import itertools, re, sys
from pathlib import Path
import numpy as np
from graph_models import SHAPE
from voltile.sim import FixedPointNetwork, PrecisionEvaluator, read_onnx
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
inputs = np.random.default_rng(8).normal(size=(2000, *SHAPE))
network = FixedPointNetwork.quantised(read_onnx(Path(sys.argv[1])), inputs[:5])
every = list(itertools.product(range(3), repeat=len(network.names)))
PrecisionEvaluator(network, inputs[:1]).evaluate(every)
before = peak()
PrecisionEvaluator(network, inputs, memory_bytes=32 << 20).evaluate(every)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak memory as Linux tells it")
def test_the_process_takes_hardly_more_than_the_feature_maps(tmp_path):
    """32 MiB of them, of the 41 that all settings have; 64 for the rest (250 were taken once)."""
    path = write_graph(tmp_path / "graph.onnx", np.random.default_rng(8))
    output = subprocess.run(
        [sys.executable, "-c", GROWTH, path], capture_output=True, check=True, text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
    ).stdout  # fmt: skip
    assert int(output) < (32 + 64) << 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([[0] * 4], r"of shape \(candidates, 5\), not \(1, 4\)"),
        ([0] * 5, r"of shape \(candidates, 5\), not \(5,\)"),
        (np.zeros((0, 5), int), r"of shape \(candidates, 5\), not \(0, 5\)"),
        ([[0, 0, 3, 0, 0]], r"are 0 \(full\), 1 \(mixed\), 2 \(half\), not 3"),
        ([[0, 0, -1, 3, 0]], r"are 0 \(full\), 1 \(mixed\), 2 \(half\), not -1"),
        ([[0.5] * 5], r"are 0 \(full\), 1 \(mixed\), 2 \(half\), not float64"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, quantised):
    evaluator = PrecisionEvaluator(*quantised)
    with pytest.raises(LayerError, match=message):
        evaluator.evaluate(settings)


def test_inputs_that_do_not_fit_are_refused(quantised):
    network, inputs = quantised
    with pytest.raises(LayerError, match=r"of shape \(inputs, 8, 6, 2\), not \(5, 8, 6, 1\)"):
        PrecisionEvaluator(network, inputs[..., :1])
    inputs = inputs.copy()
    inputs[0, 0, 0, 0] = np.inf
    with pytest.raises(LayerError, match="hold values that are not finite"):
        PrecisionEvaluator(network, inputs)


@pytest.mark.parametrize("element", [SCALABLE, DUAL], ids=lambda item: item.name)
def test_keyword_spotting_keeps_its_accuracy(element, keyword_spotting):
    """90.25 % of all 400 inputs in floating point; 16 bits lose less than a point (Table 3.2)."""
    model, inputs, classes = keyword_spotting
    network = FixedPointNetwork.quantised(read_onnx(model), inputs[:20], element)
    evaluator = PrecisionEvaluator(network, inputs)
    [logits] = evaluator.evaluate(np.zeros((1, 11), int))
    accuracy = np.mean(logits.argmax(axis=1) == classes)
    assert abs(accuracy - 0.9025) < (0.01 if element is DUAL else 0.03)
