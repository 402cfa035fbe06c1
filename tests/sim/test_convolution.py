"""The golden convolution against a plain one, and its cycles."""

import numpy as np
import pytest
from scipy.signal import correlate

from voltile.core import LayerError, Precision
from voltile.sim import (
    DUAL,
    SCALABLE,
    SPATIAL,
    activate,
    convolve,
    layer_cycles,
    round_half_even,
)


def plain(act, weight, stride, padding, groups):
    """Return a convolution by scipy, group by group and channel by channel."""
    top, left, bottom, right = padding
    padded = np.pad(act, ((top, bottom), (left, right), (0, 0)))
    inputs, outputs = act.shape[2] // groups, len(weight) // groups
    maps = []
    for number, kernel in enumerate(weight):
        first = number // outputs * inputs
        maps.append(correlate(padded[..., first : first + inputs], kernel, "valid")[..., 0])
    return np.stack(maps, axis=-1)[:: stride[0], :: stride[1]]


@pytest.mark.parametrize("element", [SCALABLE, SPATIAL, DUAL], ids=lambda item: item.name)
@pytest.mark.parametrize(
    ("groups", "stride", "padding"),
    [(1, (1, 1), (0, 0, 0, 0)), (2, (2, 1), (1, 0, 2, 1)), (6, (1, 2), (1, 1, 1, 1))],
)
def test_convolution_is_a_sum_of_products(element, groups, stride, padding):
    rng = np.random.default_rng(3)
    limit = 1 << element.width - 1
    act = rng.integers(-limit, limit, (6, 5, 6))
    weight = rng.integers(-limit, limit, (12, 3, 2, 6 // groups))
    bias = rng.integers(-(1 << 15), 1 << 15, 12)
    sums = convolve(act, weight, bias, stride=stride, padding=padding, groups=groups,
                    element=element)  # fmt: skip
    np.testing.assert_array_equal(sums, plain(act, weight, stride, padding, groups) + bias)


def test_low_precisions_keep_the_radix_point_of_words():
    """Products of K-bit operands count 2**K or 2**2K times as much, rounded in the element."""
    rng = np.random.default_rng(4)
    act, weight = rng.integers(-8, 8, (4, 4, 3)), rng.integers(-128, 128, (5, 2, 2, 3))
    rounded = round_half_even(weight)
    whole = (1, 1), (0, 0, 0, 0), 1
    np.testing.assert_array_equal(
        convolve(act, weight, precision=Precision.HALF), plain(act, rounded, *whole) << 8
    )
    np.testing.assert_array_equal(
        convolve(act, weight, precision=Precision.MIXED), plain(act, rounded, *whole) << 4
    )


def test_activation_shifts_clamps_and_cuts():
    sums = np.array([-5000, -17, -16, 15, 16, 5000])
    np.testing.assert_array_equal(activate(sums, 4, 8), [-128, -2, -1, 0, 1, 127])
    np.testing.assert_array_equal(activate(sums, 4, 4, relu=True), [0, 0, 0, 0, 1, 7])


def test_convolution_rejects_channels_that_do_not_fit():
    with pytest.raises(LayerError, match="2 groups of 3 input channels and 4 output channels"):
        convolve(np.zeros((4, 4, 5), int), np.zeros((4, 1, 1, 3), int), groups=2)


def test_cycles_are_those_of_the_nest():
    """8 x 8 array, 3 x 3 kernel, 64 to 64 channels, 125 pixels: counted by hand."""
    folds, pixel_folds, words = 8, 16, 9 * 8
    tail = 8 + 8 + 3 + 3
    spatial_tail = tail + 1
    layer = (64, 64, 125, (3, 3), 1)
    for precision, cycles in ((Precision.FULL, 4 * 8), (Precision.MIXED, 2 * 8)):
        expected = folds * (2 + pixel_folds * (words * cycles + 2)) + tail
        assert layer_cycles(*layer, precision, True, 8, 8) == expected
    # Twice as many channels in a word, one cycle for each; no bias.
    expected = folds * pixel_folds * (words // 2 * 16) + tail
    assert layer_cycles(*layer, Precision.HALF, False, 8, 8) == expected
    # A depthwise layer takes the channels of one word at a time.
    expected = folds * pixel_folds * (9 * 8 * 4) + tail
    assert layer_cycles(64, 64, 125, (3, 3), 64, Precision.FULL, False, 8, 8) == expected
    # Four products a cycle, 32 channels in a word of 16-bit ports.
    expected = folds * (2 + pixel_folds * (9 * 2 * 8)) + spatial_tail
    assert layer_cycles(*layer, Precision.HALF, True, 8, 8, SPATIAL) == expected
