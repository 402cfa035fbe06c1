"""What a characterisation is told: every key checked; cells from lists, netlists and Liberty."""

from pathlib import Path

import pytest
from test_cell_generator import FALLING_GATE, changed

from voltile.core import TechnologyError
from voltile.pdk import Layer, Sequential, SequentialKind, find_pdk
from voltile.pdk.characterization.cell_generator import read_cell_list
from voltile.pdk.characterization.config import HeaderDesign, builtin_configs, read_config

COMMON = """
name = "own"
description = "Cells of our own"
models = "none"
nominal_vdd_v = 1.0
vdds_v = [0.6, 0.8, 1.0]
timing_corner = "slow"
leakage_corners = ["fast", "slow"]

[gate]
drawn_nm = 50
lengths_nm = { pb0 = 50, pb1 = 52 }

[layout]
end_diffusion_um = 0.1
shared_diffusion_um = 0.14
terminal_wire_ff = 0.05
gate_wire_ff_per_um = 0.15
gate_span_um = 1.2

[devices.nch]
polarity = "n"
file = "models_{process}.inc"
model = "nch_{process}"

[devices.pch]
polarity = "p"
file = "models_{process}.inc"
model = "pch_{process}"

[corners]
slow = { process = "ss", temperature_c = 125 }
fast = { process = "ff", temperature_c = -40 }

[tables]
slews_ns = [0.01, 0.1]
check_slews_ns = [0.05]
loads = [0.1, 1.0]
ratios = [0.8, 0.9]
same_delay = 0.1

[site]
name = "unit"
tile_gap_sites = 4

[wire]
resistance_ohm_per_um = 3.57
capacitance_ff_per_um = 0.104

[roles]
buffer = "inv_2"
buffer_input = "A"
buffer_output = "Y"
tie_high = ["tie_1", "HI"]
tie_low = ["tie_1", "LO"]
"""
GENERATED = """
[cells]
generator = "freepdk45"
names = ["inv_x*", "nand2_x1"]
max_load_ff_per_drive = 20
"""
NETLISTS = """
[cells]
netlists = "cells.sp"
scale = 1e-6
power = "VDD"
ground = "VSS"
well_power = "VDD"
well_ground = "VSS"
lef = ["cells.lef"]
names = ["*"]
"""
# Name, pins, and transistors: drain gate source, n first.
CELLS = {
    "inv_2": ("A Y", "Y A VSS", "Y A VDD"),
    "nand_1": ("A B Y", "Y A m; m B VSS", "Y A VDD; Y B VDD"),
    "wrong_1": ("A B Y", "Y A VSS; Y B VSS", "Y A m; m B VDD"),
    "loop_1": ("A Y", "Y A VSS; A Y VSS", "Y A VDD; A Y VDD"),
    "float_1": ("A Y", "Y m VSS; Y A VSS", "Y m n; n A VDD"),
    "plain": ("A Y", "Y A VSS", "Y A VDD"),
    "tall_1": ("A Y", "Y A VSS", "Y A VDD"),
    "homeless_1": ("A Y", "Y A VSS", "Y A VDD"),
}
RESISTORS = """
.subckt tie_1 HI LO VDD VSS
R1 VDD HI short w=1 l=1
R2 LO VSS short w=1 l=1
.ends
.subckt pull_1 A Y VDD VSS
R1 VDD Y 1000
M1 Y A VSS VSS nch w=1 l=0.05
.ends
"""
LIBERTY = """
library (own) {
  capacitive_load_unit (1, pf);
  cell (inv_2) {
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "!A"; max_capacitance : 0.05; }
  }
  cell (nand_1) {
    pin (B) { direction : input; }
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "!(A&B)"; }
  }
  cell (wrong_1) {
    pin (A) { direction : input; }
    pin (B) { direction : input; }
    pin (Y) { direction : output; function : "!(A&B)"; max_capacitance : 0.05; }
  }
  cell (plain) { pin (A) { direction : input; } pin (Y) { direction : output; } }
  cell (tall_1) {
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "!A"; max_capacitance : 0.05;
      timing () { related_pin : "A"; timing_type : three_state_enable;
                  cell_rise (scalar) { values ("1"); } rise_transition (scalar) { values ("1"); }
                  cell_fall (scalar) { values ("1"); } fall_transition (scalar) { values ("1"); } }
    }
  }
  cell (homeless_1) {
    pin (A) { direction : input; }
    pin (Z) { direction : output; function : "!A"; max_capacitance : 0.05; }
  }
  cell (tie_1) {
    pin (HI) { direction : output; function : "1"; max_capacitance : 0.5; }
    pin (LO) { direction : output; function : "0"; max_capacitance : 0.4; }
  }
  cell (pull_1) {
    pin (A) { direction : input; }
    pin (Y) { direction : output; function : "!A"; max_capacitance : 0.05; }
  }
}
"""


