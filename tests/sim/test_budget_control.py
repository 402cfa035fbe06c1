"""A network under an energy budget: what is chosen, and what it takes, by hand."""

import re

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.sim import Budget, PrecisionPoints, read_budget, run_under_budget

# Two layers; the second and third point differ from full precision in one and in two layers.
POINTS = PrecisionPoints(
    settings=np.array([[1, 1], [0, 0], [1, 0]]),
    energy=np.array([4.0, 10.0, 6.0]),
    divergence=np.array([0.4, 0.0, 0.1]),
)
LATENCY = np.array([0.1, 0.5, 0.25])
RECONFIGURATION = np.array([[0.0, 0.5], [0.0, 0.25]])


def test_the_most_accurate_point_within_the_budget_is_taken():
    budget = Budget(np.array([5.0, 6, 7, 8, 10]), np.array([12.0, 9, 3, 6]))
    run = run_under_budget(POINTS, LATENCY, budget, 2.0, RECONFIGURATION)
    assert run.fast.all()
    assert run.point.tolist() == [1, 2, 0, 2]
    assert run.met.tolist() == [True, True, False, True]
    assert run.inferences.tolist() == [2, 2, 2, 4]
    assert run.inference_energy.tolist() == [20, 12, 8, 24]
    # Nothing at first; layer 0 to low; layer 1 to low; layer 1 back to full.
    assert run.switch_energy.tolist() == [0, 0.5, 0.25, 0]
    assert run.energy == 64.75
    assert run.switches == 3
    assert run.divergence.tolist() == [0.0, 0.1, 0.4, 0.1]
    assert np.isnan(run.accuracy).all()


def test_the_first_point_costs_what_its_layers_take_from_full_precision():
    budget = Budget(np.array([0.0, 1]), np.array([5.0]))
    run = run_under_budget(POINTS, LATENCY, budget, 1, RECONFIGURATION)
    assert run.switch_energy.tolist() == [0.75]
    assert run.switches == 0


def test_accuracy_counts_before_divergence_where_it_is_known():
    points = PrecisionPoints(
        POINTS.settings, POINTS.energy, POINTS.divergence, np.array([0.8, 0.9, 0.7])
    )
    budget = Budget(np.array([0.0, 1, 4]), np.array([7.0, 10]))
    run = run_under_budget(points, LATENCY, budget, 1, RECONFIGURATION)
    assert run.point.tolist() == [0, 1]
    assert run.mean_accuracy == pytest.approx((0.8 + 3 * 0.9) / 4)


def test_an_inference_at_a_change_counts_to_what_follows():
    budget = Budget(np.array([0.0, 0.3, 0.35, 0.6, 0.7]), np.array([10.0, 4, 4, 10]))
    run = run_under_budget(POINTS, LATENCY, budget, 10.0, RECONFIGURATION)
    assert run.inferences.tolist() == [3, 1, 2, 1]


@pytest.mark.parametrize(
    ("rate", "fast", "chosen"),
    [(4, [True, False, True], [2, 2, 0]), (4.1, [True, False, False], [0, 0, 0])],
)
def test_points_that_do_not_keep_up_are_not_chosen(rate, fast, chosen):
    """At 4 per second an inference of 0.25 s just ends before the next one begins."""
    budget = Budget(np.array([0.0, 1, 2, 3]), np.array([12.0, 6, 3]))
    run = run_under_budget(POINTS, LATENCY, budget, rate, RECONFIGURATION)
    assert run.fast.tolist() == fast
    assert run.point.tolist() == chosen
    assert run.met.tolist() == [True, True, False]


def test_the_least_energy_is_that_of_a_point_that_keeps_up():
    budget = Budget(np.array([0.0, 1]), np.array([1.0]))
    run = run_under_budget(POINTS, LATENCY[::-1], budget, 4, RECONFIGURATION)
    assert run.fast.tolist() == [True, False, True] and run.point.tolist() == [0]
    run = run_under_budget(POINTS, np.array([0.3, 0.2, 0.2]), budget, 4, RECONFIGURATION)
    assert run.point.tolist() == [2] and not run.met.any()


def test_run_under_budget_rejects_a_rate_that_no_point_reaches():
    message = (
        "rate must be above 0 and up to 10 per second, not 10.1: an inference takes 0.1 s at the "
        "fastest operating point"
    )
    budget = Budget(np.arange(2.0), np.ones(1))
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        run_under_budget(POINTS, LATENCY, budget, 10.1, RECONFIGURATION)


@pytest.mark.parametrize("rate", [0, -1, np.inf, np.nan])
def test_run_under_budget_rejects_a_rate(rate):
    with pytest.raises(VoltileError, match="^rate must be above 0 and up to 10 per second, not "):
        run_under_budget(POINTS, LATENCY, Budget(np.arange(2.0), np.ones(1)), rate, RECONFIGURATION)


def test_run_under_budget_rejects_no_points_and_other_layers():
    budget = Budget(np.arange(2.0), np.ones(1))
    with pytest.raises(VoltileError, match="^there is no operating point to choose from$"):
        none = np.empty(0, int)
        run_under_budget(POINTS.take(none), LATENCY[none], budget, 1, RECONFIGURATION)
    message = "energies of reconfiguration must be of 2 layers, not of the shape (1, 2)"
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        run_under_budget(POINTS, LATENCY, budget, 1, RECONFIGURATION[:1])


def test_read_budget(tmp_path):
    path = tmp_path / "budget.csv"
    path.write_text("time_s,budget_j\n0,1e-6\n2.5,2e-6\n4,\n")
    budget = read_budget(path)
    assert budget.time.tolist() == [0, 2.5, 4]
    assert budget.energy.tolist() == [1e-6, 2e-6]
    path.write_text("time_s,budget_j\n0,-1\n4,\n")
    with pytest.raises(VoltileError, match=":2: budget_j must be 0 or more, not -1$"):
        read_budget(path)
