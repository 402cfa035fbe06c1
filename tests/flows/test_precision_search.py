"""NSGA-II*: against all settings, by its rules, and over interruptions."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from made_divergence import Counted, made_divergence

from voltile.core import ProgramError, VoltileError
from voltile.flows.search import (
    SearchParameters,
    divergence_from_full,
    exhaustive_front,
    exhaustive_points,
    hypervolume,
    pareto_front,
    search,
)

pytest.importorskip("pymoo")

SMALL = SearchParameters(population=20, evaluations=200, seed=3)


def assert_same(one, other):
    assert one.seen.settings.tobytes() == other.seen.settings.tobytes()
    assert one.seen.objectives.tobytes() == other.seen.objectives.tobytes()
    for a, b in zip(one.populations, other.populations, strict=True):
        assert a.tolist() == b.tolist()
    assert one.pareto.tolist() == other.pareto.tolist()
    assert one.chosen.tolist() == other.chosen.tolist()
    assert (one.evaluations, one.within_threshold) == (other.evaluations, other.within_threshold)


def test_defaults_are_those_of_table_3_5():
    known = SearchParameters()
    assert (known.population, known.evaluations, known.crossover_probability) == (100, 2000, 1)
    assert (known.threshold, known.resolution) == (0.5, 0.1)
    assert known.mutation_probability is None, "1/L"


@pytest.mark.parametrize(("layers", "precisions"), [(9, 2), (13, 2), (7, 3)])
def test_search_comes_near_the_front_of_all_settings(layers, precisions):
    divergence, energy = made_divergence(layers, precisions, seed=layers)
    result = search(divergence, energy, SearchParameters())
    front = exhaustive_front(exhaustive_points(divergence, energy), 0.5)
    reference = np.array([0.5, energy[:, 0].sum()])
    found = hypervolume(result.seen.take(result.pareto).objectives, reference)
    assert 0.98 <= found / hypervolume(front.objectives, reference) <= 1 + 1e-12
    assert result.within_threshold
    assert len(result.populations) == 20, "Fig. 3.9: steps 1 to 20"
    assert result.evaluations == 2000


def test_a_setting_is_evaluated_once_and_counted_each_time():
    divergence, energy = made_divergence(8, 2, seed=1)
    asked = Counted(divergence)
    done = []
    result = search(asked, energy, SMALL, progress=done.append)
    assert len(set(asked.asked)) == len(asked.asked) == len(result.seen)
    assert done == list(range(20, 201, 20))
    assert len(result.seen) < result.evaluations == 200
    assert result.seen.divergence == pytest.approx(divergence(result.seen.settings), rel=1e-12)
    expected = [sum(energy[layer, item] for layer, item in enumerate(setting))
                for setting in result.seen.settings]  # fmt: skip
    assert result.seen.energy == pytest.approx(expected)


def test_the_last_step_takes_the_evaluations_that_are_left():
    divergence, energy = made_divergence(16, 2, seed=1)
    result = search(divergence, energy, replace(SMALL, evaluations=50))
    assert result.evaluations == 50
    assert len(result.populations) == 3


def test_populations_hold_different_settings_and_never_lose_their_best():
    divergence, energy = made_divergence(16, 2, seed=2)
    result = search(divergence, energy, SMALL)
    least = [result.seen.divergence[item].min() for item in result.populations]
    assert (np.diff(least) <= 0).all()
    assert all(len(set(item.tolist())) == len(item) == 20 for item in result.populations)


def test_the_front_is_of_the_last_population_and_within_the_threshold():
    divergence, energy = made_divergence(14, 2, seed=5)
    result = search(divergence, energy, SMALL)
    last = result.populations[-1]
    within = last[result.seen.divergence[last] <= 0.5]
    expected = within[pareto_front(result.seen.objectives[within])]
    assert result.pareto.tolist() == expected.tolist()
    assert set(result.chosen) <= set(result.pareto)
    # Boxes of a tenth of the range of Pareto points: a front passes 21 of them at most.
    size = np.ptp(result.seen.objectives[expected], axis=0) / 10
    low = result.seen.objectives[expected].min(axis=0)
    boxes = np.floor((result.points.objectives - low) / size)
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert 3 <= len(boxes) <= 11


def test_the_penalty_leads_to_little_divergence():
    """As in Fig. 3.8 and 3.9: without it the search stays at the divergence of random settings."""
    divergence, energy = made_divergence(54, 2, seed=4)
    with_penalty = search(divergence, energy, SearchParameters(seed=1))
    without = search(divergence, energy, SearchParameters(seed=1, threshold=np.inf))
    last = with_penalty.populations[-1]
    assert with_penalty.seen.divergence[last].max() <= 0.5, "all, of a first population with none"
    assert with_penalty.seen.divergence[with_penalty.populations[0]].min() > 0.5
    last = without.populations[-1]
    assert np.median(without.seen.divergence[last]) > 1.0
    assert without.points.divergence.min() > 0.5
    assert without.points.energy.min() < with_penalty.points.energy.min()


def test_where_no_setting_meets_the_threshold_the_nearest_are_found():
    divergence, energy = made_divergence(10, 2, seed=6)
    result = search(
        lambda settings: divergence(settings) + 1.0, energy, replace(SMALL, evaluations=1000)
    )
    assert not result.within_threshold
    nearest = result.pareto[0]
    assert not result.seen.settings[nearest].any(), "full precision, the least penalty of all"
    assert set(result.chosen) <= set(result.pareto)


def test_a_space_smaller_than_the_population_is_seen_as_a_whole():
    divergence, energy = made_divergence(3, 2, seed=7)
    result = search(divergence, energy, SMALL)
    assert len(result.seen) == 8


@pytest.mark.parametrize("precisions", [2, 3])
def test_an_interrupted_search_ends_as_one_that_was_not(tmp_path, precisions):
    divergence, energy = made_divergence(15, precisions, seed=8)
    whole = search(divergence, energy, SMALL)
    path = tmp_path / "search.npz"
    for fail_at in (70, 50):  # settings that are evaluated before it is stopped, twice
        with pytest.raises(KeyboardInterrupt):
            search(Counted(divergence, fail_at), energy, SMALL, path)
        assert path.exists()
    assert_same(search(divergence, energy, SMALL, path), whole)
    finished = Counted(divergence)
    assert_same(search(finished, energy, SMALL, path), whole)
    assert len(finished.asked) == 1, "that which shows that it is the same network"
    assert [item.name for item in tmp_path.iterdir()] == ["search.npz"]


def test_another_resolution_chooses_among_the_same_populations(tmp_path):
    divergence, energy = made_divergence(15, 2, seed=8)
    path = tmp_path / "search.npz"
    search(divergence, energy, SMALL, path)
    finished, fine = Counted(divergence), replace(SMALL, resolution=0.01)
    found = search(finished, energy, fine, path)
    assert len(finished.asked) == 1, "that which shows that it is the same network"
    assert_same(found, search(divergence, energy, fine))


def test_a_seed_decides():
    divergence, energy = made_divergence(15, 2, seed=8)
    assert_same(search(divergence, energy, SMALL), search(divergence, energy, SMALL))
    other = search(divergence, energy, replace(SMALL, seed=4))
    assert other.seen.settings.tolist() != search(divergence, energy, SMALL).seen.settings.tolist()


def test_a_checkpoint_executes_nothing(tmp_path):
    divergence, energy = made_divergence(6, 2, seed=1)
    path = tmp_path / "search.npz"
    search(divergence, energy, SMALL, path)
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)
        assert json.loads(str(arrays["text"]))["random"]["bit_generator"] == "PCG64"


def test_search_rejects_checkpoints(tmp_path):
    divergence, energy = made_divergence(6, 2, seed=1)
    path = tmp_path / "search.npz"
    search(divergence, energy, SMALL, path)
    for other in (
        lambda: search(divergence, energy, replace(SMALL, seed=9), path),
        lambda: search(divergence, 2 * energy, SMALL, path),
    ):
        with pytest.raises(
            VoltileError, match="is of a search with other parameters or energies; delete it"
        ):
            other()
    with pytest.raises(VoltileError, match="is of a search with another network or calibration"):
        search(lambda settings: 2 * divergence(settings), energy, SMALL, path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no archive", whole[:-30]):
        path.write_bytes(damaged)
        with pytest.raises(VoltileError, match=r"search\.npz is no whole checkpoint; delete it"):
            search(divergence, energy, SMALL, path)
    path.write_bytes(whole)
    with np.load(path) as arrays:
        kept = dict(arrays)
    for name, value in (
        ("settings", kept["settings"] + 9), ("settings", kept["settings"][:, :1]),
        ("objectives", kept["objectives"][:5]), ("objectives", kept["objectives"] * np.nan),
        ("populations", kept["populations"] + 1000), ("populations", -1 - kept["populations"]),
        ("sizes", kept["sizes"] * 0), ("rank", kept["rank"][:2]), ("text", np.array("[" * 10**5)),
    ):  # fmt: skip
        np.savez(path, **kept | {name: value})
        with pytest.raises(VoltileError, match=r"search\.npz is no whole checkpoint; delete it"):
            search(divergence, energy, SMALL, path)
    np.savez(path, text=np.array([{}], object))
    with pytest.raises(VoltileError, match="is no whole checkpoint"):
        search(divergence, energy, SMALL, path)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"population": 2}, "population must be from 3 to 10000, not 2"),
        ({"evaluations": 99}, "evaluations must be at least the population of 100, not 99"),
        ({"crossover_probability": 1.5}, "crossover probability must be from 0 to 1, not 1.5"),
        ({"mutation_probability": -0.1}, "mutation probability must be from 0 to 1, not -0.1"),
        ({"threshold": 0.0}, "threshold must be positive, not 0.0"),
        ({"threshold": np.nan}, "threshold must be positive, not nan"),
        ({"resolution": 0.0}, "resolution must be above 0 and at most 1, not 0.0"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
    ],
)
def test_search_parameters_reject(fault, message):
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        SearchParameters(**fault)


SHAPE = ("energy must have a row per layer and two columns or more, one per precision, not the "
         "shape ")  # fmt: skip
VALUE = "energy must be positive and finite, not "


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (np.ones(4), SHAPE + "(4,)"),
        (np.ones((4, 1)), SHAPE + "(4, 1)"),
        (np.array([[1.0, 1], [1, 0]]), VALUE + "0 (layer 1, precision 1)"),
        (np.array([[1.0, np.nan]]), VALUE + "nan (layer 0, precision 1)"),
    ],
)
def test_search_rejects_energies(energy, message):
    with pytest.raises(VoltileError, match=f"^{re.escape(message)}$"):
        search(lambda settings: np.zeros(len(settings)), energy, SMALL)


def test_search_without_pymoo_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "voltile.flows.search.generation", None)
    message = "the search needs the package 'pymoo'; try: pip install 'voltile[search]'"
    with pytest.raises(ProgramError, match=f"^{re.escape(message)}$"):
        search(lambda settings: np.zeros(len(settings)), np.ones((3, 2)), SMALL)


def test_divergence_from_full_compares_with_the_setting_of_zeros():
    logits = {0: [1.0, 2.0], 1: [2.0, 1.0]}

    def evaluate(settings):
        return np.array([[logits[item.sum() % 2], [0.0, 0.0]] for item in settings])

    found = divergence_from_full(evaluate, 3)(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]]))
    # Of one input softmax(1, 2) against softmax(2, 1): the difference of both, tanh(1/2).
    assert found == pytest.approx([0, np.tanh(0.5) / 2, 0])


def test_divergence_rejects_outputs_that_are_not_finite():
    def evaluate(settings):
        values = np.zeros((len(settings), 2, 3))
        values[settings[:, 1] == 1, 1, 2] = np.nan
        return values

    divergence = divergence_from_full(evaluate, 2)
    message = "outputs of the network must be finite; of input 2 at precisions 01 they are not"
    with pytest.raises(VoltileError, match=f"^{message}$"):
        divergence(np.array([[0, 0], [0, 1]]))


def test_exhaustive_points_are_all_settings_in_chunks():
    divergence, energy = made_divergence(4, 3, seed=1)
    asked, done = Counted(divergence), []
    points = exhaustive_points(asked, energy, chunk=50, progress=done.append)
    assert done == [50, 81]
    assert asked.asked == [tuple(map(int, np.base_repr(n, 3).zfill(4))) for n in range(81)]
    assert points.energy[5] == pytest.approx(
        energy[0, 0] + energy[1, 0] + energy[2, 1] + energy[3, 2]
    )
    front = exhaustive_front(points, threshold=0.3)
    assert front.divergence.max() <= 0.3


def test_exhaustive_points_go_on_from_what_is_kept(tmp_path):
    divergence, energy = made_divergence(4, 3, seed=1)
    whole, path = exhaustive_points(divergence, energy), tmp_path / "all.f64"
    with pytest.raises(KeyboardInterrupt):
        exhaustive_points(Counted(divergence, fail_at=60), energy, chunk=25, kept=path)
    rest, done = Counted(divergence), []
    found = exhaustive_points(rest, energy, chunk=25, kept=path, progress=done.append)
    assert (found.divergence == whole.divergence).all() and (found.energy == whole.energy).all()
    assert (len(rest.asked), done) == (31, [75, 81])
    again = Counted(divergence)
    assert (exhaustive_points(again, energy, kept=path).divergence == whole.divergence).all()
    assert not again.asked
    kept = path.read_bytes()
    for damaged in (kept[:-3], kept + kept, np.full(3, np.nan).tobytes()):
        path.write_bytes(damaged)
        with pytest.raises(VoltileError, match=r"all\.f64 has no divergences of these settings"):
            exhaustive_points(divergence, energy, kept=path)


def test_exhaustive_points_rejects_a_large_network():
    message = "all settings are tried up to 177147; 18 layers of 2 precisions have 262144"
    with pytest.raises(VoltileError, match=f"^{message}$"):
        exhaustive_points(lambda settings: np.zeros(len(settings)), np.ones((18, 2)))
