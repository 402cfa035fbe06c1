"""Control sequences, without a simulator."""

import numpy as np
import pytest

from voltile.core import Precision
from voltile.hdl import (
    Addend,
    DotProduct,
    Features,
    Shift,
    Target,
    drain_cycles,
    grid_stimulus,
    mac_stimulus,
    schedule_dot_products,
)


def test_full_precision_makes_four_whole_passes():
    plan = schedule_dot_products([DotProduct(3, Precision.FULL)])
    assert plan.act_index[:12].tolist() == [0, 1, 2] * 4
    assert plan.weight_index[:12].tolist() == [0, 1, 2] * 4
    assert plan.control["ctl__act_high"][:12].tolist() == [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3
    assert np.flatnonzero(plan.control["ctl__shift"]).tolist() == [3, 9]
    assert np.flatnonzero(plan.control["ctl__clear"]).tolist() == [0]


def test_features_alternate_between_the_halves_of_a_word():
    plan = schedule_dot_products([DotProduct(5, Precision.HALF)])
    assert plan.act_index[:5].tolist() == [0, 0, 1, 1, 2]
    assert plan.weight_index[:5].tolist() == [0, 1, 2, 3, 4]
    assert plan.control["ctl__act_high"][:5].tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize(("features", "high"), [(Features.HIGH, 1), (Features.LOW, 0)])
def test_features_in_one_half_take_a_word_each(features, high):
    plan = schedule_dot_products([DotProduct(3, Precision.HALF, features=features)])
    assert plan.act_index[:3].tolist() == [0, 1, 2]
    assert plan.control["ctl__act_high"][:3].tolist() == [high] * 3


def test_the_next_dot_product_captures_and_aligns_the_last():
    jobs = [DotProduct(2, Precision.HALF, position=9, target=Target.HIGH),
            DotProduct(2, Precision.MIXED, bias=True)]  # fmt: skip
    plan = schedule_dot_products(jobs)
    control = plan.control
    assert control["ctl__clear"][2] == 1
    assert control["ctl__shift"][2] == Shift.TWO_K.value
    assert (control["ctl__capture_high"][2], control["ctl__capture_low"][2]) == (1, 0)
    assert (control["ctl__narrow"][2], control["ctl__position"][2]) == (1, 9)
    # The bias aligns its own sum: mixed by K with the first bias word, nothing at the capture.
    assert control["ctl__addend"][6:9].tolist() == [
        Addend.BIAS_LOW.value, Addend.BIAS_HIGH.value, Addend.NONE.value,
    ]  # fmt: skip
    assert control["ctl__shift"][6:9].tolist() == [Shift.K.value, 0, 0]
    assert plan.result_cycle.tolist() == [5, 11]


def test_stimulus_holds_operands_and_keeps_streams_apart():
    plan = schedule_dot_products([DotProduct(2, Precision.HALF, bias=True)])
    act = np.array([[-1], [5]])
    ports = mac_stimulus(plan, act, np.array([3, -4]), np.array([-2]))
    assert ports["act"].shape == (2, plan.cycles)
    assert set(ports["act"][0]) == {255}
    assert ports["weight"].tolist() == [3] + [252] * (plan.cycles - 1)
    assert ports["bias"].tolist() == [0, 0] + [65534] * (plan.cycles - 2)


def test_grid_stimulus_rejects_a_dot_product_shorter_than_the_drain():
    plan = schedule_dot_products([DotProduct(2, Precision.HALF)] * 2)
    with pytest.raises(ValueError) as raised:
        grid_stimulus(plan, np.zeros((3, 2), int), np.zeros((1, 4), int))
    assert str(raised.value) == "a dot product must take at least 3 cycles, not 2"
    assert drain_cycles(plan, 2)[0].tolist() == [[6, 7], [8, 9]]


def test_schedule_rejects_a_position_beyond_the_accumulator():
    with pytest.raises(ValueError) as raised:
        schedule_dot_products([DotProduct(1, Precision.FULL, position=32)])
    assert str(raised.value) == "position must be from 0 to 31, not 32"


def test_dot_product_rejects_an_empty_vector():
    with pytest.raises(ValueError) as raised:
        DotProduct(0, Precision.FULL)
    assert str(raised.value) == "length must be at least 1, not 0"


def test_operands_stay_during_the_bias():
    jobs = [DotProduct(2, Precision.HALF), DotProduct(3, Precision.HALF, bias=True)]
    plan = schedule_dot_products(jobs)
    assert plan.act_index.tolist() == [0, 0, 1, 1, 2] + [2] * 6
    assert plan.weight_index.tolist() == [0, 1, 2, 3, 4] + [4] * 6
