"""Clock trees against trees by hand, another spanning tree, exact Steiner trees, and their laws."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from clock_trees import stand
from placed_designs import random_placement
from toy_netlists import make_netlist, random_netlist

from voltile.core import TechnologyError
from voltile.floorplan import (
    Constraints,
    build_clock_tree,
    build_timing_graph,
    clock_buffers,
    trace_clocks,
)
from voltile.floorplan.clock_tree import LOAD_SHARE, TRUNK
from voltile.floorplan.netlist import check_netlist
from voltile.floorplan.spanning_tree import spanning_length

UM, FF = 1e-6, 1e-15
# The toy technology: wire of 0.15 fF/um; a fifth of 45 fF per unit of drive; pins of registers,
# and of buffers of drive 1 and 4, 0.985 of their nominal capacitance in the mean of both edges.
WIRE, LIMIT = 0.15 * FF / UM, {"toy_buf_1": 9 * FF, "toy_buf_4": 36 * FF, "toy_icg_1": 18 * FF}


def kruskal(points):
    """Length of the rectilinear minimum spanning tree, by another method than Prim's."""
    pairs = sorted(
        (float(np.abs(points[a] - points[b]).sum()), a, b)
        for a, b in combinations(range(len(points)), 2)
    )
    group, length = list(range(len(points))), 0.0
    for apart, a, b in pairs:
        if group[a] != group[b]:
            length += apart
            old, new = group[b], group[a]
            group = [new if item == old else item for item in group]
    return length


def steiner(points):
    """Length of the shortest rectilinear Steiner tree: Dreyfus and Wagner on Hanan's grid."""
    grid = np.array(list(product(sorted({x for x, _ in points}), sorted({y for _, y in points}))))
    apart = np.abs(grid[:, None] - grid[None]).sum(axis=2)
    ends = len(points) - 1
    best = np.full((1 << ends, len(grid)), np.inf)
    for end in range(ends):
        best[1 << end] = np.abs(grid - points[end]).sum(axis=1)
    for some in range(1, 1 << ends):
        part = (some - 1) & some
        while part:
            best[some] = np.minimum(best[some], best[part] + best[some ^ part])
            part = (part - 1) & some
        best[some] = (best[some][None] + apart).min(axis=1)
    return float(best[-1][np.flatnonzero((grid == points[-1]).all(axis=1))[0]])


@pytest.mark.parametrize("count", [1, 2, 3, 10, 40])
def test_wire_is_the_minimum_spanning_tree(count):
    points = np.random.default_rng(count).random((count, 2))
    assert spanning_length(points) == pytest.approx(kruskal(points), abs=1e-12)


def test_spanning_tree_of_a_lattice_has_an_edge_of_one_for_every_point_but_one():
    lattice = np.array(list(product(range(9), range(9))), dtype=float)
    assert spanning_length(lattice) == pytest.approx(80)


def test_wire_is_at_most_half_longer_than_the_best_that_can_be():
    """Hwang 1976; the points of a cross reach that bound."""
    cross = np.array([(1.0, 0), (-1, 0), (0, 1), (0, -1)])
    assert (spanning_length(cross), steiner(cross.tolist())) == (6, 4)
    rng, ratios = np.random.default_rng(0), []
    for _ in range(60):
        points = rng.random((6, 2))
        ratios.append(spanning_length(points) / steiner(points.tolist()))
    assert 1 - 1e-12 <= min(ratios) and max(ratios) <= 1.5
    assert np.mean(ratios) == pytest.approx(1.1, abs=0.03)


def flops(places, clock="clk", tag="r"):
    """Registers on a clock: cells and their places."""
    cells = {
        f"{tag}{at}": ("toy_dff_1", {"D": "d", "CK": clock, "Q": f"{tag}q{at}"})
        for at in range(len(places))
    }
    return cells, dict(zip(cells, places, strict=True))


def tree_of(technology, cells, place, tile, ports=(0.0, 0.0)):
    """Netlist, and clock tree for places and tiles by hand [um]."""
    netlist = make_netlist(technology.library(1.0), cells, ["clk", "d", "en"])
    tiles = {name: tile(name) if callable(tile) else tile for name in cells}
    placement = stand(netlist, place, tiles, ports)
    return netlist, build_clock_tree(netlist, trace_clocks(netlist), placement, technology)


