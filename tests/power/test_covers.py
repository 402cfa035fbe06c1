"""Sums of products are the functions they come from."""

from itertools import product

import numpy as np
import pytest

from voltile.power.covers import cover_of


def value(cover, pattern):
    return cover.inverted ^ any(
        all((pattern >> bit) & 1 == level for bit, level in item) for item in cover.products
    )


@pytest.mark.parametrize("inputs", range(4))
def test_every_function_of_few_inputs_is_covered(inputs):
    for table in product((False, True), repeat=1 << inputs):
        cover = cover_of(table)
        assert tuple(value(cover, pattern) for pattern in range(1 << inputs)) == table


def test_functions_of_six_inputs_are_covered():
    rng = np.random.default_rng(0)
    for _ in range(20):
        table = tuple(bool(bit) for bit in rng.random(64) < rng.random())
        assert tuple(value(cover_of(table), pattern) for pattern in range(64)) == table


@pytest.mark.parametrize(
    ("table", "literals"),
    [
        ((True, True, True, False), 3),  # NAND: one product, inverted
        ((False, True, True, False), 6),  # XOR: two products of two
        ((False, False, False, True, True, True, True, True), 5),  # AND-OR
    ],
)
def test_cover_is_small(table, literals):
    assert cover_of(table).literals == literals