def netlist_text():
    lines = []
    for name, (pins, n_type, p_type) in CELLS.items():
        lines.append(f".subckt {name} {pins} VDD VSS")
        for kind, bulk, devices in (("nch", "VSS", n_type), ("pch", "VDD", p_type)):
            for at, device in enumerate(devices.split("; ")):
                lines.append(f"M{kind}{at} {device} {bulk} {kind} w=0.4 l=0.05")
        lines.append(".ends")
    return "\n".join(lines) + RESISTORS


def lef_text():
    macros = [f"MACRO {name}\n  SIZE {0.2 * (at + 2):.1f} BY {1.4 if 'tall' not in name else 2.8} ;"
              f"\nEND {name}\n" for at, name in enumerate((*CELLS, "tie_1", "pull_1"))
              if "homeless" not in name]  # fmt: skip
    return "SITE unit\n  SIZE 0.2 BY 1.4 ;\nEND unit\n" + "".join(macros)


@pytest.fixture
def write(tmp_path):
    """Writes a configuration beside netlists, LEF and Liberty; reads it."""
    (tmp_path / "cells.sp").write_text(netlist_text())
    (tmp_path / "cells.lef").write_text(lef_text())
    (tmp_path / "cells.lib").write_text(LIBERTY)

    def read(text):
        (tmp_path / "own.toml").write_text(text)
        return read_config(str(tmp_path / "own.toml"))

    return read


