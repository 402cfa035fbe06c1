"""Crossings and transition times against functions whose answers are known."""

import numpy as np
import pytest

from voltile.pdk.characterization.waveforms import (
    NoCrossing,
    crossing,
    is_settled,
    settling_time,
    transition,
)

TIME = np.linspace(0, 10, 60)


def test_crossing_of_a_bend_is_found_between_samples():
    """An exponential sampled coarsely: a straight line between samples would be 1 % off."""
    signal = 1 - np.exp(-TIME)
    assert crossing(TIME, signal, 0.5, rises=True) == pytest.approx(np.log(2), rel=1e-3)
    assert crossing(TIME, 1 - signal, 0.2, rises=False) == pytest.approx(np.log(5), rel=1e-3)


def test_crossing_of_a_straight_line_is_exact():
    assert crossing(TIME, TIME / 10, 0.37, rises=True) == pytest.approx(3.7, rel=1e-9)


def test_first_and_last_crossing():
    signal = np.sin(TIME)
    assert crossing(TIME, signal, 0.5, rises=True) == pytest.approx(np.pi / 6, rel=2e-3)
    last = crossing(TIME, signal, 0.5, rises=True, last=True)
    assert last == pytest.approx(2 * np.pi + np.pi / 6, rel=2e-3)


def test_signal_that_never_gets_there():
    with pytest.raises(NoCrossing, match="never rises through 0.5 V"):
        crossing(TIME, 0.4 * np.ones(60), 0.5, rises=True)


def test_transition_of_an_exponential():
    signal = 2 * (1 - np.exp(-TIME))
    assert transition(TIME, signal, 2.0, rises=True) == pytest.approx(np.log(4), rel=2e-3)
    assert transition(TIME, 2 - signal, 2.0, rises=False) == pytest.approx(np.log(4), rel=2e-3)


def test_settling():
    signal = 1 - np.exp(-TIME)
    assert settling_time(TIME, signal, 1.0) == pytest.approx(np.log(100), abs=0.2)
    assert is_settled(TIME, signal, 5.0, 1.0, 1.0)
    assert not is_settled(TIME, signal, 4.0, 1.0, 1.0)
