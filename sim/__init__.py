"""Golden arithmetic of the precision-scalable MAC.

Public names
------------
dot_product : a dot product by Algorithm 3, with the accumulator's saturation and the bias.
round_half_even : rounding of weights to half their bits.
write_back : truncation and range check of a result.
interleave, deinterleave : two half-width values in one word.
split : a word's signed high and unsigned low half.
saturate, accumulate : clamping, and a sum that clamps after every addition.
dot_product_cycles : cycles that a dot product takes (Table 3.9).
"""

from voltile.sim.golden import (
    accumulate,
    deinterleave,
    dot_product,
    dot_product_cycles,
    interleave,
    round_half_even,
    saturate,
    split,
    write_back,
)

__all__ = [
    "accumulate",
    "deinterleave",
    "dot_product",
    "dot_product_cycles",
    "interleave",
    "round_half_even",
    "saturate",
    "split",
    "write_back",
]