def test_config_is_in_si_units(write, tmp_path):
    config = write(COMMON + GENERATED)
    assert (config.name, config.vdds, config.nominal_vdd) == ("own", (0.6, 0.8, 1.0), 1.0)
    assert config.lengths == pytest.approx({"pb0": 50e-9, "pb1": 52e-9})
    assert config.drawn_length == pytest.approx(50e-9)
    assert config.planned_at == pytest.approx((1.0, 50e-9))
    assert config.layout.shared_diffusion == pytest.approx(0.14e-6)
    assert config.layout.terminal_wire == pytest.approx(0.05e-15)
    assert config.layout.gate_wire == pytest.approx(0.15e-15 / 1e-6)
    assert config.settings.slews == pytest.approx((10e-12, 100e-12))
    assert config.settings.ratios == (0.8, 0.9)
    assert config.wire_resistance == pytest.approx(3.57e6)
    assert config.wire_capacitance == pytest.approx(0.104e-15 / 1e-6)
    slow, (fast, same) = config.timing_corner, config.leakage_corners
    assert (slow.name, slow.temperature, fast.temperature, same) == ("slow", 125, -40, slow)
    assert fast.devices["pch"].file == tmp_path / "models_ff.inc"
    assert (fast.devices["pch"].name, fast.devices["pch"].polarity) == ("pch_ff", "p")
    assert config.model_files == (tmp_path / "models_ff.inc", tmp_path / "models_ss.inc")
    assert config.anchors == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "own"', "", "name is missing: it must be a name of letters, digits, _ and -"),
        ('name = "own"', 'name = "../own"',
         "name must be a name of letters, digits, _ and -, not '../own'"),
        ('"Cells of our own"', "7", "description must be a line of text, not 7"),
        ('"Cells of our own"', '"a\\nb"', "description must be a line of text, not 'a\\nb'"),
        ("[0.6, 0.8, 1.0]", "[0.8, 0.6, 1.0]",
         ("vdds_v must be a list of 1 or more ascending numbers from 0.1 to 10, "
          "not [0.8, 0.6, 1.0]")),
        ("[0.6, 0.8, 1.0]", "[0.8, 0.8003, 1.0]",
         "vdds_v must be at least 1 mV from each other, not [0.8, 0.8003, 1]"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 0.9",
         "nominal_vdd_v must be one of 0.6, 0.8, 1, not 0.9"),
        ('timing_corner = "slow"', 'timing_corner = "typical"',
         "timing_corner must be one of slow, fast, not 'typical'"),
        ('["fast", "slow"]', "[]",
         "leakage_corners must be a list of one or more of slow, fast, not []"),
        ("pb1 = 52", "pb1 = -52", "gate.lengths_nm.pb1 must be a number from 1 to 10000, not -52"),
        ("pb1 = 52", '"p b" = 52',
         "gate.lengths_nm.'p b' must be a name of letters, digits, _ and -"),
        ("{ pb0 = 50, pb1 = 52 }", "{}", "gate.lengths_nm must hold at least one key"),
        ("drawn_nm = 50", "drawn_nm = true",
         "gate.drawn_nm must be a number from 1 to 10000, not True"),
        ("drawn_nm = 50", "drawn_nm = 50\nwidth_nm = 3", "gate.width_nm is not a known key"),
        ("end_diffusion_um = 0.1", "end_diffusion_um = nan",
         "layout.end_diffusion_um must be a number from 0 to 100, not nan"),
        ("tile_gap_sites = 4", "tile_gap_sites = 4.5",
         "site.tile_gap_sites must be a whole number from 0 to 1000, not 4.5"),
        ("slews_ns = [0.01", "slews_ns = [-0.01",
         ("tables.slews_ns must be a list of 2 or more ascending numbers from 0.0001 to 1000, "
          "not [-0.01, 0.1]")),
        ('names = ["inv_x*", "nand2_x1"]', "names = []",
         "cells.names must be a list of 1 or more texts, not []"),
        ("vdds_v = [0.6, 0.8, 1.0]", 'vdds_v = "1.0"',
         "vdds_v must be a list of 1 or more ascending numbers from 0.1 to 10, not '1.0'"),
        ("fast = {", "slow = {", "Cannot overwrite a value (at line 33, column 47)"),
        ('polarity = "n"', 'polarity = "npn"',
         "devices.nch.polarity must be one of n, p, not 'npn'"),
        ("temperature_c = 125", "temperature_c = 1250",
         "corners.slow.temperature_c must be a number from -100 to 300, not 1250"),
        ("loads = [0.1, 1.0]", "loads = [1.0]",
         "tables.loads must be a list of 2 or more ascending numbers from 0.0001 to 1, not [1.0]"),
        ("ratios = [0.8, 0.9]", "ratios = [0.8, 1.0]",
         ("tables.ratios must be a list of 1 or more ascending numbers from 0.1 to 0.99, "
          "not [0.8, 1.0]")),
        ('tie_low = ["tie_1", "LO"]', 'tie_low = ["tie_1"]',
         "roles.tie_low must be a list of 2 texts, not ['tie_1']"),
        ("[wire]", "[wires]", "wire is missing: it must be a table"),
        ('generator = "freepdk45"', 'generator = "../x"',
         "cells.generator must be one of freepdk45, not '../x'"),
        ("max_load_ff_per_drive = 20", "",
         "cells.max_load_ff_per_drive is missing: it must be a number from 0.001 to 1e+06"),
        ('name = "own"', 'name = "own"\nanchor = { vdds_v = [1.0], liberty = [] }',
         "anchor.liberty must be a list of 1 texts, not []"),
        ('name = "own"', "name = own", "Invalid value (at line 2, column 8)"),
    ],
)  # fmt: skip
def test_read_config_rejects(write, tmp_path, old, new, message):
    text = COMMON + GENERATED
    assert old in text
    with pytest.raises(TechnologyError) as fault:
        write(text.replace(old, new))
    assert str(fault.value) == f"{tmp_path}/own.toml: {message}"


