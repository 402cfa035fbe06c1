"""DEF read by KLayout, and its connections by a few expressions."""

import re
from dataclasses import replace

import numpy as np
import pytest
from def_reader import check_instances, check_pins, check_tiles, read_def
from placed_designs import cell_sites, random_placement
from toy_netlists import random_netlist

from voltile.core import TechnologyError
from voltile.floorplan import Constraints, build_timing_graph
from voltile.floorplan.exports import with_plain_names, write_def
from voltile.floorplan.netlist import OPEN
from voltile.pdk import Lef


@pytest.fixture(scope="module", params=[1, 2, 4])
def design(request, toy_technology):
    """(graph with plain names, placement) on several meshes."""
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 5, 150, 20),
                               Constraints())  # fmt: skip
    return with_plain_names(graph), random_placement(graph, toy_technology, request.param)


@pytest.fixture
def layout(design, toy_technology, tmp_path):
    write_def(*design, toy_technology, tmp_path / "toy.def")
    return read_def(tmp_path / "toy.def", toy_technology)


def test_instances_stand_where_the_placement_says(design, layout, toy_technology):
    check_instances(layout, *design, toy_technology)


def test_nothing_overlaps_and_every_tile_holds_its_cells(design, layout, toy_technology):
    check_tiles(layout, *design, toy_technology)


def test_groups_are_the_tiles(design, layout, tmp_path):
    graph, placement = design
    text = (tmp_path / "toy.def").read_text()
    groups = re.search(r"^GROUPS (\d+) ;\n(.*)^END GROUPS", text, re.DOTALL | re.MULTILINE)
    found = {}
    for line in groups.group(2).splitlines():
        _, name, *cells = line.partition(" + ")[0].split()
        assert line.endswith(f" + REGION {name} ;")
        found |= dict.fromkeys(cells, name)
    assert found == {name: f"TILE_{tile}" for name, tile in
                     zip(graph.netlist.cell_name, placement.tile, strict=True)}  # fmt: skip


def test_pins_touch_the_boundary_where_ports_stand(design, layout):
    check_pins(layout, *design, ["met1"], within=1)


def test_rows_end_at_the_tiles(design, layout, tmp_path):
    _, placement = design
    grid = placement.grid
    text = (tmp_path / "toy.def").read_text()
    rows = re.findall(r"^ROW \S+ toysite (\d+) (\d+) (N|FS) DO (\d+) BY 1 STEP (\d+) 0 ;", text,
                      re.MULTILINE)  # fmt: skip
    assert len(rows) == grid.tiles * grid.tile_rows
    width, height = round(grid.site_width * 1e9), round(grid.site_height * 1e9)
    for x, y, way, count, step in rows:
        x, y = int(x), int(y)
        assert (int(count), int(step)) == (grid.tile_width, width)
        assert x % width == 0 and y % height == 0
        assert way == ("FS" if y // height % 2 else "N")
        first, last = x // width, x // width + grid.tile_width - 1
        row = np.array([y // height] * 2)
        left, right = grid.tile_at(np.array([first, last]), row)
        assert left == right >= 0
        outside = grid.tile_at(np.array([first - 1, last + 1]), row)
        assert (outside != left).all()


def test_nets_join_what_the_netlist_joins(design, layout, tmp_path):
    netlist = design[0].netlist
    text = (tmp_path / "toy.def").read_text()
    nets = re.search(r"^NETS (\d+) ;\n(.*)^END NETS", text, re.DOTALL | re.MULTILINE)
    found = {}
    for line in nets.group(2).splitlines():
        name = line.split()[1]
        found |= dict.fromkeys(re.findall(r"\( (\S+) (\S+) \)", line), name)
        assert ("+ USE CLOCK" in line) == bool(
            design[0].clocks.is_clock[netlist.net_name.index(name)]
        )
    expected = {("PIN", port): netlist.net_name[net]
                for port, net in zip(netlist.port_name, netlist.port_net, strict=True)}  # fmt: skip
    for pin, net in enumerate(netlist.pin_net):
        if net != OPEN:
            cell = netlist.cell_name[netlist.pin_cell[pin]]
            expected[cell, netlist.library.pin_name[netlist.pin_library[pin]]] = netlist.net_name[
                net
            ]
    assert found == expected
    assert int(nets.group(1)) == len(set(expected.values()))


def test_write_def_rejects_what_def_cannot_say(design, toy_technology, tmp_path):
    graph, placement = design
    odd = replace(placement, grid=replace(placement.grid, site_width=0.2004e-6))
    with pytest.raises(TechnologyError) as fault:
        write_def(graph, odd, toy_technology, tmp_path / "odd.def")
    assert str(fault.value) == (
        "a placement site of 0.2004 µm is not a whole number of nanometres, which are the units of "
        "a DEF file"
    )
    bare = replace(toy_technology, lef=Lef(toy_technology.lef.macros))
    with pytest.raises(TechnologyError, match="no LEF file of technology toy has a routing layer"):
        write_def(graph, placement, bare, tmp_path / "bare.def")
    assert list(tmp_path.iterdir()) == []


def test_cells_of_the_test_placement_fit(design, toy_technology):
    """The placement that these tests rest on is legal."""
    graph, placement = design
    last = placement.site + cell_sites(graph.netlist, toy_technology) - 1
    tiles = [placement.grid.tile_at(at, placement.row) for at in (placement.site, last)]
    assert (tiles[0] == placement.tile).all() and (tiles[1] == placement.tile).all()
