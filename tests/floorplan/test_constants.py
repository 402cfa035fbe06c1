"""Constants from tie cells and held ports, against truth tables, and arcs that they switch off."""

from itertools import product

import numpy as np
import pytest
from toy_netlists import make_netlist, random_netlist

from voltile.core import NetlistError
from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph, trace_clocks
from voltile.floorplan.constants import constant_nets
from voltile.power import compile_netlist, random_stimulus, simulate

# Written by hand, not read from the library.
LOGIC = {
    "toy_inv_1": lambda a: {"Y": not a}, "toy_inv_4": lambda a: {"Y": not a},
    "toy_buf_1": lambda a: {"Y": a}, "toy_buf_4": lambda a: {"Y": a},
    "toy_nand2_1": lambda a, b: {"Y": not (a and b)},
    "toy_nand3_1": lambda a, b, c: {"Y": not (a and b and c)},
    "toy_nor2_1": lambda a, b: {"Y": not (a or b)}, "toy_and2_1": lambda a, b: {"Y": a and b},
    "toy_or2_1": lambda a, b: {"Y": a or b}, "toy_xor2_1": lambda a, b: {"Y": a != b},
    "toy_mux2_1": lambda a, b, s: {"Y": b if s else a},
    "toy_aoi21_1": lambda a, b, c: {"Y": not ((a and b) or c)},
    "toy_ha_1": lambda a, b: {"S": a != b, "CO": a and b},
}  # fmt: skip


def known(netlist, held):
    """Net values by a naive rule: a cell's output is known when all completions agree."""
    library = netlist.library
    values = {net: bool(held[name]) for name, net in
              zip(netlist.port_name, netlist.port_net.tolist(), strict=True) if name in held}
    changed = True
    while changed:
        changed = False
        for cell in range(netlist.cells):
            kind = library.cell_name[int(netlist.cell_type[cell])]
            pins = {library.pin_name[int(netlist.pin_library[pin])]: int(netlist.pin_net[pin])
                    for pin in range(netlist.first_pin[cell], netlist.first_pin[cell + 1])}
            if kind not in LOGIC:
                continue
            inputs = [pins[name] for name in library.inputs_of(int(netlist.cell_type[cell]))]
            free = sorted({net for net in inputs if net not in values})
            for output in LOGIC[kind](*[False] * len(inputs)):
                results = set()
                for levels in product((False, True), repeat=len(free)):
                    case = values | dict(zip(free, levels, strict=True))
                    results.add(bool(LOGIC[kind](*(case[net] for net in inputs))[output]))
                if len(results) == 1 and pins[output] not in values:
                    values[pins[output]] = results.pop()
                    changed = True
    return values


def test_constants_pass_through_logic(toy_technology):
    grown = 0
    for seed in range(8):
        netlist = random_netlist(toy_technology.library(1.0), seed, 60)
        rng = np.random.default_rng(seed)
        held = {port: int(rng.integers(2)) for port in ("a0", "a1", "a2")[: 1 + seed % 3]}
        found = constant_nets(netlist, held)
        expected = known(netlist, held)
        assert {net: bool(found[net]) for net in np.flatnonzero(found >= 0)} == expected
        grown += len(expected) - len(held)
    assert grown > 20


