"""`voltile multilevel` on the example, beside a plain runtime; what it refuses."""

import csv
import json

import digits_case
import numpy as np
import pytest
from digits_case import DATA, LAYERS, MODEL

from voltile.core import Precision
from voltile.flows.precision import evaluation, multilevel_plots
from voltile.flows.precision.multilevel_job import MULTILEVEL_OUTPUTS
from voltile.sim import SCALABLE, FixedPointNetwork, qdq_model, read_onnx

pytest.importorskip("onnxruntime")

# Products and biases added of the layers, from the shapes in the README of the example.
PRODUCTS = 64 * 9 * 16, 16 * 9 * 16, 16 * 512, 16 * 13824, 16 * 48, 480
MACS = dict(zip(LAYERS, PRODUCTS, strict=True))
BIASES = dict(zip(LAYERS, (64 * 16, 16 * 16, 16 * 32, 16 * 48, 0, 10), strict=True))
PER_MAC = {"F": 4, "M": 2, "H": 1}
SHAPES = {**dict.fromkeys("0689", 0), **dict.fromkeys("147", 1), **dict.fromkeys("235", 2)}


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def found(voltile, tmp_path):
    """Rows of the example at both levels for three targets."""
    code, out, err = voltile(
        "multilevel", "--pe", "scalable", "digits", "--level", 1, 2, "--target", 0.8, 0.9, 0.95,
        "--out", "out",
    )  # fmt: skip
    assert (code, err) == (0, "") and "MACs half" in out
    folder = tmp_path / "out"
    assert {path.name for path in folder.iterdir() if path.is_file()} == set(MULTILEVEL_OUTPUTS)
    stages = json.loads((folder / "run.json").read_text())["stages"]
    assert set(stages) == {"quantisation", "assignment", "outputs"}
    assert all(cost["wall_s"] > 0 for cost in stages.values())
    return folder, rows_of(folder / "multilevel.csv")


def test_rows_keep_their_targets(found):
    _, rows = found
    assert [(row["level"], float(row["target"])) for row in rows] == [
        (level, target) for level in "12" for target in (0.8, 0.9, 0.95)
    ]
    assert [row["classes"] for row in rows] == ["3"] * 3 + ["10"] * 3
    for row in rows:
        assert float(row["accuracy_calibration"]) >= float(row["target"]) and row["met"] == "true"
        assert float(row["difference"]) == pytest.approx(
            float(row["accuracy_test"]) - float(row["target"])
        )


def test_effort_is_that_of_table_3_9(found):
    _, rows = found
    full = sum(4 * MACS[name] + 2 * BIASES[name] for name in LAYERS)
    for row in rows:
        letters = dict(zip(LAYERS, row["precisions"], strict=True))
        mine = sum(PER_MAC[letters[name]] * MACS[name] + 2 * BIASES[name] for name in LAYERS)
        assert (float(row["effort"]), row["effort_unit"]) == (mine, "operations")
        assert float(row["saving"]) == pytest.approx(1 - mine / full, abs=1e-6)
        halves = sum(MACS[name] for name in LAYERS if letters[name] == "H") / sum(MACS.values())
        assert float(row["macs_half"]) == pytest.approx(halves, abs=1e-6)


