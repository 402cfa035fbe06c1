"""The golden model against plain integer arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import Precision
from voltile.sim import (
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

WIDTHS = st.sampled_from([4, 6, 8, 12, 16])


def words(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


@st.composite
def operands(draw, act_bits=lambda width: width):
    """Return width, activations and weights."""
    width = draw(WIDTHS)
    length = draw(st.integers(1, 40))
    act = draw(st.lists(words(act_bits(width)), min_size=length, max_size=length))
    weight = draw(st.lists(words(width), min_size=length, max_size=length))
    return width, act, weight


def nearest_even(value: int, width: int) -> int:
    """Round by comparing distances, clamp at the top: independent of any library's rounding."""
    step = 1 << width // 2
    below = value // step
    distance = 2 * (value - below * step) - step
    up = distance > 0 or (distance == 0 and below % 2 == 1)
    return min(below + up, step // 2 - 1)


@given(operands())
def test_full_precision_is_the_exact_dot_product(case):
    width, act, weight = case
    result = dot_product(act, weight, Precision.FULL, width=width, acc_width=44)
    assert result == sum(a * w for a, w in zip(act, weight, strict=True))


@given(operands())
def test_mixed_precision_is_the_product_with_rounded_weights(case):
    width, act, weight = case
    rounded = [nearest_even(w, width) for w in weight]
    result = dot_product(act, weight, Precision.MIXED, width=width, acc_width=44)
    assert result == sum(a * w for a, w in zip(act, rounded, strict=True)) << width // 2


@given(operands(act_bits=lambda width: width // 2))
def test_half_precision_is_the_product_of_features_with_rounded_weights(case):
    width, act, weight = case
    rounded = [nearest_even(w, width) for w in weight]
    result = dot_product(act, weight, Precision.HALF, width=width, acc_width=44)
    assert result == sum(a * w for a, w in zip(act, rounded, strict=True)) << width


@given(operands(), st.data(), st.sampled_from(Precision))
def test_bias_adds_to_the_aligned_sum(case, data, precision):
    width, act, weight = case
    if precision is Precision.HALF:
        act = [a >> width // 2 for a in act]
    bias = data.draw(words(2 * width))
    plain = dot_product(act, weight, precision, width=width, acc_width=44)
    assert dot_product(act, weight, precision, bias, width, 44) == plain + bias


@given(words(8), st.lists(words(10), min_size=1, max_size=30))
def test_accumulate_saturates_after_every_addition(start, addends):
    value = start
    for addend in addends:
        value = max(-128, min(127, value + addend))
    assert accumulate(start, np.array(addends), 8) == value


@given(st.integers(-(1 << 40), 1 << 40), st.integers(0, 31), st.sampled_from([4, 8]))
def test_write_back_truncates_then_checks_the_range(value, position, bits):
    shifted = value // 2**position
    word, over = write_back(value, position, bits)
    assert word == max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, shifted))
    assert over == (word != shifted)


@pytest.mark.parametrize("width", [4, 8, 12])
def test_round_half_even_takes_the_nearest_word(width):
    values = range(-(1 << width - 1), 1 << width - 1)
    expected = [nearest_even(value, width) for value in values]
    np.testing.assert_array_equal(round_half_even(list(values), width), expected)


@pytest.mark.parametrize("width", [4, 8])
def test_every_word_splits_and_interleaves_back(width):
    every = np.arange(-(1 << width - 1), 1 << width - 1)
    high, low = split(every, width)
    np.testing.assert_array_equal(high * 2 ** (width // 2) + low, every)
    assert low.min() == 0
    np.testing.assert_array_equal(interleave(*deinterleave(every, width), width), every)


def test_streams_on_leading_axes_are_independent():
    rng = np.random.default_rng(7)
    act, weight = rng.integers(-128, 128, (3, 5, 64)), rng.integers(-128, 128, (5, 64))
    bias = rng.integers(-(2**15), 2**15, (3, 5))
    for precision in (Precision.FULL, Precision.MIXED):
        together = dot_product(act, weight, precision, bias, acc_width=16)
        one = [
            [dot_product(act[i, j], weight[j], precision, bias[i, j], acc_width=16)
             for j in range(5)]
            for i in range(3)
        ]  # fmt: skip
        np.testing.assert_array_equal(together, one)


def test_intermediate_saturation_is_not_undone():
    # 16 bits hold 32767; the products of the low halves alone reach 400 * 15 * 15 = 90000.
    act, weight = [127] * 400 + [-127] * 400, [127] * 800
    assert sum(a * w for a, w in zip(act, weight, strict=True)) == 0
    assert dot_product(act, weight, Precision.FULL, acc_width=16) != 0
    assert dot_product(act, weight, Precision.FULL, acc_width=32) == 0


def test_a_shift_saturates():
    # 7 * 7 * 3 = 147; << 8 is 37632, more than 16 bits hold.
    assert dot_product([7] * 3, [127] * 3, Precision.HALF, acc_width=16) == 32767
    assert dot_product([-8] * 3, [127] * 3, Precision.HALF, acc_width=16) == -32768


def test_saturate_clamps_to_both_ends():
    np.testing.assert_array_equal(saturate([-9, -8, 7, 8], 4), [-8, -8, 7, 7])


@pytest.mark.parametrize(
    ("precision", "bias", "cycles"),
    [
        (Precision.FULL, False, 400),
        (Precision.FULL, True, 402),
        (Precision.MIXED, True, 202),
        (Precision.HALF, True, 102),
    ],
)
def test_cycles_follow_table_3_9(precision, bias, cycles):
    assert dot_product_cycles(100, precision, bias) == cycles


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([128], [0], Precision.FULL), "act must lie in -128 .. 127, not 128"),
        (([8], [0], Precision.HALF), "act must lie in -8 .. 7, not 8"),
        (([0], [-129], Precision.MIXED), "weight must lie in -128 .. 127, not -129"),
        (([0], [0], Precision.FULL, 32768), "bias must lie in -32768 .. 32767, not 32768"),
        (([0], [0], Precision.FULL, None, 5), "width must be even and at least 4, not 5"),
        (([0], [0], Precision.FULL, None, 8, 15), "acc_width must be from 16 to 54, not 15"),
    ],
)
def test_dot_product_rejects_what_is_out_of_range(arguments, message):
    with pytest.raises(ValueError) as raised:
        dot_product(*arguments)
    assert str(raised.value) == message


def test_dot_product_rejects_fractions():
    with pytest.raises(TypeError) as raised:
        dot_product([0.5], [1], Precision.FULL)
    assert str(raised.value) == "act must hold integers, not float64"
