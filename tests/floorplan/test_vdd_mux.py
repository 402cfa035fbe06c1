"""Vdd-MUX: sized by Ohm's law, one in every row, none over anything else, chained and loadable."""

import shutil
import subprocess
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from toy_netlists import make_netlist

from voltile.core import PlacementInfeasible, TechnologyError, VoltileError
from voltile.floorplan import MuxCells, TileGrid, place, place_and_size
from voltile.floorplan.mux_cells import (
    FINGERS,
    SUPPLIES,
    VARIANTS,
    MuxColumns,
    MuxReserve,
    MuxVariant,
    mux_cells,
    mux_models,
)
from voltile.floorplan.mux_netlist import name_muxes, write_mux_verilog
from voltile.floorplan.vdd_mux import place_muxes, size_headers
from voltile.pdk import Direction, Lef, read_cell_library, read_lef


@pytest.fixture(scope="module")
def cells(mux_technology):
    return mux_cells(mux_technology)


def grid_of(n=3, left=19, right=0, tile_rows=7, tile_width=79):
    mux = MuxColumns((left,) * n * n, (right,) * n * n, 28)
    return TileGrid(n, tile_rows, tile_width, 4, 2e-7, 1.4e-6, mux)


# Cells.


def test_width_is_that_of_the_fingers_and_of_the_flip_flop(cells, mux_technology):
    """Two headers of k gate lines and two half pitches at the ends, on 0.2 um sites."""
    for fingers in FINGERS:
        assert cells.sites(MuxVariant(fingers, False)) == 2 * fingers + 1
        # toy_dff_1 has 14 sites, toy_buf_4 has 7.
        assert cells.sites(MuxVariant(fingers, True)) == 2 * fingers + 1 + 14 + 2 * 7
    wide = replace(mux_technology, header=replace(mux_technology.header, gate_pitch=0.25e-6))
    assert mux_cells(wide).sites(MuxVariant(8, False)) == np.ceil(17 * 0.25 / 0.2)


def test_lef_is_read_back(cells, mux_technology, tmp_path):
    (tmp_path / "mux.lef").write_text(cells.lef())
    found = read_lef([tmp_path / "mux.lef"]).macros
    assert list(found) == [variant.name for variant in VARIANTS]
    assert MuxVariant(4, False).name == "vdd_mux_x4" and MuxVariant(4, True).name == "vdd_mux_ff_x4"
    for variant in VARIANTS:
        macro = found[variant.name]
        assert macro.width == pytest.approx(cells.sites(variant) * 0.2e-6)
        assert macro.height == pytest.approx(1.4e-6)
        pins = {"VDDT", *SUPPLIES, "SEL", "SELB"} | ({"SI", "SO", "CK"} & set(macro.pin_offset))
        assert set(macro.pin_offset) == pins
        assert ("SI" in pins) == variant.has_flop


def test_liberty_has_the_pins_of_the_lef(cells, tmp_path):
    (tmp_path / "mux.lef").write_text(cells.lef())
    (tmp_path / "mux.lib").write_text(cells.liberty())
    macros = read_lef([tmp_path / "mux.lef"]).macros
    library = read_cell_library(tmp_path / "mux.lib")
    assert library.cell_name == tuple(macros)
    for cell, (name, macro) in enumerate(macros.items()):
        pins = {library.pin_name[pin]: library.pin_direction[pin] for pin in library.pins_of(cell)}
        assert set(pins) == set(macro.pin_offset)
        assert all((pins[pin] == Direction.INOUT) == (pin in macro.supplies) for pin in pins)
        inputs = {"SI", "CK"} if "_ff_" in name else {"SEL", "SELB"}
        assert {pin for pin in pins if pins[pin] == Direction.INPUT} == inputs
        assert library.cell_area[cell] == pytest.approx(macro.width * macro.height)


