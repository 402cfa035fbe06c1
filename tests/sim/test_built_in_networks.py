"""Built-in networks against published figures: parameters, products, 4 x 4 operations."""

import pytest

from voltile.core import LayerError
from voltile.sim import NETWORKS, LayerShape, Op, Workload, network, read_workload


def biases(workload):
    """Parameters that are biases, and additions of them."""
    layers = [layer for layer in workload.layers if layer.bias]
    pixels = [layer.out_channels * layer.out_height * layer.out_width for layer in layers]
    return sum(layer.out_channels for layer in layers), sum(pixels)


def products(workload, pooling=True):
    return sum(
        layer.macs for layer in workload.layers if pooling or layer.op is not Op.AVERAGE_POOL
    )


@pytest.mark.parametrize(
    ("name", "layers", "millions"),
    [
        ("resnet18", 21, 11.68),
        ("resnet34", 37, 21.78),
        ("resnet50", 54, 25.50),
        ("squeezenet1.1", None, 1.23),
        ("mobilenet_v2", 54, 3.47),
    ],
)
def test_weights_and_layers_are_those_of_table_3_3(name, layers, millions):
    """Weights of convolutions and fully connected layers, without biases.

    Table 3.3 says 32 layers of SqueezeNet 1.1; it has 26 convolutions (arXiv:1602.07360).
    """
    workload = network(name)
    weighted = [layer for layer in workload.layers if layer.weights]
    assert len(weighted) == (layers or 26)
    assert round(workload.size("weights").sum() / 1e6, 2) == millions


@pytest.mark.parametrize(
    ("name", "layers", "parameters", "additions", "operations"),
    [
        ("alexnet", 8, 61.0, 715, 2858),
        ("squeezenet1.1", 27, 1.2, 352, 1402),
        ("mobilenet_v2", 55, 3.5, 321, 1269),
    ],
)
def test_figures_of_table_3_10_and_operations_of_3_13_to_3_15(
    name, layers, parameters, additions, operations
):
    """Biases count among parameters and products; average pooling is a layer of products.

    Four operations of 4 x 4 bit for a product of full precision, two for a bias (Table 3.9).
    """
    workload = network(name)
    parameter_biases, bias_additions = biases(workload)
    macs = products(workload)
    assert sum(layer.op.on_array for layer in workload.layers) == layers
    found = workload.size("weights").sum() + parameter_biases
    assert found / 1e6 == pytest.approx(parameters, abs=0.11)
    assert round((macs + bias_additions) / 1e6) == additions
    assert round((4 * macs + 2 * bias_additions) / 1e6) == operations


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet18", 1800), ("resnet34", 3600), ("resnet50", 3800), ("mobilenet_v1", 569)],
)
def test_products_are_those_of_the_papers(name, millions):
    """He et al., Table 1, in 1e9 to one digit, cut off; Howard et al., Table 4: 569 million."""
    found = products(network(name), pooling=False) / 1e6
    assert round(found) == millions if millions % 100 else int(found / 100) * 100 == millions


@pytest.mark.parametrize(
    ("name", "parameters", "channels", "further"),
    [
        ("alexnet", 61100840, 0, 0),
        ("squeezenet1.1", 1235496, 0, 0),
        ("resnet18", 11689512, 4800, 1),
        ("resnet34", 21797672, 8512, 1),
        ("resnet50", 25557032, 26560, 1),
        ("mobilenet_v1", 4253864, 10944, 3),
        ("kws_dscnn", 24908, 9 * 64, 4),
        ("vww_mobilenet", 221794, 10944 // 4, 4),
        ("ic_resnet8", 78666, 3 * 16 + 2 * 32 + 2 * 64, 4),
        ("ad_autoencoder", 269992, 8 * 128 + 8, 4),
    ],
)
def test_parameters_are_those_that_frameworks_count(name, parameters, channels, further):
    """Of torchvision, and of Keras for MobileNet v1 and MLPerf Tiny.

    They hold further parameters of the channels that are normalised: torchvision two, of which
    one is our bias; Keras four, of which one is our bias in MobileNet v1, whose convolutions have
    none before.
    """
    workload = network(name)
    found = workload.size("weights").sum() + biases(workload)[0]
    assert found + further * channels == parameters


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("kws_dscnn", 125 * (40 * 64 + 4 * (9 * 64 + 64 * 64)) + 64 * 12),
        # conv1, then stages of 16, 32 and 64 channels, the halving ones with a 1 x 1 beside them.
        (
            "ic_resnet8",
            1024 * 9 * 16 * (3 + 2 * 16)
            + 256 * 32 * (9 * (16 + 32) + 16)
            + 64 * 64 * (9 * (32 + 64) + 32)
            + 64 * 10,
        ),
        ("ad_autoencoder", 2 * 640 * 128 + 6 * 128 * 128 + 2 * 128 * 8),
    ],
)
def test_products_of_mlperf_tiny(name, macs):
    """By hand, from the shapes of their papers."""
    assert products(network(name), pooling=False) == macs


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_fits_together(name):
    """Names, batch, and the classes at the end."""
    workload = read_workload(name, 2)
    assert (workload.name, workload.batch) == (name, 2)
    last = workload.layers[-1]
    classes = {"kws_dscnn": 12, "vww_mobilenet": 2, "ic_resnet8": 10, "ad_autoencoder": 640}
    assert (last.out_channels, last.out_height) == (classes.get(name, 1000), 1)


def test_networks_and_files_that_are_not_there_are_named():
    with pytest.raises(LayerError, match="there is no network 'vgg'; networks: alexnet, resnet18"):
        network("vgg")
    with pytest.raises(LayerError, match="'vgg' is neither a file nor a network; networks: alex"):
        read_workload("vgg")
    with pytest.raises(LayerError, match="batch must be positive, not 0"):
        network("alexnet", 0)


def test_layers_beyond_64_bits_are_refused():
    layer = LayerShape("wide", Op.GEMM, 1 << 25, 1 << 25)
    assert Workload("net", (layer,)).size("macs") == 1 << 50
    with pytest.raises(LayerError, match=r"'wide' takes .* where a batch of 2 may take 2\*\*50"):
        Workload("net", (layer,), 2)
