"""Evaluations of precision settings: in this process, or shared out over worker processes."""

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voltile.core import executor
from voltile.flows.precision.inputs import DataSet, PrecisionInputs
from voltile.flows.search.objectives import Evaluate, IntArray
from voltile.sim import PrecisionEvaluator

Logits = NDArray[np.float32]

_MEMORY, _TEST_MEMORY = 1 << 30, 1 << 28
"""Most feature maps that are kept [bytes]: of the calibration set in all processes together, and of
the test set, on which few settings are evaluated."""


@dataclass(frozen=True)
class Evaluations:
    """A network on its inputs, as functions from settings to logits.

    Attributes
    ----------
    calibration, test : callable
        On the calibration set, and on the test set where there is one.
    """

    calibration: Evaluate
    test: Evaluate | None


@contextmanager
def evaluations(
    inputs: PrecisionInputs, workers: int = 1, saturation: bool = False
) -> Iterator[Evaluations]:
    """Yield a network on its inputs, with the same logits whatever the number of workers.

    Parameters
    ----------
    workers : int
        Processes that the calibration set has, of a thread each. With one it is this process, as
        always for the test set, with onnxruntime's own threads.
    saturation : bool
        Whether accumulators saturate.

    Raises
    ------
    LayerError
        Here or in the functions, as `PrecisionEvaluator` does.
    ProgramError
        In the functions, when a worker dies.
    """

    def evaluator(data: DataSet, memory: int) -> Evaluate:
        return PrecisionEvaluator(
            inputs.network, data.values, memory_bytes=memory, saturation=saturation
        ).evaluate

    test = evaluator(inputs.test, _TEST_MEMORY) if inputs.test else None
    if workers == 1:
        yield Evaluations(evaluator(inputs.calibration, _MEMORY), test)
        return
    made = pickle.dumps((inputs.network, inputs.calibration.values, _MEMORY // workers, saturation))
    with ExitStack() as stack:
        pools = [stack.enter_context(executor(1)) for _ in range(workers)]
        yield Evaluations(_Shares(pools, made).evaluate, test)


class _Shares:
    """Settings, each evaluated once, by pools of one process.

    New settings go out in lexicographic order, as many to each pool: those of a share have their
    first layers in common, and about the same ones in the next call, which their process has kept.

    Parameters
    ----------
    made : bytes
        What workers make their evaluator of.
    """

    def __init__(self, pools: Sequence[Executor], made: bytes) -> None:
        self._pools, self._made = pools, made
        self._logits: dict[bytes, Logits] = {}

    def evaluate(self, settings: IntArray) -> Logits:
        """Return the logits of settings, shape (candidates, inputs, classes)."""
        every = np.unique(settings, axis=0)
        fresh = [row for row in every if row.tobytes() not in self._logits]
        ends = np.linspace(0, len(fresh), len(self._pools) + 1).astype(int).tolist()
        shares = [fresh[start:end] for start, end in zip(ends, ends[1:], strict=False)]
        found = [
            (share, pool.submit(_evaluated, self._made, np.array(share)))
            for share, pool in zip(shares, self._pools, strict=True)
            if share
        ]
        for share, future in found:
            self._logits |= zip([row.tobytes() for row in share], future.result(), strict=True)
        return np.stack([self._logits[row.tobytes()] for row in settings])


def _evaluated(made: bytes, settings: IntArray) -> Logits:
    """Evaluate settings in a worker."""
    return _evaluator(made).evaluate(settings)


@lru_cache(1)
def _evaluator(made: bytes) -> PrecisionEvaluator:
    """Make the evaluator of a worker, which keeps it, and the results of layers in it."""
    network, inputs, memory_bytes, saturation = pickle.loads(made)
    return PrecisionEvaluator(
        network, inputs, memory_bytes=memory_bytes, threads=1, saturation=saturation
    )
