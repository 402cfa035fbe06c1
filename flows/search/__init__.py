"""Searches for precision settings: operating points of adaptive ConvNets (dissertation 3.3, 3.4).

A precision setting is an integer per layer, 0 for full precision (`core.precision`). Networks come
as callables from settings to logits, energies as arrays [J] over layers and precisions.

Public names
------------
search, SearchParameters, SearchResult : NSGA-II* (Algorithm 2).
divergence_from_full : its first objective, from a network's logits.
exhaustive_points, exhaustive_front : all settings of a small network.
pareto_front, epsilon_front, hypervolume : fronts of two objectives.
pareto_front_of_three : those of three.
assign_precisions, Assignment : the greedy assignment for a target accuracy (Algorithm 4).
LevelAccuracy, multilevel_table, TableRow : accuracies at levels of a hierarchy; Table 3.13.
"""

from voltile.flows.search.exhaustive import exhaustive_front, exhaustive_points
from voltile.flows.search.fronts import (
    epsilon_front,
    hypervolume,
    pareto_front,
    pareto_front_of_three,
)
from voltile.flows.search.greedy import Assignment, assign_precisions
from voltile.flows.search.multilevel import LevelAccuracy, TableRow, multilevel_table
from voltile.flows.search.nsga2 import SearchResult, search
from voltile.flows.search.objectives import divergence_from_full
from voltile.flows.search.parameters import SearchParameters

__all__ = [
    "Assignment",
    "LevelAccuracy",
    "SearchParameters",
    "SearchResult",
    "TableRow",
    "assign_precisions",
    "divergence_from_full",
    "epsilon_front",
    "exhaustive_front",
    "exhaustive_points",
    "hypervolume",
    "multilevel_table",
    "pareto_front",
    "pareto_front_of_three",
    "search",
]
