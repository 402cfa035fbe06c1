"""How leakage grows with temperature, measured with ngspice: what comes with a technology.

    python bench/leakage_temperature.py [TECHNOLOGY ...]

Cells of a few kinds, in every input state, at the process of the technology's first leakage corner
and at other temperatures than its own. Written beside the technology's manifest, where its key
[leakage_temperature] has to name it: the leakage over that at the corner's own temperature, the
geometric mean over cells (each the mean over its states), and the extremes of the cells.
Technologies: freepdk45, sky130-spice; needs their PDK.
"""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

import voltile.pdk
from voltile.core import write_atomically
from voltile.pdk.characterization.bench import Bench, Corner
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.config import Config, read_config
from voltile.pdk.leakage_temperature import COLUMNS

TECHNOLOGIES = Path(voltile.pdk.__file__).parent / "technologies"
TABLE = "leakage_temperature.csv"
TEMPERATURES = (0, 25, 50, 75, 100, 125, 150)
CELLS = {
    "freepdk45": ("inv_x1", "nand2_x1", "nor2_x1", "aoi21_x1", "xor2_x1", "fa_x1"),
    "sky130-spice": tuple(
        f"sky130_fd_sc_hd__{name}_1" for name in ("inv", "nand2", "nor2", "a21oi", "xor2", "fa")
    ),
}


def main(technologies: list[str]) -> None:
    """Measure, write and print."""
    for name in technologies or CELLS:
        config = replace(read_config(name), only=CELLS[name])
        rows = measure(config)
        corner = config.leakage_corners[0]
        text = (
            f"# Leakage over that at {corner.temperature:g} C, corner {corner.name}: mean of "
            f"{', '.join(CELLS[name])}, and the extremes of these.\n"
            f"# Measured with ngspice by bench/leakage_temperature.py. Models: {config.models}.\n"
            f"{','.join(COLUMNS)}\n" + "".join(rows)
        )
        path = TECHNOLOGIES / name / TABLE
        with write_atomically(path) as temporary:
            temporary.write_text(text)
        print(text)


def measure(config: Config) -> list[str]:
    """Return the rows of the table."""
    corner, cells = config.leakage_corners[0], config.subjects().cells
    rows = []
    for bias, vdd in product(config.lengths, config.vdds[::2]):
        found = np.array(
            [
                [leakage(config, cells[cell].cell, bias, vdd, corner, at) for at in TEMPERATURES]
                for cell in CELLS[config.name]
            ]
        )
        factor = found / found[:, [TEMPERATURES.index(int(corner.temperature))]]
        mean = np.exp(np.log(factor).mean(axis=0))
        for at, *values in zip(
            TEMPERATURES, mean, factor.min(axis=0), factor.max(axis=0), strict=True
        ):
            rows.append(f"{bias},{vdd:g},{at}," + ",".join(f"{x:.5g}" for x in values) + "\n")
        print(bias, vdd, "done", file=sys.stderr)
    return rows


def leakage(
    config: Config, cell: Cell, bias: str, vdd: float, corner: Corner, temperature: float
) -> float:
    """Mean over the input states [W]."""
    bench = Bench(cell, replace(corner, temperature=temperature), vdd, config.lengths[bias],
                  config.drawn_length, config.layout)  # fmt: skip
    states = [
        dict(zip(cell.inputs, bits, strict=True))
        for bits in product((0.0, 1.0), repeat=len(cell.inputs))
    ]
    return float(np.mean(bench.leakage(states)))


if __name__ == "__main__":
    main(sys.argv[1:])
