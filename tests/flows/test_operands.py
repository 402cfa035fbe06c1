"""Operands of layers: real windows and filters, whose dot products are the layer's results."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from voltile.core import Precision, VoltileError
from voltile.flows.cli import main
from voltile.flows.elements.operands import layer_operands, read_inputs, read_operands
from voltile.sim import SCALABLE, FixedPointNetwork, FloatLayer, FloatNetwork, convolve

ALL = 10**6


def layer(name, rng, shape, **options):
    return FloatLayer(name, rng.normal(size=shape), rng.normal(size=shape[0]), **options)


@pytest.fixture
def network():
    """Strides, padding on four sides, groups and a fully connected layer, and two inputs."""
    rng = np.random.default_rng(5)
    layers = (
        layer("conv", rng, (4, 3, 2, 2), stride=(2, 1), padding=(1, 0, 2, 1), relu=True),
        layer("depthwise", rng, (8, 2, 2, 1), groups=4),
        layer("grouped", rng, (6, 1, 1, 4), groups=2, relu=True),
        layer("fc", rng, (5, 4, 4, 6)),
    )
    values = rng.normal(size=(2, 8, 5, 2))
    made = FixedPointNetwork.quantised(
        FloatNetwork((8, 5, 2), layers), values, replace(SCALABLE, acc_width=40)
    )
    return made, values


@pytest.mark.parametrize("number", range(4))
def test_dot_products_of_a_layer_are_its_convolution(network, number):
    made, values = network
    chosen = made.layers[number]
    source = chosen.source
    found = layer_operands(made, values, source.name, ALL, 1)
    assert found.act.shape[1] == np.prod(source.weight.shape[1:])
    sums = [
        convolve(made.feature_maps(value, [Precision.FULL] * 4)[number], chosen.weight,
                 stride=source.stride, padding=source.padding, groups=source.groups)
        for value in values
    ]  # fmt: skip
    assert (found.act * found.weight).sum(axis=1).tolist() == np.concatenate(sums).ravel().tolist()


def test_fewer_are_drawn_at_random_without_repetition(network):
    made, values = network
    everything = layer_operands(made, values, "conv", ALL, 1)
    rows = {tuple(row) for row in np.hstack([everything.act, everything.weight]).tolist()}
    drawn = [layer_operands(made, values, "conv", 40, seed) for seed in (1, 1, 2)]
    parts = [{tuple(row) for row in np.hstack([item.act, item.weight]).tolist()} for item in drawn]
    assert all(len(item.act) == 40 for item in drawn)
    assert parts[0] == parts[1] != parts[2] and parts[0] | parts[2] <= rows


def test_by_default_the_layer_of_the_most_macs(network):
    """By hand: 5 x 5 x 4 x 12 = 1200, 4 x 4 x 8 x 4 = 512, 4 x 4 x 6 x 4 = 384, 5 x 96 = 480."""
    made, values = network
    assert layer_operands(made, values, "", 3, 1).source == "layer 'conv' at 2 inputs"


def test_unknown_layer_is_named_beside_the_known_ones(network):
    with pytest.raises(VoltileError) as fault:
        layer_operands(*network, "convv", 3, 1)
    assert str(fault.value) == (
        "there is no layer 'convv': there are conv, depthwise, grouped, fc"
    )


def test_inputs_become_numbers_with_channels_last(tmp_path):
    x = np.arange(24, dtype=np.int8).reshape(1, 2, 3, 4)
    np.savez(tmp_path / "x.npz", x=x, scale=np.float32(0.5), zero_point=np.int8(4))
    values = read_inputs(tmp_path / "x.npz")
    assert values.shape == (1, 3, 4, 2)
    assert values[0, 2, 1, 1] == (x[0, 1, 2, 1] - 4) * 0.5 == 8.5
    np.savez(tmp_path / "plain.npz", x=x.astype(float))
    assert (read_inputs(tmp_path / "plain.npz")[0, :, :, 0] == x[0, 0]).all()
    np.savez(tmp_path / "flat.npz", x=x[0])
    with pytest.raises(VoltileError) as fault:
        read_inputs(tmp_path / "flat.npz")
    assert str(fault.value) == (
        f"inputs {tmp_path / 'flat.npz'}: x must be numbers of shape (inputs, channels, height, "
        f"width), not int8 of shape (2, 3, 4)"
    )


X = np.arange(24, dtype=np.int8).reshape(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"x": X, "scale": 0.0}, "scale must be positive, not 0"),
        ({"x": X, "scale": -2.0}, "scale must be positive, not -2"),
        ({"x": X, "scale": np.ones(2)}, "scale must be one finite number, not float64 of shape"),
        ({"x": X, "scale": np.nan}, "scale must be one finite number, not float64 of shape (): n"),
        ({"x": X, "zero_point": np.inf}, "zero_point must be one finite number"),
        ({"x": np.where(X == 5, np.inf, X)}, "x must be finite, not inf"),
        ({"x": np.where(X == 5, np.nan, X)}, "x must be finite, not nan"),
    ],
)
def test_inputs_that_are_no_numbers_are_refused(tmp_path, arrays, fault):
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    with pytest.raises(VoltileError) as raised:
        read_inputs(path)
    assert str(raised.value).startswith(f"inputs {path}: {fault}")


@pytest.fixture
def voltile(monkeypatch, capsys):
    """Runs the command line; gives exit code, output and error text."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call


def test_command_writes_what_characterize_pe_reads(voltile, keyword_spotting, tmp_path):
    model, values, _ = keyword_spotting
    inputs, out = tmp_path / "inputs.npz", tmp_path / "operands.npz"
    np.savez(inputs, x=np.moveaxis(values[:3], -1, 1))
    given = (model, "--inputs", inputs, "--out", out)
    code, text, err = voltile("operands", *given, "--layer", "dw2", "--vectors", 50)
    assert (code, err) == (0, "")
    assert text.startswith(f"{out}: 50 dot products of length 9, layer 'dw2' at 3 inputs; ")
    operands = read_operands(out, 8)
    assert operands.act.shape == operands.weight.shape == (50, 9)
    assert 0 <= operands.act.min() < operands.act.max()  # after a ReLU
    with pytest.raises(VoltileError, match="these are words of 8 bits, not of 16"):
        read_operands(out, 16)
    first = out.read_bytes()
    voltile("operands", *given, "--layer", "dw2", "--vectors", 50)
    assert out.read_bytes() == first
    code, _, err = voltile("operands", *given, "--width", 7)
    assert (code, err) == (2, "error: width must be even and from 4 to 20, not 7\n")
    code, _, err = voltile("operands", model, "--inputs", inputs, "--out", inputs)
    assert (code, err) == (2, f"error: {inputs} would overwrite an input\n")
    np.savez(inputs, x=values[:3])
    code, _, err = voltile("operands", *given)
    assert (code, err) == (2, (
        f"error: inputs {inputs} are of (10, 1, 49) (height, width, channels), those of {model} of "
        f"(49, 10, 1)\n"
    ))  # fmt: skip
    assert out.read_bytes() == first
    np.savez(inputs, x=np.moveaxis(values[:1], -1, 1))
    code, text, _ = voltile("operands", *given, "--layer", "dw2", "--vectors", 10**11)
    # As many as there are results: 25 x 5 pixels of 64 channels.
    assert code == 0
    assert f": 8000 dot products (all that there are, fewer than {10**11}) of length 9" in text
