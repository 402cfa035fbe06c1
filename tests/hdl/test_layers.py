"""Layers as jobs: what is refused, and how words lie."""

from dataclasses import replace

import numpy as np
import pytest

from voltile.core import LayerError, Precision
from voltile.hdl import (
    Accelerator,
    DualMac,
    Layer,
    LayerJob,
    ScalableMac,
    SpaceToDepth,
    SpatialMac,
    WeightForm,
)
from voltile.sim import convolve


@pytest.fixture
def accelerator():
    return Accelerator(4, 4, ScalableMac(), 1024, 1024, 1024)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, "sizes of a layer are positive"),
        ({"in_channels": "4"}, "in_channels must be an integer, not '4'"),
        ({"position": 1.5}, "position must be an integer, not 1.5"),
        ({"kernel": 3}, "kernel must be a tuple of 2 integers, not 3"),
        ({"stride": (1.0, 1)}, r"stride must be a tuple of 2 integers, not \(1.0, 1\)"),
        ({"padding": (1, 1)}, r"padding must be a tuple of 4 integers, not \(1, 1\)"),
        ({"precision": "half"}, "precision must be a Precision, not 'half'"),
        ({"bias": np.zeros(8)}, "bias must be True or False, not array"),
        ({"stride": (0, 1)}, "sizes of a layer are positive"),
        ({"padding": (0, -1, 0, 0)}, "padding not negative"),
        ({"groups": 3}, "3 groups do not divide 4 input and 8 output channels"),
        ({"kernel": (7, 3)}, "a kernel of 7 x 3 does not fit a padded input of 6 x 6"),
    ],
)
def test_layer_rejects(arguments, message):
    sizes = {"in_channels": 4, "out_channels": 8, "in_height": 6, "in_width": 6}
    with pytest.raises(LayerError, match=message):
        Layer(**(sizes | arguments))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer(4, 4, 20, 20), "the layer has 400 words of activations, a bank of the buffer holds"),
        (Layer(4, 20, 8, 8, (3, 3), position=1), "the layer has 190 words of weights, a bank"),
        (Layer(1, 9, 8, 8, position=1), "the layer has 192 words of results, a bank"),
        (Layer(4, 4, 4, 4, position=32), "position must be from 0 to 31, not 32"),
        (
            Layer(1, 1, 1, 1, stride=(1, 32768), padding=(0, 0, 0, 65535)),
            "in_width with padding must be below 65536, not 65536",
        ),
    ],
)
def test_job_rejects(accelerator, layer, message):
    with pytest.raises(LayerError, match=message):
        LayerJob(layer, accelerator)


def test_job_rejects_another_number_of_result_words(accelerator):
    job = LayerJob(Layer(4, 8, 4, 4), accelerator)
    assert job.feature_map([0] * 32).shape == (4, 4, 8)
    for count in (0, 31, 33):
        with pytest.raises(LayerError, match=f"the job gives 32 words of results, not {count}"):
            job.feature_map([0] * count)


def test_job_rejects_a_form_of_weights_by_name(accelerator):
    with pytest.raises(LayerError, match="weight_form must be a WeightForm, not 'rounded'"):
        LayerJob(Layer(4, 4, 4, 4), accelerator, "rounded")


def test_layer_takes_integers_of_numpy(accelerator):
    one = np.int64(1)
    layer = Layer(np.int32(4), 4, 4, 4, (one, one), relu=np.True_, position=one)
    assert LayerJob(layer, accelerator).fields["position"] == 1


def test_job_rejects_a_precision_that_the_elements_lack():
    accelerator = Accelerator(4, 4, DualMac())
    with pytest.raises(LayerError, match="DualMac has no mixed precision, but full, half"):
        LayerJob(Layer(4, 4, 4, 4, precision=Precision.MIXED), accelerator)


