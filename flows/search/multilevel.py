"""Accuracy at levels of a class hierarchy, and what it allows to save (dissertation Table 3.13)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.flows.search.greedy import assign_precisions
from voltile.flows.search.objectives import Evaluate, finite_logits, total_energy
from voltile.sim.classification import softmax, top_1
from voltile.sim.hierarchy import Cut

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LevelAccuracy:
    """Top-1 accuracy of settings at levels of a hierarchy, each setting evaluated once.

    Attributes
    ----------
    evaluate : callable
        The network on its inputs.
    labels : ndarray of int, shape (inputs,)
        Output that is right for each input.
    cuts : tuple of Cut
        A cut per level.

    Raises
    ------
    VoltileError
        When a label is no output of the network.
    """

    evaluate: Evaluate
    labels: IntArray
    cuts: tuple[Cut, ...]
    _known: dict[bytes, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        outputs = min(len(cut.group) for cut in self.cuts)
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= outputs))
        if len(wrong):
            raise VoltileError(
                f"labels must be from 0 to {outputs - 1}, not {self.labels[wrong[0]]} (input "
                f"{wrong[0] + 1})"
            )

    def __call__(self, setting: IntArray) -> FloatArray:
        """Return the accuracy of a setting at every level, shape (levels,)."""
        key = setting.tobytes()
        if key not in self._known:
            logits = finite_logits(self.evaluate, setting[None])[0]
            expected = (len(self.labels), len(self.cuts[0].group))
            if logits.shape != expected:
                raise VoltileError(
                    f"the network has outputs of shape {logits.shape}; labels and hierarchy have "
                    f"{expected[0]} inputs and {expected[1]} classes"
                )
            probabilities = softmax(logits)
            self._known[key] = np.array(
                [top_1(probabilities @ cut.matrix, cut.group[self.labels]) for cut in self.cuts]
            )
        return self._known[key]

    def at(self, number: int, setting: IntArray) -> float:
        """Return the accuracy of a setting at one of the levels, by its number among the cuts."""
        return float(self(setting)[number])

    @property
    def evaluations(self) -> int:
        """Settings that were evaluated."""
        return len(self._known)


@dataclass(frozen=True)
class TableRow:
    """What a target accuracy at a level allows.

    Attributes
    ----------
    level, classes : int
        L, and the number of its classes.
    target : float
        Accuracy asked for on the calibration set.
    calibration_accuracy, test_accuracy : float
        Of the setting; the latter NaN without a test set.
    effort, saving : float
        Of the setting, and as a part of the effort at full precision what it saves.
    mac_shares : tuple of float
        Part of the MACs at each precision.
    setting : ndarray of int, shape (layers,)
        The precisions.
    met : bool
        Whether the calibration accuracy is the target or more.
    """

    level: int
    classes: int
    target: float
    calibration_accuracy: float
    test_accuracy: float
    effort: float
    saving: float
    mac_shares: tuple[float, ...]
    setting: IntArray
    met: bool

    @property
    def difference(self) -> float:
        """Accuracy above the target: of the test set, without one of the calibration set."""
        known = not np.isnan(self.test_accuracy)
        return (self.test_accuracy if known else self.calibration_accuracy) - self.target


def multilevel_table(
    calibration: LevelAccuracy,
    effort: FloatArray,
    macs: IntArray,
    targets: Sequence[float] = (),
    test: LevelAccuracy | None = None,
) -> list[TableRow]:
    """Assign precisions for every level and target (Algorithm 4), as in Table 3.13.

    Parameters
    ----------
    calibration, test : LevelAccuracy
        The network on the set that precisions are assigned with, and on another with the same cuts.
    effort : ndarray, shape (layers, precisions)
        Operations (Eq. 3.9), or energy [J].
    macs : ndarray of int, shape (layers,)
        MACs of the layers.
    targets : sequence of float
        Each is tried at every level. By default the accuracies of all levels at full precision, on
        the test set if there is one, at the levels that reach them.

    Returns
    -------
    list of TableRow
        By level, then by target.
    """
    full = np.zeros(len(effort), np.int64)
    reached = (test or calibration)(full)
    highest = float(total_energy(effort, full))
    rows = []
    for number, cut in enumerate(calibration.cuts):
        for target in sorted(set(targets or reached.tolist())):
            if not targets and target > reached[number]:
                continue
            found = assign_precisions(partial(calibration.at, number), effort, target)
            shares = np.bincount(found.setting, macs, effort.shape[1]) / macs.sum()
            rows.append(
                TableRow(
                    cut.level, len(cut.classes), target, found.accuracy,
                    test.at(number, found.setting) if test else np.nan,
                    found.effort, 1 - found.effort / highest, tuple(shares.tolist()),
                    found.setting, found.met,
                )
            )  # fmt: skip
    return rows
