"""`voltile characterize-pe`: what it measures, against golden results, power and OpenSTA."""

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import Precision, StageMeter, VoltileError
from voltile.floorplan import Timer, build_timing_graph, opensta_worst_slack
from voltile.floorplan.constants import constant_nets
from voltile.flows.cli import main
from voltile.flows.elements.job import (
    PE_COLUMNS,
    PE_OUTPUTS,
    PeConfig,
    characterize_pes,
    mac_model,
    place_element,
)
from voltile.flows.elements.operands import Operands, random_operands
from voltile.flows.elements.plots import plot_energies
from voltile.flows.elements.stimuli import PeStimuli, control_case
from voltile.flows.stages import Stages
from voltile.hdl import (
    PROCESSING_ELEMENTS,
    DotProduct,
    DualMac,
    ScalableMac,
    SpatialMac,
    schedule_on,
)
from voltile.pdk import read_technology
from voltile.power import PowerModel, compile_netlist, simulate
from voltile.power.simulation import observe
from voltile.sim import dot_product, packed_dot_product, round_half_even, write_back

FULL, MIXED, HALF = Precision.FULL, Precision.MIXED, Precision.HALF
WIDTH, ACC_WIDTH = 4, 14


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """The toy technology, with a cache of its own."""
    folder = tmp_path_factory.mktemp("toy_pe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield write_toy_technology(folder)


@pytest.fixture(scope="module")
def config(manifest):
    return PeConfig(width=WIDTH, acc_width=ACC_WIDTH, tech=str(manifest))


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Where the placed elements are kept."""
    return Stages(tmp_path_factory.mktemp("pe"), StageMeter(), lambda line: None)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Where activities under other operands are kept."""
    return Stages(tmp_path_factory.mktemp("others"), StageMeter(), lambda line: None)


@pytest.fixture(scope="module")
def study(config, stages):
    return characterize_pes(config, stages.folder.parent, lambda line: None)


@pytest.fixture(scope="module")
def placed(study, config, stages):
    """Gives an element and its layout, as the study has made it."""

    def find(name):
        element = config.element(name)
        technology = read_technology(config.tech)
        return element, place_element(element, name, technology, config, stages)

    return find


@pytest.fixture(scope="module")
def rows(study, stages):
    with (stages.folder.parent / "pe_energy.csv").open() as stream:
        return [{key: value if key in ("pe", "precision", "mode") else float(value)
                 for key, value in row.items()} for row in csv.DictReader(stream)]  # fmt: skip


def of(rows, pe, precision, mode):
    return [row for row in rows if (row["pe"], row["precision"], row["mode"]) ==
            (pe, precision, mode)]  # fmt: skip


HAVE = [("scalable", "full", 1 / 4), ("scalable", "mixed", 1 / 2), ("scalable", "half", 1),
        ("spatial", "full", 1), ("spatial", "mixed", 2), ("spatial", "half", 4),
        ("dual", "full", 1), ("dual", "half", 2)]  # fmt: skip


def test_leaves_the_documented_files(rows, stages, config):
    folder = stages.folder.parent
    assert {path.name for path in folder.iterdir()} == {*PE_OUTPUTS, "stages"}
    assert tuple(rows[0]) == PE_COLUMNS
    assert list(dict.fromkeys((row["pe"], row["precision"]) for row in rows)) == [
        item[:2] for item in HAVE
    ]
    assert {(row["width"], row["acc_width"]) for row in rows} == {(WIDTH, ACC_WIDTH)}
    record = json.loads((folder / "pe_energy.json").read_text())
    assert record["command"]["pes"] == ["scalable", "spatial", "dual"]
    assert (folder / "pe_energy.png").read_bytes().startswith(b"\x89PNG")


def test_energies_add_up_and_rates_are_those_of_table_3_9(rows):
    for row in rows:
        parts = row["switching_pj"] + row["internal_pj"] + row["leakage_pj"]
        assert row["energy_per_mac_pj"] == pytest.approx(parts, rel=1e-6)
        assert min(row["switching_pj"], row["internal_pj"], row["leakage_pj"]) > 0
        assert row["max_frequency_hz"] >= row["frequency_hz"] * (1 - 1e-8)
        # Without a clock only leakage is left; a clock without work costs less than work.
        busy = row["energy_per_mac_pj"] * row["macs_per_cycle"]
        assert 0 < row["gated_pj_per_cycle"] < row["idle_pj_per_cycle"] < busy
        leakage = row["leakage_pj"] * row["macs_per_cycle"]
        assert row["gated_pj_per_cycle"] == pytest.approx(leakage, rel=0.5)
    for pe, precision, rate in HAVE:
        assert {row["macs_per_cycle"] for row in rows
                if (row["pe"], row["precision"]) == (pe, precision)} == {rate}  # fmt: skip


def test_constant_frequency_is_what_all_precisions_meet_at_the_nominal_supply(rows):
    for pe in PROCESSING_ELEMENTS:
        mine = [row for row in rows if row["pe"] == pe]
        reach = {row["precision"]: row["max_frequency_hz"] for row in mine
                 if row["mode"] == "constant-frequency" and row["vdd_v"] == 1.0}  # fmt: skip
        assert {row["frequency_hz"] for row in mine
                if row["mode"] == "constant-frequency"} == {min(reach.values())}  # fmt: skip
        energy = [of(rows, pe, name, "constant-frequency")[-1]["energy_per_mac_pj"]
                  for name in reach]  # fmt: skip
        assert energy == sorted(energy, reverse=True)


def test_constant_throughput_lowers_supply_and_dynamic_energy(rows):
    for pe, precision, rate in HAVE:
        (row,) = of(rows, pe, precision, "constant-throughput")
        nominal = of(rows, pe, precision, "constant-frequency")[-1]
        full = of(rows, pe, "full", "constant-frequency")[-1]
        assert row["frequency_hz"] * rate == pytest.approx(
            full["frequency_hz"] * full["macs_per_cycle"]
        )
        assert row["vdd_v"] <= nominal["vdd_v"] == 1.0
        assert row["switching_pj"] <= nominal["switching_pj"]
        assert row["internal_pj"] <= nominal["internal_pj"]
        assert row["energy_per_mac_pj"] <= full["energy_per_mac_pj"]


def test_highest_frequency_covers_every_precision_and_supply(rows):
    supplies = {row["vdd_v"] for row in of(rows, "dual", "full", "highest-frequency")}
    assert len(supplies) > 2 and 1.0 in supplies
    for pe, precision, _ in HAVE:
        mine = of(rows, pe, precision, "highest-frequency")
        assert [row["vdd_v"] for row in mine] == sorted(supplies)
        assert all(row["frequency_hz"] == row["max_frequency_hz"] for row in mine)
        # The same point at another clock: energy of switching, power of leakage.
        nominal = of(rows, pe, precision, "constant-frequency")[-1]
        fastest = mine[-1]
        assert fastest["switching_pj"] == nominal["switching_pj"]
        assert fastest["leakage_pj"] * fastest["frequency_hz"] == pytest.approx(
            nominal["leakage_pj"] * nominal["frequency_hz"]
        )


@pytest.mark.parametrize("source", ["random words", "/a/long/path" * 12 + "/operands.npz"])
@pytest.mark.parametrize("precisions", [(FULL, HALF), (HALF,)])
def test_picture_of_few_bars_holds_all_of_its_texts(study, monkeypatch, tmp_path, precisions,
                                                    source):  # fmt: skip
    kept = []
    monkeypatch.setattr(
        "voltile.flows.elements.plots.save_figure", lambda figure, _: kept.append(figure)
    )
    result = study.results[-1]
    energies = tuple(item for item in result.energies if item.precision in precisions)
    few = replace(study, results=(replace(result, energies=energies),),
                  operands=replace(study.operands, source=source))  # fmt: skip
    plot_energies(few, tmp_path / "pe.png")
    [figure] = kept
    figure.canvas.draw()
    titles = [axis.title.get_window_extent() for axis in figure.axes]
    texts = [figure._supxlabel.get_window_extent(), figure.legends[0].get_window_extent(), *titles]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in texts)
    assert titles[0].x1 < titles[1].x0


