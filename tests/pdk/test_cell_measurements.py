"""Measured cells: of simple transistors, and of the PDK's against the foundry's tables."""

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from test_cell_generator import FALLING_GATE, changed

from voltile.pdk import ArcType, Direction, find_pdk, read_cell_library
from voltile.pdk.characterization.bench import Bench, Corner, Event, Stimulus
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.cell_generator import CELL_LISTS, read_cell_list
from voltile.pdk.characterization.layout import Layout
from voltile.pdk.characterization.measure import measure_cell, plan_cell
from voltile.pdk.characterization.measurement import CellMeasurement, CheckKind, Edge
from voltile.pdk.characterization.models import DeviceModel
from voltile.pdk.characterization.plan import Plan, Settings, make_plan, sensitised
from voltile.pdk.characterization.storage import Storage
from voltile.pdk.characterization.transistors import read_netlists

pytestmark = pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice")

OXIDE, OVERLAP = 1.8e-9, 1e-10
MODEL = """.model {name} {kind} level=54 version=4.8 toxe={oxide} vth0={vth} u0={mobility} vsat=1e5
+ cgso={overlap} cgdo={overlap} cgbo=0 jss=1e-7 cjs=1e-3 voff=-0.1
"""
SETTINGS = Settings((5e-12, 2e-11, 1e-10), (5e-12, 2e-11, 5e-11), (0.02, 0.2, 1.0), (0.8, 0.9))
LOAD = 40e-15


@pytest.fixture(scope="module")
def corner(tmp_path_factory):
    """Textbook transistors."""
    path = tmp_path_factory.mktemp("models") / "simple.inc"
    fill = {"oxide": OXIDE, "overlap": OVERLAP}
    path.write_text(
        MODEL.format(name="NMOS_VTL", kind="nmos", vth=0.3, mobility=0.03, **fill)
        + MODEL.format(name="PMOS_VTL", kind="pmos", vth=-0.3, mobility=0.015, **fill)
    )
    devices = {f"{k}MOS_VTL": DeviceModel(k.lower(), path, f"{k}MOS_VTL") for k in "NP"}
    return Corner("typical_25C", 25.0, devices)


@pytest.fixture(scope="module")
def measured(corner, tmp_path_factory):
    """Measure a generated cell once."""
    path = changed(tmp_path_factory.mktemp("cells"), "[[cell]]", FALLING_GATE + "[[cell]]", 1)
    cells = {cell.name: cell for cell in read_cell_list(path).cells}
    kept: dict[str, tuple[Bench, CellMeasurement]] = {}

    def measure(name: str) -> tuple[Bench, CellMeasurement]:
        if name not in kept:
            bench = Bench(cells[name], corner, 1.0, 5e-8, 5e-8, Layout(1e-7, 1.4e-7))
            plan = Plan(()) if cells[name].storage else plan_cell(bench, SETTINGS, LOAD)
            kept[name] = bench, measure_cell(bench, "pb0", plan, SETTINGS, LOAD, [corner])
        return kept[name]

    return measure


def test_input_capacitance_is_oxide_and_overlaps(measured):
    """Between the bare gate and the gate with all overlaps, doubled where the drain swings back."""
    bench, inverter = measured("inv_x1")
    width = sum(item.width for item in bench.cell.netlist.transistors)
    gate = 3.9 * 8.854e-12 / OXIDE * width * 5e-8
    for capacitance in (inverter.pins[0].capacitance_rise, inverter.pins[0].capacitance_fall):
        assert 0.8 * gate < capacitance < 1.2 * gate + 3 * OVERLAP * width


def test_delay_is_linear_in_a_large_load_and_grows_with_slew(measured):
    _, inverter = measured("inv_x1")
    for arc in inverter.arcs:
        first, second, third = arc.delay[0]
        assert (third - second) / (second - first) == pytest.approx(0.8 / 0.18, rel=0.08)
        assert all(below < above for below, above in pairwise(row[0] for row in arc.slew))


def test_internal_energy_does_not_contain_the_load(measured):
    """The load takes 40 fJ at 1 V; the cell's own energy moves by a small part of that."""
    _, inverter = measured("inv_x1")
    for arc in inverter.arcs:
        assert abs(arc.energy[0][2] - arc.energy[0][0]) < 0.01 * LOAD
    cycle = sum(arc.energy[0][0] for arc in inverter.arcs)
    assert 0 < cycle < 0.1 * LOAD


