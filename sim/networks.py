"""Well-known networks as workloads, by name.

Batch normalisation is folded, so that every convolution and fully connected layer has a bias.

References
----------
AlexNet: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
arXiv:1404.5997 (that of torchvision). ResNet: K. He et al., arXiv:1512.03385. SqueezeNet 1.1:
F. Iandola et al., arXiv:1602.07360, and its repository. MobileNet v1: A. Howard et al.,
arXiv:1704.04861; v2: M. Sandler et al., arXiv:1801.04381. MLPerf Tiny: C. Banbury et al.,
arXiv:2106.07597; shapes of the Keras models in github.com/mlcommons/tiny.
"""

from collections.abc import Callable, Sequence

from voltile.core import LayerError
from voltile.sim.layer_chain import LayerChain
from voltile.sim.workload import LayerShape, Workload


def network(name: str, batch: int = 1) -> Workload:
    """Return a built-in network.

    Raises
    ------
    LayerError
        When there is none of that name, or the batch is not positive.
    """
    if name not in NETWORKS:
        raise LayerError(f"there is no network '{name}'; networks: {', '.join(NETWORKS)}")
    return Workload(name, tuple(NETWORKS[name]()), batch)


def _alexnet() -> list[LayerShape]:
    net = LayerChain(3, 224, 224)
    net.conv("conv1", 64, 11, stride=4, padding=2)
    net.max_pool("maxpool1", 3, 2)
    net.conv("conv2", 192, 5)
    net.max_pool("maxpool2", 3, 2)
    for number, outputs in enumerate((384, 256, 256), 3):
        net.conv(f"conv{number}", outputs, 3)
    net.max_pool("maxpool5", 3, 2)
    for number, outputs in enumerate((4096, 4096, 1000), 6):
        net.fully_connected(f"fc{number}", outputs)
    return net.layers


def _resnet(depths: Sequence[int], bottleneck: bool = False) -> list[LayerShape]:
    """Return ResNet for ImageNet; a stage halves the map in the first convolution of its first
    block, as in the paper ("v1"; that of torchvision halves it in the second of a bottleneck)."""
    net = LayerChain(3, 224, 224)
    net.conv("conv1", 64, 7, stride=2, padding=3)
    net.max_pool("maxpool", 3, 2, padding=1)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            _residual(net, f"stage{stage + 1}.{block}", 64 << stage, stride, bottleneck)
    net.average_pool("avgpool")
    net.fully_connected("fc", 1000)
    return net.layers


def _residual(
    net: LayerChain, name: str, width: int, stride: int, bottleneck: bool = False
) -> None:
    shape = net.shape
    kernels = (1, 3, 1) if bottleneck else (3, 3)
    widths = (width, width, 4 * width) if bottleneck else (width, width)
    for number, (kernel, outputs) in enumerate(zip(kernels, widths, strict=True), 1):
        half = stride if number == 1 else 1
        net.conv(f"{name}.conv{number}", outputs, kernel, half, padding=kernel // 2)
    if shape != net.shape:
        net.shape = shape
        net.conv(f"{name}.downsample", widths[-1], 1, stride, padding=0)
    net.add(f"{name}.add")


def _squeezenet() -> list[LayerShape]:
    net = LayerChain(3, 224, 224)
    net.conv("conv1", 64, 3, stride=2, padding=0)
    squeezes = (16, 16, 32, 32, 48, 48, 64, 64)
    for number, squeeze in enumerate(squeezes, 2):
        if number in (2, 4, 6):
            net.max_pool(f"maxpool{number - 1}", 3, 2)
        _fire(net, f"fire{number}", squeeze)
    net.conv("conv10", 1000, 1)
    net.average_pool("avgpool")
    return net.layers


def _fire(net: LayerChain, name: str, squeeze: int) -> None:
    net.conv(f"{name}.squeeze", squeeze, 1)
    shape = net.shape
    net.conv(f"{name}.expand1x1", 4 * squeeze, 1)
    net.shape = shape
    net.conv(f"{name}.expand3x3", 4 * squeeze, 3)
    net.shape = (8 * squeeze, *net.shape[1:])


# Width of the pointwise convolution, and stride of the depthwise one before it.
_MOBILENET_V1 = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2),
    (1024, 1),
)  # fmt: skip


