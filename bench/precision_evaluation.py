"""Precision settings of the keyword-spotting network: accuracy, and the speed of evaluating many.

Top-1 accuracy on 300 inputs that took no part in calibration, in floating point and with all layers
at one precision, by rounding and by truncation. Then 2000 evaluations on the calibration inputs:
of NSGA-II* (Algorithm 2) with multiplications of halves for energy, and of a random walk, whose
generations of 100 are uniform crossovers and flips (one layer in expectation) of the one before.
Beside it what 2000 candidates take alone: by the same layers without anything kept, and each as a
QDQ file of its own under onnxruntime, session included. Ratios are of processor times. Last, what
evaluations in one process take, and in two workers with their start, all within the same minute:
the search on the example and on the network; and settings with accumulators of 32 bits. Needs
MODELS_ROOT with kws_dscnn.onnx and kws01_dev.npz.

    ./run python bench/precision_evaluation.py --pe scalable
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from prepared import faults_through, parser_of

from voltile.core import VoltileError
from voltile.flows.elements.operands import layer_macs, read_inputs
from voltile.flows.precision.evaluation import Evaluations, evaluations
from voltile.flows.precision.inputs import read_precision_inputs
from voltile.flows.search import SearchParameters, divergence_from_full, search
from voltile.flows.search.objectives import Evaluate
from voltile.sim import (
    ELEMENTS,
    Element,
    FixedPointNetwork,
    FloatNetwork,
    PrecisionEvaluator,
    qdq_model,
    read_onnx,
)

CALIBRATION, POPULATION, EVALUATIONS, ALONE = 100, 100, 2000, 60
SATURATING = 20  # settings of accumulators that saturate


def main(element: Element, memory: int) -> None:
    """Print both tables."""
    folder = Path(os.environ.get("MODELS_ROOT", ""))
    model, data = folder / "kws_dscnn.onnx", folder / "kws01_dev.npz"
    if not (model.is_file() and data.is_file()):
        raise VoltileError("MODELS_ROOT must hold kws_dscnn.onnx and kws01_dev.npz")
    floats, values = read_onnx(model), read_inputs(data)
    with np.load(data) as arrays:
        classes = arrays["y"]
    accuracies(floats, values, classes, element)
    speeds(floats, values[:CALIBRATION], element, memory)
    processes(str(model), data, element)


def accuracies(
    floats: FloatNetwork, values: np.ndarray, classes: np.ndarray, element: Element
) -> None:
    """Print the top-1 accuracy of every precision."""
    test, wanted = values[CALIBRATION:], classes[CALIBRATION:]
    found = [floats.feature_maps(item)[-1].argmax() for item in test]
    print("| all layers | top-1 [%] |\n| --- | --- |")
    print(f"| floating point | {100 * np.mean(found == wanted):.2f} |")
    for rounding in (True, False):
        network = FixedPointNetwork.quantised(
            floats, values[:CALIBRATION], element, rounding=rounding
        )
        evaluator = PrecisionEvaluator(network, test)
        codes = range(len(evaluator.precisions))
        logits = evaluator.evaluate([[code] * len(network.names) for code in codes])
        for code in codes if rounding else codes[1:]:
            share = 100 * np.mean(logits[code].argmax(axis=1) == wanted)
            how = "" if not code else ", rounded" if rounding else ", truncated"
            print(f"| {evaluator.precisions[code].name.lower()}{how} | {share:.2f} |")


def speeds(floats: FloatNetwork, values: np.ndarray, element: Element, memory: int) -> None:
    """Print what evaluations take together and alone."""
    network = FixedPointNetwork.quantised(floats, values, element)
    alone = PrecisionEvaluator(network, values, memory_bytes=1)
    layers, modes = len(network.names), len(alone.precisions)
    settings = np.random.default_rng(1).integers(0, modes, (ALONE, layers))
    alone.evaluate([[code] * layers for code in range(modes)])
    single = timed(lambda: [alone.evaluate(setting[None]) for setting in settings])
    files = timed(lambda: [as_file(alone, values, setting) for setting in settings])
    print("\n| 2000 evaluations | new settings | layers computed | wall [s] | CPU [s] | "
          "alone: CPU [s] | ratio | as files: CPU [s] | ratio |")  # fmt: skip
    print("| --- |" + " --- |" * 8)
    macs = np.array(layer_macs(network, values[0]), float)
    effort = macs[:, None] * [item.passes for item in alone.precisions]
    for name in ("NSGA-II*", "random walk"):
        evaluator = PrecisionEvaluator(network, values, memory_bytes=memory)
        if name == "random walk":
            wall, cpu = timed(lambda made=evaluator: walk(made))
        else:
            wall, cpu = timed(lambda made=evaluator: searched(made.evaluate, effort))
        counts, scale = evaluator.counts, EVALUATIONS / ALONE
        print(
            f"| {name} | {counts.evaluated} | {counts.layers} | {wall:.1f} | {cpu:.1f} | "
            f"{single[1] * scale:.1f} | {single[1] * scale / cpu:.1f} | {files[1] * scale:.1f} | "
            f"{files[1] * scale / cpu:.1f} |"
        )


def searched(evaluate: Evaluate, effort: np.ndarray) -> None:
    """Run the search of the dissertation, with the parameters of Table 3.5."""
    divergence = divergence_from_full(evaluate, len(effort))
    search(divergence, effort, SearchParameters(population=POPULATION, evaluations=EVALUATIONS))


def processes(model: str, data: Path, element: Element) -> None:
    """Print what one process and two workers take."""
    print("\n| evaluations | processes | wall [s] | CPU [s] | load |\n| --- " + "| --- " * 4 + "|")
    for name, given, own in (("digits", None, "scalable"), (model, data, element.name)):
        inputs = read_precision_inputs(name, given, None, CALIBRATION, own, True)
        passes = [item.passes for item in inputs.network.element.products]
        effort = inputs.macs()[:, None] * np.array(passes, float)
        one = PrecisionEvaluator(inputs.network, inputs.calibration.values, threads=1).evaluate
        ways = {
            "one": evaluations(inputs), "one, one thread": nullcontext(Evaluations(one, None)),
            "two workers": evaluations(inputs, 2),
        }  # fmt: skip
        timed_ways(f"{inputs.model.stem}, {own}", ways, partial(searched, effort=effort))
    dual = read_precision_inputs("digits", None, None, CALIBRATION, "dual", True, 32)
    settings = np.random.default_rng(1).integers(0, 2, (SATURATING, len(dual.network.names)))
    ways = {
        "one": evaluations(dual, 1, saturation=True),
        "two workers": evaluations(dual, 2, saturation=True),
    }
    timed_ways("digits, dual, 32-bit accumulators", ways, lambda evaluate: evaluate(settings))


def timed_ways(
    name: str, ways: dict[str, AbstractContextManager[Evaluations]], work: Callable[[Evaluate], Any]
) -> None:
    """Print a row for every way to evaluate."""
    for way, made in ways.items():
        before, start = os.times(), time.perf_counter()
        with made as evaluate:
            work(evaluate.calibration)
        wall, after = time.perf_counter() - start, os.times()
        cpu = sum(after[:4]) - sum(before[:4])  # with ended children's
        print(f"| {name} | {way} | {wall:.1f} | {cpu:.1f} | {os.getloadavg()[0]:.1f} |", flush=True)


def walk(evaluator: PrecisionEvaluator) -> None:
    """Evaluate generations, each from the one before."""
    rng = np.random.default_rng(0)
    size, modes = (POPULATION, len(evaluator.names)), len(evaluator.precisions)
    settings = rng.integers(0, modes, size)
    for _ in range(EVALUATIONS // POPULATION):
        evaluator.evaluate(settings)
        first, second = settings[rng.integers(0, POPULATION, (2, POPULATION))]
        settings = np.where(rng.random(size) < 0.5, first, second)
        flips = rng.random(size) < 1 / size[1]
        settings = np.where(flips, rng.integers(0, modes, size), settings)


def as_file(evaluator: PrecisionEvaluator, values: np.ndarray, setting: np.ndarray) -> np.ndarray:
    """Return the logits of a setting by an ONNX file of its own."""
    import onnxruntime

    precisions = [evaluator.precisions[code] for code in setting]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others would be counted while they wait, too
    session = onnxruntime.InferenceSession(qdq_model(evaluator.network, precisions), options)
    feed = np.ascontiguousarray(np.moveaxis(values, -1, 1), np.float32)
    return session.run(None, {"input": feed})[0]


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock and processor time [s]."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--pe", choices=ELEMENTS, default="dual", help="element of the array")
    parser.add_argument("--memory-mib", type=int, default=1024, help="feature maps kept [MiB]")
    given = parser.parse_args()
    with faults_through(parser):
        main(ELEMENTS[given.pe], given.memory_mib << 20)
