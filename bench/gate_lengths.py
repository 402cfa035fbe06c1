"""Slow-down and leakage of gate lengths and of low drivers, beside the dissertation's.

    python bench/gate_lengths.py [TECHNOLOGY ...]

For each embedded technology: mean added delay of each gate length over Vdd (Fig. 4.7), leakage over
Vdd, and how much more a cell leaks whose inputs come from a lower supply: an inverter, as in the
dissertation, and the median over all cells and states with a high input. Writes
docs/images/gate_lengths_TECHNOLOGY.png.
"""

import sys
from pathlib import Path

import numpy as np

from voltile.pdk import Technology, read_technology

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "images"
# Fig. 4.7, and the leakage at VddL/VddH = 0.9 and 0.8 without poly-bias (4.1.2).
SLOW_DOWN, LOW_DRIVER = (2.82, 8.72, 19.88), {0.9: 5.2, 0.8: 22.1}


def main(names: list[str]) -> None:
    """Print and draw each technology."""
    for name in names:
        report(read_technology(name))


def report(technology: Technology) -> None:
    """Print the tables of a technology and draw them."""
    delay = {bias: [technology.slow_down_at(bias, vdd) for vdd in technology.vdds]
             for bias in technology.biases}  # fmt: skip
    leakage = {bias: [leakage_factor(technology, bias, vdd) for vdd in technology.vdds]
               for bias in technology.biases}  # fmt: skip
    mixed = technology.mixed_supply
    assert mixed is not None
    ratios = np.array(mixed.ratios)
    inverter = inverter_of(technology)
    low, median = ({bias: [low_driver(technology, bias, ratio, cell) for ratio in ratios]
                    for bias in technology.biases} for cell in (inverter, None))  # fmt: skip
    print(f"## {technology.name}, timing {technology.timing_corner}, leakage "
          f"{technology.leakage_corner}\n")  # fmt: skip
    columns = [f"{inverter} (median cell) at VddL/VddH = {ratio:g}" for ratio in ratios[:-1]]
    heads = ["bias", "slow-down at the highest, lowest Vdd [%]", "dissertation [%]", "leakage"]
    print("| " + " | ".join([*heads, *columns]) + " |")
    print("| --- " * (len(heads) + len(columns)) + "|")
    for bias, theirs in zip(technology.biases, (0, *SLOW_DOWN), strict=False):
        pairs = zip(low[bias][:-1], median[bias][:-1], strict=True)
        factors = " | ".join(f"{one:.1f} ({middle:.1f})" for one, middle in pairs)
        print(f"| {bias} | {100 * delay[bias][-1]:.2f}, {100 * delay[bias][0]:.2f} | {theirs} | "
              f"{leakage[bias][-1]:.3f} | {factors} |")  # fmt: skip
    shown = ", ".join(f"{factor} at {ratio}" for ratio, factor in LOW_DRIVER.items())
    print(f"\nLeakage with a low driver is over that at full swing of the first gate length. The "
          f"dissertation's, of an inverter without poly-bias: {shown}.\n")  # fmt: skip
    draw(technology, delay, leakage, ratios, low, median[technology.biases[0]])


def inverter_of(technology: Technology) -> str:
    """The smallest cell that inverts its one input."""
    library = technology.library(technology.nominal_vdd)
    found = []
    for cell, name in enumerate(library.cell_name):
        functions = [library.pin_function[pin] for pin in library.pins_of(cell)]
        inverts = any(text.lstrip("(").startswith("!") for text in functions)
        if len(library.inputs_of(cell)) == 1 and inverts:
            found.append((float(library.cell_area[cell]), name))
    return min(found)[1]


def leakage_factor(technology: Technology, bias: str, vdd: float) -> float:
    """Mean leakage of the cells over that of the first gate length."""
    own, first = (technology.library(vdd, item) for item in (bias, technology.biases[0]))
    leaks = first.cell_leakage > 0  # tie cells may not
    return float(np.mean(own.cell_leakage[leaks] / first.cell_leakage[leaks]))


def low_driver(technology: Technology, bias: str, ratio: float, cell: str | None) -> float:
    """Median leakage with inputs at ratio * Vdd, over that at full swing and the first gate length.

    At the highest supply; over all states of a cell, or of all, with at least one low input.
    """
    mixed, high = technology.mixed_supply, technology.vdds[-1]
    assert mixed is not None
    low = mixed.leakages(technology.leakage_corner, bias, ratio * high, high)
    full = mixed.leakages(technology.leakage_corner, technology.biases[0], high, high)
    rows = [at for at, row in enumerate(mixed.states)
            if "L" in row.state and cell in (None, row.cell)]  # fmt: skip
    full_swing = (mixed.states[at]._replace(state=mixed.states[at].state.replace("L", "1"))
                  for at in rows)  # fmt: skip
    same = [mixed.state_row[row] for row in full_swing]
    return float(np.median(low[rows] / full[same]))


def draw(
    technology: Technology,
    delay: dict[str, list[float]],
    leakage: dict[str, list[float]],
    ratios: np.ndarray,
    low: dict[str, list[float]],
    median: list[float],
) -> None:
    """Three panels: slow-down and leakage over Vdd, leakage over VddL/VddH."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    colours = ("#0072B2", "#009E73", "#E69F00", "#D55E00")
    for colour, bias in zip(colours, technology.biases, strict=False):
        left.plot(technology.vdds, 100 * np.array(delay[bias]), "o-", color=colour, label=bias)
        middle.plot(technology.vdds, leakage[bias], "o-", color=colour, label=bias)
        right.semilogy(ratios, low[bias], "o-", color=colour, label=bias)
    for colour, value in zip(colours[1:], SLOW_DOWN, strict=True):
        left.axhline(value, color=colour, linestyle=":", linewidth=1)
    right.plot(ratios, median, "--", color=colours[0], label="pb0, median cell")
    right.plot(list(LOW_DRIVER), list(LOW_DRIVER.values()), "kx", label="dissertation, PB0")
    left.plot([], [], "k:", linewidth=1, label="dissertation")
    left.set(xlabel="Vdd [V]", ylabel="added delay [%]", title="slow-down", ylim=(-1, 29))
    middle.set(xlabel="Vdd [V]", ylabel="mean leakage over pb0", title="leakage", ylim=(0, 1.3))
    right.set(xlabel="VddL / VddH", ylabel="leakage over full swing of pb0",
              title="inverter with a low driver")  # fmt: skip
    for axis in (left, middle, right):
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, ncols={left: 2, middle: 4, right: 1}[axis], columnspacing=1)
    figure.suptitle(f"{technology.name}: timing {technology.timing_corner}, leakage "
                    f"{technology.leakage_corner}", fontsize=10)  # fmt: skip
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"gate_lengths_{technology.name}.png"
    figure.savefig(path, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1:] or ["freepdk45", "sky130-spice"])
