"""`voltile export`: a finished run as files for other tools, and one line for what cannot be."""

import csv
import json
import re
import shutil
import sys

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import PlacementInfeasible, run_program
from voltile.flows.cli import main
from voltile.flows.fine_vh.export import export_run
from voltile.flows.fine_vh.job import read_run

DESIGN = """
module counter(input clk, input rst_n, input en, input [7:0] step, output reg [7:0] count);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) count <= 0;
    else if (en) count <= count + (step ^ {count[0], count[7:1]});
endmodule
"""
RUN = ("run", "counter.v", "--tech", "tech/toy.toml", "--tiles", 2, "--points", 5, "--period", 1,
       "--intervals", 1, 2, "--workers", 1, "--out", "done")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a technology, a design, and a finished run of it."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "counter.v").write_text(DESIGN)
    (folder / "tech").mkdir()
    write_toy_technology(folder / "tech")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(sys, "argv", ["voltile", *map(str, RUN)])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0
    return folder


@pytest.fixture
def voltile(folder, monkeypatch, capsys):
    """Runs the command line inside `folder`; gives exit code, output and error text."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


def plan(folder):
    """(frequency, {tile: vdd}) of the narrow intervals of the 2 x 2 mesh, ascending."""
    rows = {}
    with (folder / "done" / "plan.csv").open() as stream:
        for row in csv.DictReader(stream):
            if (row["tiles"], row["dvdd_v"]) == ("2", "0.2000"):
                rows.setdefault(float(row["frequency_hz"]), {})[row["tile"]] = float(row["vdd_v"])
    return sorted(rows.items())


def test_export_writes_the_set_and_makes_nothing_anew(voltile, folder):
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "done").rglob("*")}
    code, out, err = voltile("export", "done")
    assert (code, err) == (0, "")
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "done").rglob("*")
             if "export" not in path.parts}  # fmt: skip
    assert {name: time for name, time in after.items() if name != "done"} == before
    names = {path.name for path in (folder / "done" / "export").iterdir()}
    assert names == {
        "counter.v", "counter.def", "counter.upf", "counter.sdc", "counter.spef",
        "counter_loads.spef", "openroad.tcl", "opensta.tcl", "vdd_0v800.lib", "vdd_1v000.lib",
    }  # fmt: skip
    # Of the points of the plan that which is most evenly at both supplies.
    with (folder / "done" / "curves.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if (row["scheme"], row["selection"],
                row["dvdd_v"]) == ("fine-vh", "search", "0.2000")]  # fmt: skip
    row = min(rows, key=lambda row: abs(float(row["area_at_low"]) - 0.5))
    frequency, low, high = (float(row[name]) for name in ("frequency_hz", "vdd_low_v",
                                                          "vdd_high_v"))  # fmt: skip
    supplies = next(vdds for asked, vdds in plan(folder) if asked == frequency)
    raised = sum(vdd == high for vdd in supplies.values())
    assert 0 < raised < 4
    line = (f"2 x 2 tiles at {frequency / 1e6:.2f} MHz: {raised} at {high:.3f} V, {4 - raised} at "
            f"{low:.3f} V; ")  # fmt: skip
    assert out.startswith(line) and "exports: done/export" in out
    reach = plan(folder)[-1][0] / 1e6
    assert (
        f"chosen of 5 points for the most even areas at both supplies; --frequency takes another, "
        f"up to {reach:.2f} MHz\n"
    ) in out
    # What the technology lacks, the exports lack.
    notes = re.findall(r"^note: technology toy has (one gate|no mixed|no headers)", out, re.M)
    assert notes == ["one gate", "no mixed", "no headers"]


def test_plan_of_the_state_table_is_that_of_the_run(voltile, folder):
    voltile("export", "done", "--tiles", 2, "--dvdd", 0.2, "--out", "elsewhere")
    upf = (folder / "elsewhere" / "counter.upf").read_text()
    rows = [line.split("{")[1].rstrip("}\n").split() for line in upf.splitlines()
            if line.startswith("add_pst_state")]  # fmt: skip
    expected = [[f"at_{vdd:.3f}".replace(".", "v") for vdd in supplies.values()]
                for _, supplies in plan(folder)]  # fmt: skip
    assert [row[3:] for row in rows] == expected


def test_frequency_is_served_by_the_next_point_of_the_plan(voltile, folder):
    frequencies = [frequency for frequency, _ in plan(folder)]
    asked = (frequencies[1] + frequencies[2]) / 2e6
    code, out, _ = voltile("export", "done", "--frequency", asked, "--out", "slower")
    assert code == 0 and f"at {frequencies[2] / 1e6:.2f} MHz" in out
    period = float((folder / "slower" / "counter.sdc").read_text().split()[4])
    assert period == pytest.approx(1e9 / frequencies[2], rel=1e-5)
    # As `voltile run` prints it, with fewer digits.
    code, out, _ = voltile("export", "done", "--frequency", f"{frequencies[-1] / 1e6:.2f}",
                           "--out", "slower")  # fmt: skip
    assert code == 0 and f"at {frequencies[-1] / 1e6:.2f} MHz" in out


def check_refused(result, *parts):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and len(err.splitlines()) == 1
    assert all(part in err for part in parts)


def test_export_rejects_a_mesh_width_or_frequency_that_the_run_has_not(voltile, folder):
    check_refused(voltile("export", "done", "--tiles", 3),
                  "the run has no mesh of 3 x 3 tiles: it has 2 x 2")  # fmt: skip
    check_refused(voltile("export", "done", "--dvdd", 0.3),
                  "the run has no Vdd interval of 0.3 V: it has 0.400, 0.200 V")  # fmt: skip
    reach = plan(folder)[-1][0] / 1e6
    for asked in (reach * 1.01, 0, -5, "nan"):
        check_refused(voltile("export", "done", "--frequency", asked),
                      f"frequency must be above 0 and at most {reach:.1f} MHz")  # fmt: skip


def test_export_rejects_a_folder_without_a_finished_run(voltile, folder):
    message = "nowhere holds no finished run; first: voltile run ... --out nowhere"
    check_refused(voltile("export", "nowhere"), message)
    (folder / "odd").mkdir(exist_ok=True)
    for text in ("", "[]", "{}", '{"command": {"color": "red"}}', '{"command": {"files": 3}}'):
        (folder / "odd" / "run.json").write_text(text)
        check_refused(voltile("export", "odd"), "odd/run.json is not the record of a run")


@pytest.mark.parametrize("stage", ["synthesis", "activity", "placement-2x2", "vdd-selection"])
def test_export_rejects_a_run_whose_stages_are_gone_or_of_other_inputs(voltile, folder, stage):
    copy = folder / "copy"
    shutil.copytree(folder / "done" / "stages", copy / "stages", dirs_exist_ok=True)
    shutil.copy(folder / "done" / "run.json", copy)
    kept = (copy / "stages" / f"{stage}.npz").rename(folder / "kept.npz")
    check_refused(voltile("export", "copy"), f"run folder copy: stage {stage} is missing",
                  "voltile run ... --out copy")  # fmt: skip
    kept.rename(copy / "stages" / f"{stage}.npz")
    record = json.loads((copy / "run.json").read_text())
    record["command"]["seed"] = 2
    (copy / "run.json").write_text(json.dumps(record))
    check_refused(voltile("export", "copy"), "was made from other inputs")
    assert not (copy / "export").exists()


def test_export_rejects_a_run_of_a_source_that_has_changed(voltile, folder):
    try:
        (folder / "counter.v").write_text(DESIGN + "// changed\n")
        check_refused(voltile("export", "done", "--out", "changed"), "stage synthesis")
    finally:
        (folder / "counter.v").write_text(DESIGN)
    assert not (folder / "changed").exists()


@pytest.fixture(scope="module")
def complete(folder):
    """A run on the embedded technology, with tiles that are large enough for power stripes."""
    run = ("run", "counter.v", "--tiles", 2, "--points", 3, "--intervals", 2, "--workers", 1,
           "--utilisation", 0.12, "--out", "complete")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["voltile", *map(str, run)])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0
    return folder / "complete"


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("at", range(3))
def test_run_with_vdd_mux_and_poly_bias_is_timed_alike_by_opensta(
    complete, at, tmp_path, monkeypatch
):
    monkeypatch.chdir(complete.parent)
    result = read_run(complete)
    summary = export_run(complete, tmp_path, None, None, float(np.sort(result.frequency)[at]))
    assert summary.slack >= 0 and summary.notes == ()
    log = run_program(["sta", "-no_splash", "-exit", "opensta.tcl"], tmp_path / "sta.log", tmp_path)
    assert "Warning" not in log and "Error" not in log
    theirs = float(re.search(r"^worst slack (\S+)$", log, re.MULTILINE).group(1)) * 1e-9
    assert theirs == pytest.approx(summary.slack, abs=1e-14)
    # The frequency holds with what the run counts, and the netlist has its longer gates.
    layout = result.layouts[2]
    text = (tmp_path / "counter.v").read_text()
    assert text.count("__pb") == np.count_nonzero(layout.bias["interface"].bias) > 0
    assert text.count("vdd_mux_") > 2 * layout.placement.grid.tile_rows
    assert "SHAPE STRIPE" in (tmp_path / "counter.def").read_text()


def test_tiles_too_small_for_power_stripes_have_none(complete, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PlacementInfeasible("2 x 2 tiles cannot hold their power stripes", 2)

    monkeypatch.chdir(complete.parent)
    monkeypatch.setattr("voltile.flows.fine_vh.export.make_power_grid", refuse)
    summary = export_run(complete, tmp_path, None, None, None)
    assert summary.notes == (
        "the layout has no power grid: 2 x 2 tiles cannot hold their power stripes",
    )
    text = (tmp_path / "counter.def").read_text()
    assert "STRIPE" not in text and "( * VDDL )" in text and "+ FIXED" in text