def test_tie_cells_are_constant_and_registers_stop_constants(toy_technology):
    cells = {
        "t": ("toy_tie_1", {"H": "h", "L": "l"}),
        "n": ("toy_nor2_1", {"A": "h", "B": "a", "Y": "n"}),
        "r": ("toy_dff_1", {"D": "n", "CK": "clk", "Q": "q"}),
        "m": ("toy_mux2_1", {"A": "q", "B": "a", "S": "l", "Y": "y"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "a"], ["y"])
    names = netlist.net_name
    values = dict(zip(names, constant_nets(netlist, {}).tolist(), strict=True))
    assert values == {"clk": -1, "a": -1, "y": -1, "h": 1, "l": 0, "n": 0, "q": -1}
    graph = build_timing_graph(netlist, Constraints())
    into = {(names[s >> 1], s & 1, t & 1)
            for s, t in zip(graph.source.tolist(), graph.target.tolist(), strict=True)
            if names[t >> 1] == "y"}  # fmt: skip
    # The select is low: only input A, which does not invert, reaches the output.
    assert into == {("q", 0, 0), ("q", 1, 1)}


def test_constants_pass_through_registers_on_demand(toy_technology):
    cells = {
        "g": ("toy_nor2_1", {"A": "mode", "B": "a", "Y": "g"}),
        "r": ("toy_dff_1", {"D": "g", "CK": "clk", "Q": "q"}),
        "s": ("toy_dff_1", {"D": "q", "CK": "clk", "Q": "p"}),
        "t": ("toy_dff_1", {"D": "a", "CK": "clk", "Q": "free"}),
        "m": ("toy_mux2_1", {"A": "free", "B": "a", "S": "p", "Y": "y"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "a", "mode"], ["y"])
    found = constant_nets(netlist, {"mode": 1}, through_registers=True)
    assert dict(zip(netlist.net_name, found.tolist(), strict=True)) == {
        "clk": -1, "a": -1, "mode": 1, "g": 0, "q": 0, "p": 0, "free": -1, "y": -1,
    }  # fmt: skip
    # The select is low: from a register or port, only input A reaches the output.
    graph = build_timing_graph(netlist, Constraints(case={"mode": 1}, case_through_registers=True))
    names = netlist.net_name
    assert {names[s >> 1] for s, t in zip(graph.source.tolist(), graph.target.tolist(), strict=True)
            if names[t >> 1] == "y"} == {"free"}  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "pin", "held", "state"),
    [
        ("toy_dffr_1", "RN", {"d": 1, "n": 1}, 1),
        ("toy_dffr_1", "RN", {"d": 1, "n": 0}, 0),
        ("toy_dffr_1", "RN", {"d": 1}, -1),  # whether it is cleared is not known
        ("toy_dffr_1", "RN", {"d": 0}, 0),
        ("toy_dffr_1", "RN", {"n": 0}, 0),
        ("toy_dffs_1", "SN", {"d": 0, "n": 1}, 0),
        ("toy_dffs_1", "SN", {"d": 0}, -1),
        ("toy_dffs_1", "SN", {"n": 0}, 1),
    ],
)
def test_registers_hold_what_their_clear_and_preset_leave(cell, pin, held, state, toy_technology):
    pins = {"D": "d", "CK": "clk", pin: "n", "Q": "q", "QN": "qn"}
    library = toy_technology.library(1.0)
    netlist = make_netlist(library, {"r": (cell, pins)}, ["clk", "d", "n"], ["q", "qn"])
    found = constant_nets(netlist, held, through_registers=True)
    values = dict(zip(netlist.net_name, found.tolist(), strict=True))
    assert (values["q"], values["qn"]) == (state, -1 if state < 0 else 1 - state)


