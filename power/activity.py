"""Switching activity: how often each net switches, and how long it is high."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Activity:
    """Activity of every net of a netlist.

    Attributes
    ----------
    static_probability : ndarray, shape (nets,)
        Share of the time that the net is high.
    toggle_rate : ndarray, shape (nets,)
        Edges, rising and falling, per clock cycle; 2 for a free-running clock.
    cycles, lanes : int
        Clock cycles counted, in each of so many independent streams.
    source : str
        Where the inputs came from.
    drift : float
        Toggles of the second half of the cycles against the first, as the relative difference: how
        far the count is from having settled.
    """

    static_probability: Floats
    toggle_rate: Floats
    cycles: int
    lanes: int
    source: str
    drift: float = 0.0

    def check_nets(self, nets: int, name: str) -> None:
        """Check that the activity belongs to a netlist of so many nets.

        Raises
        ------
        VoltileError
        """
        if len(self.toggle_rate) != nets or len(self.static_probability) != nets:
            raise VoltileError(
                f"activity from {self.source} is of {len(self.toggle_rate)} nets, "
                f"netlist {name} has {nets}"
            )


def activity_to_arrays(activity: Activity) -> dict[str, NDArray[Any]]:
    """Return the activity as plain arrays, for `numpy.savez`."""
    texts = {name: getattr(activity, name) for name in ("cycles", "lanes", "source", "drift")}
    return {
        "static_probability": activity.static_probability,
        "toggle_rate": activity.toggle_rate,
        "texts": np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8),
    }


def activity_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Activity:
    """Return the activity that `activity_to_arrays` took apart."""
    texts = json.loads(arrays["texts"].tobytes())
    return Activity(arrays["static_probability"], arrays["toggle_rate"], **texts)