def test_job_rejects_groups_whose_weights_lie_in_another_order():
    """Twelve groups are three words at full precision, thirteen two at half."""
    accelerator = Accelerator(2, 6, SpatialMac(), 2880, 2880, 2880)
    layer = Layer(13, 13, 1, 1, groups=13, precision=Precision.HALF)
    LayerJob(layer, accelerator)
    message = "than those of half precision for 13 groups: give the layer in parts of 12 groups"
    with pytest.raises(LayerError, match=message):
        LayerJob(layer, accelerator, WeightForm.ROUNDED)
    part = replace(layer, in_channels=12, out_channels=12, groups=12)
    LayerJob(part, accelerator, WeightForm.ROUNDED)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (np.zeros((4, 4, 3), int), r"activations must have the shape \(4, 4, 4\), not \(4, 4, 3\)"),
        (np.zeros((4, 4, 4)), "activations must be integers, not float64"),
        (np.full((4, 4, 4), 128), "activations must lie in -128 .. 127, not 128"),
    ],
)
def test_operands_are_checked(accelerator, act, message):
    with pytest.raises(LayerError, match=message):
        LayerJob(Layer(4, 4, 4, 4), accelerator).act_words(act)


def test_a_bias_is_needed(accelerator):
    job = LayerJob(Layer(4, 4, 4, 4), accelerator)
    with pytest.raises(LayerError, match="the layer has a bias, and none is given"):
        job.weight_words(np.zeros((4, 1, 1, 4), int))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 4), "rows and cols must be even, at least 2, not 3 and 4"),
        ((64, 32), "at most 1024 elements together, not 64 and 32"),
        ((4, 4, 1001), "act_bytes must hold two banks of 2 to 16777215 words of 32 bits, 1001"),
        ((4, 4, 8), "act_bytes must hold two banks of 2 to 16777215 words of 32 bits, 8 bytes"),
    ],
)
def test_accelerator_rejects(arguments, message):
    rows, cols, *sizes = arguments
    with pytest.raises(ValueError, match=message):
        Accelerator(rows, cols, ScalableMac(), *sizes)


def test_activations_lie_channel_by_channel():
    """Half precision: two values in an operand word, the first on top, words from the low end."""
    job = LayerJob(Layer(6, 1, 1, 2, precision=Precision.HALF), Accelerator(4, 4, ScalableMac()))
    act = np.array([[[1, 2, 3, 4, 5, 6], [-1, 0, 0, 0, 0, 7]]])
    assert job.act_words(act) == [0x00563412, 0x000700F0]


def test_weights_and_biases_lie_column_by_column():
    """Spatial, mixed: two weights of four bits fill the top half of a port, two such a word."""
    accelerator = Accelerator(4, 2, SpatialMac())
    layer = Layer(8, 2, 1, 1, precision=Precision.MIXED)
    weight = np.array([[1, 2, 3, 4, 5, 6, 7, 0], [-1, -2, -3, -4, -5, -6, -7, -8]])
    words = LayerJob(layer, accelerator).weight_words(weight.reshape(2, 1, 1, 8), [0x0102, -2])
    assert words == [0x00FE0002, 0x00FF0001, 0xDCFE3412, 0x98BA7056]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((10, 4), (2, 2), (4, 1, 5, 1)), ((3, 3), (2, 3), (1, 0, 1, 2)), ((1, 1), (2, 2), (0,) * 4)],
)
def test_blocks_of_pixels_give_the_same_results(kernel, stride, padding):
    rng = np.random.default_rng(8)
    layer = Layer(3, 5, 13, 10, kernel, stride, padding)
    act = rng.integers(-128, 128, (13, 10, 3))
    weight = rng.integers(-128, 128, (5, *kernel, 3))
    blocks = SpaceToDepth(layer)
    assert (blocks.layer.out_height, blocks.layer.out_width) == (layer.out_height, layer.out_width)
    assert blocks.layer.stride == (1, 1)
    found = convolve(blocks.act(act), blocks.weight(weight))
    np.testing.assert_array_equal(found, convolve(act, weight, stride=stride, padding=padding))
    job = LayerJob(blocks.layer, Accelerator(8, 8, ScalableMac()))
    assert len(job.act_words(blocks.act(act))) == job.fields["act_words"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Layer(4, 4, 8, 8, (2, 2), (2, 2), groups=2), "for layers of one group, not 2"),
        (Layer(1, 1, 8, 8, (2, 2), (2, 2), (2, 0, 0, 0)), "padding of 2 and 0 must be smaller"),
    ],
)
def test_what_has_no_blocks_is_refused(layer, message):
    with pytest.raises(LayerError, match=message):
        SpaceToDepth(layer)
