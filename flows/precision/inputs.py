"""What precision searches read: a network, inputs to calibrate and test it, by name or as files."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import LayerError, VoltileError
from voltile.flows.elements.operands import read_arrays, read_inputs
from voltile.flows.search.objectives import Evaluate
from voltile.sim import (
    ELEMENTS,
    Emulator,
    FixedPointNetwork,
    FloatNetwork,
    LayerShape,
    Workload,
    read_onnx,
    read_onnx_workload,
    top_1,
)
from voltile.sim.golden import check_widths
from voltile.sim.quantisation import LARGEST, check_inputs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EXAMPLES = Path(__file__).parents[1] / "examples"
CALSET = 100
"""Inputs of a calibration set (dissertation Table 3.5)."""


@dataclass(frozen=True)
class DataSet:
    """Inputs of a network, and what they show.

    Attributes
    ----------
    path : Path
        Where they are from.
    values : ndarray, shape (inputs, height, width, channels)
        In the units of the network.
    labels : ndarray of int, shape (inputs,), or None
        Right output of each, where it is known.
    """

    path: Path
    values: FloatArray
    labels: IntArray | None

    def __len__(self) -> int:
        return len(self.values)

    def part(self, chosen: slice) -> "DataSet":
        """Return some of the inputs."""
        labels = None if self.labels is None else self.labels[chosen]
        return DataSet(self.path, self.values[chosen], labels)


@dataclass(frozen=True)
class PrecisionInputs:
    """A network in fixed point, with its calibration set and test set.

    Attributes
    ----------
    model : Path
        ONNX file.
    workload : Workload
        Shapes of its layers.
    test : DataSet or None
        Other inputs than those of calibration, with labels.
    """

    model: Path
    network: FixedPointNetwork
    workload: Workload
    calibration: DataSet
    test: DataSet | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that was read, each once."""
        sets = [self.calibration.path] + ([self.test.path] if self.test else [])
        return tuple(dict.fromkeys([self.model, *sets]))

    @property
    def subject(self) -> str:
        """What was quantised how, for captions."""
        element, weights = self.network.element, "rounded" if self.network.rounding else "truncated"
        return (
            f"{self.model.stem} on {element.name} elements of {element.width} bits, {weights} "
            f"weights, calibrated on {len(self.calibration)} inputs"
        )

    @property
    def layers(self) -> list[LayerShape]:
        """Shapes of the layers that take a precision, in the order of a setting."""
        shapes = {layer.name: layer for layer in self.workload.layers}
        return [shapes[name] for name in self.network.names]

    @property
    def accuracy_set(self) -> str:
        """What accuracies are of: the test set, or, said so, the calibration set without one."""
        if self.test:
            return f"on {len(self.test)} inputs of the test set"
        if self.calibration.labels is None:
            return "unknown without labels"
        return f"on {len(self.calibration)} inputs of the calibration set, as there is no test set"

    @property
    def saturating(self) -> str:
        """Where accumulators may saturate, in words."""
        names = ", ".join(Emulator(self.network).saturating)
        bits = self.network.element.acc_width
        if not names:
            return f"no accumulator of {bits} bits can saturate"
        return f"accumulators of {bits} bits may saturate, and do so here, in {names}"

    def macs(self) -> IntArray:
        """Return the MACs of these layers, for an input."""
        return np.array([layer.macs for layer in self.layers], np.int64)


def example_file(name: str, suffix: str) -> Path | None:
    """Return a file of a built-in example, or None when there is none of that name."""
    path = EXAMPLES / f"{name}{suffix}"
    return path if path.is_file() and name.isidentifier() else None


