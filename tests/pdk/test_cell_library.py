"""From Liberty text to arrays in SI units; choosing cells; supplies in between."""

import numpy as np
import pytest
from toy_technology import CELLS, VDDS, delay_scale, liberty_text

from voltile.core import LibertyError, TechnologyError
from voltile.pdk import (
    ArcType,
    Direction,
    Sense,
    Sequential,
    SequentialKind,
    interpolate_library,
    read_cell_library,
)
from voltile.pdk.library import library_from_arrays, library_to_arrays, select_cells

# Units of 10 ps, 0.5 pF, 2 uW, 10 V. Numbers are round in these.
TEXT = """library (odd_units) {
  time_unit : "10ps"; capacitive_load_unit (0.5, "pf"); leakage_power_unit : "2uW";
  voltage_unit : "10V"; nom_voltage : 0.07; nom_temperature : 125;
  lu_table_template (delay) { variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance; index_1 ("1, 3"); index_2 ("1, 2, 4"); }
  lu_table_template (turned) { variable_1 : total_output_net_capacitance;
    variable_2 : input_net_transition; index_1 ("1, 2, 4"); index_2 ("1, 3"); }
  lu_table_template (load_only) { variable_1 : total_output_net_capacitance; index_1 ("1, 2"); }
  cell (G) { area : 3; cell_leakage_power : 4;
    leakage_power () { when : "B & A"; value : 5; }
    leakage_power () { value : 6; }
    pin (A, B) { direction : input; capacitance : 2; rise_capacitance : 3; }
    pin (Y) { direction : output; function : "(A B)'"; max_capacitance : 8;
      timing () { related_pin : "A"; timing_sense : negative_unate; %(first)s }
      timing () { related_pin : "B"; when : "A"; timing_sense : negative_unate;
        cell_rise (scalar) { values ("7"); } rise_transition (scalar) { values ("2"); } }
      internal_power () { related_pin : "A B"; power (load_only) { values ("1, 2"); } }
      %(extra)s
    }
  }
}
"""
PLAIN = """cell_fall (delay) { values ("1, 2, 3", "4, 5, 6"); }
  fall_transition (delay) { index_1 ("2, 5"); values ("7, 8, 9", "10, 11, 12"); }"""
TURNED = """cell_fall (turned) { values ("1, 4", "2, 5", "3, 6"); }
  fall_transition (turned) { index_2 ("2, 5"); values ("7, 10", "8, 11", "9, 12"); }"""


def read(tmp_path, first=PLAIN, extra="", text=TEXT, **changes):
    text = text % {"first": first, "extra": extra}
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "odd.lib"
    path.write_text(text)
    return read_cell_library(path)


def test_units_become_si(tmp_path):
    library = read(tmp_path)
    assert (library.vdd, library.temperature) == (0.07, 125)
    assert library.pin_name == ("A", "B", "Y") and library.pin_function == ("", "", "(A B)'")
    assert library.pin_direction.tolist() == [Direction.INPUT, Direction.INPUT, Direction.OUTPUT]
    # A falling edge has no capacitance of its own: the plain one holds.
    np.testing.assert_allclose(library.pin_capacitance[0], [1.5e-12, 1e-12])
    np.testing.assert_allclose(library.pin_max_capacitance, [np.inf, np.inf, 4e-12])
    np.testing.assert_allclose(library.cell_area, 3e-12)
    np.testing.assert_allclose(library.cell_leakage, 8e-6)
    assert dict(zip(library.leakage_when, library.leakage_value, strict=True)) == pytest.approx(
        {"": 12e-6, "A&B": 10e-6}
    )


@pytest.mark.parametrize("first", [PLAIN, TURNED], ids=["slew first", "load first"])
def test_tables_are_over_slew_and_load_whatever_the_order(tmp_path, first):
    library = read(tmp_path, first)
    (arc,) = np.flatnonzero(library.arc_from == 0)
    assert library.arc_table[arc, 0].tolist() == [-1, -1]  # no rising edge
    delay, slew = library.arc_table[arc, 1]
    at = np.array([10e-12, 30e-12, 20e-12]), np.array([0.5e-12, 2e-12, 1e-12])
    values = library.tables.lookup(np.full(3, delay), *at)
    np.testing.assert_allclose(values, [10e-12, 60e-12, 35e-12])
    values = library.tables.lookup(np.full(2, slew), np.array([20e-12, 50e-12]),
                                   np.array([0.5e-12, 2e-12]))  # fmt: skip
    np.testing.assert_allclose(values, [70e-12, 120e-12])


