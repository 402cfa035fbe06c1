"""A network of thermal resistances and capacitances: temperatures at rest under a power.

C dT/dt = P - G (T - T_ambient), with G symmetric and positive definite.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ThermalNetwork:
    """Nodes with a heat capacity, resistances between them and to the ambient.

    Attributes
    ----------
    conductance : sparse matrix, shape (nodes, nodes)
        G; its rows add up to the conductances to the ambient [W/K].
    capacitance : ndarray, shape (nodes,)
        [J/K].
    ambient : float
        [degrees Celsius].
    sources : ndarray of int, shape (sources,)
        Nodes in which power is spent.
    """

    conductance: Any
    capacitance: Floats
    ambient: float
    sources: Ints

    def __post_init__(self) -> None:
        if not np.isfinite(self.ambient):
            raise ValueError(f"an ambient must be finite, not {self.ambient:g} C")

    @cached_property
    def to_ambient(self) -> Floats:
        """Conductance of every node to the ambient [W/K]."""
        return np.asarray(self.conductance.sum(axis=1)).ravel()

    @cached_property
    def _factors(self) -> Any:
        return factorised(self.conductance)

    def __getstate__(self) -> dict[str, Any]:
        # The factors cannot go to another process, which makes its own.
        return {name: value for name, value in self.__dict__.items() if name != "_factors"}

    def check_power(self, power: Floats) -> None:
        """Check that a power is that of the sources.

        Raises
        ------
        ValueError
        """
        if np.shape(power) != self.sources.shape:
            raise ValueError(
                f"a power must have shape ({len(self.sources)},), one for every source, not "
                f"{np.shape(power)}"
            )
        if not np.isfinite(power).all():
            raise ValueError("a power must be finite")

    def spread(self, power: Floats) -> Floats:
        """Return the power in every node [W] for that of the sources, shape (sources,)."""
        self.check_power(power)
        nodes = np.zeros(len(self.capacitance))
        nodes[self.sources] = power
        return nodes

    def steady(self, power: Floats) -> Floats:
        """Return the temperature of every node at rest [degrees Celsius].

        Parameters
        ----------
        power : ndarray, shape (sources,)
            [W].

        Raises
        ------
        ValueError
            For another shape, or one that is not finite.
        """
        rise: Floats = self._factors.solve(self.spread(power))
        return self.ambient + rise

    def lost(self, temperature: Floats) -> float:
        """Power that goes to the ambient [W]."""
        return float(self.to_ambient @ (temperature - self.ambient))

    def stored(self, temperature: Floats) -> float:
        """Heat above that at the ambient's temperature [J]."""
        return float(self.capacitance @ (temperature - self.ambient))


def lumped_network(
    resistances: tuple[float, ...], capacitances: tuple[float, ...], ambient: float
) -> ThermalNetwork:
    """Return a chain of stages from the die to the ambient, as for a CPU in its package.

    Parameters
    ----------
    resistances : tuple of float
        From each stage to the next, the last to the ambient [K/W].
    capacitances : tuple of float
        Of each stage; all power is spent in the first [J/K].

    Raises
    ------
    ValueError
        When they are not as many, none, or not positive.
    """
    if not resistances or len(resistances) != len(capacitances):
        raise ValueError(
            f"stages must have a resistance and a capacitance each, not {len(resistances)} and "
            f"{len(capacitances)}"
        )
    for value in (*resistances, *capacitances):
        if not 0 < value < np.inf:
            raise ValueError(
                f"resistances and capacitances must be positive and finite, not {value:g}"
            )
    stages = np.arange(len(resistances))
    conductances = 1 / np.array(resistances)
    matrix = links(stages[:-1], stages[1:], conductances[:-1], len(stages))
    outside = np.zeros(len(stages))
    outside[-1] = conductances[-1]
    return ThermalNetwork(
        with_ambient(matrix, outside), np.array(capacitances, dtype=np.float64), ambient, stages[:1]
    )


def links(first: Ints, second: Ints, conductance: Floats, nodes: int) -> Any:
    """Return the matrix G of conductances between pairs of nodes."""
    from scipy.sparse import coo_array

    rows = np.concatenate([first, second, first, second])
    columns = np.concatenate([first, second, second, first])
    values = np.concatenate([conductance, conductance, -conductance, -conductance])
    return coo_array((values, (rows, columns)), shape=(nodes, nodes)).tocsc()


def with_ambient(matrix: Any, outside: Floats) -> Any:
    """Return a matrix G with conductances to the ambient."""
    from scipy.sparse import diags_array

    return (matrix + diags_array(outside)).tocsc()


def factorised(matrix: Any) -> Any:
    """Return the LU factors of a symmetric positive definite matrix; `solve` is theirs."""
    from scipy.sparse.linalg import splu

    # In an order for symmetric matrices, without pivoting: half the fill of the default.
    return splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
