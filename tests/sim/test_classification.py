"""KL divergence, accuracy and effort against closed forms and exact sums."""

from math import fsum, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import Precision
from voltile.sim import kl_divergence, operations, softmax, top_1

LOGITS = st.lists(st.floats(-40, 40), min_size=6, max_size=6)


def test_kl_divergence_of_known_distributions():
    full = np.log([[0.5, 0.5], [0.9, 0.1]])
    mixed = np.log([[[0.25, 0.75], [0.9, 0.1]], [[0.5, 0.5], [0.1, 0.9]]])
    first = 0.5 * log(0.5 / 0.25) + 0.5 * log(0.5 / 0.75)
    second = 0.8 * log(9)  # 0.9 ln 9 - 0.1 ln 9
    assert kl_divergence(full, mixed) == pytest.approx([first / 2, second / 2])


@given(LOGITS, LOGITS)
def test_kl_divergence_is_that_of_exact_sums(full, mixed):
    full, mixed = np.reshape(full, (2, 3)), np.reshape(mixed, (2, 3))
    terms = []
    for row, other in zip(full, mixed, strict=True):
        p, q = (np.exp(item - item.max()) for item in (row, other))
        p, q = p / fsum(p), q / fsum(q)
        terms += [float(a) * log(a / b) for a, b in zip(p, q, strict=True)]
    found = kl_divergence(full, mixed[None])
    assert found == pytest.approx([max(0.0, fsum(terms) / 2)], rel=1e-9, abs=1e-12)
    assert kl_divergence(full, full[None] + 3.0) == pytest.approx([0], abs=1e-12)
    assert found[0] >= 0


def test_kl_divergence_of_logits_that_overflow_or_vanish():
    full, mixed = np.array([[1e4, 0.0]]), np.array([[[0.0, 1e4]], [[1e4, 0.0]], [[-1e4, 1e300]]])
    assert kl_divergence(full, mixed).tolist() == [1e4, 0.0, 1e300]


def test_softmax_adds_up_to_one():
    assert softmax([[1000.0, 1000.0], [-1000.0, 0.0]]).tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_top_1_counts_the_greatest():
    scores = np.array([[[1, 2, 0], [3, 0, 0]], [[0, 0, 1], [0, 0, 2]]])
    assert top_1(scores, [1, 2]).tolist() == [0.5, 0.5]
    assert top_1(scores[0], [1, 0]).tolist() == 1.0


def test_operations_are_those_of_table_3_9():
    found = operations([10, 0], [3, 5], tuple(Precision))
    assert found.tolist() == [[46, 26, 16], [10, 10, 10]]
    assert operations([7], [0], (Precision.FULL, Precision.HALF)).tolist() == [[28, 7]]
