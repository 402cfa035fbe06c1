"""A step of NSGA-II*: offspring, their objectives, the next population.

pymoo is imported with this file: import it where it is needed.
"""

import numpy as np
from numpy.typing import NDArray
from pymoo.core.duplicate import DefaultDuplicateElimination
from pymoo.core.mating import Mating
from pymoo.core.population import Population
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from voltile.flows.search.checkpoints import Progress
from voltile.flows.search.operators import (
    RankedTournament,
    SimplexCrossover,
    mutation,
    precision_problem,
)
from voltile.flows.search.parameters import SearchParameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def penalised(objectives: FloatArray, threshold: float) -> FloatArray:
    """Return objectives whose plain dominance is dominance by penalty first.

    Settings above the threshold get, instead of their energy, one that is above all others and
    rises with the KL divergence and, where that is equal, with the energy.
    """
    ordered = objectives.copy()
    above = objectives[:, 0] > threshold
    distinct, place = np.unique(objectives[above], axis=0, return_inverse=True)
    ordered[above, 1] = objectives[:, 1].max() * (2.0 + np.arange(len(distinct)))[place.ravel()]
    return ordered


class Generation:
    """Steps from one population to the next."""

    def __init__(
        self, shape: tuple[int, ...], parameters: SearchParameters, state: Progress
    ) -> None:
        self.layers, self.precisions = shape
        self.parameters = parameters
        self.state = state
        self.problem = precision_problem(self.layers, self.precisions)
        per_layer = parameters.mutation_probability
        self.mating = Mating(
            RankedTournament(),
            SimplexCrossover(parameters.crossover_probability),
            mutation(1 / self.layers if per_layer is None else per_layer, self.precisions),
            eliminate_duplicates=DefaultDuplicateElimination(),
        )

    def advance(self) -> bool:
        """Make the next population; return False when there is none to make.

        That is when all evaluations are spent, or matings give nothing that the population has not.
        """
        state, parameters = self.state, self.parameters
        size = min(parameters.population, parameters.evaluations - state.evaluations)
        if size <= 0:
            return False
        if not state.populations:
            drawn = state.rng.integers(self.precisions, size=(size, self.layers))
            new, old = drawn, np.empty(0, np.int64)
        else:
            new, old = self._offspring(size), state.populations[-1]
        if not len(new):
            return False
        state.evaluations += len(new)
        rows = np.unique(np.concatenate([old, state.memory.rows(new)]))
        self._survive(rows)
        return True

    def _offspring(self, size: int) -> IntArray:
        state = self.state
        parents = Population.new(
            X=state.memory.settings[state.populations[-1]], rank=state.rank, crowding=state.crowding
        )
        mated = self.mating(self.problem, parents, size, random_state=state.rng)
        return np.asarray(mated.get("X"), np.int64).reshape(-1, self.layers)

    def _survive(self, rows: IntArray) -> None:
        state = self.state
        objectives = penalised(state.memory.objectives[rows], self.parameters.threshold)
        survivors = RankAndCrowding().do(
            self.problem,
            Population.new(X=rows[:, None], F=objectives),
            n_survive=self.parameters.population,
            random_state=state.rng,
        )
        state.populations.append(survivors.get("X")[:, 0])
        state.rank = np.array(survivors.get("rank"), np.int64)
        state.crowding = np.array(survivors.get("crowding"), np.float64)
