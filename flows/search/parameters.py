"""What the genetic search is told (dissertation Table 3.5)."""

from dataclasses import asdict, dataclass
from typing import Any

from voltile.core import VoltileError

MOST_POPULATION = 10_000
"""All of a population and its offspring are compared with each other, twice as many squared."""


@dataclass(frozen=True)
class SearchParameters:
    """What the search is told; defaults are those of Table 3.5.

    Attributes
    ----------
    population : int
        Settings of a population.
    evaluations : int
        At which it ends (maxeval).
    crossover_probability, mutation_probability : float
        Of a mating, and of a layer; the latter by default one over the number of layers.
    threshold : float
        KL divergence above which settings are penalised; infinite for NSGA-II without a penalty.
    resolution : float
        Of both objectives in epsilon-nondominated sorting, as a part of their range over the Pareto
        points that are sorted.
    seed : int
        Of all that is drawn.

    Raises
    ------
    VoltileError
        When one of them is out of range.
    """

    population: int = 100
    evaluations: int = 2000
    crossover_probability: float = 1.0
    mutation_probability: float | None = None
    threshold: float = 0.5
    resolution: float = 0.1
    seed: int = 0

    @property
    def of_populations(self) -> dict[str, Any]:
        """Those that populations depend on: all but the resolution, which chooses in the last."""
        return {name: value for name, value in asdict(self).items() if name != "resolution"}

    def __post_init__(self) -> None:
        mutation = self.mutation_probability
        for name, allowed, value, fits in (
            ("population", f"from 3 to {MOST_POPULATION}", self.population,
             3 <= self.population <= MOST_POPULATION),
            ("evaluations", f"at least the population of {self.population}", self.evaluations,
             self.evaluations >= self.population),
            ("crossover probability", "from 0 to 1", self.crossover_probability,
             0 <= self.crossover_probability <= 1),
            ("mutation probability", "from 0 to 1", mutation,
             mutation is None or 0 <= mutation <= 1),
            ("threshold", "positive", self.threshold, self.threshold > 0),
            ("resolution", "above 0 and at most 1", self.resolution, 0 < self.resolution <= 1),
            ("seed", "0 or more", self.seed, self.seed >= 0),
        ):  # fmt: skip
            if not fits:
                raise VoltileError(f"{name} must be {allowed}, not {value}")
