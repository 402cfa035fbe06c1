"""`voltile budget`: a controller over the look-up table of a search."""

import csv
import json

import pytest

from voltile.flows.precision import budget_plots

BUDGET = "time_s,budget_j\n0,12e-6\n1,9e-6\n3,1e-6\n4,\n"


def lookup(precisions=("full", "half"), **changed):
    """Return a look-up table by hand: layers a and b, energies 10, 6 and 4 µJ."""
    settings = (("full", "full"), ("half", "full"), ("half", "half"))
    content = {
        "schema": 1,
        "network": "net", "element": "dual", "policy": "same-supply", "reference_vdd_v": 1.0,
        "precisions": {name: {"vdd_v": 1.0, "frequency_hz": 1e9} for name in precisions},
        "reconfiguration_pj": {"a": {"full": 0, "half": 5e5}, "b": {"full": 0, "half": 2e5}},
        "points": [
            {
                "point": number, "energy_pj": energy, "kl_divergence": divergence,
                "top1_calibration": 0.9, "top1_test": accuracy,
                "layers": [
                    {"layer": name, "precision": item}
                    for name, item in zip("ab", setting, strict=True)
                ],
            }
            for number, (setting, energy, divergence, accuracy) in enumerate(
                zip(settings, (10e6, 6e6, 4e6), (0, 0.1, 0.4), (0.8, 0.85, 0.7), strict=True)
            )
        ],
    }  # fmt: skip
    return json.dumps(content | changed)


@pytest.fixture
def run(voltile, tmp_path):
    """Runs the controller on a look-up table and a budget."""
    (tmp_path / "run").mkdir()

    def call(table=None, budget=BUDGET, rate=10):
        (tmp_path / "run" / "lookup.json").write_text(lookup() if table is None else table)
        (tmp_path / "budget.csv").write_text(budget)
        return voltile("budget", "budget.csv", "--run", "run", "--rate", rate)

    return call


def test_what_is_chosen_and_what_it_takes(run, tmp_path):
    code, out, err = run()
    assert code == 0
    folder = tmp_path / "run" / "budget-budget"
    with (folder / "budget.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    # By the KL divergence: point 0 comes first, though point 1 has the better test accuracy.
    assert [row["point"] for row in rows] == ["0", "1", "2"]
    assert [row["within_budget"] for row in rows] == ["true", "true", "false"]
    assert [row["inferences"] for row in rows] == ["10", "20", "10"]
    assert [float(row["inference_energy_j"]) for row in rows] == pytest.approx(
        [100e-6, 120e-6, 40e-6]
    )
    assert [float(row["switch_energy_j"]) for row in rows] == pytest.approx([0, 0.5e-6, 0.2e-6])
    assert [float(row["top1"]) for row in rows] == [0.8, 0.85, 0.7]
    # 0.8, 0.85 and 0.7 over 10, 20 and 10 inferences.
    assert "net: 40 inferences, 260.7 µJ, 0.7 µJ of it for 2 switches" in out
    assert "mean accuracy: 80.00%" in out
    assert err == "no point is within 1 of 3 budgets\n"
    assert (folder / "budget.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_not_known_is_said(run):
    code, out, _ = run(lookup(reconfiguration_pj=None))
    assert code == 0
    assert "260 µJ, 0 µJ of it" in out and "not known to this search, and not counted" in out


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"table": "{}"}, "run/lookup.json is no look-up table of a search"),
        ({"table": "nothing"}, "run/lookup.json is no look-up table of a search"),
        ({"table": lookup(points=[])}, "run/lookup.json is no look-up table of a search"),
        ({"table": lookup(precisions=("full", "mixed"))}, "is no look-up table of a search"),
        ({"table": lookup(schema=2)}, "run/lookup.json has schema 2, not 1"),
        ({"budget": "time_s,budget_j\n0,1\n"}, "must have two rows or more"),
        ({"budget": "time_s,budget_j\n0,-1\n1,\n"}, "budget_j must be 0 or more, not -1"),
        ({"rate": 0}, "rate must be positive and finite, not 0 per second"),
    ],
)  # fmt: skip
def test_rejects_bad_input_and_writes_nothing(run, tmp_path, options, fault):
    code, out, err = run(**options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and fault in err and err.count("\n") == 1
    assert not (tmp_path / "run" / "budget-budget").exists()


def test_needs_a_finished_search(voltile, tmp_path):
    (tmp_path / "budget.csv").write_text(BUDGET)
    code, _, err = voltile("budget", "budget.csv", "--run", "nosuch", "--rate", 1)
    assert code == 2 and "first run: voltile search" in err


def test_a_budget_that_nothing_needs_does_not_flatten_the_picture(run, tmp_path, monkeypatch):
    """Full precision takes 10 µJ: the axis ends little above, with a mark for 1 J."""
    drawn = []
    monkeypatch.setattr(
        budget_plots, "save_figure", lambda figure, path: drawn.append(figure) or path.touch()
    )
    assert run(budget="time_s,budget_j\n0,12e-6\n1,1\n2,9e-6\n2.001,5e-6\n9,\n")[0] == 0
    (figure,) = drawn
    energy = figure.axes[0]
    assert energy.get_ylabel().endswith("[µJ]") and 10 < energy.get_ylim()[1] < 20
    (mark,) = (line for line in energy.lines if "1000 mJ" in line.get_label())
    assert list(mark.get_xdata()) == [1.5]
    # A stretch of a millisecond has no room for its number; those at one point share theirs.
    assert [text.get_text() for text in energy.texts] == ["0", "2"]
    caption = figure.get_supxlabel()
    assert "net on dual elements; energy: same-supply at 1 V" in caption
    assert "10 inferences per second, 2 switches" in caption
