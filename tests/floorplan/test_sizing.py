"""Gate sizing: against the optimum of all combinations, and what it must leave alone."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from toy_netlists import make_netlist

from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    cell_slack,
    relative_loads,
    synthesize,
)
from voltile.floorplan.sizing import resize
from voltile.pdk import DriveChoice, read_technology

BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"
SIZES = ("0p5", "1", "2", "4", "8", "16")


@pytest.fixture(scope="module")
def technology():
    return read_technology("freepdk45")


@pytest.fixture(scope="module")
def choice(technology):
    return DriveChoice(technology)


def graph_of(technology, cells, inputs, outputs, constraints):
    return build_timing_graph(
        make_netlist(technology.library(1.0), cells, inputs, outputs), constraints
    )


def timed(graph, technology, cell_type=None, wires=None):
    """Period and area with other cells, from the library itself."""
    netlist = graph.netlist
    if cell_type is not None:
        netlist = replace(netlist, cell_type=np.asarray(cell_type))
        graph = build_timing_graph(netlist, graph.constraints)
    timer = Timer(graph, [technology.library(1.0)])
    timing = timer.analyze(np.zeros(netlist.cells, int), wires or Wires.none(netlist))
    return timing.min_period, netlist.cell_area.sum()


@pytest.fixture(scope="module")
def chain(technology):
    """Four inverters before a load of 60 fF, with wires; all combinations of their sizes."""
    cells = {f"u{at}": ("inv_x1", {"A": f"n{at}", "Y": f"n{at + 1}"}) for at in range(4)}
    graph = graph_of(
        technology, cells, ["n0"], ["n4"], Constraints(input_delay={"n0": 0.0}, load={"n4": 60e-15})
    )
    wires = Wires(np.full(graph.netlist.nets, 2e-15), np.full(graph.netlist.nets, 50.0))
    library = technology.library(1.0)
    options = [library.cell_index[f"inv_x{size}"] for size in SIZES]
    results = np.array([
        timed(graph, technology, kinds, wires) for kinds in product(options, repeat=4)
    ])  # fmt: skip
    return graph, wires, results


def test_the_shortest_period_is_near_that_of_the_best_combination(chain, choice):
    """Not all the way: the last percent of speed would take several times the area."""
    graph, wires, results = chain
    sizing = resize(graph, wires, choice)
    assert results[:, 0].min() <= sizing.timing.min_period * (1 + 1e-9)
    assert sizing.timing.min_period <= 1.05 * results[:, 0].min()


@pytest.mark.parametrize("relaxed", [1.1, 1.3, 1.6, 2.0])
def test_the_area_is_near_the_least_that_keeps_the_period(chain, choice, technology, relaxed):
    graph, wires, results = chain
    period = relaxed * results[:, 0].min()
    least = results[results[:, 0] <= period, 1].min()
    sizing = resize(graph, wires, choice, period)
    found, area = timed(graph, technology, sizing.netlist.cell_type, wires)
    assert found == pytest.approx(sizing.timing.min_period, rel=1e-9)
    assert found <= period * (1 + 1e-6)
    assert least * (1 - 1e-9) <= area <= 1.25 * least


def test_derates_count_when_gates_are_sized(chain, choice, technology):
    graph, wires, results = chain
    slow = build_timing_graph(
        graph.netlist, replace(graph.constraints, cell_derate=1.5, net_derate=1.5)
    )
    period = 2.4 * results[:, 0].min()  # 1.6 times what 1.5 times the delay takes
    sizing = resize(slow, wires, choice, period)
    found, area = timed(graph, technology, sizing.netlist.cell_type, wires)
    assert sizing.timing.min_period == pytest.approx(1.5 * found, rel=1e-9)
    assert 1.5 * found <= period * (1 + 1e-6)
    least = results[1.5 * results[:, 0] <= period, 1].min()
    assert least * (1 - 1e-9) <= area <= 1.25 * least


def test_no_load_is_beyond_what_a_cell_may_drive(technology, choice):
    """However long the period, 100 fF take a cell that carries them."""
    library = technology.library(1.0)
    cells = {"u": ("inv_x1", {"A": "a", "Y": "y"})}
    constraints = Constraints(input_delay={"a": 0.0}, load={"y": 100e-15})
    graph = graph_of(technology, cells, ["a"], ["y"], constraints)
    sizing = resize(graph, Wires.none(graph.netlist), choice, 1e-6)
    limits = [
        library.pin_max_capacitance[library.pin_index[library.cell_index[f"inv_x{size}"], "Y"]]
        for size in SIZES
    ]
    enough = SIZES[int(np.argmax(np.array(limits) >= 100e-15))]
    assert library.cell_name[sizing.netlist.cell_type[0]] == f"inv_x{enough}"


def test_nets_that_no_drive_carries_get_the_strongest_and_are_told(technology, choice):
    """The strongest inverter before ten times what it may drive, beside a small load and a tie."""
    library = technology.library(1.0)
    strongest = library.pin_max_capacitance[library.pin_index[library.cell_index["inv_x16"], "Y"]]
    cells = {"u": ("inv_x1", {"A": "a", "Y": "y"}), "v": ("inv_x1", {"A": "a", "Y": "z"}),
             "t": ("tie1_x1", {"Y": "one"})}  # fmt: skip
    for share in (10, 0.9):
        constraints = Constraints(
            input_delay={"a": 0.0}, load={"y": share * strongest, "z": 1e-15, "one": 1e-9}
        )
        graph = graph_of(technology, cells, ["a"], ["y", "z", "one"], constraints)
        sizing = resize(graph, Wires.none(graph.netlist), choice, 1e-6)
        netlist = sizing.netlist
        limit = library.pin_max_capacitance[netlist.pin_library]
        found = dict(zip(netlist.net_name, relative_loads(graph, sizing.timing.load, limit),
                         strict=True))  # fmt: skip
        assert found["y"] == pytest.approx(share)
        assert 0 < found["z"] < 1 and found["a"] == found["one"] == 0


def test_cells_on_clock_nets_keep_their_drive(technology, choice):
    cells = {
        "tree": ("buf_x4", {"A": "clk", "Y": "c"}),
        "gate": ("icg_x1", {"CK": "c", "E": "e", "GCK": "g"}),
        "r0": ("dff_x2", {"D": "d", "CK": "c", "Q": "q"}),
        "u": ("inv_x8", {"A": "q", "Y": "z"}),
        "r1": ("dff_x2", {"D": "z", "CK": "g", "Q": "y"}),
    }
    graph = graph_of(technology, cells, ["clk", "d", "e"], ["y"], Constraints())
    sizing = resize(graph, Wires.none(graph.netlist), choice, 1e-6)
    names = [graph.netlist.library.cell_name[kind] for kind in sizing.netlist.cell_type]
    assert names == ["buf_x4", "icg_x1", "dff_x1", "inv_x0p5", "dff_x1"]
    assert sizing.netlist.pin_net is graph.netlist.pin_net


def test_a_technology_of_one_drive_changes_nothing(toy_technology):
    single = toy_technology.with_cells(["toy_nand2_1", "toy_nor2_1"])
    cells = {
        "u": ("toy_nand2_1", {"A": "a", "B": "b", "Y": "x"}),
        "v": ("toy_nor2_1", {"A": "x", "B": "b", "Y": "y"}),
    }
    netlist = make_netlist(single.library(1.0), cells, ["a", "b"], ["y"])
    graph = build_timing_graph(netlist, Constraints(input_delay={"a": 0.0}))
    sizing = resize(graph, Wires.none(netlist), DriveChoice(single))
    np.testing.assert_array_equal(sizing.netlist.cell_type, netlist.cell_type)


def test_spare_slack_is_left_where_it_is(technology, choice, tmp_path):
    """The same period, more cells clear of it, for a little more area."""
    netlist = synthesize(Sources([BLOCKS], top="mac"), technology, 1.2e-9, tmp_path)
    graph = build_timing_graph(netlist, Constraints())
    wires = Wires.none(netlist)
    period = 1.1 * resize(graph, wires, choice).timing.min_period
    saved, spared = (resize(graph, wires, choice, period, spare) for spare in (0.0, 0.2))
    near = []
    for sizing in (saved, spared):
        assert sizing.timing.min_period <= period * (1 + 1e-6)
        near.append((cell_slack(sizing.timing, period) < 0.05 * period).mean())
    assert near[1] < 0.9 * near[0]
    areas = [sizing.netlist.cell_area.sum() for sizing in (saved, spared)]
    assert areas[0] <= areas[1] < 1.1 * areas[0]