def test_lowest_supply_is_the_lowest(placed, others):
    element, layout = placed("scalable")
    operands = random_operands(WIDTH, 0, 1)
    model = mac_model("scalable", layout, element, operands, others)
    at_rest = model.max_frequency(MIXED, 0.6)
    assert model.lowest_supply(MIXED, 0.5 * at_rest) == 0.6
    for vdd in (0.65, 0.7, 0.777, 0.95):  # two of them between characterised supplies
        frequency = model.max_frequency(MIXED, vdd)
        assert model.lowest_supply(MIXED, frequency) == pytest.approx(vdd, abs=1e-9)
        assert model.lowest_supply(MIXED, 1.0001 * frequency) == pytest.approx(vdd + 1e-3)
    beyond = 1.1 * model.max_frequency(MIXED, 1.0)
    with pytest.raises(VoltileError, match="at mixed precision is beyond the reach of the element"):
        model.lowest_supply(MIXED, beyond)


def golden(element, act, weight, precision):
    """Value of the accumulator for operand words of full precision."""
    if precision is HALF:
        act = act >> WIDTH // 2
    if isinstance(element, ScalableMac):
        return dot_product(act, weight, precision, None, WIDTH, ACC_WIDTH)
    if precision is not FULL:
        weight = round_half_even(weight, WIDTH)
    products = element.modes[precision].weights
    return packed_dot_product(act, weight, precision, products, None, WIDTH, ACC_WIDTH)


