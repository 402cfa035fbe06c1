"""Vdd selection: what it costs for the whole frequency curve, and how far from the optimum it is.

Of every interval of both widths: seconds that Algorithm 5 takes, and with the search behind it;
and the mean power above the least of all assignments, at the frequencies of the curve that the
interval serves. Meshes of at most 3 x 3 tiles are enumerated; of finer ones the search is the least
that is known.
"""

import itertools
import time
from collections.abc import Sequence

import numpy as np
from prepared import PREPARED, faults_through, parser_of, prepared

from voltile.floorplan import select_vdd
from voltile.flows import RunResult
from voltile.power import IntervalResult, PowerModel, TileStates, evaluate_interval

HEAD = (
    "| tiles | interval [V] | Algorithm 5 [s] | and search [s] | states kept "
    "| frequencies | Algorithm 5 above the least | search above the least | search at the least |"
)


def main(name: str, meshes: Sequence[int]) -> None:
    """Print a row per mesh and interval."""
    result = prepared(name, tuple(meshes))
    print(HEAD + "\n" + "| --- " * (HEAD.count("|") - 1) + "|")
    span = result.technology.vdds[0], result.technology.vdds[-1]
    for n in meshes:
        for count in (2, 4):
            levels = np.round(np.linspace(*span, count + 1), 6).tolist()
            below = 0.0
            for ends in itertools.pairwise(levels):
                below = row(result, n, ends, below)


def row(result: RunResult, n: int, ends: tuple[float, float], below: float) -> float:
    """Print the row of an interval; return its reach, where that of the next one begins."""
    layout, bias = result.layouts[n], result.bias
    libraries = layout.libraries(ends, bias)
    design = layout.tile_timer(libraries, bias)
    model = PowerModel(layout.graph.netlist, layout.tree, result.activity, libraries.libraries,
                       libraries.mixed_supply, libraries.leakage_corner)  # fmt: skip
    start = time.perf_counter()
    plan = select_vdd(design)
    plain = time.perf_counter() - start
    served = result.frequency[(result.frequency > below) & (result.frequency <= plan.reach)]
    start = time.perf_counter()
    found = evaluate_interval(design, model, served, search=True)
    searched = time.perf_counter() - start
    tiles = n * n
    least = enumerated(TileStates(design, model), served) if n <= 3 else at_best(found, served)
    published = np.array([power(found, found.published(item), item) for item in served])
    best = at_best(found, served)
    kept = f"{len(found.period)} of {2**tiles}" if n <= 3 else f"{len(found.period)}"
    print(f"| {n} x {n} | {ends[0]:.2f}-{ends[1]:.2f} | {plain:.2f} | {searched:.2f} | {kept} | "
          f"{len(served)} | {np.mean(published / least - 1):.2%} | {np.mean(best / least - 1):.2%} "
          f"| {np.sum(best <= least * (1 + 1e-9))} of {len(served)} |", flush=True)  # fmt: skip
    return float(plan.reach)


def at_best(found: IntervalResult, frequency: np.ndarray) -> np.ndarray:
    """Return the least power that was found at each frequency [W]."""
    return np.array([power(found, found.best(item), item) for item in frequency])


def power(found: IntervalResult, state: int, frequency: float) -> float:
    """Return the power of a state [W]."""
    return float(frequency * found.energy[state] + found.leakage[state])


def enumerated(states: TileStates, frequency: np.ndarray) -> np.ndarray:
    """Return the least power of all assignments at each frequency [W]."""
    least = np.full(len(frequency), np.inf)
    for bits in itertools.product((False, True), repeat=states.tiles):
        is_high = np.array(bits)
        for number, item in enumerate(frequency):
            if states.meets(is_high, item):
                least[number] = min(least[number], states.power(is_high, item))
    return least


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("design", nargs="?", choices=PREPARED, default="cv32e40p")
    parser.add_argument("--tiles", nargs="+", type=int, default=[2, 3, 7], metavar="N")
    given = parser.parse_args()
    with faults_through(parser):
        main(given.design, given.tiles)
