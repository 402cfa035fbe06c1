"""Crossovers for precision settings: hypervolumes that NSGA-II* reaches with each.

    python bench/search_crossover.py [--seeds 8]

Made networks, whose KL divergence is a sum over lowered layers and pairs of them, with
sensitivities and energies of layers spread over decades; parameters of Table 3.5. Prints, over
networks of several sizes, the mean hypervolume below the threshold as a part of that of all
settings, or where these are too many of that of the crossover that the search has.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover

from voltile.flows.search import (
    SearchParameters,
    exhaustive_front,
    exhaustive_points,
    generation,
    hypervolume,
    search,
)
from voltile.flows.search.exhaustive import MOST_SETTINGS
from voltile.flows.search.operators import SimplexCrossover

SIZES = ((9, 2), (14, 2), (50, 2), (8, 3), (40, 3))
Mix = Callable[[NDArray, np.random.Generator], NDArray]


def mixed(parents: int, mix: Mix) -> type[Crossover]:
    """Return a crossover of some parents that makes one child."""

    class Mixed(Crossover):
        def __init__(self, probability: float) -> None:
            super().__init__(n_parents=parents, n_offsprings=1, prob=probability)

        def _do(self, problem, X, random_state, **_):  # noqa: N803 (pymoo's name)
            return np.clip(mix(X, random_state), 0, int(problem.xu[0])).astype(np.int64)[None]

    return Mixed


def rounded(expansion: float) -> Mix:
    """Return a point of an expanded simplex, each layer rounded up or down by lot."""

    def mix(parents: NDArray, rng: np.random.Generator) -> NDArray:
        middle = parents.mean(axis=0)
        corners = middle + expansion * (parents - middle)
        shares = rng.dirichlet(np.ones(3), parents.shape[1])
        point = np.einsum("mp,pml->ml", shares, corners)
        return np.floor(point + rng.random(point.shape))

    return mix


def one_point(parents: NDArray, rng: np.random.Generator) -> NDArray:
    """Return the first layers of one parent and the others of the other."""
    cut = rng.integers(1, parents.shape[2], (parents.shape[1], 1))
    return np.where(np.arange(parents.shape[2]) < cut, *parents)


CROSSOVERS = {
    "simplex": SimplexCrossover,
    "simplex, rounded": mixed(3, rounded(1.0)),
    "simplex, expanded by 2, rounded": mixed(3, rounded(2.0)),
    "uniform": mixed(2, lambda x, rng: np.where(rng.random(x.shape[1:]) < 0.5, *x)),
    "one-point": mixed(2, one_point),
}


def made_network(layers: int, precisions: int, seed: int):
    """Return a divergence and energies [J]."""
    rng = np.random.default_rng(seed)
    alone = np.exp(rng.normal(-3.3, 1.2, layers))
    pairs = np.abs(rng.normal(0, 0.1, (layers, layers))) * np.sqrt(np.outer(alone, alone))
    energy = np.exp(rng.normal(0, 1, (layers, 1))) * 1e-6 * (1 - 0.3 * np.arange(precisions))
    return lambda items: items @ alone + np.einsum("ci,ij,cj->c", items, pairs, items), energy


def reached(layers: int, precisions: int, seed: int) -> float:
    """Return the hypervolume of a search, as a part of the reference where there is one."""
    divergence, energy = made_network(layers, precisions, seed)
    parameters = SearchParameters(seed=seed)
    corner = np.array([parameters.threshold, energy[:, 0].sum()])
    result = search(divergence, energy, parameters)
    area = hypervolume(result.seen.take(result.pareto).objectives, corner)
    if precisions**layers > MOST_SETTINGS:
        return area
    front = exhaustive_front(exhaustive_points(divergence, energy), parameters.threshold)
    return area / hypervolume(front.objectives, corner)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="made networks of each size")
    seeds = range(parser.parse_args().seeds)
    print("| crossover | " + " | ".join(f"{n} layers, {b} precisions" for n, b in SIZES) + " |")
    print("| --- " * (1 + len(SIZES)) + "|")
    own: dict[tuple[int, int], float] = {}
    for name, crossover in CROSSOVERS.items():
        generation.SimplexCrossover = crossover
        row = []
        for size in SIZES:
            mean = float(np.mean([reached(*size, seed) for seed in seeds]))
            small = size[1] ** size[0] <= MOST_SETTINGS
            row.append(mean if small else mean / own.setdefault(size, mean))
        print(f"| {name} | " + " | ".join(f"{item:.4f}" for item in row) + " |", flush=True)


if __name__ == "__main__":
    main()
