"""`voltile search` on the example: what it leaves, what it refuses, how it goes on."""

import csv
import json
import re
import shutil
from dataclasses import replace

import digits_case
import numpy as np
import pytest
from digits_case import CALIBRATION, DATA, LAYERS, MODEL

from voltile.core import VoltileError
from voltile.flows.precision import evaluation, search_job, search_plots
from voltile.flows.precision.search_job import SearchConfig, run_search
from voltile.flows.precision.search_outputs import SEARCH_OUTPUTS
from voltile.sim import EnergyTable, PrecisionEvaluator

pytest.importorskip("onnxruntime")
pytest.importorskip("pymoo")

# Few evaluations, and points close to each other, for more than two of them.
SMALL = ("--evaluations", 300, "--population", 50, "--resolution", 0.02)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Energy tables of the example by element, at two supplies and all policies."""
    folder = tmp_path_factory.mktemp("tables")
    return {
        pe: digits_case.energy_table(folder / pe, pe, vdds=(1.0, 0.8))
        for pe in ("scalable", "spatial", "dual")
    }


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_example_is_as_accurate_as_its_readme_says():
    values, labels = digits_case.inputs()
    right = digits_case.logits(MODEL, values).argmax(axis=1) == labels
    assert right[:CALIBRATION].mean() == 0.99
    assert right[CALIBRATION:].mean() == 0.978


def test_the_images_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    known = {
        (image.tobytes(), label) for image, label in zip(digits.data, digits.target, strict=True)
    }
    with np.load(DATA) as arrays:
        images = arrays["x"].reshape(600, 64).astype(float)
        mine = {(image.tobytes(), int(y)) for image, y in zip(images, arrays["y"], strict=True)}
    assert len(mine) == 600 and mine <= known


def test_the_example_needs_no_files(voltile, tmp_path):
    code, out, err = voltile("search", "digits", "--evaluations", 200)
    assert code == 0
    folder = tmp_path / "runs" / "search-digits"
    made = {path.name for path in folder.iterdir() if path.is_file()}
    assert made == set(SEARCH_OUTPUTS)
    assert "same-supply at 1 V" in err and "FFFFFF" in out and "operating_points.csv" in out
    record = json.loads((folder / "run.json").read_text())
    assert record["command"]["parameters"]["evaluations"] == 200
    assert {path.rsplit("/", 1)[1] for path in record["inputs"]} == {
        "digits.onnx", "digits.npz", "energy.csv"
    }  # fmt: skip
    assert EnergyTable.read(folder / "energy" / "energy.csv")


def test_the_example_has_an_energy_table_by_its_name(voltile, tmp_path):
    assert voltile("energy", "digits", "--out", "out")[0] == 0
    columns = EnergyTable.read(tmp_path / "out" / "energy.csv").columns
    assert set(columns["network"]) == {"digits"}
    assert tuple(columns["layer"][:6]) == LAYERS


@pytest.fixture(scope="module")
def dual(tmp_path_factory, tables):
    """A search at 16 and 8 bits, whose weights must be reconfigured, at 0.8 V."""
    folder = tmp_path_factory.mktemp("dual")
    config = SearchConfig(
        "digits", energy=tables["dual"], pe="dual", policy="iso-throughput", vdd=0.8,
        exhaustive=True,
        parameters=search_job.SearchParameters(population=20, evaluations=80, resolution=0.01),
    )  # fmt: skip
    return folder, run_search(config, folder)


def test_energies_are_sums_over_the_table(dual, tables):
    folder, _ = dual
    table = EnergyTable.read(tables["dual"]).columns
    at = (table["policy"] == "iso-throughput") & (table["reference_vdd_v"] == 0.8)
    energy = {
        key[:2]: key[2]
        for key in zip(
            table["layer"][at], table["precision"][at], table["total_pj"][at], strict=True
        )
    }
    names = {"F": "full", "H": "half"}
    points = rows_of(folder / "operating_points.csv")
    assert points[0]["precisions"] == "FFFFFF" and len(points) >= 3
    full = sum(energy[layer, "full"] for layer in LAYERS)
    for row in points:
        mine = sum(
            energy[layer, names[letter]]
            for layer, letter in zip(LAYERS, row["precisions"], strict=True)
        )
        assert float(row["energy_pj"]) == pytest.approx(mine, rel=1e-8)
        assert float(row["saving"]) == pytest.approx(1 - mine / full, abs=1e-8)


def test_latencies_are_cycles_and_stalls_over_the_clock(dual, tables):
    folder, _ = dual
    names = {"F": "full", "H": "half"}
    time = {}
    for row in rows_of(tables["dual"]):
        if (row["policy"], float(row["reference_vdd_v"])) == ("iso-throughput", 0.8):
            cycles = int(row["cycles"]) + int(row["stall_cycles"])
            time[row["layer"], row["precision"]] = cycles / float(row["frequency_hz"])
    points = rows_of(folder / "operating_points.csv")
    lookup = json.loads((folder / "lookup.json").read_text())["points"]
    for row, point in zip(points, lookup, strict=True):
        letters = dict(zip(LAYERS, row["precisions"], strict=True))
        mine = sum(
            seconds for (layer, precision), seconds in time.items()
            if precision == names[letters.get(layer, "F")]
        )  # fmt: skip
        assert float(row["latency_s"]) == pytest.approx(mine, rel=1e-8)
        assert point["latency_s"] == pytest.approx(mine, rel=1e-12)


def test_the_table_that_is_made_has_the_supply_and_policy(voltile, tmp_path):
    code, _, err = voltile("search", "digits", "--policy", "iso-throughput", "--vdd", 0.8,
                           "--evaluations", 100, "--out", "out")  # fmt: skip
    assert code == 0 and "iso-throughput at 0.8 V" in err
    columns = EnergyTable.read(tmp_path / "out" / "energy" / "energy.csv").columns
    assert set(columns["reference_vdd_v"]) == {0.8} and set(columns["policy"]) == {"iso-throughput"}


@pytest.mark.parametrize(("threshold", "penalty"), [(0.2, "above a KL divergence of 0.2"),
                                                    (np.inf, "no penalty")])  # fmt: skip
def test_pictures_say_their_settings(dual, tmp_path, monkeypatch, threshold, penalty):
    result = dual[1]
    told = replace(result.config.parameters, threshold=threshold)
    result = replace(result, config=replace(result.config, parameters=told))
    drawn = []
    monkeypatch.setattr(search_plots, "save_figure", lambda figure, _: drawn.append(figure))
    search_plots.plot_front(result, tmp_path)
    search_plots.plot_population(result, tmp_path)
    for figure in drawn:
        caption = figure.get_supxlabel()
        assert "digits on dual elements of 16 bits, rounded weights" in caption
        assert "energy: iso-throughput at 0.8 V; 80 evaluations in populations of 20" in caption
        assert penalty in caption and "resolution of 0.01" in caption
        (legend,) = figure.legends
        lines = [text.get_text() for text in legend.get_texts()]
        assert ("threshold" in lines) == bool(np.isfinite(threshold))
        assert not any(axis.get_legend() for axis in figure.axes), "one over points"


def test_models_have_the_accuracy_and_divergence_of_their_points(dual):
    """Under plain onnxruntime; Eq. 3.3 and 3.4 written out."""
    folder, _ = dual
    values, labels = digits_case.inputs()
    points = rows_of(folder / "operating_points.csv")
    full = None
    for row in points:
        model = folder / "models" / f"point_{int(row['point']):02d}.onnx"
        found = digits_case.logits(model, values)
        right = found.argmax(axis=1) == labels
        assert float(row["top1_calibration"]) == pytest.approx(right[:CALIBRATION].mean())
        assert float(row["top1_test"]) == pytest.approx(right[CALIBRATION:].mean())
        share = np.exp(found[:CALIBRATION] - found[:CALIBRATION].max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        full = share if full is None else full
        divergence = (full * np.log(full / share)).sum(axis=1).mean()
        assert float(row["kl_divergence"]) == pytest.approx(divergence, abs=1e-6)


def test_switches_reconfigure_the_weights_of_layers_that_change(dual, tables):
    """By weights: those of a layer over all, times what rounding all of them takes (Table 3.7)."""
    folder, _ = dual
    (all_weights,) = rows_of(tables["dual"].with_name("reconfiguration.csv"))
    weights = {row["layer"]: int(row["weights"]) for row in rows_of(folder / "layers.csv")}
    assert weights == {
        "conv1": 144, "dw2": 144, "pw2": 512, "conv3": 13824, "avgpool": 0, "fc": 480
    }  # fmt: skip
    each = float(all_weights["total_pj"]) / sum(weights.values())
    letters = [row["precisions"] for row in rows_of(folder / "operating_points.csv")]
    switches = rows_of(folder / "switches.csv")
    assert len(switches) == len(letters) * (len(letters) - 1)
    for row in switches:
        start, end = letters[int(row["from"])], letters[int(row["to"])]
        changed = [
            layer for layer, a, b in zip(LAYERS, start, end, strict=True) if a != b
        ]
        assert row["layers"].split() == changed
        # Full precision is in the memory already.
        paid = sum(
            weights[layer] for layer, b in zip(LAYERS, end, strict=True)
            if layer in changed and b == "H"
        )  # fmt: skip
        assert float(row["energy_pj"]) == pytest.approx(paid * each, rel=1e-6)


def test_the_lookup_table_has_the_flags_of_every_layer(dual):
    folder, result = dual
    lookup = json.loads((folder / "lookup.json").read_text())
    assert lookup["precisions"]["half"]["vdd_v"] < lookup["precisions"]["full"]["vdd_v"] == 0.8
    points = rows_of(folder / "operating_points.csv")
    assert len(lookup["points"]) == len(points) == len(result.points)
    for entry, row in zip(lookup["points"], points, strict=True):
        assert (folder / entry["model"]).is_file()
        assert [layer["layer"] for layer in entry["layers"]] == list(LAYERS)
        assert "".join(layer["precision"][0].upper() for layer in entry["layers"]) == (
            row["precisions"]
        )
    # A result is written in halves when the next layer reads halves; what leaves is never.
    for entry in lookup["points"]:
        halves = [layer["precision"] == "half" for layer in entry["layers"]]
        assert [layer["narrow"] for layer in entry["layers"]] == [*halves[1:], False]


def test_all_settings_are_the_check(dual):
    folder, result = dual
    assert result.check.settings == 2**6
    assert 0.98 <= result.check.ratio <= 1
    assert (result.check.front.objectives[:, 0] <= 0.5).all()


def test_an_interrupted_search_goes_on(voltile, tmp_path, tables, monkeypatch):
    whole = voltile("search", "digits", *SMALL, "--energy", tables["scalable"], "--out", "whole")
    assert whole[0] == 0

    class Interrupted(PrecisionEvaluator):
        def evaluate(self, settings):
            if self.counts.evaluated > 150:
                raise KeyboardInterrupt
            return super().evaluate(settings)

    again = ("search", "digits", *SMALL, "--energy", tables["scalable"], "--out", "again")
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "PrecisionEvaluator", Interrupted)
        code, out, err = voltile(*again)
    assert (code, out) == (130, "")
    assert "interrupted; the same command goes on from again" in err
    (kept,) = (tmp_path / "again" / "stages").iterdir()
    assert not (tmp_path / "again" / "operating_points.csv").exists()
    asked = []

    class Counted(PrecisionEvaluator):
        def evaluate(self, settings):
            asked.append(len(settings))
            return super().evaluate(settings)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "PrecisionEvaluator", Counted)
        code, out, err = voltile(*again)
    assert (code, out) == (0, whole[1].replace("whole", "again"))
    assert sum(asked) < 200  # of about 280 settings, and points for two accuracies
    for name in ("operating_points.csv", "lookup.json", "layers.csv", "switches.csv"):
        mine, wanted = ((tmp_path / folder / name).read_bytes() for folder in ("again", "whole"))
        assert mine == wanted
    # Another search in the same folder does not read what this one kept.
    assert voltile(*again, "--seed", 1)[0] == 0
    (other,) = (tmp_path / "again" / "stages").iterdir()
    assert other != kept


def test_ablations_reach_the_search(voltile, tmp_path, tables):
    for options in ((), ("--truncate",), ("--no-penalty",)):
        code, out, err = voltile(
            "search", "digits", *SMALL, "--energy", tables["scalable"], *options,
            "--out", "-".join(("out", *options)),
        )  # fmt: skip
        assert code == 0
    tables_of = {
        options: rows_of(tmp_path / f"out{options}" / "operating_points.csv")
        for options in ("", "---truncate", "---no-penalty")
    }
    # Fig. 3.8: without the penalty points go beyond the threshold; with it none does.
    worst = {
        key: max(float(row["kl_divergence"]) for row in rows) for key, rows in tables_of.items()
    }
    assert worst[""] <= 0.5 < worst["---no-penalty"]
    flags = json.loads((tmp_path / "out---truncate" / "lookup.json").read_text())["points"]
    assert {layer["weight_form"] for layer in flags[0]["layers"]} == {"truncated"}
    # Table 3.8: truncation costs savings.
    best = {key: max(float(row["saving"]) for row in rows) for key, rows in tables_of.items()}
    assert best["---truncate"] < best[""]


def test_inputs_without_labels_are_enough(voltile, tmp_path, tables):
    with np.load(DATA) as arrays:
        np.savez(tmp_path / "x.npz", x=arrays["x"], scale=arrays["scale"])
    code, out, _ = voltile("search", MODEL, "--calibration", "x.npz", *SMALL, "--energy",
                           tables["scalable"], "--out", "out")  # fmt: skip
    assert code == 0
    for row in rows_of(tmp_path / "out" / "operating_points.csv"):
        assert row["top1_calibration"] == row["top1_test"] == ""
    lookup = json.loads((tmp_path / "out" / "lookup.json").read_text())
    assert lookup["points"][0]["top1_test"] is None


def test_a_table_alone_does_not_know_what_switches_take(voltile, tmp_path, tables):
    shutil.copy(tables["dual"], tmp_path / "energy.csv")
    code, _, _ = voltile("search", "digits", "--pe", "dual", *SMALL, "--energy", "energy.csv",
                         "--out", "out")  # fmt: skip
    assert code == 0
    assert {row["energy_pj"] for row in rows_of(tmp_path / "out" / "switches.csv")} == {""}
    assert json.loads((tmp_path / "out" / "lookup.json").read_text())["reconfiguration_pj"] is None


def edited(path, table, old, new):
    path.write_text(table.read_text().replace(old, new))
    return path


def test_the_element_is_that_of_the_table(voltile, tmp_path, tables):
    arguments = ("search", "digits", "--evaluations", 100, "--energy", tables["spatial"])
    for folder, options in (("named", ("--pe", "spatial")), ("found", ())):
        code, _, err = voltile(*arguments, *options, "--out", folder)
        assert code == 0 and "energy of spatial elements from" in err
    for name in ("operating_points.csv", "layers.csv", "lookup.json"):
        named, found = ((tmp_path / folder / name).read_bytes() for folder in ("named", "found"))
        assert named == found
    assert json.loads((tmp_path / "found" / "lookup.json").read_text())["element"] == "spatial"
    assert json.loads((tmp_path / "found" / "run.json").read_text())["command"]["pe"] == "spatial"


def test_rejects_weight_reconfiguration_of_another_array(voltile, tmp_path, tables):
    """The table of one element put over that of another."""
    for name, other in (("energy.csv", "spatial"), ("reconfiguration.csv", "dual")):
        shutil.copy(tables[other].with_name(name), tmp_path / name)
    code, out, err = voltile("search", "digits", "--energy", "energy.csv", "--out", "out")
    assert (code, out, err) == (
        2, "", "error: reconfiguration.csv:2: pe must be spatial, as in energy.csv, not dual\n"
    )  # fmt: skip
    assert not (tmp_path / "out").exists()


def without_energy(path, table, layer, precision):
    """Write a table in which a layer takes no energy at a precision."""
    rows = rows_of(table)
    for row in rows:
        if (row["layer"], row["precision"]) == (layer, precision):
            row |= {name: "0" for name in row if name.endswith("_pj")}
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.filterwarnings("error")
def test_rejects_tables_that_do_not_fit(voltile, tmp_path, tables):
    table = tables["scalable"]
    full_and_half = digits_case.energy_table(
        tmp_path / "part", "scalable", precisions=("full", "half")
    )
    for name, fault, options in (
        (edited(tmp_path / "named.csv", table, ",fc,", ",dense,"),
         "is of another network: it lacks 'fc'; digits.onnx lacks 'dense'", ()),
        (edited(tmp_path / "macs.csv", table, ",221184,", ",221185,"),
         "layer 'conv3' has 221185 MACs there, and 221184 in digits.onnx", ()),
        (tables["dual"],
         ("energy.csv is of pe dual (16 bits), not of scalable (8 bits): leave --pe out, or make a "
          "table with 'voltile energy --pe scalable'"), ("--pe", "scalable")),
        # Of the same precisions, MACs and layers.
        (table, "energy.csv is of pe scalable (8 bits), not of spatial (8 bits): ",
         ("--pe", "spatial")),
        (tables["spatial"], "energy.csv is of pe spatial (8 bits), not of scalable (8 bits): ",
         ("--pe", "scalable")),
        (edited(tmp_path / "wide.csv", table, ",scalable,8,", ",scalable,16,"),
         "wide.csv is of pe scalable (16 bits), not of scalable (8 bits)", ()),
        (edited(tmp_path / "old.csv", table, "\n2,", "\n1,"),
         "of version 1, and this Voltile reads version 2: make it again with 'voltile energy'", ()),
        (full_and_half, "precisions full, half; those of pe scalable are full, mixed, half", ()),
        (table, "has no policy iso-speed at 1 V for 'digits'", ("--policy", "iso-speed")),
        (table, "its reference supplies 0.8, 1 V", ("--vdd", 0.9)),
        (without_energy(tmp_path / "free.csv", table, "fc", "half"),
         "total_pj of layer 'fc' at half precision must be above 0, not 0", ()),
        (edited(tmp_path / "batch.csv", table, "digits,1,8", "digits,0,8"),
         "batch must be 1 or more and finite, not 0", ()),
        ("nosuch.csv", "nosuch.csv", ()),
    ):  # fmt: skip
        code, out, err = voltile("search", "digits", "--energy", name, *options, "--out", "out")
        err = re.sub(r"/\S+/", "", err)
        assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1
        assert fault in err
        assert not (tmp_path / "out").exists()


def write_inputs(path, **changed):
    with np.load(DATA) as arrays:
        np.savez(path, **({name: arrays[name] for name in arrays.files} | changed))
    return path


def test_rejects_inputs_that_do_not_fit(voltile, tmp_path, tables):
    with np.load(DATA) as arrays:
        x, y = arrays["x"], arrays["y"]
    nan = x.astype(float)
    nan[7, 0, 3, 3] = np.nan
    for changed, fault in (
        ({"x": x[:, :, :7]}, "are of (7, 8, 1) (height, width, channels), those of"),
        ({"x": x.astype(str)}, "x must be numbers of shape"),
        ({"x": nan}, "x must be finite, not nan"),
        ({"y": y[:5]}, "labels y must be 600 integers, not uint8 of shape (5,)"),
        ({"y": y.astype(float)}, "labels y must be 600 integers, not float64"),
        ({"y": np.where(np.arange(600) == 3, 10, y)},
         "labels must be from 0 to 9, not 10 (input 4)"),
    ):  # fmt: skip
        file = write_inputs(tmp_path / "x.npz", **changed)
        code, out, err = voltile("search", MODEL, "--calibration", file, *SMALL, "--energy",
                                 tables["scalable"], "--out", "out")  # fmt: skip
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith("error: ") and fault in err
        assert not (tmp_path / "out" / "operating_points.csv").exists()


def test_rejects_a_network_whose_results_are_not_finite(voltile, tmp_path, tables):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(MODEL))
    (bias,) = [item for item in model.graph.initializer if item.name == "conv3.bias"]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(48, np.nan, np.float32), "conv3.bias"))
    onnx.save(model, str(tmp_path / "nan.onnx"))
    code, out, err = voltile("search", "nan.onnx", "--calibration", DATA, "--energy",
                             tables["scalable"], "--out", "out")  # fmt: skip
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "conv3" in err and "finite" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["digit"], "'digit' is neither a file nor a built-in example; examples: digits"),
        (["nosuch.onnx", "--calibration", DATA], "'nosuch.onnx' is neither a file nor"),
        ([MODEL], "--calibration X.npz"),
        (["digits", "--vdd", 0.2], "0.2"),
        (["digits", "--calibration", "nosuch.npz"], "there is no such file"),
        (["digits", "--calset", 601], "calset must be up to 600, the inputs of "),
        (["digits", "--calset", 0], "calset must be 1 or more, not 0"),
        (["digits", "--pe", "systolic"], "pe must be scalable, spatial, dual, not systolic"),
        (["digits", "--policy", "iso"],
         "policy must be same-supply, iso-frequency, iso-throughput, not iso"),
        (["digits", "--evaluations", 50],
         "evaluations must be at least the population of 100, not 50"),
        (["digits", "--population", 10**12],
         "population must be from 3 to 10000, not 1000000000000"),
        (["digits", "--threshold", 0], "threshold must be positive, not 0"),
        (["digits", "--resolution", 0], "resolution must be above 0 and at most 1, not 0"),
    ],
)  # fmt: skip
def test_rejects_bad_options_and_writes_nothing(voltile, tmp_path, arguments, fault):
    code, out, err = voltile("search", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and fault in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_search_leaves_nothing_of_the_one_before(voltile, tmp_path, tables):
    again = ("search", "digits", "--energy", tables["scalable"], "--out", "out", *SMALL)
    assert voltile(*again)[0] == 0
    (tmp_path / "sun.csv").write_text("time_s,budget_j\n0,1e-5\n1,\n")
    assert voltile("budget", "sun.csv", "--run", "out", "--rate", 10)[0] == 0
    folder = tmp_path / "out" / "budget-sun"
    assert set(json.loads((folder / "budget.json").read_text())["stages"]) == {
        "controller", "outputs"
    }  # fmt: skip
    (tmp_path / "out" / "budget-mine").mkdir()
    (tmp_path / "out" / "budget-mine" / "notes.txt").write_text("mine")
    assert voltile(*again, "--threshold", 0.01)[0] == 0
    assert not folder.exists() and (tmp_path / "out" / "budget-mine" / "notes.txt").exists()


def test_an_output_folder_at_or_below_a_file_is_one_error(voltile, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "sun.csv").write_text("time_s,budget_j\n0,1e-5\n1,\n")
    for command in (
        ("search", "digits"), ("multilevel", "digits"), ("budget", "sun.csv", "--run", ".",
                                                         "--rate", 1)
    ):  # fmt: skip
        for out, fault in (
            ("file", "output folder file is a file"),
            ("file/a/b", "output folder file/a/b is below file, which is a file"),
        ):
            assert voltile(*command, "--out", out) == (2, "", f"error: {fault}\n")


def test_does_not_write_into_the_folder_of_its_table(tmp_path, tables):
    config = SearchConfig("digits", energy=tables["scalable"])
    with pytest.raises(VoltileError, match="is that of the energy table; choose another"):
        run_search(config, tables["scalable"].parent)


def test_keyword_spotting(keyword_spotting, voltile, tmp_path):
    """100 real inputs for calibration, 300 for testing, 16 and 8 bits."""
    model, _, _ = keyword_spotting
    data = model.with_name("kws01_dev.npz")
    code, out, err = voltile(
        "search", model, "--calibration", data, "--pe", "dual", "--evaluations", 60,
        "--population", 30, "--out", "out",
    )  # fmt: skip
    assert code == 0
    points = rows_of(tmp_path / "out" / "operating_points.csv")
    assert "11 layers of 2 precisions, 100 inputs" in err
    # Of 16 bits, within one of 300 of floating point (Table 3.2: FX16 is as good as FP32).
    assert abs(float(points[0]["top1_test"]) - 0.9) < 1.01 / 300
    assert float(points[-1]["saving"]) > 0.1 and float(points[-1]["kl_divergence"]) <= 0.5
