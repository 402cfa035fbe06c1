"""A whole FINE-VH mesh, exported: Vdd-MUX, power grid, biased cells, headers, low drivers."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_export_set import random_points, slacks
from test_export_upf import Reader

from voltile.core import run_program
from voltile.floorplan import (
    Constraints,
    MuxReserve,
    Sources,
    TileTimer,
    Timer,
    build_timing_graph,
    make_power_grid,
    mux_cells,
    place,
    place_muxes,
    synthesize,
)
from voltile.floorplan.exports import with_plain_names, write_exports
from voltile.floorplan.netlist import netlist_from_arrays, netlist_to_arrays
from voltile.pdk import LibrarySet, read_lef, read_technology

BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"
VDDS = (0.8, 1.0)


@dataclass
class Mesh:
    """A design on 3 x 3 tiles, and the folder of its exports."""

    technology: Any
    timer: TileTimer
    points: Any
    muxes: Any
    grid: Any
    folder: Path
    files: set[str]
    slack: float

    @cached_property
    def netlist(self):
        """With the names that are written."""
        return with_plain_names(self.timer.timer.graph).netlist

    @property
    def tile(self):
        return self.timer.placement.tile

    def text(self, name):
        return (self.folder / f"mac.{name}").read_text()

    def section(self, name):
        """Items of a section of the DEF: their names, and what follows."""
        body = re.search(rf"^{name} (\d+) ;\n(.*)^END {name}", self.text("def"), re.S | re.M)
        items = re.findall(r"^- (\S+)(.*?) ;$", body.group(2), re.S | re.M)
        assert len(items) == int(body.group(1)) == len(dict(items))
        return dict(items)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """Biases at random, tiles at random, and headers that drop up to 4 %."""
    folder, rng = tmp_path_factory.mktemp("mesh"), np.random.default_rng(7)
    technology = read_technology("freepdk45")
    netlist = synthesize(Sources([BLOCKS], top="mac"), technology, 1.2e-9, folder)
    used = [netlist.library.cell_name[kind] for kind in np.unique(netlist.cell_type)]
    technology = technology.with_cells([*used, technology.buffer_cell])
    netlist = netlist_from_arrays(netlist_to_arrays(netlist), technology.library(1.0))
    graph, cells = build_timing_graph(netlist, Constraints()), mux_cells(technology)
    reserve = MuxReserve(cells, np.full(9, 4e-5))
    placement = place(netlist, graph.clocks, technology, 3, 0.7, reserve=reserve)
    muxes = place_muxes(placement.grid, cells, rng.uniform(5e-6, 3e-5, 9))
    grid = make_power_grid(placement.grid, technology, np.full(9, 2e-4), np.full(9, 3e-4), *VDDS)
    libraries = LibrarySet.of(technology, VDDS, ("pb0", "pb3"))
    bias = rng.integers(0, 2, netlist.cells)
    library = np.stack([libraries.index(np.full_like(bias, at), bias) for at in (0, 1)])
    timer = TileTimer(
        Timer(graph, libraries.libraries, libraries.mixed_supply), placement,
        placement.wires(technology), library, rng.uniform(1, 1.04, (2, 9)),
    )  # fmt: skip
    points = random_points(9, VDDS, 1.5e-9, 3)
    slack = write_exports(timer, technology, points, 1, folder / "out", muxes, grid)
    files = {path.name for path in (folder / "out").iterdir()}
    return Mesh(technology, timer, points, muxes, grid, folder / "out", files, slack)


@pytest.mark.usefixtures("opensta")
def test_opensta_finds_the_worst_slack_of_all_that_is_counted(mesh):
    theirs, printed = slacks(mesh.folder)
    assert mesh.slack == pytest.approx(theirs, abs=1e-14, rel=1e-5)
    assert printed == pytest.approx(mesh.slack, abs=1e-16)
    # Each of them makes a difference of more than a picosecond.
    is_high, period = mesh.points.tile_is_high[1], 1.5e-9
    plain = mesh.timer.timer
    for other in (
        replace(mesh.timer, timer=Timer(plain.graph, plain.libraries)),
        replace(mesh.timer, stretch=np.ones((2, 9))),
        replace(mesh.timer, library=mesh.timer.library // 2 * 2),
    ):
        assert other.analyze(is_high).worst_slack(period) > mesh.slack + 1e-12


def test_every_file_is_there(mesh):
    assert mesh.files == {
        "mac.v", "mac.def", "mac.upf", "mac.sdc", "mac.spef", "opensta.tcl", "openroad.tcl",
        "vdd_0v800.lib", "vdd_0v800__pb3.lib", "vdd_1v000.lib", "vdd_1v000__pb3.lib",
        "nominal__pb3.lib", "biased_cells.lef", "vdd_mux.lef", "vdd_mux.lib", "vdd_mux.v",
    }  # fmt: skip


@pytest.mark.usefixtures("opensta")
def test_opensta_reads_the_vdd_mux_with_the_netlist(mesh, tmp_path):
    """Counts of instances by cell, and that the names of the UPF are in the netlist."""
    reader = Reader().read(mesh.folder / "mac.upf")
    assert reader.faults == []
    switches = reader.of("create_power_switch").values()
    instances = [name for item in switches for name in item["-instances"][0]]
    nets = [name for item in switches for name in
            (item["-control_port"][0][1], item["-output_supply_port"][0][1])]  # fmt: skip
    ports = list(reader.of("create_supply_port"))
    assert ports == ["VDDL", "VDDH", "VSS", "VBN", "VBP"]
    (tmp_path / "names.tcl").write_text(
        (mesh.folder / "opensta.tcl").read_text().split("proc version")[0]
        + f"foreach cell {{{' '.join(instances)}}} {{\n"
        + '  puts "mux [get_property [get_cells $cell] ref_name]"\n}\n'
        + f'puts "nets [llength [get_nets {{{" ".join(nets)}}}]]"\n'
        + f'puts "ports [llength [get_ports {{{" ".join(ports)}}}]]"\n'
        + 'puts "cells [llength [get_cells *]]"\n'
    )
    log = run_program(["sta", "-no_splash", "-exit", tmp_path / "names.tcl"],
                      tmp_path / "names.log", mesh.folder)  # fmt: skip
    kinds = re.findall(r"^mux (\S+)$", log, re.M)
    assert kinds == [mesh.muxes.cells[kind] for kind in mesh.muxes.kind]
    assert f"nets {2 * 9}\nports 5\ncells {mesh.netlist.cells + len(kinds)}\n" in log


def test_power_switches_are_the_vdd_mux_of_their_tile(mesh):
    """The select of a tile's switch is what its Vdd-MUX have at SEL, their rail its output."""
    reader = Reader().read(mesh.folder / "mac.upf")
    joined = {
        instance: dict(re.findall(r"\.(\w+)\((\w+)\)", pins))
        for instance, pins in re.findall(r"^  vdd_mux_\S+ (\S+) \((.*)\);$", mesh.text("v"), re.M)
    }
    domains = reader.of("create_power_domain")
    for tile in range(9):
        switch = reader.of("create_power_switch")[f"SW_TILE_{tile}"]
        instances = switch["-instances"][0]
        assert len(instances) == mesh.timer.placement.grid.tile_rows
        for instance in instances:
            pins = joined.pop(instance)
            assert ("select", pins["SEL"]) in switch["-control_port"]
            assert ("out", pins["VDDT"]) in switch["-output_supply_port"]
            assert dict(switch["-input_supply_port"]) == {"high": "VDDH", "low": "VDDL"}
            assert {pin: pins[pin] for pin in ("VDDL", "VDDH", "VSS", "VBN", "VBP")} == {
                pin: pin for pin in ("VDDL", "VDDH", "VSS", "VBN", "VBP")
            }
        members = set(domains[f"PD_TILE_{tile}"]["-elements"][0])
        assert members == {
            mesh.netlist.cell_name[cell] for cell in np.flatnonzero(mesh.tile == tile)
        }
    assert not joined