def kinds(netlist, tree):
    return [netlist.library.cell_name[kind] for kind in tree.cell_type]


def test_buffers_are_those_of_the_technology(toy_technology):
    assert clock_buffers(toy_technology) == ("toy_buf_1", "toy_buf_4")
    fewer = replace(toy_technology, dont_use=("*_buf_1",), _loaded={})
    assert clock_buffers(fewer) == ("toy_buf_4",)


def test_one_leaf_in_the_middle_of_its_registers(toy_technology):
    cells, place = flops([(10, 10), (20, 10), (10, 20), (20, 20)])
    netlist, tree = tree_of(toy_technology, cells, place, 0)
    # Each corner is 10 um from the middle: 6 fF of wire and 4 pins of 0.69 fF, which the small
    # buffer bears. From the port in the corner of the core it is 30 um.
    assert kinds(netlist, tree) == ["toy_buf_1"]
    assert (tree.x[0], tree.y[0]) == pytest.approx((15 * UM, 15 * UM))
    assert (tree.tile.tolist(), tree.level.tolist()) == ([0], [0])
    clk = netlist.net_name.index("clk")
    assert tree.wire_length[[clk, netlist.nets]] == pytest.approx([30 * UM, 40 * UM])
    assert tree.wire_capacitance == pytest.approx(tree.wire_length * WIRE)
    assert tree.area.sum() == pytest.approx(3 * 0.2 * 1.4 * UM**2)


def test_every_tile_has_its_leaf_and_a_large_load_the_larger_buffer(toy_technology):
    cells, place = flops([(10, 10), (20, 10), (10, 20), (20, 20), (24, 24), (40, 15)])
    netlist, tree = tree_of(toy_technology, cells, place, lambda name: int(name == "r5"))
    # Five registers in tile 0: 38 um and 9.1 fF, beyond the 9 fF of the small buffer, which would
    # stand at (20, 20). One in tile 1 has its buffer on the spot, 25 um further from the port.
    assert kinds(netlist, tree) == ["toy_buf_4", "toy_buf_1"]
    assert tree.tile.tolist() == [0, 1]
    clk = netlist.net_name.index("clk")
    assert tree.wire_length[netlist.nets :] == pytest.approx([38 * UM, 0])
    assert tree.wire_length[clk] == pytest.approx((40 + 25) * UM)
    assert (tree.clock_net == clk).all() and (tree.input_net == clk).all()


def test_too_many_registers_are_parted_across_the_longer_side(toy_technology):
    # Two rows of 20 registers, 5 um apart: 27.6 fF of pins, and above 195 um or 29 fF of wire.
    places = [(5 * at, 5 * row) for row in range(2) for at in range(20)]
    cells, place = flops(places)
    netlist, tree = tree_of(toy_technology, cells, place, 0)
    leaves = tree.level == 0
    assert leaves.sum() == 2 and tree.x[leaves] == pytest.approx([22.5 * UM, 72.5 * UM])
    driver = tree.pin_net[netlist.sink_pins[netlist.net_first_sink[0] :][:40]] - netlist.nets
    assert driver.tolist() == [int(x >= 50) for x, _ in places]


def test_a_wire_too_long_for_one_stage_has_repeaters(toy_technology):
    cells, place = flops([(600, 0)])
    netlist, tree = tree_of(toy_technology, cells, place, 0)
    # 90 fF of wire at 36 fF a stage: three pieces of 200 um, with two repeaters between.
    assert tree.tile.tolist() == [0, TRUNK, TRUNK] and tree.level.tolist() == [0, 1, 1]
    assert tree.x == pytest.approx([600 * UM, 400 * UM, 200 * UM])
    nets, clk = netlist.nets, netlist.net_name.index("clk")
    assert tree.wire_length[[clk, nets, nets + 1, nets + 2]] == pytest.approx(
        [200 * UM, 0, 200 * UM, 200 * UM]
    )
    assert tree.input_net.tolist() == [nets + 1, nets + 2, clk]


