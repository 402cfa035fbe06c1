"""Temperatures over time, at a fixed step during which the power stays.

- `TrBdf2`: part of a step by the trapezoidal rule, the rest by the second backward difference. It
  is of second order, stable and damping at any step (L-stable), and factorises once.
- `Exact`: the matrix exponential, for networks of few nodes. It has no error at any step.

References
----------
R. E. Bank et al., "Transient simulation of silicon devices and circuits", IEEE Transactions on CAD
4(4), 1985.
"""

from math import sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voltile.power.thermal.network import ThermalNetwork, factorised

Floats = NDArray[np.float64]

# Where the trapezoidal part of a step ends, so that both parts have the same matrix.
_GAMMA = 2 - sqrt(2)
# Nodes up to which a dense exponential is the cheaper way.
_FEW = 32


class Stepper(Protocol):
    """Goes one step on.

    Attributes
    ----------
    step : float
        [s].
    """

    network: ThermalNetwork
    step: float

    def advance(self, temperature: Floats, power: Floats) -> Floats:
        """Return the temperatures of all nodes a step later, under a power of the sources [W].

        Raises
        ------
        ValueError
            For a power that is not of shape (sources,), or not finite.
        """
        ...


def stepper(network: ThermalNetwork, step: float) -> Stepper:
    """Return what goes on by a step [s]: exact for a network of few nodes, else TR-BDF2.

    Raises
    ------
    ValueError
        When the step is not positive.
    """
    small = len(network.capacitance) <= _FEW
    return Exact(network, step) if small else TrBdf2(network, step)


class TrBdf2:
    """See `Stepper`."""

    def __init__(self, network: ThermalNetwork, step: float) -> None:
        from scipy.sparse import diags_array

        _check(step)
        self.network, self.step = network, step
        self._scale = 0.5 * _GAMMA * step
        matrix = diags_array(network.capacitance) + self._scale * network.conductance
        self._factors = factorised(matrix)

    def advance(self, temperature: Floats, power: Floats) -> Floats:
        """See `Stepper`."""
        network = self.network
        rise, added = temperature - network.ambient, network.spread(power)
        flow = network.conductance @ rise
        stored = network.capacitance
        between = self._factors.solve(stored * rise + self._scale * (2 * added - flow))
        past = (between - (1 - _GAMMA) ** 2 * rise) / (_GAMMA * (2 - _GAMMA))
        later: Floats = self._factors.solve(stored * past + self._scale * added)
        return network.ambient + later


class Exact:
    """See `Stepper`."""

    def __init__(self, network: ThermalNetwork, step: float) -> None:
        from scipy.linalg import expm

        _check(step)
        self.network, self.step = network, step
        conductance = network.conductance.toarray()
        self._decay = expm(-step * conductance / network.capacitance[:, None])
        inverse = np.linalg.inv(conductance)[:, network.sources]
        self._gain = inverse - self._decay @ inverse

    def advance(self, temperature: Floats, power: Floats) -> Floats:
        """See `Stepper`."""
        self.network.check_power(power)
        ambient = self.network.ambient
        later: Floats = ambient + self._decay @ (temperature - ambient) + self._gain @ power
        return later


def _check(step: float) -> None:
    if not 0 < step < np.inf:
        raise ValueError(f"a step must be positive and finite, not {step:g} s")
