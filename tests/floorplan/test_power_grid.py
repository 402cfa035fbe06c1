"""Power grid: no shorts, every stripe on its ring, and losses by nodal analysis; areas."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from voltile.core import PlacementInfeasible, TechnologyError
from voltile.floorplan import TileGrid
from voltile.floorplan.layout_area import LayoutArea, layout_area
from voltile.floorplan.mux_cells import MuxColumns, mux_cells
from voltile.floorplan.power_grid import make_power_grid
from voltile.floorplan.vdd_mux import place_muxes
from voltile.pdk import Lef

# met4 is vertical (0.3 um wide, 0.4 um apart, 0.05 ohm, 5 kA/m), met5 horizontal (0.4, 0.5, 0.03,
# no limit): tests/floorplan/conftest.py.
SPACING = (0.4e-6, 0.5e-6)
LOW, HIGH = 0.6, 1.0


def mesh(n=3):
    return TileGrid(n, 50, 423, 4, 2e-7, 1.4e-6, MuxColumns((23,) * n * n, (0,) * n * n, 28))


def currents(grid, total=2e-3):
    rng = np.random.default_rng(8)
    share = rng.uniform(0.5, 1.5, (2, grid.tiles))
    share /= share.sum(axis=1, keepdims=True)
    return 0.5 * total * share[0], total * share[1]


def corners(power):
    return power.x, power.y, power.x + power.width, power.y + power.height


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [1e-5, 2e-3, 2e-2])
def test_different_nets_keep_their_spacing(mux_technology, n, total):
    grid = mesh(n)
    power = make_power_grid(grid, mux_technology, *currents(grid, total), LOW, HIGH)
    x0, y0, x1, y1 = corners(power)
    assert (power.width > 0).all() and (power.height > 0).all()
    for layer, spacing in enumerate(SPACING):
        here = np.flatnonzero(power.layer == layer)
        for at, one in enumerate(here):
            for other in here[:at]:
                if power.net[one] != power.net[other]:
                    apart = max(
                        x0[one] - x1[other], x0[other] - x1[one],
                        y0[one] - y1[other], y0[other] - y1[one],
                    )  # fmt: skip
                    assert apart >= spacing - 1e-12
    for values in (power.x, power.y, power.width, power.height):  # 10 nm
        np.testing.assert_allclose(values / 1e-8, np.rint(values / 1e-8), atol=1e-3)


def test_stripes_are_where_they_belong_and_reach_their_ring(mux_technology):
    grid = mesh()
    power = make_power_grid(grid, mux_technology, *currents(grid), LOW, HIGH)
    assert power.nets == ("VDDL", "VDDH", "VSS", "VBN", "VBP")
    assert power.layers == ("met4", "met5")
    x0, y0, x1, y1 = corners(power)
    width, height = grid.core_sites * 2e-7, grid.core_rows * 1.4e-6
    columns = grid.tile_origin[:3, 0] * 2e-7
    gaps = (grid.tile_origin[::3, 1][1:] - 0.5) * 1.4e-6
    for net in range(5):
        vertical, horizontal = (
            np.flatnonzero((power.net == net) & (power.layer == layer)) for layer in (0, 1)
        )
        assert (len(vertical), len(horizontal)) == (2 + 3, 2 + 2)
        left, right, bottom, top = (
            vertical[np.argmin(x0[vertical])], vertical[np.argmax(x0[vertical])],
            horizontal[np.argmin(y0[horizontal])], horizontal[np.argmax(y0[horizontal])],
        )  # fmt: skip
        # The ring lies outside of the core.
        assert x1[left] < 0 and x0[right] > width and y1[bottom] < 0 and y0[top] > height
        for piece in vertical:  # crosses the lower and the upper side of its ring whole
            assert y0[piece] <= y0[bottom] + 1e-12 and y1[piece] >= y1[top] - 1e-12
        for piece in horizontal:
            assert x0[piece] <= x0[left] + 1e-12 and x1[piece] >= x1[right] - 1e-12
        stripes = np.setdiff1d(vertical, [left, right])
        assert (x0[stripes] >= columns - 1e-12).all()
        assert (x1[stripes] < columns + grid.tile_width * 2e-7).all()
    lines = (power.layer == 1) & (y0 > 0) & (y1 < height)
    for gap, group in zip(gaps, np.split(np.sort((y0 + y1)[lines] / 2), 2), strict=True):
        bundle = np.isclose((y0 + y1)[:, None] / 2, group).any(axis=1) & lines
        assert (y0[bundle].min() + y1[bundle].max()) / 2 == pytest.approx(gap, abs=1e-8)
    # The first of a column stands on its Vdd-MUX.
    first = (power.net == 0) & (power.layer == 0) & (x0 >= 0) & (x1 < width)
    np.testing.assert_allclose(np.sort(x0[first]), columns, atol=1e-12)


def loss_of_line(resistance, current, ring, pieces=600):
    """Largest loss by nodal analysis; fed at both ends, or a ring that is fed at four points."""
    piece, sink = resistance / pieces, current / pieces
    matrix = 2 * np.eye(pieces) - np.eye(pieces, k=1) - np.eye(pieces, k=-1)
    if ring:
        matrix[0, -1] = matrix[-1, 0] = -1
        for feed in range(4):
            matrix[feed * pieces // 4, feed * pieces // 4] = 1e12
    return np.linalg.solve(matrix, np.full(pieces, sink * piece)).max()


def test_losses_stay_within_the_budget(mux_technology):
    """Every stripe on its own, with all tiles along it; the ring with the current of the core."""
    grid = mesh()
    low, high = currents(grid, 2e-2)
    power = make_power_grid(grid, mux_technology, low, high, LOW, HIGH)
    width, height = grid.core_sites * 2e-7, grid.core_rows * 1.4e-6
    x0, y0, x1, y1 = corners(power)
    is_ring = (x1 < 0) | (y1 < 0) | (x0 > width) | (y0 > height)
    for net, current, vdd in ((0, low, LOW), (1, high, HIGH), (2, high, HIGH)):
        by_tile = current.reshape(3, 3)
        for layer, sheet, length, across, along in (
            (0, 0.05, height, power.width, by_tile.sum(axis=0).max()),
            (1, 0.03, width, power.height, by_tile.sum(axis=1).max()),
        ):
            mine = (power.net == net) & (power.layer == layer)
            (line,) = np.unique(across[mine & ~is_ring].round(9))
            lost = loss_of_line(sheet * length / line, along, ring=False)
            assert lost <= 0.01 * vdd * 1.005
            limit = along / 2 / 5e3 if layer == 0 else 0
            assert lost > 0.0095 * vdd or line - limit < 2e-8 or line < 0.41e-6
            (side,) = np.unique(across[mine & is_ring].round(9))
            # As long on all four sides as it is on this one.
            around = loss_of_line(4 * sheet * length / side, current.sum(), ring=True)
            assert around <= 0.01 * vdd * 1.005


def test_limit_of_current_widens_the_stripes(mux_technology):
    grid = mesh()
    low, high = np.full(9, 1e-3), np.full(9, 4e-3)
    power = make_power_grid(grid, mux_technology, low, high, LOW, HIGH, loss=0.5)
    vertical = (power.net == 1) & (power.layer == 0) & (power.x >= 0)
    # Three tiles of 4 mA, half from either end, at 5 kA/m; of the ring an eighth of 36 mA.
    widths = np.sort(power.width[vertical])
    np.testing.assert_allclose(widths, [0.9e-6, 1.2e-6, 1.2e-6, 1.2e-6], atol=1.01e-8)


def test_stripes_wider_than_the_tiles_are_refused(mux_technology):
    grid = mesh()
    with pytest.raises(PlacementInfeasible) as fault:
        make_power_grid(grid, mux_technology, *currents(grid, 0.9), LOW, HIGH)
    message = str(fault.value)
    assert message.startswith("3 x 3 tiles cannot hold their power stripes: those on met4 take ")
    assert message.endswith(
        " µm, and a tile is 84.6 µm; use fewer tiles or allow a larger loss"
    )


@pytest.mark.parametrize(("lacking", "direction"), [("met4", "vertical"), ("met5", "horizontal")])
def test_technology_without_upper_metal_is_refused(mux_technology, lacking, direction):
    lef = mux_technology.lef
    layers = {name: layer for name, layer in lef.layers.items() if name != lacking}
    technology = replace(mux_technology, lef=Lef(lef.macros, lef.sites, layers))
    with pytest.raises(TechnologyError) as fault:
        make_power_grid(mesh(), technology, *currents(mesh()), LOW, HIGH)
    assert str(fault.value) == (
        f"technology toy: no {direction} routing layer of its LEF files has a width and a sheet "
        f"resistance, which the power grid needs"
    )


def test_area_is_that_of_dissertation_table_4_1(toy_mac, mux_technology):
    grid = TileGrid(2, 10, 71, 4, 2e-7, 1.4e-6, MuxColumns((11,) * 4, (0,) * 4, 28))
    muxes = place_muxes(grid, mux_cells(mux_technology), np.full(4, 4 * 10 * 0.5e-6))
    tree = SimpleNamespace(area=np.array([2e-12, 3e-12]))
    area = layout_area(toy_mac.netlist, grid, tree, muxes)
    site = 2e-7 * 1.4e-6
    # Two tiles of 71 sites and a gap of 4; 10 rows, a gap and 10 rows.
    assert area.core == pytest.approx((71 * 2 + 4) * 21 * site)
    assert (area.tiles, area.rows) == (4, 21)
    # Nine sites for 4 fingers a header, and 28 for the flip-flop of each tile.
    assert area.muxes == pytest.approx(4 * (10 * 9 + 28) * site)
    assert area.cells == pytest.approx(toy_mac.netlist.cell_area.sum())
    assert area.clock_buffers == pytest.approx(5e-12)
    uncut = layout_area(toy_mac.netlist, TileGrid(1, 20, 118, 4, 2e-7, 1.4e-6), tree)
    assert uncut == LayoutArea(
        1, pytest.approx(20 * 118 * site), 20, area.cells, 0.0, area.clock_buffers
    )
    assert area.overhead(uncut) == pytest.approx(146 * 21 / (20 * 118) - 1)
