"""Control sequences: what the control unit around a MAC or a grid drives, cycle by cycle.

A schedule is plain numpy, one value per port and cycle, so that a simulation bench plays it and a
power stimulus unpacks it to bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from voltile.core import Precision
from voltile.hdl.control import Addend, Shift, WeightPart, control_fields
from voltile.hdl.grid import Grid
from voltile.hdl.scalable_mac import ScalableMac


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
        """Cycles from the first word to the first word of the next dot product."""
        return self.precision.passes * self.length + 2 * self.bias

    @property
    def act_words(self) -> int:
        """Number of activation words; the number of weights is `length`."""
        return (self.length + 1) // 2 if _interleaved(self) else self.length


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


@dataclass(frozen=True)
class _Pass:
    """One loop of Algorithm 3: the halves multiplied, and the shift before its first product."""

    act_high: bool
    weight_part: WeightPart
    shift: Shift


_PASSES = {
    Precision.FULL: (
        _Pass(True, WeightPart.HIGH, Shift.NONE),
        _Pass(False, WeightPart.HIGH, Shift.K),
        _Pass(True, WeightPart.LOW, Shift.NONE),
        _Pass(False, WeightPart.LOW, Shift.K),
    ),
    Precision.MIXED: (
        _Pass(True, WeightPart.ROUNDED, Shift.NONE),
        _Pass(False, WeightPart.ROUNDED, Shift.K),
    ),
    Precision.HALF: (_Pass(True, WeightPart.ROUNDED, Shift.NONE),),
}
# Lines 8 and 18: alignment of the sum with the radix point of the bias.
_ALIGNMENT = {Precision.FULL: Shift.NONE, Precision.MIXED: Shift.K, Precision.HALF: Shift.TWO_K}


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
    for job in jobs:
        if not 0 <= job.position < acc_width:
            raise ValueError(f"position must be from 0 to {acc_width - 1}, not {job.position}")
    starts = np.cumsum([0, *(job.cycles for job in jobs)])
    cycles = int(starts[-1]) + 1 + ScalableMac.latency
    words = {name: np.zeros(cycles, np.int64) for name in control_fields(acc_width)}
    index = {name: np.full(cycles, -1) for name in ("act", "weight", "bias")}
    first_act = first_weight = 0
    for number, (job, start, end) in enumerate(zip(jobs, starts[:-1], starts[1:], strict=True)):
        _write_products(words, job, start)
        index["act"][start:end] = first_act + _act_order(job)
        index["weight"][start:end] = first_weight + _weight_order(job)
        if job.bias:
            _write_bias(words, job, end - 2)
            index["bias"][end - 2 : end] = number
        _write_capture(words, job, end)
        first_act += job.act_words
        first_weight += job.length
    _hold_selects(words)
    return Schedule(
        control={f"ctl__{name}": values for name, values in words.items()},
        **{f"{name}_index": _hold(order, order >= 0) for name, order in index.items()},
        result_cycle=starts[1:] + ScalableMac.latency,
    )


def mac_stimulus(
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    width: int = 8,
) -> dict[str, np.ndarray]:
    """Return the value of every input port but clock and reset in every cycle of `plan`.

    Parameters
    ----------
    plan : Schedule
        Control sequence.
    act, weight : ndarray, shape (..., words)
        Operands of all dot products, one after the other; leading axes are independent streams.
    bias : ndarray, shape (..., dot products), optional
        Bias of each dot product.
    width : int
        N of the MAC.

    Returns
    -------
    dict of str to ndarray, shape (..., cycles), int64
        Bit patterns: unsigned numbers of as many bits as the port has. Control has shape
        (cycles,).
    """
    return plan.control | {
        "act": _present(act, plan.act_index, width),
        "weight": _present(weight, plan.weight_index, width),
        "bias": _present(bias, plan.bias_index, 2 * width),
    }


def grid_stimulus(
    plan: Schedule,
    act: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    width: int = 8,
) -> dict[str, np.ndarray]:
    """Return the value of every input port of a `Grid`, with the drain of every result.

    Parameters
    ----------
    plan : Schedule
        Control sequence.
    act : ndarray, shape (rows, ..., words)
        Activations of each row.
    weight : ndarray, shape (cols, ..., words)
        Weights of each column.
    bias : ndarray, shape (cols, ..., dot products), optional
        Biases of each column.
    width : int
        N of the MACs.

    Returns
    -------
    dict of str to ndarray, shape (..., cycles), int64
        As `mac_stimulus`; the sequence is `rows` cycles longer than that of `plan`, until the
        last row of the last result is out.

    Raises
    ------
    ValueError
        When a dot product is shorter than the drain of the one before it.
    """
    rows, cols = len(act), len(weight)
    _, row_cycles = drain_cycles(plan, rows)
    row = np.zeros(plan.cycles + rows, np.int64)
    row[row_cycles] = np.arange(rows)
    ports = {
        **plan.control,
        **{f"act__{i}": _present(act[i], plan.act_index, width) for i in range(rows)},
        **{f"weight__{j}": _present(weight[j], plan.weight_index, width) for j in range(cols)},
        **{
            f"bias__{j}": _present(None if bias is None else bias[j], plan.bias_index, 2 * width)
            for j in range(cols)
        },
    }
    # Idle words while the last result drains.
    ports = {
        name: np.concatenate([values, np.repeat(values[..., -1:], rows, axis=-1)], axis=-1)
        for name, values in ports.items()
    }
    return ports | ({"row": row} if rows > 1 else {})


def drain_cycles(plan: Schedule, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when each row of each result of a grid is out, and when it has to be selected.

    Returns
    -------
    out : ndarray, shape (dot products, rows)
        Cycle in which the row stands at the outputs.
    select : ndarray, shape (dot products, rows)
        Cycle in which `row` selects it.

    Raises
    ------
    ValueError
        When a dot product is shorter than the drain of the one before it.
    """
    shortest = np.diff(plan.result_cycle).min(initial=rows)
    if shortest < rows:
        raise ValueError(f"a dot product must take at least {rows} cycles, not {shortest}")
    select = plan.result_cycle[:, None] + np.arange(rows)
    return select + Grid.drain_latency, select