def test_accuracies_are_those_of_a_plain_runtime(found, tmp_path):
    """Probabilities of the digits of a shape added up by hand, of a setting's QDQ file."""
    _, rows = found
    values, labels = digits_case.inputs()
    network = FixedPointNetwork.quantised(
        read_onnx(MODEL), np.moveaxis(values[:100], 1, -1), SCALABLE
    )
    names = {item.name[0]: item for item in Precision}
    shape = np.array([SHAPES[str(digit)] for digit in range(10)])
    for row in (rows[0], rows[-1]):
        model = tmp_path / "setting.onnx"
        model.write_bytes(qdq_model(network, [names[letter] for letter in row["precisions"]]))
        scores = digits_case.logits(model, values)
        if row["level"] == "1":
            share = np.exp(scores - scores.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            sums = np.stack([share[:, shape == item].sum(axis=1) for item in range(3)], axis=1)
            right = sums.argmax(axis=1) == shape[labels]
        else:
            right = scores.argmax(axis=1) == labels
        assert float(row["accuracy_calibration"]) == pytest.approx(right[:100].mean())
        assert float(row["accuracy_test"]) == pytest.approx(right[100:].mean())


def test_settings_name_classes_and_flags(found):
    folder, rows = found
    content = json.loads((folder / "settings.json").read_text())
    groups = ("loop", "stroke", "curve")
    assert content["classes"]["1"] == {digit: groups[at] for digit, at in SHAPES.items()}
    assert content["classes"]["2"] == {str(digit): str(digit) for digit in range(10)}
    for entry, row in zip(content["settings"], rows, strict=True):
        letters = "".join(layer["precision"][0].upper() for layer in entry["layers"])
        assert (letters, entry["target"]) == (row["precisions"], float(row["target"]))


def test_default_targets_are_the_levels_at_full_precision(voltile, tmp_path):
    assert voltile("multilevel", "digits", "--out", "out")[0] == 0
    rows = rows_of(tmp_path / "out" / "multilevel.csv")
    # The lower of both is within the reach of both levels, the higher of the first alone.
    assert [row["level"] for row in rows] == ["1", "1", "2"]
    assert rows[0]["target"] == rows[2]["target"] < rows[1]["target"]


def test_energy_as_the_effort(voltile, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        multilevel_plots, "save_figure", lambda figure, path: drawn.append(figure) or path.touch()
    )
    table = digits_case.energy_table(tmp_path / "table", "scalable")
    code, out, _ = voltile(
        "multilevel", "digits", "--energy", table, "--target", 0.9, "--out", "out"
    )
    assert code == 0 and "µJ" in out
    assert "energy: same-supply at 1 V" in drawn[0].get_supxlabel()
    assert drawn[0].axes[0].get_xlabel() == "saving of energy [%]"
    energy = {(row["layer"], row["precision"][0].upper()): float(row["total_pj"])
              for row in rows_of(table) if row["policy"] == "same-supply"}  # fmt: skip
    for row in rows_of(tmp_path / "out" / "multilevel.csv"):
        mine = sum(energy[key] for key in zip(LAYERS, row["precisions"], strict=True))
        assert float(row["effort"]) == pytest.approx(mine, rel=1e-8)
        assert row["effort_unit"] == "pJ"


def test_the_element_is_that_of_the_table(voltile, tmp_path):
    table = digits_case.energy_table(tmp_path / "table", "dual")
    code, out, _ = voltile(
        "multilevel", "digits", "--energy", table, "--target", 0.9, "--out", "out"
    )
    assert code == 0 and "µJ on dual elements" in out
    rows = rows_of(tmp_path / "out" / "multilevel.csv")
    assert rows and all(set(row["precisions"]) <= {"F", "H"} for row in rows)


def hierarchy(path, *edges):
    path.write_text("class,hypernym\n" + "".join(f"{edge}\n" for edge in edges))
    return path


def test_an_interrupted_assignment_goes_on(voltile, tmp_path, monkeypatch):
    asked = []

    class Counted(evaluation.PrecisionEvaluator):
        most = 1000

        def evaluate(self, settings):
            if self.counts.evaluated > self.most:
                raise KeyboardInterrupt
            asked.extend(map(tuple, settings.tolist()))
            return super().evaluate(settings)

    monkeypatch.setattr(evaluation, "PrecisionEvaluator", Counted)
    whole = voltile("multilevel", "digits", "--target", 0.9, "--out", "whole")
    every = len(asked)
    asked.clear()
    monkeypatch.setattr(Counted, "most", 5)
    again = ("multilevel", "digits", "--target", 0.9, "--out", "again")
    assert voltile(*again) == (130, "", "interrupted; the same command goes on from again\n")
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["stages"]
    assert len(asked) > 5
    asked.clear()
    monkeypatch.setattr(Counted, "most", 1000)
    code, out, err = voltile(*again)
    assert (code, out, err) == (0, whole[1].replace("whole", "again"), whole[2])
    assert len(asked) <= every - 3
    for name in ("multilevel.csv", "settings.json"):
        mine, wanted = ((tmp_path / folder / name).read_bytes() for folder in ("again", "whole"))
        assert mine == wanted


def test_an_interrupt_leaves_no_half_of_the_files(voltile, tmp_path, monkeypatch):
    def interrupted(figure, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(multilevel_plots, "save_figure", interrupted)
    assert voltile("multilevel", "digits", "--target", 0.9, "--out", "out")[0] == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["stages"]


@pytest.mark.filterwarnings("error")
def test_levels_are_limited(voltile, tmp_path):
    """Digits below a chain of classes: all its levels are too many, some of them are not."""
    chain = [f"c{number},c{number + 1}" for number in range(3000)]
    deep = hierarchy(tmp_path / "deep.csv", *(f"{digit},c0" for digit in range(10)), *chain)
    options = ("multilevel", "digits", "--hierarchy", deep, "--out", "out", "--target", 0.5)
    code, out, err = voltile(*options)
    assert (code, out) == (2, "") and not (tmp_path / "out").exists()
    assert err == (
        f"error: levels must be up to 20 at a time, not 3001; {deep} has 3001 below the root: "
        "choose with --level\n"
    )
    assert voltile(*options, "--level", *range(2982, 3002))[0] == 0
    assert len(rows_of(tmp_path / "out" / "multilevel.csv")) == 20


def test_rejects_bad_input_and_writes_nothing(voltile, tmp_path):
    groups = [f"{digit},{'low' if digit < 5 else 'high'}" for digit in range(10)]
    tree = [*groups, "low,digit", "high,digit"]
    cyclic = hierarchy(tmp_path / "cyclic.csv", *tree, "digit,low")
    unknown = hierarchy(tmp_path / "unknown.csv", *tree, "ten,high")
    missing = hierarchy(tmp_path / "missing.csv", *tree[1:])
    names = tmp_path / "names.txt"
    names.write_text("zero\none\n")
    with np.load(DATA) as arrays:
        x = tmp_path / "x.npz"
        np.savez(x, x=arrays["x"], scale=arrays["scale"])
    table = digits_case.energy_table(tmp_path / "dual", "dual")
    before = sorted(tmp_path.iterdir())
    for options, fault in (
        (("--hierarchy", cyclic), "has a cycle: digit is a low is a digit"),
        (("--hierarchy", unknown), "the network has no output for 'ten'"),
        (("--hierarchy", missing), "has no class for output '0'"),
        (("--hierarchy", tmp_path / "nosuch.csv"), "nosuch.csv cannot be read"),
        (("--classes", names), "has 2 class names, the network 10 outputs"),
        (("--classes", tmp_path / "nosuch.txt"), "nosuch.txt cannot be read"),
        (("--calibration", x), "array 'y', the labels, is missing"),
        (("--level", -1), "level must be 0 or more, not -1"),
        (("--target", 90), "a target accuracy must be from 0 to 1, not 90"),
        (("--level", 99), "level must be from 0 to 2, the depth of"),
        (("--vdd", 0.8), "choose rows of an energy table: give --energy, too"),
        (("--energy", table, "--pe", "scalable"),
         "energy.csv is of pe dual (16 bits), not of scalable (8 bits): leave --pe out, or"),
        (("--pe", "systolic"), "pe must be scalable, spatial, dual, not systolic"),
    ):
        code, out, err = voltile("multilevel", "digits", *options, "--out", "out")
        assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1
        assert fault in err
        assert sorted(tmp_path.iterdir()) == before
    code, _, err = voltile("multilevel", MODEL, "--calibration", DATA)
    assert (code, err) == (2, "error: a hierarchy of classes is needed: --hierarchy H.csv\n")
