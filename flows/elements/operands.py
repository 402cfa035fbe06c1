"""Operands of dot products: from a file, at random, or of a layer of a network."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, VoltileError, file_hash, write_atomically
from voltile.sim import SCALABLE, FixedPointNetwork, read_onnx, windows

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Random dot products: as many terms as a 1 x 1 convolution over 64 channels.
_RANDOM_VECTORS, _RANDOM_LENGTH = 512, 64
# Inputs of a network whose feature maps set the fraction lengths.
_CALIBRATION = 20
WIDEST = 20
"""Widest operands [bits]: the sums of their products fit the 64-bit integers of the models."""


@dataclass(frozen=True)
class Operands:
    """Dot products in words of full precision.

    Attributes
    ----------
    act, weight : ndarray of int, shape (vectors, length)
        Signed words.
    source : str
        Where they come from, in words.
    key : str
        Changes with the operands.
    """

    act: Ints
    weight: Ints
    source: str
    key: str

    @property
    def zero_acts(self) -> float:
        """Share of the activations that are zero."""
        return float((self.act == 0).mean())


def width_fault(width: int) -> str:
    """Return what is wrong with a width of operands, or nothing."""
    if width % 2 or not 4 <= width <= WIDEST:
        return f"width must be even and from 4 to {WIDEST}, not {width}"
    return ""


def random_operands(width: int, sparsity: float, seed: int) -> Operands:
    """Return uniformly random words; a share `sparsity` of the activations is zero besides."""
    rng = np.random.default_rng(seed)
    shape, top = (_RANDOM_VECTORS, _RANDOM_LENGTH), 1 << width - 1
    act, weight = (rng.integers(-top, top, shape) for _ in range(2))
    act[rng.random(shape) < sparsity] = 0
    source = f"uniformly random {width}-bit words"
    if sparsity:
        source += f", {sparsity:.0%} of the activations set to zero"
    return Operands(act, weight, source, f"{source}, seed {seed}, {shape}")


def read_operands(path: Path, width: int) -> Operands:
    """Read operands that `write_operands` has written, or any such file.

    Raises
    ------
    VoltileError
        When the file is none, or its arrays do not fit each other or words of `width` bits: values
        beyond them, an array `width` that says another one, or, without it, values that need no
        more than half of the bits, which look like those of a lower width.
    """
    arrays = read_arrays(path, ("act", "weight"), "operands")
    act, weight = arrays["act"], arrays["weight"]
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    for name, array in (("act", act), ("weight", weight)):
        if array.ndim != 2 or not array.size or array.dtype.kind not in "iu":
            raise VoltileError(
                f"operands {path}: {name} must be integers of shape (vectors, length), not "
                f"{array.dtype} of shape {array.shape}"
            )
        outside = array[(array < low) | (array > high)]
        if outside.size:
            raise VoltileError(
                f"operands {path}: {name} must be words of {width} bits, {low} to {high}, not "
                f"{outside.flat[0]} (--width)"
            )
    if act.shape != weight.shape:
        raise VoltileError(
            f"operands {path}: act and weight must be of one shape, not {act.shape} and "
            f"{weight.shape}"
        )
    _check_width(path, arrays, width)
    return Operands(act.astype(np.int64), weight.astype(np.int64), str(path), file_hash(path))


def _check_width(path: Path, arrays: dict[str, NDArray[Any]], width: int) -> None:
    """Refuse operands that are meant as words of another width."""
    if "width" in arrays:
        if arrays["width"].tolist() != width:
            raise VoltileError(
                f"operands {path}: these are words of {arrays['width'].tolist()} bits, not of "
                f"{width} (--width)"
            )
        return
    values = np.concatenate([arrays["act"].ravel(), arrays["weight"].ravel()])
    bits = 1 + max(int(values.max()), ~int(values.min())).bit_length()
    if bits <= width // 2:
        raise VoltileError(
            f"operands {path}: the values need {bits} bits of {width} (--width); if they are meant "
            f"so, add an array width={width}"
        )


def read_arrays(path: Path, names: Sequence[str], what: str) -> dict[str, NDArray[Any]]:
    """Read an npz file that has some arrays; returns all of them.

    Raises
    ------
    VoltileError
        When the file is none, or lacks an array.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):  # an array by itself
            raise ValueError
        with file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise VoltileError(f"{what} {path}: there is no such file") from None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        raise VoltileError(f"{what} {path}: no npz file of plain arrays") from None
    missing = [name for name in names if name not in arrays]
    if missing:
        raise VoltileError(
            f"{what} {path}: array '{missing[0]}' is missing; it has {', '.join(arrays) or 'none'}"
        )
    return arrays


def write_operands(operands: Operands, width: int, path: Path) -> None:
    """Write operands of words of `width` bits as an npz file: arrays `act`, `weight`, `width`."""
    with write_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, act=operands.act, weight=operands.weight, width=width)


