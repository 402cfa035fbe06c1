"""`voltile budget`: a controller over the look-up table of a search."""

import csv
import json

import pytest

from voltile.flows.precision import budget_plots

BUDGET = "time_s,budget_j\n0,12e-6\n1,9e-6\n3,1e-6\n4,\n"


def lookup(precisions=("full", "half"), **changed):
    """Return a look-up table by hand: a and b; points of 10, 6 and 4 µJ, 20, 16 and 12 ms."""
    settings = (("full", "full"), ("half", "full"), ("half", "half"))
    content = {
        "schema": 2,
        "network": "net", "element": "dual", "policy": "same-supply", "reference_vdd_v": 1.0,
        "precisions": {name: {"vdd_v": 1.0, "frequency_hz": 1e9} for name in precisions},
        "reconfiguration_pj": {"a": {"full": 0, "half": 5e5}, "b": {"full": 0, "half": 2e5}},
        "points": [
            {
                "point": number, "energy_pj": energy, "latency_s": latency,
                "kl_divergence": divergence, "top1_calibration": 0.9, "top1_test": accuracy,
                "layers": [
                    {"layer": name, "precision": item}
                    for name, item in zip("ab", setting, strict=True)
                ],
            }
            for number, (setting, energy, latency, divergence, accuracy) in enumerate(
                zip(settings, (10e6, 6e6, 4e6), (0.02, 0.016, 0.012), (0, 0.1, 0.4),
                    (0.8, 0.85, 0.7), strict=True)
            )
        ],
    }  # fmt: skip
    return json.dumps(content | changed)


def edited(key, *value):
    """Return the table with another value at point 1, or without it."""
    content = json.loads(lookup())
    del content["points"][1][key]
    if value:
        content["points"][1][key] = value[0]
    return json.dumps(content)


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
    assert "mean accuracy: 80.00%, of the test set" in out
    assert err == "no point is within 1 of 3 budgets\n"
    assert (folder / "budget.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_not_known_is_said(run):
    code, out, _ = run(lookup(reconfiguration_pj=None))
    assert code == 0
    assert "260 µJ, 0 µJ of it" in out and "not known to this search, and not counted" in out


def test_accuracies_without_a_test_set_are_those_of_the_calibration_set(run, tmp_path):
    """As soon as one point has none of the test set, so that no two sets are compared."""
    code, out, _ = run(edited("top1_test", None))
    assert code == 0 and "mean accuracy: 90.00%, of the calibration set" in out
    with (tmp_path / "run" / "budget-budget" / "budget.csv").open(newline="") as stream:
        assert {row["top1"] for row in csv.DictReader(stream)} == {"0.9"}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"table": "{}"}, "run/lookup.json is no look-up table of a search"),
        ({"table": "nothing"}, "run/lookup.json is no look-up table of a search"),
        ({"table": "[" * 100000}, "run/lookup.json is no look-up table of a search"),
        ({"table": lookup(points=[])}, "run/lookup.json: points must be a list of objects, not []"),
        ({"table": lookup(precisions=("full", "mixed"))},
         "point 1: layer 0: precision must be one of full, mixed, not 'half'"),
        ({"table": edited("energy_pj", float("nan"))},
         "run/lookup.json: point 1: energy_pj must be above 0 and up to 1e+18, not nan"),
        ({"table": edited("energy_pj", float("inf"))}, "point 1: energy_pj must be above 0"),
        ({"table": edited("energy_pj", 10**400)}, "point 1: energy_pj must be above 0"),
        ({"table": edited("energy_pj", -1)}, "up to 1e+18, not -1"),
        ({"table": edited("energy_pj", "5")}, "up to 1e+18, not '5'"),
        ({"table": edited("energy_pj", None)}, "up to 1e+18, not None"),
        ({"table": edited("energy_pj")}, "run/lookup.json: point 1: energy_pj is missing"),
        ({"table": edited("latency_s", 0)},
         "run/lookup.json: point 1: latency_s must be above 0 and up to 3.2e+07, not 0"),
        ({"table": edited("latency_s")}, "run/lookup.json: point 1: latency_s is missing"),
        ({"table": edited("kl_divergence", float("nan"))},
         "point 1: kl_divergence must be 0 or more and finite, not nan"),
        ({"table": edited("top1_test", 80)}, "point 1: top1_test must be from 0 to 1, or null"),
        ({"table": edited("point", 7)}, "point 1: point must be 1, its place in the list, not 7"),
        ({"table": edited("layers", [{"layer": "a", "precision": "full"}])},
         "point 1: layers must be those of point 0, each once: a, b"),
        ({"table": lookup(reconfiguration_pj={"a": {"full": 0, "half": -1}})},
         "reconfiguration_pj: a: half must be from 0 to 1e+18, not -1"),
        ({"table": lookup(schema=1)},
         "run/lookup.json has schema 1, not 2: make it again with 'voltile search'"),
        ({"budget": "time_s,budget_j\n0,1\n"}, "must have two rows or more"),
        ({"budget": "time_s,budget_j\n0,-1\n1,\n"}, "budget_j must be 0 or more, not -1"),
        ({"budget": "time_s,budget_j\n0,1\n1,1e308\n2,\n"},
         "budget.csv:3: budget_j must be 1e+06 or less, not 1e+308"),
        ({"rate": 1e9},
         "not 1e+09: an inference takes 0.012 s at the fastest operating point"),
        ({"rate": 1e300}, "per second, not 1e+300"),
        ({"rate": 0}, "rate must be above 0 and up to 83.3333333 per second, not 0"),
    ],
)  # fmt: skip
def test_rejects_bad_input_and_writes_nothing(run, tmp_path, options, fault):
    code, out, err = run(**options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and fault in err and err.count("\n") == 1
    assert not (tmp_path / "run" / "budget-budget").exists()


def test_points_too_slow_for_the_rate_are_told(run, tmp_path):
    """At 60 per second, 16.7 ms, full precision with its 20 ms does not keep up."""
    code, _, err = run(rate=60)
    assert code == 0
    with (tmp_path / "run" / "budget-budget" / "budget.csv").open(newline="") as stream:
        assert [row["point"] for row in csv.DictReader(stream)] == ["1", "1", "2"]
    assert err == (
        "not fast enough: point 0 at 60 inferences per second\n"
        "no point that is fast enough is within 1 of 3 budgets\n"
    )


def test_an_interrupt_is_one_line_and_leaves_nothing(run, tmp_path, monkeypatch):
    def interrupted(figure, path):
        raise KeyboardInterrupt

    assert run()[0] == 0
    monkeypatch.setattr(budget_plots, "save_figure", interrupted)
    code, out, err = run()
    assert (code, out, err.strip()) == (130, "", "interrupted; the same command begins anew")
    assert list((tmp_path / "run" / "budget-budget").iterdir()) == []


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
    (mark,) = (line for line in energy.lines if "1 J" in line.get_label())
    assert list(mark.get_xdata()) == [1.5]
    # A stretch of a millisecond has no room for its number; those at one point share theirs.
    assert [text.get_text() for text in energy.texts] == ["0", "2"]
    caption = figure.get_supxlabel()
    assert "net on dual elements; energy: same-supply at 1 V" in caption
    assert "10 inferences per second, 2 switches" in caption
