"""The main job from the command line, on a technology of our own."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import file_hash
from voltile.floorplan import Timer
from voltile.flows import RunConfig
from voltile.flows.cli import _repeat_options, main
from voltile.flows.dvfs.mode_files import read_modes
from voltile.flows.fine_vh.inputs import read_sources
from voltile.flows.fine_vh.job import read_run
from voltile.flows.fine_vh.outputs import CURVE_COLUMNS, PLAN_COLUMNS
from voltile.flows.fine_vh.report_tables import bias_distribution
from voltile.pdk import LibrarySet
from voltile.power import SwitchingCosts, Trace, emulate

COUNTER = """
module counter(input clk, input rst_n, input en, input [7:0] step, output reg [7:0] count);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) count <= 0;
    else if (en) count <= count + (step ^ {count[0], count[7:1]});
endmodule
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a manifest, its files, and a small design."""
    folder = tmp_path_factory.mktemp("main_job")
    (folder / "counter.v").write_text(COUNTER)
    (folder / "tech").mkdir()
    write_toy_technology(folder / "tech")
    return folder


@pytest.fixture
def voltile(folder, monkeypatch, capsys):
    """Runs the command line inside `folder`; gives exit code, output and error text."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("PDK_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    manifest = next((folder / "tech").glob("*.toml"))

    def run(*arguments):
        words = [word.replace("TECH", str(manifest)) for word in map(str, arguments)]
        monkeypatch.setattr(sys, "argv", ["voltile", *words])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


RUN = ("run", "counter.v", "--tech", "TECH", "--tiles", 1, 2, "--points", 5, "--period", 1)


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_run_leaves_the_documented_files(voltile, folder):
    code, out, err = voltile(*RUN, "--out", "first")
    assert code == 0
    assert "report: first/report.html" in out
    assert "  delay at typical, leakage at typical\n" in err
    for lack in ("one gate length", "no mixed-supply table", "no headers measured"):
        assert err.count(f"  technology toy has {lack}") == 1
    names = {path.name for path in (folder / "first").iterdir()}
    assert names == {
        "report.html", "curves.csv", "curves.png", "plan.csv", "plan.png", "layout.png",
        "area_at_low.png", "savings.png", "metrics.json", "run.json", "netlist.v", "modes.csv",
        "tiles.csv", "stages",
    }  # fmt: skip
    curves = rows_of(folder / "first" / "curves.csv")
    assert tuple(curves[0]) == CURVE_COLUMNS
    # ideal once; for each of two interval widths hopping, dithering, and two meshes by Algorithm 5
    # and by search; 5 frequencies
    assert len(curves) == 5 * (1 + 2 * (2 + 2 * 2))
    plan = rows_of(folder / "first" / "plan.csv")
    assert tuple(plan[0]) == PLAN_COLUMNS
    assert len(plan) == 5 * 2 * (1 + 4)
    metrics = json.loads((folder / "first" / "metrics.json").read_text())
    assert {"cells", "area_um2", "wns_s", "tiles", "savings", "stages"} <= set(metrics)
    assert {"wall_s", "peak_bytes"} <= set(metrics["stages"]["synthesis"])
    record = json.loads((folder / "first" / "run.json").read_text())
    assert any(name.endswith("counter.v") for name in record["inputs"])
    assert (folder / "first" / "report.html").read_text().endswith("</html>\n")


def test_curves_obey_what_the_schemes_promise(voltile, folder):
    voltile(*RUN, "--out", "first")
    curves = {}
    for row in rows_of(folder / "first" / "curves.csv"):
        assert row["bias"] == "none"  # the technology has one gate length
        key = row["scheme"], int(row["tiles"]), row["dvdd_v"], row["selection"]
        curves.setdefault(key, []).append(
            [float(row[name]) for name in CURVE_COLUMNS[3:9]]
        )
    ideal = np.array(curves["ideal", 1, "0.0000", ""])
    assert (np.diff(ideal[:, 1]) > 0).all()
    for (scheme, tiles, width, selection), values in curves.items():
        values = np.array(values)
        assert ((values[:, 5] > 0) & (values[:, 5] < values[:, 1])).all()
        assert np.array_equal(values[:, 0], ideal[:, 0])
        assert ((values[:, 4] >= 0) & (values[:, 4] <= 1)).all()
        if scheme in ("hopping", "dithering"):
            # A supply that fits exactly cannot be beaten by a coarser one.
            assert (values[:, 1] >= ideal[:, 1] * (1 - 1e-6)).all()
        if scheme == "fine-vh" and tiles == 1:
            # A single tile is Vdd-hopping on the same layout.
            hopping = np.array(curves["hopping", 1, width, ""])
            assert values[:, 1] == pytest.approx(hopping[:, 1], rel=1e-5)
        if selection == "search":
            published = np.array(curves[scheme, tiles, width, "algorithm-5"])
            assert (values[:, 1] <= published[:, 1]).all()


