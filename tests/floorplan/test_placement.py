"""Placements: legal by a painted floor, repeatable, and measured by hand."""

from dataclasses import replace

import numpy as np
import pytest
from toy_netlists import make_netlist

from voltile.core import PlacementInfeasible, TechnologyError
from voltile.floorplan import (
    Constraints,
    Timer,
    build_timing_graph,
    cell_slack,
    check_mesh,
    place,
    placement_from_arrays,
    placement_to_arrays,
    trace_clocks,
)
from voltile.floorplan.netlist import OPEN
from voltile.floorplan.physical_synthesis import (
    criticality_weights,
    gathering_pull,
    place_and_size,
)
from voltile.floorplan.placement import Pull, place_on
from voltile.pdk import Lef


def sites_of(netlist, technology):
    """Width of each instance in sites, from the LEF."""
    widths = [technology.lef.macros[netlist.library.cell_name[kind]].width
              for kind in netlist.cell_type]  # fmt: skip
    return np.rint(np.array(widths) / technology.site_width).astype(int)


def check_legal(netlist, technology, placement):
    """Paint every cell on a floor of sites."""
    grid = placement.grid
    floor = np.full((grid.core_rows, grid.core_sites), -1)  # -1: gap, -2: free
    for _, site, row, width in grid.row_segments:
        floor[row, site : site + width] = -2
    rows, sites = np.indices(floor.shape)
    tile_of = grid.tile_at(sites, rows)
    for cell, width in enumerate(sites_of(netlist, technology)):
        site, row = int(placement.site[cell]), int(placement.row[cell])
        assert site >= 0 and row >= 0
        places = floor[row, site : site + width]
        assert len(places) == width and (places == -2).all()
        places[:] = cell
        assert set(tile_of[row, site : site + width].tolist()) == {int(placement.tile[cell])}


@pytest.fixture(scope="module", params=[1, 2, 4])
def placed(request, toy_mac, toy_technology):
    """(netlist, placement) on a few meshes."""
    netlist, clocks = toy_mac.netlist, toy_mac.clocks
    return netlist, place(netlist, clocks, toy_technology, request.param, 0.7)


def test_placement_is_legal(placed, toy_technology):
    check_legal(placed[0], toy_technology, placed[1])


def test_tiles_are_filled_to_the_utilisation_and_none_is_empty(placed, toy_technology):
    netlist, placement = placed
    grid = placement.grid
    filled = np.bincount(placement.tile, sites_of(netlist, toy_technology), grid.tiles)
    capacity = grid.tile_rows * grid.tile_width
    assert filled.sum() / (capacity * grid.tiles) == pytest.approx(0.7, abs=0.03)
    assert filled.min() > 0.2 * capacity and filled.max() <= capacity
    assert grid == check_mesh(netlist, toy_technology, grid.n, 0.7)


def test_ports_stand_on_the_boundary_apart_from_each_other(placed):
    netlist, placement = placed
    grid = placement.grid
    width = grid.core_sites * grid.site_width
    height = grid.core_rows * grid.site_height
    x, y = placement.port_x, placement.port_y
    assert len(x) == len(netlist.port_name)
    on_side = np.isclose(x, 0) | np.isclose(x, width) | np.isclose(y, 0) | np.isclose(y, height)
    assert on_side.all() and (x >= 0).all() and (x <= width * (1 + 1e-12)).all()
    assert (y >= 0).all() and (y <= height * (1 + 1e-12)).all()
    assert len(set(zip(x.round(12), y.round(12), strict=True))) == len(x)


def test_net_length_is_the_half_perimeter(placed, toy_technology):
    """Every net by itself; odd rows are flipped upside down."""
    netlist, placement = placed
    grid, library = placement.grid, netlist.library
    points = {}
    for pin, net in enumerate(netlist.pin_net):
        if net == OPEN:
            continue
        cell = int(netlist.pin_cell[pin])
        macro = toy_technology.lef.macros[library.cell_name[int(netlist.cell_type[cell])]]
        dx, dy = macro.pin_offset[library.pin_name[int(netlist.pin_library[pin])]]
        row = int(placement.row[cell])
        x = int(placement.site[cell]) * grid.site_width + dx
        y = row * grid.site_height + (grid.site_height - dy if row % 2 else dy)
        points.setdefault(int(net), []).append((x, y))
    for net, x, y in zip(netlist.port_net, placement.port_x, placement.port_y, strict=True):
        points.setdefault(int(net), []).append((float(x), float(y)))
    is_clock = trace_clocks(netlist).is_clock
    for net in range(netlist.nets):
        xs, ys = zip(*points.get(net, [(0.0, 0.0)]), strict=True)
        expected = 0.0 if is_clock[net] else max(xs) - min(xs) + max(ys) - min(ys)
        assert placement.net_length[net] == pytest.approx(expected, abs=1e-12)
    wires = placement.wires(toy_technology)
    np.testing.assert_allclose(wires.capacitance, placement.net_length * 0.15e-9)
    np.testing.assert_allclose(wires.resistance, placement.net_length * 4e6)


