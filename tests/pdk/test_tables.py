"""Table look-up against a scalar bilinear formula, and against SciPy where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voltile.pdk.lookup import lookup
from voltile.pdk.supply_tables import stack_supplies
from voltile.pdk.tables import interpolate_tables, pack_tables, select_tables, union_axes

numbers = st.floats(-100, 100)
positions = st.floats(-3, 20)


@st.composite
def axes(draw):
    # Eighths: points of two axes are the same, or clearly apart.
    steps = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    return np.cumsum([draw(st.integers(0, 16)), *steps]) / 8


@st.composite
def tables(draw):
    slew, load = draw(axes()), draw(axes())
    values = draw(st.lists(numbers, min_size=len(slew) * len(load), max_size=len(slew) * len(load)))
    return slew, load, np.array(values).reshape(len(slew), len(load))


def segment(axis, x):
    """Index of the segment of an ascending axis that holds x, or the nearest one."""
    at = 0
    while at + 2 < len(axis) and x >= axis[at + 1]:
        at += 1
    return at


def bilinear(table, x, y):
    """The plane-wise definition: weights of the four corners around (x, y)."""
    slew, load, values = table
    i, j = segment(slew, x), segment(load, y)
    p = (x - slew[i]) / (slew[i + 1] - slew[i])
    q = (y - load[j]) / (load[j + 1] - load[j])
    return (
        (1 - p) * (1 - q) * values[i, j] + (1 - p) * q * values[i, j + 1]
        + p * (1 - q) * values[i + 1, j] + p * q * values[i + 1, j + 1]
    )  # fmt: skip


@given(st.lists(tables(), min_size=1, max_size=4), st.data())
def test_lookup_is_bilinear_and_continues_beyond_the_ends(many, data):
    packed = pack_tables(many)
    index = np.array(data.draw(st.lists(st.integers(0, len(many) - 1), min_size=1, max_size=6)))
    slew = np.array([data.draw(positions) for _ in index])
    load = np.array([data.draw(positions) for _ in index])
    found = packed.lookup(index, slew, load)
    for at, number in enumerate(index):
        expected = bilinear(many[number], slew[at], load[at])
        steps = [np.diff(axis).min() for axis in many[number][:2]]
        scale = 100 * (1 + 25 / steps[0]) * (1 + 25 / steps[1])
        assert found[at] == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(tables(), tables()), min_size=1, max_size=3), st.data())
def test_stacked_tables_of_supplies_give_what_each_supply_gives(pairs, data):
    """Two supplies with other axes, and groups of two tables whose axes differ."""
    supplies = [pack_tables([*side, *side[::-1]]) for side in zip(*pairs, strict=True)]
    count = 2 * len(pairs)
    groups = np.stack([np.arange(count), np.arange(count)[::-1]], axis=1)
    stacked = stack_supplies(supplies, groups)
    rows = np.array(data.draw(st.lists(st.integers(0, 2 * count - 1), min_size=1, max_size=6)))
    slew = np.array([data.draw(positions) for _ in rows])
    load = np.array([data.draw(positions) for _ in rows])
    points = [*stacked.slew.points, *stacked.load.points]
    step = min(np.diff(axis[np.isfinite(axis)]).min() for axis in points)
    for member in (0, 1):
        patches = np.ascontiguousarray(stacked.patches[..., member : member + 1])
        found = lookup(stacked._replace(patches=patches), rows, slew, load)
        for at, row in enumerate(rows):
            table = groups[row % count, [member]]
            expected = supplies[row // count].lookup(table, slew[[at]], load[[at]])[0]
            assert found[at] == pytest.approx(expected, rel=1e-7, abs=1e-7 * (25 / step) ** 2)


@given(tables())
def test_lookup_at_a_point_is_the_value_there(table):
    slew, load, values = table
    packed = pack_tables([table])
    grid = np.meshgrid(slew, load, indexing="ij")
    found = packed.lookup(np.zeros(values.size, dtype=int), grid[0].ravel(), grid[1].ravel())
    np.testing.assert_allclose(found, values.ravel(), rtol=1e-9, atol=1e-10)


def test_lookup_agrees_with_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(1)
    slew, load = np.cumsum(rng.uniform(0.1, 2, 5)), np.cumsum(rng.uniform(0.1, 2, 7))
    values = rng.normal(size=(5, 7))
    other = interpolate.RegularGridInterpolator(
        (slew, load), values, bounds_error=False, fill_value=None
    )
    x, y = rng.uniform(-2, 12, 500), rng.uniform(-2, 16, 500)
    found = pack_tables([(slew, load, values)]).lookup(np.zeros(500, dtype=int), x, y)
    np.testing.assert_allclose(found, other(np.stack([x, y], axis=1)), rtol=1e-10, atol=1e-10)


def test_axes_of_one_point_are_constant():
    none, one = np.zeros(0), np.array([3.0])
    line = np.array([[1.0, 5.0]])
    packed = pack_tables([
        (none, none, np.array([[7.0]])),
        (one, np.array([1.0, 2.0]), line),
        (np.array([1.0, 2.0]), none, line.T),
    ])  # fmt: skip
    found = packed.lookup(np.array([0, 0, 1, 1, 2]), np.array([0.0, 9, 0, 9, 1.5]),
                          np.array([0.0, -4, 1.5, 3, 77]))  # fmt: skip
    np.testing.assert_allclose(found, [7, 7, 3, 9, 3])


def test_select_tables_keeps_what_lookup_gives():
    rng = np.random.default_rng(2)
    many = [
        (np.cumsum(rng.uniform(0.1, 1, rows)), np.cumsum(rng.uniform(0.1, 1, columns)),
         rng.normal(size=(rows, columns)))
        for rows, columns in ((7, 7), (2, 3), (3, 2), (4, 5))
    ]  # fmt: skip
    packed = pack_tables(many)
    some = select_tables(packed, np.array([3, 1]))
    assert some.values.shape == (2, 4, 5)
    x, y = rng.uniform(-1, 5, 40), rng.uniform(-1, 5, 40)
    for new, old in ((0, 3), (1, 1)):
        np.testing.assert_array_equal(
            some.lookup(np.full(40, new), x, y), packed.lookup(np.full(40, old), x, y)
        )


def test_union_of_axes_is_sorted_and_without_twins():
    first = np.array([[1.0, 2.0, 4.0], [1.0, 3.0, np.inf]])
    second = np.array([[1.0, 3.0, 4.0 + 1e-9], [2.0, 3.0, np.inf]])
    np.testing.assert_array_equal(
        union_axes(first, second), [[1, 2, 3, 4], [1, 2, 3, np.inf]]
    )


@given(tables(), tables(), st.lists(st.tuples(positions, positions), min_size=1, max_size=8))
def test_interpolated_tables_equal_their_ends(low, high, points):
    """Up to the continuation: beyond the shorter axis both are straight lines."""
    low, high = pack_tables([low]), pack_tables([high])
    zero = np.zeros(len(points), dtype=int)
    x, y = (np.array(column) for column in zip(*points, strict=True))
    for part, end in ((0.0, low), (1.0, high)):
        mixed = interpolate_tables(low, high, part, np.array([False]))
        expected = end.lookup(zero, x, y)
        scale = 1 + np.abs(mixed.values).max() + np.abs(expected).max()
        assert np.abs(mixed.lookup(zero, x, y) - expected).max() <= 1e-6 * scale


@given(tables(), st.floats(0.01, 0.99))
def test_positive_tables_are_mixed_in_the_logarithm_and_others_linearly(table, part):
    slew, load, values = table
    low = pack_tables([(slew, load, np.abs(values) + 1.0)] * 2)
    high = pack_tables([(slew, load, np.abs(values) * 0.5 + 0.25)] * 2)
    mixed = interpolate_tables(low, high, part, np.array([True, False]))
    rows, columns = values.shape
    first, second = low.values[0, :rows, :columns], high.values[0, :rows, :columns]
    np.testing.assert_allclose(
        np.log(mixed.values[0, :rows, :columns]),
        (1 - part) * np.log(first) + part * np.log(second), rtol=1e-9, atol=1e-9,
    )  # fmt: skip
    np.testing.assert_allclose(
        mixed.values[1, :rows, :columns], (1 - part) * first + part * second, rtol=1e-9
    )
    # A table with a negative value has no logarithm.
    below = pack_tables([(slew, load, -np.abs(values) - 1.0)] * 2)
    mixed = interpolate_tables(below, high, part, np.array([True, True]))
    np.testing.assert_allclose(
        mixed.values[0, :rows, :columns],
        (1 - part) * below.values[0, :rows, :columns] + part * second, rtol=1e-9, atol=1e-12,
    )  # fmt: skip
