"""Geometry of the mesh."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltile.core import PlacementInfeasible
from voltile.floorplan import TileGrid, make_tile_grid

# Area of all cells, widest cell, utilisation, tiles a side.
MESHES = [(4e-9, 3e-6, 0.7, n) for n in (1, 2, 3, 5, 7)] + [(5e-10, 2.8e-6, 0.93, 4)]


@pytest.mark.parametrize(("area", "widest", "utilisation", "n"), MESHES)
def test_tiles_hold_the_cells_at_the_utilisation(toy_technology, area, widest, utilisation, n):
    grid = make_tile_grid(area, widest, toy_technology, n, utilisation)
    # The smallest such mesh: one site less in each row would be too little.
    column = grid.tiles * grid.tile_rows * grid.site_width * grid.site_height
    assert grid.row_area * utilisation >= area * (1 - 1e-12)
    assert (grid.row_area - column) * utilisation < area
    assert grid.tile_sites * grid.site_width >= widest
    assert grid.gap_sites == toy_technology.tile_gap
    width, height = grid.tile_sites * grid.site_width, grid.tile_rows * grid.site_height
    assert abs(width - height) <= 1.5 * grid.site_height or width * 1.5 > widest


grids = st.builds(
    TileGrid, n=st.integers(1, 5), tile_rows=st.integers(1, 4), tile_sites=st.integers(1, 6),
    gap_sites=st.integers(1, 4), site_width=st.just(2e-7), site_height=st.just(1.4e-6),
)  # fmt: skip


@given(grids)
def test_tile_at_finds_the_tile_of_every_row_segment_and_no_other_place(grid):
    expected = np.full((grid.core_rows, grid.core_sites), -1)
    for tile, site, row in grid.row_segments:
        places = expected[row, site : site + grid.tile_sites]
        assert len(places) == grid.tile_sites and (places == -1).all()
        places[:] = tile
    row, site = np.indices(expected.shape)
    np.testing.assert_array_equal(grid.tile_at(site, row), expected)
    # Every tile has all its sites, in a rectangle; between rectangles lies the gap.
    for tile in range(grid.tiles):
        rows, sites = np.nonzero(expected == tile)
        assert len(rows) == grid.tile_rows * grid.tile_sites
        column, line = tile % grid.n, tile // grid.n
        assert sites.min() == column * (grid.tile_sites + grid.gap_sites)
        assert rows.min() == line * (grid.tile_rows + 1)
    assert (expected[:, 0] >= -1).all() and (expected[-1, -1] == grid.tiles - 1)
    assert grid.core_area == pytest.approx(expected.size * 2e-7 * 1.4e-6)
    assert grid.row_area == pytest.approx((expected >= 0).sum() * 2e-7 * 1.4e-6)


@given(grids, st.integers(-9, 40), st.integers(-9, 40))
def test_places_outside_the_core_are_in_no_tile(grid, site, row):
    if not (0 <= site < grid.core_sites and 0 <= row < grid.core_rows):
        assert grid.tile_at(np.array([site]), np.array([row]))[0] == -1


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