def test_closed_clock_gate_stops_its_clock_and_all_paths_from_behind_it(toy_technology):
    cells = {
        "g": ("toy_icg_1", {"CK": "clk", "E": "on", "GCK": "gck"}),
        "r": ("toy_dff_1", {"D": "a", "CK": "gck", "Q": "q"}),
        "s": ("toy_dff_1", {"D": "a", "CK": "clk", "Q": "p"}),
        "n": ("toy_nand2_1", {"A": "q", "B": "p", "Y": "y"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["clk", "on", "a"], ["y"])
    names = netlist.net_name

    def starts(through):
        held = Constraints(case={"on": 0}, case_through_registers=through)
        graph = build_timing_graph(netlist, held)
        timing = Timer(graph, [netlist.library]).analyze(
            np.zeros(netlist.cells, dtype=np.int64), Wires.none(netlist)
        )
        arrives = np.isfinite(timing.arrival[0])
        return {name for net, name in enumerate(names) if arrives[2 * net]}

    assert starts(False) == {"clk", "gck", "a", "q", "p", "y"}
    assert starts(True) == {"clk", "a", "p", "y"}


@pytest.mark.parametrize("clocked", [True, False])
def test_constants_of_registers_are_those_of_a_long_simulation(toy_technology, clocked):
    """Whatever the free inputs do, after enough cycles no net said to be constant moves.

    Its value is the one said, though registers behind a closed clock gate keep another.
    """
    through = 0
    for seed in range(12):
        netlist = random_netlist(toy_technology.library(1.0), seed, 60, 12)
        clocks = trace_clocks(netlist)
        rng = np.random.default_rng(seed)
        held = {port: int(rng.integers(2)) for port in ("a1", "a2", "a3")[: 1 + seed % 3]}
        held |= {"rst": 1, "a0": int(clocked)}  # a0 enables the clock gate
        through_logic = constant_nets(netlist, held)
        found = constant_nets(netlist, held, through_registers=True)
        kept = through_logic >= 0
        assert (found[kept] == through_logic[kept]).all()
        stimulus = random_stimulus(netlist, clocks, 80, 64, seed, held=held)
        activity = simulate(compile_netlist(netlist, clocks), stimulus, warmup=30)
        constant = (found >= 0) & ~clocks.is_clock
        assert (activity.toggle_rate[constant] == 0).all()
        assert (activity.static_probability[constant] == found[constant]).all()
        through += int(((found >= 0) & ~kept).sum())
    assert through > 20


@pytest.mark.parametrize(
    ("held", "pairs"),
    [
        ({}, {("a", 0, 0), ("a", 1, 1), ("a", 0, 1), ("a", 1, 0)}),
        ({"b": 0}, {("a", 0, 0), ("a", 1, 1)}),
        ({"b": 1}, {("a", 0, 1), ("a", 1, 0)}),
        ({"a": 1}, set()),
    ],
)
def test_held_exclusive_or_inverts_or_not(toy_technology, held, pairs):
    cells = {"x": ("toy_xor2_1", {"A": "a", "B": "b", "Y": "y"})}
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a", "b"], ["y"])
    graph = build_timing_graph(netlist, Constraints(case=held))
    found = {(netlist.net_name[s >> 1], s & 1, t & 1)
             for s, t in zip(graph.source.tolist(), graph.target.tolist(), strict=True)}
    assert {pair for pair in found if pair[0] == "a"} == pairs


@pytest.mark.parametrize(("held", "arcs"), [({}, 3), ({"a": 1}, 1), ({"a": 0}, 2),
                                            ({"a": 0, "b": 0}, 1), ({"a": 1, "b": 1}, 0)])
def test_conditional_arcs_whose_condition_cannot_hold_are_off(toy_technology, held, arcs):
    """C to Y has an arc for !A&!B, A&!B and !A&B each."""
    cells = {"x": ("toy_aoi21_1", {"A": "a", "B": "b", "C": "c", "Y": "y"})}
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a", "b", "c"], ["y"])
    graph = build_timing_graph(netlist, Constraints(case=held))
    from_c = graph.source >> 1 == netlist.net_name.index("c")
    assert from_c.sum() == 2 * arcs  # two pairs of edges


def test_case_rejects_a_port_that_is_not_there(toy_technology):
    netlist = random_netlist(toy_technology.library(1.0), 0)
    with pytest.raises(NetlistError) as fault:
        build_timing_graph(netlist, Constraints(case={"mode": 1}))
    assert str(fault.value) == "toy has no input port 'mode' to hold constant"
    with pytest.raises(NetlistError) as fault:
        build_timing_graph(netlist, Constraints(case={"y0": 1}))
    assert str(fault.value) == "toy has no input port 'y0' to hold constant"
