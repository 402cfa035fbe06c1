"""Manifests, where a PDK is looked for, and the cache of libraries."""

import gzip
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import measured_cells as made
import numpy as np
import pytest
from measured_cells import DFF, FALLING_GATE, GATE, NAND2, measure
from test_cell_library import facts
from toy_technology import CELLS, NOMINAL, SITE, write_toy_technology

from voltile.core import LibertyError, TechnologyError, executor
from voltile.pdk import (
    builtin_technologies,
    find_pdk,
    read_cell_library,
    read_technology,
    technology,
)
from voltile.pdk.characterization import job
from voltile.pdk.characterization.config import read_config
from voltile.pdk.characterization.job import characterize
from voltile.pdk.characterization.mixed_supply_table import mixed_supply_table
from voltile.pdk.mixed_supply import MixedSupply


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """Manifest of the toy technology in a folder that a test may damage."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_toy_technology(tmp_path)


def test_manifest_becomes_a_technology_in_si_units(manifest):
    toy = read_technology(str(manifest))
    assert (toy.name, toy.nominal_vdd, toy.vdds) == ("toy", 1.0, (0.6, 0.7, 0.8, 0.9, 1.0))
    assert (toy.site_width, toy.site_height) == pytest.approx((SITE[0] * 1e-6, SITE[1] * 1e-6))
    assert toy.wire_resistance == pytest.approx(4.0 / 1e-6)
    assert toy.wire_capacitance == pytest.approx(0.15e-15 / 1e-6)
    assert (toy.tile_gap, toy.tie_high) == (4, ("toy_tie_1", "H"))
    assert set(toy.lef.macros) == set(CELLS)
    assert toy.library(0.8).vdd == 0.8


def test_with_cells_gives_libraries_of_these_cells(toy_technology, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    some = toy_technology.with_cells(["toy_inv_1", "toy_dff_1"])
    for vdd in (0.8, 0.85):
        library = some.library(vdd)
        assert library.cell_name == ("toy_inv_1", "toy_dff_1")
        wanted = ("toy_inv_1", "toy_dff_1")
        assert facts(library, wanted) == facts(toy_technology.library(vdd), wanted)
    assert len(toy_technology.library(0.8).cell_name) == len(CELLS)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nominal_vdd_v = 1.0", "", "manifest {path}: key 'nominal_vdd_v' is missing"),
        ("tile_gap_sites = 4", "", "manifest {path}: key 'tile_gap_sites' is missing"),
        ("[wire]", "[wires]", "manifest {path}: key 'wire' is missing"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 1.1",
         "manifest {path}: no library at the nominal 1.10 V"),
        ('site = "toysite"', 'site = "big"', "manifest {path}: no LEF file defines site 'big'"),
        ('lef = ["toy.lef"]', 'lef = ["none.lef"]',
         "technology toy: file {folder}/none.lef is missing"),
        ('file = "toy_0.80.lib"', 'file = "none.lib"',
         "technology toy: file {folder}/none.lib is missing"),
        ("resistance_ohm_per_um = 4.0", 'resistance_ohm_per_um = "low"',
         "manifest {path}: could not convert string to float: 'low'"),
        ("resistance_ohm_per_um = 4.0", "resistance_ohm_per_um = -4",
         "manifest {path}: resistance_ohm_per_um must be 0 or more, not -4"),
        ("capacitance_ff_per_um = 0.15", "capacitance_ff_per_um = nan",
         "manifest {path}: capacitance_ff_per_um must be 0 or more, not nan"),
        ("tile_gap_sites = 4", "tile_gap_sites = 4.5",
         "manifest {path}: tile_gap_sites must be a whole number, 0 or more, not 4.5"),
        ("tile_gap_sites = 4", "tile_gap_sites = -4",
         "manifest {path}: tile_gap_sites must be a whole number, 0 or more, not -4"),
        ('timing = "typical"', 'timing = "typical"\ntimming = "fast"',
         "manifest {path}: unknown key 'timming' in corner: known are timing, leakage"),
        ("vdd_v = 0.8", "vdd_v = 0.8\nvolt = 1",
         "manifest {path}: unknown key 'volt' in library: known are vdd_v, bias, file"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 1.0\n[mixed_supply]\nfile = 'toy.lef'\nx = 1",
         "manifest {path}: unknown key 'x' in mixed_supply: known are file"),
        ('dont_use = ["*_ha_*"]', 'dont_use = "*_ha_*"',
         "manifest {path}: dont_use must be a list of texts, not '*_ha_*'"),
        ('lef = ["toy.lef"]', 'lef = "toy.lef"',
         "manifest {path}: lef must be a list of texts, not 'toy.lef'"),
        ('name = "toy"', "name = toy", "manifest {path}: Invalid value (at line 2, column 8)"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 1.0\n[sram]\ntech_nm = 45.5",
         "manifest {path}: tech_nm must be a whole number, 0 or more, not 45.5"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 1.0\n[sram]\ntech_nm = 45\nfile = 'none.csv'",
         "manifest {path}: file {folder}/none.csv of sram is missing"),
        ("nominal_vdd_v = 1.0", "nominal_vdd_v = 1.0\n[sram]\nnode = 45",
         "manifest {path}: unknown key 'node' in sram: known are file, tech_nm, note"),
        ("vdd_v = 0.8", "vdd_v = 0.9", "manifest {path}: two libraries at 0.90 V"),
        ('buffer = "toy_buf_4"', 'buffer = "toy_buf_9"',
         "technology toy: its library has no cell 'toy_buf_9' with pin 'A'"),
        ('tie_high = ["toy_tie_1", "H"]', 'tie_high = ["toy_tie_1", "X"]',
         "technology toy: its library has no cell 'toy_tie_1' with pin 'X'"),
    ],
)  # fmt: skip
def test_read_technology_rejects(manifest, old, new, message):
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    with pytest.raises(TechnologyError) as fault:
        toy = read_technology(str(manifest))
        toy.library(toy.nominal_vdd)
    assert str(fault.value) == message.format(path=manifest, folder=manifest.parent)


def test_library_rejects_a_file_of_another_supply(manifest):
    folder = manifest.parent
    shutil.copy(folder / "toy_0.90.lib", folder / "toy_0.80.lib")
    with pytest.raises(TechnologyError) as fault:
        read_technology(str(manifest)).library(0.8)
    assert str(fault.value) == (
        f"{folder / 'toy_0.80.lib'} is characterised at 0.900 V, not at the 0.800 V that the "
        f"manifest says"
    )


def test_library_rejects_a_file_cut_in_half(manifest):
    path = manifest.parent / "toy_0.80.lib"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(LibertyError, match="cut off") as fault:
        read_technology(str(manifest)).library(0.8)
    assert fault.value.path == str(path) and fault.value.line > 100


def test_read_technology_rejects_a_name_that_is_none():
    with pytest.raises(TechnologyError) as fault:
        read_technology("sky131")
    names = ", ".join(builtin_technologies())
    assert "sky130hd" in names
    assert str(fault.value) == (
        f"no technology 'sky131': built in are {names}; or give a manifest file"
    )


def test_missing_pdk_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    with pytest.raises(TechnologyError) as fault:
        read_technology("sky130hd")
    assert str(fault.value) == (
        f"PDK 'sky130A' not found in PDK_ROOT={tmp_path}. Install it with: pip install ciel && "
        f"ciel ls-remote --pdk-family sky130 && ciel enable --pdk-family sky130 VERSION; or point "
        f"PDK_ROOT at the folder that holds sky130A/"
    )
    with pytest.raises(TechnologyError, match="Copy .* VLSIDA/OpenRAM .*freepdk45/libs"):
        find_pdk("freepdk45")
    monkeypatch.delenv("PDK_ROOT")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(TechnologyError, match="not found in PDK_ROOT \\(unset\\) and ~/.ciel, "):
        find_pdk("made-up-pdk")


def test_pdk_is_found_in_pdk_root_and_in_the_usual_places(tmp_path, monkeypatch):
    (tmp_path / "named" / "pdk1").mkdir(parents=True)
    (tmp_path / ".ciel" / "pdk2").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PDK_ROOT", str(tmp_path / "named"))
    assert find_pdk("pdk1") == tmp_path / "named"
    monkeypatch.delenv("PDK_ROOT")
    assert find_pdk("pdk2") == tmp_path / ".ciel"


def test_paths_of_a_manifest_with_a_pdk_are_under_its_root(manifest, monkeypatch):
    root = manifest.parent / "root"
    root.mkdir()
    for path in list(manifest.parent.glob("toy*")):
        shutil.move(path, root / path.name)
    (root / "mypdk").mkdir()
    monkeypatch.setenv("PDK_ROOT", str(root))
    other = manifest.parent / "other.toml"
    other.write_text('pdk = "mypdk"\n' + (root / "toy.toml").read_text())
    assert read_technology(str(other)).library(0.8).vdd == 0.8


# The cache.


@pytest.fixture
def cached(manifest):
    """The cache file of the 0.8 V library, and the library."""
    library = read_technology(str(manifest)).library(0.8)
    (path,) = (manifest.parent / "cache" / "voltile" / "libraries").iterdir()
    return path, library


def refuse(path):
    raise AssertionError(f"{path} is read again")


def test_second_read_takes_the_cache(manifest, cached, monkeypatch):
    monkeypatch.setattr(technology, "read_cell_library", refuse)
    assert facts(read_technology(str(manifest)).library(0.8), CELLS) == facts(cached[1], CELLS)


def test_changed_liberty_file_is_read_anew(manifest, cached):
    path = manifest.parent / "toy_0.80.lib"
    path.write_text(path.read_text().replace("nom_temperature : 25", "nom_temperature : 85"))
    assert read_technology(str(manifest)).library(0.8).temperature == 85
    assert len(list(cached[0].parent.iterdir())) == 2


def damage(path, kind):
    data = path.read_bytes()
    rng = np.random.default_rng(3)
    if kind == "bits":
        flipped = bytearray(data)
        for at in rng.integers(0, len(data), 400):
            flipped[at] ^= 1 << rng.integers(8)
        return bytes(flipped)
    return {
        "empty": b"", "garbage": b"not a zip file" * 100, "half": data[: len(data) // 2],
        "head lost": data[1000:], "start": b"PK" + b"\0" * 500, "pickle": b"\x80\x04N.",
    }[kind]  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["empty", "garbage", "half", "head lost", "start", "pickle", "bits"]
)
def test_damaged_cache_is_read_anew_and_written_over(manifest, cached, kind, monkeypatch):
    path, library = cached
    path.write_bytes(damage(path, kind))
    again = read_technology(str(manifest)).library(0.8)
    assert facts(again, CELLS) == facts(library, CELLS)
    monkeypatch.setattr(technology, "read_cell_library", refuse)
    assert read_technology(str(manifest)).library(0.8).vdd == 0.8


@pytest.mark.parametrize("missing", ["texts", "arc_from", "tables.values"])
def test_cache_without_an_array_is_read_anew(manifest, cached, missing):
    path, library = cached
    with np.load(path) as arrays:
        rest = {name: value for name, value in arrays.items() if name != missing}
    np.savez(path, **rest)
    assert facts(read_technology(str(manifest)).library(0.8), CELLS) == facts(library, CELLS)


def test_cache_that_cannot_be_written_does_not_matter(manifest, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read_technology(str(manifest)).library(NOMINAL).vdd == NOMINAL


# Several biases, other corners of leakage, drivers at a lower supply.


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Manifest of a technology with two gate lengths and a mixed-supply table."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made.write_technology(tmp_path)


def edit(manifest, old, new):
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    return str(manifest)


def test_one_bias_by_default(toy_technology):
    assert toy_technology.biases == ("pb0",)
    assert toy_technology.library(0.8, "pb0") is toy_technology.library(0.8)
    assert (toy_technology.mixed_supply, toy_technology.slow_down) == (None, {})
    assert toy_technology.lacks == (
        "technology toy has one gate length: poly-bias has nothing to assign",
        ("technology toy has no mixed-supply table: drivers count as being at the supply of the "
         "cell that they drive"),
        "technology toy has no headers measured: there is no Vdd-MUX to size",
    )
    with pytest.raises(TechnologyError) as fault:
        toy_technology.library(0.8, "pb1")
    assert str(fault.value) == "technology toy has no bias 'pb1': it has pb0"


def test_every_bias_has_libraries_of_its_own(measured):
    tech = read_technology(str(measured))
    assert (tech.biases, tech.vdds) == (("pb0", "pb1"), (0.8, 1.0))
    assert tech.lacks == ("technology made has no headers measured: there is no Vdd-MUX to size",)
    names = {(bias, vdd): tech.library(vdd, bias).name for bias in tech.biases for vdd in tech.vdds}
    assert names == {("pb0", 0.8): "made_pb0_ss_125C_0v80", ("pb0", 1.0): "made_pb0_ss_125C_1v00",
                     ("pb1", 0.8): "made_pb1_ss_125C_0v80", ("pb1", 1.0): "made_pb1_ss_125C_1v00"}
    assert tech.library(1.0) is tech.library(1.0, "pb0")
    assert set(tech.files) == {
        "manifest.toml", "made.lef", "made.tlef", "mixed.npz", "pb0_0.80.lib.xz", "pb0_1.00.lib.xz",
        "pb1_0.80.lib.xz", "pb1_1.00.lib.xz",
    }  # fmt: skip
    assert tech.mixed_supply.biases == tech.biases


@pytest.mark.parametrize("bias", ["pb0", "pb1"])
def test_supplies_are_interpolated_within_one_bias(measured, bias):
    """In the logarithm: half way between two supplies a delay is their geometric mean."""
    library = read_technology(str(measured)).library(0.9, bias)
    key = ("INV_X1", "A", "Y", "rise", "fall", "")
    (arc,) = np.flatnonzero(library.arc_cell == library.cell_index["INV_X1"])
    low, high = (
        np.array([[made.delay(key, vdd, bias, slew, load) for load in made.LOADS]
                  for slew in made.SLEWS])
        for vdd in (0.8, 1.0)
    )  # fmt: skip
    found = library.tables.values[library.arc_table[arc, 1, 0]]
    np.testing.assert_allclose(found, np.sqrt(low * high), rtol=1e-4)


def test_with_cells_cuts_every_bias(measured):
    tech = read_technology(str(measured)).with_cells([NAND2.name, DFF.name])
    for bias in tech.biases:
        assert tech.library(0.8, bias).cell_name == (NAND2.name, DFF.name)


@pytest.mark.parametrize("corner", made.CORNERS)
def test_leakage_is_that_of_the_corner_in_the_manifest(measured, corner):
    """The Liberty files say ss_125C; means over states stay means, hidden states share one."""
    tech = read_technology(edit(measured, 'leakage = "ff_100C"', f'leakage = "{corner}"'))
    assert (tech.timing_corner, tech.leakage_corner) == ("ss_125C", corner)
    library = tech.library(0.8, "pb1")
    for cell in made.CELLS:
        number = library.cell_index[cell.name]
        expected = {state: made.leakage(cell, state, corner, 0.8, "pb1")
                    for state in made.states(cell)}  # fmt: skip
        mean = sum(expected.values()) / len(expected)
        assert library.cell_leakage[number] == pytest.approx(mean, rel=2e-4)
        found = {library.leakage_when[row]: library.leakage_value[row]
                 for row in np.flatnonzero(library.leakage_cell == number)}  # fmt: skip
        assert len(found) == (0 if not cell.inputs else len(expected))
        if cell is NAND2:
            assert found["A&!B"] == pytest.approx(expected["10"], rel=2e-4)
        if cell is DFF:
            assert found["!CK&D&!Q"] == pytest.approx(expected["010"], rel=2e-4)
        if cell is GATE:
            assert found["!CK&E&!GCK"] == pytest.approx(expected["011"], rel=2e-4)
            assert found["CK&!E&GCK"] == pytest.approx(expected["101"], rel=2e-4)
        if cell is FALLING_GATE:
            assert found["CK&E&GCK"] == pytest.approx(expected["111"], rel=2e-4)
            assert found["!CK&!E&!GCK"] == pytest.approx(expected["001"], rel=2e-4)
    # Nothing else is replaced.
    plain = read_cell_library(tech.liberty(0.8, "pb1"))
    np.testing.assert_array_equal(library.tables.values, plain.tables.values)


def test_cache_knows_the_corner_and_the_table(measured, monkeypatch):
    def leak(manifest):
        return read_technology(manifest).library(0.8).cell_leakage[0]

    fast, slow = leak(str(measured)), leak(edit(measured, "ff_100C", "ss_125C"))
    assert fast != pytest.approx(slow, rel=1e-3)
    monkeypatch.setattr(technology, "read_cell_library", refuse)
    assert (leak(str(measured)), leak(edit(measured, "ss_125C", "ff_100C"))) == (slow, fast)
    # A second reading does not even open the table.
    monkeypatch.setattr(MixedSupply, "load", refuse)
    assert leak(str(measured)) == fast
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(measured.parent / "cache"))
    items = [measure(cell, vdd, bias) for bias in ("pb0", "pb1") for vdd in (0.8, 1.0)
             for cell in made.CELLS]  # fmt: skip
    twice = [replace(item, leakage={corner: {state: 2 * power for state, power in of.items()}
                                    for corner, of in item.leakage.items()})
             for item in items]  # fmt: skip
    mixed_supply_table(twice).save(measured.parent / "mixed.npz")
    assert leak(str(measured)) == pytest.approx(2 * fast)


@pytest.mark.parametrize("packed", ["", ".gz", ".xz"])
def test_liberty_files_may_be_compressed(tmp_path, monkeypatch, packed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tech = read_technology(str(made.write_technology(tmp_path, packed=packed)))
    plain = tech.liberty(1.0, "pb1")
    assert plain.read_text() == made.library_text(1.0, "pb1")
    assert (plain.parent == tmp_path) == (packed == "")
    assert tech.liberty(1.0, "pb1") == plain != tech.liberty(1.0)
    if packed:  # a copy that was damaged is written again
        plain.write_bytes(plain.read_bytes()[:1000])
        assert tech.liberty(1.0, "pb1").read_text() == made.library_text(1.0, "pb1")
    with pytest.raises(TechnologyError, match="^technology made has no Liberty file at 0.9 V$"):
        tech.liberty(0.9)


def test_cache_that_cannot_be_written_does_not_matter_for_a_copy(measured, monkeypatch):
    (measured.parent / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(measured.parent / "file"))
    tech = read_technology(str(measured))
    assert tech.liberty(1.0).read_text() == made.library_text(1.0)
    assert tech.library(1.0).vdd == 1.0


@pytest.mark.parametrize("packed", [".gz", ".xz"])
@pytest.mark.parametrize("kind", ["empty", "garbage", "half", "bits"])
def test_library_rejects_a_damaged_compressed_file(tmp_path, monkeypatch, packed, kind):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    manifest = made.write_technology(tmp_path, packed=packed)
    path = tmp_path / f"pb0_1.00.lib{packed}"
    path.write_bytes(damage(path, kind))
    with pytest.raises(LibertyError) as fault:
        read_technology(str(manifest)).library(1.0)
    # An empty gzip file decompresses to nothing.
    wrong = "holds no library group" if (kind, packed) == ("empty", ".gz") else "cannot be decomp"
    assert str(fault.value).startswith(f"{path}: {wrong}")


def test_vth_flavours_are_biases_with_cells_of_other_names(measured):
    """Two flavours of a foundry have the same cells under names of their own."""
    for vdd in ("0.80", "1.00"):
        text = re.sub(r"(\w+)_X(\d)", r"\1_HVT_X\2", made.library_text(float(vdd), "pb1"))
        path = measured.parent / f"pb1_{vdd}.lib.gz"
        with gzip.open(path, "wt") as stream:
            stream.write(text)
    text = measured.read_text()
    text = re.sub(r'bias = "pb1"\nfile = "(.*)\.xz"', r'bias = "hvt"\nfile = "\1.gz"', text)
    text = text.replace('"pb0"', '"lvt"').replace('["lvt", "pb1"]', '["lvt", "hvt"]')
    text = text.replace('[mixed_supply]\nfile = "mixed.npz"', '[rename]\nhvt = ["_HVT_", "_"]')
    measured.write_text(text)
    tech = read_technology(str(measured))
    assert tech.biases == ("lvt", "hvt")
    low, high = tech.library(0.8), tech.library(0.8, "hvt")
    assert low.cell_name == high.cell_name == tuple(cell.name for cell in made.CELLS)
    low.check_same_structure(high)
    assert high.tables.values.sum() > low.tables.values.sum()
    # Without a table the Liberty files' own leakage stands.
    nand2 = low.cell_index[NAND2.name]
    assert low.cell_leakage[nand2] == read_cell_library(tech.liberty(0.8)).cell_leakage[nand2]


def test_slow_down_factors(measured):
    assert read_technology(str(measured)).slow_down == {}
    text = measured.read_text() + "\n[slow_down]\npb0 = 0.0\npb1 = 0.0282\n"
    measured.write_text(text)
    assert read_technology(str(measured)).slow_down == {"pb0": 0.0, "pb1": 0.0282}


def test_slow_down_that_the_manifest_lacks_is_that_of_the_libraries(measured):
    technology = read_technology(str(measured))
    found = technology.slow_downs
    assert list(found) == list(technology.biases) and found[technology.biases[0]] == 0
    vdd = technology.nominal_vdd
    first, own = (technology.library(vdd, bias) for bias in technology.biases[:2])
    ratios = []
    for arc, edge in zip(*np.nonzero(first.arc_table[..., 1] >= 0), strict=True):
        table = first.arc_table[arc, edge, 0]
        slews, loads = first.tables.size[table]
        middle = (table, slews // 2, loads // 2)
        ratios.append(own.tables.values[middle] / first.tables.values[middle])
    assert found[technology.biases[1]] == pytest.approx(np.mean(ratios) - 1, rel=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('leakage = "ff_100C"\n', "", "manifest {path}: key 'leakage' is missing"),
        ('leakage = "ff_100C"', 'leakage = "tt_25C"',
         "leakage corner 'tt_25C' is not in the mixed-supply table: it has ss_125C, ff_100C"),
        ('biases = ["pb0", "pb1"]', 'biases = ["pb0"]',
         "manifest {path}: the library at 0.80 V is of bias 'pb1', none of the biases"),
        ('biases = ["pb0", "pb1"]', 'biases = ["pb0", "pb1", "pb2"]',
         "manifest {path}: bias pb2 has no library at 0.80 V, as others have"),
        ('vdd_v = 0.8\nbias = "pb1"', 'vdd_v = 0.9\nbias = "pb1"',
         "manifest {path}: bias pb0 has no library at 0.90 V, as others have"),
        ('vdd_v = 0.8\nbias = "pb1"', 'vdd_v = 1.0\nbias = "pb1"',
         "manifest {path}: two libraries of bias pb1 at 1.00 V"),
        ('file = "mixed.npz"', 'file = "none.npz"',
         "technology made: file {folder}/none.npz is missing"),
        ("[mixed_supply]", "[slow_down]\npb7 = 0.1\n[mixed_supply]",
         "manifest {path}: slow_down names bias 'pb7', which is none of the biases"),
        ("[mixed_supply]", '[rename]\npb1 = ["A"]\n[mixed_supply]',
         "manifest {path}: not enough values to unpack (expected 2, got 1)"),
        ("[mixed_supply]", '[rename]\npb1 = ["NAND2", "NAND3"]\n[mixed_supply]',
         "technology made: bias pb1 has no cell 'NAND2_X1' at 1.00 V"),
    ],
)  # fmt: skip
def test_technology_with_biases_rejects(measured, old, new, message):
    edit(measured, old, new)
    with pytest.raises(TechnologyError) as fault:
        tech = read_technology(str(measured))
        tech.library(1.0, tech.biases[-1])
    assert str(fault.value) == message.format(path=measured, folder=measured.parent)


def test_biases_of_different_structure_are_rejected(tmp_path, monkeypatch):
    """The second length lacks an arc of a cell."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    manifest = made.write_technology(tmp_path, packed="")
    path = tmp_path / "pb1_1.00.lib"
    text = path.read_text()
    cell = text.index("cell (NAND2_X1)")
    path.write_text(text[:cell] + text[cell:].replace('related_pin : "B"', 'related_pin : "A"', 1))
    with pytest.raises(TechnologyError) as fault:
        read_technology(str(manifest)).library(1.0, "pb1")
    assert str(fault.value) == (
        "libraries made_pb0_ss_125C_1v00 and made_pb1_ss_125C_1v00 differ in arc from of cell "
        "NAND2_X1"
    )