def test_scalar_tables_and_conditions(tmp_path):
    library = read(tmp_path)
    (arc,) = np.flatnonzero(library.arc_from == 1)
    assert (library.arc_when[arc], library.arc_sense[arc]) == ("A", Sense.NEGATIVE)
    delay = library.arc_table[arc, 0, 0]
    found = library.tables.lookup(np.array([delay, delay]), np.array([0, 1e-9]), np.array([0, 1.0]))
    np.testing.assert_allclose(found, 70e-12)


def test_energy_is_capacitance_times_voltage_squared(tmp_path):
    library = read(tmp_path)
    # One `internal_power` of two related pins is two; `power` holds for both edges.
    assert library.power_related.tolist() == [0, 1] and library.power_pin.tolist() == [2, 2]
    for table in library.power_table.ravel():
        found = library.tables.lookup(np.array([table]), np.array([0.0]), np.array([1.5 * 0.5e-12]))
        np.testing.assert_allclose(found, 1.5 * 0.5e-12 * 100)


SETUP = 'timing () { related_pin : "A"; timing_type : setup_rising; rise_constraint (scalar) %s }'


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": ('related_pin : "A";', 'related_pin : "X";')}, "there is no pin 'X'"),
        ({"a": ("direction : output", "direction : sideways")},
         "direction 'sideways' is not understood"),
        ({"a": ("negative_unate", "odd_unate")}, "timing_sense 'odd_unate' is not understood"),
        ({"a": ('"4, 5, 6"', '"4, 5"')}, "table 'cell_fall' has 5 values, not (2, 3)"),
        ({"a": ('"4, 5, 6"', '"4, 5, six"')}, "could not convert string to float: 'six'"),
        ({"a": ("area : 3", "area : wide")}, "could not convert string to float: 'wide'"),
        ({"a": ("cell_leakage_power : 4", "cell_leakage_power : low")},
         "could not convert string to float: 'low'"),
        ({"a": ("capacitance : 2", "capacitance : big")},
         "could not convert string to float: 'big'"),
        ({"a": ('when : "A";', 'when : "A&";')}, "not a Boolean expression: 'A&'"),
        ({"a": ('when : "B & A";', 'when : "B +";')}, "not a Boolean expression: 'B +'"),
        ({"a": ("(A B)'", "(A B'")}, "not a Boolean expression: '(A B''"),
        ({"a": ('index_2 ("1, 2, 4")', 'index_2 ("1, 4, 2")')},
         "table 'cell_fall' has an axis that does not ascend"),
        ({"a": ("fall_transition", "other_transition")},
         "an arc from A to Y has a delay without an output slew"),
        ({"a": ("pin (A, B)", "bus (A, B)")},
         "bus and bundle pins are not supported in standard cells"),
        ({"a": ("area : 3;", 'area : 3; clock_gating_integrated_cell : "latch_posedge";')},
         "a clock gate needs pins marked clock_gate_clock_pin, _enable_pin and _out_pin"),
    ],
)  # fmt: skip
def test_read_cell_library_rejects(tmp_path, changes, message):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, **changes)
    assert str(fault.value) == f"{tmp_path / 'odd.lib'}: cell 'G': {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"10ps"', '"10xs"', "time_unit '10xs' is not understood"),
        ('(0.5, "pf")', '(0.5, "lb")', "capacitive_load_unit '0.5, \"lb\"' is not understood"),
        ('(0.5, "pf")', "(0.5)", "capacitive_load_unit '0.5' is not understood"),
        ("nom_voltage : 0.07", "nom_voltage : low", "could not convert string to float: 'low'"),
    ],
)  # fmt: skip
def test_read_cell_library_rejects_units(tmp_path, old, new, message):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, a=(old, new))
    assert str(fault.value) == f"{tmp_path / 'odd.lib'}: {message}"


