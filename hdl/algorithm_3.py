"""Algorithm 3 as tables: its loops over the operands, and what is shifted between them."""

from dataclasses import dataclass

from voltile.core import Precision
from voltile.hdl.control import Shift, WeightPart


@dataclass(frozen=True)
class Pass:
    """One loop: the halves multiplied, and the shift of the sum before its first product."""

    act_high: bool
    weight_part: WeightPart
    shift: Shift


PASSES = {
    Precision.FULL: (
        Pass(True, WeightPart.HIGH, Shift.NONE),
        Pass(False, WeightPart.HIGH, Shift.K),
        Pass(True, WeightPart.LOW, Shift.NONE),
        Pass(False, WeightPart.LOW, Shift.K),
    ),
    Precision.MIXED: (
        Pass(True, WeightPart.ROUNDED, Shift.NONE),
        Pass(False, WeightPart.ROUNDED, Shift.K),
    ),
    Precision.HALF: (Pass(True, WeightPart.ROUNDED, Shift.NONE),),
}
ALIGNMENT = {Precision.FULL: Shift.NONE, Precision.MIXED: Shift.K, Precision.HALF: Shift.TWO_K}
"""Shift of the finished sum to the radix point of the bias (lines 8 and 18)."""
