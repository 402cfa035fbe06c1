"""Manifests, where a PDK is looked for, and the cache of libraries."""

import shutil

import numpy as np
import pytest
from test_cell_library import facts
from toy_technology import CELLS, NOMINAL, SITE, write_toy_technology

from voltile.core import LibertyError, TechnologyError
from voltile.pdk import builtin_technologies, find_pdk, read_technology, technology


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
        ('name = "toy"', "name = toy", "manifest {path}: Invalid value (at line 2, column 8)"),
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
    with pytest.raises(LibertyError, match="cut off|not a Liberty statement") as fault:
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