HEADER = """
[header]
device = "pch"
finger_um = 0.6
well_gap_sites = 2
flip_flop = "dff_1"

[power_layers.metal9]
direction = "HORIZONTAL"
width_um = 0.8
spacing_um = 1.5
sheet_resistance_ohm = 0.03
"""


def test_header_and_power_layers_may_be_given(write):
    config = write(COMMON + GENERATED)
    assert (config.header, config.power_layers) == (None, {})
    config = write(COMMON + HEADER + GENERATED)
    assert config.header == HeaderDesign("pch", pytest.approx(0.6e-6), 0.0, 2, "dff_1")
    assert config.power_layers == {
        "metal9": Layer("HORIZONTAL", pytest.approx(0.8e-6), pytest.approx(1.5e-6), 0.03, 0.0)
    }
    limited = write(COMMON + HEADER + "max_current_ma_per_um = 10" + GENERATED)
    assert limited.power_layers["metal9"].current_density == pytest.approx(1e4)  # A/m


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"pch"\nfinger', '"nch"\nfinger', "header.device must be one of pch, not 'nch'"),
        ("finger_um = 0.6", "finger_um = 0",
         "header.finger_um must be a number from 0.001 to 100, not 0"),
        ("well_gap_sites = 2", "",
         "header.well_gap_sites is missing: it must be a whole number from 0 to 1000"),
        ('"HORIZONTAL"', '"FLAT"',
         "power_layers.metal9.direction must be one of HORIZONTAL, VERTICAL, not 'FLAT'"),
    ],
)  # fmt: skip
def test_header_and_power_layers_are_checked(write, tmp_path, old, new, message):
    text = COMMON + HEADER + GENERATED
    assert text.count(old) == 1
    with pytest.raises(TechnologyError) as fault:
        write(text.replace(old, new))
    assert str(fault.value) == f"{tmp_path}/own.toml: {message}"


def test_memories_may_be_named(write):
    config = write(COMMON + GENERATED)
    assert (config.sram_nm, config.sram_note) == (0, "")
    config = write(COMMON + '[sram]\ntech_nm = 65\nnote = "the next"\n' + GENERATED)
    assert (config.sram_nm, config.sram_note) == (65, "the next")
    with pytest.raises(TechnologyError, match="sram.tech_nm must be a whole number from 1 to 1000"):
        write(COMMON + "[sram]\ntech_nm = 0\n" + GENERATED)


def test_read_config_names_those_that_are_built_in(tmp_path):
    with pytest.raises(TechnologyError) as fault:
        read_config(str(tmp_path / "none"))
    assert str(fault.value) == (
        f"cannot read configuration {tmp_path}/none: No such file or directory; "
        f"built in are freepdk45, sky130-spice"
    )


def test_read_config_asks_for_the_pdk(write, tmp_path, monkeypatch):
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    with pytest.raises(TechnologyError, match="PDK 'other' not found in PDK_ROOT="):
        write('pdk = "other"\n' + COMMON + GENERATED)


