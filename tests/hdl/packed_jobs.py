"""Dot products for the elements that multiply packed operands: operands and expected results."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from mac_jobs import random_words

from voltile.core import Precision
from voltile.hdl import DotProduct, DualMac, SpatialMac, Target
from voltile.sim import pack, packed_dot_product, write_back

ELEMENTS = {"spatial": SpatialMac, "dual": DualMac}
# Operands are registered, digits selected, multiplied, and accumulated and captured.
LATENCY = 4
# Products in a cycle, as specified.
PRODUCTS = {
    "spatial": {Precision.FULL: 1, Precision.MIXED: 2, Precision.HALF: 4},
    "dual": {Precision.FULL: 1, Precision.HALF: 2},
}


@dataclass(frozen=True)
class PackedBatch:
    """Consecutive dot products on an element, and the operands of each."""

    element: str
    jobs: list[DotProduct]
    act: list[np.ndarray]
    weight: list[np.ndarray]
    bias: np.ndarray
    width: int

    def words(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the operand words of all dot products, one after the other."""
        bits = 2 * self.width if self.element == "spatial" else self.width
        packed = ([], [])
        for job, act, weight in zip(self.jobs, self.act, self.weight, strict=True):
            sizes = operand_bits(job.precision, self.width)
            for words, values, size in zip(packed, (act, weight), sizes, strict=True):
                words.append(pack(values, size, PRODUCTS[self.element][job.precision], bits))
        return np.concatenate(packed[0]), np.concatenate(packed[1])

    def results(self, acc_width: int) -> list[tuple[int, bool]]:
        """Return word and range check of each dot product, by the golden model."""
        found = []
        for job, act, weight, bias in zip(self.jobs, self.act, self.weight, self.bias, strict=True):
            total = packed_dot_product(
                act, weight, job.precision, PRODUCTS[self.element][job.precision],
                bias if job.bias else None, self.width, acc_width,
            )  # fmt: skip
            bits = self.width if job.target is Target.WORD else self.width // 2
            word, over = write_back(total, job.position, bits)
            found.append((int(word), bool(over)))
        return found

    def result_cycles(self) -> np.ndarray:
        """Return the cycle from which each result stands in the output register."""
        products = PRODUCTS[self.element]
        # A bias keeps its register until it is accumulated, for three cycles.
        cycles = [max(ceil(job.length / products[job.precision]), 3 if job.bias else 1)
                  for job in self.jobs]  # fmt: skip
        return np.cumsum(cycles) + LATENCY


def operand_bits(precision: Precision, width: int) -> tuple[int, int]:
    """Return the bits of an activation and of a weight."""
    half = width // 2
    return (half if precision is Precision.HALF else width,
            width if precision is Precision.FULL else half)  # fmt: skip


def packed_jobs(rng, element: str, count: int, acc_width: int, longest: int = 40):
    """Return dot products of every kind; the first fills the whole output word."""
    jobs = [
        DotProduct(
            length=int(rng.integers(1, longest + 1)) if rng.random() < 0.7 else 1,
            precision=rng.choice(list(PRODUCTS[element])),
            bias=bool(rng.random() < 0.5),
            position=int(rng.integers(0, acc_width)) if rng.random() < 0.3 else acc_width // 3,
            target=rng.choice(list(Target)),
        )
        for _ in range(count)
    ]
    return [DotProduct(3, Precision.FULL), *jobs]


def packed_batch(rng, element: str, jobs: list[DotProduct], width: int) -> PackedBatch:
    """Return operands for `jobs`; some vectors have one sign, so that sums grow."""
    act, weight = [], []
    for number, job in enumerate(jobs):
        act_bits, weight_bits = operand_bits(job.precision, width)
        act.append(random_words(rng, job.length, act_bits))
        weight.append(random_words(rng, job.length, weight_bits))
        for vectors, period in ((weight, 3), (act, 6)):
            if number % period == 0:
                vectors[-1][vectors[-1] < 0] = 1
    bias = random_words(rng, len(jobs), 2 * width)
    return PackedBatch(element, jobs, act, weight, bias, width)
