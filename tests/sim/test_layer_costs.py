"""Costs of all layers at once: each as if alone, what is beside the array, stalls step by step."""

from dataclasses import fields
from math import ceil

import numpy as np
import pytest

from voltile.core import Precision, VoltileError
from voltile.sim import (
    DUAL,
    SPATIAL,
    ArrayConfig,
    CycleMode,
    Dataflow,
    LayerShape,
    Op,
    Workload,
    layer_costs,
)

NETWORK = (
    LayerShape("conv1", Op.CONV, 3, 32, 64, 64, (7, 7), (2, 2), (3, 3, 3, 3)),
    LayerShape("pool", Op.MAX_POOL, 32, 32, 32, 32, (3, 3), (2, 2), (1, 1, 1, 1)),
    LayerShape("depthwise", Op.CONV, 32, 32, 16, 16, (3, 3), (1, 1), (1, 1, 1, 1), groups=32),
    LayerShape("pointwise", Op.CONV, 32, 64, 16, 16),
    LayerShape("add", Op.ELEMENTWISE, 64, 64, 16, 16, inputs=2),
    LayerShape("average", Op.AVERAGE_POOL, 64, 64, 16, 16, (16, 16), groups=64, bias=False),
    LayerShape("fc", Op.GEMM, 64, 10),
)
CONFIGS = [
    ArrayConfig(mode=CycleMode.RTL, act_bytes=16 << 10),
    *(ArrayConfig(4, 16, dataflow=dataflow) for dataflow in Dataflow),
    ArrayConfig(element=SPATIAL, act_bytes=8 << 10, weight_bytes=8 << 10),
]


def counts(costs) -> dict[str, np.ndarray]:
    """Return the arrays of costs by name."""
    found = {field.name: getattr(costs, field.name) for field in fields(costs)}
    return {name: item for name, item in found.items() if isinstance(item, np.ndarray)}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda item: f"{item.mode.value}")
def test_every_layer_costs_what_it_does_alone(config):
    costs = layer_costs(Workload("all", NETWORK, 2), config, list(Precision))
    for number, layer in enumerate(NETWORK):
        for row, precision in enumerate(Precision):
            alone = counts(layer_costs(Workload("one", (layer,), 2), config, [precision]))
            for name, array in counts(costs).items():
                value = array[number] if array.ndim == 1 else array[row, number]
                assert value == alone[name].item(), (name, layer, precision)
    assert costs.cycles.shape == (3, len(NETWORK))
    assert (costs.utilisation <= 1).all()


def test_scale_sim_mode_is_its_closed_form():
    """One product a cycle, as the program knows it: half precision of the scalable element."""
    costs = layer_costs(Workload("all", NETWORK), ArrayConfig(), [Precision.HALF])
    # Pixels, channels and products of a group; groups.
    gemms = (1024, 32, 147, 1), (256, 1, 9, 32), (256, 64, 32, 1), (1, 1, 256, 64), (1, 10, 64, 1)
    on_array = [0, 2, 3, 5, 6]
    for number, (pixels, channels, vector, groups) in zip(on_array, gemms, strict=True):
        folds = groups * ceil(pixels / 8) * ceil(channels / 8)
        cycles = folds * (vector + 8 + 8 - 2) - 1
        assert costs.cycles[0, number] == cycles
        macs = pixels * channels * groups * vector
        assert costs.macs[number] == macs
        assert costs.utilisation[0, number] == pytest.approx(macs / (64 * cycles))


def test_precisions_change_cycles():
    """Four, two and one passes, one and two products a cycle; filling and draining stays."""
    layer = Workload("one", (LayerShape("conv", Op.CONV, 64, 64, 16, 16),))
    folds = 32 * 8
    found = layer_costs(layer, ArrayConfig(), list(Precision)).cycles[:, 0]
    np.testing.assert_array_equal(found, [folds * (64 * n + 14) - 1 for n in (4, 2, 1)])
    found = layer_costs(layer, ArrayConfig(element=DUAL), [Precision.FULL, Precision.HALF])
    np.testing.assert_array_equal(found.cycles[:, 0], [folds * (n + 14) - 1 for n in (64, 32)])
    with pytest.raises(VoltileError, match="dual elements have no mixed precision, but full, half"):
        layer_costs(layer, ArrayConfig(element=DUAL), [Precision.MIXED])


