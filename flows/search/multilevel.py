"""Accuracy at levels of a class hierarchy, and what it allows to save (dissertation Table 3.13)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError
from voltile.flows.search.greedy import Assignment, assignment
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
    known : dict
        Accuracies at the levels by the bytes of a setting, as far as they are known.

    Raises
    ------
    VoltileError
        When a label is no output of the network.
    """

    evaluate: Evaluate
    labels: IntArray
    cuts: tuple[Cut, ...]
    known: dict[bytes, FloatArray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        outputs = min(len(cut.group) for cut in self.cuts)
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= outputs))
        if len(wrong):
            raise VoltileError(
                f"labels must be from 0 to {outputs - 1}, not {self.labels[wrong[0]]} (input "
                f"{wrong[0] + 1})"
            )

    def __call__(self, settings: IntArray) -> FloatArray:
        """Return the accuracy of settings at every level, shape (settings, levels)."""
        unseen = {item.tobytes(): item for item in settings if item.tobytes() not in self.known}
        if unseen:
            logits = finite_logits(self.evaluate, np.array(list(unseen.values())))
            expected = (len(self.labels), len(self.cuts[0].group))
            if logits.shape[1:] != expected:
                raise VoltileError(
                    f"the network has outputs of shape {logits.shape[1:]}; labels and hierarchy "
                    f"have {expected[0]} inputs and {expected[1]} classes"
                )
            self.known.update(zip(unseen, map(self._of, logits), strict=True))
        return np.stack([self.known[item.tobytes()] for item in settings])

    def _of(self, logits: NDArray[np.floating]) -> FloatArray:
        probabilities = softmax(logits)
        return np.array(
            [top_1(probabilities @ cut.matrix, cut.group[self.labels]) for cut in self.cuts]
        )

    @property
    def evaluations(self) -> int:
        """Settings that were evaluated."""
        return len(self.known)


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
    progress: Callable[[int, int], None] = lambda done, total: None,
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
    progress : callable
        Is told after evaluations how many assignments of how many are done.

    Returns
    -------
    list of TableRow
        By level, then by target.
    """
    full = np.zeros(len(effort), np.int64)
    [reached] = (test or calibration)(full[None])
    highest = float(total_energy(effort, full))
    tried = [
        (number, target)
        for number in range(len(calibration.cuts))
        for target in sorted(set(targets or reached.tolist()))
        if targets or target <= reached[number]
    ]
    assigned = _assigned(calibration, effort, tried, progress)
    tested = test(np.array([item.setting for item in assigned])) if test else None
    rows = []
    for row, ((number, target), found) in enumerate(zip(tried, assigned, strict=True)):
        cut = calibration.cuts[number]
        shares = np.bincount(found.setting, macs, effort.shape[1]) / macs.sum()
        rows.append(
            TableRow(
                cut.level, len(cut.classes), target, found.accuracy,
                np.nan if tested is None else float(tested[row, number]),
                found.effort, 1 - found.effort / highest, tuple(shares.tolist()),
                found.setting, found.met,
            )
        )  # fmt: skip
    return rows


def _assigned(
    calibration: LevelAccuracy,
    effort: FloatArray,
    tried: Sequence[tuple[int, float]],
    progress: Callable[[int, int], None],
) -> list[Assignment]:
    """Return an assignment per level and target; those under way are evaluated together."""
    runs = [assignment(effort, target) for _, target in tried]
    asked = {place: next(run) for place, run in enumerate(runs)}
    found: dict[int, Assignment] = {}
    while asked:
        reached = calibration(np.array(list(asked.values())))
        for place, accuracies in zip(list(asked), reached, strict=True):
            try:
                asked[place] = runs[place].send(float(accuracies[tried[place][0]]))
            except StopIteration as end:
                found[place] = end.value
                del asked[place]
        progress(len(found), len(tried))
    return [found[place] for place in range(len(runs))]
