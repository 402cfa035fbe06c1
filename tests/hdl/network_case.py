"""What a bench of a whole network runs: written by pytest's side, read by the simulator's."""

import itertools
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.core import Precision
from voltile.sim import FixedPointNetwork


@dataclass(frozen=True)
class NetworkCase:
    """A network, inputs with a precision for every layer, and the size of the array."""

    network: FixedPointNetwork
    runs: list[tuple[np.ndarray, list[Precision]]]
    rows: int = 8
    cols: int = 8

    def write(self, path: Path) -> Path:
        """Write it for the simulator; return the file."""
        path.write_bytes(pickle.dumps(self))
        return path


def read_case(path: Path) -> NetworkCase:
    """Return what `NetworkCase.write` wrote."""
    return pickle.loads(path.read_bytes())


def precision_settings(network: FixedPointNetwork) -> list[list[Precision]]:
    """Return every precision on all layers, and all of them in turn."""
    modes, count = list(network.element.products), len(network.layers)
    mix = list(itertools.islice(itertools.cycle(modes), count))
    return [*([mode] * count for mode in modes), mix]
