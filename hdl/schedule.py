"""Control sequences: what the control unit around a processing element or a grid drives.

A schedule is plain numpy, one value per port and cycle, so that a simulation bench plays it and a
power stimulus unpacks it to bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from voltile.core import Precision

# Writes one dot product into the words of its cycles, of which the last is the one that captures;
# returns, per cycle but that, which of its activation words, weight words and bias (0) are taken,
# and -1 for none.
Writer = Callable[[dict[str, np.ndarray], "DotProduct"], dict[str, np.ndarray]]


class Features(Enum):
    """Where the K-bit features of a half-precision dot product lie in the activation words."""

    INTERLEAVED = "interleaved"
    """Feature 2i in the high half of word i, feature 2i + 1 in its low half."""
    HIGH = "high"
    """Feature i in the high half of word i."""
    LOW = "low"
    """Feature i in the low half of word i."""


class Target(Enum):
    """What of the output word a result fills."""

    WORD = "word"
    """Both halves, with N bits."""
    HIGH = "high"
    """O_H, with K bits; O_L stays."""
    LOW = "low"
    """O_L, with K bits; O_H stays."""


@dataclass(frozen=True)
class DotProduct:
    """One dot product to schedule.

    Attributes
    ----------
    length : int
        M, number of products, at least 1.
    precision : Precision
        Operand precision.
    bias : bool
        Whether a bias is added, in two cycles.
    position : int
        Right shift of the result before it is checked and written.
    target : Target
        Output word or half.
    features : Features
        Place of the features; used at half precision only.
    """

    length: int
    precision: Precision
    bias: bool = False
    position: int = 0
    target: Target = Target.WORD
    features: Features = Features.INTERLEAVED

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length must be at least 1, not {self.length}")

    @property
    def cycles(self) -> int:
        """Cycles on `ScalableMac` from the first word to that of the next dot product."""
        return self.precision.passes * self.length + 2 * self.bias

    @property
    def act_words(self) -> int:
        """Number of activation words on `ScalableMac`; the number of weights is `length`."""
        return (self.length + 1) // 2 if self.interleaved else self.length

    @property
    def interleaved(self) -> bool:
        """Whether an activation word of `ScalableMac` has two features in use."""
        return self.precision is Precision.HALF and self.features is Features.INTERLEAVED


@dataclass(frozen=True)
class Schedule:
    """Control words of consecutive dot products, and which operand to present with each.

    Attributes
    ----------
    control : dict of str to ndarray, shape (cycles,)
        Value of each control port (``ctl__addend``, ...) in each cycle.
    act_index, weight_index : ndarray, shape (cycles,)
        Index of the activation word and of the weight at the ports, counted through all dot
        products. Where a cycle takes none the last one stays, so that nothing toggles; -1 before
        the first.
    bias_index : ndarray, shape (cycles,)
        Index of the dot product whose bias is at the port; -1 before the first.
    result_cycle : ndarray, shape (dot products,)
        First cycle in which the result stands in the output register of the MAC.
    """

    control: dict[str, np.ndarray]
    act_index: np.ndarray
    weight_index: np.ndarray
    bias_index: np.ndarray
    result_cycle: np.ndarray

    @property
    def cycles(self) -> int:
        """Length of the sequence; in the last cycle the last result is out."""
        return len(self.act_index)


def lay_out(
    jobs: Sequence[DotProduct],
    fields: dict,
    acc_width: int,
    latency: int,
    cycles: Sequence[int],
    write: Writer,
    selects: Sequence[str],
) -> Schedule:
    """Return the control words of dot products issued back to back, without a bubble.

    Parameters
    ----------
    fields : dict
        Of the control word.
    acc_width, latency : int
        Of the element.
    cycles : sequence of int
        Cycles of each dot product.
    write : Writer
        Writes what sets the elements apart.
    selects : sequence of str
        Fields that only words with a product use.

    Raises
    ------
    ValueError
        When a `position` is outside 0 .. `acc_width` - 1.
    """
    for job in jobs:
        if not 0 <= job.position < acc_width:
            raise ValueError(f"position must be from 0 to {acc_width - 1}, not {job.position}")
    starts = np.cumsum([0, *cycles])
    count = int(starts[-1]) + 1 + latency
    words = {name: np.zeros(count, np.int64) for name in fields}
    index = {name: np.full(count, -1) for name in ("act", "weight", "bias")}
    for number, (job, start, end) in enumerate(zip(jobs, starts[:-1], starts[1:], strict=True)):
        taken = write({name: values[start : end + 1] for name, values in words.items()}, job)
        _write_capture(words, job, end)
        for name, order in taken.items():
            first = number if name == "bias" else index[name].max() + 1
            index[name][start:end] = np.where(order >= 0, first + order, -1)
    # What a word does not use keeps its last value, so that it does not toggle.
    product, capture = index["act"] >= 0, (words["capture_high"] | words["capture_low"]) == 1
    for name in selects:
        words[name] = _hold(words[name], product)
    for name in ("narrow", "position"):
        words[name] = _hold(words[name], capture)
    return Schedule(
        control={f"ctl__{name}": values for name, values in words.items()},
        **{f"{name}_index": _hold(order, order >= 0) for name, order in index.items()},
        result_cycle=starts[1:] + latency,
    )


def _write_capture(words: dict[str, np.ndarray], job: DotProduct, cycle: int) -> None:
    """Write the capture fields into the word after the dot product."""
    words["capture_high"][cycle] = job.target is not Target.LOW
    words["capture_low"][cycle] = job.target is not Target.HIGH
    words["narrow"][cycle] = job.target is not Target.WORD
    words["position"][cycle] = job.position


def _hold(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Replace each value that is not valid by the last valid one before it, if there is one."""
    last = np.maximum.accumulate(np.where(valid, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], values)