def gated(places, tile):
    """A clock gate at the origin in tile 0, and registers behind it."""
    cells, place = flops(places, "gck")
    cells = {"gate": ("toy_icg_1", {"CK": "clk", "E": "en", "GCK": "gck"}), **cells}
    return cells, {"gate": (0, 0), **place}, lambda name: 0 if name == "gate" else tile


def behind_gate(netlist, tree):
    return np.flatnonzero(tree.clock_net == netlist.net_name.index("gck"))


def test_a_clock_gate_drives_what_it_can_in_its_own_tile(toy_technology):
    near = [(0, 10), (10, 0)]
    netlist, tree = tree_of(toy_technology, *gated(near, 0))
    assert len(behind_gate(netlist, tree)) == 0
    gck = netlist.net_name.index("gck")
    assert tree.wire_length[gck] == pytest.approx(20 * UM)
    assert (tree.pin_net[netlist.pin_net == gck] == gck).all()
    # In another tile the same registers have a leaf, at that tile's supply.
    netlist, tree = tree_of(toy_technology, *gated(near, 1))
    assert tree.tile[behind_gate(netlist, tree)].tolist() == [1]


@pytest.mark.parametrize(("distance", "beside"), [(110, False), (125, True)])
def test_a_weak_clock_gate_has_a_buffer_beside_it(toy_technology, distance, beside):
    """It bears 18 fF: 120 um less the pin of a buffer."""
    netlist, tree = tree_of(toy_technology, *gated([(distance, 0)], 1))
    mine = behind_gate(netlist, tree)
    gck = netlist.net_name.index("gck")
    assert tree.level[mine].tolist() == ([0, 1] if beside else [0])
    assert tree.wire_length[gck] == pytest.approx(0 if beside else distance * UM)
    if beside:
        assert (tree.x[mine[1]], tree.tile[mine[1]]) == (0, TRUNK)
        assert tree.wire_length[netlist.nets + mine[1]] == pytest.approx(distance * UM)


def test_a_design_without_a_clock_has_no_tree(toy_technology):
    cells = {"u": ("toy_inv_1", {"A": "d", "Y": "y"})}
    netlist, tree = tree_of(toy_technology, cells, {"u": (0, 0)}, 0)
    assert tree.buffers == 0 and not tree.wire_length.any() and not len(tree.clock_nets)
    grown = tree.insert(netlist)
    assert grown.cells == netlist.cells and (grown.pin_net == netlist.pin_net).all()


def many_registers(technology, seed, n):
    """A random netlist with some hundred registers on four clocks, at random in its tiles."""
    library = technology.library(1.0)
    netlist = random_netlist(library, seed, gates=60, flops=400)
    graph = build_timing_graph(netlist, Constraints())
    return netlist, graph, random_placement(graph, technology, n, seed)


@pytest.mark.parametrize(("seed", "n"), [(0, 1), (1, 2), (2, 4)])
def test_every_stage_keeps_the_laws(toy_technology, seed, n):
    netlist, graph, placement = many_registers(toy_technology, seed, n)
    tree = build_clock_tree(netlist, graph.clocks, placement, toy_technology)
    grown, library = tree.insert(netlist), netlist.library
    check_netlist(grown)
    capacitance = library.pin_capacitance.mean(axis=1)[grown.pin_library]
    place = np.stack(
        [np.append(placement.site * placement.grid.site_width, tree.x),
         np.append(placement.row * placement.grid.site_height, tree.y)], axis=1,
    )  # fmt: skip
    tile = np.append(placement.tile, tree.tile)
    names = kinds(netlist, tree)
    for net in tree.clock_nets:
        first = grown.net_first_sink
        sinks = grown.sink_pins[first[net] : first[net + 1]]
        ends = grown.pin_cell[sinks]
        load = capacitance[sinks].sum() + tree.wire_capacitance[net]
        driver = grown.net_driver[net]
        if driver < 0:
            assert load <= LIMIT["toy_buf_4"]
            continue
        cell = grown.pin_cell[driver]
        points = np.append(place[ends], [place[cell]], axis=0)
        assert tree.wire_length[net] == pytest.approx(kruskal(points), abs=1e-12)
        kind = library.cell_name[grown.cell_type[cell]]
        if cell >= netlist.cells:
            smaller = LIMIT["toy_buf_1"] < load
            assert names[cell - netlist.cells] == ("toy_buf_4" if smaller else "toy_buf_1")
            assert net == netlist.nets + cell - netlist.cells
            assert load <= LIMIT["toy_buf_4"]
        elif kind == "toy_icg_1":
            assert load <= LIMIT["toy_icg_1"]
        registers = ends < netlist.cells
        # Registers hang on leaves of their tile, or on a clock cell in it; the trunk on nothing.
        assert registers.all() or not registers.any()
        assert (tile[ends[registers]] == tile[cell]).all()