def read_precision_inputs(
    model: str,
    calibration: Path | None,
    test: Path | None,
    calset: int | None,
    pe: str,
    rounding: bool,
    acc_width: int | None = None,
) -> PrecisionInputs:
    """Read a network and its inputs; fraction lengths are those of the calibration set.

    Parameters
    ----------
    model : str
        ONNX file, or the name of an example, which also has inputs.
    calibration, test : Path or None
        Files as `read_inputs` has them, with labels as array `y`.
    calset : int or None
        Inputs of the calibration file that are used, from the first on; None: `CALSET`, or all when
        there are fewer. Without a test file, those that are left are the test set.
    pe : str
        Name of the element.
    rounding : bool
        Whether weights of low precision are rounded, or truncated.
    acc_width : int, optional
        Bits of the accumulator, others than those of the element.

    Raises
    ------
    VoltileError
        For a file that cannot be used, inputs of another shape than the network's or fewer than
        `calset`, or a network that gives no vector of class scores.
    """
    if pe not in ELEMENTS:
        raise VoltileError(f"pe must be {', '.join(ELEMENTS)}, not {pe}")
    if calset is not None and calset < 1:
        raise VoltileError(f"calset must be 1 or more, not {calset}")
    element = ELEMENTS[pe]
    if acc_width is not None:
        try:
            check_widths(element.width, acc_width)
        except ValueError as error:
            raise VoltileError(f"pe {pe}: {error}") from None
        element = replace(element, acc_width=acc_width)
    path = example_file(model, ".onnx") or Path(model)
    if not path.exists():
        raise VoltileError(
            f"'{model}' is neither a file nor a built-in example; examples: "
            f"{', '.join(sorted(file.stem for file in EXAMPLES.glob('*.onnx')))}"
        )
    given = calibration or example_file(model, ".npz")
    if given is None:
        raise VoltileError("the search needs inputs of the network: --calibration X.npz")
    floats, workload = read_onnx(path), read_onnx_workload(path)
    _check_classes(floats, path)
    every = _read_set(given, floats.input_shape, path)
    if calset is not None and calset > len(every):
        raise VoltileError(
            f"calset must be up to {len(every)}, the inputs of {given}, not {calset}"
        )
    calset = CALSET if calset is None else calset
    chosen = every.part(slice(calset))
    _check_range(chosen)
    if test and test.exists() and test.samefile(given):
        raise VoltileError(f"inputs {test} are those of calibration; a test set has others")
    others = _read_set(test, floats.input_shape, path) if test else every.part(slice(calset, None))
    if test and others.labels is None:
        raise VoltileError(f"inputs {test}: array 'y', the labels of the test set, is missing")
    network = FixedPointNetwork.quantised(floats, chosen.values, element, rounding=rounding)
    known = len(others) and others.labels is not None
    return PrecisionInputs(path, network, workload, chosen, others if known else None)


def _read_set(path: Path, shape: tuple[int, int, int], model: Path) -> DataSet:
    values = read_inputs(path)
    if values.shape[1:] != shape:
        raise VoltileError(
            f"inputs {path} are of {values.shape[1:]} (height, width, channels), those of {model} "
            f"of {shape}"
        )
    try:
        check_inputs(values, shape)
    except LayerError as error:
        raise VoltileError(f"inputs {path}: {error}") from None
    labels = read_arrays(path, (), "inputs").get("y")
    if labels is not None and (labels.shape != values.shape[:1] or labels.dtype.kind not in "iu"):
        raise VoltileError(
            f"inputs {path}: labels y must be {len(values)} integers, not {labels.dtype} of shape "
            f"{labels.shape}"
        )
    return DataSet(path, values, None if labels is None else labels.astype(np.int64))


def _check_classes(network: FloatNetwork, model: Path) -> None:
    shape = network.output_shape
    if shape[1:] not in ((), (1, 1)) or shape[0] < 2:
        raise VoltileError(
            f"{model}: the output must be a vector of scores of two classes or more for an input, "
            f"not of shape {shape}"
        )


def _check_range(data: DataSet) -> None:
    """Refuse inputs from which no fraction length follows."""
    largest = float(np.abs(data.values).max())
    if largest < 1 / LARGEST:
        raise VoltileError(
            f"inputs {data.path}: the largest magnitude of the first {len(data)}, the calibration "
            f"set, must be {1 / LARGEST:.3g} or more, not {largest:.3g}"
        )


def accuracies(evaluate: Evaluate, data: DataSet, settings: IntArray) -> FloatArray:
    """Return the top-1 accuracy of settings, shape (settings,); NaN without labels.

    Raises
    ------
    VoltileError
        When a label is no output of the network.
    """
    if data.labels is None:
        return np.full(len(settings), np.nan)
    logits = evaluate(settings)
    classes = logits.shape[-1]
    wrong = np.flatnonzero((data.labels < 0) | (data.labels >= classes))
    if len(wrong):
        raise VoltileError(
            f"inputs {data.path}: labels must be from 0 to {classes - 1}, not "
            f"{data.labels[wrong[0]]} (input {wrong[0] + 1})"
        )
    return top_1(logits, data.labels)