def test_lef_is_read_by_klayout(cells, tmp_path):
    """An independent reader: every macro of its size, its pins apart from each other."""
    db = pytest.importorskip("klayout.db", reason="needs klayout")
    (tmp_path / "mux.lef").write_text(cells.lef())
    layout, options = db.Layout(), db.LoadLayoutOptions()
    options.lefdef_config.macro_resolution_mode = 1  # LEF geometry, whatever FOREIGN says
    layout.read(str(tmp_path / "mux.lef"), options)
    assert {cell.name for cell in layout.each_cell()} == {variant.name for variant in VARIANTS}
    pins, labels = (layout.find_layer(db.LayerInfo(2, kind)) for kind in (2, 1))
    for variant in VARIANTS:
        cell = layout.cell(variant.name)
        assert cell.dbbox() == db.DBox(0, 0, cells.sites(variant) * 0.2, 1.4)
        shapes = [shape.box for shape in cell.shapes(pins).each()]
        texts = [shape.text for shape in cell.shapes(labels).each()]
        assert len(shapes) == len({text.string for text in texts}) == (8, 11)[variant.has_flop]
        for at, box in enumerate(shapes):
            assert not any(box.touches(other) for other in shapes[:at])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("header", "technology toy has no headers measured: a Vdd-MUX cannot be sized"),
        ("macro", "technology toy: no LEF macro for toy_dff_1"),
        ("rail", ("technology toy: toy_buf_4 has no power pin on a routing layer of its LEF "
                  "files")),
    ],
)  # fmt: skip
def test_technology_without_vdd_mux_is_refused(mux_technology, toy_technology, change, message):
    lef = toy_technology.lef
    fewer = {name: macro for name, macro in lef.macros.items() if name != "toy_dff_1"}
    technology = {
        "header": toy_technology,
        "macro": replace(mux_technology, lef=Lef(fewer, lef.sites, lef.layers)),
        "rail": replace(mux_technology, lef=lef),
    }[change]
    with pytest.raises(TechnologyError) as fault:
        mux_cells(technology)
    assert str(fault.value) == message


# Sizes.


def test_headers_obey_ohms_law(mux_technology):
    """R W = 1e-3 / (VddH ratio^3) ohm m; 2 % of either supply at the current of either."""
    header = mux_technology.header
    low, high = np.array([4e-5, 5e-4, 0.0]), np.array([4e-4, 6e-4, 1e-3])
    width = size_headers(low, high, 0.6, 1.0, header)
    at_low = 1e-3 / 0.6**3 * low / (0.02 * 0.6)
    at_high = 1e-3 * high / (0.02 * 1.0)
    np.testing.assert_allclose(width, np.maximum(at_low, at_high), rtol=1e-12)
    assert (at_low > at_high).tolist() == [False, True, False]  # either may be the one that counts
    # Twice the drop, half the width.
    np.testing.assert_allclose(size_headers(low, high, 0.6, 1.0, header, 0.04), width / 2)
    with pytest.raises(VoltileError, match="^the drop of the headers must be between 0 and 1"):
        size_headers(low, high, 0.6, 1.0, header, 0)


def test_smallest_vdd_mux_that_suffices(mux_technology, cells):
    """No tile has less header than it needs, and none could do with the next smaller choice."""
    grid = grid_of(left=67, right=67, tile_width=200)
    totals = {*FINGERS, *(2 * fingers for fingers in FINGERS if 2 * fingers > max(FINGERS))}
    rng = np.random.default_rng(3)
    needed = rng.uniform(0, max(totals), grid.tiles) * grid.tile_rows * 0.5e-6
    needed[:2] = max(totals) * grid.tile_rows * 0.5e-6, 0  # to the last finger; none at all
    muxes = place_muxes(grid, cells, needed)
    fingers = np.array([int(name.rpartition("x")[2]) for name in muxes.cells])[muxes.kind]
    per_tile = np.bincount(muxes.tile, fingers) / grid.tile_rows
    for tile in range(grid.tiles):
        wanted = needed[tile] / 0.5e-6 / grid.tile_rows
        assert per_tile[tile] == min(total for total in totals if total >= wanted * (1 - 1e-12))
    np.testing.assert_allclose(muxes.header_width, per_tile * grid.tile_rows * 0.5e-6)
    resistance = muxes.resistance(mux_technology.header, 0.8, 1.0)
    np.testing.assert_allclose(resistance * muxes.header_width, 1e-3 / 0.8**3)


def test_columns_at_both_borders_serve_less_than_they_were_made_for(cells):
    """32 fingers would do, at one border, which does not hold them; 2 x 24 do."""
    grid = grid_of(left=51, right=51, tile_width=200)
    muxes = place_muxes(grid, cells, np.full(9, 31 * 7 * 0.5e-6))
    assert {name.rpartition("x")[2] for name in muxes.cells} == {"24"}
    assert len(muxes.kind) == 2 * 7 * 9