def read_inputs(path: Path) -> Floats:
    """Read inputs of a network: array `x`, shape (inputs, channels, height, width), as in ONNX.

    Arrays `scale` and `zero_point`, if there, make numbers of integers: ``(x - zero_point) *
    scale``.

    Returns
    -------
    ndarray, shape (inputs, height, width, channels)

    Raises
    ------
    VoltileError
        When the file does not hold that.
    """
    arrays = read_arrays(path, ("x",), "inputs")
    x = arrays["x"]
    if x.ndim != 4 or x.dtype.kind not in "iuf":
        raise VoltileError(
            f"inputs {path}: x must be numbers of shape (inputs, channels, height, width), not "
            f"{x.dtype} of shape {x.shape}"
        )
    if not x.size:
        raise VoltileError(f"inputs {path}: x is empty, of shape {x.shape}")
    zero, scale = _number(path, arrays, "zero_point", 0), _number(path, arrays, "scale", 1)
    if scale <= 0:
        raise VoltileError(f"inputs {path}: scale must be positive, not {scale:g}")
    if not np.isfinite(x).all():
        raise VoltileError(f"inputs {path}: x must be finite, not {x[~np.isfinite(x)][0]}")
    with np.errstate(over="ignore", invalid="ignore"):  # told as an error below
        values = (x.astype(np.float64) - zero) * scale
    if not np.isfinite(values).all():
        raise VoltileError(
            f"inputs {path}: x, less zero_point and times scale {scale:g}, must be finite"
        )
    return np.moveaxis(values, 1, -1)


def _number(path: Path, arrays: dict[str, NDArray[Any]], name: str, default: float) -> float:
    """Return an array of one number, or what it is without one."""
    array = arrays.get(name, np.asarray(default))
    if array.size != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise VoltileError(
            f"inputs {path}: {name} must be one finite number, not {array.dtype} of shape "
            f"{array.shape}" + (f": {array.flat[0]}" if array.size == 1 else "")
        )
    return float(array.item())


def network_operands(
    model: Path, inputs: Path, layer: str, vectors: int, width: int, seed: int
) -> Operands:
    """Return dot products of a layer of a network, at full precision, drawn at random.

    The network is quantised to `width` bits with fraction lengths that suit its inputs. A dot
    product is a window of the layer's input and the filter of an output channel.

    Parameters
    ----------
    layer : str
        Its name; "": the one with the most MACs.
    vectors : int
        How many, at most.

    Raises
    ------
    VoltileError
        For a model, inputs or a layer that cannot be used.
    """
    network, values = quantised_network(model, inputs, width)
    return layer_operands(network, values, layer, vectors, seed)


def quantised_network(model: Path, inputs: Path, width: int) -> tuple[FixedPointNetwork, Floats]:
    """Return the network of an ONNX file with words of `width` bits, and some of its inputs.

    Raises
    ------
    VoltileError
        For a model or inputs that cannot be used.
    """
    values, floats = read_inputs(inputs), read_onnx(model)
    if values.shape[1:] != floats.input_shape:
        raise VoltileError(
            f"inputs {inputs} are of {values.shape[1:]} (height, width, channels), those of "
            f"{model} of {floats.input_shape}"
        )
    if fault := width_fault(width):
        raise VoltileError(fault)
    # The widest accumulator of the model, so that no sum saturates.
    element = replace(SCALABLE, width=width, acc_width=62 - width)
    values = values[:_CALIBRATION]
    return FixedPointNetwork.quantised(floats, values, element), values


def layer_operands(
    network: FixedPointNetwork, values: Floats, layer: str, vectors: int, seed: int
) -> Operands:
    """Return dot products of a layer of a quantised network, as `network_operands` does.

    Parameters
    ----------
    values : ndarray, shape (inputs, height, width, channels)
        In the units of the network.
    """
    full = [Precision.FULL] * len(network.names)
    maps = [network.feature_maps(value, full) for value in values]
    names = network.names
    if layer and layer not in names:
        raise VoltileError(f"there is no layer '{layer}': there are {', '.join(names)}")
    number = names.index(layer) if layer else int(np.argmax(layer_macs(network, values[0])))
    chosen, taken = network.convolutions[number], network.inputs[network.array_layers[number]][0]
    source = chosen.source
    seen = np.stack([
        windows(of_input[taken], source.weight.shape[1:3], source.stride, source.padding,
                source.groups)
        for of_input in maps
    ])  # fmt: skip
    rows = seen.reshape(-1, source.groups, source.weight[0].size)
    pixels, groups, length = rows.shape
    filters = chosen.weight.reshape(-1, length)
    pairs = pixels * len(filters)
    drawn = np.random.default_rng(seed).choice(pairs, min(vectors, pairs), replace=False)
    pixel, output = np.divmod(np.sort(drawn), len(filters))
    act = rows[pixel, output * groups // len(filters)]
    label = f"layer '{source.name}' at {len(values)} inputs"
    return Operands(act, filters[output], label, f"{label}, {len(drawn)} drawn with {seed}")


def layer_macs(network: FixedPointNetwork, value: Floats) -> list[int]:
    """Return the MACs for an input of every layer that takes a precision."""
    maps = network.feature_maps(value, [Precision.FULL] * len(network.names))
    return [
        int(maps[number + 1][..., 0].size * layer.weight.size)
        for number, layer in zip(network.array_layers, network.convolutions, strict=True)
    ]
