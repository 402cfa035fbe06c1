"""`voltile dvfs` and `voltile workload` on the folder of a run."""

import csv
import json
import sys

import pytest

from voltile.core import file_hash
from voltile.flows.cli import main
from voltile.flows.dvfs.job import DVFS_COLUMNS, DVFS_OUTPUTS, PAIR_COLUMNS
from voltile.flows.fine_vh.outputs import MODE_COLUMNS, TILE_COLUMNS

# One tile and four; ideal-DVFS, and a pair of supplies for each of the others.
MODES = ",".join(MODE_COLUMNS) + """
ideal,1,0,0.8,0.8,1e8,1e-12,1e-6,
ideal,1,0,1,1,2e8,2e-12,2e-6,
hopping,1,0.2,0.8,1,1e8,1e-12,1e-6,
hopping,1,0.2,0.8,1,2e8,2e-12,2e-6,0
dithering,1,0.2,0.8,1,1e8,1e-12,1e-6,
dithering,1,0.2,0.8,1,2e8,2e-12,2e-6,0
fine-vh,2,0.2,0.8,1,1e8,1e-12,1e-6,
fine-vh,2,0.2,0.8,1,1.5e8,1.4e-12,1.5e-6,3 1
fine-vh,2,0.2,0.8,1,1.9e8,2e-12,2e-6,0 1 2 3
"""
TILES = ",".join(TILE_COLUMNS) + "\n1,0,4e-9,4e-12,0\n" + "".join(
    f"2,{tile},1e-9,1e-12,1e-14\n" for tile in range(4)
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a run folder `made`, of files written by hand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "modes.csv").write_text(MODES)
    (tmp_path / "made" / "tiles.csv").write_text(TILES)
    return tmp_path