def test_low_driver_leaks_more_and_pulls_up_later(measured):
    bench, inverter = measured("inv_x1")
    full, low = inverter.leakage["typical_25C"], inverter.low_leakage["typical_25C"]
    assert set(full) == {"0", "1"}
    assert set(low) == {"L"}
    assert low["L"][0] > low["L"][1] > full["1"] > 0
    fall = next(arc for arc in inverter.arcs if arc.input_edge is Edge.RISE)
    assert fall.low_delay[0] > fall.low_delay[1] > 1


def test_leakage_of_a_state_is_that_of_its_off_transistors(measured, corner):
    """With the input low only the n transistor is off, and an inverter of twice the width leaks
    twice as much."""
    _, one = measured("inv_x1")
    _, two = measured("inv_x2")
    for state in "01":
        ratio = two.leakage[corner.name][state] / one.leakage[corner.name][state]
        assert ratio == pytest.approx(2, rel=1e-3)


def test_tie_cell_has_leakage_alone(measured):
    _, tie = measured("tie1_x1")
    assert (tie.arcs, tie.pins, tie.checks) == ((), (), ())
    assert set(tie.leakage["typical_25C"]) == {""}


def test_exclusive_or_has_an_arc_per_state(measured):
    _, cell = measured("xor2_x1")
    found = {(arc.related, arc.when, arc.input_edge == arc.output_edge) for arc in cell.arcs}
    assert found == {("A", "B", False), ("A", "!B", True), ("B", "A", False), ("B", "!A", True)}


def test_measurement_survives_its_file(measured):
    _, cell = measured("dffr_x1")
    assert CellMeasurement.from_json(cell.to_json()) == cell
    for damaged in (cell.to_json()[:-9], "[]", '{"format": 1}', '{"format": 0}'):
        with pytest.raises(ValueError):
            CellMeasurement.from_json(damaged)


def test_flip_flop_has_its_arcs_and_checks(measured):
    _, cell = measured("dffr_x1")
    arcs = {(arc.related, arc.kind.value, arc.output_edge.value) for arc in cell.arcs}
    assert arcs == {("CK", "rising_edge", "rise"), ("CK", "rising_edge", "fall"),
                    ("RN", "clear", "fall")}  # fmt: skip
    checks = {(check.pin, check.kind.value, check.edge.value) for check in cell.checks}
    assert checks == {
        ("D", f"{kind}_rising", edge) for kind in ("setup", "hold") for edge in ("rise", "fall")
    } | {("RN", "recovery_rising", "rise"), ("RN", "removal_rising", "rise")}
    assert {pin.pin: (pin.low_width > 0, pin.high_width > 0) for pin in cell.pins} == {
        "D": (False, False), "CK": (True, True), "RN": (True, False)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "levels", "data", "clock", "output", "captured"),
    [
        ("dffr_x1", {"D": 0, "CK": 0, "RN": 1}, "D", ("CK", 1), "Q", 1),
        ("icg_x1", {"EN": 0, "CK": 0}, "EN", ("CK", 1), "GCK", 1),
        ("icgn_x1", {"EN": 0, "CK": 1}, "EN", ("CK", 0), "GCK", 0),
    ],
)
def test_setup_is_where_capture_ends(measured, name, levels, data, clock, output, captured):
    """Simulated directly: a little more time than the setup captures the data, less does not."""
    bench, cell = measured(name)
    storage = Storage(bench)
    kind = CheckKind.SETUP_RISING if clock[1] else CheckKind.SETUP_FALLING
    check = next(item for item in cell.checks if item.kind is kind and item.edge is Edge.RISE)
    slew = SETTINGS.check_slews[1]
    state = next(
        item for item in storage.states if storage.levels(item) == levels and item.stored == 0
    )
    ends = []
    for offset in (check.values[1][1] + 5e-12, check.values[1][1] - 30e-12):
        events = [Event(data, 1, 1e-9 - offset, slew), Event(*clock, 1e-9, slew)]
        run = Stimulus(levels, events, {output: LOAD}, 3e-9, {})
        (wave,) = storage.simulate([(state, run)])
        ends.append(wave.voltage(output)[-1])
    assert ends == pytest.approx([captured, 1 - captured], abs=0.01)


