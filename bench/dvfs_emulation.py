"""Wide against narrow intervals: energy over the mean time between changes of demand.

Emulates one sequence of random demands, faster and slower, under the schemes of a finished run: the
finest mesh with its widest and narrowest intervals, ideal-DVFS, and ideal-DVFS whose converter
costs nothing. Prints energy per cycle and where the schemes cross; draws both.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prepared import faults_through, parser_of

from voltile.flows.dvfs.job import SchemeResult, emulate_schemes
from voltile.flows.dvfs.mode_files import read_modes
from voltile.flows.figures import new_figure, save_figure
from voltile.power import OperatingModes, SwitchingCosts, Trace

ROOT = Path(__file__).resolve().parent.parent
DEMANDS = 2000
MEAN_TIMES = np.logspace(-4.5, -1, 22)
LOOKS = (("black", "--"), ("#999999", ":"), ("#0072B2", "-"), ("#CC79A7", "-"))


def main(folder: Path, image: Path) -> None:
    """Sweep the rate of changes; print, and draw."""
    modes = compared(read_modes(folder))
    sweep = [emulate_schemes(modes, random_trace(modes, mean), SwitchingCosts())
             for mean in MEAN_TIMES]  # fmt: skip
    energy = np.array([[energy_per_cycle(result) for result in results] for results in sweep])
    titles = [result.title for result in sweep[0]]
    print("| mean time between changes [ms] | " + " | ".join(f"{title} [pJ/cycle] | missed"
          for title in titles) + " |")  # fmt: skip
    print("| --- |" + " --- |" * 2 * len(titles))
    for mean, results, row in zip(MEAN_TIMES, sweep, energy, strict=True):
        cells = (
            f"{value * 1e12:.2f} | {result.emulation.missed / result.emulation.demands:.1%}"
            for value, result in zip(row, results, strict=True)
        )
        print(f"| {mean * 1e3:.3g} | {' | '.join(cells)} |")
    print()
    found = list(crossings(titles, energy))
    for first, second, mean in found:
        print(f"{first} costs less than {second} where demands last {mean * 1e3:.2f} ms or longer")
    draw(folder.name, titles, energy, sweep, found, image)


def compared(modes: Sequence[OperatingModes]) -> list[OperatingModes]:
    """Ideal-DVFS, and the finest mesh with its widest and its narrowest intervals."""
    fine = [item for item in modes if item.scheme == "fine-vh"]
    finest = [item for item in fine if item.n == max(item.n for item in fine)]
    finest.sort(key=lambda item: -item.interval)
    ideal = [item for item in modes if item.scheme == "ideal"]
    return [*ideal, finest[0], *finest[-1:]] if len(finest) > 1 else [*ideal, *finest]


def random_trace(modes: Sequence[OperatingModes], mean: float) -> Trace:
    """Demands evenly distributed over the reach, each for an exponentially distributed time."""
    rng = np.random.default_rng(1)
    lowest = min(float(item.frequency.min()) for item in modes)
    highest = min(item.reach for item in modes)
    frequency = rng.uniform(lowest, highest, DEMANDS)
    time = np.concatenate([[0.0], np.cumsum(rng.exponential(mean, DEMANDS))])
    return Trace("random demands", time, frequency, np.arange(DEMANDS))


def energy_per_cycle(result: SchemeResult) -> float:
    """[J]."""
    return result.emulation.energy / result.emulation.cycles


def crossings(titles: Sequence[str], energy: NDArray[np.float64]) -> list[tuple[str, str, float]]:
    """Where one scheme begins to cost less than another as demands last longer."""
    found = []
    for first in range(len(titles)):
        for second in range(len(titles)):
            gain = np.log(energy[:, second] / energy[:, first])
            for at in np.flatnonzero((gain[:-1] <= 0) & (gain[1:] > 0)):
                share = -gain[at] / (gain[at + 1] - gain[at])
                log_mean = np.interp(share, [0, 1], np.log(MEAN_TIMES[at : at + 2]))
                found.append((titles[first], titles[second], float(np.exp(log_mean))))
    return found


def draw(
    name: str,
    titles: Sequence[str],
    energy: NDArray[np.float64],
    sweep: Sequence[Sequence[SchemeResult]],
    found: Sequence[tuple[str, str, float]],
    image: Path,
) -> None:
    """Draw energy per cycle, and the share of missed deadlines, over the mean time."""
    figure, axes = new_figure(8, 6.4, rows=2, sharex=True, height_ratios=(2, 1))
    missed = np.array([[100 * item.emulation.missed / item.emulation.demands for item in results]
                       for results in sweep])  # fmt: skip
    for axis, values in ((axes[0, 0], 1e12 * energy), (axes[1, 0], missed)):
        for title, column, (colour, line) in zip(titles, values.T, LOOKS, strict=False):
            axis.plot(1e3 * MEAN_TIMES, column, line, color=colour, label=title, linewidth=1.6)
        axis.grid(alpha=0.3)
    for first, _, mean in found:
        column = 1e12 * energy[:, titles.index(first)]
        at = np.interp(np.log(mean), np.log(MEAN_TIMES), column)
        axes[0, 0].plot(1e3 * mean, at, "o", color="black", fillstyle="none", markersize=8)
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_ylim(0.9e12 * energy.min(), 2e12 * energy[-1].max())
    axes[0, 0].set_ylabel("energy per cycle [pJ]")
    axes[0, 0].set_title(f"{name}: random demands; circles: where schemes cross", fontsize=10)
    axes[0, 0].legend(fontsize=9)
    axes[1, 0].set_ylabel("demands missed [%]")
    axes[1, 0].set_xlabel("mean time between changes of demand [ms]")
    save_figure(figure, image)
    print(f"\n{image}")


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument(
        "run", nargs="?", type=Path, default=ROOT / "runs" / "demo", help="finished run folder"
    )
    parser.add_argument(
        "--image", type=Path, default=ROOT / "docs" / "images" / "dvfs_emulation.png",
        help="picture to write",
    )  # fmt: skip
    given = parser.parse_args()
    with faults_through(parser):
        main(given.run, given.image)
