"""Writes a placed mesh as DEF 5.8.

The core's lower left corner is the origin. Every tile is a fence region with the group of its
cells; what lies between tiles is blocked. Rows end at the borders of tiles.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError, write_atomically
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


@dataclass(frozen=True)
class FixedCells:
    """Cells beside those of the netlist, such as Vdd-MUX; lower left corners in sites and rows."""

    name: Sequence[str] = ()
    macro: Sequence[str] = ()
    site: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    row: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class SupplyShapes:
    """Rectangles of the power grid.

    Attributes
    ----------
    net, layer : sequence of str
    box : ndarray, shape (rectangles, 4)
        Left, bottom, width, height from the core's lower left corner [m].
    ground : str
        Which of the nets is the ground.
    """

    net: Sequence[str] = ()
    layer: Sequence[str] = ()
    box: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    ground: str = "VSS"


def write_def(
    graph: TimingGraph,
    placement: Placement,
    technology: Technology,
    path: Path,
    fixed: FixedCells | None = None,
    shapes: SupplyShapes | None = None,
) -> None:
    """Write the layout; names must be plain.

    Raises
    ------
    TechnologyError
        When the placement site is not a whole number of nanometres, or no LEF file defines a
        routing layer.
    """
    fixed, shapes = fixed or FixedCells(), shapes or SupplyShapes()
    netlist, grid = graph.netlist, placement.grid
    site = (_units_of_site(grid.site_width), _units_of_site(grid.site_height))
    core = (grid.core_sites * site[0], grid.core_rows * site[1])
    corners = np.hstack([shapes.box[:, :2], shapes.box[:, :2] + shapes.box[:, 2:]])
    boxes = np.rint(corners / _UNIT).astype(np.int64)
    nets = list(dict.fromkeys(shapes.net))
    left, bottom = np.minimum(0, boxes[:, :2].min(axis=0, initial=0)).tolist()
    right, top = np.maximum(core, boxes[:, 2:].max(axis=0, initial=0)).tolist()
    components = [*_components(graph, placement, site), *_fixed(fixed, site)]
    pins = [*_pins(graph, placement, technology, core), *_supply_pins(nets, shapes.ground)]
    header = _HEADER.format(name=netlist.name, left=left, bottom=bottom, right=right, top=top)
    parts: list[Iterable[str]] = [
        _rows(grid, technology.site_name, site),
        _section("REGIONS", _regions(grid, site)),
        _section("COMPONENTS", components),
        _section("PINS", pins),
        _section("BLOCKAGES", _blockages(grid, site)),
        _section("SPECIALNETS", _special_nets(nets, shapes, boxes)),
        _section("NETS", _nets(graph)),
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


def _orientation(row: int) -> str:
    return "FS" if row % 2 else "N"


def _rows(grid: TileGrid, name: str, site: tuple[int, int]) -> Iterator[str]:
    for tile, first, row, sites in grid.row_segments.tolist():
        yield (
            f"ROW TILE_{tile}_ROW_{row} {name} {first * site[0]} {row * site[1]} "
            f"{_orientation(row)} DO {sites} BY 1 STEP {site[0]} 0 ;"
        )


def _regions(grid: TileGrid, site: tuple[int, int]) -> Iterator[str]:
    lower = grid.tile_origin * site
    upper = (grid.tile_origin + [grid.tile_width, grid.tile_rows]) * site
    for tile, (x0, y0, x1, y1) in enumerate(np.hstack([lower, upper]).tolist()):
        yield f"- TILE_{tile} ( {x0} {y0} ) ( {x1} {y1} ) + TYPE FENCE ;"


def _components(graph: TimingGraph, placement: Placement, site: tuple[int, int]) -> Iterator[str]:
    netlist = graph.netlist
    names = netlist.library.cell_name
    for name, kind, x, y in zip(
        netlist.cell_name, netlist.cell_type.tolist(), placement.site.tolist(),
        placement.row.tolist(), strict=True,
    ):  # fmt: skip
        yield (
            f"- {name} {names[kind]} + PLACED ( {x * site[0]} {y * site[1]} ) {_orientation(y)} ;"
        )


def _fixed(cells: FixedCells, site: tuple[int, int]) -> Iterator[str]:
    for name, macro, x, y in zip(
        cells.name, cells.macro, cells.site.tolist(), cells.row.tolist(), strict=True
    ):
        yield f"- {name} {macro} + FIXED ( {x * site[0]} {y * site[1]} ) {_orientation(y)} ;"


def _pins(
    graph: TimingGraph, placement: Placement, technology: Technology, core: tuple[int, int]
) -> Iterator[str]:
    """Ports on the core's boundary; their shapes reach inwards along the wires of their layer."""
    netlist = graph.netlist
    grid = max(1, round(technology.lef.grid / _UNIT))
    layers = [_pin_layer(technology, vertical, grid) for vertical in (False, True)]
    for name, net, is_input, *at in zip(
        netlist.port_name, netlist.port_net.tolist(), netlist.port_is_input.tolist(),
        _units(placement.port_x), _units(placement.port_y), strict=True,
    ):  # fmt: skip
        vertical = at[0] not in (0, core[0])  # at the bottom or the top
        across, along = (1, 0) if vertical else (0, 1)
        layer, half = layers[vertical]
        at[along] = min(max(round(at[along] / grid) * grid, half), core[along] - half)
        low, high = [-half, -half], [half, half]
        length = 2 * half * _PIN_LENGTH
        low[across], high[across] = (0, length) if at[across] == 0 else (-length, 0)
        direction = "INPUT" if is_input else "OUTPUT"
        use = "CLOCK" if graph.clocks.is_clock[net] else "SIGNAL"
        yield (
            f"- {name} + NET {netlist.net_name[net]} + DIRECTION {direction} + USE {use} "
            f"+ LAYER {layer} ( {low[0]} {low[1]} ) ( {high[0]} {high[1]} ) "
            f"+ PLACED ( {at[0]} {at[1]} ) N ;"
        )


