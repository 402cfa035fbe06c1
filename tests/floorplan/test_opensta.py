"""Worst slack against OpenSTA, within a picosecond: toy cells in all kinds of surroundings."""

import re
from pathlib import Path

import numpy as np
import pytest
from toy_netlists import make_netlist, random_netlist, random_supply, random_wires

from voltile.core import ProgramError
from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    opensta_worst_slack,
    synthesize,
)

pytestmark = pytest.mark.usefixtures("opensta")

PERIOD = 0.8e-9
BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"


def check(technology, netlist, constraints, vdds, folder, seed=None, exact=2e-15):
    """Time a netlist here and in OpenSTA; without a seed, without wires and at the first supply."""
    period = PERIOD
    supply, wires = np.zeros(netlist.cells, dtype=np.int64), Wires.none(netlist)
    if seed is not None:
        supply, wires = random_supply(netlist, seed, len(vdds)), random_wires(netlist, seed)
    graph = build_timing_graph(netlist, constraints)
    timer = Timer(graph, [technology.library(vdd) for vdd in vdds])
    timing = timer.analyze(supply, wires)
    result = opensta_worst_slack(
        graph, [technology.liberty(vdd) for vdd in vdds], supply, wires, timing.wire_delay, period,
        folder,
    )  # fmt: skip
    faults = [line for line in (folder / "time.log").read_text().splitlines()
              if re.match("Error|Warning", line) and "-wire_load not allowed" not in line]
    assert faults == []
    assert np.isfinite(result.worst_slack)
    assert timing.worst_slack(period) == pytest.approx(result.worst_slack, abs=1e-12, rel=0)
    # OpenSTA computes in single precision; this close is the same computation.
    assert timing.worst_slack(period) == pytest.approx(result.worst_slack, abs=exact, rel=1e-5)
    assert result.update_s > 0
    return timing


@pytest.mark.parametrize("seed", range(6))
def test_random_netlists_at_mixed_supplies_with_wires(toy_technology, tmp_path, seed):
    netlist = random_netlist(toy_technology.library(1.0), seed, 60, 10)
    check(toy_technology, netlist, Constraints(), (0.7, 1.0, 0.6), tmp_path, seed)


