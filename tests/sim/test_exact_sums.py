"""Convolutions in exact float32 parts."""

import numpy as np
import pytest
from graph_models import specified_maps

from voltile.core import Precision
from voltile.sim import DUAL, SCALABLE, Emulator, FixedPointLayer, FixedPointNetwork, FloatLayer
from voltile.sim.exact_sums import exact_sum, may_saturate

pytest.importorskip("onnx")


def one_layer(weight, bias, fraction_out, element, groups=1):
    """Return a network of a layer whose words are integers; products count 1."""
    source = FloatLayer("layer", weight.astype(float), None, groups=groups)
    layer = FixedPointLayer(weight, bias, 0, 0, fraction_out, source)
    return FixedPointNetwork((layer,), element)


def emulated(network, words, precision=Precision.FULL):
    emulator = Emulator(network, threads=1)
    maps = [np.moveaxis(words, -1, 0)[None].astype(emulator.dtype)]
    return np.moveaxis(emulator.results(0, precision, maps)[0], 0, -1)


@pytest.mark.parametrize(
    ("weight", "bias", "parts"),
    [
        # 65535 x 128 and 126 are 2**23 - 2, by hand; half a unit of the results is another one.
        ([2**16 - 1], 2**7 - 2, 1),
        ([2**16 - 1], 2**7 - 1, 2),
        ([2**15, -(2**15)], 0, 2),
    ],
)
def test_parts_are_as_few_as_24_bits_allow(weight, bias, parts):
    """8-bit activations reach 128: sums of magnitudes below 2**23 less half a unit in one part."""
    sums = exact_sum(np.array([weight]), np.array([bias]), 8, 1)
    assert len(sums.parts) == parts


@pytest.mark.parametrize("taps", [1, 9, 64, 1000])
@pytest.mark.parametrize("shift", [0, 3, 9, 15, 24])
def test_parts_add_up_to_the_whole(taps, shift):
    """Digits and places: the parts of 16-bit operands, in Python integers."""
    rng = np.random.default_rng(taps + shift)
    weight = rng.integers(-(2**15), 2**15, (3, taps))
    bias = rng.integers(-(2**31), 2**31, 3)
    sums = exact_sum(weight, bias, 16, shift)
    act = rng.integers(-(2**15), 2**15, taps)
    pieces, left = [], act
    for _ in range(sums.pieces - 1):
        pieces.append(left % 2**sums.piece_bits)
        left = left >> sums.piece_bits
    pieces.append(left)
    total = np.zeros(3, object)
    for part in sums.parts:
        of_pairs = sum(each.astype(object) @ pieces[place] for place, each in part.weights)
        total += 2**part.exponent * (of_pairs + part.bias)
    np.testing.assert_array_equal(total, weight.astype(object) @ act + bias)


@pytest.mark.parametrize("element", [SCALABLE, DUAL], ids=lambda item: item.name)
@pytest.mark.parametrize("fraction_out", [0, -3, -8, -14, -22])
@pytest.mark.parametrize("extreme", [True, False])
def test_largest_operands_are_exact(element, fraction_out, extreme):
    """All operands at the ends of their ranges, where sums are largest, and at random."""
    rng = np.random.default_rng(-fraction_out)
    limit = 1 << element.width - 1
    if extreme:
        weight, words = (rng.choice([-limit, limit - 1], size) for size in
                         ((5, 3, 3, 40), (4, 4, 40)))  # fmt: skip
        words[:2], weight[0], weight[1] = -limit, -limit, limit - 1
    else:
        weight = rng.integers(-limit, limit, (5, 3, 3, 40))
        words = rng.integers(-limit, limit, (4, 4, 40))
    bias = rng.integers(-2 * limit**2, 2 * limit**2, 5)
    network = one_layer(weight, bias, fraction_out, element)
    for precision in (Precision.FULL, Precision.HALF):
        lost = element.width // 2 if precision is Precision.HALF else 0
        act = words >> lost
        # The layer takes the input of a network: words of the precision.
        [expected] = specified_maps(network, act * 2.0**lost, [precision])
        np.testing.assert_array_equal(emulated(network, act, precision), expected)


def test_sums_at_the_edges_of_rounding_are_cut_off():
    """Every remainder of a shift by 6, positive and negative: floor, not the nearest."""
    weight, values = np.ones((1, 1, 1, 1), int), np.arange(-128, 128).reshape(16, 16, 1)
    network = one_layer(weight, np.zeros(1, int), -6, SCALABLE)
    np.testing.assert_array_equal(emulated(network, values), values // 64)


def test_only_long_sums_may_saturate():
    """2**31 of 2**14 at most, and what carries and biases add: about 93 000 products."""
    for taps, may in ((80_000, False), (140_000, True)):
        assert may_saturate(SCALABLE, np.full((1, taps), 127), np.zeros(1, int)) is may
