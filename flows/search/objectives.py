"""The two objectives of a precision setting: KL divergence and energy (Eq. 3.3, 3.5, 3.6)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.sim.classification import kl_divergence

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Evaluate = Callable[[IntArray], NDArray[np.floating]]
"""Settings, shape (candidates, layers), to logits, shape (candidates, inputs, classes)."""
Divergence = Callable[[IntArray], FloatArray]
"""Settings, shape (candidates, layers), to KL divergences, shape (candidates,)."""


def finite_logits(evaluate: Evaluate, settings: IntArray) -> NDArray[np.floating]:
    """Return the logits of settings.

    Raises
    ------
    VoltileError
        When one of them is not finite.
    """
    logits = evaluate(settings)
    finite = np.isfinite(logits).all(axis=-1)
    if not finite.all():
        candidate, item = np.argwhere(~finite)[0]
        raise VoltileError(
            f"outputs of the network must be finite; of input {item + 1} at precisions "
            f"{setting_text(settings[candidate])} they are not"
        )
    return logits


def setting_text(setting: IntArray) -> str:
    """Return a setting as digits, in the order of the layers."""
    return "".join(map(str, setting.tolist()))


def divergence_from_full(evaluate: Evaluate, layers: int) -> Divergence:
    """Return the KL divergence of settings from full precision, as a function.

    Raises
    ------
    VoltileError
        Here or in the function, when outputs are not finite.
    """
    full = finite_logits(evaluate, np.zeros((1, layers), np.int64))[0]

    def divergence(settings: IntArray) -> FloatArray:
        return kl_divergence(full, finite_logits(evaluate, settings))

    return divergence


def check_table(table: FloatArray, name: str = "energy") -> None:
    """Check a table of what layers take at each precision.

    Parameters
    ----------
    table : ndarray, shape (layers, precisions)
        Energy or effort.

    Raises
    ------
    VoltileError
        When it is no table of at least a layer and two precisions, or has a value that is not
        positive and finite.
    """
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise VoltileError(
            f"{name} must have a row per layer and two columns or more, one per precision, not the "
            f"shape {table.shape}"
        )
    faulty = ~(np.isfinite(table) & (table > 0))
    if faulty.any():
        layer, precision = np.argwhere(faulty)[0]
        raise VoltileError(
            f"{name} must be positive and finite, not {table[layer, precision]:g} (layer {layer}, "
            f"precision {precision})"
        )


def total_energy(energy: FloatArray, settings: IntArray) -> FloatArray:
    """Return the energy of an inference at settings [J], the sum over the layers (Eq. 3.5)."""
    return np.asarray(energy[np.arange(len(energy)), settings].sum(axis=-1), np.float64)


@dataclass
class Memory:
    """Objectives of every setting seen, each evaluated once.

    Attributes
    ----------
    divergence_of : callable
        Evaluates new settings, all in one call.
    energy_table : ndarray, shape (layers, precisions)
        [J].
    settings : ndarray of int, shape (seen, layers)
        In the order in which they were first seen.
    objectives : ndarray, shape (seen, 2)
        KL divergence, energy [J].
    """

    divergence_of: Divergence
    energy_table: FloatArray
    settings: IntArray
    objectives: FloatArray
    _row: dict[bytes, int] = field(init=False)

    def __post_init__(self) -> None:
        self._row = {setting.tobytes(): row for row, setting in enumerate(self.settings)}

    @classmethod
    def empty(cls, divergence: Divergence, energy: FloatArray) -> "Memory":
        """Return one that has seen nothing."""
        return cls(
            divergence, energy, np.empty((0, len(energy)), np.int64), np.empty((0, 2), np.float64)
        )

    def rows(self, settings: IntArray) -> IntArray:
        """Return where settings stand, after evaluating those not seen before."""
        unseen = {item.tobytes(): item for item in settings if item.tobytes() not in self._row}
        if unseen:
            new = np.array(list(unseen.values()))
            new_objectives = np.stack(
                [self.divergence_of(new), total_energy(self.energy_table, new)], axis=1
            )
            self._row |= {key: row for row, key in enumerate(unseen, len(self.settings))}
            self.settings = np.concatenate([self.settings, new])
            self.objectives = np.concatenate([self.objectives, new_objectives])
        return np.array([self._row[item.tobytes()] for item in settings], np.int64)