def test_both_borders_and_the_flip_flop_must_fit_into_a_row(cells):
    needed = np.full(9, 31 * 7 * 0.5e-6)
    place_muxes(grid_of(left=51, right=51, tile_width=130), cells, needed)
    with pytest.raises(PlacementInfeasible, match="3 x 3 tiles cannot hold their Vdd-MUX: tile 0"):
        place_muxes(grid_of(left=51, right=51, tile_width=129), cells, needed)


def test_drop_stays_within_what_is_allowed(mux_technology, cells):
    rng = np.random.default_rng(4)
    header, current = mux_technology.header, rng.uniform(1e-4, 5e-4, (2, 9))
    width = size_headers(*current, 0.8, 1.0, header)
    muxes = place_muxes(grid_of(left=67), cells, width)
    for vdd, amperes in zip((0.8, 1.0), current, strict=True):
        assert (muxes.resistance(header, vdd, 1.0) * amperes <= 0.02 * vdd * (1 + 1e-9)).all()


def test_mesh_that_keeps_too_little_is_refused(cells):
    needed = np.full(9, 20e-6)
    needed[5] = 36e-6
    with pytest.raises(PlacementInfeasible) as fault:
        place_muxes(grid_of(), cells, needed)
    # 36 um in 7 rows take 12 fingers of 0.5 um: 25 sites, and two to the next well.
    assert str(fault.value) == (
        "3 x 3 tiles cannot hold their Vdd-MUX: tile 5 needs headers of 36.0 µm, and keeps 19 and "
        "0 sites at its borders in 7 rows; use other tiles, or allow a larger drop"
    )
    assert fault.value.tiles == 3
    plain = TileGrid(3, 7, 79, 4, 2e-7, 1.4e-6)
    with pytest.raises(PlacementInfeasible, match="^3 x 3 tiles keep no sites for Vdd-MUX$"):
        place_muxes(plain, cells, needed)


# Places.


def painted(grid, muxes):
    """Every Vdd-MUX on a floor of sites: its index, -1 where there is none."""
    floor = np.full((grid.core_rows, grid.core_sites), -1)
    for mux, kind in enumerate(muxes.kind):
        site, row = muxes.site[mux], muxes.row[mux]
        places = floor[row, site : site + muxes.sites[kind]]
        assert len(places) == muxes.sites[kind] and (places == -1).all()
        places[:] = mux
    return floor


@pytest.mark.parametrize(("left", "right", "needed"), [(19, 0, 28e-6), (51, 51, 160e-6)])
def test_every_row_of_every_tile_has_its_vdd_mux(cells, left, right, needed):
    """At its border, clear of cells by the spacing of wells, and of other tiles by the gap."""
    grid = grid_of(left=left, right=right, tile_width=left + 60 + right)
    muxes = place_muxes(grid, cells, np.full(grid.tiles, needed))
    floor = painted(grid, muxes)
    for tile, (site, row) in enumerate(grid.tile_origin):
        whole = slice(site, site + grid.tile_width)
        for up in range(grid.tile_rows):
            line = floor[row + up, whole]
            here = np.unique(line[line >= 0])
            assert len(here) == (2 if right else 1)
            assert (muxes.tile[here] == tile).all()
            assert line[0] >= 0 and (line[-1] >= 0) == bool(right)
        assert (floor[row : row + grid.tile_rows, whole] >= 0).any(axis=1).all()
    row, site = np.indices(floor.shape)
    is_cell = grid.tile_at(site, row) >= 0
    for apart in (1, 2):  # two sites between wells
        assert not (is_cell[:, apart:] & (floor[:, :-apart] >= 0)).any()
        assert not (is_cell[:, :-apart] & (floor[:, apart:] >= 0)).any()
    holders = muxes.flop
    assert muxes.tile[holders].tolist() == list(range(grid.tiles))
    assert all("_ff_" in muxes.cells[kind] for kind in muxes.kind[holders])
    others = np.setdiff1d(np.arange(len(muxes.kind)), holders)
    assert not any("_ff_" in muxes.cells[kind] for kind in muxes.kind[others])


def test_chain_visits_every_tile_by_way_of_its_neighbours(cells):
    grid = grid_of(n=4)
    muxes = place_muxes(grid, cells, np.full(16, 1e-5))
    assert sorted(muxes.chain) == list(range(16))
    column, line = muxes.chain % 4, muxes.chain // 4
    assert (np.abs(np.diff(column)) + np.abs(np.diff(line)) == 1).all()
    # Three steps along each of four lines, one up after each but the last.
    across = (grid.tile_width + 4) * 0.2e-6
    assert muxes.chain_length == pytest.approx(12 * across + 3 * (grid.tile_rows + 1) * 1.4e-6)