def test_modes_serve_every_frequency_at_the_power_of_the_curves(voltile, folder):
    voltile(*RUN, "--out", "first")
    modes = {(item.scheme, item.n, item.interval): item for item in read_modes(folder / "first")}
    assert len(modes) == 1 + 2 * (2 + 2)
    for row in rows_of(folder / "first" / "curves.csv"):
        item = modes[row["scheme"], int(row["tiles"]), float(row["dvdd_v"])]
        frequency = np.array([float(row["frequency_hz"])])
        done = emulate(item, Trace("flat", np.array([0.0, 2.0]), frequency, np.array([2])),
                       SwitchingCosts(mux_time=0))  # fmt: skip
        spent = done.dynamic_energy + done.leakage_energy
        if row["selection"] == "algorithm-5":
            assert spent <= 2 * float(row["power_w"]) * (1 + 1e-4)
        else:
            assert spent == pytest.approx(2 * float(row["power_w"]), rel=1e-4), item.title
        assert done.missed == 0
    for (scheme, _, _), item in modes.items():
        for low in sorted(set(item.vdd_low)) if scheme == "fine-vh" else ():
            mine = item.vdd_low == low
            # From all tiles at VddL on, each mode faster than the one before.
            assert not item.raised[mine][0].any()
            assert (np.diff(item.frequency[mine]) > 0).all()
    # The same cells, however they are cut.
    area = {}
    for row in rows_of(folder / "first" / "tiles.csv"):
        area[row["tiles"]] = area.get(row["tiles"], 0) + float(row["cell_area_m2"])
        assert float(row["rail_capacitance_f"]) > 0
    whole = json.loads((folder / "first" / "metrics.json").read_text())["area_um2"] * 1e-12
    assert area == pytest.approx({"1": whole, "2": whole})


def test_second_run_reads_finished_stages_and_gives_the_same_bytes(voltile, folder):
    voltile(*RUN, "--out", "first")
    before = {name: (folder / "first" / name).read_bytes() for name in ("curves.csv", "plan.csv",
              "netlist.v", "curves.png", "layout.png", "savings.png", "report.html")}  # fmt: skip
    _, _, err = voltile(*RUN, "--out", "first")
    assert err.count("read again") == 7
    code, _, err = voltile(*RUN, "--out", "elsewhere")
    assert code == 0 and "read again" not in err
    for name, content in before.items():
        assert (folder / "first" / name).read_bytes() == content
        assert (folder / "elsewhere" / name).read_bytes() == content


def test_other_inputs_are_not_served_from_an_old_stage(voltile, folder):
    voltile(*RUN, "--out", "first")
    _, _, err = voltile(*RUN, "--out", "first", "--utilisation", 0.6)
    assert "synthesis: read again" in err
    assert "placement: read again" not in err
    assert "activity: read again" not in err  # placed otherwise, it may have other buffers
    _, _, err = voltile(*RUN, "--out", "first", "--cycles", 128)
    assert "synthesis: read again" in err
    assert "activity: read again" not in err
    _, _, err = voltile(*RUN[:-1], 3, "--out", "first")
    assert "synthesis: read again" not in err


def test_a_change_of_an_included_or_loaded_file_is_a_change_of_the_source(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "inc").mkdir()
    (folder / "reads.v").write_text(
        '`include "width.vh"\n`include "deep.h"\nmodule reads; initial $readmemh("rom.hex", m);'
    )
    config = RunConfig(files=(Path("reads.v"),), includes=(Path("inc"),))
    keys = []
    for text in ("1", "2"):
        for name in ("width.vh", "inc/deep.h", "rom.hex"):
            (folder / name).write_text(text)
            keys.append(read_sources(config)[1])
    assert len(set(keys)) == 6
    assert keys[-1] == read_sources(config)[1]
    assert set(read_sources(config)[2]) == {"reads.v", "width.vh", "inc/deep.h", "rom.hex"}