@pytest.mark.parametrize("seed", range(3))
def test_clocks_reach_the_same_registers_as_before(toy_technology, seed):
    netlist, graph, placement = many_registers(toy_technology, seed, 3)
    tree = build_clock_tree(netlist, graph.clocks, placement, toy_technology)
    grown = tree.insert(netlist)
    after = trace_clocks(grown)
    clocked = netlist.pin_net[netlist.sink_pins]
    sinks = netlist.sink_pins[graph.clocks.is_clock[clocked]]
    before = graph.clocks.net_phase[netlist.pin_net[sinks]]
    assert (after.net_phase[grown.pin_net[sinks]] == before).all()
    assert (np.flatnonzero(after.is_clock) == tree.clock_nets).all()
    assert len(set(grown.net_name)) == grown.nets and len(set(grown.cell_name)) == grown.cells


def test_leaves_are_about_as_many_as_the_load_needs(toy_technology):
    rng = np.random.default_rng(0)
    cells, place = flops(rng.uniform(0, 300, (1500, 2)).tolist())
    netlist, tree = tree_of(toy_technology, cells, place, 0)
    points = np.array(list(place.values())) * UM
    needed = (1500 * 0.7 * 0.985 * FF + spanning_length(points) * WIRE) / (36 * FF)
    leaves = int((tree.level == 0).sum())
    assert needed <= leaves <= 1.6 * needed
    # Levels of the trunk shrink down to one buffer.
    counts = np.bincount(tree.level)
    assert len(counts) >= 3 and counts[-1] == 1 and (np.diff(counts) <= 0).all()


def test_no_stage_is_overloaded_where_registers_are_far_apart(toy_technology):
    """In a core of 3 mm, of which a buffer reaches a twelfth."""
    rng = np.random.default_rng(1)
    cells, place = flops(rng.uniform(0, 3000, (80, 2)).tolist())
    netlist, tree = tree_of(toy_technology, cells, place, 0)
    grown = tree.insert(netlist)
    check_netlist(grown)
    pins = netlist.library.pin_capacitance.mean(axis=1)[grown.pin_library[grown.sink_pins]]
    load = np.bincount(grown.pin_net[grown.sink_pins], pins, grown.nets) + tree.wire_capacitance
    limits = np.array([LIMIT[name] for name in kinds(netlist, tree)])
    assert (load[netlist.nets :] <= limits * (1 + 1e-12)).all()
    # No wire can be shorter than two thirds of one spanning tree over all registers.
    points = np.array(list(place.values())) * UM
    assert spanning_length(points) / 1.5 < tree.wire_length.sum() < 2 * spanning_length(points)


def test_build_rejects_a_buffer_without_largest_load(toy_technology):
    library = toy_technology.library(1.0)
    unlimited = replace(library, pin_max_capacitance=np.full(len(library.pin_name), np.inf))
    technology = replace(toy_technology, _loaded={("pb0", 1.0): unlimited})
    cells, place = flops([(0, 0)])
    with pytest.raises(TechnologyError) as fault:
        tree_of(technology, cells, place, 0)
    assert str(fault.value) == (
        "technology toy: its library states no largest load of buffer toy_buf_4 "
        "(max_capacitance), by which clock buffers are spread"
    )


def test_share_of_the_largest_load_is_what_the_limits_here_are_made_for():
    assert LOAD_SHARE == 0.2
