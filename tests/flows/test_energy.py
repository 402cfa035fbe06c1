"""`voltile energy`: what it leaves, what it says, what it refuses."""

import csv
import json

import numpy as np
import pytest
from pe_tables import write_pe_table

from voltile.core import Precision
from voltile.flows.energy import plots as energy_plots
from voltile.flows.energy.job import ENERGY_OUTPUTS, EnergyConfig, compute_energy
from voltile.flows.energy.plots import plot_breakdown, plot_layers, short_names
from voltile.sim import EnergyTable, network, read_workload

PARTS = ("pe_dynamic_pj", "pe_leakage_pj", "sram_pj", "dram_pj", "control_pj")


def test_leaves_the_documented_files(voltile, tmp_path):
    pytest.importorskip("pyarrow")
    code, out, err = voltile("energy", "kws_dscnn", "--pe", "dual", "--vdd", 1.0, 0.8)
    assert (code, err) == (0, "")
    folder = tmp_path / "runs" / "energy-kws_dscnn"
    assert {path.name for path in folder.iterdir()} == set(ENERGY_OUTPUTS)
    table = EnergyTable.read(folder / "energy.csv")
    assert EnergyTable.read(folder / "energy.json") == table
    assert EnergyTable.read(folder / "energy.parquet") == table
    layers = read_workload("kws_dscnn").layers
    assert len(table) == 3 * 2 * 2 * len(layers)
    assert table.columns["layer"][: len(layers)].tolist() == [layer.name for layer in layers]
    assert table.columns["macs"][: len(layers)].tolist() == [layer.macs for layer in layers]
    assert set(table.columns["precision"]) == {"full", "half"}
    assert table.hardware == {
        "rows": 8, "cols": 8, "dataflow": "os", "pe": "dual", "width": 16, "mode": "scale-sim",
        "tech": "freepdk45",
    }  # fmt: skip
    for name in ("layers.png", "breakdown.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    record = json.loads((folder / "run.json").read_text())
    assert record["command"]["network"] == "kws_dscnn"
    assert {path.rsplit("/", 1)[1] for path in record["inputs"]} >= {
        "pe_energy_freepdk45.csv", "cacti7_sram.csv", "control.csv", "manifest.toml"
    }  # fmt: skip
    assert "iso-throughput  full" in out and "45 nm" in out and "CV32E40P" in out
    assert "runs/energy-kws_dscnn/energy.csv" in out


def test_tables_name_what_was_asked_for(voltile, tmp_path):
    for arguments, hardware in (
        (("--array", "4x6", "--dataflow", "ws", "--pe", "spatial", "--tech", "sky130-spice"),
         (4, 6, "ws", "spatial", 8, "scale-sim", "sky130-spice")),
        (("--mode", "rtl"), (8, 8, "os", "scalable", 8, "rtl", "freepdk45")),
    ):  # fmt: skip
        assert voltile("energy", "kws_dscnn", *arguments, "--out", "net")[0] == 0
        table = EnergyTable.read(tmp_path / "net" / "energy.csv")
        assert tuple(table.hardware.values()) == hardware
        with (tmp_path / "net" / "reconfiguration.csv").open() as stream:
            (row,) = csv.DictReader(stream)
        assert {name: row[name] for name in table.hardware} == {
            name: str(value) for name, value in table.hardware.items()
        }


def test_weight_reconfiguration_is_relative_to_an_inference(voltile, tmp_path):
    voltile("energy", "resnet18", "--pe", "dual", "--batch", 2, "--out", "net")
    with (tmp_path / "net" / "reconfiguration.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    weights = network("resnet18").size("weights").sum()
    assert (int(row["weights"]), int(row["dram_bytes"])) == (weights, 2 * weights)
    assert int(row["sram_writes"]) == -(-8 * weights // 128)
    assert float(row["dram_pj"]) == pytest.approx(2 * weights * 8 * 8)
    table = EnergyTable.read(tmp_path / "net" / "energy.csv").columns
    full = (table["precision"] == "full") & (table["policy"] == "same-supply")
    assert float(row["inference_pj"]) == pytest.approx(table["total_pj"][full].sum() / 2)
    assert float(row["share"]) == pytest.approx(
        (float(row["dram_pj"]) + float(row["sram_pj"])) / float(row["inference_pj"]), rel=1e-5
    )


def test_elements_that_round_weights_need_no_reconfiguration(voltile):
    code, out, _ = voltile("energy", "ad_autoencoder", "--out", "net")
    assert code == 0
    assert "rounding all weights: nothing, these elements round them themselves" in out


def test_same_command_same_bytes(voltile, tmp_path):
    for folder in ("a", "b"):
        assert voltile("energy", "ic_resnet8", "--out", folder)[0] == 0
    for name in set(ENERGY_OUTPUTS) - {"run.json"}:
        if (tmp_path / "a" / name).exists():
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_energies_are_those_of_the_files(tmp_path):
    """An own table of energies doubles what it doubles, and nothing else."""
    own = write_pe_table(tmp_path / "pe.csv")
    twice = tmp_path / "twice.csv"
    lines = own.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:  # switching, internal, and their sum with leakage
        row[9] = str(float(row[9]) + float(row[10]) + float(row[11]))
        row[10], row[11] = (str(2 * float(item)) for item in row[10:12])
    twice.write_text("\n".join([lines[0], *(",".join(row) for row in rows)]) + "\n")
    first, second = (
        compute_energy(
            EnergyConfig("kws_dscnn", pe="spatial", pe_energy=path, precisions=("full",))
        )
        for path in (own, twice)
    )
    macs = first.energies.costs.macs
    more = second.energies.total - first.energies.total
    assert more[0, 0] == pytest.approx(macs * 2e-12, abs=1e-18)


def test_options_reach_the_model():
    base = compute_energy(EnergyConfig("kws_dscnn", pe="dual")).energies
    dram = compute_energy(EnergyConfig("kws_dscnn", pe="dual", dram="ddr3")).energies
    assert dram.parts["dram"] == pytest.approx(base.parts["dram"] * 70 / 8)
    slow = compute_energy(EnergyConfig("kws_dscnn", pe="dual", dram_bandwidth=1e8)).energies
    assert slow.stalls.sum() > base.stalls.sum() and (slow.total >= base.total).all()
    lowest = compute_energy(EnergyConfig("kws_dscnn", pe="dual", vdds=(0.6,))).energies
    assert (lowest.points.vdd == 0.6).all()
    # Two inferences together read the weights once, and otherwise take twice of everything or less.
    two = compute_energy(EnergyConfig("kws_dscnn", pe="dual", batch=2)).energies
    assert (two.costs.macs == 2 * base.costs.macs).all()
    assert (two.total.sum(axis=2) <= 2 * base.total.sum(axis=2)).all()
    sky130 = compute_energy(EnergyConfig("kws_dscnn", tech="sky130-spice"))
    assert any("CACTI has no 130 nm" in note for note in sky130.costs.notes)
    chosen = compute_energy(EnergyConfig("kws_dscnn", precisions=("half", "full")))
    assert chosen.energies.costs.precisions == (Precision.FULL, Precision.HALF)


def test_five_networks_at_three_precisions_and_nine_supplies_fit_in_the_model():
    vdds = tuple(np.linspace(0.6, 1.0, 9).tolist())
    names = ("resnet18", "resnet34", "resnet50", "squeezenet1.1", "mobilenet_v2")
    for name in names:
        found = compute_energy(
            EnergyConfig(name, pe="spatial", vdds=vdds, policies=("iso-throughput",))
        )
        total = found.energies.total.sum(axis=2)
        assert total.shape == (9, 3)
        assert (total[:, 2] < total[:, 1]).all() and (total[:, 1] < total[:, 0]).all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["nosuch"], "'nosuch' is neither a file nor a network"),
        (["kws_dscnn", "--array", "8"],
         "--array must be ROWSxCOLS of 1 to 999999 each, as 8x8, not '8'"),
        (["kws_dscnn", "--array", "0x8"], "at least one row and column, not 0 x 8"),
        (["kws_dscnn", "--array", "1x1"], "the port of an SRAM must have 16 bits or more"),
        (["kws_dscnn", "--dataflow", "rs"], "dataflow must be os, ws, is, not rs"),
        (["kws_dscnn", "--dataflow", "ws", "--mode", "rtl"], "accelerator is output stationary"),
        (["kws_dscnn", "--pe", "systolic"], "pe must be scalable, spatial, dual, not systolic"),
        (["kws_dscnn", "--pe", "dual", "--precision", "mixed"],
         "precision of dual elements must be full, half, not mixed"),
        (["kws_dscnn", "--mode", "exact"], "mode must be rtl, scale-sim, not exact"),
        (["kws_dscnn", "--policy", "iso", "same"],
         "policy must be same-supply, iso-frequency, iso-throughput, not iso; policy must be"),
        (["kws_dscnn", "--dram", "ddr5"], "dram must be lpddr4, lpddr2, ddr3, not ddr5"),
        (["kws_dscnn", "--dram-bandwidth", 0],
         "bandwidth of the DRAM must be 1e-06 GB/s or more, not 0"),
        (["kws_dscnn", "--dram-bandwidth", "nan"], "must be 1e-06 GB/s or more, not nan"),
        (["kws_dscnn", "--act-kib", -1], "'--act-kib': Input should be greater than or equal to 1"),
        (["kws_dscnn", "--out-kib", 0], "'--out-kib': Input should be greater than or equal to 1"),
        (["kws_dscnn", "--act-kib", 2],
         "act memory in two banks: an SRAM must have 2 to 1024 KiB (cacti7_sram.csv), not 2 KiB,"),
        (["kws_dscnn", "--vdd", 1.1], "characterised from 0.6 to 1 V, not at 1.1 V"),
        (["kws_dscnn", "--vdd", "nan"], "characterised from 0.6 to 1 V, not at nan V"),
        (["kws_dscnn", "--batch", 0], "batch"),
        (["kws_dscnn", "--tech", "nosuch"], "no technology 'nosuch'"),
        (["kws_dscnn", "--pe-energy", "nosuch.csv"], "nosuch.csv cannot be read: No such file"),
        (["resnet18", "--pe", "dual", "--mode", "rtl"], "layer 'stage4.0.conv2'"),
        ([], "Missing argument"),
    ],
)  # fmt: skip
def test_rejects_bad_input_and_writes_nothing(voltile, tmp_path, arguments, fault):
    code, out, err = voltile("energy", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and fault in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_does_not_write_over_its_input(voltile, tmp_path):
    own = write_pe_table(tmp_path / "energy.csv")
    before = own.read_bytes()
    code, _, err = voltile("energy", "kws_dscnn", "--pe-energy", own, "--out", tmp_path)
    assert (code, err) == (2, f"error: output folder {tmp_path} would overwrite the input {own}\n")
    assert own.read_bytes() == before
    own.rename(tmp_path / "pe.csv")
    code, _, err = voltile("energy", "kws_dscnn", "--pe-energy", "pe.csv", "--out", "out")
    assert code == 2 and "it has spatial 8/32" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["energy", "sweep"])
