"""The reuse model against a walk through the tiles, the rows of bands against a list of them."""

from math import ceil

import numpy as np
import pytest

from voltile.core import LayerError, Precision
from voltile.sim import DUAL, SCALABLE, ArrayConfig, Dataflow, LayerShape, Op, Workload, layer_costs
from voltile.sim.row_bands import input_rows, rows_that_fit


def shape(rng, name="x") -> LayerShape:
    def up_to(most: int) -> int:
        return int(rng.integers(1, most + 1))

    groups = up_to(3) if rng.random() < 0.4 else 1
    size = up_to(20), up_to(20)
    kernel = up_to(min(5, size[0])), up_to(min(5, size[1]))
    padding = tuple(int(rng.integers(0, 5)) for _ in range(4))
    dilation = (2, 1) if (kernel[0] - 1) * 2 < size[0] else (1, 1)
    return LayerShape(
        name, Op.CONV, groups * up_to(12), groups * up_to(30), *size, kernel, (up_to(3), up_to(3)),
        padding, dilation, groups, bool(rng.random() < 0.5),
    )  # fmt: skip


def bands_of(layer: LayerShape, rows: int) -> list[int]:
    """Return the input rows of each band, from the windows one by one."""
    if rows == layer.out_height:
        return [layer.in_height]
    reach = (layer.kernel[0] - 1) * layer.dilation[0] + 1
    heights = []
    for start in range(0, layer.out_height, rows):
        stop = min(start + rows, layer.out_height)
        first = start * layer.stride[0] - layer.padding[0]
        last = (stop - 1) * layer.stride[0] - layer.padding[0] + reach
        heights.append(len([row for row in range(first, last) if 0 <= row < layer.in_height]))
    return heights


def test_rows_of_bands_are_those_of_their_windows():
    rng = np.random.default_rng(1)
    for _ in range(300):
        layer = shape(rng)
        columns = Workload("x", (layer,)).columns
        for rows in range(1, layer.out_height + 1):
            expected = bands_of(layer, rows)
            assert input_rows(columns, np.array([rows]))[0] == sum(expected), (layer, rows)
        reach = (layer.kernel[0] - 1) * layer.dilation[0] + 1
        for height in range(1, layer.in_height + 2):
            fitting = [rows for rows in range(1, layer.out_height)
                       if (rows - 1) * layer.stride[0] + reach <= height]  # fmt: skip
            most = layer.out_height if height >= layer.in_height else max(fitting, default=0)
            assert rows_that_fit(columns, np.array([height]))[0] == most


def walk(layer: LayerShape, batch: int, config: ArrayConfig) -> tuple[int, int, bool]:
    """Return the bits of activations and weights of the better loop order, tile by tile."""
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    act_bank, weight_bank, out_bank = (
        4 * size for size in (config.act_bytes, config.weight_bytes, config.out_bytes)
    )
    folds = ceil(outputs / config.cols)
    per_channel = layer.vector * 8 + 16 * layer.bias
    one = min(outputs, config.cols)
    row, result = layer.in_width * inputs * 8, layer.out_width * 8
    fit = [n for n in range(1, folds + 1)
           if n * one * per_channel <= weight_bank and n * one * result <= out_bank]  # fmt: skip
    tiles = ceil(folds / max(fit))
    each = min(ceil(folds / tiles) * config.cols, outputs)
    channels = [min(each, outputs - start) for start in range(0, outputs, each)]
    reach = (layer.kernel[0] - 1) * layer.dilation[0] + 1
    heights = []
    for rows in range(1, layer.out_height + 1):
        need = layer.in_height
        if rows < layer.out_height:
            need = min(need, (rows - 1) * layer.stride[0] + reach)
        if need * row <= act_bank and rows * result * each <= out_bank:
            heights.append(rows)
    rows = ceil(layer.out_height / ceil(layer.out_height / max(heights)))
    bands = [(image, band) for image in range(batch)
             for band in enumerate(bands_of(layer, rows))]  # fmt: skip
    orders = [(channel, band) for channel in range(len(channels)) for band in bands]
    other = [(channel, band) for band in bands for channel in range(len(channels))]
    moved = []
    for order in (orders, other):
        act = weight = 0
        held_channel = held_band = None
        for channel, band in order:
            if channel != held_channel:
                weight += channels[channel] * per_channel
            if band != held_band:
                act += band[1][1] * row
            held_channel, held_band = channel, band
        moved.append((act * layer.groups, weight * layer.groups))
    best = min(moved, key=sum)
    return *best, len(channels) > 1 and len(bands) > 1


