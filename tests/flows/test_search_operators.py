"""Operators of the genetic search: what they keep, and how often they change what."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_divergence import made_divergence

pytest.importorskip("pymoo")

from pymoo.core.population import Population  # noqa: E402

from voltile.flows.search import SearchParameters  # noqa: E402
from voltile.flows.search.checkpoints import Progress  # noqa: E402
from voltile.flows.search.generation import Generation, penalised  # noqa: E402
from voltile.flows.search.objectives import Memory  # noqa: E402
from voltile.flows.search.operators import (  # noqa: E402
    RankedTournament,
    SimplexCrossover,
    mutation,
    precision_problem,
)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.6, 0.9]), st.integers(1, 4)),
                min_size=1, max_size=12))  # fmt: skip
def test_penalised_dominance_compares_penalties_first(items):
    given_objectives = np.array(items, np.float64)
    ordered = penalised(given_objectives, 0.5)
    for a, x in zip(given_objectives, ordered, strict=True):
        for b, y in zip(given_objectives, ordered, strict=True):
            penalty = [item[0] if item[0] > 0.5 else 0.0 for item in (a, b)]
            usual = (a <= b).all() and (a < b).any()
            first = penalty[0] < penalty[1] or (penalty[0] == penalty[1] and usual)
            assert ((x <= y).all() and (x < y).any()) == first


def test_penalised_leaves_what_is_within_the_threshold():
    objectives = np.array([[0.1, 3.0], [0.5, 2.0], [0.7, 1.0]])
    assert penalised(objectives, 0.5)[:2].tolist() == objectives[:2].tolist()
    assert penalised(objectives, np.inf).tolist() == objectives.tolist()


def test_members_of_a_population_know_their_rank():
    divergence, energy = made_divergence(12, 2, seed=3)
    state = Progress(Memory.empty(divergence, energy), np.random.default_rng(1))
    Generation((12, 2), SearchParameters(population=40, evaluations=80), state).advance()
    of_population = penalised(state.memory.objectives[state.populations[0]], 0.5)
    free = [not any((b <= a).all() and (b < a).any() for b in of_population) for a in of_population]
    assert (state.rank == 0).tolist() == free
    assert not all(free)


def test_tournaments_prefer_rank_then_crowding():
    population = Population.new(
        X=np.arange(4)[:, None],
        rank=np.array([1, 0, 0, 2]),
        crowding=np.array([9.0, 1.0, 5.0, 9.0]),
    )
    drawn = RankedTournament().do(
        None, population, 4000, 3, to_pop=False, random_state=np.random.default_rng(1)
    )
    assert drawn.shape == (4000, 3)
    share = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    # Of two drawn out of four with return, the k-th best wins in (2 (4 - k) + 1) / 16 of the cases.
    assert share[[2, 1, 0, 3]] == pytest.approx(np.array([7, 5, 3, 1]) / 16, abs=0.02)


def test_children_are_in_the_mean_in_the_middle_of_their_parents():
    parents = np.array([[0, 0, 2, 1], [0, 1, 0, 1], [0, 1, 1, 1]])
    together = np.repeat(parents[:, None], 6000, axis=1)
    children = SimplexCrossover(1.0)._do(None, together, random_state=np.random.default_rng(2))[0]
    assert children.mean(axis=0) == pytest.approx(parents.mean(axis=0), abs=0.03)
    assert (children[:, [0, 3]] == [0, 1]).all(), "what parents agree on stays"
    # Shares drawn evenly from a simplex are those of two layers at once: E[w^2] = 1/6 for each, so
    # both layers come from the same parent in half of the cases; were parents drawn by layer, 1/3.
    ends = children[:, 2] == 2  # from the first
    zeros = children[:, 1] == 0  # from the first, too
    assert (ends & zeros).mean() == pytest.approx(1 / 6, abs=0.02)


@pytest.mark.parametrize("precisions", [2, 3, 4])
def test_mutation_changes_layers_at_its_probability(precisions):
    problem = precision_problem(10, precisions)
    for start in range(precisions):
        population = Population.new(X=np.full((4000, 10), start))
        rng = np.random.default_rng(start)
        mutated = mutation(0.1, precisions).do(problem, population, random_state=rng).get("X")
        assert set(np.unique(mutated)) <= set(range(precisions))
        changed = (mutated != start).mean()
        if precisions == 2:
            assert changed == pytest.approx(0.1, abs=0.01)
        else:
            # Polynomial mutation may end where it began.
            assert 0.02 < changed < 0.1
            assert {start - 1, start + 1} & set(range(precisions)) <= set(np.unique(mutated))
