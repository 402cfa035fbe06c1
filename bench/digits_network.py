"""Train the example network: a small ConvNet for scikit-learn's handwritten digits.

    ./run python bench/digits_network.py [--seed 1] [--epochs 30] [--out flows/examples]

1797 images of 8 x 8 pixels are dealt by seed: 1197 for training, 100 for calibration, 500 for
testing. Adam on the cross-entropy, batches of 32, in numpy alone. Writes `digits.onnx` and
`digits.npz` with the 600 images that took no part in training, those for calibration first, and
prints the accuracy. The last bits of the weights may depend on the machine's BLAS.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from prepared import parser_of

TRAINING, CALIBRATION, BATCH, RATE, DECAY = 1197, 100, 32, 1e-2, 1e-4
EXAMPLES = Path(__file__).resolve().parent.parent / "flows" / "examples"
# Name, output channels, kernel, stride, groups; a ReLU follows each.
CONVOLUTIONS = (
    ("conv1", 16, 3, 1, 1), ("dw2", 16, 3, 2, 16), ("pw2", 32, 1, 1, 1), ("conv3", 48, 3, 1, 1),
)  # fmt: skip
CLASSES = 10
Array = NDArray[np.float32]


def windows(act: Array, kernel: int, stride: int) -> Array:
    """Return windows, shape (images, rows, columns, channels, kernel, kernel), padded to fit."""
    edge = kernel // 2
    padded = np.pad(act, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    return seen[:, ::stride, ::stride]


class Convolution:
    """A convolution with a ReLU; weights of (groups, products, output channels / groups)."""

    def __init__(self, inputs: int, shape: tuple[int, int, int, int], rng) -> None:
        self.outputs, self.kernel, self.stride, self.groups = shape
        products = inputs // self.groups * self.kernel**2
        size = self.groups, products, self.outputs // self.groups
        scale = np.sqrt(2 / products)
        self.weight = (rng.standard_normal(size) * scale).astype(np.float32)
        self.bias = np.zeros(self.outputs, np.float32)

    def forward(self, act: Array) -> Array:
        seen = windows(act, self.kernel, self.stride)
        images, rows, cols = seen.shape[:3]
        self.shape = act.shape
        self.seen = np.moveaxis(seen.reshape(images * rows * cols, self.groups, -1), 1, 0)
        sums = np.moveaxis(self.seen @ self.weight, 0, 1).reshape(images, rows, cols, -1)
        self.result = np.maximum(sums + self.bias, 0)
        return self.result

    def backward(self, slope: Array) -> tuple[Array, list[Array]]:
        """Return the slopes of what came in, and of weights and biases."""
        slope = slope * (self.result > 0)
        images, rows, cols, _ = slope.shape
        of_sums = np.moveaxis(slope.reshape(images * rows * cols, self.groups, -1), 1, 0)
        of_weight = np.swapaxes(self.seen, 1, 2) @ of_sums
        of_seen = np.moveaxis(of_sums @ np.swapaxes(self.weight, 1, 2), 0, 1)
        edge, size = self.kernel // 2, self.shape[1:3]
        padded = np.zeros((images, size[0] + 2 * edge, size[1] + 2 * edge, self.shape[3]), "f4")
        of_seen = of_seen.reshape(images, rows, cols, self.shape[3], self.kernel, self.kernel)
        for y in range(self.kernel):
            for x in range(self.kernel):
                padded[:, y : y + rows * self.stride : self.stride,
                       x : x + cols * self.stride : self.stride] += of_seen[..., y, x]  # fmt: skip
        inner = padded[:, edge : edge + size[0], edge : edge + size[1]]
        return inner, [of_weight, slope.sum(axis=(0, 1, 2))]


class Network:
    """Convolutions, the mean over all pixels, a fully connected layer."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.convolutions, channels = [], 1
        for _, *shape in CONVOLUTIONS:
            self.convolutions.append(Convolution(channels, tuple(shape), rng))
            channels = shape[0]
        scale = np.sqrt(1 / channels)
        self.weight = (rng.standard_normal((channels, CLASSES)) * scale).astype(np.float32)
        self.bias = np.zeros(CLASSES, np.float32)

    @property
    def parameters(self) -> list[Array]:
        own = [item for layer in self.convolutions for item in (layer.weight, layer.bias)]
        return [*own, self.weight, self.bias]

    def forward(self, act: Array) -> Array:
        for layer in self.convolutions:
            act = layer.forward(act)
        self.pixels, self.mean = act.shape[1] * act.shape[2], act.mean(axis=(1, 2))
        return self.mean @ self.weight + self.bias

    def slopes(self, act: Array, labels: NDArray) -> list[Array]:
        """Return the slopes of the mean cross-entropy by every parameter."""
        logits = self.forward(act)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(labels)), labels] -= 1
        shares /= len(labels)
        found = [self.mean.T @ shares, shares.sum(axis=0)]
        slope = (shares @ self.weight.T)[:, None, None] / self.pixels
        slope = np.broadcast_to(slope, self.convolutions[-1].result.shape)
        for layer in self.convolutions[::-1]:
            slope, own = layer.backward(slope)
            found = own + found
        return found

    def accuracy(self, act: Array, labels: NDArray) -> float:
        return float((self.forward(act).argmax(axis=1) == labels).mean())


