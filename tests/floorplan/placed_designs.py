"""Placed designs that need no placer: cells fill the rows of each tile, in order or at random."""

import numpy as np

from voltile.floorplan import Placement, check_mesh


def cell_sites(netlist, technology):
    """Width of each instance in sites, from the LEF."""
    widths = [technology.lef.macros[netlist.library.cell_name[kind]].width
              for kind in netlist.cell_type]  # fmt: skip
    return np.rint(np.array(widths) / technology.site_width).astype(int)


def random_placement(graph, technology, n, seed=1, fill=0.5):
    """A legal placement of instances in random order, with random net lengths up to 40 um."""
    netlist, rng = graph.netlist, np.random.default_rng(seed)
    grid = check_mesh(netlist, technology, n, fill)
    width = cell_sites(netlist, technology)
    site, row, tile = (np.zeros(netlist.cells, dtype=np.int64) for _ in range(3))
    used = np.zeros(len(grid.row_segments), dtype=int)
    for cell in rng.permutation(netlist.cells):
        free = np.flatnonzero(used + width[cell] <= grid.tile_width)
        place = int(rng.choice(free))
        tile[cell], start, row[cell], _ = grid.row_segments[place]
        site[cell] = start + used[place]
        used[place] += width[cell]
    length = rng.uniform(0, 40e-6, netlist.nets)
    length[graph.clocks.is_clock] = 0
    ports = len(netlist.port_net)
    size = (grid.core_sites * grid.site_width, grid.core_rows * grid.site_height)
    sides = rng.integers(0, 4, ports)
    along = rng.uniform(0.02, 0.98, ports)
    port_x = np.choose(sides, [along * size[0], size[0], along * size[0], 0.0])
    port_y = np.choose(sides, [0.0, along * size[1], size[1], along * size[1]])
    return Placement(grid, site, row, tile, length, port_x, port_y)