def _mobilenet_v1(pixels: int, divisor: int, classes: int) -> list[LayerShape]:
    """Return MobileNet v1 with channels divided by a number, and "same" padding."""
    net = LayerChain(3, pixels, pixels)
    net.conv("conv1", 32 // divisor, 3, stride=2)
    for number, (width, stride) in enumerate(_MOBILENET_V1, 1):
        net.conv(f"dw{number}", net.shape[0], 3, stride, depthwise=True)
        net.conv(f"pw{number}", width // divisor, 1)
    net.average_pool("avgpool")
    net.fully_connected("fc", classes)
    return net.layers


# Expansion, width, blocks, stride of the first.
_MOBILENET_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


def _mobilenet_v2() -> list[LayerShape]:
    """Return MobileNet v2 with an expansion in every block, that by one in the first included, as
    in the paper's table and the ONNX model zoo; that of torchvision leaves it out."""
    net = LayerChain(3, 224, 224)
    net.conv("conv1", 32, 3, stride=2, padding=1)
    for stage, (expansion, width, depth, first) in enumerate(_MOBILENET_V2, 1):
        for block in range(depth):
            name, shape = f"stage{stage}.{block}", net.shape
            net.conv(f"{name}.expand", shape[0] * expansion, 1)
            net.conv(f"{name}.dw", net.shape[0], 3, 1 if block else first, 1, depthwise=True)
            net.conv(f"{name}.project", width, 1)
            if shape == net.shape:
                net.add(f"{name}.add")
    net.conv("conv2", 1280, 1)
    net.average_pool("avgpool")
    net.fully_connected("fc", 1000)
    return net.layers


def _keyword_spotting() -> list[LayerShape]:
    net = LayerChain(1, 49, 10)
    net.conv("conv1", 64, (10, 4), stride=2)
    for number in range(1, 5):
        net.conv(f"dw{number}", 64, 3, depthwise=True)
        net.conv(f"pw{number}", 64, 1)
    net.average_pool("avgpool")
    net.fully_connected("fc", 12)
    return net.layers


def _image_classification() -> list[LayerShape]:
    net = LayerChain(3, 32, 32)
    net.conv("conv1", 16, 3)
    for stage in range(3):
        shape, width, stride = net.shape, 16 << stage, 2 if stage else 1
        net.conv(f"stage{stage + 1}.conv1", width, 3, stride)
        net.conv(f"stage{stage + 1}.conv2", width, 3)
        if stage:
            net.shape = shape
            net.conv(f"stage{stage + 1}.downsample", width, 1, stride)
        net.add(f"stage{stage + 1}.add")
    net.average_pool("avgpool")
    net.fully_connected("fc", 10)
    return net.layers


def _anomaly_detection() -> list[LayerShape]:
    net = LayerChain(640, 1, 1)
    for number, outputs in enumerate((*(128,) * 4, 8, *(128,) * 4, 640), 1):
        net.fully_connected(f"fc{number}", outputs)
    return net.layers


NETWORKS: dict[str, Callable[[], list[LayerShape]]] = {
    "alexnet": _alexnet,
    "resnet18": lambda: _resnet((2, 2, 2, 2)),
    "resnet34": lambda: _resnet((3, 4, 6, 3)),
    "resnet50": lambda: _resnet((3, 4, 6, 3), bottleneck=True),
    "squeezenet1.1": _squeezenet,
    "mobilenet_v1": lambda: _mobilenet_v1(224, 1, 1000),
    "mobilenet_v2": _mobilenet_v2,
    "kws_dscnn": _keyword_spotting,
    "vww_mobilenet": lambda: _mobilenet_v1(96, 4, 2),
    "ic_resnet8": _image_classification,
    "ad_autoencoder": _anomaly_detection,
}
"""The layers of every built-in network, by its name."""