def _act_order(job: DotProduct) -> np.ndarray:
    """Return the activation word of each cycle of a dot product; -1 during the bias."""
    order = _weight_order(job)
    return order // 2 if _interleaved(job) else order  # floor(-1 / 2) is -1


def _weight_order(job: DotProduct) -> np.ndarray:
    """Return the weight of each cycle of a dot product; -1 during the bias."""
    passes = np.tile(np.arange(job.length), job.precision.passes)
    return np.concatenate([passes, np.full(2 * job.bias, -1)])


def _interleaved(job: DotProduct) -> bool:
    return job.precision is Precision.HALF and job.features is Features.INTERLEAVED


def _write_products(words: dict[str, np.ndarray], job: DotProduct, start: int) -> None:
    """Write the product words of all passes, the first at `start`."""
    half = job.precision is Precision.HALF
    words["clear"][start] = 1
    for number, part in enumerate(_PASSES[job.precision]):
        first = start + number * job.length
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
    words["shift"][start] = _ALIGNMENT[job.precision].value


def _write_capture(words: dict[str, np.ndarray], job: DotProduct, cycle: int) -> None:
    """Write the capture fields into the word after the dot product."""
    words["capture_high"][cycle] = job.target is not Target.LOW
    words["capture_low"][cycle] = job.target is not Target.HIGH
    words["narrow"][cycle] = job.target is not Target.WORD
    words["position"][cycle] = job.position
    if not job.bias:
        words["shift"][cycle] = _ALIGNMENT[job.precision].value


def _hold_selects(words: dict[str, np.ndarray]) -> None:
    """Keep the fields that a word does not use at their last value, so that they do not toggle."""
    product = words["addend"] == Addend.PRODUCT.value
    for name in ("act_high", "act_signed", "weight_part"):
        words[name] = _hold(words[name], product)
    capture = (words["capture_high"] | words["capture_low"]) == 1
    for name in ("narrow", "position"):
        words[name] = _hold(words[name], capture)


def _hold(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Replace each value that is not valid by the last valid one before it, if there is one."""
    last = np.maximum.accumulate(np.where(valid, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], values)


def _present(values: np.ndarray | None, index: np.ndarray, bits: int) -> np.ndarray:
    """Return the bit pattern at an operand port in each cycle; 0 where nothing was presented."""
    if values is None:
        return np.zeros(len(index), np.int64)
    patterns = np.asarray(values, np.int64) & ((1 << bits) - 1)
    return np.where(index >= 0, patterns[..., index], 0)