def test_selected_part_is_planned_like_the_whole(write):
    config = write(COMMON + GENERATED)
    part = config.selected(["nand2_x1"], [0.8, 0.6], ["pb1"])
    assert (part.vdds, part.nominal_vdd, tuple(part.lengths)) == ((0.6, 0.8), 0.8, ("pb1",))
    assert part.planned_at == config.planned_at
    assert list(part.subjects().cells) == ["nand2_x1"]
    assert config.selected() == config


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"vdds": [0.7]}, "{file} has no supply of 0.7 V: it has 0.6, 0.8, 1"),
        ({"biases": ["pb4"]}, "{file} has no bias 'pb4': it has pb0, pb1"),
        ({"cells": ["nor2_x1"]}, "no cell of {file} matches 'nor2_x1'"),
    ],
)
def test_selected_rejects(write, part, message):
    config = write(COMMON + GENERATED)
    with pytest.raises(TechnologyError) as fault:
        config.selected(**part).subjects()
    assert str(fault.value) == message.format(file=config.file)


def test_generated_cells_have_a_load_by_their_drive(write):
    subjects = write(COMMON + GENERATED).subjects()
    assert subjects.site == pytest.approx((0.19e-6, 1.4e-6))
    for name, drive in (("inv_x0p5", 0.5), ("inv_x16", 16), ("nand2_x1", 1)):
        assert subjects.cells[name].largest_load == pytest.approx(drive * 20e-15)


def test_unknown_cell_name_is_an_error(write, tmp_path):
    config = write(COMMON + NETLISTS.replace('"*"', '"inv_*", "inv_99"'))
    with pytest.raises(TechnologyError) as fault:
        config.subjects()
    assert str(fault.value) == f"no cell of {tmp_path}/cells.sp matches 'inv_99'"


def test_functions_come_from_the_transistors_where_no_liberty_file_states_them(write, tmp_path):
    subjects = write(COMMON + NETLISTS + "max_load_ff_per_drive = 10").subjects()
    assert set(subjects.cells) == {"inv_2", "nand_1", "wrong_1"}
    nand = subjects.cells["nand_1"]
    assert (nand.cell.inputs, nand.cell.functions) == (("A", "B"), {"Y": "!(A&B)"})
    assert (nand.width, nand.largest_load) == pytest.approx((0.6e-6, 10e-15))
    assert subjects.cells["inv_2"].largest_load == pytest.approx(20e-15)
    file = tmp_path / "cells.sp"
    assert subjects.left_out == {
        "loop_1": "cell 'loop_1': its transistors do not tell whether pin 'A' is an input or an "
                  "output; a Liberty file would",
        "float_1": "cell 'float_1': output Y is X at A=0",
        "plain": "cell 'plain' has no drive strength at the end of its name",
        "tall_1": "cell 'tall_1' is 2.8 um high: more than one row is not supported",
        "homeless_1": "cell 'homeless_1' has no footprint in the LEF files",
        "tie_1": f"{file}: cell 'tie_1': 'R1' is not a MOS device",
        "pull_1": f"{file}: cell 'pull_1': 'R1' is not a MOS device",
    }  # fmt: skip


def test_liberty_states_functions_and_loads_and_is_proven(write, tmp_path):
    subjects = write(COMMON + NETLISTS + 'liberty = "cells.lib"').subjects()
    assert set(subjects.cells) == {"inv_2", "tie_1"}
    assert subjects.cells["inv_2"].largest_load == pytest.approx(50e-15)
    tie = subjects.cells["tie_1"]
    assert (tie.cell.inputs, tie.cell.functions) == ((), {"HI": "1", "LO": "0"})
    assert (tie.cell.netlist.transistors, tie.largest_load) == ((), pytest.approx(400e-15))
    reasons = subjects.left_out
    assert reasons["plain"] == f"cell 'plain' has no logic function in {tmp_path}/cells.lib"
    assert reasons["wrong_1"] == ("cell 'wrong_1': output Y is 0 at A=0 B=1, where '!(A&B)' is 1")
    assert reasons["tall_1"] == "cell 'tall_1' is a three-state cell, which is not supported"
    assert reasons["homeless_1"] == f"cell 'homeless_1' has no pin 'Z' in {tmp_path}/cells.sp"
    assert reasons["pull_1"].endswith("cell 'pull_1': 'R1' is not a MOS device")
    assert reasons["nand_1"] == (
        "cell 'nand_1' has no max_capacitance, and no max_load_ff_per_drive is given"
    )