def train(act: Array, labels: NDArray, epochs: int, rng: np.random.Generator) -> Network:
    """Return a trained network: Adam (Kingma and Ba, arXiv:1412.6980), rate falling as a cosine."""
    network = Network(rng)
    means = [np.zeros_like(item) for item in network.parameters]
    squares = [np.zeros_like(item) for item in network.parameters]
    batches = len(act) // BATCH
    for step in range(epochs * batches):
        if step % batches == 0:
            order = rng.permutation(len(act))
        chosen = order[step % batches * BATCH :][:BATCH]
        found = network.slopes(act[chosen], labels[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / (epochs * batches)))
        for item, slope, mean, square in zip(
            network.parameters, found, means, squares, strict=True
        ):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            unbiased = mean / (1 - 0.9 ** (step + 1))
            size = np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8
            item -= rate * (unbiased / size + DECAY * item)
    return network


def as_onnx(network: Network) -> onnx.ModelProto:
    """Return the network as a model of `input` (N x 1 x 8 x 8, 0 to 1) to `logits` (N x 10)."""
    nodes, constants, tensor = [], [], "input"

    def constant(name: str, values: Array) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    for (name, outputs, kernel, stride, groups), layer in zip(
        CONVOLUTIONS, network.convolutions, strict=True
    ):
        weight = np.moveaxis(layer.weight, 1, 2).reshape(outputs, -1, kernel, kernel)
        taken = [tensor, constant(f"{name}.weight", weight), constant(f"{name}.bias", layer.bias)]
        nodes.append(
            helper.make_node("Conv", taken, [f"{name}.sum"], name, kernel_shape=[kernel] * 2,
                             strides=[stride] * 2, pads=[kernel // 2] * 4, group=groups)
        )  # fmt: skip
        tensor = f"{name}.out"
        nodes.append(helper.make_node("Relu", [f"{name}.sum"], [tensor], f"{name}_relu"))
    weight, bias = constant("fc.weight", network.weight.T), constant("fc.bias", network.bias)
    nodes += [
        helper.make_node("GlobalAveragePool", [tensor], ["mean"], "avgpool"),
        helper.make_node("Flatten", ["mean"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", weight, bias], ["logits"], "fc", transB=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "digits", [value("input", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [value("logits", TensorProto.FLOAT, ["N", CLASSES])], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main(given: argparse.Namespace) -> None:
    """Train, write, say how good it is."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(given.seed)
    order = rng.permutation(len(digits.images))
    pixels = digits.images[order].astype(np.uint8)[..., None]
    labels = digits.target[order].astype(np.uint8)
    act = pixels.astype(np.float32) / 16
    network = train(act[:TRAINING], labels[:TRAINING], given.epochs, rng)
    given.out.mkdir(parents=True, exist_ok=True)
    onnx.save(as_onnx(network), given.out / "digits.onnx")
    np.savez_compressed(
        given.out / "digits.npz", x=np.moveaxis(pixels[TRAINING:], -1, 1), y=labels[TRAINING:],
        scale=np.float32(1 / 16),
    )  # fmt: skip
    parts = (0, TRAINING, TRAINING + CALIBRATION, len(act))
    for name, start, end in zip(
        ("training", "calibration", "test"), parts[:-1], parts[1:], strict=True
    ):
        share = network.accuracy(act[start:end], labels[start:end])
        print(f"{name}: {end - start} images, {share:.2%} right")
    print(f"{sum(item.size for item in network.parameters)} weights and biases")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of split, weights and batches")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=EXAMPLES, help="folder to write into")
    main(parser.parse_args())
