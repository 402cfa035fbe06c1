"""Golden arithmetic of the processing elements.

Public names
------------
dot_product : a dot product by Algorithm 3, with the accumulator's saturation and the bias.
packed_dot_product : one that adds several products at a time.
pack : operands of one dot product in words.
reconfigure_weights : weights of half as many bits (Fig. 3.5).
round_half_even : rounding of weights to half their bits.
write_back : truncation and range check of a result.
interleave, deinterleave : two half-width values in one word.
split : a word's signed high and unsigned low half.
saturate, accumulate : clamping, and a sum that clamps after every addition.
dot_product_cycles : cycles that a dot product takes (Table 3.9).
"""

from voltile.sim.cycles import layer_cycles, scale_sim_cycles
from voltile.sim.elements import DUAL, ELEMENTS, SCALABLE, SPATIAL, Element
from voltile.sim.fixed_point import FixedPointLayer, FixedPointNetwork, fraction_length, quantise
from voltile.sim.float_network import FloatLayer, FloatNetwork, read_onnx
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
from voltile.sim.layers import activate, convolve
from voltile.sim.packed import pack, packed_dot_product, reconfigure_weights

__all__ = [
    "DUAL",
    "ELEMENTS",
    "SCALABLE",
    "SPATIAL",
    "Element",
    "FixedPointLayer",
    "FixedPointNetwork",
    "FloatLayer",
    "FloatNetwork",
    "activate",
    "convolve",
    "fraction_length",
    "layer_cycles",
    "quantise",
    "scale_sim_cycles",
    "read_onnx",
    "accumulate",
    "deinterleave",
    "dot_product",
    "dot_product_cycles",
    "interleave",
    "pack",
    "packed_dot_product",
    "reconfigure_weights",
    "round_half_even",
    "saturate",
    "split",
    "write_back",
]
