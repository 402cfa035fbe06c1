"""Energy and leakage against numbers worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from clock_trees import bare_tree
from power_toy import line, make_netlist, plane, toy_library

from voltile.core import TechnologyError, VoltileError
from voltile.power.activity import Activity, activity_from_arrays, activity_to_arrays
from voltile.power.conditions import PinProbabilities
from voltile.power.power import PowerModel

FEMTO = 1e-15


def activity(netlist, rates, probabilities=None):
    """Activity from {net: toggle rate} and {net: static probability, else one half}."""
    toggle = np.array([rates.get(name, 0.0) for name in netlist.net_name])
    high = np.array([(probabilities or {}).get(name, 0.5) for name in netlist.net_name])
    return Activity(high, toggle, 100, 1, "by hand")


def timing(netlist, slews=None, loads=None):
    """What `evaluate` reads of a Timing: {net: (rise, fall)} in [ns] and [fF]."""
    slew = [(slews or {}).get(name, (0.0, 0.0)) for name in netlist.net_name]
    load = [(loads or {}).get(name, (0.0, 0.0)) for name in netlist.net_name]
    return SimpleNamespace(
        slew=np.ravel(slew) * 1e-9, load=np.ravel(load) * FEMTO,
        driver_level=np.zeros(netlist.nets, dtype=np.int64),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("toy")


def test_nets_are_charged_at_the_supply_of_their_driver(folder):
    libraries = [toy_library(folder, 1.0), toy_library(folder, 2.0)]
    cells = [
        ("TND2", {"A": "a", "B": "b", "Y": "n"}),
        ("TINV", {"A": "n", "Y": "y"}),
        ("TDF", {"CK": "clk", "D": "y", "Q": "q"}),
        ("TINV", {"A": "a", "Y": "z"}),
    ]
    netlist = make_netlist(libraries[0], cells, ["clk", "a", "b"], ["q"])
    rates = {"clk": 2.0, "a": 0.5, "b": 0.25, "n": 0.4, "y": 0.4, "q": 0.1}
    model = PowerModel(netlist, bare_tree(netlist), activity(netlist, rates), libraries)
    loads = {"n": (4.0, 6.0), "y": (1.0, 1.0), "q": (2.0, 2.0), "a": (5.0, 5.0), "b": (2.0, 2.0),
             "clk": (1.5, 1.5)}  # fmt: skip
    report = model.evaluate(np.array([0, 1, 0, 1]), timing(netlist, loads=loads))
    # `a` has pins of 1 fF at 1 V and at 2 V, and 3 fF of wire at the mean of 1 and 4 V2.
    wire = 3.0 * 2.5 / 2
    expected = [
        0.4 / 2 * 5.0 * 1 + 0.5 / 2 * (1.0 * 1 + wire) + 0.25 / 2 * 2.0 * 1,
        0.4 / 2 * 1.0 * 4,
        0.1 / 2 * 2.0 * 1 + 2.0 / 2 * 1.5 * 1,
        0.5 / 2 * (1.0 * 4 + wire),
    ]
    np.testing.assert_allclose(report.switching_energy, np.array(expected) * FEMTO)
    totals = report.totals(1e9)
    assert totals.switching == pytest.approx(sum(expected) * FEMTO * 1e9)
    assert totals.leakage == pytest.approx(4 * 7e-9)
    assert report.power(1e9) == pytest.approx(totals.switching + totals.internal + totals.leakage)


def arc(related, rise, fall, when=""):
    """Internal power of an output caused by one input."""
    condition = f'when : "{when}";' if when else ""
    return (
        f'internal_power () {{ related_pin : "{related}"; {condition} '
        f"rise_power (plane) {{ {plane(*rise)} }} fall_power (plane) {{ {plane(*fall)} }} }}"
    )


def test_edges_of_an_output_are_shared_by_toggle_rate_and_sensitisation(folder):
    extra = {("TND2", "Y"): arc("A", (1, 2, 3), (4, 5, 6)) + arc("B", (7, 0, 0), (8, 0, 0))}
    library = toy_library(folder, 1.0, extra)
    netlist = make_netlist(library, [("TND2", {"A": "a", "B": "b", "Y": "n"})], ["a", "b"])
    model = PowerModel(
        netlist, bare_tree(netlist),
        activity(netlist, {"a": 0.2, "b": 0.3, "n": 0.3}, {"a": 0.25, "b": 0.75}), [library],
    )  # fmt: skip
    report = model.evaluate(
        np.zeros(1, int),
        timing(netlist, {"a": (0.5, 0.25)}, {"n": (2.0, 4.0)}),
    )
    # An edge at A passes while B is high, 0.2 * 0.75; one at B while A is high, 0.3 * 0.25.
    by_a = 0.2 * 0.75 / (0.2 * 0.75 + 0.3 * 0.25)
    # The output inverts: it rises with A falling (slew 0.25 ns), into 2 fF = 0.002 pF.
    rise = by_a * (1 + 2 * 0.25 + 3 * 0.002) + (1 - by_a) * 7
    fall = by_a * (4 + 5 * 0.5 + 6 * 0.004) + (1 - by_a) * 8
    assert report.internal_energy[0] == pytest.approx(0.15 * (rise + fall) * 1e-12)


def test_conditional_arcs_are_weighted_and_an_empty_condition_is_the_rest(folder):
    extra = {
        ("TXO2", "Y"): arc("A", (1, 0, 0), (1, 0, 0), "B") + arc("A", (5, 0, 0), (5, 0, 0))
        + arc("B", (9, 0, 0), (9, 0, 0))
    }  # fmt: skip
    library = toy_library(folder, 1.0, extra)
    netlist = make_netlist(library, [("TXO2", {"A": "a", "B": "b", "Y": "n"})], ["a", "b"])
    model = PowerModel(
        netlist, bare_tree(netlist), activity(netlist, {"a": 0.3, "b": 0.1, "n": 0.4},
                                                 {"b": 0.2}), [library],
    )  # fmt: skip
    report = model.evaluate(np.zeros(1, int), timing(netlist))
    by_a = 0.75 * (0.2 * 1 + 0.8 * 5)
    assert report.internal_energy[0] == pytest.approx(0.4 * (by_a + 0.25 * 9) * 1e-12)


def test_registers_take_energy_at_their_clock_and_input_pins(folder):
    alone = "internal_power () {{ {} rise_power (line) {{ {} }} fall_power (line) {{ {} }} }}"
    extra = {
        ("TDF", "CK"): alone.format("", line(2, 4), line(3, 0)),
        ("TDF", "D"): alone.format('when : "CK";', line(1, 0), line(1, 0)),
        ("TDF", "Q"): arc("CK", (10, 1, 0), (20, 1, 0)),
    }
    library = toy_library(folder, 1.0, extra)
    cells = [
        ("TCG", {"CK": "clk", "E": "en", "GK": "gated"}),
        ("TDF", {"CK": "gated", "D": "d", "Q": "q"}),
    ]
    netlist = make_netlist(library, cells, ["clk", "en", "d"])
    rates = {"clk": 2.0, "gated": 0.5, "d": 0.6, "q": 0.2}
    model = PowerModel(
        netlist, bare_tree(netlist), activity(netlist, rates, {"gated": 0.125}), [library]
    )
    report = model.evaluate(np.zeros(2, int), timing(netlist, {"gated": (0.5, 0.125)}))
    # The gated clock has a quarter of a full clock's edges. Q moves with its rising edge only.
    clock = 0.25 * (2 + 4 * 0.5) + 0.25 * 3
    data = 0.6 * 0.125 * 1
    output = 0.1 * (10 + 0.5) + 0.1 * (20 + 0.5)
    assert report.internal_energy[1] == pytest.approx((clock + data + output) * 1e-12)


def test_tables_are_those_of_the_supply_of_each_cell(folder):
    libraries = [
        toy_library(folder, vdd, {("TINV", "Y"): arc("A", (base, 1, 2), (base, 1, 2))})
        for vdd, base in ((1.0, 1.0), (2.0, 5.0))
    ]
    cells = [("TINV", {"A": "a", "Y": "x"}), ("TINV", {"A": "x", "Y": "y"})]
    netlist = make_netlist(libraries[0], cells, ["a"], ["y"])
    model = PowerModel(
        netlist, bare_tree(netlist), activity(netlist, {"a": 1, "x": 1, "y": 1}), libraries
    )
    seen = timing(netlist, {"x": (0.5, 0.5)}, {"x": (1, 1), "y": (3, 3)})
    low_high = model.evaluate(np.array([0, 1]), seen).internal_energy
    np.testing.assert_allclose(low_high, [1.002e-12, 5.506e-12])
    high_low = model.evaluate(np.array([1, 0]), seen).internal_energy
    np.testing.assert_allclose(high_low, [5.002e-12, 1.506e-12])


def test_leakage_is_the_mean_over_states(folder):
    states = {"!A&!B": 1, "!A&B": 2, "A&!B": 4, "A&B": 8}
    library = toy_library(folder, 1.0, leakage={"TND2": states})
    netlist = make_netlist(library, [("TND2", {"A": "a", "B": "b", "Y": "n"})], ["a", "b"])
    high = {"a": 0.25, "b": 0.75}
    model = PowerModel(netlist, bare_tree(netlist), activity(netlist, {}, high), [library])
    report = model.evaluate(np.zeros(1, int), timing(netlist))
    expected = 0.75 * 0.25 * 1 + 0.75 * 0.75 * 2 + 0.25 * 0.25 * 4 + 0.25 * 0.75 * 8
    assert report.leakage[0] == pytest.approx(expected * 1e-9)


def test_states_of_a_register_name_its_output_and_leave_out_the_impossible(folder):
    library = toy_library(folder)
    pins = {"CK": "clk", "D": "d", "RN": "rn", "SN": "sn", "QN": "qn"}
    netlist = make_netlist(library, [("TDFSR", pins)], ["clk", "d", "rn", "sn"])
    given = activity(netlist, {}, {"rn": 0.8, "qn": 0.3})
    group = PinProbabilities(netlist, given.static_probability, library.cell_index["TDFSR"])
    # Q is open, but QN shows the state; cleared and high is left out, and the rest scaled up.
    weights = group.of_states(["Q&RN", "!Q&RN", "!Q&!RN"])
    expected = np.array([0.7 * 0.8, 0.3 * 0.8, 0.3 * 0.2])
    np.testing.assert_allclose(weights[0], expected / expected.sum())


def test_output_of_a_gate_is_its_function_in_a_condition(folder):
    library = toy_library(folder)
    netlist = make_netlist(library, [("TND2", {"A": "a", "B": "b", "Y": "n"})], ["a", "b"])
    group = PinProbabilities(netlist, np.array([0.5, 0.25, 0.99]), library.cell_index["TND2"])
    np.testing.assert_allclose(group.of_states(["A&Y", ""]), [[0.5 * 0.75, 1 - 0.5 * 0.75]])


def test_empty_state_is_the_rest_and_weights_sum_to_one(folder):
    library = toy_library(folder)
    cells = [("TFA", {"A": "a", "B": "b", "C": "c", "S": "s"})] * 3
    cells = [(kind, {**pins, "S": f"s{k}"}) for k, (kind, pins) in enumerate(cells)]
    netlist = make_netlist(library, cells, ["a", "b", "c"])
    high = np.random.default_rng(0).random(netlist.nets)
    group = PinProbabilities(netlist, high, library.cell_index["TFA"])
    for whens in (["A&B", ""], ["A", "B", "C"], ["A&!A"], [""]):
        np.testing.assert_allclose(group.of_states(whens).sum(axis=1), 1.0)


def test_activity_survives_its_arrays(folder):
    given = Activity(np.array([0.5, 0.25]), np.array([1.0, 0.0]), 7, 64, "random", 0.01)
    back = activity_from_arrays(activity_to_arrays(given))
    assert back.source == "random" and (back.cycles, back.lanes, back.drift) == (7, 64, 0.01)
    assert np.array_equal(back.toggle_rate, given.toggle_rate)


def test_model_rejects_activity_of_another_netlist(folder):
    library = toy_library(folder)
    netlist = make_netlist(library, [("TINV", {"A": "a", "Y": "y"})], ["a"])
    given = Activity(np.zeros(3), np.zeros(3), 1, 1, "by hand")
    message = r"^activity from by hand is of 3 nets, netlist toy has 2$"
    with pytest.raises(VoltileError, match=message):
        PowerModel(netlist, bare_tree(netlist), given, [library])


def test_model_rejects_libraries_with_other_conditions(folder):
    one = toy_library(folder, 1.0, {("TINV", "Y"): arc("A", (1, 0, 0), (1, 0, 0), "A")})
    two = toy_library(folder, 2.0, {("TINV", "Y"): arc("A", (1, 0, 0), (1, 0, 0), "!A")})
    netlist = make_netlist(one, [("TINV", {"A": "a", "Y": "y"})], ["a"])
    message = "^libraries toy and toy differ in the conditions of their internal power$"
    with pytest.raises(TechnologyError, match=message):
        PowerModel(netlist, bare_tree(netlist), activity(netlist, {}), [one, two])


def test_condition_rejects_an_unknown_pin(folder):
    library = toy_library(folder, leakage={"TINV": {"A&M0": 1}})
    netlist = make_netlist(library, [("TINV", {"A": "a", "Y": "y"})], ["a"])
    message = "^a condition of cell TINV names 'M0', which is not a pin$"
    with pytest.raises(TechnologyError, match=message):
        PowerModel(netlist, bare_tree(netlist), activity(netlist, {}), [library])


def test_evaluate_rejects_libraries_of_the_wrong_shape(folder):
    library = toy_library(folder)
    netlist = make_netlist(library, [("TINV", {"A": "a", "Y": "y"})], ["a"])
    model = PowerModel(netlist, bare_tree(netlist), activity(netlist, {}), [library])
    with pytest.raises(ValueError, match=r"^library must have shape \(1,\), not \(2,\)$"):
        model.evaluate(np.zeros(2, int), timing(netlist))
