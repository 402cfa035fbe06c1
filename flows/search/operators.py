"""Operators of the genetic search, as pymoo takes them: tournament, crossover, mutation.

pymoo is imported with this file: import it where it is needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem
from pymoo.core.selection import Selection
from pymoo.operators.mutation.bitflip import BitflipMutation
from pymoo.operators.mutation.pm import PolynomialMutation

IntArray = NDArray[np.int64]

# At the index of 20 that is usual for real numbers, one of three precisions hardly ever becomes
# another; this is the one that pymoo's documentation has for integers.
_DISTRIBUTION_INDEX = 3.0


def precision_problem(layers: int, precisions: int) -> Problem:
    """Return the space of settings.

    Bounds are half a step beyond the precisions, so that in rounding each is as wide as any.
    """
    return Problem(n_var=layers, n_obj=2, xl=-0.5, xu=precisions - 0.5)


class RankedTournament(Selection):  # type: ignore[misc]
    """Binary tournaments by rank, then by the greater crowding distance, then by lot."""

    def _do(
        self, _: Any, pop: Any, n_select: int, n_parents: int, random_state: Any, **__: Any
    ) -> IntArray:
        lot = random_state.random(len(pop))
        order = np.lexsort((lot, -pop.get("crowding"), pop.get("rank")))
        # Rivals are drawn by their places in that order, so the lower number wins.
        rivals = random_state.integers(len(pop), size=(n_select, n_parents, 2))
        return np.asarray(order[rivals.min(axis=2)], np.int64)


class SimplexCrossover(Crossover):  # type: ignore[misc]
    """A point of the simplex of three parents, in whole precisions.

    Simplex crossover (Tsutsui) draws the child evenly from the simplex that its parents span, and
    is made for real numbers. Of whole ones, the point's barycentric coordinates are the chances of
    each parent to hand down the precision of a layer, so that the mean child is the point that was
    drawn; a layer in which parents agree stays as it is. The simplex is not expanded, as precisions
    have nothing beyond their ends. Rounding the point instead, also of an expanded simplex, finds
    less (`bench/search_crossover.py`).

    References
    ----------
    S. Tsutsui, M. Yamamura, T. Higuchi: Multi-parent recombination with simplex crossover in real
    coded genetic algorithms, Genetic and Evolutionary Computation Conference, 1999.
    """

    def __init__(self, probability: float) -> None:
        super().__init__(n_parents=3, n_offsprings=1, prob=probability)

    def _do(self, _: Any, X: IntArray, random_state: Any, **__: Any) -> IntArray:  # noqa: N803
        _, matings, layers = X.shape
        shares = random_state.dirichlet(np.ones(3), (matings, 1)).cumsum(axis=-1)
        drawn = random_state.random((matings, layers, 1))
        parent = (drawn >= shares[..., :2]).sum(axis=-1)
        return np.asarray(np.take_along_axis(X, parent[None], axis=0), np.int64)


class _Bitflip(BitflipMutation):  # type: ignore[misc]
    """pymoo's, on integers."""

    def _do(self, problem: Problem, X: IntArray, **options: Any) -> IntArray:  # noqa: N803
        return np.asarray(super()._do(problem, X.astype(bool), **options), np.int64)


class _Polynomial(PolynomialMutation):  # type: ignore[misc]
    """pymoo's, rounded to integers."""

    def _do(self, problem: Problem, X: IntArray, **options: Any) -> IntArray:  # noqa: N803
        mutated = np.rint(super()._do(problem, X, **options))
        return np.asarray(np.clip(mutated, problem.xl + 0.5, problem.xu - 0.5), np.int64)


def mutation(probability: float, precisions: int) -> Mutation:
    """Return the mutation of a layer's precision: bitflip of two, polynomial of more."""
    if precisions == 2:
        return _Bitflip(prob=1.0, prob_var=probability)
    return _Polynomial(prob=1.0, prob_var=probability, eta=_DISTRIBUTION_INDEX)
