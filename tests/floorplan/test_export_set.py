"""The exported files alone, read by OpenSTA, give our worst slack; and what the scripts read."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_netlists import netlist_of
from placed_designs import random_placement
from test_opensta import SURROUNDINGS
from toy_netlists import make_netlist, random_netlist

from voltile.core import VoltileError, run_program
from voltile.floorplan import (
    Constraints,
    Sources,
    TileTimer,
    Timer,
    build_timing_graph,
    opensta_worst_slack,
    place,
    select_vdd,
    synthesize,
)
from voltile.floorplan.exports import OperatingPoints, with_plain_names, write_exports
from voltile.floorplan.netlist import netlist_from_arrays, netlist_to_arrays
from voltile.hdl import ScalableMac, to_rtlil
from voltile.pdk import LibrarySet


def slacks(folder):
    """Worst slack that OpenSTA finds with the script of a folder, and ours that it prints [s]."""
    log = run_program(["sta", "-no_splash", "-exit", "opensta.tcl"], folder / "sta.log", folder)
    assert not [line for line in log.splitlines() if re.match("Error|Warning", line)]
    theirs = re.findall(r"^worst slack (\S+)$", log, re.MULTILINE)
    mine = re.findall(r"^worst slack by Voltile (\S+)$", log, re.MULTILINE)
    return float(theirs[0]) * 1e-9, float(mine[0]) * 1e-9


def random_points(tiles, vdds, period, seed):
    """Operating points of which the second is the one in question."""
    rng = np.random.default_rng(seed)
    low, high = (np.full(3, vdd) for vdd in vdds)
    return OperatingPoints(
        np.array([0.5, 1.0, 2.0]) / period, low, high, rng.random((3, tiles)) < 0.5
    )


def full_swing(technology, graph, placement, points, at):
    """A mesh whose cells are of the first bias, timed without mixed supplies and headers."""
    vdds = points.vdd_low[at], points.vdd_high[at]
    timer = Timer(graph, [technology.library(float(vdd)) for vdd in vdds])
    return TileTimer.plain(timer, placement, placement.wires(technology))


def check(technology, graph, placement, points, at, folder, mesh=None):
    """Export, and time in OpenSTA; slacks agree, within a picosecond in any case."""
    mesh = mesh or full_swing(technology, graph, placement, points, at)
    slack = write_exports(mesh, technology, points, at, folder)
    theirs, printed = slacks(folder)
    assert np.isfinite(slack)
    assert slack == pytest.approx(theirs, abs=1e-12, rel=0)
    assert slack == pytest.approx(theirs, abs=1e-14, rel=1e-5)
    assert printed == pytest.approx(slack, abs=1e-16)
    return slack


def test_plan_of_another_mesh_or_netlist_is_refused(toy_technology, tmp_path):
    library = toy_technology.library(1.0)
    graphs = [build_timing_graph(random_netlist(library, seed, cells, 10), Constraints())
              for seed, cells in ((1, 60), (2, 40))]  # fmt: skip
    placements = [random_placement(graph, toy_technology, 2, 1) for graph in graphs]
    points = random_points(4, (0.7, 1.0), 0.8e-9, 1)
    mesh = full_swing(toy_technology, graphs[0], placements[0], points, 1)
    name, cells = graphs[0].netlist.name, graphs[0].netlist.cells
    other = random_points(9, (0.7, 1.0), 0.8e-9, 1)
    several = SimpleNamespace(header_width=np.ones(9))
    refused = [
        (lambda: write_exports(mesh, toy_technology, other, 1, tmp_path / "x"),
         f"the plan is of 9 tiles, and the mesh of {name} has 4"),
        (lambda: write_exports(mesh, toy_technology, points, 1, tmp_path / "x", several),
         f"the set of Vdd-MUX is of 9 tiles, and the mesh of {name} has 4"),
        (lambda: write_exports(mesh, toy_technology, random_points(4, (0.8, 1.0), 1e-9, 1), 1,
                               tmp_path / "x"),
         "the plan is of 0.800 and 1.000 V, and the mesh is timed at 0.700 and 1.000 V"),
        (lambda: mesh.analyze(np.ones(9, dtype=bool)),
         f"the plan is of 9 tiles, and the mesh of {name} has 4"),
        (lambda: full_swing(toy_technology, graphs[0], placements[1], points, 1),
         f"the placement is of {graphs[1].netlist.cells} cells, and {name} has {cells}"),
        (lambda: replace(mesh, library=mesh.library[:, 1:]),
         f"the choice of libraries is of {cells - 1} cells, and {name} has {cells}"),
        (lambda: replace(mesh, stretch=np.ones((2, 9))),
         f"the drop of the headers is of 9 tiles, and the mesh of {name} has 4"),
    ]  # fmt: skip
    for act, message in refused:
        with pytest.raises(VoltileError) as fault:
            act()
        assert str(fault.value) == message
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("vdds", [(0.7, 1.0), (0.75, 0.85), (0.6, 0.65)])
@pytest.mark.parametrize("seed", range(3))
def test_random_designs_at_supplies_of_files_and_between_them(toy_technology, tmp_path, seed, vdds):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), seed, 60, 10),
                               Constraints())  # fmt: skip
    placement = random_placement(graph, toy_technology, 2, seed)
    points = random_points(4, vdds, 0.8e-9, seed)
    check(toy_technology, graph, placement, points, 1, tmp_path)
    # Headers that drop something, those of the cells in the clock network included.
    mesh = full_swing(toy_technology, graph, placement, points, 1)
    mesh = replace(mesh, stretch=np.random.default_rng(seed).uniform(1, 1.1, (2, 4)))
    check(toy_technology, graph, placement, points, 1, tmp_path / "drop", mesh)


def mixed(technology, graph, placement, vdds, seed):
    """A mesh of cells with any bias and headers with any drop: drivers at VddL counted, or not."""
    rng = np.random.default_rng(seed)
    libraries = LibrarySet.of(technology, vdds, technology.biases)
    bias = rng.integers(0, len(technology.biases), graph.netlist.cells)
    library = np.stack([libraries.index(np.full_like(bias, at), bias) for at in (0, 1)])
    stretch = rng.uniform(1, 1.1, (2, placement.grid.tiles))
    wires = placement.wires(technology)
    return [
        TileTimer(Timer(graph, libraries.libraries, table), placement, wires, library, stretch)
        for table in (libraries.mixed_supply, None)
    ]


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("vdds", [(0.8, 1.0), (0.6, 0.7), (0.75, 0.95)])
@pytest.mark.parametrize("seed", range(3))
def test_random_designs_with_biases_drops_and_drivers_at_vdd_low(
    made_technology, tmp_path, seed, vdds
):
    graph = build_timing_graph(netlist_of(made_technology.library(1.0), seed), Constraints())
    placement = random_placement(graph, made_technology, 3, seed)
    points = random_points(9, vdds, 1e-9, seed)
    aware, unaware = mixed(made_technology, graph, placement, vdds, seed)
    slack = check(made_technology, graph, placement, points, 1, tmp_path / "aware", aware)
    other = check(made_technology, graph, placement, points, 1, tmp_path / "unaware", unaware)
    assert slack < other - 1e-12
    no_drop = replace(aware, stretch=np.ones_like(aware.stretch))
    ideal = check(made_technology, graph, placement, points, 1, tmp_path / "ideal", no_drop)
    assert slack < ideal - 1e-12


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("constraints", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_surroundings(toy_technology, tmp_path, constraints):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 21, 50, 8), constraints)
    placement = random_placement(graph, toy_technology, 2)
    check(toy_technology, graph, placement, random_points(4, (0.8, 1.0), 0.8e-9, 1), 1, tmp_path)


@pytest.mark.usefixtures("opensta")
def test_design_without_a_clock_and_names_that_need_quotes(toy_technology, tmp_path):
    cells = {
        r"$abc$1\x[3]": ("toy_nand2_1", {"A": "a.b[0]", "B": "a.b[1]", "Y": "$n"}),
        "input": ("toy_inv_1", {"A": "$n", "Y": "y:1"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a.b[0]", "a.b[1]"], ["y:1"])
    graph = build_timing_graph(netlist, Constraints(load={"y:1": 5e-15}))
    placement = random_placement(graph, toy_technology, 1, fill=0.2)
    check(toy_technology, graph, placement, random_points(1, (0.8, 0.9), 1e-9, 2), 1, tmp_path)


def plan_points(technology, graph, placement, vdds):
    """The operating points of Algorithm 5 at half of its steps, the slowest first."""
    timer = Timer(graph, [technology.library(vdd) for vdd in vdds])
    plan = select_vdd(TileTimer.plain(timer, placement, placement.wires(technology)))
    reach = np.unique(1 / np.minimum.accumulate(plan.period))[::2]
    low, high = (np.full(len(reach), vdd) for vdd in vdds)
    is_high = np.array([plan.tile_is_high(frequency * (1 - 1e-9)) for frequency in reach])
    return OperatingPoints(reach, low, high, is_high)


def check_plan(technology, graph, placement, vdds, folder):
    """Some point with tiles at both supplies: its worst slack is zero, here and in OpenSTA."""
    points = plan_points(technology, graph, placement, vdds)
    share = points.tile_is_high.mean(axis=1)
    at = int(np.argmin(np.abs(share - 0.5)))
    assert 0 < share[at] < 1
    slack = check(technology, graph, placement, points, at, folder)
    assert 0 <= slack < 1e-12
    # Every tile at its supply matters: with the others' supplies the slack is another.
    other = OperatingPoints(points.frequency, points.vdd_low, points.vdd_high, ~points.tile_is_high)
    assert abs(check(technology, graph, placement, other, at, folder)) > 1e-12


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("vdds", [(0.7, 0.9), (0.65, 0.85)])
def test_plan_of_a_placed_unit(toy_technology, toy_mac, tmp_path, vdds):
    placement = place(toy_mac.netlist, toy_mac.clocks, toy_technology, 3, 0.6)
    check_plan(toy_technology, toy_mac, placement, vdds, tmp_path)


@pytest.fixture(scope="module")
def sky130_mac(sky130hd, tmp_path_factory):
    """(technology, graph, placement) of a MAC in SKY130 cells on 3 x 3 tiles."""
    folder = tmp_path_factory.mktemp("mac")
    sources = Sources(rtlil=to_rtlil(ScalableMac(), "mac"), top="mac")
    netlist = synthesize(sources, sky130hd, 6e-9, folder)
    names = netlist.library.cell_name
    technology = sky130hd.with_cells(names[kind] for kind in np.unique(netlist.cell_type))
    netlist = netlist_from_arrays(netlist_to_arrays(netlist), technology.library(1.76))
    graph = build_timing_graph(netlist, Constraints())
    return technology, graph, place(netlist, graph.clocks, technology, 3, 0.6)


@pytest.mark.usefixtures("opensta")
@pytest.mark.parametrize("vdds", [(1.44, 1.76), (1.52, 1.64)], ids=["files", "between files"])
def test_plan_of_a_placed_sky130_unit(sky130_mac, tmp_path, vdds):
    check_plan(*sky130_mac, vdds, tmp_path)


@pytest.mark.usefixtures("opensta")
def test_exported_libraries_time_as_the_files_they_are_of(sky130_mac, tmp_path):
    """OpenSTA with the foundry's own text on one side, with exported tables on the other."""
    technology, graph, placement = sky130_mac
    vdds, period = (1.44, 1.76), 6e-9
    points = random_points(placement.grid.tiles, vdds, period, 4)
    mesh = full_swing(technology, graph, placement, points, 1)
    write_exports(mesh, technology, points, 1, tmp_path / "exports")
    wires = placement.wires(technology)
    supply = points.tile_is_high[1].astype(int)[placement.tile]
    timing = Timer(graph, [technology.library(vdd) for vdd in vdds]).analyze(supply, wires)
    original = opensta_worst_slack(
        graph, [technology.liberty(vdd) for vdd in vdds], supply, wires, timing.wire_delay, period,
        tmp_path / "original",
    )  # fmt: skip
    assert slacks(tmp_path / "exports")[0] == pytest.approx(
        original.worst_slack, abs=1e-14, rel=1e-5
    )