def test_an_output_folder_that_is_a_file_is_said_to_be(voltile, tmp_path, command):
    (tmp_path / "out").write_text("kept")
    assert voltile(command, "kws_dscnn", "--out", "out") == (
        2, "", "error: output folder out is a file\n"
    )  # fmt: skip
    assert (tmp_path / "out").read_text() == "kept"


def test_a_technology_without_memories_or_elements(voltile, toy_technology, tmp_path):
    manifest = toy_technology.files["toy.toml"]
    own = write_pe_table(tmp_path / "pe.csv")
    code, _, err = voltile("energy", "kws_dscnn", "--tech", manifest)
    assert code == 2 and "there are no energies of elements in" in err and "--pe-energy" in err
    code, _, err = voltile("energy", "kws_dscnn", "--tech", manifest, "--pe", "spatial",
                           "--pe-energy", own)  # fmt: skip
    assert code == 2 and "names no memories ([sram] tech_nm)" in err


def drawn(monkeypatch, plot, result):
    figures = []
    monkeypatch.setattr(energy_plots, "save_figure", lambda figure, path: figures.append(figure))
    plot(result, None)
    (figure,) = figures
    places = [text.get_text() for text in figure.axes[0].texts if "full at" in text.get_text()]
    return figure.get_supxlabel(), places