@pytest.fixture
def layout(mesh):
    from def_reader import read_def

    own = [mesh.folder / name for name in ("biased_cells.lef", "vdd_mux.lef")]
    return read_def(mesh.folder / "mac.def", mesh.technology, own)


def test_klayout_finds_cells_and_vdd_mux_where_they_stand(mesh, layout):
    from def_reader import instances_by_name, kdb

    grid, netlist, muxes = mesh.timer.placement.grid, mesh.netlist, mesh.muxes
    own = read_lef([*mesh.technology.lef_files, mesh.folder / "biased_cells.lef",
                    mesh.folder / "vdd_mux.lef"])  # fmt: skip
    instances, components = instances_by_name(layout), mesh.section("COMPONENTS")
    fixed = {name for name, rest in components.items() if "+ FIXED" in rest}
    assert len(instances) == len(components) == netlist.cells + len(fixed)
    fences = {
        name: kdb.Region([
            kdb.Box(*map(int, corners))
            for corners in re.findall(r"\( (-?\d+) (-?\d+) \) \( (-?\d+) (-?\d+) \)", rest)
        ])
        for name, rest in mesh.section("REGIONS").items()
    }  # fmt: skip
    boxes, width, height = [], round(grid.site_width * 1e9), round(grid.site_height * 1e9)

    def outline(name):
        item = instances[name]
        macro = own.macros[item.cell.name]
        size = kdb.Box(0, 0, round(macro.width * 1e9), round(macro.height * 1e9))
        boxes.append(item.trans * size)
        assert item.trans.is_mirror() == (boxes[-1].bottom // height % 2 == 1)
        return boxes[-1], item.cell.name

    bias = mesh.timer.library[0]
    for cell, name in enumerate(netlist.cell_name):
        box, kind = outline(name)
        base = netlist.library.cell_name[netlist.cell_type[cell]]
        assert kind == base + ("__pb3" if bias[cell] else "")
        assert (kdb.Region(box) - fences[f"TILE_{mesh.tile[cell]}"]).is_empty()
        assert box.left == mesh.timer.placement.site[cell] * width
    columns = kdb.Region()
    for name in fixed:
        columns += kdb.Region(outline(name)[0])
    places = sorted((box.left // width, box.bottom // height) for box in boxes[netlist.cells :])
    assert places == sorted(zip(muxes.site.tolist(), muxes.row.tolist(), strict=True))
    # Nothing overlaps; fences are the pieces of row for cells, clear of the Vdd-MUX by their wells.
    assert kdb.Region(boxes).merged().area() == sum(box.area() for box in boxes)
    every = kdb.Region([polygon for region in fences.values() for polygon in region.each()])
    segments = kdb.Region([
        kdb.Box(site * width, row * height, (site + sites) * width, (row + 1) * height)
        for _, site, row, sites in grid.row_segments.tolist()
    ])  # fmt: skip
    assert (every ^ segments).is_empty()
    gap = mesh.technology.header.well_gap * width
    assert gap > 0 and (columns.sized(gap, 0, 2) & every).is_empty()


def test_klayout_finds_the_power_grid_and_nothing_else_on_its_layers(mesh, layout):
    from def_reader import kdb, shapes_of

    top, grid = layout.top_cell(), mesh.grid
    found = {
        (name, shape.property("net"), shape.bbox().to_s())
        for name in grid.layers for shape in shapes_of(layout, name, top)
    }  # fmt: skip
    expected = set()
    for net, layer, *box in zip(grid.net, grid.layer, grid.x, grid.y, grid.width, grid.height,
                                strict=True):  # fmt: skip
        x, y, width, height = (round(value * 1e9) for value in box)
        corners = kdb.Box(x, y, x + width, y + height)
        expected.add((grid.layers[layer], grid.nets[net], corners.to_s()))
    assert found == expected
    die = shapes_of(layout, "OUTLINE", top)[0].bbox()
    assert all(kdb.Box.from_s(corners).inside(die) for _, _, corners in found)
    shapes = re.findall(r"SHAPE (\w+) RECT|SHAPE (\w+) \+ RECT", mesh.text("def"))
    kinds = [first or second for first, second in shapes]
    # A ring of four sides, three stripes down and two across, for each of five nets.
    assert (kinds.count("RING"), kinds.count("STRIPE")) == (5 * 4, 5 * (3 + 2))


def test_rails_hold_the_cells_of_their_tile_and_the_chain_its_flip_flops(mesh):
    special, nets = mesh.section("SPECIALNETS"), mesh.section("NETS")
    assert "( * VSS )" in special["VSS"] and "+ USE GROUND" in special["VSS"]
    for supply in ("VDDL", "VDDH", "VBN", "VBP"):
        assert f"( PIN {supply} )\n  ( * {supply} )\n" in special[supply]
    pins = mesh.section("PINS")
    assert all("+ SPECIAL" in pins[supply] for supply in ("VDDL", "VDDH", "VSS", "VBN", "VBP"))
    for tile in range(9):
        ends = re.findall(r"\( (\S+) (\S+) \)", special[f"vdd_tile_{tile}"])
        cells = {
            (mesh.netlist.cell_name[cell], "VDD") for cell in np.flatnonzero(mesh.tile == tile)
        }
        rows = mesh.timer.placement.grid.tile_rows
        assert len(ends) == len(cells) + rows and cells < set(ends)
        assert sum(pin == "VDDT" for _, pin in ends) == rows
    # From the port through one flip-flop of every tile to the port at the other end.
    ends = {name: re.findall(r"\( (\S+) (\S+) \)", rest) for name, rest in nets.items()}
    net, visited = "scan_in", []
    while net != "scan_out":
        (flop,) = [instance for instance, pin in ends[net] if pin == "SI"]
        visited.append(flop)
        (net,) = [name for name, joined in ends.items() if (flop, "SO") in joined]
    tiles = [int(re.match(r"vdd_mux_(\d+)_", flop).group(1)) for flop in visited]
    assert tiles == mesh.muxes.chain.tolist()
    assert {(flop, "CK") for flop in visited} == set(ends["scan_clock"]) - {("PIN", "scan_clock")}
    places = re.findall(r"PLACED \( (-?\d+ -?\d+) \)", "".join(pins.values()))
    assert len(places) == len(pins) - 5 and len(set(places)) == len(places)


def test_constraints_hold_what_headers_cost(mesh):
    factors = {
        cell: float(factor)
        for factor, cells in re.findall(
            r"^set_timing_derate -late -cell_delay (\S+) \[get_cells \{(.*)\}\]$", mesh.text("sdc"),
            re.M,
        ) for cell in cells.split()
    }  # fmt: skip
    level = mesh.points.tile_is_high[1].astype(int)
    expected = mesh.timer.stretch[level, np.arange(9)][mesh.tile]
    assert [factors[name] for name in mesh.netlist.cell_name] == pytest.approx(expected, rel=1e-11)