@pytest.mark.parametrize(("pe", "precision"), [item[:2] for item in HAVE])
def test_netlist_computes_the_dot_products_of_the_operands(placed, pe, precision):
    """What is measured is the work that is meant: results of the netlist are golden ones."""
    element, layout = placed(pe)
    graph, precision = layout.layout.graph, Precision[precision.upper()]
    rng = np.random.default_rng(3)
    act, weight = rng.integers(-8, 8, (2, 1496, 7))
    operands = Operands(act, weight, "made", "made")
    stimuli = PeStimuli(element, graph.netlist, graph.clocks, operands, precision)
    stimulus = stimuli.busy()
    # Streams of six vectors, with the last one in front, too.
    assert stimulus.lanes == 250
    assert stimuli.macs_per_cycle == 7 / element.dot_product_cycles(7, precision)
    netlist = graph.netlist
    ports = {name: net for name, net, is_input in
             zip(netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True)
             if not is_input}  # fmt: skip
    nets = np.array([ports[f"out[{bit}]"] for bit in range(WIDTH)])
    seen = observe(compile_netlist(netlist, graph.clocks), stimulus, nets)
    found = (seen * (1 << np.arange(WIDTH))).sum(axis=2)
    found -= (found >= 1 << WIDTH - 1) << WIDTH
    sums = (act * weight).sum(axis=1)
    position = max(0, int(abs(sums).max()).bit_length() + 1 - WIDTH)
    expected, saturated = write_back(golden(element, act, weight, precision), position, WIDTH)
    assert precision is not FULL or not saturated.any()
    ready = 2 + schedule_on(element, [DotProduct(7, precision)] * 7).result_cycle
    lanes = np.resize(expected, (250, 6))
    inside = ready < len(found)
    assert inside.sum() >= 4
    assert (found[ready[inside]] == lanes[:, [5, 0, 1, 2, 3, 4, 5]].T[inside]).all()
    assert len(set(expected.tolist())) > 6


def test_half_precision_of_real_words_at_8_bits():
    """Upper halves: activations floored, weights rounded half-even and clamped."""
    act, weight = np.array([[-1, 127, -128, 8]]), np.array([[8, 24, -8, 127]])
    # By hand: floor(act / 16), and half-even weight / 16 within -8 .. 7.
    packed = {}
    for element in (ScalableMac(8, 32), SpatialMac(8, 32)):
        stimuli = object.__new__(PeStimuli)
        stimuli._element, stimuli._precision = element, HALF
        stimuli._operands = Operands(act, weight, "", "")
        stimuli._order, stimuli._rounds = np.array([[0, 0]]), 1
        plan = schedule_on(element, [DotProduct(4, HALF)])
        packed[type(element)] = stimuli._ports(plan, plan.cycles)
    spatial = packed[SpatialMac]
    assert spatial["act"][0, 0] == 0xF780 and spatial["weight"][0, 0] == 0x0207
    scalable = packed[ScalableMac]
    assert scalable["act"][:4, 0].tolist() == [0xF7, 0xF7, 0x80, 0x80]
    assert scalable["weight"][:4, 0].tolist() == [8, 24, 0xF8, 127]  # rounded in the element


@pytest.mark.parametrize(
    ("element", "precision", "case"),
    [
        (ScalableMac, FULL, {"ctl__shift[1]": 0}),
        (ScalableMac, MIXED, {"ctl__weight_part[0]": 0, "ctl__weight_part[1]": 0,
                              "ctl__shift[1]": 0}),
        (ScalableMac, HALF, {"ctl__weight_part[0]": 0, "ctl__weight_part[1]": 0,
                             "ctl__act_signed": 1, "ctl__shift[0]": 0}),
        (SpatialMac, FULL, {"ctl__half": 0, "ctl__mixed": 0}),
        (SpatialMac, MIXED, {"ctl__half": 0, "ctl__mixed": 1}),
        (SpatialMac, HALF, {"ctl__half": 1, "ctl__mixed": 0}),
        (DualMac, FULL, {"ctl__half": 0}),
        (DualMac, HALF, {"ctl__half": 1}),
    ],
)  # fmt: skip
def test_case_holds_the_bits_that_say_the_precision(element, precision, case):
    assert control_case(element(8, 32), precision) == {"rst": 0} | case


