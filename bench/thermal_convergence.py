"""How temperatures converge with the grid and with the time step, against what is known exactly.

    python bench/thermal_convergence.py

- grid: a plate of silicon under q cos(pi x / W) (1 + cos(pi y / H)) / 2, cooled through h in series
  with half of its thickness; each cosine mode has the rise q / (k t |wave|^2 + h) at rest.
- step: the die of bench/thermal_grid.py in 4 x 4 cells and five layers 50 ms after power is turned
  on, against the matrix exponential.
- step with leakage: a chip of two lumped stages, 4 W and leakage of FreePDK45 cells, after 3 s,
  against 8192 steps.
"""

from collections.abc import Callable, Sequence
from math import log2, pi

import numpy as np
from numpy.typing import NDArray
from thermal_grid import PACKAGE, POWER, SIDE

from voltile.pdk import read_technology
from voltile.power.thermal import (
    Layer,
    Leakage,
    Package,
    TrBdf2,
    advance_with_leakage,
    lumped_network,
    stepper,
    thermal_grid,
)

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FLUX = 4e-3, 3e-3, 1e5
PLATE = Layer("silicon", 200e-6, 120.0, 1.65e6)
CONVECTION = 2e4
SWITCHED, LEAKING = 0.05, 3.0


def main() -> None:
    """Print."""
    table("cells per axis", (6, 12, 24, 48, 96), grid_error)
    table("steps in 50 ms", (10, 20, 40, 80, 160), step_error())
    table("steps in 3 s, with leakage", (16, 32, 64, 128, 256), leakage_error())


def table(what: str, sizes: Sequence[int], error: Callable[[int], float]) -> None:
    """Print the largest errors and the order from each size to the next."""
    print(f"| {what} | largest error [K] | order |\n| --- | --- | --- |")
    before = None
    for size in sizes:
        now = error(size)
        print(f"| {size} | {now:.3g} | {'-' if before is None else f'{log2(before / now):.2f}'} |")
        before = now
    print()


def grid_error(n: int) -> float:
    """Of the mean temperature of any of n x n cells at rest."""
    grid = thermal_grid(Package((PLATE,), CONVECTION, 0.0, 25.0), WIDTH, HEIGHT, n, n)
    mean = np.diff(np.sin(pi * np.linspace(0, 1, n + 1)) / pi) * n
    across, both = mean[None, :], mean[:, None] * mean[None, :]
    power = FLUX * 0.5 * (across + both) * WIDTH * HEIGHT / n**2
    sheet = PLATE.conductivity * PLATE.thickness
    cooling = 1 / (PLATE.thickness / (2 * PLATE.conductivity) + 1 / CONVECTION)
    exact = 0.5 * FLUX * (
        across / (sheet * (pi / WIDTH) ** 2 + cooling)
        + both / (sheet * ((pi / WIDTH) ** 2 + (pi / HEIGHT) ** 2) + cooling)
    )  # fmt: skip
    found = grid.maps(grid.network.steady(power.ravel()))[0] - 25.0
    return float(np.abs(found - exact).max())


def step_error() -> Callable[[int], float]:
    """Of the temperature of any cell."""
    from scipy.linalg import expm

    grid = thermal_grid(PACKAGE, SIDE, SIDE, 4, 4)
    network = grid.network
    power = grid.shares(np.array([[0, 0, SIDE / 2, SIDE / 2]]))[:, 0] * POWER
    rest = network.steady(power) - PACKAGE.ambient
    decay = expm(-SWITCHED * network.conductance.toarray() / network.capacitance[:, None])
    exact = PACKAGE.ambient + rest - decay @ rest

    def error(steps: int) -> float:
        along = TrBdf2(network, SWITCHED / steps)
        temperature = np.full(len(exact), PACKAGE.ambient)
        for _ in range(steps):
            temperature = along.advance(temperature, power)
        return float(np.abs(temperature - exact).max())

    return error


def leakage_error() -> Callable[[int], float]:
    """Of the temperature of either stage."""
    known = read_technology("freepdk45").leakage_temperature()
    leakage = Leakage(known.temperatures, known.factors(1.0)[:, None])
    network, power = lumped_network((4.0, 6.0), (0.2, 2.0), 25.0), np.array([4.0])

    def after(steps: int) -> Floats:
        along, temperature = stepper(network, LEAKING / steps), np.full(2, 25.0)
        for _ in range(steps):
            temperature = advance_with_leakage(along, temperature, power, leakage)
        return temperature

    exact = after(8192)
    return lambda steps: float(np.abs(after(steps) - exact).max())


if __name__ == "__main__":
    main()