def test_wire_length_is_far_below_that_of_a_random_placement(placed, toy_technology):
    netlist, placement = placed
    grid = placement.grid
    half = (grid.core_sites * grid.site_width + grid.core_rows * grid.site_height) / 2
    signal = placement.net_length > 0
    # Two random points in a rectangle are a third of its half perimeter apart.
    assert placement.net_length[signal].mean() < 0.5 * (2 * half / 3)


def same(first, second):
    arrays = placement_to_arrays(first), placement_to_arrays(second)
    return all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])


def test_same_seed_gives_the_same_placement(toy_mac, toy_technology, capfd):
    netlist, clocks = toy_mac.netlist, toy_mac.clocks
    first, again, other = (
        place(netlist, clocks, toy_technology, 2, 0.7, seed) for seed in (1, 1, 2)
    )
    assert same(first, again) and not same(first, other)
    assert capfd.readouterr().out == ""  # the placer talks


def test_arrays_give_the_placement_back(placed):
    back = placement_from_arrays(placement_to_arrays(placed[1]))
    assert back.grid == placed[1].grid and same(back, placed[1])


def test_heavy_nets_come_out_shorter(toy_mac, toy_technology):
    netlist, clocks = toy_mac.netlist, toy_mac.clocks
    rng = np.random.default_rng(5)
    chosen = rng.permutation(np.flatnonzero(~clocks.is_clock & (netlist.fanout > 0)))[:60]
    weight = np.ones(netlist.nets)
    weight[chosen] = 10.0
    light = place(netlist, clocks, toy_technology, 2, 0.7)
    heavy = place(netlist, clocks, toy_technology, 2, 0.7, net_weight=weight)
    check_legal(netlist, toy_technology, heavy)
    assert heavy.net_length[chosen].sum() < 0.7 * light.net_length[chosen].sum()


@pytest.mark.parametrize("n", [1, 3])
def test_placed_and_sized_is_faster_and_legal(toy_mac, toy_technology, n):
    timer = Timer(toy_mac, [toy_technology.library(1.0)])
    netlist, supply = toy_mac.netlist, np.zeros(toy_mac.netlist.cells, dtype=int)
    plain = place(netlist, toy_mac.clocks, toy_technology, n, 0.7)
    before = timer.analyze(supply, plain.wires(toy_technology))
    design = place_and_size(toy_mac, toy_technology, n, 0.7)
    check_legal(design.graph.netlist, toy_technology, design.placement)
    timer = Timer(design.graph, [toy_technology.library(1.0)])
    after = timer.analyze(supply, design.placement.wires(toy_technology))
    assert after.min_period < before.min_period
    again = place_and_size(toy_mac, toy_technology, n, 0.7)
    assert same(again.placement, design.placement)
    np.testing.assert_array_equal(again.graph.netlist.cell_type, design.graph.netlist.cell_type)


def test_a_period_within_reach_is_met_with_less_area(toy_mac, toy_technology):
    fast = place_and_size(toy_mac, toy_technology, 2, 0.7)
    small = place_and_size(toy_mac, toy_technology, 2, 0.7, period=1e-6)
    assert small.graph.netlist.cell_area.sum() <= fast.graph.netlist.cell_area.sum()
    supply = np.zeros(toy_mac.netlist.cells, dtype=int)
    period = {}
    for name, design in (("fast", fast), ("small", small)):
        timer = Timer(design.graph, [toy_technology.library(1.0)])
        wires = design.placement.wires(toy_technology)
        period[name] = timer.analyze(supply, wires).min_period
    assert period["fast"] < period["small"] <= 1e-6


def test_weights_follow_the_slack(toy_mac, toy_technology):
    timer = Timer(toy_mac, [toy_technology.library(1.0)])
    netlist, supply = toy_mac.netlist, np.zeros(toy_mac.netlist.cells, dtype=int)
    plain = place(netlist, toy_mac.clocks, toy_technology, 3, 0.7)
    before = timer.analyze(supply, plain.wires(toy_technology))
    weight = criticality_weights(before)
    records, _ = before.critical_path()
    np.testing.assert_allclose(weight[toy_mac.target[records] >> 1], 10.0)
    slack = before.slack(before.min_period).reshape(-1, 2).min(axis=1)
    assert (weight[slack > 0.3 * before.min_period] == 1.0).all()
    assert weight.min() == 1.0 and weight.max() == pytest.approx(10.0)


def flops(technology, count):
    cells = {
        f"r{at}": ("toy_dff_1", {"D": f"n{at}", "CK": "clk", "Q": f"n{at + 1}"})
        for at in range(count)
    }
    return make_netlist(technology.library(1.0), cells, ["clk", "n0"], [f"n{count}"])