@pytest.fixture
def voltile(monkeypatch, capsys):
    """Runs the command line; gives exit code, output and error text."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call


def write_trace(path, *rows):
    lines = (f"{time},{demand}\n" for time, demand in rows)
    path.write_text("time_s,frequency_hz\n" + "".join(lines))


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_dvfs_leaves_the_documented_files(voltile, folder):
    write_trace(folder / "trace.csv", (0, 5e7), (1e-3, 1.8e8), (2e-3, 0), (3e-3, ""))
    code, out, err = voltile("dvfs", "trace.csv", "--run", "made")
    assert (code, err) == (0, "")
    assert "made/dvfs-trace/dvfs.csv" in out
    for title in ("ideal-DVFS, free converter", "Vdd-dithering, 200 mV", "FINE-VH 2 x 2, 200 mV"):
        assert title in out
    out = folder / "made" / "dvfs-trace"
    assert {path.name for path in out.iterdir()} == set(DVFS_OUTPUTS)
    rows = rows_of(out / "dvfs.csv")
    assert tuple(rows[0]) == DVFS_COLUMNS
    assert [row["scheme"] for row in rows] == [
        "ideal", "ideal-free", "hopping", "dithering", "fine-vh"
    ]  # fmt: skip
    for row in rows:
        assert float(row["cycles"]) == 230e3
        parts = sum(float(row[f"{kind}_energy_j"])
                    for kind in ("dynamic", "leakage", "converter", "mux"))  # fmt: skip
        assert float(row["energy_j"]) == pytest.approx(parts, rel=1e-4)
    # Ideal-DVFS from 0.8 V to 0.96 V (and a little for the time lost) and back: 10 uF, 90 %.
    assert float(rows[0]["converter_energy_j"]) == pytest.approx(
        2 * 0.1 * 10e-6 * (0.96**2 - 0.8**2), rel=0.02
    )
    assert [float(row["converter_energy_j"]) for row in rows[1:]] == [0, 0, 0, 0]
    pairs = rows_of(out / "time_at_pairs.csv")
    assert tuple(pairs[0]) == PAIR_COLUMNS
    fine = [row for row in pairs if row["scheme"] == "fine-vh"]
    assert [(row["vdd_low_v"], row["vdd_high_v"]) for row in fine] == [("0.8", "1")]
    assert float(fine[0]["time_s"]) == pytest.approx(3e-3)
    record = json.loads((out / "dvfs.json").read_text())
    assert record["inputs"]["trace.csv"] == file_hash(folder / "trace.csv")
    assert record["command"]["converter"]["capacitance"] == pytest.approx(10e-6)
    for name in ("energy.png", "timeline.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_same_trace_gives_the_same_bytes(voltile, folder):
    voltile("workload", "bursts", "-o", "b.csv", "--run", "made", "--duration", 100)
    for name in ("one", "two"):
        assert voltile("dvfs", "b.csv", "--run", "made", "--out", name)[0] == 0
    for name in DVFS_OUTPUTS:
        if name != "dvfs.json":
            assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


def test_workloads_stay_within_the_reach_of_every_scheme(voltile, folder):
    for kind in ("bursts", "ramps"):
        code, out, _ = voltile("workload", kind, "-o", f"{kind}.csv", "--run", "made")
        assert code == 0 and out.startswith(f"{kind}.csv: ")
        demands = [float(row["frequency_hz"] or 0) for row in rows_of(folder / f"{kind}.csv")]
        assert 1e8 < max(demands) <= 1.9e8
        again = (folder / f"{kind}.csv").read_bytes()
        voltile("workload", kind, "-o", f"{kind}.csv", "--run", "made", "--seed", 1)
        assert (folder / f"{kind}.csv").read_bytes() == again
        voltile("workload", kind, "-o", f"{kind}.csv", "--run", "made", "--seed", 2)
        assert (folder / f"{kind}.csv").read_bytes() != again
        assert voltile("dvfs", f"{kind}.csv", "--run", "made")[0] == 0


def test_costs_are_taken_from_the_command_line(voltile, folder):
    write_trace(folder / "trace.csv", (0, 5e7), (1e-3, 1.8e8), (2e-3, ""))
    arguments = ("dvfs", "trace.csv", "--run", "made", "--out", "out", "--mux-time", 2000)
    assert voltile(*arguments, "--converter-capacitance", 1)[0] == 0
    small = {row["scheme"]: row for row in rows_of(folder / "out" / "dvfs.csv")}
    assert float(small["fine-vh"]["mux_time_s"]) == pytest.approx(2e-6)
    assert voltile(*arguments, "--converter-capacitance", 1, "--converter-efficiency", 0.8,
                   "--converter-current", 150, "--dithering-period", 50)[0] == 0  # fmt: skip
    other = {row["scheme"]: row for row in rows_of(folder / "out" / "dvfs.csv")}
    for column in ("converter_energy_j", "converter_time_s"):
        ratio = float(other["ideal"][column]) / float(small["ideal"][column])
        assert ratio == pytest.approx(2, rel=0.02)
    periods = [int(rows["dithering"]["mux_transitions"]) for rows in (small, other)]
    assert periods[1] == pytest.approx(2 * periods[0], abs=2)


def test_trace_out_of_reach_names_row_demand_and_reach(voltile, folder):
    write_trace(folder / "trace.csv", (0, 1e8), (1, 1.95e8), (2, 0))
    code, out, err = voltile("dvfs", "trace.csv", "--run", "made")
    assert (code, out) == (2, "")
    assert err == (
        "error: trace.csv:3: frequency_hz is 1.95e+08, beyond the reach of FINE-VH 2 x 2, 200 mV: "
        "at most 1.9e+08\n"
    )
    assert not (folder / "made" / "dvfs-trace").exists()


def test_failed_emulation_leaves_no_result_of_the_one_before(voltile, folder):
    write_trace(folder / "trace.csv", (0, 1e8), (1, 0))
    assert voltile("dvfs", "trace.csv", "--run", "made", "--out", "out")[0] == 0
    write_trace(folder / "trace.csv", (0, -1), (1, 0))
    assert voltile("dvfs", "trace.csv", "--run", "made", "--out", "out")[0] == 2
    assert list((folder / "out").iterdir()) == []


def test_inputs_are_not_written_over(voltile, folder):
    write_trace(folder / "made" / "dvfs.csv", (0, 1e8), (1, 0))
    code, _, err = voltile("dvfs", "made/dvfs.csv", "--run", "made", "--out", "made")
    assert (code, err) == (2, "error: output folder made would overwrite the input made/dvfs.csv\n")
    code, _, err = voltile("workload", "ramps", "-o", "made/modes.csv", "--run", "made")
    assert (code, err) == (2, "error: made/modes.csv would overwrite a file of the run made\n")
    assert (folder / "made" / "modes.csv").read_text() == MODES
    code, _, err = voltile("workload", "ramps", "-o", "nowhere/r.csv", "--run", "made")
    assert (code, err) == (
        2, "error: nowhere/r.csv cannot be written: there is no folder nowhere\n"
    )  # fmt: skip


ROW = "fine-vh,2,0.2,0.8,1,1e8,1e-12,1e-6,"
BAD_MODES = {
    "header": (MODES.replace("energy_j", "energy"), "made/modes.csv:1: the header must be scheme,"),
    "scheme": (MODES.replace("hopping", "jumping"),
               "made/modes.csv:4: scheme must be one of ideal, hopping, dithering, fine-vh, not "),
    "mesh": (MODES.replace(ROW, ROW.replace(",2,", ",3,")),
             "made/modes.csv:8: tiles must be that of a mesh in tiles.csv, not 3"),
    "mesh no number": (MODES.replace(ROW, ROW.replace(",2,", ",2x,")),
                       "made/modes.csv:8: tiles must be a whole number of 1 or more, not '2x'"),
    "energy": (MODES.replace(ROW, ROW.replace("1e-12", "-1e-12")),
               "made/modes.csv:8: energy_j must be above 0, not -1e-12"),
    "frequency": (MODES.replace(ROW, ROW.replace("1e8", "1e300")),
                  "made/modes.csv:8: frequency_hz must be 1e+12 or less, not 1e+300"),
    "leakage": (MODES.replace(ROW, ROW.replace("1e-6", "nan")),
                "made/modes.csv:8: leakage_w must be finite, not nan"),
    "tile": (MODES.replace(",3 1\n", ",3 4\n"),
             "made/modes.csv:9: raised must be numbers of tiles, 0 to 3, not '4'"),
    "supplies": (MODES.replace(ROW, ROW.replace(",0.8,1,", ",1.2,1,")),
                 "made/modes.csv:8: vdd_high_v must be above vdd_low_v, 1.2, not 1"),
    "two supplies of ideal-DVFS": (
        MODES.replace("ideal,1,0,1,1", "ideal,1,0,0.9,1"),
        "made/modes.csv:3: vdd_high_v must be equal to vdd_low_v, 0.9, not 1",
    ),
    "ideal-DVFS out of order": (
        MODES.replace("ideal,1,0,1,1,2e8", "ideal,1,0,1,1,1e7"),
        "made/modes.csv:3: frequency_hz must be above 1e+08, not 1e+07",
    ),
    "dithering with one end": (
        MODES.replace("dithering,1,0.2,0.8,1,2e8,2e-12,2e-6,0\n", ""),
        "made/modes.csv:6: vdd_low_v must be in two rows that follow each other, of one pair",
    ),
    "dithering in between": (
        MODES.replace("dithering,1,0.2,0.8,1,2e8,2e-12,2e-6,0\n",
                      "dithering,1,0.2,0.8,1,2e8,2e-12,2e-6,\n"),
        "made/modes.csv:7: raised must be empty in the first row of a pair, every tile in the ",
    ),
    "no ideal-DVFS": (",".join(MODE_COLUMNS) + "\n", "made/modes.csv has no modes of ideal-DVFS"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MODES)
def test_dvfs_rejects_modes(case, voltile, folder):
    text, message = BAD_MODES[case]
    (folder / "made" / "modes.csv").write_text(text)
    write_trace(folder / "trace.csv", (0, 1e8), (1, 0))
    code, out, err = voltile("dvfs", "trace.csv", "--run", "made")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TILES.replace("2,2,1e-9", "2,5,1e-9"),
         "made/tiles.csv:5: tile must be 2, which is the next, not 5"),
        (TILES.replace("2,3,1e-9,1e-12,1e-14\n", ""),
         "made/tiles.csv: tiles 2 needs 4 rows, not 3"),
        (TILES.replace("4e-12", "-4e-12"),
         "made/tiles.csv:2: rail_capacitance_f must be 0 or more, not -4e-12"),
        (TILES.replace("1e-14", "2"), "made/tiles.csv:3: header_gate_f must be 1 or less, not 2"),
        (TILES.replace("\n1,0", "\n" + 5000 * "9" + ",0"),
         "made/tiles.csv:2: tiles must be a whole number of 1 or more, not '9999"),
    ],
)  # fmt: skip
def test_dvfs_rejects_tiles(text, message, voltile, folder):
    (folder / "made" / "tiles.csv").write_text(text)
    write_trace(folder / "trace.csv", (0, 1e8), (1, 0))
    code, _, err = voltile("dvfs", "trace.csv", "--run", "made")
    assert code == 2
    assert err.startswith(f"error: {message}") and err.count("\n") == 1


def test_folder_without_modes_names_the_command_that_makes_them(voltile, folder):
    for command in (("dvfs", "trace.csv"), ("workload", "bursts", "-o", "b.csv")):
        code, _, err = voltile(*command, "--run", "empty")
        assert (code, err) == (
            2, "error: run folder empty has no modes.csv: 'voltile run --out empty' makes it\n"
        )  # fmt: skip


def test_help_shows_examples(voltile):
    code, out, _ = voltile("dvfs", "--help")
    assert code == 0 and "voltile dvfs bursts.csv --run runs/demo" in out
    code, out, _ = voltile("workload", "bursts", "--help")
    assert code == 0 and "voltile workload bursts -o bursts.csv" in out
