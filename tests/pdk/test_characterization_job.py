"""The job around the measurements: what is kept, what comes out, and what goes wrong on the way.

Most tests measure by formula in this process; the last ones run ngspice.
"""

import csv
import json
import lzma
import re
import shutil
from dataclasses import dataclass, replace

import measured_cells as made
import numpy as np
import pytest
from inline_executor import Inline
from measured_cells import BIASES, BUF, CELLS, DFF, INV, LOADS, NAND2, SLEWS, TIE, measure
from test_characterization_config import COMMON, GENERATED

from voltile.core import ProgramError, TechnologyError, VoltileError, executor
from voltile.pdk import Layer, find_pdk, read_cell_library, read_technology
from voltile.pdk.characterization import job
from voltile.pdk.characterization.cell_sources import Subject, Subjects
from voltile.pdk.characterization.config import HeaderDesign, read_config
from voltile.pdk.characterization.header import HeaderMeasurement
from voltile.pdk.characterization.job import characterize
from voltile.pdk.characterization.liberty_writer import Conditions, MeasuredCell, liberty_text
from voltile.pdk.characterization.plan import Plan

VDDS = (0.6, 0.8, 1.0)
FEW = (INV, BUF, NAND2, TIE, DFF)
PRODUCTS = ("cells.lef", "tech.lef", "mixed_supply.npz", "slow_down.csv", "manifest.toml")


