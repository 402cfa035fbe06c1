"""Layers in parts: they cover the whole, give its results, and are those of the cost model."""

import re
from dataclasses import replace

import numpy as np
import pytest
from large_layers import (
    any_large_layer,
    config_of,
    job_counts,
    shape_of,
    split_layers,
)

from voltile.core import LayerError
from voltile.hdl import PROCESSING_ELEMENTS, Accelerator, Layer, LayerJob, ScalableMac, split_layer
from voltile.sim import ELEMENTS, Workload, accelerator_counts, convolve
from voltile.sim.operand_columns import OperandColumns

SIZES = {"scalable": (4, 4, 1024), "spatial": (2, 6, 1152), "dual": (6, 2, 1152)}


def small(name: str) -> Accelerator:
    rows, cols, size = SIZES[name]
    return Accelerator(rows, cols, PROCESSING_ELEMENTS[name](), size, 2 * size, size)


def counts(shape, precision, config):
    found = accelerator_counts(
        Workload("one", (shape,)), OperandColumns.of(config.element, [precision]), config
    )
    names = "jobs", "cycles", "act_words", "weight_words", "out_words"
    return np.array([getattr(found, name)[0, 0] for name in names])


@pytest.mark.parametrize("name", SIZES)
def test_parts_cover_the_layer_and_give_its_results(name):
    rng = np.random.default_rng(1)
    accelerator, split = small(name), 0
    for layer, parts in split_layers(rng, accelerator, 40):
        act = rng.integers(-8, 8, (layer.in_height, layer.in_width, layer.in_channels))
        inputs = layer.in_channels // layer.groups
        weight = rng.integers(-8, 8, (layer.out_channels, *layer.kernel, inputs))
        whole = convolve(act, weight, precision=layer.precision, stride=layer.stride,
                         padding=layer.padding, groups=layer.groups,
                         element=ELEMENTS[name])  # fmt: skip
        times, found = np.zeros(whole.shape, int), np.zeros_like(whole)
        for part in parts:
            LayerJob(part.layer, accelerator)
            place = part.out_rows, slice(None), part.outputs
            times[place] += 1
            found[place] = convolve(
                act[part.in_rows, :, part.inputs], weight[part.outputs],
                precision=layer.precision, stride=layer.stride, padding=part.layer.padding,
                groups=part.layer.groups, element=ELEMENTS[name],
            )  # fmt: skip
        assert (times == 1).all()
        np.testing.assert_array_equal(found, whole)
        split += len(parts) > 1
    assert split > 10


@pytest.mark.parametrize("name", SIZES)
def test_the_cost_model_counts_the_jobs(name):
    """Jobs, cycles and stream words, where layers are whole, cut into channels, and into bands."""
    rng = np.random.default_rng(2)
    accelerator, kinds = small(name), set()
    config = config_of(accelerator, ELEMENTS[name])
    for number, (layer, parts) in enumerate(split_layers(rng, accelerator, 150)):
        expected = sum(job_counts(part.layer, accelerator) for part in parts)
        found = counts(shape_of(layer, str(number)), layer.precision, config)
        np.testing.assert_array_equal(found, expected, str(layer))
        kinds.add((len({part.outputs.start for part in parts}) > 1,
                   len({part.out_rows.start for part in parts}) > 1))  # fmt: skip
    assert len(kinds) == 4


def test_both_refuse_the_same_layers():
    rng = np.random.default_rng(3)
    accelerator, refused = small("scalable"), 0
    config = config_of(accelerator, ELEMENTS["scalable"])
    for _ in range(300):
        layer = any_large_layer(rng, list(accelerator.pe.modes))
        try:
            split_layer(layer, accelerator)
        except LayerError:
            refused += 1
            with pytest.raises(LayerError, match="its smallest part needs"):
                counts(shape_of(layer, "x"), layer.precision, config)
        else:
            counts(shape_of(layer, "x"), layer.precision, config)
    assert refused > 10


def test_layers_are_cut_at_channels_before_rows():
    accelerator = Accelerator(4, 4, ScalableMac(), 1024, 1024, 1024)
    parts = split_layer(Layer(30, 30, 4, 4, (3, 3), groups=30), accelerator)
    assert len(parts) > 1
    assert [part.inputs for part in parts] == [part.outputs for part in parts]
    assert all(part.outputs.start % 4 == 0 for part in parts)
    # One row of 40 outputs does not fit: folds of channels; 20 rows do not either: bands.
    parts = split_layer(Layer(8, 40, 20, 4, (3, 3), padding=(1, 1, 1, 1)), accelerator)
    assert len({part.outputs.start for part in parts}) > 1
    first, second = (part for part in parts if part.outputs.start == 0)
    assert (first.out_rows, second.out_rows) == (slice(0, 10), slice(10, 20))
    assert (first.in_rows, second.in_rows) == (slice(0, 11), slice(9, 20))
    assert (first.layer.padding, second.layer.padding) == ((1, 1, 0, 1), (0, 1, 1, 1))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer(4, 4, 400, 130, (1, 1)), "the layer has 130 words of activations, a bank of"),
        (Layer(64, 4, 2, 2, (2, 2)), "the layer has 258 words of weights, a bank of"),
        (
            Layer(4, 4, 30, 20, (1, 1), padding=(1, 0, 0, 0)),
            "padding of 1 and 0 rows must be smaller than the kernel's 1 in a layer that is",
        ),
    ],
)
def test_what_fits_in_no_part_is_refused(layer, message):
    accelerator = Accelerator(4, 4, ScalableMac(), 1024, 1024, 1024)
    with pytest.raises(LayerError, match=message):
        split_layer(layer, accelerator)


def test_the_model_names_layer_and_bytes():
    accelerator = Accelerator(4, 4, ScalableMac(), 1024, 1024, 1024)
    config = config_of(accelerator, ELEMENTS["scalable"])
    layer = Layer(64, 4, 2, 2, (2, 2))
    message = "layer 'fc': its smallest part needs 1032 bytes of weights, a bank has 512"
    with pytest.raises(LayerError, match=re.escape(message)):
        counts(shape_of(layer, "fc"), layer.precision, config)
    dilated = replace(shape_of(Layer(4, 4, 8, 8, (3, 3)), "wide"), dilation=(2, 1))
    message = "layer 'wide': the accelerator has no dilation, this is one of 2 x 1; mode scale-sim"
    with pytest.raises(LayerError, match=re.escape(message)):
        counts(dilated, layer.precision, config)
