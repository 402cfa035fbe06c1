"""The four supply schemes against numbers worked out by hand (dissertation 4.1.1, Eq. 4.1)."""

from dataclasses import replace

import numpy as np
import pytest
from interval_results import steps_of

from voltile.core import TimingInfeasible
from voltile.floorplan import VddPlan
from voltile.power.dvfs import (
    OperatingCurve,
    SupplyPoints,
    fine_vh,
    ideal_dvfs,
    vdd_dithering,
    vdd_hopping,
)

GHZ, PJ, MW = 1e9, 1e-12, 1e-3
# Energy grows with Vdd squared; round numbers elsewhere.
POINTS = SupplyPoints(
    vdd=np.array([0.6, 0.7, 0.8, 0.9, 1.0]),
    frequency=np.array([0.5, 0.8, 1.2, 1.6, 2.0]) * GHZ,
    energy=np.array([0.36, 0.49, 0.64, 0.81, 1.0]) * PJ,
    leakage=np.array([0.1, 0.13, 0.2, 0.3, 0.5]) * MW,
)
LEVELS = (0.6, 0.8, 1.0)


def full_power(at):
    """Power at a supply's highest frequency."""
    return POINTS.frequency[at] * POINTS.energy[at] + POINTS.leakage[at]


def frequencies(*gigahertz):
    return np.array(gigahertz) * GHZ


def test_ideal_runs_each_supply_at_its_highest_frequency():
    curve = ideal_dvfs(POINTS, POINTS.frequency)
    np.testing.assert_allclose(curve.vdd_low, POINTS.vdd)
    np.testing.assert_allclose(curve.power, [full_power(at) for at in range(5)])
    np.testing.assert_array_equal(curve.vdd_low, curve.vdd_high)
    assert (curve.scheme, curve.n, curve.interval) == ("ideal", 1, 0.0)


def test_ideal_interpolates_between_supplies_and_stays_at_the_lowest_below():
    curve = ideal_dvfs(POINTS, frequencies(0.2, 1.4))
    assert curve.vdd_low == pytest.approx([0.6, 0.85])
    low = 0.2 * GHZ * 0.36 * PJ + 0.1 * MW
    middle = 1.4 * GHZ * np.sqrt(0.64 * 0.81) * PJ + np.sqrt(0.2 * 0.3) * MW
    assert curve.power == pytest.approx([low, middle])


def test_hopping_takes_the_right_edge_of_the_interval():
    """Fig. 4.2 a: within an interval Vdd is constant, and power linear in frequency."""
    curve = vdd_hopping(POINTS, LEVELS, frequencies(0.1, 0.5, 0.51, 1.2, 1.3, 2.0))
    assert curve.vdd_high == pytest.approx([0.6, 0.6, 0.8, 0.8, 1.0, 1.0])
    expected = [
        0.1 * 0.36 + 0.1, 0.5 * 0.36 + 0.1, 0.51 * 0.64 + 0.2, 1.2 * 0.64 + 0.2, 1.3 + 0.5, 2.5
    ]  # fmt: skip
    np.testing.assert_allclose(curve.power, np.array(expected) * MW)
    assert curve.interval == pytest.approx(0.2)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("lower", [0, 1])
def test_dithering_shares_the_time_so_that_the_average_frequency_is_met(share, lower):
    """Eq. 4.1: f_avg is the mean of both frequencies over the time spent at each."""
    low, high = 2 * lower, 2 * lower + 2  # places of the levels among the points
    f_low, f_high = POINTS.frequency[low], POINTS.frequency[high]
    time_low, time_high = 1 - share, share
    average = (f_low * time_low + f_high * time_high) / (time_low + time_high)
    curve = vdd_dithering(POINTS, LEVELS, np.array([average]))
    expected = time_low * full_power(low) + time_high * full_power(high)
    assert curve.power[0] == pytest.approx(expected)
    if 0 < share < 1:
        assert (curve.vdd_low[0], curve.vdd_high[0]) == pytest.approx(
            (POINTS.vdd[low], POINTS.vdd[high])
        )
        assert curve.area_at_low[0] == pytest.approx(time_low)


def test_dithering_below_the_lowest_level_runs_at_it():
    curve = vdd_dithering(POINTS, LEVELS, frequencies(0.0, 0.3, 0.5))
    np.testing.assert_allclose(curve.power, [0.1 * MW, (0.3 * 0.36 + 0.1) * MW, full_power(0)])
    assert curve.area_at_low == pytest.approx([1, 1, 1])


def test_schemes_meet_at_the_ends_of_the_intervals():
    """Where a level is just enough, hopping and dithering are ideal."""
    ends = POINTS.frequency[[0, 2, 4]]
    ideal = ideal_dvfs(POINTS, ends).power
    np.testing.assert_allclose(vdd_hopping(POINTS, LEVELS, ends).power, ideal)
    np.testing.assert_allclose(vdd_dithering(POINTS, LEVELS, ends).power, ideal)


def test_between_the_ends_hopping_costs_more_than_dithering_and_dithering_more_than_ideal():
    inside = np.linspace(0.55, 1.15, 9) * GHZ
    ideal, dithering, hopping = (
        ideal_dvfs(POINTS, inside), vdd_dithering(POINTS, LEVELS, inside),
        vdd_hopping(POINTS, LEVELS, inside),
    )  # fmt: skip
    assert (hopping.power > dithering.power).all()
    assert (dithering.power > ideal.power).all()