# In a placed design.


@pytest.fixture(scope="module")
def placed(toy_mac, mux_technology, cells):
    """A mesh with Vdd-MUX, and the placement of a multiply-accumulate unit on it."""
    reserve = MuxReserve(cells, np.full(9, 8e-6))
    return place(toy_mac.netlist, toy_mac.clocks, mux_technology, 3, 0.7, reserve=reserve)


def test_cells_stand_clear_of_the_vdd_mux(placed, toy_mac, mux_technology, cells):
    grid, netlist = placed.grid, toy_mac.netlist
    assert min(grid.mux.left) > 0
    muxes = place_muxes(grid, cells, np.full(9, 60e-6 / 9))
    floor = painted(grid, muxes)
    widths = [mux_technology.lef.macros[name].width for name in netlist.library.cell_name]
    sites = np.rint(np.array(widths) / 0.2e-6).astype(int)[netlist.cell_type]
    for cell in range(netlist.cells):
        site, row = placed.site[cell], placed.row[cell]
        places = floor[row, site : site + sites[cell]]
        assert (places == -1).all()
        places[:] = -2
    capacity = grid.row_area / (0.2e-6 * 1.4e-6)
    assert (floor == -2).sum() / capacity == pytest.approx(0.7, abs=0.03)


@dataclass(frozen=True)
class Needs:
    """Headers for cells that draw so much; `growth`: more with every look."""

    cells: MuxCells
    draws: np.ndarray
    growth: float = 1.0
    looks: list = field(default_factory=list)

    def widths(self, placement):
        self.looks.append(placement)
        return np.bincount(placement.tile, self.draws, 9) * self.growth ** len(self.looks)


def test_tiles_keep_what_they_need_and_no_more(toy_mac, mux_technology, cells):
    """A few cells draw all the current, wherever they come to stand."""
    draws = np.where(np.arange(toy_mac.netlist.cells) < 3, 30e-6, 0.1e-6)
    needs = Needs(cells, draws)
    design = place_and_size(toy_mac, mux_technology, 3, 0.7, headers=needs)
    needed = np.bincount(design.placement.tile, draws, 9)
    assert (design.muxes.header_width >= needed * (1 - 1e-9)).all()
    assert needed.max() > 3 * np.median(needed)
    left = np.array(design.placement.grid.mux.left)
    assert left[needed.argmax()] == left.max() > 2 * np.median(left)
    assert design.placement.grid.row_area > toy_mac.netlist.cell_area.sum() / 0.75


def test_needs_that_never_end_are_refused(toy_mac, mux_technology, cells):
    needs = Needs(cells, np.full(toy_mac.netlist.cells, 1e-8), growth=1.5)
    message = "^3 x 3 tiles cannot be legalised: .* Vdd-MUX take ..% of the tiles"
    with pytest.raises(PlacementInfeasible, match=message):
        place_and_size(toy_mac, mux_technology, 3, 0.7, headers=needs)


def bench(netlist, muxes, names, folder):
    """Shift bits through the netlist with all cells of the design hollow; return the rails."""
    library = netlist.library
    hollow = []
    for kind in np.unique(netlist.cell_type):
        pins = ", ".join(library.pin_name[pin] for pin in library.pins_of(int(kind)))
        hollow.append(f"module {library.cell_name[kind]} ({pins}); inout {pins}; endmodule")
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, 2, (4, len(muxes.chain))).astype(bool)
    together = ", ".join(f"dut.{rail}" for rail in reversed(names.rail))
    steps = [
        f"{names.scan_in} = {int(bit)}; #1 clock = 1; #1 clock = 0;"
        + (f' #1 $display("%b", {{{together}}});' if last else "")
        for row in wanted
        for bit, last in zip(
            muxes.bit_stream(row), np.arange(len(row)) == len(row) - 1, strict=True
        )
    ]
    (folder / "bench.v").write_text(
        mux_models() + "\n".join(hollow) + f"""
module bench;
  reg {names.scan_in}, clock;
  supply0 low;
  supply1 high;
  wire out;
  {netlist.name} dut (.{names.scan_in}({names.scan_in}), .{names.scan_clock}(clock),
    .{names.scan_out}(out), .{names.supplies[0]}(low), .{names.supplies[1]}(high));
  initial begin
    clock = 0;
    {"".join(steps)}
    $finish;
  end
endmodule
"""
    )
    build = ["iverilog", "-g2005", "-Wall", "-Wno-timescale", "-o", "bench.vvp", "-s", "bench",
             "bench.v", "netlist.v"]  # fmt: skip
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    faults = [line for line in done.stderr.splitlines() if "vdd_mux" in line]
    assert not faults, faults
    shown = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True,
                           check=True).stdout.split()  # fmt: skip
    rails = np.array([[int(bit) for bit in reversed(row)] for row in shown], dtype=bool)
    return wanted, rails


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog")
def test_bits_shifted_through_the_written_netlist_set_the_tiles(placed, toy_mac, cells, tmp_path):
    """VddL is a 0 and VddH a 1, so that the rail of each tile tells to which it is tied."""
    muxes = place_muxes(placed.grid, cells, np.full(9, 60e-6 / 9))
    names = write_mux_verilog(toy_mac.netlist, muxes, tmp_path / "netlist.v")
    wanted, rails = bench(toy_mac.netlist, muxes, names, tmp_path)
    np.testing.assert_array_equal(rails, wanted)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog")