def test_registers_and_clock_gates_of_the_toy_technology(toy_technology):
    library = toy_technology.library(1.0)
    assert library.cell_name == tuple(CELLS)
    kinds = {library.cell_name[cell]: item for cell, item in library.sequential.items()}
    flop = Sequential(SequentialKind.FLIP_FLOP, "CK", "D", state="IQ", state_inverted="IQN")
    assert kinds["toy_dff_1"] == flop
    assert kinds["toy_dffr_1"].clear == "!RN" and kinds["toy_dffs_1"].preset == "!SN"
    assert kinds["toy_dffn_1"].clock == "!CKN"
    assert (kinds["toy_latch_1"].kind, kinds["toy_latch_1"].clock) == (SequentialKind.LATCH, "G")
    gate = kinds["toy_icg_1"]
    assert (gate.kind, gate.clock, gate.data, gate.output) == (
        SequentialKind.CLOCK_GATE, "CK", "E", "GCK",
    )  # fmt: skip
    cell = library.cell_index["toy_dffr_1"]
    mine = library.arc_cell == cell
    assert {ArcType(int(kind)) for kind in library.arc_type[mine]} == {
        ArcType.RISING_EDGE, ArcType.SETUP_RISING, ArcType.HOLD_RISING, ArcType.RECOVERY_RISING,
    }  # fmt: skip
    assert library.inputs_of(cell) == ("D", "CK", "RN")


def facts(library, cells):
    """Every number of some cells, keyed by names."""
    tables, result = library.tables, {}
    slews, loads = np.array([3e-12, 40e-12, 9e-10]), np.array([5e-16, 1e-14, 2e-13])

    def values(table):
        return None if table < 0 else tables.lookup(np.full(3, table), slews, loads).tolist()

    def cell_of(at):
        return library.cell_name[at]

    for name in cells:
        cell = library.cell_index[name]
        result[name] = (
            library.cell_area[cell], library.cell_leakage[cell], library.sequential.get(cell)
        )  # fmt: skip
        for pin in library.pins_of(cell):
            result[name, library.pin_name[pin]] = (
                library.pin_function[pin], library.pin_direction[pin], library.pin_is_clock[pin],
                library.pin_capacitance[pin].tolist(), library.pin_max_capacitance[pin],
            )  # fmt: skip
    for at, cell in enumerate(library.arc_cell):
        if cell_of(cell) in cells:
            key = (cell_of(cell), library.pin_name[library.arc_from[at]],
                   library.pin_name[library.arc_to[at]], int(library.arc_type[at]),
                   int(library.arc_sense[at]), library.arc_when[at])  # fmt: skip
            assert key not in result
            result[key] = [values(table) for table in library.arc_table[at].ravel()]
    for at, cell in enumerate(library.power_cell):
        if cell_of(cell) in cells:
            related = library.power_related[at]
            key = ("power", cell_of(cell), library.pin_name[library.power_pin[at]],
                   library.pin_name[related] if related >= 0 else "", library.power_when[at])
            result.setdefault(key, []).append(
                [values(table) for table in library.power_table[at]]
            )
    for at, cell in enumerate(library.leakage_cell):
        if cell_of(cell) in cells:
            key = ("leakage", cell_of(cell), library.leakage_when[at])
            result.setdefault(key, []).append(library.leakage_value[at])
    return result


def test_select_cells_keeps_every_number(toy_technology):
    library = toy_technology.library(0.8)
    wanted = {"toy_xor2_1", "toy_inv_1", "toy_dffr_1", "toy_tie_1", "toy_aoi21_1", "toy_icg_1"}
    some = select_cells(library, wanted)
    assert some.cell_name == tuple(name for name in library.cell_name if name in wanted)
    assert facts(some, wanted) == facts(library, wanted)
    assert len(some.tables.size) < len(library.tables.size)
    assert facts(select_cells(library, CELLS), CELLS) == facts(library, CELLS)


def test_select_cells_takes_none(toy_technology):
    library = select_cells(toy_technology.library(0.8), [])
    assert library.cell_name == library.pin_name == () and len(library.arc_cell) == 0


def test_arrays_give_the_library_back(toy_technology):
    library = toy_technology.library(0.7)
    back = library_from_arrays(library_to_arrays(library))
    assert facts(back, CELLS) == facts(library, CELLS)
    assert (back.name, back.vdd, back.temperature) == (library.name, 0.7, library.temperature)


