"""Dot products for the benches: random operands, expected results, expected output trace."""

from dataclasses import dataclass

import numpy as np

from voltile.core import Precision
from voltile.hdl import DotProduct, Features, Target
from voltile.sim import deinterleave, dot_product, dot_product_cycles, write_back

# Operands are registered, multiplied and accumulated, and captured: three clock edges.
LATENCY = 3
UNKNOWN = -1


@dataclass(frozen=True)
class Batch:
    """Consecutive dot products and the operands of all of them, one after the other."""

    jobs: list[DotProduct]
    act: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def random_jobs(rng, count: int, acc_width: int, longest: int = 40) -> list[DotProduct]:
    """Return dot products of every kind; the first fills the whole output word."""
    jobs = [
        DotProduct(
            length=int(rng.integers(1, longest + 1)) if rng.random() < 0.8 else 1,
            precision=rng.choice(list(Precision)),
            bias=bool(rng.random() < 0.5),
            position=int(rng.integers(0, acc_width)) if rng.random() < 0.3 else acc_width // 3,
            target=rng.choice(list(Target)),
            features=rng.choice(list(Features)),
        )
        for _ in range(count)
    ]
    return [DotProduct(3, Precision.FULL), *jobs]


def random_words(rng, shape, bits: int) -> np.ndarray:
    """Return signed words, of which a quarter is zero and a quarter extreme."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    words = rng.integers(low, high, shape, endpoint=True)
    kind = rng.random(shape)
    extremes = rng.choice([low, low + 1, -1, 1, high - 1, high], shape)
    return np.where(kind < 0.25, 0, np.where(kind < 0.5, extremes, words))


def random_batch(rng, jobs: list[DotProduct], width: int) -> Batch:
    """Return operands for `jobs`; some vectors have one sign, so that sums grow."""
    act = [random_words(rng, job.act_words, width) for job in jobs]
    weight = [random_words(rng, job.length, width) for job in jobs]
    for vector in weight[::3]:
        vector[vector < 0] = 1
    for vector in act[::6]:
        vector[vector < 0] = 3
    bias = random_words(rng, len(jobs), 2 * width)
    return Batch(jobs, np.concatenate(act), np.concatenate(weight), bias)


def results(batch: Batch, width: int, acc_width: int) -> list[tuple[int, bool]]:
    """Return word and range check of each dot product, by the golden model."""
    found = []
    first_act = first_weight = 0
    for job, bias in zip(batch.jobs, batch.bias, strict=True):
        act = batch.act[first_act : first_act + job.act_words]
        weight = batch.weight[first_weight : first_weight + job.length]
        if job.precision is Precision.HALF:
            act = _features(act, job, width)
        total = dot_product(
            act, weight, job.precision, bias if job.bias else None, width, acc_width
        )
        bits = width if job.target is Target.WORD else width // 2
        word, over = write_back(total, job.position, bits)
        found.append((int(word), bool(over)))
        first_act += job.act_words
        first_weight += job.length
    return found


def result_cycles(jobs: list[DotProduct]) -> np.ndarray:
    """Return the cycle from which each result stands in the output register."""
    cycles = [dot_product_cycles(job.length, job.precision, job.bias) for job in jobs]
    return np.cumsum(cycles) + LATENCY


def expected_trace(batch: Batch, width: int, acc_width: int, cycles: int) -> np.ndarray:
    """Return `output_trace` of a batch on ScalableMac."""
    found = results(batch, width, acc_width)
    return output_trace(batch.jobs, found, result_cycles(batch.jobs), width, cycles)


def output_trace(jobs, found, captured, width: int, cycles: int) -> np.ndarray:
    """Return O_H, O_L and their saturation bits in every cycle, UNKNOWN before the first capture.

    `found` has word and range check of each dot product, `captured` the cycle from which they
    stand in the output register. Shape (cycles, 4).
    """
    half, mask = width // 2, (1 << width // 2) - 1
    trace = np.full((cycles, 4), UNKNOWN)
    for job, (word, over), cycle in zip(jobs, found, captured, strict=True):
        high = word >> half if job.target is Target.WORD else word
        if job.target is not Target.LOW:
            trace[cycle:, 0], trace[cycle:, 2] = high & mask, over
        if job.target is not Target.HIGH:
            trace[cycle:, 1], trace[cycle:, 3] = word & mask, over
    return trace


def _features(words: np.ndarray, job: DotProduct, width: int) -> np.ndarray:
    high, low = deinterleave(words, width)
    if job.features is Features.INTERLEAVED:
        return np.stack([high, low], axis=-1).ravel()[: job.length]
    return high if job.features is Features.HIGH else low