def test_pictures_keep_the_order_of_the_table_and_say_what_they_leave_out(monkeypatch):
    config = EnergyConfig("kws_dscnn", vdds=(0.8, 0.6, 1.0), policies=("iso-frequency",))
    result = compute_energy(config)
    caption, places = drawn(monkeypatch, plot_breakdown, result)
    assert caption.endswith("\nhighest and lowest of 3 supplies")
    assert places == ["iso-frequency\nfull at 0.6 V", "iso-frequency\nfull at 1 V"]
    caption, _ = drawn(monkeypatch, plot_layers, result)
    assert caption.endswith("\niso-frequency, full at 0.8 V, the first of 3 operating points")
    result = compute_energy(EnergyConfig("kws_dscnn", policies=("iso-frequency",)))
    for plot in (plot_breakdown, plot_layers):
        assert drawn(monkeypatch, plot, result)[0].endswith("freepdk45, lpddr4")


def test_long_names_are_cut():
    names = [f"/features/features.{number}/conv/conv.0/conv.0.0/Conv" for number in (1, 12)]
    assert short_names([*names, "/features/fc"]) == [
        "features.1/c…onv.0.0/Conv", "features.12/…onv.0.0/Conv", "fc"
    ]  # fmt: skip
    assert short_names(["conv_1", "conv_2"]) == ["conv_1", "conv_2"]