def test_damaged_stage_is_made_anew(voltile, folder):
    voltile(*RUN, "--out", "damaged")
    stage = folder / "damaged" / "stages" / "placement-2x2.npz"
    stage.write_bytes(stage.read_bytes()[:100])
    (folder / "damaged" / "stages" / "supplies.npz").write_bytes(b"")
    code, _, err = voltile(*RUN, "--out", "damaged")
    assert code == 0
    assert "placement ..." in err and "supplies ..." in err and "synthesis: read again" in err


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        (signal.SIGINT, 130, "interrupted; finished stages are kept in stopped\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_interrupted_run_says_one_line_and_ends_at_once(number, code, last, folder):
    manifest = next((folder / "tech").glob("*.toml"))
    process = subprocess.Popen(
        [sys.executable, "-m", "voltile", *map(str, RUN[:2]), "--tech", manifest, "--tiles", "2",
         "--out", "stopped", "--seed", str(int(number))],
        cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        # A shell starts what it runs in the background with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert any(line == "placement ...\n" for line in process.stderr)
    time.sleep(0.5)
    start = time.monotonic()
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, last)
    assert time.monotonic() - start < 2
    assert (folder / "stopped" / "stages" / "synthesis.npz").is_file()


def test_library_snippet_of_the_readme_works_as_a_script(folder):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    snippet = readme.split("```python\n")[1].split("```")[0]
    (folder / "cpu.v").write_text(COUNTER.replace("counter", "cpu"))
    manifest = str(next((folder / "tech").glob("*.toml")))
    assert "tiles=(5, 7)" in snippet
    smaller = snippet.replace("tiles=(5, 7)", f"tiles=(2,), points=2, tech={manifest!r}")
    (folder / "script.py").write_text(smaller)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (folder / "runs" / "cpu" / "report.html").is_file()


def test_builtin_grid_runs_on_dot_products(voltile, folder):
    code, _, _ = voltile("run", "--rows", 1, "--cols", 2, "--tech", "TECH", "--tiles", 2,
                         "--points", 3, "--period", 1, "--cycles", 64, "--out", "grid")  # fmt: skip
    assert code == 0
    metrics = json.loads((folder / "grid" / "metrics.json").read_text())
    assert metrics["activity"].startswith("dot products")
    assert metrics["design"] == "grid_1x2"


def test_recorded_activity_and_constraints_are_taken(voltile, folder):
    (folder / "trace.csv").write_text(
        "rst_n,en,step\n0,0,0\n" + "".join(f"1,{k % 3 != 0:d},{k * 37 % 256}\n" for k in range(64))
    )
    (folder / "counter.sdc").write_text(
        "create_clock -period 2 [get_ports clk]\nset_false_path -from [get_ports rst_n]\n"
    )
    code, _, err = voltile(*RUN, "--activity", "trace.csv", "--sdc", "counter.sdc",
                           "--out", "recorded")  # fmt: skip
    assert code == 0, err
    assert "trace.csv" in json.loads((folder / "recorded" / "metrics.json").read_text())["activity"]
    inputs = json.loads((folder / "recorded" / "run.json").read_text())["inputs"]
    for name in ("counter.v", "trace.csv", "counter.sdc"):
        assert inputs[name] == file_hash(folder / name)


def test_ports_under_case_analysis_are_held_in_the_simulation(voltile, folder):
    energy = {}
    for level in (0, 1):
        (folder / "case.sdc").write_text(f"set_case_analysis {level} [get_ports en]\n")
        out = f"case{level}"
        code, _, err = voltile(*RUN[:5], 1, "--points", 2, "--sdc", "case.sdc", "--out", out)
        assert code == 0, err
        assert "warning" not in err
        metrics = json.loads((folder / out / "metrics.json").read_text())
        assert metrics["activity"].endswith(f", with en={level}")
        first = rows_of(folder / out / "curves.csv")[0]
        energy[level] = float(first["power_w"]) / float(first["frequency_hz"])
    # Without the enable the register never changes: only its clock and the inputs move.
    assert energy[0] < 0.7 * energy[1]


OUTPUTS = ("curves.csv", "metrics.json", "report.html", "run.json")
BAD = {
    "missing PDK": (
        ("run", "counter.v", "--tech", "sky130hd"),
        "PDK 'sky130A' not found in PDK_ROOT (unset)",
        "ciel enable --pdk-family sky130",
    ),
    "unknown technology": (
        ("run", "counter.v", "--tech", "nope"),
        ("no technology 'nope': built in are freepdk45, sky130-spice, sky130hd; or give a manifest "
         "file"),
    ),
    "unknown top": ((*RUN, "--top", "nope"), "Yosys: Module `nope' not found!"),
    "no source": (("run", "nope.v", "--tech", "TECH"), "source file nope.v does not exist"),
    "tiles": (
        (*RUN[:5], 2, 40, "--period", 1),
        "40 x 40 tiles are too many: a tile is",
        "use fewer tiles or a lower utilisation",
    ),
    "no tiles": ((*RUN[:5], 0), "tiles must be 1 or more, not 0"),
    "nothing left of a tile": (
        (*RUN, "--utilisation", 1), "tiles cannot be legalised", "a lower utilisation"
    ),
    "frequency below zero": (
        (*RUN, "--frequency", -5), "frequencies must be positive and finite, not -5 MHz"
    ),
    "seed below zero": ((*RUN, "--seed", -1), "seed must be 0 to 2147483647, not -1"),
    "seed of 33 bits": ((*RUN, "--seed", 1 << 32), "seed must be 0 to 2147483647, not 4294967296"),
    "large grid": (("run", "--rows", 500, "--cols", 500),
                   "the grid must have at most 1024 MACs, not 500 x 500"),
    "workers": ((*RUN, "--workers", -3), "workers must be 1 or more, not -3"),
    "no workers": ((*RUN, "--workers", 0), "workers must be 1 or more, not 0"),
    "intervals": ((*RUN, "--intervals", 100000), "intervals must be 1 to 64, not 100000"),
    "points": ((*RUN, "--points", 1), "points must be 2 to 1000, not 1"),
    "include": ((*RUN, "--include", "nope"), "include folder nope does not exist"),
    "macro": (
        (*RUN, "--define", "1X"), "a macro must be NAME or NAME=VALUE, without spaces, not 1X"
    ),
    "top outside": ((*RUN, "--top", "../x"), "top must be the name of a module, not ../x"),
    "grid of files": ((*RUN, "--rows", 2), "--rows and --cols are of the built-in grid"),
    "top of the grid": (("run", "--top", "x"), "--top, --include and --define are of source files"),
    "sdc": ((*RUN, "--sdc", "nope.sdc"), "SDC file nope.sdc does not exist"),
    "option": (("run", "--nope"), "No such option: --nope"),
    "number": (("run", "--tiles", "x"), "Invalid value for '--tiles'"),
    "frequency": (
        (*RUN, "--frequency", 1e6),
        "1000000.0 MHz is beyond the design's reach: at 1.00 V the slowest layout runs at up to",
    ),
    "period": ((*RUN[:-1], 0), "clock period must be positive and finite, not 0 ns"),
    "no period": ((*RUN[:-1], "inf"), "clock period must be positive and finite, not inf ns"),
    "utilisation": (
        (*RUN, "--utilisation", 1.5), "utilisation must be above 0 and at most 1, not 1.5"
    ),
    "activity": (
        (*RUN, "--activity", "nope.vcd"),
        "activity must be auto, random, or a VCD or CSV file that exists, not nope.vcd",
    ),
    "folder": ((*RUN, "--out", "counter.v/x"), "output folder counter.v/x is below counter.v"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_run_rejects(case, voltile, folder):
    arguments, *texts = BAD[case]
    out = () if "--out" in arguments else ("--out", "bad")
    code, _, err = voltile(*arguments, *out)
    assert code == 2
    fault = err.strip().splitlines()[-1]
    assert fault.startswith("error: ") and err.count("error: ") == 1
    assert all(text in fault for text in texts)
    assert not any((folder / "bad" / name).exists() for name in OUTPUTS)


def test_run_rejects_a_combinational_loop(voltile, folder):
    (folder / "ring.v").write_text(
        "module ring(input clk, en, output reg q); wire x = ~(en & x);"
        " always @(posedge clk) q <= x; endmodule"
    )
    code, _, err = voltile("run", "ring.v", "--tech", "TECH", "--tiles", 1, "--out", "bad")
    assert code == 2
    assert err.strip().splitlines()[-1] == "error: ring has a combinational loop: 'x'"


def test_run_rejects_an_unmapped_cell(voltile, folder):
    # No library here has a register with both an asynchronous set and a reset.
    (folder / "both.v").write_text(
        "module both(input clk, s, r, d, output reg q); always @(posedge clk or posedge s or"
        " posedge r) if (r) q <= 0; else if (s) q <= 1; else q <= d; endmodule"
    )
    code, _, err = voltile("run", "both.v", "--tech", "TECH", "--tiles", 1, "--out", "bad")
    assert code == 2
    assert err.strip().splitlines()[-1].startswith("error: ")
    assert not any((folder / "bad" / name).exists() for name in OUTPUTS)


def test_run_rejects_a_technology_of_one_supply(voltile, tmp_path):
    manifest = write_toy_technology(tmp_path)
    text = manifest.read_text()
    manifest.write_text(text[: text.index("[[library]]")]
                        + '[[library]]\nvdd_v = 1.0\nfile = "toy_1.00.lib"\n')  # fmt: skip
    code, _, err = voltile("run", "counter.v", "--tech", manifest, "--out", "bad")
    assert code == 2
    assert err == (
        "error: technology toy has one supply, 1.00 V: to compare supplies takes libraries of two "
        "or more\n"
    )


@pytest.mark.parametrize("which", [0, 2])
def test_run_rejects_a_liberty_file_cut_short_before_it_starts(which, voltile, folder, tmp_path):
    manifest = write_toy_technology(tmp_path)
    liberty = sorted(tmp_path.glob("**/*.lib"))[which]
    text = liberty.read_text()
    liberty.write_text(text[: len(text) // 2])
    code, _, err = voltile("run", "counter.v", "--tech", manifest, "--tiles", 1, "--out", "bad")
    assert code == 2
    fault = err.strip().splitlines()[-1]
    assert fault.startswith(f"error: {liberty}")
    assert "cut off?" in fault
    assert "synthesis" not in err


def test_failed_run_leaves_no_report_of_the_run_before(voltile, folder):
    command = (*RUN[:5], 1, "--points", 2, "--out", "again")
    assert voltile(*command)[0] == 0
    code, _, err = voltile(*command, "--frequency", 1e6)
    assert code == 2
    assert [path.name for path in (folder / "again").iterdir()] == ["stages"]
    code, _, err = voltile(*command)
    assert code == 0 and err.count("read again") == 7


def test_meshes_that_fit_are_chosen_and_a_missed_period_is_told(voltile, folder):
    (folder / "small.v").write_text(
        "module small(input clk, input [2:0] d, output reg [2:0] q);"
        " always @(posedge clk) q <= q + d; endmodule"
    )
    command = ("run", "small.v", "--tech", "TECH", "--points", 2, "--utilisation", 0.4)
    code, out, err = voltile(*command, "--period", 0.01, "--out", "small")
    assert code == 0, err
    metrics = json.loads((folder / "small" / "metrics.json").read_text())
    assert metrics["tiles"] == [3]
    for n in (5, 7):
        assert f"  left out: {n} x {n} tiles are too many: a tile is" in err
    assert "3 x 3 tiles, intervals of 200 mV" in out
    assert "warning: the clock period of 0.01 ns is missed by" in err
    assert "is missed by" in (folder / "small" / "report.html").read_text()
    assert "placement uncut: " in err and "placement: " in err


def test_rtl_writes_verilog(voltile, folder):
    code, out, _ = voltile("rtl", "grid", "--rows", 2, "--cols", 3, "-o", "grid.v")
    assert (code, out) == (0, "grid.v\n")
    assert "Grid(rows=2, cols=3" in (folder / "grid.v").read_text().splitlines()[0]
    code, _, _ = voltile("rtl", "mac", "--width", 4, "-o", "mac.v")
    assert code == 0 and "module mac" in (folder / "mac.v").read_text()
    for name, component in (("spatial", "SpatialMac(width=4, "), ("dual", "DualMac(width=4, ")):
        code, _, _ = voltile("rtl", name, "--width", 4, "-o", f"{name}.v")
        assert code == 0 and component in (folder / f"{name}.v").read_text().splitlines()[0]


def test_rtl_follows_links_and_writes_to_devices(voltile, folder):
    (folder / "link.v").symlink_to("target.v")
    assert voltile("rtl", "mac", "-o", "link.v")[0] == 0
    assert (folder / "link.v").is_symlink() and "module mac" in (folder / "target.v").read_text()
    reader, writer = os.pipe()
    device = Path(f"/dev/fd/{writer}")
    drained = ThreadPoolExecutor().submit(lambda: os.fdopen(reader).read())
    code, out, _ = voltile("rtl", "mac", "-o", device)
    os.close(writer)
    assert (code, out) == (0, "")
    assert drained.result(10) == (folder / "target.v").read_text()


def test_run_does_not_overwrite_an_input(voltile, folder):
    mine = folder / "mine"
    mine.mkdir()
    (mine / "netlist.v").write_text(COUNTER)
    code, _, err = voltile("run", "mine/netlist.v", "--tech", "TECH", "--out", "mine")
    assert code == 2
    assert err == "error: output folder mine would overwrite the input mine/netlist.v\n"
    assert (mine / "netlist.v").read_text() == COUNTER


def test_rtl_rejects_an_odd_width(voltile, folder):
    code, _, err = voltile("rtl", "mac", "--width", 5, "-o", "odd.v")
    assert (code, err) == (2, "error: width must be even and from 4 to 32, not 5\n")
    assert not (folder / "odd.v").exists()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("mac", "--acc-width", 100000), "acc_width must be from 16 to 128, not 100000"),
        (("dual", "--width", 1000, "--acc-width", 2000),
         "width must be even and from 4 to 32, not 1000"),
        (("array", "--width", 40), "width must be even and from 4 to 32, not 40"),
        (("array", "--rows", 500, "--cols", 500),
         "rows and cols must be at least 1, and at most 1024 elements together, not 500 and 500"),
        (("accelerator", "--rows", 0), "--rows must be even, at least 2, not 0"),
        (("accelerator", "--cols", 3), "--cols must be even, at least 2, not 3"),
        (("accelerator", "--act-kib", -1), "--act-kib must be from 1 to 16384 KiB, not -1"),
        (("accelerator", "--rows", 6, "--act-kib", 8),
         "--act-kib must be a multiple of 3 KiB, as both banks hold whole words of 48 bits, not 8"),
    ],
)  # fmt: skip
def test_rtl_rejects_sizes(voltile, folder, arguments, fault):
    code, _, err = voltile("rtl", *arguments, "-o", "x.v")
    assert (code, err) == (2, f"error: {fault}\n")
    assert not (folder / "x.v").exists()


@pytest.mark.parametrize("option", [("-o", ""), ("--out", ""), ("--out=",)])
def test_an_empty_output_is_rejected(voltile, folder, option):
    for command in (("rtl", "mac"), ("characterize-pe",)):
        code, _, err = voltile(*command, *option)
        assert (code, err) == (2, "error: --out is empty, but has to name what to write\n")


def test_rtl_rejects_a_folder_as_file(voltile, folder):
    code, _, err = voltile("rtl", "mac", "-o", folder)
    assert (code, err) == (2, f"error: {folder} cannot be written: it is a folder\n")


def test_what_takes_long_is_said(voltile, folder, monkeypatch):
    monkeypatch.setattr("voltile.hdl.write_verilog", lambda *_: time.sleep(2.3))
    code, _, err = voltile("rtl", "array", "-o", "long.v")
    assert (code, err) == (0, "array: Verilog of 64 processing element(s) ... 2 s\n")


def test_a_value_that_is_no_number_is_named(voltile):
    code, _, err = voltile("rtl", "mac", "--width", "wide", "-o", "mac.v")
    assert code == 2 and "--width" in err and "'wide'" in err


def test_rtl_rejects_a_folder_that_is_not_there(voltile):
    code, _, err = voltile("rtl", "mac", "-o", "nowhere/mac.v")
    assert code == 2
    assert err == "error: nowhere/mac.v cannot be written: there is no folder nowhere\n"


@pytest.mark.parametrize("arguments", [("run", "--nope"), ("rtl", "mac"), ("run", "--tiles", "x")])
def test_wrong_option_is_one_line(arguments, voltile):
    code, out, err = voltile(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("rtl",)])
def test_no_command_shows_the_help(arguments, voltile):
    _, out, err = voltile(*arguments)
    assert "Usage" in out and err == ""


def test_help_shows_examples(voltile):
    code, out, _ = voltile("run", "--help")
    assert code == 0 and "voltile run cpu.sv alu.sv" in out


def test_options_take_several_numbers():
    assert _repeat_options(["run", "a.v", "--tiles", "3", "5", "7", "--top", "x", "9"]) == [
        "run", "a.v", "--tiles", "3", "--tiles", "5", "--tiles", "7", "--top", "x", "9",
    ]  # fmt: skip
    assert _repeat_options(["run", "--tiles", "3", "b.v", "4"]) == [
        "run", "--tiles", "3", "b.v", "4",
    ]  # fmt: skip


def test_complete_flow_on_the_embedded_technology(voltile, folder):
    """Vdd-MUX, poly-bias of every kind and mixed-supply tables, without a PDK."""
    command = ("run", "counter.v", "--tiles", 2, "--points", 4, "--poly-bias", "all")
    code, out, err = voltile(*command, "--out", "complete")
    assert code == 0, err
    assert "ideal-DVFS with poly-bias on all cells" in out
    assert "  delay at ss_125C, leakage at ss_125C\nsynthesis" in err
    metrics = json.loads((folder / "complete" / "metrics.json").read_text())
    assert (metrics["corner_timing"], metrics["corner_leakage"]) == ("ss_125C", "ss_125C")
    page = (folder / "complete" / "report.html").read_text()
    assert "Delay at corner ss_125C (" in page and "leakage at corner ss_125C;" in page
    kinds = {
        (row["scheme"], row["bias"], row["selection"])
        for row in rows_of(folder / "complete" / "curves.csv")
    }
    assert kinds == {
        ("ideal", "none", ""), ("ideal", "all", ""), ("hopping", "none", ""),
        ("dithering", "none", ""), ("fine-vh", "none", "algorithm-5"),
        ("fine-vh", "interface", "algorithm-5"), ("fine-vh", "all", "algorithm-5"),
        ("fine-vh", "all", "search"),
    }  # fmt: skip
    result = read_run(folder / "complete")
    cut = result.layouts[2]
    assert cut.muxes is not None
    assert 0 < max(drop.max() for drop in cut.drop.values()) <= cut.largest_drop
    assert cut.largest_drop <= 0.03  # sized for 0.02 of what the uncut layout draws
    # What the tiles and the trunk of the clock take is the power of the curve, and the Vdd-MUX leak
    # in it; their rails and gates are what a change of tiles charges.
    for key, curve in result.fine_vh.items():
        power = result.tile_power[key]
        leakage = (power.leakage.sum(axis=1) + power.trunk_leakage)[power.state]
        np.testing.assert_allclose(leakage, curve.leakage)
        for at, (low, high) in enumerate(zip(curve.vdd_low, curve.vdd_high, strict=True)):
            assert 0 < cut.mux_leakage(low, high).sum() < leakage[at]
    fine = next(item for item in read_modes(folder / "complete") if item.scheme == "fine-vh")
    # 1.40621 fF/um at 1 V, by headers.csv.
    np.testing.assert_allclose(fine.header_gate, cut.muxes.header_width * 1.40621e-9, rtol=1e-5)
    # Poly-bias costs no more than a thousandth of the period, and touches what it may.
    technology = result.technology
    libraries = LibrarySet.of(technology, [technology.nominal_vdd], technology.biases)
    timer = Timer(cut.graph, libraries.libraries)
    for name, plan in cut.bias.items():
        period = timer.analyze(plan.bias, cut.wires).min_period
        assert period <= cut.min_period * 1.001 * (1 + 1e-9)
        assert plan.bias.any()
        assert name == "all" or not plan.bias[~cut.interface].any()
    row = metrics["layouts"][1]
    assert row["interface_cells"] == pytest.approx(cut.interface.mean())
    assert row["poly_bias"]["all"] == np.bincount(cut.bias["all"].bias, minlength=4).tolist()
    shares = {name: (cells, share) for name, cells, share in bias_distribution(result)}
    assert list(shares) == ["2 × 2 tiles", "2 × 2 tiles, all cells", "uncut, all cells"]
    assert shares["2 × 2 tiles"][0] == cut.interface.sum() < cut.graph.netlist.cells
    cells, share = shares["2 × 2 tiles, all cells"]
    np.testing.assert_allclose(share * cells, row["poly_bias"]["all"])
    # A mesh that wires make slow is warned about.
    assert not any("slower" in sentence for sentence in result.warnings)
    longer = replace(cut.placement, net_length=30 * cut.placement.net_length)
    slow = replace(result, layouts={**result.layouts, 2: replace(cut, placement=longer)})
    assert any(sentence.startswith("2 x 2 tiles are ") and "slower than" in sentence
               for sentence in slow.warnings)  # fmt: skip
    # So are nets that become too long for any drive.
    assert not any("load their drivers" in sentence for sentence in result.warnings)
    assert all(layout["overloaded_nets"] == 0 for layout in metrics["layouts"])
    loads = slow.layouts[2].relative_load
    worst = f"is {cut.graph.netlist.net_name[loads.argmax()]} with {loads.max():.2f} times as much"
    assert any(f"{(loads > 1).sum()} in 2 x 2 tiles" in sentence and sentence.endswith(worst)
               for sentence in slow.warnings)  # fmt: skip
    # So are cells of which the mixed-supply table knows too little.
    assert not any("mixed-supply" in sentence for sentence in result.warnings)
    table, lacking = technology.mixed_supply, replace(technology)
    lacking.__dict__["mixed_supply"] = replace(
        table, arcs=(), delay=table.delay[..., :0], slew=table.slew[..., :0]
    )
    gates = {result.netlist.library.cell_name[kind] for kind in result.netlist.cell_type}
    clocked = ("dff", "icg", "tie")
    named = ", ".join(sorted(name for name in gates if not name.startswith(clocked)))
    assert replace(result, technology=lacking).warnings[-1].startswith(
        f"the mixed-supply table of technology freepdk45 lacks arcs, setups or states of {named}: "
    )
    # Headers follow the intervals, so that nothing of the mesh stays.
    code, _, err = voltile(*command, "--intervals", 2, "--out", "complete")
    assert code == 0 and "placement uncut: read again" in err
    assert "placement: read again" not in err and "poly-bias: read again" not in err


def test_tiles_without_cells_are_as_good_as_any(voltile, folder):
    """A design of five registers' worth of cells on 25 tiles."""
    (folder / "few.v").write_text(
        "module few(input clk, input [2:0] d, output reg [2:0] q);"
        " always @(posedge clk) q <= q + d; endmodule"
    )
    code, _, err = voltile("run", "few.v", "--tech", "TECH", "--tiles", 5, "--points", 3,
                           "--utilisation", 0.1, "--intervals", 2, "--out", "few")  # fmt: skip
    assert code == 0, err
    tiles = [row for row in rows_of(folder / "few" / "tiles.csv") if row["tiles"] == "5"]
    empty = [row for row in tiles if float(row["cell_area_m2"]) == 0]
    assert len(tiles) == 25 and 0 < len(empty) < 25
    assert all(float(row["rail_capacitance_f"]) == 0 for row in empty)
    power = [float(row["power_w"]) for row in rows_of(folder / "few" / "curves.csv")]
    assert np.isfinite(power).all() and min(power) > 0
    for command in (("export", "few"), ("workload", "bursts", "-o", "few.csv", "--run", "few"),
                    ("dvfs", "few.csv", "--run", "few")):  # fmt: skip
        code, _, err = voltile(*command)
        assert code == 0, err
    upf = (folder / "few" / "export" / "few.upf").read_text()
    assert upf.count("create_power_domain") >= 25


def test_meshes_whose_vdd_mux_do_not_fit_are_left_out_or_refused(voltile, folder):
    """Left out are those that nobody asked for."""
    command = ("run", "counter.v", "--points", 2, "--intervals", 2, "--poly-bias", "none")
    code, _, err = voltile(*command, "--out", "tight")
    assert code == 0, err
    fault = "cannot hold their Vdd-MUX: tile "
    assert f"  left out: 3 x 3 tiles {fault}" in err and f"  left out: 5 x 5 tiles {fault}" in err
    assert "  left out: 7 x 7 tiles are too many: " in err
    assert json.loads((folder / "tight" / "metrics.json").read_text())["tiles"] == [2]
    assert read_run(folder / "tight").config.tiles == (2,)
    code, _, err = voltile(*command, "--tiles", 3, "--out", "tight")
    assert code == 2
    assert err.splitlines()[-1].startswith(f"error: 3 x 3 tiles {fault}")
    assert err.endswith(
        "use other tiles, or allow a larger drop (--tiles, --utilisation, --drop)\n"
    )
    # What is kept of the mesh says so, too.
    assert "placement: read again" in err
    assert not any((folder / "tight" / name).exists() for name in OUTPUTS)


def test_intervals_that_the_mixed_supply_table_lacks_are_refused(voltile):
    code, _, err = voltile("run", "counter.v", "--intervals", 1)
    assert code == 2
    assert err == (
        "error: too few intervals, 1: VddL 0.60 V is 0.60 of VddH 1.00 V, and technology "
        "freepdk45 knows cells with drivers at 0.75 of their supply and more; use narrower "
        "intervals\n"
    )