@dataclass(frozen=True)
class Made:
    """The cells of `measured_cells` in place of those of a file."""

    cells: tuple = FEW
    files: tuple = ()

    def read(self, patterns, site):
        subjects = {cell.name: Subject(cell, made.width_of(cell), LOADS[-1]) for cell in self.cells}
        return Subjects(subjects, {}, (made.SITE.width, made.SITE.height))


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Cells by formula: three supplies, two gate lengths, two corners of leakage."""
    text = COMMON.replace("slow", "ss_125C").replace("fast", "ff_100C")
    text = text.replace("inv_2", "BUF_X4").replace('"tie_1", "HI"', '"TIE_X1", "H"')
    text = text.replace('"tie_1", "LO"', '"TIE_X1", "L"')
    (tmp_path / "own.toml").write_text(text + GENERATED)
    for process in ("ss", "ff"):
        (tmp_path / f"models_{process}.inc").write_text(f"models of {process}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return replace(read_config(str(tmp_path / "own.toml")), source=Made())


@pytest.fixture
def calls(monkeypatch):
    """Measures by formula; lists what was measured as (cell, bias, vdd)."""
    calls = []

    def measure_cell(bench, bias, plan, settings, largest_load, corners):
        calls.append((bench.cell.name, bias, bench.vdd))
        return measure(bench.cell, bench.vdd, bias)

    def plan_cell(bench, settings, largest_load):
        calls.append((bench.cell.name, "plan", bench.vdd))
        return Plan(())

    monkeypatch.setattr(job, "measure_cell", measure_cell)
    monkeypatch.setattr(job, "plan_cell", plan_cell)
    monkeypatch.setattr(job.ngspice, "check_version", lambda: 39)
    return calls


def products(folder):
    """Bytes of every file but the records of the run."""
    files = [folder / name for name in PRODUCTS]
    files += sorted((folder / "lib").iterdir()) + sorted(folder.glob("measurements/*/*"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def without(fault_in, monkeypatch):
    """Lets one measurement fail."""
    measure_cell = job.measure_cell

    def failing(bench, bias, *others):
        if (bench.cell.name, bias, bench.vdd) == fault_in:
            raise VoltileError("it does not settle")
        return measure_cell(bench, bias, *others)

    monkeypatch.setattr(job, "measure_cell", failing)


# What comes out.


def test_technology_that_is_made_can_be_read(config, calls, tmp_path):
    summary = characterize(replace(config, source=Made(CELLS)), tmp_path / "out", Inline)
    assert (set(summary.cells), summary.left_out) == ({cell.name for cell in CELLS}, {})
    technology = read_technology(str(summary.manifest))
    assert (technology.name, technology.vdds, technology.biases) == ("own", VDDS, ("pb0", "pb1"))
    assert (technology.timing_corner, technology.leakage_corner) == ("ss_125C", "ff_100C")
    assert technology.sram is None
    assert technology.nominal_vdd == 1.0
    assert technology.slow_down == pytest.approx({"pb0": 0, "pb1": 0.06}, abs=1e-5)
    assert technology.lef.macros["DFF_X1"].width == pytest.approx(made.width_of(DFF))
    assert (technology.wire_resistance, technology.tile_gap) == (pytest.approx(3.57e6), 4)
    library = technology.library(0.8, "pb1")
    assert library.name == "own_pb1_ss_125C_0v80"
    at = library.cell_index[NAND2.name]
    for arc in np.flatnonzero(library.arc_cell == at):
        related = library.pin_name[library.arc_from[arc]]
        for edge, (start, end) in enumerate((("fall", "rise"), ("rise", "fall"))):
            key = (NAND2.name, related, "Y", start, end, "")
            table = library.arc_table[arc, edge, 0]
            assert library.tables.values[table, 1, 2] == pytest.approx(
                made.delay(key, 0.8, "pb1", SLEWS[1], LOADS[2]), rel=1e-4
            )
    for when, state in (("!A&!B", "00"), ("A&!B", "10"), ("!A&B", "01"), ("A&B", "11")):
        row = library.leakage_when.index(when, np.flatnonzero(library.leakage_cell == at)[0])
        assert library.leakage_value[row] == pytest.approx(
            made.leakage(NAND2, state, "ff_100C", 0.8, "pb1"), rel=2e-4
        )
    assert technology.mixed_supply.biases == BIASES[:2]


def test_slow_down_is_that_of_the_formula(config, calls, tmp_path):
    characterize(config, tmp_path / "out", Inline)
    with (tmp_path / "out" / "slow_down.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["bias"], row["gate_length_nm"], float(row["vdd_v"])) for row in rows] == [
        (bias, length, vdd) for bias, length in (("pb0", "50"), ("pb1", "52")) for vdd in VDDS
    ]
    for row in rows:
        slower = row["bias"] == "pb1"
        assert float(row["delay_factor"]) == pytest.approx(1.06 if slower else 1.0, rel=1e-5)
        for corner in ("ff_100C", "ss_125C"):
            assert float(row[f"leakage_factor_{corner}"]) == pytest.approx(0.7 if slower else 1.0)


def test_header_says_with_what_it_was_made(config, calls, tmp_path):
    characterize(config, tmp_path / "out", Inline)
    path = tmp_path / "out" / "lib" / "own_pb0_ss_125C_1v00.lib.xz"
    text = lzma.decompress(path.read_bytes()).decode()
    for words in ("Cells of our own.", "Cells and models: none", "ngspice-39", "reltol=",
                  "models_ss.inc: SHA-256 "):  # fmt: skip
        assert words in text
    assert str(tmp_path) not in text and "icence" not in text


def test_licence_is_that_of_the_configuration(config, calls, tmp_path):
    licence = "Measured by us. Licence: ours."
    characterize(replace(config, licence=licence), tmp_path / "out", Inline)
    path = tmp_path / "out" / "lib" / "own_pb0_ss_125C_1v00.lib.xz"
    head = lzma.decompress(path.read_bytes()).decode().partition("*/")[0]
    assert head.endswith(f" *\n * {licence}\n ")


def test_records_hold_hashes_failures_and_speed(config, calls, tmp_path, monkeypatch):
    without((INV.name, "pb1", 0.8), monkeypatch)
    characterize(config, tmp_path / "out", Inline)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert set(run["inputs"]) == {str(tmp_path / name) for name in (
        "own.toml", "models_ss.inc", "models_ff.inc")}  # fmt: skip
    assert run["versions"]["ngspice"] == "ngspice-39"
    assert set(run["stages"]) == {"cells", "plans", "measurements", "libraries"}
    found = json.loads((tmp_path / "out" / "characterization.json").read_text())
    assert found["left_out"] == {INV.name: "it does not settle"}
    arcs = sum(len(made.arc_keys(cell)) for cell in FEW if cell is not INV)
    assert found["point_edges"] == arcs * len(SLEWS) * len(LOADS) * len(VDDS) * 2
    assert found["point_edges_per_second"] > 0


def test_libraries_of_an_earlier_selection_go(config, calls, tmp_path):
    characterize(config, tmp_path / "out", Inline)
    characterize(config.selected(vdds=[0.8, 1.0], biases=["pb0"]), tmp_path / "out", Inline)
    assert {path.name for path in (tmp_path / "out" / "lib").iterdir()} == {
        "own_pb0_ss_125C_0v80.lib.xz", "own_pb0_ss_125C_1v00.lib.xz"
    }  # fmt: skip
    assert read_technology(str(tmp_path / "out" / "manifest.toml")).vdds == (0.8, 1.0)


# Headers.


@pytest.fixture
def headed(config, calls, monkeypatch):
    """Cells and a header by formula; lists the headers that are measured."""
    measured = []

    def measure_header(task):
        measured.append(task)
        shape = (len(task.vdds), len(task.ratios))
        vdd, ratio = np.meshgrid(task.vdds, task.ratios, indexing="ij")
        off = {corner.name: (1 - ratio) * vdd * 1e-3 for corner in task.leakage_corners}
        return HeaderMeasurement(
            task.vdds, task.ratios, (1e-3 / vdd / ratio).tolist(),
            tuple(vdd * 1e-9 for vdd in task.vdds),
            {name: table.reshape(shape).tolist() for name, table in off.items()},
        )  # fmt: skip

    monkeypatch.setattr(job, "measure_header", measure_header)
    design = HeaderDesign("pch", 0.6e-6, 0.0, 2, "DFF_X1")
    layers = {"metal9": Layer("VERTICAL", 0.8e-6, 1.5e-6, 0.03)}
    return replace(config, header=design, power_layers=layers), measured


def test_headers_are_measured_once_and_named_in_the_manifest(headed, calls, tmp_path):
    config, measured = headed
    config = replace(config, sram_nm=65, sram_note="the next")
    technology = read_technology(str(characterize(config, tmp_path / "out", Inline).manifest))
    assert (technology.sram.tech_nm, technology.sram.note) == (65, "the next")
    assert technology.sram.file.is_file()
    (task,) = measured
    assert (task.vdds, task.ratios) == (VDDS, (0.6, 0.8, 0.9, 1.0))
    assert (task.width, task.length) == pytest.approx((0.6e-6, 50e-9))
    assert technology.header.on_resistance(0.72, 0.8) == pytest.approx(1e-3 / 0.72, rel=1e-5)
    assert technology.header.off_current(0.8, 1.0, "ff_100C") == pytest.approx(0.2e-3, rel=1e-5)
    assert (technology.header.flip_flop, technology.header.well_gap) == ("DFF_X1", 2)
    assert technology.header.gate_pitch == pytest.approx(made.SITE.width)
    assert vars(technology.lef.layers["metal9"]) == pytest.approx(
        vars(config.power_layers["metal9"])
    )
    characterize(config, tmp_path / "out", Inline)
    assert len(measured) == 1
    characterize(config.selected(vdds=[0.8, 1.0]), tmp_path / "out", Inline)
    assert measured[1].ratios == (0.8, 0.9, 1.0)


def test_cells_do_not_depend_on_the_header(config, headed, calls, tmp_path):
    """What was measured without headers is kept when they are added."""
    characterize(config, tmp_path / "out", Inline)
    calls.clear()
    characterize(headed[0], tmp_path / "out", Inline)
    assert calls == [] and len(headed[1]) == 1


def test_header_that_fails_is_left_out(headed, tmp_path, monkeypatch):
    def measure_header(task):
        raise VoltileError("it does not settle")

    monkeypatch.setattr(job, "measure_header", measure_header)
    summary = characterize(headed[0], tmp_path / "out", Inline)
    assert summary.left_out == {"header": "it does not settle"}
    assert read_technology(str(summary.manifest)).header is None


# What is kept.


def test_second_run_measures_nothing(config, calls, tmp_path):
    characterize(config, tmp_path / "out", Inline)
    planned = {name for name, bias, _ in calls if bias == "plan"}
    assert planned == {cell.name for cell in FEW if cell.inputs and not cell.storage}
    assert len(calls) == len(planned) + len(FEW) * len(VDDS) * 2
    first = products(tmp_path / "out")
    calls.clear()
    characterize(config, tmp_path / "out", Inline)
    assert calls == []
    assert products(tmp_path / "out") == first


def test_parts_fit_together(config, calls, tmp_path):
    characterize(config, tmp_path / "whole", Inline)
    for part in ({"biases": ["pb1"]}, {"vdds": [0.6]}, {"cells": ["*AND*", "INV*"]}, {}):
        characterize(config.selected(**part), tmp_path / "parts", Inline)
    assert products(tmp_path / "parts") == products(tmp_path / "whole")
    assert len(calls) == 2 * len(set(calls))


def flipped(text, before):
    """The text with one bit turned at the end of what matches: a digit stays a digit."""
    content, at = bytearray(text.encode()), re.search(before, text).end() - 1
    content[at] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "binary", "other key", "other content", "one bit", "checksum"]
)
def test_damaged_measurement_is_made_again(config, calls, tmp_path, damage):
    characterize(config, tmp_path / "out", Inline)
    first = products(tmp_path / "out")
    calls.clear()
    path = tmp_path / "out" / "measurements" / INV.name / "pb1_0.800.json"
    text = path.read_text()
    path.write_bytes({
        "cut": text[: len(text) // 2].encode(),
        "empty": b"",
        "binary": bytes(range(256)),
        "other key": text.replace('"key":"', '"key":"f').encode(),
        "other content": (text[: text.index('"result":') + 9] + "{}}\n").encode(),
        "one bit": flipped(text, r'"delay":\D*\d'),
        "checksum": flipped(text, r'"sha256":"'),
    }[damage])  # fmt: skip
    characterize(config, tmp_path / "out", Inline)
    assert calls == [(INV.name, "pb1", 0.8)]
    assert products(tmp_path / "out") == first


def test_measurements_without_a_checksum_count(config, calls, tmp_path):
    """As earlier versions kept them."""
    characterize(config, tmp_path / "out", Inline)
    calls.clear()
    for path in (tmp_path / "out").glob("measurements/*/*"):
        path.write_text(re.sub(r'"sha256":"\w+",', "", path.read_text()))
    characterize(config, tmp_path / "out", Inline)
    assert calls == []


@pytest.mark.parametrize("change", ["models", "settings", "version", "simulator", "cell"])
def test_other_inputs_are_measured_again(config, calls, tmp_path, monkeypatch, change):
    characterize(config, tmp_path / "out", Inline)
    first = len(calls)
    calls.clear()
    if change == "models":
        (tmp_path / "models_ss.inc").write_text("others")
    elif change == "settings":
        config = replace(config, settings=replace(config.settings, same_delay=0.2))
    elif change == "version":
        monkeypatch.setattr(job, "MEASURING_VERSION", -1)
    elif change == "simulator":
        monkeypatch.setattr(job.ngspice, "check_version", lambda: 40)
    else:
        other = replace(INV, functions={"Y": "!(A)"})
        config = replace(config, source=Made((other, *FEW[1:])))
    characterize(config, tmp_path / "out", Inline)
    assert len(calls) == (1 + len(VDDS) * 2 if change == "cell" else first)


@pytest.mark.parametrize("after", [0, 3, 20])
def test_interrupted_job_goes_on(config, calls, tmp_path, after):
    characterize(config, tmp_path / "whole", Inline)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        characterize(config, tmp_path / "out", lambda: Inline(after, KeyboardInterrupt))
    assert not (tmp_path / "out" / "manifest.toml").exists()
    characterize(config, tmp_path / "out", Inline)
    assert products(tmp_path / "out") == products(tmp_path / "whole")


# What goes wrong.


def test_cell_that_fails_is_left_out_of_everything(config, calls, tmp_path, monkeypatch):
    without((NAND2.name, "pb0", 0.8), monkeypatch)
    seen = []
    summary = characterize(config, tmp_path / "out", Inline, seen.append)
    assert summary.left_out == {NAND2.name: "it does not settle"}
    assert set(summary.cells) == {cell.name for cell in FEW} - {NAND2.name}
    faults = [(step.cell, step.fault) for step in seen if step.fault]
    assert faults == [(NAND2.name, "it does not settle")]
    technology = read_technology(str(summary.manifest))
    assert NAND2.name not in technology.library(1.0).cell_index
    assert NAND2.name not in technology.lef.macros
    assert NAND2.name not in technology.mixed_supply.inputs


def test_cell_whose_measurements_do_not_fit_is_left_out(config, calls, tmp_path, monkeypatch):
    def measure_cell(bench, bias, *others):
        item = measure(bench.cell, bench.vdd, bias)
        return replace(item, arcs=item.arcs[:1]) if bench.vdd == 0.6 else item

    monkeypatch.setattr(job, "measure_cell", measure_cell)
    config = replace(config, source=Made((TIE, NAND2)))
    summary = characterize(config, tmp_path / "out", Inline)
    assert summary.cells == (TIE.name,)
    assert NAND2.name in summary.left_out[NAND2.name]


def test_without_any_cell_there_is_no_technology(config, calls, tmp_path, monkeypatch):
    without((INV.name, "pb1", 0.8), monkeypatch)
    with pytest.raises(VoltileError) as fault:
        characterize(replace(config, source=Made((INV,))), tmp_path / "out", Inline)
    assert str(fault.value) == "no cell could be characterised: INV_X1: it does not settle"
    assert not (tmp_path / "out" / "manifest.toml").exists()


def test_roles_that_no_cell_has_are_named(config, calls, tmp_path):
    roles = replace(config.roles, buffer_output="Q", tie_low=("TIE_X9", "L"))
    header = HeaderDesign("pch", 0.6e-6, 0.0, 2, "DFF_X9")
    assert characterize(config, tmp_path / "out", Inline).lacks == ""
    assert job._lacks(replace(config, roles=roles, header=header), config.subjects().cells) == (
        "voltile run cannot use this technology: no cell is buffer BUF_X4 A Q, tie_low TIE_X9 L, "
        "flip_flop DFF_X9"
    )


def test_dead_worker_is_replaced(config, calls, tmp_path):
    characterize(config, tmp_path / "whole", Inline)
    pools = [Inline(2), Inline(), Inline(7), Inline(1), Inline()]
    characterize(config, tmp_path / "out", lambda: pools.pop(0))
    assert pools == []
    assert products(tmp_path / "out") == products(tmp_path / "whole")


def test_workers_that_die_again_and_again_end_the_job(config, calls, tmp_path):
    with pytest.raises(ProgramError) as fault:
        characterize(replace(config, source=Made((TIE,))), tmp_path / "out", lambda: Inline(1))
    assert str(fault.value) == (
        "worker processes died 3 times, the last time with 3 tasks left, 'TIE_X1/pb1_0.600' "
        "first: is there enough memory? What is finished is kept"
    )


def test_missing_models_are_named(config, calls, tmp_path):
    (tmp_path / "models_ff.inc").unlink()
    with pytest.raises(TechnologyError) as fault:
        characterize(config, tmp_path / "out", Inline)
    assert str(fault.value) == (
        f"cannot read transistor models {tmp_path}/models_ff.inc: No such file or directory"
    )


def test_folder_that_cannot_be_written(config, calls, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(VoltileError) as fault:
        characterize(config, tmp_path / "out", Inline)
    assert str(fault.value) == (f"output folder {tmp_path}/out cannot be written: Not a directory")


def test_progress_counts_to_the_end(config, calls, tmp_path):
    seen = []
    characterize(config, tmp_path / "out", Inline, seen.append)
    steps = [step for step in seen if step.stage == "measurements"]
    total = len(FEW) * len(VDDS) * 2
    assert [step.done for step in steps] == list(range(total + 1))
    assert {step.total for step in steps} == {total}
    assert (steps[-1].left, steps[-1].cell_done) == (0, len(VDDS) * 2)
    assert steps[-1].rate > 0
    assert seen[-1].stage == "libraries"


# Anchoring.


@pytest.fixture
def foundry(tmp_path):
    """Libraries in which all is slower than measured, by a factor of each supply."""

    def write(vdd, factor):
        conditions = Conditions("foundry", "pb0", "ss_125C", 125.0, vdd, "ss_125C", "none")
        scaled = [
            replace(item, arcs=tuple(
                replace(arc, delay=tuple(tuple(factor * x for x in row) for row in arc.delay))
                for arc in item.arcs))
            for item in (measure(cell, vdd) for cell in FEW if cell is not BUF)
        ]  # fmt: skip
        cells = [cell for cell in FEW if cell is not BUF]
        path = tmp_path / f"foundry_{vdd}.lib"
        path.write_text(liberty_text(conditions, [
            MeasuredCell(cell, 1e-12, item) for cell, item in zip(cells, scaled, strict=True)
        ]))  # fmt: skip
        return path

    return {0.7: write(0.7, 1.3), 1.0: write(1.0, 1.1)}


def test_anchored_delays_are_the_foundrys(config, calls, tmp_path, foundry):
    plain = characterize(config, tmp_path / "plain", Inline)
    summary = characterize(replace(config, anchors=foundry), tmp_path / "out", Inline)
    technology, own = (read_technology(str(item.manifest)) for item in (summary, plain))
    assert technology.description == (
        "Cells of our own (Delay and output slew of each cell are scaled to the median delay of "
        "foundry_0.7.lib at 0.7 V, foundry_1.0.lib at 1 V.)"
    )
    # Ours at 0.7 V is interpolated in the logarithm between 0.6 and 0.8 V.
    low = 1.3 * made.speed(0.7, "pb0") / np.sqrt(made.speed(0.6, "pb0") * made.speed(0.8, "pb0"))
    for vdd, factor in ((0.6, low), (0.8, low + (1.1 - low) / 3), (1.0, 1.1)):
        for bias in ("pb0", "pb1"):
            library, other = technology.library(vdd, bias), own.library(vdd, bias)
            for name in (NAND2.name, DFF.name, BUF.name):
                rows = library.arc_cell == library.cell_index[name]
                timed = rows & (library.arc_type <= 2)
                for kind in (0, 1):  # delay and slew
                    tables = library.arc_table[timed][:, :, kind].ravel()
                    tables = tables[tables >= 0]
                    ratio = library.tables.values[tables] / other.tables.values[tables]
                    ratio = ratio[np.isfinite(ratio)]
                    expected = 1.0 if name == BUF.name else factor
                    assert ratio == pytest.approx(expected, rel=2e-4)
            checks = library.arc_type >= 3
            tables = library.arc_table[checks & (library.arc_type <= 8)][:, :, 0].ravel()
            tables = tables[tables >= 0]
            assert np.array_equal(library.tables.values[tables], other.tables.values[tables])


def test_anchors_that_cannot_be_used_are_errors_before_anything_is_measured(
    config, calls, tmp_path, foundry
):
    none = tmp_path / "none.lib"
    for anchors, part, message in (
        (foundry, {"vdds": [0.8, 1.0]},
         "anchoring at 0.7 V needs measurements around it, not from 0.8 to 1 V"),
        (foundry, {"biases": ["pb1"]}, "anchoring needs the first gate length, not only pb1"),
        ({1.0: none}, {}, f"{none}: cannot be read: No such file or directory"),
        ({0.9: foundry[1.0]}, {},
         f"anchor {foundry[1.0]} is characterised at 1 V, not at 0.9 V"),
    ):  # fmt: skip
        with pytest.raises(VoltileError) as fault:
            characterize(replace(config, anchors=anchors).selected(**part), tmp_path / "o", Inline)
        assert str(fault.value) == message
    assert calls == [] and not (tmp_path / "o").exists()


# Real workers, and the simulator.


@pytest.fixture
def simulated(tmp_path):
    """Two generated cells at two supplies and gate lengths; 2 x 2 tables."""
    if shutil.which("ngspice") is None:
        pytest.skip("needs ngspice")
    try:
        models = find_pdk("freepdk45") / "freepdk45/libs.tech/ngspice"
    except TechnologyError:
        pytest.skip("needs PDK freepdk45")
    text = COMMON.replace("[0.6, 0.8, 1.0]", "[0.8, 1.0]").replace("nch", "NMOS_VTL")
    text = text.replace("pch", "PMOS_VTL").replace("_VTL_{process}", "_VTL")
    text = text.replace("ratios = [0.8, 0.9]", "ratios = [0.8]").replace('"fast", ', "")
    for name in ("NMOS_VTL", "PMOS_VTL"):
        end = f'.inc"\nmodel = "{name}'
        text = text.replace(f"models_{{process}}{end}", f"{models}/models_{{process}}/{name}{end}")
    (tmp_path / "own.toml").write_text(text + GENERATED.replace("inv_x*", "inv_x1"))
    return read_config(str(tmp_path / "own.toml"))


def test_simulated_cells_are_the_same_from_one_worker_and_from_two(simulated, tmp_path):
    part = simulated.selected(cells=["nand2_x1"])
    for workers in (1, 2):
        out = tmp_path / str(workers)
        summary = characterize(part, out, lambda count=workers: executor(count))
        assert summary.left_out == {}
    assert products(tmp_path / "1") == products(tmp_path / "2")
    libraries = [read_cell_library(tmp_path / "1" / "lib" / f"own_{bias}_slow_{vdd}.lib.xz")
                 for bias, vdd in (("pb0", "1v00"), ("pb1", "1v00"), ("pb0", "0v80"))]  # fmt: skip
    fast, biased, low = (library.tables.values for library in libraries)
    table = libraries[0].arc_table[:, :, 0].ravel()
    # Longer gates and a lower supply are slower, everywhere in the tables.
    assert (biased[table] > fast[table]).all()
    assert (low[table] > fast[table]).all()
    assert (libraries[1].cell_leakage < libraries[0].cell_leakage).all()


def test_cell_that_does_not_work_is_reported_with_its_reason(simulated, tmp_path):
    """An inverter whose gates float: its output never moves."""
    inverter = simulated.subjects().cells["inv_x1"]
    netlist = inverter.cell.netlist
    floating = tuple(replace(item, gate="m") for item in netlist.transistors)
    netlist = replace(netlist, name="float_x1", transistors=floating)
    broken = replace(inverter, cell=replace(inverter.cell, netlist=netlist))

    class Both:
        files = ()

        def read(self, patterns, site):
            return Subjects({"inv_x1": inverter, "float_x1": broken}, {}, (0.19e-6, 1.4e-6))

    config = replace(simulated, source=Both()).selected(vdds=[1.0], biases=["pb0"])
    summary = characterize(config, tmp_path / "out", lambda: executor(2))
    assert summary.cells == ("inv_x1",)
    assert "float_x1" in summary.left_out["float_x1"]