def test_names_keep_clear_of_those_of_the_design(toy_technology, cells, tmp_path):
    """A design that has taken the names already, two Vdd-MUX a row."""
    design = {
        "vdd_mux_0_0": ("toy_inv_1", {"A": "scan_in", "Y": "vdd_tile_1"}),
        "VDDL": ("toy_inv_1", {"A": "vdd_tile_1", "Y": "vdd_scan_[1]"}),
        "u": ("toy_inv_1", {"A": "vdd_scan_[1]", "Y": "scan_out"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), design, ["scan_in"], ["scan_out"])
    muxes = place_muxes(grid_of(n=2, left=51, right=51, tile_width=162), cells, np.full(4, 160e-6))
    names = write_mux_verilog(netlist, muxes, tmp_path / "netlist.v")
    assert names == name_muxes(netlist, muxes)
    assert (names.scan_in, names.scan_out, names.supplies[0]) == ("scan_in_", "scan_out_", "VDDL_")
    assert names.rail == tuple(f"vdd_tile__{tile}" for tile in range(4))
    assert names.scan == ("scan_in_", "vdd_scan__1", "vdd_scan__2", "vdd_scan__3", "scan_out_")
    assert len(set(names.instances)) == len(muxes.kind) == 2 * 7 * 4
    assert not set(names.instances) & set(netlist.cell_name)
    wanted, rails = bench(netlist, muxes, names, tmp_path)
    np.testing.assert_array_equal(rails, wanted)


# On a real technology.


def test_vdd_mux_of_a_foundry_technology(sky130hd, tmp_path):
    """One gate line a site of 0.46 um; dfxtp_1 has 16 sites, and each of two buf_8 has 12."""
    cells = mux_cells(sky130hd)
    assert cells.layer == "met1" and cells.site.name == "unithd"
    assert cells.sites(MuxVariant(4, False)) == 9
    assert cells.sites(MuxVariant(4, True)) == 9 + 16 + 2 * 12
    db = pytest.importorskip("klayout.db", reason="needs klayout")
    (tmp_path / "mux.lef").write_text(cells.lef())
    layout, options = db.Layout(), db.LoadLayoutOptions()
    options.lefdef_config.macro_resolution_mode = 1
    technology = [path for name, path in sky130hd.files.items() if name.endswith(".tlef")]
    options.lefdef_config.lef_files = list(map(str, technology))
    layout.read(str(tmp_path / "mux.lef"), options)
    assert layout.cell("vdd_mux_x4").dbbox() == db.DBox(0, 0, 9 * 0.46, 2.72)
    names = {info.name for info in layout.layer_infos()}
    assert names == {"OUTLINE", "met1.PIN", "met1.LABEL"}


def test_headers_of_a_foundry_technology_keep_the_drop(sky130hd):
    """A mean tile of a processor core, sized by hand from the table of resistances."""
    header = sky130hd.header
    low, high = np.full(9, 2e-4), np.full(9, 4e-4)
    width = size_headers(low, high, 1.6, 1.76, header)
    resistance = header.resistance[header.vdds.index(1.76), -1]
    at_high = resistance * 4e-4 / (0.02 * 1.76)
    assert width == pytest.approx(np.maximum(
        at_high, header.on_resistance(1.6, 1.76) * 2e-4 / (0.02 * 1.6)))  # fmt: skip
    # 5.1 kohm um: some 60 um of header for 0.4 mA.
    assert 50e-6 < width[0] < 70e-6
