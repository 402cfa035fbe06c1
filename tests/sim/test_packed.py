"""The golden model of packed operands against plain integers and against Algorithm 3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import Precision
from voltile.sim import (
    dot_product,
    pack,
    packed_dot_product,
    reconfigure_weights,
    round_half_even,
)


def words(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


@st.composite
def operands(draw, precision):
    """Return width, activations, and weights of `width` bits."""
    width = draw(st.sampled_from([4, 6, 8, 16]))
    length = draw(st.integers(1, 40))
    act_bits = width // 2 if precision is Precision.HALF else width
    act = draw(st.lists(words(act_bits), min_size=length, max_size=length))
    weight = draw(st.lists(words(width), min_size=length, max_size=length))
    return width, act, weight


@given(st.data(), st.sampled_from(Precision), st.sampled_from([1, 2, 4]), st.booleans())
def test_it_is_algorithm_3_where_nothing_saturates(data, precision, products, with_bias):
    width, act, weight = data.draw(operands(precision))
    bias = data.draw(words(2 * width)) if with_bias else None
    expected = dot_product(act, weight, precision, bias, width, acc_width=44)
    ready = weight if precision is Precision.FULL else round_half_even(weight, width)
    found = packed_dot_product(act, ready, precision, products, bias, width, acc_width=44)
    assert found == expected


@given(
    st.lists(st.tuples(words(4), words(4)), min_size=1, max_size=30),
    st.sampled_from([1, 2, 4]),
    words(16),
)
def test_it_saturates_after_every_group_of_products(pairs, products, bias):
    total = bias
    for start in range(0, len(pairs), products):
        group = sum(a * w for a, w in pairs[start : start + products])
        total = max(-(2**15), min(2**15 - 1, total + 256 * group))
    act, weight = zip(*pairs, strict=True)
    assert packed_dot_product(act, weight, Precision.HALF, products, bias, 8, 16) == total


def test_streams_are_independent():
    rng = np.random.default_rng(3)
    act, weight = rng.integers(-128, 128, (3, 5, 63)), rng.integers(-8, 8, (5, 63))
    bias = rng.integers(-(2**15), 2**15, (3, 5))
    together = packed_dot_product(act, weight, Precision.MIXED, 2, bias, acc_width=16)
    one = [
        [packed_dot_product(act[i, j], weight[j], Precision.MIXED, 2, bias[i, j], acc_width=16)
         for j in range(5)]
        for i in range(3)
    ]  # fmt: skip
    np.testing.assert_array_equal(together, one)


def test_words_are_filled_from_the_top():
    assert pack([1, -1, 7, -8, 3], 4, 4, 16).tolist() == [0x1F78, 0x3000]
    assert pack([1, -1, 7], 4, 2, 16).tolist() == [0x1F00, 0x7000]
    assert pack([-2, 5], 8, 1, 16).tolist() == [0xFE00, 0x0500]
    assert pack([[1, 2], [-1, -2]], 8, 2, 16).tolist() == [[0x0102], [0xFFFE]]


@pytest.mark.parametrize(
    ("weight", "rounded", "truncated"),
    [
        (0x0180, 2, 1),  # 1.5 goes to 2
        (0x0280, 2, 2),  # 2.5 goes to 2
        (0x0281, 3, 2),
        (-0x0180, -2, -2),  # -1.5 goes to -2
        (-0x0280, -2, -3),
        (-0x0001, 0, -1),
        (0x7F80, 127, 127),  # 127.5 would be 128: clamped
        (0x7FFF, 127, 127),
        (-0x8000, -128, -128),
    ],
)
def test_weights_of_16_bits_become_8(weight, rounded, truncated):
    assert reconfigure_weights([weight], 16).tolist() == [rounded]
    assert reconfigure_weights([weight], 16, rounding=False).tolist() == [truncated]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([8], [0], Precision.HALF, 4), "act must lie in -8 .. 7, not 8"),
        (([0], [8], Precision.MIXED, 2), "weight must lie in -8 .. 7, not 8"),
        (([128], [0], Precision.FULL, 1), "act must lie in -128 .. 127, not 128"),
        (([0], [0], Precision.FULL, 1, 2**15), "bias must lie in -32768 .. 32767, not 32768"),
        (([0], [0], Precision.FULL, 1, None, 16, 47), "acc_width must be from 32 to 46, not 47"),
    ],
)
def test_packed_dot_product_rejects_what_is_out_of_range(arguments, message):
    with pytest.raises(ValueError) as raised:
        packed_dot_product(*arguments)
    assert str(raised.value) == message