def test_layout_of_a_placed_sky130_unit(sky130_mac, tmp_path):
    from def_reader import check_instances, check_pins, check_tiles, read_def

    technology, graph, placement = sky130_mac
    points = random_points(placement.grid.tiles, (1.44, 1.76), 6e-9, 4)
    write_exports(full_swing(technology, graph, placement, points, 1), technology, points, 1,
                  tmp_path)  # fmt: skip
    layout, plain = read_def(tmp_path / "mac.def", technology), with_plain_names(graph)
    check_instances(layout, plain, placement, technology)
    check_tiles(layout, plain, placement, technology)
    # Ports keep to the manufacturing grid of 5 nm, on the layers whose wires run to their side.
    check_pins(layout, plain, placement, ["met2", "met3"], within=3)


def test_openroad_script_reads_the_technology_then_the_exports(toy_technology, tmp_path):
    tkinter = pytest.importorskip("tkinter")
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 1), Constraints())
    placement = random_placement(graph, toy_technology, 1)
    points = random_points(1, (0.7, 0.8), 1e-9, 1)
    points = replace(points, tile_is_high=np.ones((3, 1), dtype=bool))
    mesh = full_swing(toy_technology, graph, placement, points, 1)
    write_exports(mesh, toy_technology, points, 1, tmp_path)
    tcl, read = tkinter.Tcl(), []
    for command in ("read_lef", "read_liberty", "read_def", "read_sdc", "read_spef",
                    "set_cmd_units", "report_worst_slack"):  # fmt: skip
        tcl.createcommand(command, lambda *words, name=command: read.append((name, words)))
    tcl.eval(f"cd {{{tmp_path}}}; source openroad.tcl")
    files = [(name, Path(tmp_path, *words)) for name, words in read if name.startswith("read")]
    assert [name for name, _ in files] == [
        "read_lef", "read_lef", "read_liberty", "read_def", "read_sdc", "read_spef"
    ]  # fmt: skip
    assert all(path.is_file() for _, path in files)
    # The site is defined before the macros that use it.
    assert [path.name for _, path in files[:2]] == ["toy.tlef", "toy.lef"]
    # Nothing of the technology is copied but the tables of the two supplies.
    assert {path.name for path in tmp_path.iterdir()} == {
        "toy.v", "toy.def", "toy.upf", "toy.sdc", "toy.spef", "opensta.tcl",
        "openroad.tcl", "vdd_0v700.lib", "vdd_0v800.lib",
    }  # fmt: skip
