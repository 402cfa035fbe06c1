"""Layers one after another, each of the size that the one before leaves."""

from typing import Any

from voltile.sim.windows import same_padding
from voltile.sim.workload import LayerShape, Op


class LayerChain:
    """Layers so far, and channels, height and width of the feature map that they make.

    A branch starts where `shape` is set back to an earlier one.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.shape = (channels, height, width)
        self.layers: list[LayerShape] = []

    def conv(
        self,
        name: str,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | None = None,
        depthwise: bool = False,
    ) -> None:
        """Append a convolution with a bias, and "same" padding unless it is given."""
        channels, *size = self.shape
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        strides = (stride, stride)
        zeros = same_padding(size, kernel, strides) if padding is None else (padding,) * 4
        groups = channels if depthwise else 1
        self._append(
            name, Op.CONV, outputs, kernel=kernel, stride=strides, padding=zeros, groups=groups
        )

    def fully_connected(self, name: str, outputs: int) -> None:
        """Append a fully connected layer with a bias."""
        self._append(name, Op.GEMM, outputs, kernel=self.shape[1:])

    def max_pool(self, name: str, kernel: int, stride: int, padding: int = 0) -> None:
        """Append a maximum over windows."""
        kernels, strides = (kernel, kernel), (stride, stride)
        self._append_by_channel(
            name, Op.MAX_POOL, kernel=kernels, stride=strides, padding=(padding,) * 4
        )

    def average_pool(self, name: str) -> None:
        """Append the mean of every channel."""
        self._append_by_channel(name, Op.AVERAGE_POOL, kernel=self.shape[1:])

    def add(self, name: str) -> None:
        """Append the sum of the feature map and an earlier one."""
        self._append_by_channel(name, Op.ELEMENTWISE, inputs=2)

    def _append_by_channel(self, name: str, op: Op, **shape: Any) -> None:
        channels = self.shape[0]
        self._append(name, op, channels, groups=channels, bias=False, **shape)

    def _append(self, name: str, op: Op, outputs: int, **shape: Any) -> None:
        channels, height, width = self.shape
        layer = LayerShape(name, op, channels, outputs, height, width, **shape)
        self.layers.append(layer)
        self.shape = (outputs, layer.out_height, layer.out_width)
