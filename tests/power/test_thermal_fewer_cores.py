"""Core shutdown beside DVFS: balance of power at the limit, and what fewer cores cannot hold."""

import numpy as np
import pytest

from voltile.core import ThermalRunaway, VoltileError
from voltile.power.thermal import (
    Cpu,
    Inference,
    Leakage,
    Throttling,
    VfTable,
    fewer_cores,
    lumped_network,
)

TABLE = VfTable("two", np.array([1e9, 2e9]), np.array([0.8, 1.2]))
BY = Throttling(1e9, 70.0, 2.0, 0.02)
# 10 K/W in 2 s: 115 C at 2 GHz on four cores, 92.5 on three, 47.5 on one.
NET = Inference("net", 0.03, 9.0)


def cpu(known_to=150.0):
    none = Leakage(np.array([0.0, known_to]), np.zeros((2, 1)))
    return Cpu(TABLE, 4, lumped_network((10.0,), (0.2,), 25.0), 0.0, none)


def test_cores_that_are_held_throttle_to_what_the_limit_lets_through():
    found = fewer_cores(cpu(), NET, 3, [20, 4000], BY)
    assert found.nominal == pytest.approx(0.04)
    # 0.8 s end below the limit; in the long run 6.75 W s + 1.5 W (1 - s) hold 69 C, 4.4 W.
    share = (4.4 - 1.5) / (6.75 - 1.5)
    assert found.held.latency == pytest.approx([0.04, 0.04 / (share + (1 - share) / 2)], rel=0.02)
    assert found.held.throttled == pytest.approx([0, 1 - share], abs=0.02)


def test_three_cores_do_not_hold_the_limit_and_one_does():
    three, one = (fewer_cores(cpu(), NET, cores, [4000], BY) for cores in (3, 1))
    assert three.hottest == pytest.approx(92.5, abs=0.01)
    assert three.shut_down.latency == pytest.approx([0.04], rel=0.01)
    # 9 W s + 2.25 W (1 - s) hold 69 C.
    share = (4.4 - 2.25) / (9 - 2.25)
    assert 70 < one.hottest < 70.5
    assert one.shut_down.latency == pytest.approx([0.03 / (share + (1 - share) / 4)], rel=0.03)
    assert one.shut_down.throttled == pytest.approx([1 - share], abs=0.02)


def test_fewer_cores_that_run_away_have_no_latency():
    found = fewer_cores(cpu(known_to=80.0), NET, 3, [400], BY)
    assert found.shut_down is None
    assert found.hottest > 80
    assert found.held.throttled[0] > 0.3


def test_fewer_cores_that_run_away_though_they_are_throttled_are_an_error():
    # Before the poll that throttles they are at 70.1 C or more.
    message = "^net at 2000 MHz on 3 of 4 cores: the chip reaches 70"
    with pytest.raises(ThermalRunaway, match=message):
        fewer_cores(cpu(known_to=70.05), NET, 3, [400], BY)


def test_fewer_cores_rejects_cores_that_are_not_there():
    with pytest.raises(VoltileError, match="^cores must be 1 to 4, not 5$"):
        fewer_cores(cpu(), NET, 5, [10], BY)
