"""Headers from a table: interpolation, units, and tables that are damaged."""

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import TechnologyError
from voltile.pdk import read_technology
from voltile.pdk.header import header_csv, read_header

VDDS, RATIOS = (0.8, 1.0), (0.7, 0.9, 1.0)
# ohm um, fF/um, nA/um.
TEXT = """vdd_high_v,ratio,on_resistance_ohm_um,gate_capacitance_ff_per_um,off_current_na_per_um_hot
0.8,0.7,4000,1.1,30
0.8,0.9,2000,1.1,20
0.8,1,1500,1.1,0
1,0.7,1000,1.3,40
1,0.9,900,1.3,22
1,1,800,1.3,0
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "headers.csv"
    path.write_text(TEXT)
    return path


def read(path):
    return read_header(path, 0.6e-6, 0.2e-6, 2, "dff")


def test_values_are_in_si_units(table):
    header = read(table)
    assert (header.vdds, header.ratios) == (VDDS, RATIOS)
    assert header.on_resistance(0.7, 1.0) == pytest.approx(1000e-6)
    assert header.on_resistance(1.0, 1.0) == pytest.approx(800e-6)
    assert header.gate_capacitance(1.0) == pytest.approx(1.3e-9)
    assert header.off_current(0.9, 1.0, "hot") == pytest.approx(22e-3)
    assert header.off_current(0.8, 0.8, "hot") == 0


def test_between_points_resistance_is_a_geometric_mean_and_all_else_a_mean(table):
    header = read(table)
    assert header.on_resistance(0.8, 1.0) == pytest.approx(np.sqrt(1000 * 900) * 1e-6)
    assert header.on_resistance(0.9, 0.9) == pytest.approx(np.sqrt(1500 * 800) * 1e-6)
    assert header.on_resistance(0.72, 0.9) == pytest.approx((4000 * 2000 * 1000 * 900) ** 0.25
                                                            * 1e-6)  # fmt: skip
    assert header.off_current(0.72, 0.9, "hot") == pytest.approx((30 + 20 + 40 + 22) / 4 * 1e-3)
    assert header.gate_capacitance(0.9) == pytest.approx(1.2e-9)


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(7)
    resistance, off = (rng.uniform(1e-4, 1e-2, (2, 3)) for _ in range(2))
    gate = rng.uniform(1e-9, 2e-9, 2)
    path = tmp_path / "headers.csv"
    path.write_text(header_csv(VDDS, RATIOS, resistance, gate, {"hot": off, "cold": off / 9}))
    header = read(path)
    np.testing.assert_allclose(header.resistance, resistance, rtol=1e-5)
    np.testing.assert_allclose(header.gate, gate, rtol=1e-5)
    np.testing.assert_allclose(header.off["cold"], off / 9, rtol=1e-5)
    assert list(header.off) == ["hot", "cold"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda item: item.on_resistance(0.8, 1.1),
         "headers are measured at VddH from 0.8 to 1 V, not at 1.1 V"),
        (lambda item: item.on_resistance(0.6, 1.0),
         "headers are measured at VddL/VddH from 0.700 to 1, not at 0.600"),
        (lambda item: item.on_resistance(1.0, 0.9),
         "headers are measured at VddL/VddH from 0.700 to 1, not at 1.111"),
        (lambda item: item.off_current(0.8, 1.0, "cold"),
         "leakage corner 'cold' is not in the table of headers: it has hot"),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_refused(table, ask, message):
    with pytest.raises(TechnologyError) as fault:
        ask(read(table))
    assert str(fault.value) == message


COLUMNS = (
    ": the columns must be vdd_high_v, ratio, on_resistance_ohm_um, gate_capacitance_ff_per_um, "
    "and off_current_na_per_um_CORNER for each corner"
)
PAIRS = (
    ": the rows must be all pairs of a vdd_high_v and a ratio, ascending, the last ratio being 1"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEXT, "", COLUMNS),
        ("_hot", "_hot,note", COLUMNS),
        (",off_current_na_per_um_hot", "", COLUMNS),
        ("0.8,0.9,2000,1.1,20\n", "", PAIRS),
        ("0.8,0.9,2000,1.1,20", "0.8,0.7,2000,1.1,20", PAIRS),
        (TEXT[TEXT.index("0.8,0.7") :], "", PAIRS),
        ("0.8,1,1500,1.1,0\n", "0.8,1,1500,1.1\n", ":4: 4 values, not 5"),
        ("1500", "low", ":4: on_resistance_ohm_um must be positive, not 'low'"),
        ("1500", "0", ":4: on_resistance_ohm_um must be positive, not '0'"),
        ("1500", "inf", ":4: on_resistance_ohm_um must be positive, not 'inf'"),
        ("0.8,1,", "0.8,1.2,", ":4: ratio must be positive and at most 1, not '1.2'"),
        (",1.1,20", ",1.1,-20", ":3: off_current_na_per_um_hot must be 0 or more, not '-20'"),
    ],
)
def test_damaged_table_is_refused(table, old, new, message):
    assert old in TEXT
    table.write_text(TEXT.replace(old, new))
    with pytest.raises(TechnologyError) as fault:
        read(table)
    assert str(fault.value) == f"headers {table}{message}"


KEYS = """
[header]
file = "headers.csv"
finger_um = 0.6
well_gap_sites = 2
flip_flop = "toy_dff_1"
"""


@pytest.fixture
def manifest(tmp_path, table):
    path = write_toy_technology(tmp_path)
    path.write_text(path.read_text() + KEYS)
    table.write_text(TEXT.replace("_hot", "_typical"))
    return path


def test_manifest_names_the_table(manifest):
    technology = read_technology(str(manifest))
    header = technology.header
    assert (header.finger_width, header.gate_pitch) == pytest.approx((0.6e-6, 0.2e-6))  # the site
    assert (header.well_gap, header.flip_flop) == (2, "toy_dff_1")
    assert technology.files["headers.csv"].name == "headers.csv"
    assert not any("header" in sentence for sentence in technology.lacks)
    manifest.write_text(manifest.read_text().replace("[header]", "[header]\ngate_pitch_um = 0.3"))
    assert read_technology(str(manifest)).header.gate_pitch == pytest.approx(0.3e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("finger_um = 0.6", "finger_um = 0", "finger_um must be positive, not 0"),
        ("finger_um = 0.6", "", "key 'finger_um' is missing"),
        ("well_gap_sites = 2", "well_gap_sites = 2.5",
         "well_gap_sites must be a whole number, 0 or more, not 2.5"),
        ("finger_um = 0.6", "finger_um = 0.6\nfingers = 2",
         ("unknown key 'fingers' in header: known are file, finger_um, gate_pitch_um, "
          "well_gap_sites, flip_flop")),
        ('leakage = "typical"', 'leakage = "slow"',
         "the headers have no leakage of corner 'slow': they have typical"),
    ],
)  # fmt: skip
def test_manifest_rejects(manifest, old, new, message):
    manifest.write_text(manifest.read_text().replace(old, new))
    with pytest.raises(TechnologyError) as fault:
        read_technology(str(manifest))
    assert str(fault.value) == f"manifest {manifest}: {message}"


def test_flip_flop_must_be_in_the_libraries(manifest):
    manifest.write_text(manifest.read_text().replace("toy_dff_1", "dff"))
    technology = read_technology(str(manifest))
    with pytest.raises(TechnologyError) as fault:
        technology.library(1.0)
    assert str(fault.value) == (
        "technology toy: its library has no cell 'dff', the flip-flop of its Vdd-MUX"
    )


def test_table_of_the_foundry_technology(sky130hd):
    """The higher the supply, and the nearer the source to its well, the lower the resistance."""
    header = sky130hd.header
    assert header.vdds == sky130hd.vdds
    assert (np.diff(header.resistance, axis=0) < 0).all()
    assert (np.diff(header.resistance, axis=1) < 0).all()
    assert header.off_current(1.28, 1.76, sky130hd.leakage_corner) > 0
    assert header.flip_flop in sky130hd.lef.macros
