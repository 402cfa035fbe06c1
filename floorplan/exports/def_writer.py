"""Writes a placed mesh as DEF 5.8.

The core's lower left corner is the origin. Every tile is a fence region, without its columns of
Vdd-MUX, with the group of its cells; what lies between tiles is blocked. Rows are for cells: they
end at the borders of tiles and leave the Vdd-MUX out, which are fixed.

Special nets are the supplies with their stripes and ring, and the rail of every tile. They say
which power pins of the cells hang on which rail; wires from stripe to Vdd-MUX, and rails along the
rows, are for a router.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError, write_atomically
from voltile.floorplan.exports.def_supplies import (
    Port,
    SupplyNetwork,
    chain_ports,
    orientation,
    rails,
    select_nets,
    supply_nets,
    vdd_muxes,
)
from voltile.floorplan.exports.listings import net_ends, pin_texts, tile_members
from voltile.floorplan.placement import Placement
from voltile.floorplan.tiles import TileGrid
from voltile.floorplan.timing_graph import TimingGraph
from voltile.pdk import Technology

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Database units are nanometres.
_UNIT = 1e-9
# Length of a port's shape in widths of its layer's wires: more than the usual least areas ask for.
_PIN_LENGTH = 4
_HEADER = """VERSION 5.8 ;
DIVIDERCHAR "/" ;
BUSBITCHARS "[]" ;
DESIGN {name} ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( {left} {bottom} ) ( {right} {top} ) ;
"""


def write_def(
    graph: TimingGraph,
    placement: Placement,
    technology: Technology,
    path: Path,
    supply: SupplyNetwork | None = None,
    drawn: Sequence[str] | None = None,
) -> None:
    """Write the layout; names must be plain.

    Parameters
    ----------
    supply : SupplyNetwork, optional
        By default the mesh has no Vdd-MUX.
    drawn : sequence of str, optional
        Name of the cell of every instance; by default that of its library.

    Raises
    ------
    TechnologyError
        When the placement site is not a whole number of nanometres, or no LEF file defines a
        routing layer.
    """
    netlist, grid = graph.netlist, placement.grid
    site = (_units_of_site(grid.site_width), _units_of_site(grid.site_height))
    core = (grid.core_sites * site[0], grid.core_rows * site[1])
    drawn = drawn or [netlist.library.cell_name[kind] for kind in netlist.cell_type.tolist()]
    boxes = supply.boxes(_UNIT) if supply else np.zeros((0, 4), dtype=np.int64)
    left, bottom = np.minimum(0, boxes[:, :2].min(axis=0, initial=0)).tolist()
    right, top = np.maximum(core, boxes[:, 2:].max(axis=0, initial=0)).tolist()
    taken = supply.layers if supply else ()
    layers = [_pin_layer(technology, vertical, taken) for vertical in (False, True)]
    ports = list(_ports(graph, placement))
    components = list(_components(graph, placement, drawn, site))
    nets, special, supply_pins = list(_nets(graph)), list[str](), list[str]()
    if supply:
        ports += chain_ports(ports, supply, site, core, max(4 * layers[0][1], site[0]))
        components += vdd_muxes(supply, site)
        nets += select_nets(supply)
        special += supply_nets(supply, boxes, core, technology)
        special += rails(netlist, placement.tile, supply, technology)
        supply_pins += supply.pins()
    pins = [*(_pin(port, layers, technology, core) for port in ports), *supply_pins]
    header = _HEADER.format(name=netlist.name, left=left, bottom=bottom, right=right, top=top)
    parts: list[Iterable[str]] = [
        _rows(grid, technology.site_name, site),
        _section("REGIONS", _regions(grid, site)),
        _section("COMPONENTS", components),
        _section("PINS", pins),
        _section("BLOCKAGES", _blockages(grid, site)),
        _section("SPECIALNETS", special),
        _section("NETS", nets),
        _section("GROUPS", _groups(graph, placement)),
    ]
    with write_atomically(path) as temporary, temporary.open("w") as stream:
        stream.write(header)
        for part in parts:
            stream.writelines(f"{line}\n" for line in part)
        stream.write("END DESIGN\n")


def _units_of_site(metres: float) -> int:
    units = round(metres / _UNIT)
    if abs(units - metres / _UNIT) > 1e-3:
        raise TechnologyError(
            f"a placement site of {metres * 1e6:g} µm is not a whole number of nanometres, which "
            f"are the units of a DEF file"
        )
    return units


def _section(name: str, items: Iterable[str]) -> Iterator[str]:
    listed = list(items)
    if listed:
        yield f"{name} {len(listed)} ;"
        yield from listed
        yield f"END {name}"


def _rows(grid: TileGrid, name: str, site: tuple[int, int]) -> Iterator[str]:
    for tile, first, row, sites in grid.row_segments.tolist():
        yield (
            f"ROW TILE_{tile}_ROW_{row} {name} {first * site[0]} {row * site[1]} "
            f"{orientation(row)} DO {sites} BY 1 STEP {site[0]} 0 ;"
        )


def _regions(grid: TileGrid, site: tuple[int, int]) -> Iterator[str]:
    """Where the cells of each tile may stand: up to three rectangles, around its flip-flop."""
    flop = grid.flop_row
    bands = [(0, grid.tile_rows, 0)]
    if grid.mux.flop:
        bands = [(0, flop, 0), (flop, flop + 1, grid.mux.flop), (flop + 1, grid.tile_rows, 0)]
    for tile, (x, y) in enumerate(grid.tile_origin.tolist()):
        first, end = grid.columns[tile].tolist()
        corners = [
            f"( {(x + first + kept) * site[0]} {(y + low) * site[1]} ) "
            f"( {(x + end) * site[0]} {(y + high) * site[1]} )"
            for low, high, kept in bands if low < high and first + kept < end
        ]  # fmt: skip
        yield f"- TILE_{tile} {' '.join(corners)} + TYPE FENCE ;"


def _components(
    graph: TimingGraph, placement: Placement, drawn: Sequence[str], site: tuple[int, int]
) -> Iterator[str]:
    for name, kind, x, y in zip(
        graph.netlist.cell_name, drawn, placement.site.tolist(), placement.row.tolist(), strict=True
    ):
        yield f"- {name} {kind} + PLACED ( {x * site[0]} {y * site[1]} ) {orientation(y)} ;"


def _ports(graph: TimingGraph, placement: Placement) -> Iterator[Port]:
    netlist = graph.netlist
    for name, net, is_input, x, y in zip(
        netlist.port_name, netlist.port_net.tolist(), netlist.port_is_input.tolist(),
        _units(placement.port_x), _units(placement.port_y), strict=True,
    ):  # fmt: skip
        direction = "INPUT" if is_input else "OUTPUT"
        use = "CLOCK" if graph.clocks.is_clock[net] else "SIGNAL"
        yield Port(name, netlist.net_name[net], direction, use, x, y)


def _pin(
    port: Port,
    layers: Sequence[tuple[str, int]],
    technology: Technology,
    core: tuple[int, int],
) -> str:
    """A port; its shape, where it has a layer, reaches inwards along the wires of that."""
    grid = _grid(technology)
    at = [port.x, port.y]
    vertical = port.x not in (0, core[0])  # at the bottom or the top
    across, along = (1, 0) if vertical else (0, 1)
    layer, half = layers[vertical]
    at[along] = min(max(round(at[along] / grid) * grid, half), core[along] - half)
    low, high = [-half, -half], [half, half]
    length = 2 * half * _PIN_LENGTH
    low[across], high[across] = (0, length) if at[across] == 0 else (-length, 0)
    shape = f"+ LAYER {layer} ( {low[0]} {low[1]} ) ( {high[0]} {high[1]} ) " if layer else ""
    return (
        f"- {port.name} + NET {port.net} + DIRECTION {port.direction} + USE {port.use} "
        f"{shape}+ PLACED ( {at[0]} {at[1]} ) N ;"
    )


def _units(metres: Floats) -> list[int]:
    return [round(value) for value in (metres / _UNIT).tolist()]


def _grid(technology: Technology) -> int:
    return max(1, round(technology.lef.grid / _UNIT))


def _pin_layer(technology: Technology, vertical: bool, taken: Collection[str]) -> tuple[str, int]:
    """Layer of ports whose wires run that way, and half the width of its wires.

    The second from below, since cells and rails fill the first; of one direction only, whichever.
    None ("") where the LEF files have no other layers than that and those taken by a power grid.
    """
    layers, grid = technology.lef.layers, _grid(technology)
    if not layers:
        raise TechnologyError(f"no LEF file of technology {technology.name} has a routing layer")
    fitting = [name for name, layer in layers.items() if layer.is_vertical == vertical]
    free = [name for name in fitting or layers if name not in taken]
    if taken and len(free) < 2:
        return "", 0
    name = free[:2][-1]
    return name, max(grid, round(layers[name].width / 2 / _UNIT / grid) * grid)


def _blockages(grid: TileGrid, site: tuple[int, int]) -> Iterator[str]:
    """What lies between columns and between rows of tiles."""
    columns, rows = grid.tile_origin[: grid.n, 0].tolist(), grid.tile_origin[:: grid.n, 1].tolist()
    gaps = [(x + grid.tile_width, 0, to, grid.core_rows) for x, to in pairwise(columns)]
    gaps += [(0, y + grid.tile_rows, grid.core_sites, to) for y, to in pairwise(rows)]
    for x0, y0, x1, y1 in gaps:
        if x0 < x1:
            lower, upper = f"{x0 * site[0]} {y0 * site[1]}", f"{x1 * site[0]} {y1 * site[1]}"
            yield f"- PLACEMENT RECT ( {lower} ) ( {upper} ) ;"


def _nets(graph: TimingGraph) -> Iterator[str]:
    netlist = graph.netlist
    texts = [f"( PIN {port} )" for port in netlist.port_name] + pin_texts(netlist, "( {} {} )")
    for net, is_clock, ends in zip(
        netlist.net_name, graph.clocks.is_clock.tolist(), net_ends(netlist).by_net(texts),
        strict=True,
    ):  # fmt: skip
        if ends:
            yield f"- {net} {' '.join(ends)} + USE {'CLOCK' if is_clock else 'SIGNAL'} ;"


def _groups(graph: TimingGraph, placement: Placement) -> Iterator[str]:
    for tile, cells in enumerate(tile_members(graph.netlist, placement)):
        if cells:
            yield f"- TILE_{tile} {' '.join(cells)} + REGION TILE_{tile} ;"
