"""Leakage over temperature: what a manifest names, how it is interpolated, what is refused."""

import numpy as np
import pytest
from measured_cells import write_technology

from voltile.core import TechnologyError, VoltileError
from voltile.pdk import read_leakage_temperature, read_technology

HEADER = "bias,vdd_v,temperature_c,leakage_factor,lowest_of_cells,highest_of_cells\n"
ROWS = "pb0,0.8,25,0.1,,\npb0,0.8,85,1,,\npb0,1,25,0.4,,\npb0,1,85,1,,\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "leakage.csv"
    path.write_text(HEADER + ROWS)
    return path


@pytest.fixture
def manifest(tmp_path, table):
    """A technology of one's own that names the table."""
    path = write_technology(tmp_path, biases=("pb0",))
    path.write_text(path.read_text() + f'\n[leakage_temperature]\nfile = "{table.name}"\n')
    return path


@pytest.mark.parametrize(("name", "own"), [("freepdk45", 125), ("sky130-spice", 100)])
def test_built_in_tables_are_1_at_their_leakage_corner(name, own):
    technology = read_technology(name)
    low, high = technology.vdds[0], technology.vdds[-1]
    for bias in technology.biases:
        found = technology.leakage_temperature(bias)
        for vdd in (low, 0.55 * low + 0.45 * high, high):
            factors = found.factors(vdd)
            assert np.all(np.diff(factors) > 0)
            assert np.interp(own, found.temperatures, factors) == pytest.approx(1.0)


def test_a_manifest_of_ones_own_names_its_table(manifest, table):
    technology = read_technology(str(manifest))
    assert technology.files[table.name] == table
    assert technology.leakage_temperature().factors(1.0) == pytest.approx([0.4, 1.0])
    with pytest.raises(TechnologyError, match="^technology made has no bias 'pb7': it has pb0$"):
        technology.leakage_temperature("pb7")


def test_a_manifest_without_the_key_has_no_table(toy_technology):
    with pytest.raises(TechnologyError, match="^technology toy has no leakage over temperature: "
                       r"its manifest has no \[leakage_temperature\]$"):  # fmt: skip
        toy_technology.leakage_temperature()


def test_the_logarithm_is_interpolated_over_the_supply(table):
    found = read_leakage_temperature(table, "pb0")
    assert found.factors(0.9) == pytest.approx([0.2, 1.0])
    with pytest.raises(TechnologyError, match="^leakage over temperature is known from 0.8 to 1 V, "
                       "not at 1.1 V$"):  # fmt: skip
        found.factors(1.1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pb0,0.8,85", "pb0,0.8,15", "{table}:3: temperature_c must be above 25, not 15"),
        ("pb0,0.8,85", "pb0,0.8,25", "{table}:3: temperature_c must be above 25, not 25"),
        ("pb0,0.8,85", "pb0,0.8,358", "{table}:3: temperature_c must be 300 or less, not 358"),
        ("25,0.1", "25,-0.1", "{table}:2: leakage_factor must be 0 or more, not -0.1"),
        ("25,0.1", "25,0", "{table}:2: leakage_factor must be above 0, not 0"),
        ("85,1", "85,0.05", "{table}:3: leakage_factor must be 0.1 or more, not 0.05"),
        ("25,0.1", "25,nan", "{table}:2: leakage_factor must be finite, not nan"),
        ("0.8,25,0.1,,\npb0,0.8,85,1", "0.8,25,10,,\npb0,0.8,85,100",
         ("{table}: leakage_factor of bias 'pb0' at 0.8 V is over that of the libraries and must "
          "be 1 at their temperature, not 10 to 100")),
        (",0.8,", ",800,",
         ("manifest {manifest}: leakage over temperature of bias 'pb0' must be from 0.8 to 1 V as "
          "the libraries are, not from 1 to 800 V")),
        ("pb0,1,25,0.4,,\n", "",
         ("{table} must hold two temperatures or more of bias 'pb0', the same at every supply, "
          "not 2, 1")),
        ("pb0", "pb1",
         ("{table} must hold two temperatures or more of bias 'pb0', the same at every supply, "
          "not none")),
        ("temperature_c", "temperature_k", "{table}:1: the header must be " + HEADER.strip()
         + ", not bias,vdd_v,temperature_k,leakage_factor,lowest_of_cells,highest_of_cells"),
    ],
)  # fmt: skip
def test_a_manifest_rejects_a_table_that_has_no_meaning(manifest, table, old, new, message):
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(VoltileError) as caught:
        read_technology(str(manifest))
    assert str(caught.value) == message.format(table=table, manifest=manifest)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('file = "none.csv"', "technology made: file {folder}/none.csv is missing"),
        ("", "manifest {folder}/manifest.toml: key 'file' is missing"),
        ('file = "leakage.csv"\nunit = "K"',
         ("manifest {folder}/manifest.toml: unknown key 'unit' in leakage_temperature: known are "
          "file")),
    ],
)  # fmt: skip
def test_a_manifest_rejects_keys_that_name_no_table(manifest, new, message):
    manifest.write_text(manifest.read_text().replace('file = "leakage.csv"', new))
    with pytest.raises(TechnologyError) as caught:
        read_technology(str(manifest))
    assert str(caught.value) == message.format(folder=manifest.parent)