def test_names_that_a_shell_could_take_for_words_are_left_out(write, tmp_path):
    text = (tmp_path / "cells.sp").read_text()
    (tmp_path / "cells.sp").write_text(
        text.replace("inv_2 A Y", "inv_2 A `x`").replace("Y A VDD", "`x` A VDD")
    )
    subjects = write(COMMON + NETLISTS.replace('"*"', '"inv_2"') + "max_load_ff_per_drive = 10")
    assert "`x`" in subjects.subjects().left_out["inv_2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.unlink(), "cannot read netlists {file}: No such file or directory"),
        (lambda file: file.write_text(""), "no cell of {file} matches '*'"),
        (lambda file: file.write_text("Dear reader,\nthis is a letter."),
         "no cell of {file} matches '*'"),
        (lambda file: file.write_text(file.read_text()[:-5]),
         "{file} ends inside subcircuit 'pull_1'"),
        (lambda file: file.write_text(file.read_text().replace(".ends", "", 1)),
         "{file}: subcircuit 'inv_2' has no .ends"),
    ],
)  # fmt: skip
def test_netlist_file_that_cannot_be_used_is_one_error(write, tmp_path, change, message):
    config, file = write(COMMON + NETLISTS + "max_load_ff_per_drive = 10"), tmp_path / "cells.sp"
    change(file)
    with pytest.raises(TechnologyError) as fault:
        config.subjects()
    assert str(fault.value) == message.format(file=file)


def test_transistor_without_a_size_costs_its_cell(write, tmp_path):
    file = tmp_path / "cells.sp"
    file.write_text(file.read_text().replace("nch w=0.4", "nch w=0", 1))
    subjects = write(COMMON + NETLISTS + "max_load_ff_per_drive = 10").subjects()
    assert subjects.left_out["inv_2"] == (
        f"{file}: cell 'inv_2': 'Mnch0' has no size: w = 0, l = 0.05"
    )
    assert "nand_1" in subjects.cells


def test_netlists_need_their_site(write):
    config = write(COMMON.replace('name = "unit"', 'name = "big"') + NETLISTS)
    with pytest.raises(TechnologyError, match="no LEF file defines site 'big'"):
        config.subjects()


SEQUENTIAL = """
library (own) {
  cell (dffe_x1) { ff (Q_INT, QN_INT) { clocked_on : "CK"; next_state : "(D*EN)+(!QN_INT*EN')"; }
    pin (D) { direction : input; } pin (CK) { direction : input; } pin (EN) { direction : input; }
    pin (Q) { direction : output; function : "Q_INT"; max_capacitance : 0.05; } }
  cell (icgn_x1) { clock_gating_integrated_cell : "latch_negedge";
    pin (CK) { direction : input; clock_gate_clock_pin : true; }
    pin (EN) { direction : input; clock_gate_enable_pin : true; }
    pin (GCK) { direction : output; clock_gate_out_pin : true; max_capacitance : 0.05; } }
}
"""


@pytest.fixture
def sequential(write, tmp_path):
    """Reads two sequential cells, transistors from the generator, as a Liberty file has them."""
    path = changed(tmp_path, "[[cell]]", FALLING_GATE + "[[cell]]", 1)
    cells = {cell.name: cell for cell in read_cell_list(path).cells}
    lines, macros = [], ""
    for name in ("dffe_x1", "icgn_x1"):
        netlist = cells[name].netlist
        lines.append(f".subckt {name} {' '.join(netlist.pins)}")
        lines += [
            f"{item.name} {item.drain} {item.gate} {item.source} {item.bulk} "
            f"{item.model[0].lower()}ch w={item.width * 1e6} l=0.05" for item in netlist.transistors
        ]  # fmt: skip
        lines.append(".ends")
        macros += f"MACRO {name}\n  SIZE 0.2 BY 1.4 ;\nEND {name}\n"
    (tmp_path / "cells.sp").write_text("\n".join(lines))
    (tmp_path / "cells.lef").write_text("SITE unit\n  SIZE 0.2 BY 1.4 ;\nEND unit\n" + macros)

    def read(liberty):
        (tmp_path / "cells.lib").write_text(liberty)
        return write(COMMON + NETLISTS + 'liberty = "cells.lib"').subjects()

    return read


