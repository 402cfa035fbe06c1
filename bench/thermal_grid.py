"""Temperature of a die over 100 s under a governor: wall time over the size of the grid.

    python bench/thermal_grid.py [CELLS ...]

A die of 4 x 4 mm on five layers, its power in one quarter, leakage of FreePDK45 cells; above 85 C
the governor takes a third of the power, below 83 C all of it again. Step and polling: 100 ms.
"""

import sys
import time

import numpy as np

from voltile.pdk import read_technology
from voltile.power.thermal import (
    Layer,
    Leakage,
    Package,
    advance_with_leakage,
    stepper,
    thermal_grid,
)

SIDE = 4e-3
PACKAGE = Package(
    (
        Layer("silicon", 200e-6, 120.0, 1.65e6),
        Layer("paste", 50e-6, 4.0, 2.2e6),
        Layer("copper", 1e-3, 390.0, 3.45e6),
        Layer("glue", 50e-6, 4.0, 2.2e6),
        Layer("aluminium", 5e-3, 200.0, 2.4e6),
    ),
    2500.0,
    0.0,
    25.0,
)
POWER, LEAKAGE = 3.0, 0.3
LIMIT, BACK = 85.0, 83.0
STEP, STEPS = 0.1, 1000


def main(sizes: list[int]) -> None:
    """Run and print."""
    print("| cells | nodes | set-up [s] | 100 s of trace [s] | hottest [C] | time throttled |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in sizes or [16, 32, 64, 96]:
        print(line(size), flush=True)


def line(size: int) -> str:
    """Row of the table."""
    start = time.perf_counter()
    grid = thermal_grid(PACKAGE, SIDE, SIDE, size, size)
    shares = grid.shares(np.array([[0, 0, SIDE, SIDE], [0, 0, SIDE / 2, SIDE / 2]]))
    table = read_technology("freepdk45").leakage_temperature()
    leakage = Leakage(table.temperatures, np.outer(table.factors(1.0), LEAKAGE * shares[:, 0]))
    along = stepper(grid.network, STEP)
    made = time.perf_counter()
    temperature = np.full(len(grid.network.capacitance), PACKAGE.ambient)
    share, hottest, throttled = 1.0, PACKAGE.ambient, 0
    for _ in range(STEPS):
        now = float(temperature.max())
        hottest = max(hottest, now)
        share = 1 / 3 if now > LIMIT else 1.0 if now < BACK else share
        throttled += share < 1
        temperature = advance_with_leakage(
            along, temperature, share * POWER * shares[:, 1], leakage
        )
    done = time.perf_counter()
    return (f"| {size} x {size} | {len(temperature)} | {made - start:.2f} | {done - made:.2f} | "
            f"{hottest:.1f} | {throttled / STEPS:.1%} |")  # fmt: skip


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
