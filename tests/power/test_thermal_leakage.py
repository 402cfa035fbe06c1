"""Leakage and temperature: the fixed point, runaway, and steps of second order."""

from math import e

import numpy as np
import pytest

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal import (
    Layer,
    Leakage,
    Package,
    advance_with_leakage,
    lumped_network,
    steady_with_leakage,
    stepper,
    thermal_grid,
)

# Leakage L0 exp((T - 25) / 30): one exponential throughout, so that interpolation adds no error.
POINTS = np.array([0.0, 40.0, 150.0])
SCALE = 30.0


def exponential(at_25, limit=POINTS):
    return Leakage(limit, np.outer(np.exp((limit - 25.0) / SCALE), np.atleast_1d(at_25)))


def test_leakage_is_exponential_between_points():
    found = exponential([0.1, 0.0, 0.3]).at(np.array([40.0, 90.0, 150.0]))
    assert found == pytest.approx([0.1 * np.exp(0.5), 0.0, 0.3 * np.exp(125 / 30)])


def test_fixed_point_solves_the_equation_of_one_stage():
    # x = R (P + L0 e^(x / s)) at the ambient of 25 C, here by bisection.
    resistance, power, at_25 = 10.0, 2.0, 0.15
    found = steady_with_leakage(
        lumped_network((resistance,), (1.0,), 25.0), np.array([power]), exponential(at_25)
    )[0]
    low, high = 0.0, SCALE * np.log(SCALE / (resistance * at_25))  # where the loop gain is 1
    for _ in range(60):
        middle = 0.5 * (low + high)
        short = resistance * (power + at_25 * np.exp(middle / SCALE)) > middle
        low, high = (middle, high) if short else (low, middle)
    assert found == pytest.approx(25.0 + low, abs=1e-5)


@pytest.mark.parametrize(("part", "runs_away"), [(0.98, False), (1.02, True)])
def test_runaway_is_where_no_fixed_point_is_left(part, runs_away):
    # Without other power, x = R L0 e^(x/s) has a solution up to R L0 = s / e, at x = s.
    network, none = lumped_network((10.0,), (1.0,), 25.0), np.zeros(1)
    leakage = exponential(part * SCALE / (10.0 * e))
    if not runs_away:
        assert steady_with_leakage(network, none, leakage)[0] < 25.0 + SCALE
        return
    with pytest.raises(ThermalRunaway, match=r"^no temperature up to 150 C is steady under 0 W and "
                       r"leakage: lower its power, or cool it better$") as caught:  # fmt: skip
        steady_with_leakage(network, none, leakage)
    assert caught.value.temperature == 150.0


def test_a_steady_temperature_beyond_what_is_known_is_no_result():
    leakage = exponential(0.01, np.array([0.0, 60.0]))
    with pytest.raises(ThermalRunaway, match="no temperature up to 60 C is steady"):
        steady_with_leakage(lumped_network((10.0,), (1.0,), 25.0), np.array([4.0]), leakage)


def test_fixed_point_of_a_grid_conserves_energy():
    layers = (Layer("silicon", 2e-4, 120.0, 1.65e6), Layer("copper", 1e-3, 390.0, 3.45e6))
    grid = thermal_grid(Package(layers, 3000.0, 0.0, 25.0), 3e-3, 2e-3, 8, 5)
    rng = np.random.default_rng(1)
    power, leakage = rng.uniform(0, 1e-2, 40), exponential(rng.uniform(0, 1e-3, 40))
    found = steady_with_leakage(grid.network, power, leakage)
    leaked = leakage.at(found[grid.network.sources]).sum()
    assert leaked > 0.02
    assert grid.network.lost(found) == pytest.approx(power.sum() + leaked, rel=1e-7)


def test_over_time_leakage_is_of_second_order_and_ends_at_the_fixed_point():
    network = lumped_network((4.0, 6.0), (0.2, 2.0), 25.0)
    power, leakage = np.array([4.0]), exponential(0.1)

    def after(steps, time):
        along, temperature = stepper(network, time / steps), np.full(2, 25.0)
        for _ in range(steps):
            temperature = advance_with_leakage(along, temperature, power, leakage)
        return temperature

    reference = after(4096, 3.0)
    errors = [np.abs(after(steps, 3.0) - reference).max() for steps in (16, 32, 64)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([2.0, 2.0], abs=0.15)
    rest = steady_with_leakage(network, power, leakage)
    assert after(2000, 400.0) == pytest.approx(rest, abs=1e-4)


def test_over_time_runaway_ends_the_emulation():
    network = lumped_network((10.0,), (0.1,), 25.0)
    along, temperature = stepper(network, 0.1), np.array([25.0])
    with pytest.raises(ThermalRunaway, match="the chip reaches .* known up to 150 C"):
        for _ in range(1000):
            temperature = advance_with_leakage(along, temperature, np.array([9.0]), exponential(1))


@pytest.mark.parametrize("points", [[50.0], [150.0, 0.0], [0.0, 0.0]])
def test_leakage_rejects_temperatures_that_do_not_ascend(points):
    with pytest.raises(ValueError, match="^leakage must be known at two ascending temperatures or"):
        Leakage(np.array(points), np.ones((len(points), 1)))


@pytest.mark.parametrize("power", [[0.0, 1.0], [-1.0, 1.0], [1.0, 0.0], [1.0, np.inf]])
def test_leakage_rejects_what_is_no_exponential(power):
    with pytest.raises(ValueError, match="^leakage of a source must be above 0 and finite, or 0 "
                       "throughout$"):  # fmt: skip
        Leakage(np.array([0.0, 150.0]), np.array([[1.0, 2.0], power]).T)


def test_leakage_rejects_temperatures_below_those_known():
    with pytest.raises(VoltileError, match=r"^leakage is known from 0 to 150 C, not at -5.0 C$"):
        exponential(0.1).at(np.array([-5.0]))
