"""A small network on a small array, its costs written down by hand."""

import numpy as np

from voltile.core import Precision
from voltile.power import MemoryEnergy
from voltile.sim import (
    SPATIAL,
    ArrayConfig,
    Control,
    LayerCosts,
    LayerShape,
    Memories,
    Op,
    Workload,
)

FULL, HALF = Precision.FULL, Precision.HALF
MEMORIES = Memories(
    MemoryEnergy(2e-12, 3e-12, 1e-5, 0.0),
    MemoryEnergy(5e-12, 7e-12, 2e-5, 0.0),
    MemoryEnergy(11e-12, 13e-12, 3e-5, 0.0),
    8e-12,
)
CONTROL = Control(10e-12, 1e-3, 80)


def two_layers(bandwidth=np.inf, name="net", batch=1):
    """A convolution and a pooling layer at full and half precision on 2 x 4 spatial elements."""
    layers = (
        LayerShape("conv", Op.CONV, 4, 8, 3, 3),
        LayerShape("pool", Op.MAX_POOL, 8, 8, 3, 3, (3, 3)),
    )
    whole = {
        "cycles": [[50, 9], [15, 9]],
        "act_reads": [[40, 9], [10, 5]],
        "weight_reads": [[44, 0], [11, 0]],
        "out_reads": [[4, 0], [2, 0]],
        "out_writes": [[20, 2], [10, 1]],
        "act_fills": [[18, 18], [9, 9]],
        "weight_fills": [[8, 0], [4, 0]],
        "out_drains": [[18, 2], [9, 1]],
        "dram_read_bytes": [[68, 72], [34, 36]],
        "dram_write_bytes": [[72, 8], [36, 4]],
        "parts": [[1, 1], [1, 1]],
    }
    return LayerCosts(
        Workload(name, layers, batch),
        ArrayConfig(2, 4, SPATIAL, dram_bandwidth=bandwidth),
        (FULL, HALF),
        macs=np.array([288, 0]),
        utilisation=np.array([[0.72, 0.0], [0.6, 0.0]]),
        **{key: np.array(value) for key, value in whole.items()},
    )