@pytest.mark.parametrize("mode", CycleMode)
def test_layers_beside_the_array_move_their_maps_once(mode):
    costs = layer_costs(Workload("all", NETWORK), ArrayConfig(mode=mode), list(Precision))
    pool, add = 1, 4
    np.testing.assert_array_equal(costs.cycles[:, add], 2 * 64 * 256 // 8)
    np.testing.assert_array_equal(costs.cycles[:, pool], 9 * 32 * 256 // 8)
    np.testing.assert_array_equal(costs.dram_read_bytes[:, add], 2 * 64 * 256 // np.r_[1, 1, 2])
    np.testing.assert_array_equal(costs.dram_read_bytes[:, pool], 32 * 1024 // np.r_[1, 1, 2])
    np.testing.assert_array_equal(costs.dram_write_bytes[:, pool], 32 * 256)
    assert not costs.macs[[pool, add]].any()
    assert not costs.utilisation[:, [pool, add]].any()


def test_a_batch_is_more_pixels_for_scale_sim_and_more_jobs_for_the_accelerator():
    layer = (LayerShape("fc", Op.GEMM, 64, 64, bias=False),)
    found = [layer_costs(Workload("x", layer, batch), ArrayConfig(), [Precision.HALF])
             for batch in (1, 8, 9)]  # fmt: skip
    assert [costs.cycles.item() for costs in found] == [623, 623, 1247]
    assert [costs.weight_fills.item() for costs in found] == [512] * 3
    config = ArrayConfig(mode=CycleMode.RTL)
    one, eight = (layer_costs(Workload("x", layer, batch), config, [Precision.HALF])
                  for batch in (1, 8))  # fmt: skip
    for name, array in counts(one).items():
        times = 1 if name == "utilisation" else 8
        assert counts(eight)[name].item() == pytest.approx(times * array.item())


def stepwise(parts: int, load: float, compute: float, unload: float) -> float:
    """Return the run time: in each step one part computes, the next loads, the last unloads."""
    time = 0.0
    for step in range(parts + 2):
        loads, computes = step < parts, 1 <= step <= parts
        unloads = 2 <= step
        time += max(compute * computes, load * loads + unload * unloads)
    return time


def test_stalls_are_those_of_the_steps():
    costs = layer_costs(Workload("all", NETWORK), CONFIGS[-1], list(Precision))
    rates = np.array([0.25, 1.0, 4.0, np.inf])[:, None, None]
    found = costs.stalls(rates)
    assert found.shape == (4, 3, len(NETWORK))
    assert not found[-1].any()
    assert len(set(costs.parts.ravel())) > 3
    for place in np.ndindex(3, 3, len(NETWORK)):
        of = place[1:]
        parts, rate = int(costs.parts[of]), rates[place[0], 0, 0]
        load, unload = (
            moved[of] / parts / rate for moved in (costs.dram_read_bytes, costs.dram_write_bytes)
        )
        expected = stepwise(parts, load, costs.cycles[of] / parts, unload) - costs.cycles[of]
        assert found[place] == pytest.approx(expected, abs=1.001)


def test_streams_of_the_accelerator_take_a_word_a_cycle():
    """A memory that is never waited for still fills the banks word by word."""
    layer = (LayerShape("fc", Op.GEMM, 64, 8, bias=False),)
    costs = layer_costs(Workload("x", layer), ArrayConfig(mode=CycleMode.RTL), [Precision.FULL])
    assert (costs.weight_fills.item(), costs.act_fills.item()) == (64, 8)
    assert costs.out_drains.item() == 1
    assert costs.stalls(np.inf).item() == 64 + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "an array has at least one row and column, not 0 x 8"),
        ({"rows": 3, "mode": CycleMode.RTL}, "the accelerator has an even number of rows and"),
    ],
)
def test_array_rejects(arguments, message):
    with pytest.raises(VoltileError, match=message):
        ArrayConfig(**arguments)


def test_a_single_element_makes_one_product_a_cycle():
    """Nothing fills or drains; the program's number of the last cycle would be one short."""
    layer = (LayerShape("fc", Op.GEMM, 12, 5, bias=False),)
    costs = layer_costs(Workload("x", layer), ArrayConfig(1, 1), [Precision.HALF])
    assert costs.cycles.item() == 60
    assert costs.utilisation.item() == 1
