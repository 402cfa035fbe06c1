"""`voltile characterize`: its words, and one line of error for whatever cannot be used."""

import os
import shutil
import sys
from importlib.util import find_spec

import pytest

from voltile.core import TechnologyError
from voltile.flows.cli import _repeat_options, main
from voltile.pdk import find_pdk, read_technology
from voltile.pdk.characterization import job, ngspice

# Generated cells on transistor models that the test writes, or on those of the PDK.
CONFIG = """
name = "own"
description = "Cells of our own"
models = "none"
nominal_vdd_v = 1.0
vdds_v = [0.8, 1.0]
timing_corner = "slow"
leakage_corners = ["slow"]
gate = {{ drawn_nm = 50, lengths_nm = {{ pb0 = 50, pb1 = 52 }} }}
corners = {{ slow = {{ process = "ss", temperature_c = 125 }} }}

[layout]
end_diffusion_um = 0.105
shared_diffusion_um = 0.14
terminal_wire_ff = 0.05
gate_wire_ff_per_um = 0.15
gate_span_um = 1.2

[devices]
NMOS_VTL = {{ polarity = "n", file = "{models}/NMOS_VTL.inc", model = "NMOS_VTL" }}
PMOS_VTL = {{ polarity = "p", file = "{models}/PMOS_VTL.inc", model = "PMOS_VTL" }}

[tables]
slews_ns = [0.01, 0.1]
check_slews_ns = [0.05]
loads = [0.1, 1.0]
ratios = [0.8]
same_delay = 0.1

[cells]
generator = "freepdk45"
names = ["inv_x1", "inv_x2", "nand2_x1", "tie0_x1", "tie1_x1"]
max_load_ff_per_drive = 20

[site]
name = "unit"
tile_gap_sites = 4

[wire]
resistance_ohm_per_um = 3.57
capacitance_ff_per_um = 0.104

[roles]
buffer = "inv_x2"
buffer_input = "A"
buffer_output = "Y"
tie_high = ["tie1_x1", "Y"]
tie_low = ["tie0_x1", "Y"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a configuration whose transistor models are no models."""
    for name in ("NMOS_VTL", "PMOS_VTL"):
        (tmp_path / f"{name}.inc").write_text("* nothing\n")
    (tmp_path / "own.toml").write_text(CONFIG.format(models="."))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ngspice.check_version.cache_clear()
    yield tmp_path
    ngspice.check_version.cache_clear()


@pytest.fixture
def voltile(folder, monkeypatch, capsys):
    """Runs `voltile characterize`; gives exit code, output and error text."""

    def run(*arguments):
        words = ["voltile", "characterize", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


def fake_ngspice(folder, monkeypatch, version):
    """Put a program first on PATH that says it is ngspice."""
    program = folder / "bin" / "ngspice"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '** {version} : Circuit level simulation program'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


def test_help_has_examples(voltile):
    code, out, _ = voltile("--help")
    assert code == 0
    for words in ("voltile characterize sky130-spice --out", "--cells", "--vdd", "--bias",
                  "--workers", "--dask"):  # fmt: skip
        assert words in " ".join(out.split())


def test_options_take_several_words():
    words = ["c", "--cells", "inv*", "nand2_x1", "--vdd", "0.8", "1.0", "--bias", "pb0", "pb1",
             "--out", "d"]  # fmt: skip
    assert _repeat_options(words) == [
        "c", "--cells", "inv*", "--cells", "nand2_x1", "--vdd", "0.8", "--vdd", "1.0",
        "--bias", "pb0", "--bias", "pb1", "--out", "d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.toml", "--out", "o"),
         ("error: cannot read configuration none.toml: No such file or directory; "
          "built in are freepdk45, sky130-spice\n")),
        (("own.toml", "--out", "o", "--vdd", "0.9"),
         "error: own.toml has no supply of 0.9 V: it has 0.8, 1\n"),
        (("own.toml", "--out", "o", "--bias", "pb7"),
         "error: own.toml has no bias 'pb7': it has pb0, pb1\n"),
    ],
)  # fmt: skip
def test_rejects(voltile, folder, arguments, message):
    assert voltile(*arguments) == (2, "", message)
    assert not (folder / "o").exists()


def test_rejects_a_number_of_workers_below_one(voltile):
    code, _, error = voltile("own.toml", "--out", "o", "--workers", 0)
    assert code == 2
    assert "--workers" in error


def test_pdk_that_is_not_there(voltile, folder, monkeypatch):
    monkeypatch.setenv("PDK_ROOT", str(folder))
    code, _, error = voltile("freepdk45", "--out", "o")
    assert code == 2
    assert error.startswith(f"error: PDK 'freepdk45' not found in PDK_ROOT={folder}.")


