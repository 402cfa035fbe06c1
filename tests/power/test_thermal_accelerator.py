"""An accelerator whose levels come from tables: what it sustains, its hottest cell, runaway."""

from dataclasses import replace

import numpy as np
import pytest

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal import (
    Accelerator,
    Layer,
    Package,
    Setting,
    Throttling,
    VfTable,
    levelled_inference,
    lumped_network,
    run_inferences,
    sustained_level,
    thermal_grid,
)

TABLE = VfTable("three", np.array([100e6, 150e6, 200e6]), np.array([0.6, 0.8, 1.0]))
LATENCY = 1e6 / TABLE.frequency  # a million cycles
POWER = np.array([2.0, 4.5, 9.0])
POINTS = np.array([0.0, 150.0])
BY = Throttling(100e6, 80.0, 2.0, 0.01)


def accelerator(power=POWER, leak=0.0, points=POINTS):
    """10 K/W in 2 s behind an ambient of 25 C: the levels end at 45, 70 and 115 C."""
    leakage = np.broadcast_to(np.asarray(leak, float), (3, len(points)))[..., None]
    inference = levelled_inference(
        "net", np.ones((1, 1)), LATENCY, (power * LATENCY)[:, None], points, leakage
    )
    return Accelerator(TABLE, 1, lumped_network((10.0,), (0.2,), 25.0), 0.0), inference


def test_what_needs_no_throttling_is_sustained_at_its_clock():
    found = [sustained_level(*accelerator(), f, 100.0, BY) for f in TABLE.frequency]
    assert [item.rate for item in found[:2]] == pytest.approx([100.0, 150.0])
    assert [item.throttled for item in found[:2]] == [0, 0]
    assert [item.steady[0] for item in found] == pytest.approx([45, 70, 115])
    # The highest level whose temperature at rest is below the limit sustains most.
    assert max(found, key=lambda item: item.rate) is found[1]


def test_reactive_sustains_what_the_balance_of_power_allows():
    # About 79 C take 5.4 W: 9 s + 2 (1 - s), so that s = 0.486 of the time is at 200 inferences/s.
    found = sustained_level(*accelerator(), 200e6, 200.0, BY)
    share = (5.4 - 2) / 7
    assert found.throttled == pytest.approx(1 - share, abs=0.02)
    assert found.rate == pytest.approx(200 * share + 100 * (1 - share), rel=0.015)
    late = found.run.temperature[10000:]
    assert 77.8 < late.min() and late.max() < 80.4


def test_power_of_blocks_is_kept_in_cells_and_in_what_goes_to_the_ambient():
    package = Package((Layer("silicon", 2e-4, 120.0, 1.65e6),), 5e3, 0.0, 25.0)
    grid = thermal_grid(package, 1e-3, 1e-3, 5, 3)
    shares = grid.shares(np.array([[0, 0, 4e-4, 7e-4], [0, 0, 1e-3, 1e-3]]))
    energy = np.array([[1e-4, 2e-4], [2e-4, 3e-4], [4e-4, 5e-4]])
    leakage = np.array([[[1e-3, 2e-3], [4e-3, 8e-3]]] * 3)
    inference = levelled_inference("net", shares, LATENCY, energy, POINTS, leakage)
    for level, operation in enumerate(inference.operations):
        assert operation.latency == pytest.approx(LATENCY[level])
        assert operation.power.sum() * operation.latency == pytest.approx(energy[level].sum())
        assert operation.leakage.power.sum(axis=1) == pytest.approx([3e-3, 12e-3])
    found = sustained_level(Accelerator(TABLE, 1, grid.network, 0.0), inference, 200e6, 1.0, BY)
    operation, sources = inference.operations[2], grid.network.sources
    spent = operation.power.sum() + operation.leakage.at(found.steady[sources]).sum()
    assert grid.network.lost(found.steady) == pytest.approx(spent, rel=1e-5)


def test_governor_reads_the_hottest_cell():
    package = Package((Layer("silicon", 1e-4, 1.0, 1.65e6),), 5e3, 0.0, 25.0)
    grid = thermal_grid(package, 1e-3, 1e-3, 4, 4)
    shares = grid.shares(np.array([[7.5e-4, 7.5e-4, 1e-3, 1e-3]]))
    inference = levelled_inference(
        "net", shares, LATENCY, np.full((3, 1), 1e-4), POINTS, np.zeros((3, 2, 1))
    )
    seen = []

    def policy(temperature, present):
        seen.append(temperature)
        return Setting(2, 1)

    chip = Accelerator(TABLE, 1, grid.network, 0.0)
    run_inferences(chip, inference, policy, 0.1, duration=20.0)
    rest = grid.network.steady(inference.operations[2].power)
    assert rest.argmax() == 15 and np.ptp(rest) > 1
    assert seen[0] == pytest.approx(25.0) and seen[-1] == pytest.approx(rest[15])


def test_a_level_that_runs_away_is_throttled_and_has_no_rest():
    # 0.5 W x 2^(T / 25): at the highest level no temperature is steady, at the lowest there is one.
    points = np.linspace(0, 150, 7)
    hot, inference = accelerator(leak=[0.1 * 2 ** (points / 25)] * 3, points=points)
    found = sustained_level(hot, inference, 200e6, 60.0, BY)
    assert found.steady is None and 0 < found.throttled < 1
    steady = sustained_level(hot, inference, 100e6, 60.0, BY).steady[0]
    assert steady == pytest.approx(25 + 10 * (2 + 0.1 * 2 ** (steady / 25)), abs=1e-4)


def test_the_rest_of_the_chip_heats_at_all_times():
    # 25 C + 10 K/W x 2 W of the rest at first; with 4.5 W of the network 90 C in the end.
    chip, inference = accelerator()
    chip = replace(chip, background=2.0)
    found = sustained_level(chip, inference, 150e6, 60.0, replace(BY, limit=100.0))
    assert found.run.temperature[[0, -1]] == pytest.approx([45, 90])
    assert found.steady == pytest.approx([90])


def test_a_chip_that_runs_away_though_it_is_throttled_is_an_error():
    hot, inference = accelerator(power=np.full(3, 20.0), leak=0.1)
    with pytest.raises(ThermalRunaway, match="^net at 100 MHz: the chip reaches 1.* C, and "):
        sustained_level(hot, inference, 200e6, 60.0, BY)


def test_sustained_level_rejects_a_duration_without_a_second_half():
    with pytest.raises(VoltileError) as caught:
        sustained_level(*accelerator(), 200e6, 0.01, BY)
    assert str(caught.value) == (
        "a duration must be two polls of 10 ms or more, and finite, not 0.01 s"
    )


@pytest.mark.parametrize(
    ("frequency", "vdd", "message"),
    [
        ([2e8, 1e8], [0.6, 0.8], "mine must have ascending frequencies, not 200, 100 MHz"),
        ([1e8, 1e8], [0.6, 0.8], "mine must have ascending frequencies, not 100, 100 MHz"),
        ([1e8, 2e8], [0.8, 0.6], "mine must have supplies that never descend, not 0.8, 0.6 V"),
        ([], [], "mine must have ascending frequencies, not  MHz"),
    ],
)
def test_vf_table_rejects_levels_that_are_not_monotonic(frequency, vdd, message):
    with pytest.raises(VoltileError) as caught:
        VfTable("mine", np.array(frequency), np.array(vdd))
    assert str(caught.value) == message
