"""Dot products as control words of the elements that take all operands of a word at once."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from voltile.core import Precision
from voltile.hdl.control import packed_control_fields
from voltile.hdl.packed_mac import PackedMac
from voltile.hdl.pe import ProcessingElement
from voltile.hdl.scalable_schedule import schedule_dot_products
from voltile.hdl.schedule import DotProduct, Features, Schedule, lay_out


def schedule_on(element: ProcessingElement, jobs: Sequence[DotProduct]) -> Schedule:
    """Return the control words of dot products on any processing element, issued back to back.

    Each takes ``element.dot_product_cycles(length, precision, bias)`` cycles; its result stands in
    the output register ``element.latency`` cycles after them.

    On a `PackedMac`, a dot product begins with a word of its own, and places of its last word that
    have no operand hold zeros; the bias is at the port with the first word.

    Raises
    ------
    ValueError
        When the element lacks the precision of a job, a `position` is outside 0 .. `acc_width` - 1,
        or features lie in one half of their words, which only `ScalableMac` reads.
    """
    if not isinstance(element, PackedMac):
        return schedule_dot_products(jobs, element.acc_width)
    for job in jobs:
        _check(element, job)
    fields = packed_control_fields(element.acc_width, Precision.MIXED in element.modes)
    cycles = [element.dot_product_cycles(job.length, job.precision, job.bias) for job in jobs]
    selects = [name for name in ("half", "mixed") if name in fields]
    write = partial(_write_dot_product, element)
    return lay_out(jobs, fields, element.acc_width, element.latency, cycles, write, selects)


def _check(element: PackedMac, job: DotProduct) -> None:
    if job.precision not in element.modes:
        names = ", ".join(mode.name.lower() for mode in element.modes)
        raise ValueError(
            f"precision of {type(element).__name__} must be one of {names}, "
            f"not {job.precision.name.lower()}"
        )
    if job.precision is Precision.HALF and job.features is not Features.INTERLEAVED:
        raise ValueError(
            f"features of {type(element).__name__} must be interleaved, not {job.features.value}"
        )


def _write_dot_product(
    element: PackedMac, words: dict[str, np.ndarray], job: DotProduct
) -> dict[str, np.ndarray]:
    """Write one word per group of products; the bias comes with the first."""
    cycles = len(words["clear"]) - 1
    count = -(-job.length // element.modes[job.precision].weights)
    words["product"][:count] = 1
    words["half"][:count] = job.precision is Precision.HALF
    if "mixed" in words:
        words["mixed"][:count] = job.precision is Precision.MIXED
    words["clear"][0] = 1
    words["bias"][0] = job.bias
    operands = np.where(np.arange(cycles) < count, np.arange(cycles), -1)
    bias = np.full(cycles, -1)
    bias[: int(job.bias)] = 0
    return {"act": operands, "weight": operands, "bias": bias}