@pytest.mark.parametrize(
    ("name", "edge", "widths"),
    [("icg_x1", "rising", (True, False)), ("icgn_x1", "falling", (False, True))],
)
def test_clock_gates_are_checked_at_the_edge_that_closes_them(measured, name, edge, widths):
    _, cell = measured(name)
    arcs = {(arc.related, arc.kind.value, arc.input_edge, arc.output_edge) for arc in cell.arcs}
    assert arcs == {("CK", "combinational", edge, edge) for edge in Edge}
    checks = {(check.pin, check.clock, check.kind.value, check.edge) for check in cell.checks}
    assert checks == {("EN", "CK", f"{kind}_{edge}", data)
                      for kind in ("setup", "hold") for data in Edge}  # fmt: skip
    clock = next(pin for pin in cell.pins if pin.pin == "CK")
    assert (clock.low_width > 0, clock.high_width > 0) == widths


def test_names_of_the_stored_bit_change_nothing(corner):
    cells = {cell.name: cell for cell in read_cell_list(CELL_LISTS / "freepdk45.toml").cells}
    cell = cells["dffe_x1"]
    names = {"state": "Q_INT", "state_inverted": "QN_INT"}
    data = cell.storage.data.replace("IQ", "!QN_INT")
    other = replace(
        cell, functions={"Q": "Q_INT"}, storage=replace(cell.storage, data=data, **names)
    )
    one, two = (
        Storage(Bench(item, corner, 1.0, 5e-8, 5e-8, Layout(1e-7, 1.4e-7)))
        for item in (cell, other)
    )
    assert one.states == two.states and one.nodes == two.nodes
    for state in one.states:
        assert one.outputs(state) == two.outputs(state) == {"Q": state.stored}
        assert [one.step(state, pin) for pin in cell.inputs] == [
            two.step(state, pin) for pin in cell.inputs
        ]


def test_setup_and_hold_leave_a_window(measured):
    _, cell = measured("dffr_x1")
    value = {(check.kind, check.edge): np.array(check.values) for check in cell.checks}
    for edge, other in ((Edge.RISE, Edge.FALL), (Edge.FALL, Edge.RISE)):
        window = value[CheckKind.SETUP_RISING, edge] + value[CheckKind.HOLD_RISING, other]
        assert (window > -2e-12).all()


def test_states_with_like_delays_are_one():
    """Nine sensitised states of an and-or: where A1 & A2 is false, B decides."""
    netlist = read_cell_list(CELL_LISTS / "freepdk45.toml").cells[0].netlist
    cell = Cell(netlist, ("A1", "A2", "B"), {"Y": "(A1&A2)|B"}, None, "VDD", "VSS", "VDD", "VSS")
    states = [toggle for toggle, _ in sensitised(cell)]
    assert len(states) == 1 + 1 + 3

    def plan(slowest_b: float) -> dict[tuple[str, str], str]:
        delays = {(toggle, "Y"): [1.0, 2.0] for toggle in states}
        delays[next(item for item in states if item.pin == "B" and item.state == 0), "Y"] = [
            slowest_b, 2.0,
        ]  # fmt: skip
        found = make_plan(cell, delays, same=0.1)
        return {(group.toggle.pin, group.when): group.toggle.state for group in found.groups}

    assert plan(1.05) == {("A1", ""): 2, ("A2", ""): 1, ("B", ""): 0}
    assert set(plan(1.5)) == {("A1", ""), ("A2", ""), ("B", "(!A1&!A2)"),
                              ("B", "(!A1&A2)|(A1&!A2)")}  # fmt: skip
    assert Plan.from_json(make_plan(cell, {(states[0], "Y"): [1, 1]}, 0.1).to_json()).groups


# The foundry's tables, made from extracted layouts by another simulator.

SKY130_SETTINGS = Settings((2e-11, 1e-10, 4e-10), (2e-11, 2e-10, 1e-9), (0.05, 0.2, 0.6), ())
SKY130_LAYOUT = Layout(0.26e-6, 0.28e-6, 0.15e-15, 0.23e-9, 2.5e-6)


@pytest.fixture(scope="module")
def foundry(sky130hd):
    """The foundry's library at ss, 100 C, 1.60 V."""
    root = find_pdk("sky130A") / "sky130A/libs.ref"
    return root, read_cell_library(root / "sky130_fd_sc_hd/lib/sky130_fd_sc_hd__ss_100C_1v60.lib")