@pytest.mark.parametrize(
    ("scheme", "run"),
    [
        ("ideal-DVFS", lambda f: ideal_dvfs(POINTS, f)),
        ("Vdd-hopping", lambda f: vdd_hopping(POINTS, LEVELS, f)),
        ("Vdd-dithering", lambda f: vdd_dithering(POINTS, LEVELS, f)),
        ("FINE-VH 2 x 2", lambda f: fine_vh(2, INTERVALS, f)),
    ],
)
def test_schemes_reject_a_frequency_beyond_reach(scheme, run):
    with pytest.raises(TimingInfeasible) as fault:
        run(frequencies(1.0, 2.1))
    assert str(fault.value) == (
        f"2100.0 MHz is beyond the reach of {scheme}: at most 2000.0 MHz"
    )
    assert fault.value.frequency == pytest.approx(2.1 * GHZ)
    # Rounding is no reason to refuse.
    for more in (1e-15, 1e-13, 9e-13):
        run(frequencies(2.0) * (1 + more))


def test_saving_is_the_mean_over_the_frequencies_of_the_relative_saving():
    """Dissertation 4.1.4: average power savings."""
    nothing = np.zeros(4)
    mine = OperatingCurve("fine-vh", 7, 0.1, nothing, np.array([1.0, 2, 3, 4]), *[nothing] * 4)
    other = replace(mine, power=np.array([2.0, 2.5, 3.0, 8.0]))
    assert mine.saving_against(other) == pytest.approx((0.5 + 0.2 + 0.0 + 0.5) / 4)
    assert other.saving_against(mine) == pytest.approx(1 - (2 + 1.25 + 1 + 2) / 4)


# Two intervals of a mesh of four tiles. Steps that no frequency asks for are not evaluated.
LOW = VddPlan(0.6, 0.8, np.array([3, 1, 0, 2]), np.array([2.0, 1.25, 1.0, 0.9, 0.8]) / GHZ)
HIGH = VddPlan(0.8, 1.0, np.array([0, 3, 2, 1]), np.array([0.8, 0.7, 0.6, 0.55, 0.5]) / GHZ)
INTERVALS = [
    steps_of(LOW, (0, 1, 2, 4), (0.4 * PJ, 0.45 * PJ, 0.5 * PJ, 0.6 * PJ),
                   (0.1 * MW, 0.12 * MW, 0.14 * MW, 0.2 * MW), (1.0, 0.75, 0.5, 0.0)),
    steps_of(HIGH, (1, 2, 4), (0.7 * PJ, 0.8 * PJ, 0.95 * PJ),
                   (0.25 * MW, 0.3 * MW, 0.45 * MW), (0.8, 0.4, 0.0)),
]  # fmt: skip


def test_fine_vh_raises_as_many_tiles_as_needed_in_the_lowest_interval_that_reaches():
    curve, tile_vdd = fine_vh(2, INTERVALS, frequencies(0.2, 0.5, 0.7, 1.0, 1.25, 1.3, 2.0))
    expected = [0.2 * 0.4 + 0.1, 0.5 * 0.4 + 0.1, 0.7 * 0.45 + 0.12, 1.0 * 0.5 + 0.14,
                1.25 * 0.6 + 0.2, 1.3 * 0.7 + 0.25, 2.0 * 0.95 + 0.45]  # fmt: skip
    np.testing.assert_allclose(curve.power, np.array(expected) * MW)
    np.testing.assert_allclose(curve.vdd_low, [0.6] * 5 + [0.8] * 2)
    np.testing.assert_allclose(curve.vdd_high, [0.8] * 5 + [1.0] * 2)
    np.testing.assert_allclose(curve.area_at_low, [1, 1, 0.75, 0.5, 0, 0.8, 0])
    np.testing.assert_allclose(tile_vdd, [
        [0.6] * 4, [0.6] * 4, [0.6, 0.6, 0.6, 0.8], [0.6, 0.8, 0.6, 0.8], [0.8] * 4,
        [1.0, 0.8, 0.8, 0.8], [1.0] * 4,
    ])  # fmt: skip
    assert (curve.scheme, curve.n, curve.interval) == ("fine-vh", 2, pytest.approx(0.2))


def test_search_takes_the_state_of_least_power_that_meets_the_frequency():
    """A state beside the plan's steps: as fast as two raised tiles, and cheaper."""
    item = INTERVALS[0]
    more = replace(
        item,
        is_high=np.vstack([item.is_high, [[True, False, False, True]]]),
        period=np.append(item.period, 0.95 / GHZ),
        energy=np.append(item.energy, 0.48 * PJ),
        leakage=np.append(item.leakage, 0.13 * MW),
        area_at_low=np.append(item.area_at_low, 0.6),
    )
    asked = frequencies(0.4, 0.7, 1.0, 1.04, 1.2)
    published, _ = fine_vh(2, [more], asked[:3])
    found, tile_vdd = fine_vh(2, [more], asked, "interface", search=True)
    assert (published.selection, found.selection, found.bias) == (
        "algorithm-5", "search", "interface"
    )  # fmt: skip
    expected = [0.4 * 0.4 + 0.1, 0.7 * 0.45 + 0.12, 1.0 * 0.48 + 0.13, 1.04 * 0.48 + 0.13,
                1.2 * 0.6 + 0.2]  # fmt: skip
    np.testing.assert_allclose(found.power, np.array(expected) * MW)
    np.testing.assert_allclose(published.power[2], (1.0 * 0.5 + 0.14) * MW)
    np.testing.assert_allclose(found.leakage, np.array([0.1, 0.12, 0.13, 0.13, 0.2]) * MW)
    np.testing.assert_allclose(tile_vdd[2], [0.8, 0.6, 0.6, 0.8])