def test_design_of_one_cell_is_placed(toy_technology):
    netlist = make_netlist(
        toy_technology.library(1.0), {"u": ("toy_inv_1", {"A": "a", "Y": "y"})}, ["a"], ["y"]
    )
    graph = build_timing_graph(netlist, Constraints())
    check_legal(netlist, toy_technology, place(netlist, graph.clocks, toy_technology, 1, 0.7))


def test_roomy_tiles_of_few_columns_are_legalised(toy_technology):
    """Wide cells, one or two to a row: spread out they would not fit, as they are they do."""
    netlist = flops(toy_technology, 9)
    for fill in (0.35, 0.5):
        placement = place(netlist, trace_clocks(netlist), toy_technology, 2, fill)
        check_legal(netlist, toy_technology, placement)


def test_tiles_that_cannot_be_legalised_are_refused(toy_technology):
    """Registers of 14 sites in tiles of 28 or fewer rows that two do not fill."""
    netlist = flops(toy_technology, 50)
    clocks = trace_clocks(netlist)
    with pytest.raises(PlacementInfeasible) as fault:
        place(netlist, clocks, toy_technology, 3, 1.0)
    grid = check_mesh(netlist, toy_technology, 3, 1.0)
    fill = 50 * 14 / (grid.tiles * grid.tile_rows * grid.tile_width)
    assert str(fault.value).startswith(
        f"3 x 3 tiles cannot be legalised: tiles of {grid.tile_rows} rows by {grid.tile_width} "
        f"sites, {fill:.0%} full ("
    )
    assert str(fault.value).endswith("); use fewer tiles or a lower utilisation")
    assert "\n" not in str(fault.value) and fault.value.tiles == 3


def test_too_many_tiles_are_refused(toy_technology):
    netlist = flops(toy_technology, 20)
    with pytest.raises(PlacementInfeasible) as fault:
        place(netlist, trace_clocks(netlist), toy_technology, 9, 0.7)
    grid_width = -(-20 * 14 / 0.7 / 81 // 1) * 0.2
    assert str(fault.value) == (
        f"9 x 9 tiles are too many: a tile is {grid_width:.2f} µm wide and the widest cell 2.80 "
        f"µm; use fewer tiles or a lower utilisation"
    )


def test_cell_without_footprint_is_refused(toy_technology):
    netlist = flops(toy_technology, 3)
    macros = {name: item for name, item in toy_technology.lef.macros.items()
              if name != "toy_dff_1"}  # fmt: skip
    technology = replace(toy_technology, lef=Lef(macros, toy_technology.lef.sites))
    with pytest.raises(TechnologyError) as fault:
        place(netlist, trace_clocks(netlist), technology, 1, 0.7)
    assert str(fault.value) == "technology toy: no LEF macro for toy_dff_1"


def test_a_pull_draws_cells_to_its_point(toy_mac, toy_technology):
    netlist, clocks = toy_mac.netlist, toy_mac.clocks
    plain = place(netlist, clocks, toy_technology, 2, 0.7)
    chosen = np.random.default_rng(5).permutation(netlist.cells)[:40]
    weight = np.zeros(netlist.cells)
    weight[chosen] = 30.0
    grid = plain.grid
    x, y = 0.2 * grid.core_sites * grid.site_width, 0.8 * grid.core_rows * grid.site_height

    def away(placement):
        across = placement.site[chosen] * grid.site_width - x
        up = placement.row[chosen] * grid.site_height - y
        return np.hypot(across, up).mean()

    drawn = place_on(grid, netlist, clocks, toy_technology, pull=Pull(weight, 0.2, 0.8))
    check_legal(netlist, toy_technology, drawn)
    assert away(drawn) < 0.5 * away(plain)


def test_critical_cells_gather(toy_mac, toy_technology):
    """Weights follow the slack; the point is amid the cells that it draws."""
    placement = place(toy_mac.netlist, toy_mac.clocks, toy_technology, 3, 0.7)
    supply = np.zeros(toy_mac.netlist.cells, dtype=int)
    wires = placement.wires(toy_technology)
    timing = Timer(toy_mac, [toy_technology.library(1.0)]).analyze(supply, wires)
    pull = gathering_pull(timing, placement)
    slack = cell_slack(timing, timing.min_period) / timing.min_period
    assert pull.weight[slack < 1e-9] == pytest.approx(pull.weight.max())
    assert (pull.weight[slack >= 0.1] == 0).all() and (pull.weight[slack < 0.099] > 0).all()
    grid = placement.grid
    for place_of, size, at in ((placement.site, grid.core_sites, pull.x),
                               (placement.row, grid.core_rows, pull.y)):  # fmt: skip
        drawn = place_of[pull.weight > 0] / size
        assert drawn.min() < at < drawn.max()