def test_stored_bits_are_called_as_the_liberty_file_calls_them(sequential):
    """And a clock gate, of which it states no function, drives what its kind says."""
    subjects = sequential(SEQUENTIAL)
    assert subjects.left_out == {}
    flop, gate = (subjects.cells[name].cell for name in ("dffe_x1", "icgn_x1"))
    assert flop.functions == {"Q": "Q_INT"}
    assert flop.storage == Sequential(
        SequentialKind.FLIP_FLOP, "CK", "(D*EN)+(!QN_INT*EN')",
        state="Q_INT", state_inverted="QN_INT",
    )  # fmt: skip
    assert gate.functions == {"GCK": "CK | !IQ"}
    assert gate.storage == Sequential(
        SequentialKind.CLOCK_GATE, "CK", "EN", active_high=False, output="GCK"
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Q_INT"', '"QN_INT"', "cell 'dffe_x1': output Q is "),
        ("!QN_INT", "QN_INT", "cell 'dffe_x1': output Q is "),
        ("(Q_INT, QN_INT)", "(QN_INT, Q_INT)", "cell 'dffe_x1': output Q is "),
        ('"Q_INT"', '"IQ"', "cell 'dffe_x1': 'IQ' in 'IQ' is no input and no stored bit"),
        ("negedge", "posedge", "cell 'icgn_x1': output GCK is "),
    ],
)
def test_stored_bits_are_proven(sequential, old, new, reason):
    assert old in SEQUENTIAL
    (found,) = sequential(SEQUENTIAL.replace(old, new)).left_out.values()
    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("name", "least", "lengths"),
    [("sky130-spice", 60, (150, 155, 160, 170)), ("freepdk45", 45, (50, 51, 52, 54))],
)
def test_builtin_configs(name, least, lengths):
    assert name in builtin_configs()
    try:
        config = read_config(name)
    except TechnologyError:
        pytest.skip(f"needs the PDK of {name}")
    assert [length * 1e9 for length in config.lengths.values()] == pytest.approx(lengths)
    assert len(config.vdds) == 9
    assert config.vdds[0] / config.vdds[-1] == pytest.approx(0.6)
    assert config.settings.ratios[0] <= 0.75
    subjects = config.subjects()
    assert subjects.left_out == {}
    assert len(subjects.cells) >= least
    kinds = {item.cell.storage.kind for item in subjects.cells.values() if item.cell.storage}
    assert kinds == set(SequentialKind)
    roles = config.roles
    for cell, pin in ((roles.buffer, roles.buffer_input), (roles.buffer, roles.buffer_output),
                      roles.tie_high, roles.tie_low):  # fmt: skip
        assert pin in subjects.cells[cell].cell.netlist.pins
    assert all(path.is_file() for path in (*config.model_files, *config.files))


def test_sky130_cells_are_those_of_the_foundry():
    try:
        root = find_pdk("sky130A")
    except TechnologyError:
        pytest.skip("needs PDK sky130A")
    subjects = read_config("sky130-spice").subjects()
    flop = subjects.cells["sky130_fd_sc_hd__dfrtp_1"]
    assert flop.cell.storage == Sequential(SequentialKind.FLIP_FLOP, "CLK", "D", "!RESET_B")
    gate = subjects.cells["sky130_fd_sc_hd__dlclkp_1"]
    assert gate.cell.functions == {"GCLK": "CLK & IQ"}
    text = Path(root, read_config("sky130-spice").source.liberty).read_text()
    assert f"{flop.largest_load * 1e12:.6f}"[:7] in text