def measure_sky130(foundry, name, storage=None):
    root, library = foundry
    full = f"sky130_fd_sc_hd__{name}"
    netlist = read_netlists(root / "sky130_fd_sc_hd/spice/sky130_fd_sc_hd.spice", 1e-6)[full]
    kind = library.cell_index[full]
    pins = range(library.cell_first_pin[kind], library.cell_first_pin[kind + 1])
    of = {direction: [pin for pin in pins if library.pin_direction[pin] == direction]
          for direction in (Direction.INPUT, Direction.OUTPUT)}  # fmt: skip
    functions = {library.pin_name[pin]: library.pin_function[pin] for pin in of[Direction.OUTPUT]}
    cell = Cell(
        netlist, tuple(library.pin_name[pin] for pin in of[Direction.INPUT]), functions, storage,
        "VPWR", "VGND", "VPB", "VNB",
    )  # fmt: skip
    models = root / "sky130_fd_pr/spice"
    devices = {
        f"sky130_fd_pr__{device}": DeviceModel(
            device[0], models / f"sky130_fd_pr__{device}__ss.pm3.spice", f"sky130_fd_pr__{device}"
        )
        for device in ("nfet_01v8", "pfet_01v8_hvt")
    }
    bench = Bench(cell, Corner("ss_100C", 100.0, devices), 1.6, 1.5e-7, 1.5e-7, SKY130_LAYOUT)
    load = 0.2 * min(float(library.pin_max_capacitance[pin]) for pin in of[Direction.OUTPUT])
    plan = Plan(()) if storage else plan_cell(bench, SKY130_SETTINGS, load)
    return kind, measure_cell(bench, "pb0", plan, SKY130_SETTINGS, load, [])


def lookup(library, kind, related, pin, types, edge, which, x, y):
    """Worst value of the foundry's arcs between two pins."""
    arcs = [
        arc
        for arc in np.flatnonzero((library.arc_cell == kind) & np.isin(library.arc_type, types))
        if library.pin_name[library.arc_from[arc]] == related
        and library.pin_name[library.arc_to[arc]] == pin
        and library.arc_table[arc, int(edge is Edge.FALL), which] >= 0
    ]
    tables = library.arc_table[arcs, int(edge is Edge.FALL), which]
    return max(
        float(library.tables.lookup(np.array([table]), np.array([x]), np.array([y]))[0])
        for table in tables
    )


@pytest.mark.parametrize("name", ["inv_2", "nand2_1", "a21oi_1", "buf_1"])
def test_gates_agree_with_the_foundry(foundry, name):
    library = foundry[1]
    kind, found = measure_sky130(foundry, name)
    ratios = []
    for arc in found.arcs:
        alike = [other.delay for other in found.arcs if replace(
            other, when="", delay=(), slew=(), energy=()) == replace(
            arc, when="", delay=(), slew=(), energy=())]  # fmt: skip
        worst = np.max(alike, axis=0)
        for i, slew in enumerate(found.slews):
            for j, load in enumerate(found.loads):
                theirs = lookup(library, kind, arc.related, arc.output, [ArcType.COMBINATIONAL],
                                arc.output_edge, 0, slew, load)  # fmt: skip
                ratios.append(worst[i][j] / theirs)
    assert np.median(ratios) == pytest.approx(1, abs=0.08)
    assert np.mean(np.abs(np.array(ratios) - 1) < 0.2) > 0.85
    for pin in found.pins:
        theirs = library.pin_capacitance[library.pin_index[kind, pin.pin]]
        ours = (pin.capacitance_rise, pin.capacitance_fall)
        np.testing.assert_allclose(ours, theirs, rtol=0.12)


def test_flip_flop_agrees_with_the_foundry(foundry):
    library = foundry[1]
    storage = library.sequential[library.cell_index["sky130_fd_sc_hd__dfxtp_1"]]
    kind, found = measure_sky130(foundry, "dfxtp_1", storage)
    for arc in found.arcs:
        theirs = lookup(library, kind, "CLK", "Q", [ArcType.RISING_EDGE], arc.output_edge, 0,
                        found.slews[1], found.loads[1])  # fmt: skip
        assert arc.delay[1][1] == pytest.approx(theirs, rel=0.25)
    kinds = {CheckKind.SETUP_RISING: ArcType.SETUP_RISING,
             CheckKind.HOLD_RISING: ArcType.HOLD_RISING}  # fmt: skip
    for check in found.checks:
        # The foundry's next point is at 2.5 ns: between, its tables are too coarse to compare with.
        for i, clock in enumerate(found.check_slews[:2]):
            for j, data in enumerate(found.check_slews[:2]):
                theirs = lookup(library, kind, "CLK", "D", [kinds[check.kind]], check.edge, 0,
                                clock, data)  # fmt: skip
                assert check.values[i][j] == pytest.approx(theirs, rel=0.25, abs=60e-12)