def test_mixed_supply_table_of_other_cells_is_rejected(measured):
    items = [measure(cell, vdd, bias) for bias in ("pb0", "pb1") for vdd in (0.8, 1.0)
             for cell in made.CELLS[:3]]  # fmt: skip
    mixed_supply_table(items).save(measured.parent / "mixed.npz")
    with pytest.raises(TechnologyError, match="^the mixed-supply table has no cell 'NOR2_X1'$"):
        read_technology(str(measured)).library(1.0)


def test_damaged_mixed_supply_table_is_one_error(measured):
    path = measured.parent / "mixed.npz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(TechnologyError) as fault:
        read_technology(str(measured)).library(1.0)
    assert str(fault.value).startswith(f"mixed-supply table {path} is damaged: ")


# The examples of the documentation.

DOCUMENT = (Path(__file__).parents[2] / "docs" / "technologies.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_example_of_a_foundry_library(sky130hd, tmp_path):
    path = tmp_path / "hot.toml"
    path.write_text(EXAMPLES[0])
    hot = read_technology(str(path)).with_cells(["sky130_fd_sc_hd__inv_1"])
    assert (hot.biases, hot.vdds, hot.leakage_corner) == (("pb0",), (1.4, 1.6), "ss_100C")
    assert hot.library(1.5).temperature == 100
    assert hot.wire_capacitance == sky130hd.wire_capacitance


def test_example_of_several_flavours(tmp_path, monkeypatch):
    """With cells by formula in place of the foundry's, under the names that the example gives."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    text = EXAMPLES[1]
    for name in re.findall(r'"(sky130A/.*?)"', text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(made.tech_lef_text(replace(made.SITE, name="unit")))
        flavour = re.search(r"__ss_n40C_1v(\d\d).lib", name)
        if flavour:
            library = made.library_text(1 + int(flavour[1]) / 100)
            for old, new in (("BUF_X4", "buf_8"), ("TIE_X1", "conb_1"), ("pin (Y)", "pin (X)"),
                             ("pin (H)", "pin (HI)"), ("pin (L)", "pin (LO)")):  # fmt: skip
                library = library.replace(old, new)
            prefix = re.search(r"(sky130_fd_sc_\w\w__)", name)[1]
            (tmp_path / name).write_text(library.replace("  cell (", f"  cell ({prefix}"))
    path = tmp_path / "flavours.toml"
    path.write_text(text)
    tech = read_technology(str(path))
    assert (tech.biases, tech.vdds) == (("hs", "ms", "ls"), (1.28, 1.44))
    for bias in tech.biases:
        assert tech.library(1.3, bias).cell_name == tech.library(1.3).cell_name
        assert "sky130_fd_sc_hs__buf_8" in tech.library(1.3, bias).cell_name


def test_example_of_a_measured_library(sky130hd, tmp_path):
    """Its smallest cell at one supply and gate length, of which ngspice makes a library."""
    if shutil.which("ngspice") is None:
        pytest.skip("needs ngspice")
    (tmp_path / "few.toml").write_text(EXAMPLES[2])
    config = read_config(str(tmp_path / "few.toml"))
    cells = config.subjects()
    assert (len(cells.cells), cells.left_out) == (8, {})
    part = config.selected(["*inv_1"], [1.8], ["pb0"])
    summary = characterize(part, tmp_path / "few", lambda: executor(1))
    assert summary.cells == ("sky130_fd_sc_hd__inv_1",)
    assert "sky130_fd_sc_hd__buf_8" in summary.lacks


def test_every_key_of_the_configurations_is_documented():
    """Keys are in quotes or name a table; what the user names (devices, corners, biases) is not."""

    def keys(content):
        for key, value in content.items():
            yield key
            if isinstance(value, dict):
                yield from keys(value)

    for path in (Path(job.__file__).parent / "configs").glob("*.toml"):
        content = tomllib.loads(path.read_text())
        for named in ("devices", "corners", "power_layers"):
            content[named] = next(iter(content[named].values()))
        content["gate"]["lengths_nm"] = 0
        for key in keys(content):
            assert f"`{key}`" in DOCUMENT or f"`[{key}" in DOCUMENT, key
