"""Algorithm 3 as control words of `ScalableMac`."""

from collections.abc import Sequence

import numpy as np

from voltile.core import Precision
from voltile.hdl.algorithm_3 import ALIGNMENT, PASSES
from voltile.hdl.control import Addend, control_fields
from voltile.hdl.scalable_mac import ScalableMac
from voltile.hdl.schedule import DotProduct, Features, Schedule, lay_out


def schedule_dot_products(jobs: Sequence[DotProduct], acc_width: int = 32) -> Schedule:
    """Return the control words of dot products issued back to back, without a bubble.

    Algorithm 3 in whole vectors per pass. The shift between two passes rides on the first product
    of the later pass. The alignment of the finished sum rides on the first bias word, or, without
    a bias, on the word that captures: the first of the next dot product, or an idle one at the end.

    Raises
    ------
    ValueError
        When a `position` is outside 0 .. `acc_width` - 1.
    """
    return lay_out(
        jobs,
        control_fields(acc_width),
        acc_width,
        ScalableMac.latency,
        [job.cycles for job in jobs],
        _write_dot_product,
        ("act_high", "act_signed", "weight_part"),
    )


def _write_dot_product(words: dict[str, np.ndarray], job: DotProduct) -> dict[str, np.ndarray]:
    _write_products(words, job)
    if job.bias:
        _write_bias(words, job, job.cycles - 2)
    else:
        words["shift"][job.cycles] = ALIGNMENT[job.precision].value
    bias = np.full(job.cycles, -1)
    bias[job.cycles - 2 * job.bias :] = 0
    return {"act": _act_order(job), "weight": _weight_order(job), "bias": bias}


def _act_order(job: DotProduct) -> np.ndarray:
    """Return the activation word of each cycle of a dot product; -1 during the bias."""
    order = _weight_order(job)
    return order // 2 if job.interleaved else order  # floor(-1 / 2) is -1


def _weight_order(job: DotProduct) -> np.ndarray:
    """Return the weight of each cycle of a dot product; -1 during the bias."""
    passes = np.tile(np.arange(job.length), job.precision.passes)
    return np.concatenate([passes, np.full(2 * job.bias, -1)])


def _write_products(words: dict[str, np.ndarray], job: DotProduct) -> None:
    """Write the product words of all passes."""
    half = job.precision is Precision.HALF
    words["clear"][0] = 1
    for number, part in enumerate(PASSES[job.precision]):
        first = number * job.length
        cycles = slice(first, first + job.length)
        act_high = _feature_half(job) if half else part.act_high
        words["addend"][cycles] = Addend.PRODUCT.value
        words["act_high"][cycles] = act_high
        words["act_signed"][cycles] = half or part.act_high
        words["weight_part"][cycles] = part.weight_part.value
        if number:
            words["shift"][first] = part.shift.value


def _feature_half(job: DotProduct) -> np.ndarray:
    """Return whether each feature of a half-precision dot product lies in the high half."""
    if job.features is Features.INTERLEAVED:
        return np.resize([True, False], job.length)
    return np.full(job.length, job.features is Features.HIGH)


def _write_bias(words: dict[str, np.ndarray], job: DotProduct, start: int) -> None:
    """Write the two bias words; the sum is aligned to the bias with the first."""
    words["addend"][start : start + 2] = Addend.BIAS_LOW.value, Addend.BIAS_HIGH.value
    words["shift"][start] = ALIGNMENT[job.precision].value
