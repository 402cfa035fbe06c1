"""Geometry of the mesh."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import PlacementInfeasible
from voltile.floorplan import TileGrid, make_tile_grid
from voltile.floorplan.mux_cells import MuxColumns, MuxReserve, mux_cells

# Area of all cells, widest cell, utilisation, tiles a side.
MESHES = [(4e-9, 3e-6, 0.7, n) for n in (1, 2, 3, 5, 7)] + [(5e-10, 2.8e-6, 0.93, 4)]


@pytest.mark.parametrize(("area", "widest", "utilisation", "n"), MESHES)
def test_tiles_hold_the_cells_at_the_utilisation(toy_technology, area, widest, utilisation, n):
    grid = make_tile_grid(area, widest, toy_technology, n, utilisation)
    # The smallest such mesh: one site less in each row would be too little.
    column = grid.tiles * grid.tile_rows * grid.site_width * grid.site_height
    assert grid.row_area * utilisation >= area * (1 - 1e-12)
    assert (grid.row_area - column) * utilisation < area
    assert grid.tile_width * grid.site_width >= widest
    assert grid.gap_sites == toy_technology.tile_gap
    width, height = grid.tile_width * grid.site_width, grid.tile_rows * grid.site_height
    assert abs(width - height) <= 1.5 * grid.site_height or width * 1.5 > widest



@st.composite
def grids(draw):
    """Meshes of all sizes, with columns of any width in each tile, or none."""
    n = draw(st.integers(1, 5))
    kept = [
        tuple(draw(st.lists(st.integers(0, most), min_size=n * n, max_size=n * n)))
        for most in (3, 2)
    ]
    columns = st.builds(MuxColumns, *map(st.just, kept), st.integers(0, 3))
    mux = draw(st.just(MuxColumns()) | columns)
    return TileGrid(
        n, draw(st.integers(1, 4)), draw(st.integers(8, 12)), draw(st.integers(1, 4)), 2e-7, 1.4e-6,
        mux,
    )  # fmt: skip



@given(grids())
def test_tile_at_finds_the_tile_of_every_row_segment_and_no_other_place(grid):
    expected = np.full((grid.core_rows, grid.core_sites), -1)
    for tile, site, row, sites in grid.row_segments:
        places = expected[row, site : site + sites]
        assert len(places) == sites > 0 and (places == -1).all()
        places[:] = tile
    row, site = np.indices(expected.shape)
    np.testing.assert_array_equal(grid.tile_at(site, row), expected)
    # Every tile has all its sites, in a rectangle but for its flip-flop; between rectangles of
    # cells lie the Vdd-MUX of two tiles, and the gap.
    left, right = (item or (0,) * grid.tiles for item in grid.mux[:2])
    step = grid.tile_width + grid.gap_sites
    for tile in range(grid.tiles):
        column, line = tile % grid.n, tile // grid.n
        full = np.full(expected.shape, -1)
        first, low = column * step + left[tile], line * (grid.tile_rows + 1)
        end = column * step + grid.tile_width - right[tile]
        full[low : low + grid.tile_rows, first:end] = tile
        full[low + grid.tile_rows // 2, first : first + grid.mux.flop] = -1
        np.testing.assert_array_equal(full == tile, expected == tile)
        assert grid.tile_origin[tile].tolist() == [column * step, low]
    assert expected.shape == (
        grid.n * (grid.tile_rows + 1) - 1,
        grid.n * step - grid.gap_sites,
    )
    assert grid.core_area == pytest.approx(expected.size * 2e-7 * 1.4e-6)
    assert grid.row_area == pytest.approx((expected >= 0).sum() * 2e-7 * 1.4e-6)


@given(grids(), st.integers(-9, 40), st.integers(-9, 40))
def test_places_outside_the_core_are_in_no_tile(grid, site, row):
    if not (0 <= site < grid.core_sites and 0 <= row < grid.core_rows):
        assert grid.tile_at(np.array([site]), np.array([row]))[0] == -1


@pytest.mark.parametrize(("area", "widest", "utilisation", "n"), MESHES[1:])
@pytest.mark.parametrize("mean", [5e-6, 40e-6])
def test_core_grows_by_the_vdd_mux(mux_technology, area, widest, utilisation, n, mean):
    """Cells keep their area; a tile is square with its Vdd-MUX; columns hold what is asked for."""
    cells = mux_cells(mux_technology)
    width = mean * np.linspace(0.5, 1.5, n * n)
    reserve = MuxReserve(cells, width)
    grid = make_tile_grid(area, widest, mux_technology, n, utilisation, reserve)
    plain = make_tile_grid(area, widest, mux_technology, n, utilisation)
    site = grid.site_width * grid.site_height
    assert grid.row_area * utilisation >= area * (1 - 1e-12)
    if grid.tile_width > max(grid.mux.left) + 28:  # wider than what its flip-flop row must hold
        assert (grid.row_area - grid.tiles * grid.tile_rows * site) * utilisation < area
    kept = sum(grid.mux.left) * grid.tile_rows + grid.tiles * grid.mux.flop
    gaps = (grid.n - 1) * (
        grid.gap_sites * grid.core_rows + grid.core_sites - (grid.n - 1) * grid.gap_sites
    )
    assert grid.core_area == pytest.approx(grid.row_area + (kept + gaps) * site)
    assert grid.core_area > plain.core_area and plain.mux == ((), (), 0)
    across, up = grid.tile_width * grid.site_width, grid.tile_rows * grid.site_height
    if area > 1e-9:  # else the flip-flop makes tiles wide
        assert abs(across - up) <= 1.5 * grid.site_height
    # Headers: 0.5 um a finger, one finger a site; half a pitch at each end, and the well.
    least = np.ceil(width / grid.tile_rows / 0.5e-6 - 1e-9)
    assert (np.array(grid.mux.left) >= 2 * least + 1 + 2).all() and not any(grid.mux.right)


def test_more_than_one_border_holds_goes_to_both(mux_technology):
    width = np.array([1, 33, 30, 32]) * 10 * 0.5e-6
    reserve = MuxReserve(mux_cells(mux_technology), width)
    assert reserve.columns(11) == ((5, 67, 67, 67), (0, 0, 0, 0), 28)
    # 33 fingers a row do not fit at one border.
    assert reserve.columns(10) == ((5, 2 * 24 + 3, 67, 67), (0, 2 * 24 + 3, 0, 0), 28)
    with pytest.raises(PlacementInfeasible) as fault:
        reserve.columns(5)
    assert str(fault.value) == (
        "2 x 2 tiles cannot hold their Vdd-MUX: tile 1 needs headers of 165 µm, and its 5 rows "
        "hold 160 µm; use other tiles, or allow a larger drop"
    )


def test_row_of_the_flip_flop_does_not_count_as_room_for_a_wide_cell(mux_technology):
    """Tiles of one row and 21 sites, beside the 28 of the flip-flop."""
    reserve = MuxReserve(mux_cells(mux_technology), np.full(49, 5e-6))
    area = 49 * 21 * 0.2e-6 * 1.4e-6 * 0.7 * (1 - 1e-9)
    grid = make_tile_grid(area, 4.2e-6, mux_technology, 7, 0.7, reserve)
    # 10 fingers take a Vdd-MUX of 12, which keeps 27 sites.
    assert (grid.tile_rows, grid.tile_width) == (1, 21 + 28 + 27)
    with pytest.raises(PlacementInfeasible) as fault:
        make_tile_grid(area, 4.3e-6, mux_technology, 7, 0.7, reserve)
    assert str(fault.value) == (
        "7 x 7 tiles are too many: a tile has 4.20 µm beside its Vdd-MUX and the widest cell "
        "4.30 µm; use fewer tiles or a lower utilisation"
    )


def test_one_tile_has_no_gap(toy_technology):
    grid = make_tile_grid(4e-9, 3e-6, toy_technology, 1, 0.7)
    assert grid.core_area == pytest.approx(grid.row_area)
    assert replace(grid, n=2).core_area > 4 * grid.core_area


TOO_MANY = (
    "40 x 40 tiles are too many: a tile is 2.60 µm wide and the widest cell 3.00 µm; use fewer "
    "tiles or a lower utilisation"
)


@pytest.mark.parametrize(
    ("n", "utilisation", "message"),
    [
        (0, 0.7, "a mesh needs at least 1 x 1 tiles, not 0 x 0"),
        (-2, 0.7, "a mesh needs at least 1 x 1 tiles, not -2 x -2"),
        (3, 0.0, "utilisation must be above 0 and at most 1, not 0.0"),
        (3, 1.01, "utilisation must be above 0 and at most 1, not 1.01"),
        (3, float("nan"), "utilisation must be above 0 and at most 1, not nan"),
        (40, 0.7, TOO_MANY),
    ],
)  # fmt: skip
def test_make_tile_grid_rejects(toy_technology, n, utilisation, message):
    with pytest.raises(PlacementInfeasible) as fault:
        make_tile_grid(4e-9, 3e-6, toy_technology, n, utilisation)
    assert str(fault.value) == message
    assert fault.value.tiles == n
