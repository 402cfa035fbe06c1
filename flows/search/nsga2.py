"""NSGA-II* (dissertation Algorithm 2): precision settings of little KL divergence and energy.

NSGA-II with a penalty that comes before dominance. The penalty of a setting is its KL divergence
where that is above the threshold, else zero. Of two settings that of the lower penalty dominates,
at equal penalties the usual rule holds; ranks, and by them tournaments and the choice of the next
population, follow from that.

An evaluation is what Algorithm 2 counts: every setting of the first population and every offspring,
also one that was seen before and is looked up. Offspring that equal a member of the population or
each other are mated anew, and not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import ProgramError
from voltile.flows.search.checkpoints import Progress, read_checkpoint, write_checkpoint
from voltile.flows.search.fronts import epsilon_front, pareto_front
from voltile.flows.search.objectives import Divergence, Memory, check_table
from voltile.flows.search.parameters import SearchParameters
from voltile.sim.precision_points import PrecisionPoints

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class SearchResult:
    """What a search saw and what it chose.

    Attributes
    ----------
    seen : PrecisionPoints
        Every setting that was evaluated, once.
    populations : tuple of ndarray of int
        Of every step, the first the random one (Fig. 3.9), as numbers of `seen`.
    pareto, chosen : ndarray of int
        Pareto points of the last population, and those left by epsilon-nondominated sorting, from
        the least KL divergence on, as numbers of `seen`.
    within_threshold : bool
        Whether they meet the threshold of the KL divergence; when none does, all are above it.
    evaluations : int
        Those counted.
    """

    seen: PrecisionPoints
    populations: tuple[IntArray, ...]
    pareto: IntArray
    chosen: IntArray
    within_threshold: bool
    evaluations: int

    @property
    def points(self) -> PrecisionPoints:
        """The chosen settings."""
        return self.seen.take(self.chosen)


def search(
    divergence: Divergence,
    energy: FloatArray,
    parameters: SearchParameters,
    checkpoint: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> SearchResult:
    """Search for settings of little KL divergence and energy.

    Parameters
    ----------
    divergence : callable
        Evaluates settings that were not seen before, up to a population at a time.
    energy : ndarray, shape (layers, precisions)
        [J].
    parameters : SearchParameters
        How to search.
    checkpoint : Path, optional
        File that is written after every step; when it exists, the search goes on from it, and ends
        bit by bit as one that was not interrupted.
    progress : callable
        Is told the number of evaluations after every step.

    Raises
    ------
    ProgramError
        When pymoo is missing.
    VoltileError
        When the energy is no table, or the checkpoint is damaged or of another search or network.
    """
    try:
        from voltile.flows.search.generation import Generation
    except ImportError:
        raise ProgramError(
            "the search needs the package 'pymoo'; try: pip install 'voltile[search]'"
        ) from None
    check_table(energy)
    if checkpoint is not None and checkpoint.exists():
        state = read_checkpoint(checkpoint, energy, parameters, divergence)
    else:
        rng = np.random.default_rng(parameters.seed)
        state = Progress(Memory.empty(divergence, energy), rng)
    generation = Generation(energy.shape, parameters, state)
    while generation.advance():
        if checkpoint is not None:
            write_checkpoint(checkpoint, energy, parameters, state)
        progress(state.evaluations)
    return _result(state, parameters)


def _result(state: Progress, parameters: SearchParameters) -> SearchResult:
    memory, last = state.memory, state.populations[-1]
    within = last[memory.objectives[last, 0] <= parameters.threshold]
    candidates = within if len(within) else last
    pareto = candidates[pareto_front(memory.objectives[candidates])]
    objectives = memory.objectives[pareto]
    chosen = pareto[epsilon_front(objectives, parameters.resolution * np.ptp(objectives, axis=0))]
    return SearchResult(
        PrecisionPoints(memory.settings, memory.objectives[:, 1], memory.objectives[:, 0]),
        tuple(state.populations),
        pareto,
        chosen,
        bool(len(within)),
        state.evaluations,
    )
