"""Supply and clock of every precision: at one supply, at one clock, or at one throughput.

The clock is that which every precision meets at a given supply of full precision. Low precision
does more MACs per cycle and has shorter paths; with the supply of an element free, that leaves two
ways to gain (dissertation 3.3.2): the same clock at a lower supply, or the same throughput at a
lower clock and a still lower supply.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision
from voltile.sim.pe_energy import PeEnergy

Floats = NDArray[np.float64]


class Policy(Enum):
    """How a precision gets its clock and supply from those of full precision."""

    SAME_SUPPLY = "same-supply"
    """Both as they are."""
    ISO_FREQUENCY = "iso-frequency"
    """The same clock at the lowest supply that meets it."""
    ISO_THROUGHPUT = "iso-throughput"
    """The clock of as many MACs per second, at the lowest supply that meets it."""


@dataclass(frozen=True, eq=False)
class OperatingPoints:
    """Operating points of some precisions.

    Attributes
    ----------
    policies : tuple of Policy, length points
    reference_vdd : ndarray, shape (points,)
        Supply of full precision that the clock is taken from [V].
    vdd, frequency : ndarray, shape (points, precisions)
        [V], [Hz].
    """

    policies: tuple[Policy, ...]
    reference_vdd: Floats
    vdd: Floats
    frequency: Floats


def operating_points(
    pe: PeEnergy,
    precisions: Sequence[Precision],
    policies: Sequence[Policy],
    reference_vdds: Sequence[float],
) -> OperatingPoints:
    """Return the points of every policy at every supply of full precision [V].

    Raises
    ------
    VoltileError
        For a supply that the element is not characterised at, or a precision that it lacks.
    """
    chosen, full = pe.of(precisions), pe.of([Precision.FULL])
    supplies = np.asarray(reference_vdds, float)
    each = np.repeat(supplies[:, None], len(pe.precisions), axis=1)
    clock = pe.reach(each).min(axis=1)[:, None]
    same = np.broadcast_to(clock, (len(supplies), len(precisions)))
    slower = clock * full.macs_per_cycle / chosen.macs_per_cycle
    made = {
        Policy.SAME_SUPPLY: (np.broadcast_to(supplies[:, None], same.shape), same),
        Policy.ISO_FREQUENCY: (chosen.lowest_vdd(same), same),
        Policy.ISO_THROUGHPUT: (chosen.lowest_vdd(slower), slower),
    }
    return OperatingPoints(
        tuple(item for item in policies for _ in supplies),
        np.tile(supplies, len(policies)),
        np.concatenate([made[item][0] for item in policies]),
        np.concatenate([made[item][1] for item in policies]),
    )