@pytest.mark.parametrize("pe", PROCESSING_ELEMENTS)
def test_what_case_analysis_takes_as_constant_does_not_move(placed, pe):
    element, layout = placed(pe)
    graph = layout.layout.graph
    program = compile_netlist(graph.netlist, graph.clocks)
    for precision in element.modes:
        operands = random_operands(WIDTH, 0.3, 2)
        stimuli = PeStimuli(element, graph.netlist, graph.clocks, operands, precision)
        activity = simulate(program, stimuli.busy())
        case = control_case(element, precision)
        held = constant_nets(graph.netlist, case, through_registers=True)
        plain = constant_nets(graph.netlist, case)
        assert (held >= 0).sum() > (plain >= 0).sum()  # else this says little
        constant = held >= 0
        assert (activity.toggle_rate[constant] == 0).all()
        assert (activity.static_probability[constant] == held[constant]).all()


def test_highest_frequency_is_that_of_opensta(placed, others, opensta, tmp_path):
    element, layout = placed("dual")
    model = mac_model("dual", layout, element, random_operands(WIDTH, 0, 1), others)
    design, technology = layout.layout, model.technology
    for precision in element.modes:
        case = control_case(element, precision)
        held = replace(design.graph.constraints, case=case, case_through_registers=True)
        graph = build_timing_graph(design.graph.netlist, held)
        every = np.zeros(graph.netlist.cells, dtype=np.int64)
        _, wire_delay = Timer(graph, [technology.library(0.8)]).loads(every, design.wires)
        period = 1 / model.max_frequency(precision, 0.8)
        result = opensta_worst_slack(
            graph, [technology.liberty(0.8)], every, design.wires, wire_delay, period,
            tmp_path / precision.name,
        )  # fmt: skip
        assert result.worst_slack == pytest.approx(0, abs=1e-13)


def test_energy_times_macs_over_time_is_power(placed, others):
    element, layout = placed("spatial")
    operands = random_operands(WIDTH, 0, 1)
    model = mac_model("spatial", layout, element, operands, others)
    design = layout.layout
    libraries = [model.technology.library(0.9)]
    every = np.zeros(design.graph.netlist.cells, dtype=np.int64)
    timing = Timer(design.graph, libraries).analyze(every, design.wires)
    (point,) = model.points(HALF, [0.9])
    row = model.at("", point, HALF, 200e6)
    power = PowerModel(design.graph.netlist, design.tree, model.modes[HALF].busy, libraries)
    totals = power.evaluate(every, timing).totals(200e6)
    macs_per_second = 4 * 200e6
    assert row.energy * macs_per_second == pytest.approx(totals.total)
    assert row.leakage * macs_per_second == pytest.approx(totals.leakage)
    assert row.switching * macs_per_second == pytest.approx(totals.switching)
    # The time that the counted operands take, at so many of them in each of the streams.
    seconds = model.modes[HALF].busy.cycles / 200e6
    macs = operands.act.size / model.modes[HALF].busy.lanes
    assert row.energy * macs / seconds == pytest.approx(totals.total)


def test_zeros_save_energy_and_only_zeros_leave_the_clock(placed, others):
    for pe in PROCESSING_ELEMENTS:
        element, layout = placed(pe)
        found = []
        for sparsity in (0, 0.5, 0.9, 1):
            operands = random_operands(WIDTH, sparsity, 1)
            assert operands.zero_acts == pytest.approx(sparsity + (1 - sparsity) / 16, abs=0.02)
            model = mac_model(pe, layout, element, operands, others)
            (point,) = model.points(FULL, [1.0])
            found.append(point.switching + point.internal)
        assert found == sorted(found, reverse=True)
        assert found[-1] < 0.6 * found[0]


def test_same_inputs_give_the_same_bytes_and_stages_are_read_again(study, config, stages):
    folder, said = stages.folder.parent, []
    before = {name: (folder / name).read_bytes() for name in PE_OUTPUTS[:2]}
    characterize_pes(config, folder, said.append)
    assert {name: (folder / name).read_bytes() for name in before} == before
    made = [line for line in said if line.endswith("...") and "energy" not in line]
    assert made == []