SURROUNDINGS = {
    "input and output delays": Constraints(
        input_delay={"a0": 300e-12, "a1": 40e-12, "rst": 10e-12},
        output_delay={"y0": 350e-12, "y1": 20e-12, "y6": -30e-12},
    ),
    "loads": Constraints(load={"y0": 30e-15, "y1": 12e-15, "y2": 7e-15, "y3": 40e-15}),
    "two ports of one net with loads": Constraints(load={"y0": 20e-15, "y5": 15e-15}),
    "uneven clock": Constraints(fall=0.35),
    "false paths from": Constraints(
        input_delay={"a0": 2e-9, "rst": 3e-9}, false_from=frozenset({"a0", "rst"})
    ),
    "false paths to": Constraints(
        output_delay={"y1": 2e-9, "y3": 3e-9}, false_to=frozenset({"y1", "y3"})
    ),
    "cases": Constraints(case={"a0": 0, "a2": 1}),
    "more cases": Constraints(case={"a0": 1, "a1": 1, "rst": 1}),
    "derates": Constraints(cell_derate=1.13, net_derate=1.4),
    "all": Constraints(
        ("clk",), 0.0, 0.6, {"a1": 100e-12}, {"y0": 50e-12}, {"y2": 10e-15}, {"a3": 0},
        frozenset({"rst"}), frozenset({"y4"}), 1.05, 0.9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("constraints", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_surroundings(toy_technology, tmp_path, constraints, seed):
    netlist = random_netlist(toy_technology.library(1.0), seed, 50, 8)
    check(toy_technology, netlist, constraints, (0.8, 1.0), tmp_path, seed)


@pytest.mark.parametrize("top", ["counter", "edges", "lfsr", "mac"])
@pytest.mark.parametrize("vdds", [(1.0,), (0.6,), (0.7, 1.0)], ids=["high", "low", "mixed"])
def test_synthesised_designs(toy_technology, tmp_path, top, vdds):
    netlist = synthesize(Sources([BLOCKS], top=top), toy_technology, PERIOD, tmp_path / "synth")
    check(toy_technology, netlist, Constraints(), vdds, tmp_path, seed=1)


def test_registers_of_both_edges_behind_an_inverter(toy_technology, tmp_path):
    """Each pair of edges, the clock being inverted on the way to some."""
    kinds = ("toy_dff_1", "toy_dffn_1")
    for first in kinds:
        for second in kinds:
            for tree in (("clk", "clk"), ("clk", "clk_n"), ("clk_n", "clk")):
                cells = {"i": ("toy_inv_4", {"A": "clk", "Y": "clk_n"})}
                for at, (kind, clock) in enumerate(zip((first, second), tree, strict=True)):
                    pin = "CKN" if kind == "toy_dffn_1" else "CK"
                    cells[f"r{at}"] = (kind, {"D": f"n{at}", pin: clock, "Q": f"n{at + 1}"})
                cells["long"] = ("toy_buf_1", {"A": "n2", "Y": "y"})
                netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "n0"], ["y"])
                check(toy_technology, netlist, Constraints(fall=0.3), (1.0,), tmp_path)


def test_clock_that_is_data_too(toy_technology, tmp_path):
    cells = {
        "g": ("toy_nand2_1", {"A": "clk", "B": "a", "Y": "n"}),
        "r": ("toy_dff_1", {"D": "n", "CK": "clk", "Q": "q"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "a"], ["q", "n"])
    check(toy_technology, netlist, Constraints(), (1.0,), tmp_path)


def test_asynchronous_resets_have_recovery_checks(toy_technology, tmp_path):
    cells = {
        "s": ("toy_dff_1", {"D": "d", "CK": "clk", "Q": "rst"}),
        "r": ("toy_dffr_1", {"D": "d", "CK": "clk", "RN": "slow", "Q": "q"}),
        **{f"b{at}": ("toy_buf_1", {"A": f"s{at}", "Y": f"s{at + 1}"}) for at in range(5)},
        "b5": ("toy_buf_1", {"A": "s5", "Y": "slow"}),
        "b6": ("toy_buf_1", {"A": "rst", "Y": "s0"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "d"], ["q"])
    timing = check(toy_technology, netlist, Constraints(), (1.0,), tmp_path)
    end = int(timing.endpoints.node[np.argmax(timing.endpoints.period)])
    # Only a rising reset is checked: the register is let go.
    assert end == 2 * netlist.net_name.index("slow")


@pytest.mark.parametrize("held", [{"s": 0}, {"s": 1}, {"x": 0}, {"x": 1}, {"s": 1, "x": 0},
                                  {"p": 0}, {"p": 1}, {"q": 1, "p": 0}])  # fmt: skip
def test_cases_through_a_multiplexer_an_exclusive_or_and_conditional_arcs(
    toy_technology, tmp_path, held
):
    """Selects, inverting and non-inverting exclusive ors, and arcs with a `when` that is excluded.

    OpenSTA still counts the output slew of a pair of edges that a held exclusive or excludes.
    """
    cells = {
        "slow": ("toy_nand3_1", {"A": "a", "B": "a", "C": "b", "Y": "n1"}),
        "slower": ("toy_xor2_1", {"A": "n1", "B": "x", "Y": "n2"}),
        "mux": ("toy_mux2_1", {"A": "a", "B": "n2", "S": "s", "Y": "n3"}),
        "aoi": ("toy_aoi21_1", {"A": "p", "B": "q", "C": "n3", "Y": "n4"}),
        "half": ("toy_ha_1", {"A": "n4", "B": "x", "S": "y", "CO": "z"}),
    }
    inputs = ["a", "b", "s", "x", "p", "q"]
    netlist = make_netlist(toy_technology.library(1.0), cells, inputs, ["y", "z"])
    check(toy_technology, netlist, Constraints(case=held), (1.0,), tmp_path, exact=2e-13)


@pytest.mark.parametrize("seed", [0, 3, 6, 9])
def test_cases_through_registers(toy_technology, tmp_path, seed):
    netlist = random_netlist(toy_technology.library(1.0), seed, 60, 10)
    held = {f"a{number}": (seed + number) % 2 for number in range(3)} | {"rst": seed % 2}
    constraints = Constraints(case=held)
    to_registers = check(toy_technology, netlist, constraints, (0.7,), tmp_path / "to")
    constraints = Constraints(case=held, case_through_registers=True)
    through = check(toy_technology, netlist, constraints, (0.7,), tmp_path / "through")
    assert through.worst_slack(PERIOD) > to_registers.worst_slack(PERIOD)


def test_ports_that_share_a_net(toy_technology, tmp_path):
    """An input that is an output too, and a net that drives two outputs."""
    cells = {
        "u": ("toy_inv_1", {"A": "a", "Y": "n"}),
        "v": ("toy_buf_1", {"A": "b", "Y": "m"}),
    }
    outputs = {"y": "n", "z": "n", "through": "a"}
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a", "b"], {**outputs, "w": "m"})
    constraints = Constraints(
        input_delay={"a": 20e-12}, output_delay={"z": 100e-12, "through": 30e-12},
        load={"y": 5e-15, "z": 3e-15, "through": 20e-15},
    )  # fmt: skip
    for seed in (None, 4):
        check(toy_technology, netlist, constraints, (0.9, 1.0), tmp_path, seed)
    late = Constraints(input_delay={"a": 500e-12}, output_delay={"through": 299e-12})
    timing = check(toy_technology, netlist, late, (1.0,), tmp_path)
    assert timing.worst_slack(PERIOD) == pytest.approx(1e-12)


def test_design_with_two_clock_ports_of_one_period(toy_technology, tmp_path):
    cells = {
        "r": ("toy_dff_1", {"D": "d", "CK": "ck1", "Q": "n"}),
        "u": ("toy_inv_1", {"A": "n", "Y": "m"}),
        "s": ("toy_dff_1", {"D": "m", "CK": "ck2", "Q": "q"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["ck1", "ck2", "d"], ["q"])
    check(toy_technology, netlist, Constraints(("ck1", "ck2")), (1.0,), tmp_path)
    check(toy_technology, netlist, Constraints(), (1.0,), tmp_path, 3)


def test_open_outputs_and_inputs_without_use(toy_technology, tmp_path):
    cells = {
        "u": ("toy_ha_1", {"A": "a", "B": "b", "S": "y", "CO": "nowhere"}),
        "v": ("toy_inv_1", {"A": "y", "Y": "loose"}),
        "r": ("toy_dff_1", {"D": "a", "CK": "clk", "QN": "q"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "a", "b", "unused"],
                           ["y", "q"])  # fmt: skip
    for seed in (None, 0, 1):
        check(toy_technology, netlist, Constraints(), (0.9, 1.0), tmp_path, seed)


def test_names_that_need_an_escape_do_not_matter(toy_technology, tmp_path):
    cells = {
        "u[0].core": ("toy_inv_1", {"A": "bus[3]", "Y": "n.x[1]"}),
        "begin": ("toy_inv_1", {"A": "n.x[1]", "Y": "a b"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["bus[3]"], {"out[0]": "a b"})
    check(toy_technology, netlist, Constraints(load={"out[0]": 1e-15}), (1.0,), tmp_path, 2)


def test_latches_borrow_time_in_opensta_only(toy_technology, tmp_path):
    """Where nothing arrives late at a latch, both agree: it launches when it opens."""
    cells = {
        "l": ("toy_latch_1", {"D": "d", "G": "clk", "Q": "q"}),
        "u": ("toy_inv_1", {"A": "q", "Y": "n"}),
        "r": ("toy_dff_1", {"D": "n", "CK": "clk", "Q": "y"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "d"], ["y"])
    constraints = Constraints(false_from=frozenset({"d"}))
    check(toy_technology, netlist, constraints, (1.0,), tmp_path)


def test_opensta_that_is_missing_is_named(toy_technology, tmp_path, monkeypatch):
    netlist = random_netlist(toy_technology.library(1.0), 1)
    graph = build_timing_graph(netlist, Constraints())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError) as fault:
        opensta_worst_slack(
            graph, [toy_technology.liberty(1.0)], np.zeros(netlist.cells, int), Wires.none(netlist),
            np.zeros(graph.nodes), PERIOD, tmp_path,
        )  # fmt: skip
    assert str(fault.value) == "program 'sta' is not installed; try: apt-get install opensta"
