"""Algorithm 4 by hand and by its facts, and the table of levels and targets."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import Precision, VoltileError
from voltile.flows.search import LevelAccuracy, assign_precisions, multilevel_table
from voltile.sim import ClassHierarchy, operations

MACS = np.array([100, 300, 200])
EFFORT = operations(MACS, [0, 0, 0], tuple(Precision))


def loses(*losses):
    """Return an accuracy that falls by a sum over layers and precisions, and what it was asked."""
    asked = []

    def accuracy(setting):
        asked.append(tuple(setting.tolist()))
        return 1.0 - sum(loss[item] for loss, item in zip(losses, setting, strict=True))

    return accuracy, asked


def test_algorithm_4_step_by_step():
    """Efforts 400, 1200, 800 at first; target 0.9.

    Layer 1 (1200 to 600) keeps 0.95. Sorted 2 (800), 1 (600), 0 (400): layer 2 loses 0.2, back;
    layer 1 to half (300), 0.95 - 0.01 = 0.94. Layer 1 is left out: 2 loses again, 0 to mixed (200),
    0.91; begin anew: 2 loses, 0 to half loses (0.88), the end.
    """
    accuracy, asked = loses([0, 0.03, 0.06], [0, 0.05, 0.06], [0, 0.2, 0.2])
    found = assign_precisions(accuracy, EFFORT, 0.9)
    assert asked == [
        (0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 2, 0), (0, 2, 1), (1, 2, 0), (1, 2, 1), (2, 2, 0),
    ]  # fmt: skip
    assert found.setting.tolist() == [1, 2, 0]
    assert found.accuracy == pytest.approx(0.91)
    assert found.effort == 200 + 300 + 800
    assert found.met


def test_without_loss_all_layers_end_at_half_precision():
    found = assign_precisions(loses([0] * 3, [0] * 3, [0] * 3)[0], EFFORT, 1.0)
    assert found.setting.tolist() == [2, 2, 2]
    assert found.effort == MACS.sum()


def test_a_target_out_of_reach_leaves_full_precision():
    found = assign_precisions(loses([0, 0.1, 0.2], [0, 0.1, 0.2], [0, 0.1, 0.2])[0], EFFORT, 1.1)
    assert found.setting.tolist() == [0, 0, 0]
    assert not found.met


def test_steps_that_take_no_less_energy_are_passed_over():
    energy = np.array([[4.0, 5.0, 3.0], [2.0, 2.0, 2.0]])
    accuracy, asked = loses([0, 0, 0], [0, 0, 0])
    assert assign_precisions(accuracy, energy, 1.0).setting.tolist() == [2, 0]
    assert asked == [(0, 0), (2, 0)]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(0, 9)),
                min_size=1, max_size=6), st.integers(0, 20))  # fmt: skip
def test_accuracy_keeps_the_target_effort_falls_and_nothing_more_can_go(layers, margin):
    macs = np.array([item[0] for item in layers])
    effort = operations(macs, macs, tuple(Precision))
    losses = [(0, a / 100, (a + b) / 100) for _, a, b in layers]
    accuracy, asked = loses(*losses)
    target = 1.0 - margin / 100
    found = assign_precisions(accuracy, effort, target)
    assert found.met and found.accuracy >= target
    kept = [item for item in tuple(asked) if accuracy(np.array(item)) >= target]
    efforts = [sum(effort[n, p] for n, p in enumerate(item)) for item in kept]
    assert efforts == sorted(efforts, reverse=True)
    assert len(set(efforts)) == len(efforts)
    assert kept[-1] == tuple(found.setting.tolist())
    assert found.effort == efforts[-1]
    for layer in np.flatnonzero(found.setting < 2):
        further = found.setting.copy()
        further[layer] += 1
        assert accuracy(further) < target


# Outputs a1, a2, b1; the network sees each input as `logits` says, minus what low precision takes.
HIERARCHY = ClassHierarchy.from_edges([("a1", "a"), ("a2", "a"), ("b1", "b"), ("a", "all"),
                                       ("b", "all")])  # fmt: skip
OUTPUTS = ["a1", "a2", "b1"]
CUTS = tuple(HIERARCHY.cut(level, OUTPUTS) for level in (1, 2))
LABELS = np.array([0, 1, 2, 0])


class Network:
    """Mixes up a1 and a2 of the first inputs from low precision of layer 0 on, all with layer 1."""

    def __init__(self):
        self.asked = []

    def __call__(self, settings):
        self.asked += [tuple(item) for item in settings.tolist()]
        logits = np.zeros((len(settings), 4, 3))
        for out, setting in zip(logits, settings, strict=True):
            out[np.arange(4), LABELS] = 4.0
            if setting[0]:
                out[:2] = [[0, 4.0, 0], [4.0, 0, 0]]
            if setting[1]:
                out[:] = [0, 0, 4.0]
        return logits


def test_levels_are_more_tolerant_the_higher_they_are():
    accuracy = LevelAccuracy(Network(), LABELS, CUTS)
    found = accuracy(np.array([[0, 0], [2, 0], [0, 1], [2, 0]])).tolist()
    assert found == [[1.0, 1.0], [1.0, 0.5], [0.25, 0.25], [1.0, 0.5]], "a1, a2: same at level 1"
    assert accuracy.evaluations == 3


def test_classes_of_small_outputs_win_together():
    """Eq. 3.7: b1 has the greatest probability of an output, a has that of a class."""
    values = np.log([[[0.3, 0.3, 0.4]]])
    accuracy = LevelAccuracy(lambda settings: values, np.array([0]), CUTS)
    assert accuracy(np.array([[0]])).tolist() == [[1.0, 0.0]]


def test_the_table_has_rows_by_level_and_target():
    network, test = Network(), Network()
    calibration = LevelAccuracy(network, LABELS, CUTS)
    macs = np.array([30, 10])
    effort = operations(macs, [1, 1], tuple(Precision))
    rows = multilevel_table(
        calibration, effort, macs, [1.0, 0.5, 1.5], LevelAccuracy(test, LABELS, CUTS)
    )
    assert [(row.level, row.classes, row.target) for row in rows] == [
        (1, 2, 0.5), (1, 2, 1.0), (1, 2, 1.5), (2, 3, 0.5), (2, 3, 1.0), (2, 3, 1.5),
    ]  # fmt: skip
    assert [row.met for row in rows] == [True, True, False] * 2
    for row in (rows.pop(5), rows.pop(2)):
        assert row.setting.tolist() == [0, 0] and row.saving == 0
    assert [row.setting.tolist() for row in rows] == [[2, 0], [2, 0], [2, 0], [0, 0]]
    full = 4 * 40 + 4
    assert rows[0].saving == pytest.approx(3 * 30 / full)
    assert rows[0].effort == full - 3 * 30
    assert rows[0].mac_shares == (0.25, 0.0, 0.75)
    assert rows[0].difference == 0.5
    assert [row.test_accuracy for row in rows] == [1.0, 1.0, 0.5, 1.0]
    assert rows[3].saving == 0 and rows[3].met
    assert len(set(network.asked)) == len(network.asked) == calibration.evaluations
    assert set(test.asked) == {(0, 0), (2, 0)}


def test_settings_of_all_levels_and_targets_are_evaluated_together():
    """Both levels try layer 0 or 1 after full precision, each setting once: a call a step."""
    calls = []

    class Batched(Network):
        def __call__(self, settings):
            calls.append(settings.tolist())
            return super().__call__(settings)

    macs = np.array([30, 10])
    effort = operations(macs, [1, 1], tuple(Precision))
    done = []
    multilevel_table(
        LevelAccuracy(Batched(), LABELS, CUTS), effort, macs, [0.6, 1.0],
        progress=lambda *now: done.append(now),
    )  # fmt: skip
    # Level 1 keeps 1.0 with layer 0 at mixed, then half precision; level 2 has 0.5, and tries 1.
    assert calls == [[[0, 0]], [[1, 0]], [[2, 0], [0, 1]], [[2, 1]]]
    assert done[-1] == (4, 4) and done == sorted(done)


def test_targets_are_by_default_those_of_full_precision():
    class Worse(Network):
        def __call__(self, settings):
            return super().__call__(np.maximum(settings, [1, 0]))

    rows = multilevel_table(LevelAccuracy(Worse(), LABELS, CUTS), EFFORT[:2], MACS[:2])
    assert [(row.level, row.target) for row in rows] == [(1, 0.5), (1, 1.0), (2, 0.5)]
    for row in rows:
        assert np.isnan(row.test_accuracy)
        assert row.difference == row.calibration_accuracy - row.target


def test_level_accuracy_rejects_labels_outputs_and_nan():
    message = "labels must be from 0 to 2, not 3 (input 2)"
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        LevelAccuracy(Network(), np.array([0, 3]), CUTS)
    message = (
        "the network has outputs of shape (4, 3); labels and hierarchy have 2 inputs and 3 classes"
    )
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        LevelAccuracy(Network(), LABELS[:2], CUTS)(np.array([[0, 0]]))
    broken = LevelAccuracy(lambda settings: np.full((1, 4, 3), np.nan), LABELS, CUTS)
    with pytest.raises(VoltileError, match="^outputs of the network must be finite; of input 1 "):
        broken(np.array([[0, 0]]))


def test_assign_precisions_rejects_a_table():
    message = "effort must be positive and finite, not -1 (layer 1, precision 0)"
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        assign_precisions(lambda setting: 1.0, np.array([[2.0, 1], [-1, 1]]), 1.0)