@pytest.fixture
def voltile(monkeypatch, capsys):
    """Runs the command line; gives exit code, output and error text."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call


def test_command_shows_a_table_of_what_is_asked_for(voltile, manifest, tmp_path):
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "ops.npz", act=rng.integers(-8, 8, (5, 3)),
             weight=rng.integers(-8, 8, (5, 3), dtype=np.int8))  # fmt: skip
    code, out, err = voltile(
        "characterize-pe", "--pe", "spatial", "dual", "--precision", "mixed", "--width", 4,
        "--acc-width", 8, "--tech", manifest, "--operands", tmp_path / "ops.npz", "--out",
        tmp_path / "pe",
    )  # fmt: skip
    assert code == 0
    assert "spatial" in out and "mixed" in out and "full" not in out.split("at one clock: at")[0]
    assert "at one clock:" in out.split("spatial")[0]
    assert "dual" not in out and f"{tmp_path / 'pe'}/pe_energy.csv" in out
    assert "spatial-placement" in err and "ops.npz" in err
    with (tmp_path / "pe" / "pe_energy.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    # Three operands take two words of two.
    assert {float(row["macs_per_cycle"]) for row in rows} == {1.5}


ONES = np.ones((2, 3), dtype=np.int64)


SHAPE = "must be integers of shape (vectors, length), not"


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"act": ONES}, "array 'weight' is missing; it has act"),
        ({"act": ONES * 0.5, "weight": ONES}, f"act {SHAPE} float64 of shape (2, 3)"),
        ({"act": ONES, "weight": ONES[0]}, f"weight {SHAPE} int64 of shape (3,)"),
        ({"act": ONES[:0], "weight": ONES[:0]}, f"act {SHAPE} int64 of shape (0, 3)"),
        ({"act": ONES, "weight": ONES[:1]},
         "act and weight must be of one shape, not (2, 3) and (1, 3)"),
        ({"act": ONES, "weight": ONES * -9},
         "weight must be words of 4 bits, -8 to 7, not -9 (--width)"),
        ({"act": ONES, "weight": ONES * 7, "width": 8},
         "these are words of 8 bits, not of 4 (--width)"),
        ({"act": ONES, "weight": ONES * -2},
         "the values need 2 bits of 4 (--width); if they are meant so, add an array width=4"),
    ],
)  # fmt: skip
def test_command_rejects_operands_that_do_not_fit(voltile, tmp_path, arrays, fault):
    path = tmp_path / "ops.npz"
    np.savez(path, **arrays)
    code, _, err = voltile("characterize-pe", "--width", 4, "--operands", path, "--out",
                           tmp_path / "pe")  # fmt: skip
    assert (code, err) == (2, f"error: operands {path}: {fault}\n")
    assert not (tmp_path / "pe").exists()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--pe", "scalable", "systolic"],
         "a processing element must be scalable, spatial, dual, not systolic"),
        (["--precision", "full", "double"], "a precision must be full, mixed, half, not double"),
        (["--pe", "dual", "--precision", "mixed"], "dual: there is no mixed precision"),
        (["--width", 5], "width must be even and from 4 to 20, not 5"),
        (["--width", 0], "width must be even and from 4 to 20, not 0"),
        (["--width", -8], "width must be even and from 4 to 20, not -8"),
        (["--width", 300, "--acc-width", 700], "width must be even and from 4 to 20, not 300"),
        (["--acc-width", 12], "acc_width must be from 16 to 128, not 12"),
        (["--sparsity", 1.5], "sparsity must be from 0 to 1, not 1.5"),
        (["--sparsity", 0.5, "--operands", "x.npz"],
         "sparsity is of random operands, not of those of a file"),
        (["--period", 0], "clock period must be positive and finite, not 0 ns"),
        (["--operands", "nosuch.npz"], "operands nosuch.npz: there is no such file"),
    ],
)  # fmt: skip
def test_command_rejects_what_cannot_be_characterised(voltile, tmp_path, monkeypatch, arguments,
                                                      fault):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = voltile("characterize-pe", *arguments)
    assert (code, out, err) == (2, "", f"error: {fault}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["text", "a plain array"])
def test_command_rejects_a_file_that_is_no_npz(voltile, tmp_path, content):
    path = tmp_path / "ops.npz"
    path.write_text("act,weight\n1,2\n")
    if content != "text":
        np.save(tmp_path / "ops.npy", ONES)
        (tmp_path / "ops.npy").replace(path)
    code, _, err = voltile("characterize-pe", "--operands", path)
    assert (code, err) == (2, f"error: operands {path}: no npz file of plain arrays\n")
