"""Where a search stands, in a file: arrays and JSON, nothing that is executed when it is read."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, write_atomically
from voltile.flows.search.objectives import Divergence, Memory
from voltile.flows.search.parameters import SearchParameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_VERSION = 2


@dataclass
class Progress:
    """Where a search stands.

    Attributes
    ----------
    memory : Memory
        Every setting seen.
    rng : numpy.random.Generator
        Of all that is drawn from here on.
    populations : list of ndarray of int
        Of every step, as rows of the memory.
    rank, crowding : ndarray, shape (population,)
        Of the last population, among all that it was chosen from.
    evaluations : int
        Those counted.
    """

    memory: Memory
    rng: np.random.Generator
    populations: list[IntArray] = field(default_factory=list)
    rank: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    crowding: FloatArray = field(default_factory=lambda: np.empty(0, np.float64))
    evaluations: int = 0


def write_checkpoint(
    path: Path, energy: FloatArray, parameters: SearchParameters, state: Progress
) -> None:
    """Write where a search stands; a write that fails leaves the file before."""
    text = json.dumps(
        {
            "version": _VERSION,
            "parameters": parameters.of_populations,
            "evaluations": state.evaluations,
            "random": state.rng.bit_generator.state,
        }
    )
    with write_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            text=np.array(text),
            energy=energy,
            settings=state.memory.settings,
            objectives=state.memory.objectives,
            populations=np.concatenate(state.populations),
            sizes=np.array([len(item) for item in state.populations]),
            rank=state.rank,
            crowding=state.crowding,
        )


def read_checkpoint(
    path: Path, energy: FloatArray, parameters: SearchParameters, divergence: Divergence
) -> Progress:
    """Read where a search stood.

    Raises
    ------
    VoltileError
        When the file is damaged, or of a search with other parameters, energies or divergences, of
        which the first is made again.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        text = json.loads(str(stored["text"]))
        if text["version"] != _VERSION:
            raise VoltileError(f"{path} is of version {text['version']}, not {_VERSION}; delete it")
        same = text["parameters"] == parameters.of_populations
        if not same or not np.array_equal(stored["energy"], energy):
            raise VoltileError(
                f"{path} is of a search with other parameters or energies; delete it to begin anew"
            )
        rng = np.random.default_rng()
        rng.bit_generator.state = text["random"]
        state = Progress(
            Memory(divergence, energy, stored["settings"], stored["objectives"]),
            rng,
            np.split(stored["populations"], np.cumsum(stored["sizes"])[:-1]),
            stored["rank"],
            stored["crowding"],
            text["evaluations"],
        )
        if not _is_whole(state, energy.shape, parameters.evaluations):
            raise ValueError
    except (
        OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, RecursionError,
        zipfile.BadZipFile,
    ):  # fmt: skip
        raise VoltileError(f"{path} is no whole checkpoint; delete it to begin anew") from None
    first = state.memory
    if not np.allclose(divergence(first.settings[:1]), first.objectives[:1, 0], rtol=1e-6):
        raise VoltileError(
            f"{path} is of a search with another network or calibration set; delete it to begin "
            "anew"
        )
    return state


def _is_whole(state: Progress, shape: tuple[int, ...], most: int) -> bool:
    """Whether arrays fit each other, layers and precisions, and up to `most` evaluations."""
    settings, objectives = state.memory.settings, state.memory.objectives
    rows, last = np.concatenate(state.populations), state.populations[-1].shape
    return (
        all(item.dtype.kind == "i" for item in (settings, rows, state.rank))
        and settings.shape == (len(objectives), shape[0])
        and objectives.shape[1:] == (2,)
        and bool(((settings >= 0) & (settings < shape[1])).all())
        and bool(np.isfinite(objectives).all())
        and bool(((rows >= 0) & (rows < len(settings))).all())
        and last == state.rank.shape == state.crowding.shape != (0,)
        and len(settings) <= state.evaluations <= most
    )