@pytest.mark.parametrize(("low", "high"), [(0.7, 0.8), (0.8, 0.9), (0.6, 0.7)])
def test_interpolated_library_equals_its_ends(toy_technology, low, high):
    """0.6 and 0.9 V have slew axes of their own."""
    low, high = toy_technology.library(low), toy_technology.library(high)
    for end in (low, high):
        mixed = interpolate_library(low, high, end.vdd)
        np.testing.assert_array_equal(mixed.pin_capacitance, end.pin_capacitance)
        np.testing.assert_array_equal(mixed.leakage_value, end.leakage_value)
        rng = np.random.default_rng(0)
        every = np.arange(len(end.tables.size))
        for _ in range(20):
            slew, load = rng.uniform(0, 4e-10, len(every)), rng.uniform(0, 1e-13, len(every))
            np.testing.assert_allclose(
                mixed.tables.lookup(every, slew, load), end.tables.lookup(every, slew, load),
                rtol=1e-9, atol=1e-24,
            )  # fmt: skip


def test_halfway_delays_are_geometric_and_checks_arithmetic_means(toy_technology):
    low, high = toy_technology.library(0.7), toy_technology.library(0.8)
    mixed = interpolate_library(low, high, 0.75)
    assert mixed.vdd == 0.75
    np.testing.assert_allclose(mixed.leakage_value**2, low.leakage_value * high.leakage_value)
    np.testing.assert_allclose(mixed.cell_leakage**2, low.cell_leakage * high.cell_leakage)
    first, second, between = (library.tables.values for library in (low, high, mixed))
    checks = np.isin(low.arc_type, [kind for kind in ArcType if kind.is_check])
    for arcs, mean in (
        (low.arc_table[~checks], np.sqrt(first * second)),
        (low.arc_table[checks], (first + second) / 2),
        (low.power_table, (first + second) / 2),
    ):
        used = np.unique(arcs[arcs >= 0])
        assert len(used) > 10
        np.testing.assert_allclose(between[used], mean[used], rtol=1e-9)


def test_interpolated_delays_are_near_those_of_the_formula(toy_technology, tmp_path):
    """The toy's delays are a power law of which every supply can be written."""
    path = tmp_path / "between.lib"
    path.write_text(liberty_text(0.75))
    exact = read_cell_library(path)
    mixed = interpolate_library(toy_technology.library(0.7), toy_technology.library(0.8), 0.75)
    delays = exact.arc_table[exact.arc_type <= ArcType.FALLING_EDGE].ravel()
    delays = delays[delays >= 0]
    slew, load = np.full(len(delays), 30e-12), np.full(len(delays), 5e-15)
    ratio = mixed.tables.lookup(delays, slew, load) / exact.tables.lookup(delays, slew, load)
    # Between two points a power law of Vdd - Vth lies below its chord in the logarithm.
    expected = (delay_scale(0.7) * delay_scale(0.8)) ** 0.5 / delay_scale(0.75)
    np.testing.assert_allclose(ratio, expected, rtol=1e-5)
    assert 1.0 < expected < 1.02


def test_technology_interpolates_between_neighbours(toy_technology):
    assert toy_technology.vdds == VDDS
    middle = toy_technology.library(0.85)
    low, high = toy_technology.library(0.8), toy_technology.library(0.9)
    assert facts(middle, CELLS) == facts(interpolate_library(low, high, 0.85), CELLS)
    assert toy_technology.library(0.85) is middle
    assert toy_technology.library(0.8 + 1e-9) is low


@pytest.mark.parametrize("vdd", [0.5, 0.599, 1.001, 2.0, float("nan")])
def test_technology_rejects_a_supply_outside_its_range(toy_technology, vdd):
    with pytest.raises(TechnologyError) as fault:
        toy_technology.library(vdd)
    assert str(fault.value) == (
        f"technology toy is characterised from 0.60 to 1.00 V, not at {vdd:g} V"
    )


def test_libraries_of_other_cells_or_arcs_do_not_fit(toy_technology, tmp_path):
    library = toy_technology.library(0.8)
    fewer = select_cells(library, ["toy_inv_1"])
    with pytest.raises(TechnologyError) as fault:
        library.check_same_structure(fewer)
    assert str(fault.value) == "libraries toy_0v80 and toy_0v80 hold different cells"
    text = liberty_text(0.9).replace('when : "A&!B"; sdf_cond', 'when : "A&!B&1"; sdf_cond')
    other = tmp_path / "other.lib"
    other.write_text(text.replace("timing_type : recovery_rising", "timing_type : setup_rising"))
    with pytest.raises(TechnologyError) as fault:
        interpolate_library(library, read_cell_library(other), 0.85)
    assert str(fault.value) == (
        "libraries toy_0v80 and toy_0v90 differ in arc type of cell toy_dffr_1"
    )