@pytest.mark.parametrize("batch", [1, 3])
def test_traffic_is_that_of_the_better_loop_order(batch):
    rng = np.random.default_rng(2)
    config = ArrayConfig(4, 4, act_bytes=2048, weight_bytes=2048, out_bytes=1024)
    compared = both = 0
    while compared < 150:
        layer = shape(rng)
        try:
            act, weight, tiled = walk(layer, batch, config)
        except ValueError:  # no tile fits
            continue
        costs = layer_costs(Workload("x", (layer,), batch), config, [Precision.FULL])
        assert costs.dram_read_bytes[0, 0] == (act + weight) // 8, layer
        assert costs.act_fills[0, 0] == ceil(act / 32)
        assert costs.weight_fills[0, 0] == ceil(weight / 32)
        compared, both = compared + 1, both + tiled
    assert both > 10


def test_words_are_packed_at_their_precision():
    """64 x 64 channels of 14 x 14 pixels, 3 x 3, all in one tile."""
    layer = LayerShape("conv", Op.CONV, 64, 64, 14, 14, (3, 3), padding=(1, 1, 1, 1), bias=False)
    acts, weights = 14 * 14 * 64, 64 * 64 * 9
    for element, full in ((SCALABLE, 8), (DUAL, 16)):
        costs = layer_costs(
            Workload("x", (layer,)), ArrayConfig(element=element), [Precision.FULL, Precision.HALF]
        )
        # The scalable element rounds weights itself, the other takes them rounded.
        rounded = full if element is SCALABLE else full // 2
        expected = [(acts + weights) * full // 8, (acts * full // 2 + weights * rounded) // 8]
        np.testing.assert_array_equal(costs.dram_read_bytes[:, 0], expected)
        np.testing.assert_array_equal(costs.dram_write_bytes[:, 0], acts * full // 8)


def test_a_fold_of_weights_that_does_not_fit_streams_anew():
    """4096 inputs to 4000 outputs: a fold has 32 KiB, a bank 16; 20 pixels are three folds of 8."""
    layer = LayerShape("fc", Op.GEMM, 4096, 4000, bias=False)
    memories = {"act_bytes": 256 << 10, "weight_bytes": 32 << 10}
    for batch, times in ((1, 1), (8, 1), (20, 3)):
        costs = layer_costs(
            Workload("x", (layer,), batch), ArrayConfig(**memories), [Precision.FULL]
        )
        assert costs.dram_read_bytes[0, 0] == 4096 * 4000 * times + batch * 4096


def test_partial_sums_stay_on_the_chip():
    """Weight stationary, 72 products on 8 rows: nine sums of 32 bits, eight of them read again."""
    layer = LayerShape("conv", Op.CONV, 8, 16, 10, 10, (3, 3), bias=False)
    config = ArrayConfig(dataflow=Dataflow.WEIGHT_STATIONARY)
    costs = layer_costs(Workload("x", (layer,)), config, [Precision.FULL])
    words = 64 * 16 // 8
    assert costs.out_reads[0, 0] == 8 * words * 4
    assert costs.out_writes[0, 0] == 8 * words * 4 + words
    assert costs.out_drains[0, 0] == words
    assert costs.dram_write_bytes[0, 0] == 64 * 16


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            LayerShape("wide", Op.CONV, 64, 8, 4, 400, (3, 3)),
            "layer 'wide': its smallest part needs 76800 bytes of activations, a bank has 1024",
        ),
        (
            LayerShape("long", Op.CONV, 1, 8, 4, 400, (1, 1)),
            "layer 'long': its smallest part needs 3200 bytes of results, a bank has 1024",
        ),
    ],
)
def test_what_fits_no_memory_is_refused(layer, message):
    config = ArrayConfig(act_bytes=2048, weight_bytes=2048, out_bytes=2048)
    with pytest.raises(LayerError, match=message):
        layer_costs(Workload("x", (layer,)), config, [Precision.FULL])