def test_ngspice_that_is_missing(voltile, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    assert voltile("own.toml", "--out", "o")[::2] == (
        2, "error: program 'ngspice' is not installed; try: apt-get install ngspice\n"
    )  # fmt: skip


@pytest.mark.parametrize("version", ["ngspice-30", "something else"])
def test_ngspice_that_is_too_old(voltile, folder, monkeypatch, version):
    program = fake_ngspice(folder, monkeypatch, version)
    seen = version if version.startswith("ngspice") else "an unknown version"
    assert voltile("own.toml", "--out", "o")[::2] == (
        2, f"error: {program} is {seen}; ngspice-39 or newer is needed\n"
    )  # fmt: skip


def test_transistor_models_that_are_missing(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    (folder / "PMOS_VTL.inc").unlink()
    assert voltile("own.toml", "--out", "o")[::2] == (
        2, "error: cannot read transistor models PMOS_VTL.inc: No such file or directory\n"
    )  # fmt: skip


def test_cell_that_is_unknown(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    code, _, error = voltile("own.toml", "--out", "o", "--cells", "inv_x1", "nor*")
    assert code == 2
    assert error.endswith("error: no cell of own.toml matches 'nor*'\n")


def test_folder_that_cannot_be_written(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    code, _, error = voltile("own.toml", "--out", folder / "own.toml" / "x")
    assert code == 2
    assert error.endswith(f"output folder {folder}/own.toml/x cannot be written: Not a directory\n")


def test_bad_input_leaves_nothing_behind(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    assert voltile("own.toml", "--out", "o", "--cells", "nor*")[0] == 2
    assert not (folder / "o").exists()


def test_no_cell_left_is_an_error(voltile, folder, monkeypatch):
    """The models hold no transistor, so that no cell can be simulated."""
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    code, out, error = voltile("own.toml", "--out", "o", "--cells", "inv_x1", "--workers", 1)
    assert (code, out) == (2, "")
    assert error.splitlines()[-1] == (
        "error: no cell could be characterised: inv_x1: NMOS_VTL.inc: no model 'NMOS_VTL'"
    )


def test_one_reason_for_many_cells_is_said_once(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    text = (folder / "own.toml").read_text().replace('["inv_x1", "inv_x2", "nand2_x1"', '["n*2_x1"')
    (folder / "own.toml").write_text(text.replace(', "tie0_x1", "tie1_x1"]', ', "inv_x?"]'))
    code, _, error = voltile("own.toml", "--out", "o", "--workers", 1)
    assert code == 2
    assert error.splitlines()[-1] == (
        "error: no cell could be characterised: inv_x1, inv_x2, inv_x4 and 3 more: NMOS_VTL.inc: "
        "no model 'NMOS_VTL'"
    )


@pytest.mark.skipif(find_spec("distributed") is not None, reason="needs Dask not to be there")
def test_dask_without_its_package(voltile, folder, monkeypatch):
    fake_ngspice(folder, monkeypatch, "ngspice-39")
    code, _, error = voltile("own.toml", "--out", "o", "--dask", "tcp://127.0.0.1:1")
    assert code == 2
    assert error.endswith(
        "error: a Dask cluster needs the package 'distributed'; try: pip install 'voltile[dask]'\n"
    )


def test_failed_cells_are_named(voltile, folder, monkeypatch):
    summary = job.Summary(folder / "manifest.toml", ("inv_x1",), {"nor_x1": "it does not settle"},
                          "no cell is a buffer")  # fmt: skip
    monkeypatch.setattr(job, "characterize", lambda *arguments: summary)
    assert voltile("own.toml", "--out", "o", "--bias", "pb1") == (
        0,
        f"1 cells, 1 gate lengths, 2 supplies: {folder}/manifest.toml\n",
        ("warning: nor_x1 is left out: it does not settle\n"
         "warning: no cell is a buffer\n"),
    )  # fmt: skip


def test_technology_is_made(voltile, folder):
    if shutil.which("ngspice") is None:
        pytest.skip("needs ngspice")
    try:
        models = find_pdk("freepdk45") / "freepdk45/libs.tech/ngspice/models_{process}"
    except TechnologyError:
        pytest.skip("needs PDK freepdk45")
    (folder / "own.toml").write_text(CONFIG.format(models=models))
    part = ("--cells", "inv_x?", "tie?_x1", "--vdd", 1.0, "--bias", "pb0", "--workers", 1)
    code, out, error = voltile("own.toml", "--out", "o", *part)
    assert (code, out) == (0, "4 cells, 1 gate lengths, 1 supplies: o/manifest.toml\n")
    for words in ("plans ...", "inv_x2 (1 of 4", "libraries ..."):
        assert words in error
    technology = read_technology("o/manifest.toml")
    assert set(technology.library(1.0).cell_name) == {"inv_x1", "inv_x2", "tie0_x1", "tie1_x1"}
    assert voltile("own.toml", "--out", "o", *part)[0] == 0