def _units(metres: Floats) -> list[int]:
    return [round(value) for value in (metres / _UNIT).tolist()]


def _pin_layer(technology: Technology, vertical: bool, grid: int) -> tuple[str, int]:
    """Layer of ports whose wires run that way, and half the width of its wires.

    The second from below, since cells and rails fill the first; of one direction only, whichever.
    """
    layers = technology.lef.layers
    fitting = [name for name, layer in layers.items() if layer.is_vertical == vertical]
    fitting = fitting or list(layers)
    if not fitting:
        raise TechnologyError(f"no LEF file of technology {technology.name} has a routing layer")
    name = fitting[:2][-1]
    return name, max(grid, round(layers[name].width / 2 / _UNIT / grid) * grid)


def _supply_pins(nets: Iterable[str], ground: str) -> Iterator[str]:
    for net in nets:
        yield f"- {net} + NET {net} + SPECIAL + DIRECTION INOUT + USE {_use(net, ground)} ;"


def _use(net: str, ground: str) -> str:
    return "GROUND" if net == ground else "POWER"


def _blockages(grid: TileGrid, site: tuple[int, int]) -> Iterator[str]:
    """What lies between columns and between rows of tiles."""
    columns, rows = grid.tile_origin[: grid.n, 0].tolist(), grid.tile_origin[:: grid.n, 1].tolist()
    gaps = [(x + grid.tile_width, 0, to, grid.core_rows) for x, to in pairwise(columns)]
    gaps += [(0, y + grid.tile_rows, grid.core_sites, to) for y, to in pairwise(rows)]
    for x0, y0, x1, y1 in gaps:
        if x0 < x1:
            lower, upper = f"{x0 * site[0]} {y0 * site[1]}", f"{x1 * site[0]} {y1 * site[1]}"
            yield f"- PLACEMENT RECT ( {lower} ) ( {upper} ) ;"


def _special_nets(nets: Iterable[str], shapes: SupplyShapes, boxes: Ints) -> Iterator[str]:
    wires: dict[str, list[str]] = {net: [] for net in nets}
    for net, layer, (x0, y0, x1, y1) in zip(shapes.net, shapes.layer, boxes.tolist(), strict=True):
        wires[net].append(f"  + ROUTED + SHAPE STRIPE + RECT {layer} ( {x0} {y0} ) ( {x1} {y1} )\n")
    for net, lines in wires.items():
        yield f"- {net} ( PIN {net} )\n{''.join(lines)}  + USE {_use(net, shapes.ground)} ;"


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
