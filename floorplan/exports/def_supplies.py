"""What DEF says of the supplies of a mesh: Vdd-MUX, scan chain, power grid and rails.

Special nets are the supplies, with their stripes and ring, and the rail of every tile. They say
which power pins hang on which rail; wires between stripes, Vdd-MUX and rows are for a router.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.mux_cells import SUPPLIES
from voltile.floorplan.mux_netlist import MuxNames, signal_pins
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.power_grid import PowerGrid
from voltile.floorplan.vdd_mux import VddMuxes
from voltile.pdk import Technology

Ints = NDArray[np.int64]

_GROUND = "VSS"


@dataclass(frozen=True, eq=False)
class SupplyNetwork:
    """What brings a mesh its supplies.

    Attributes
    ----------
    names : MuxNames
        Of the Vdd-MUX and their nets in the netlist.
    grid : PowerGrid, optional
        None: there are no stripes and no ring.
    """

    muxes: VddMuxes
    names: MuxNames
    grid: PowerGrid | None

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that the power grid takes."""
        return self.grid.layers if self.grid else ()

    def boxes(self, unit: float) -> Ints:
        """Return left, bottom, right, top of each rectangle of the power grid in a unit [m]."""
        grid = self.grid
        if grid is None:
            return np.zeros((0, 4), dtype=np.int64)
        corners = np.stack([grid.x, grid.y, grid.x + grid.width, grid.y + grid.height], axis=1)
        return np.rint(corners / unit).astype(np.int64)

    def pins(self) -> Iterator[str]:
        """Yield the ports of the supplies."""
        for supply, net in zip(SUPPLIES, self.names.supplies, strict=True):
            yield f"- {net} + NET {net} + SPECIAL + DIRECTION INOUT + USE {_use(supply)} ;"


class Port(NamedTuple):
    """A port at a place on the boundary of the core, in database units."""

    name: str
    net: str
    direction: str
    use: str
    x: int
    y: int


def orientation(row: int) -> str:
    """Return how cells of a row stand: every other row is turned over, so that rails meet."""
    return "FS" if row % 2 else "N"


def vdd_muxes(supply: SupplyNetwork, site: tuple[int, int]) -> Iterator[str]:
    """Yield Vdd-MUX as components."""
    muxes = supply.muxes
    for name, kind, x, y in zip(
        supply.names.instances, muxes.kind.tolist(), muxes.site.tolist(), muxes.row.tolist(),
        strict=True,
    ):  # fmt: skip
        place = f"( {x * site[0]} {y * site[1]} ) {orientation(y)}"
        yield f"- {name} {muxes.cells[kind]} + FIXED {place} ;"


def chain_ports(
    taken: Iterable[Port],
    supply: SupplyNetwork,
    site: tuple[int, int],
    core: tuple[int, int],
    apart: int,
) -> Iterator[Port]:
    """Yield the ports of the scan chain: on the sides beside its ends, `apart` from other ports."""
    muxes, names = supply.muxes, supply.names
    used = [(port.x, port.y) for port in taken]
    for name, direction, use, end in (
        (names.scan_in, "INPUT", "SCAN", 0), (names.scan_clock, "INPUT", "CLOCK", 0),
        (names.scan_out, "OUTPUT", "SCAN", -1),
    ):  # fmt: skip
        flop = muxes.flop[muxes.chain[end]]
        x = 0 if 2 * int(muxes.site[flop]) * site[0] < core[0] else core[0]
        beside = np.array([y for side, y in used if side == x])
        places = np.arange(apart, core[1], apart)
        crowded = np.abs(places[:, None] - beside).min(axis=1, initial=core[1]) < apart
        away = np.abs(places - int(muxes.row[flop]) * site[1])
        used.append((x, int(places[np.argmin(away + core[1] * crowded)])))
        yield Port(name, name, direction, use, *used[-1])


def select_nets(supply: SupplyNetwork) -> Iterator[str]:
    """Yield the nets of selects and of the scan chain."""
    muxes, names = supply.muxes, supply.names
    ends: dict[str, list[str]] = {
        port: [f"( PIN {port} )"] for port in (names.scan_in, names.scan_clock, names.scan_out)
    }
    for mux, instance in enumerate(names.instances):
        for pin, net in signal_pins(muxes, names, mux).items():
            ends.setdefault(net, []).append(f"( {instance} {pin} )")
    uses = dict.fromkeys(names.scan, "SCAN") | {names.scan_clock: "CLOCK"}
    for net, joined in ends.items():
        yield f"- {net} {' '.join(joined)} + USE {uses.get(net, 'SIGNAL')} ;"


def supply_nets(
    supply: SupplyNetwork, boxes: Ints, core: tuple[int, int], technology: Technology
) -> Iterator[str]:
    """Yield the five supplies: the pins that hang on them, and their metal."""
    metal = _metal(supply.grid, boxes, core) if supply.grid else [()] * len(SUPPLIES)
    grounds = {pin for macro in technology.lef.macros.values()
               for pin, use in macro.supplies.items() if use == "GROUND"}  # fmt: skip
    for pin, net, shapes in zip(SUPPLIES, supply.names.supplies, metal, strict=True):
        pins = sorted({pin} | (grounds if pin == _GROUND else set()))
        joined = (f"( * {name} )" for name in pins)
        yield "\n  ".join([f"- {net} ( PIN {net} )", *joined, *shapes, f"+ USE {_use(pin)} ;"])


def _metal(grid: PowerGrid, boxes: Ints, core: tuple[int, int]) -> list[list[str]]:
    """Ring and stripes of each net."""
    is_ring = np.any((boxes[:, 2:] <= 0) | (boxes[:, :2] >= core), axis=1)
    shapes: list[list[str]] = [[] for _ in SUPPLIES]
    for net, layer, ring, (x0, y0, x1, y1) in zip(
        grid.net.tolist(), grid.layer.tolist(), is_ring.tolist(), boxes.tolist(), strict=True
    ):
        shape = f"+ ROUTED + SHAPE {'RING' if ring else 'STRIPE'} + RECT {grid.layers[layer]}"
        shapes[net].append(f"{shape} ( {x0} {y0} ) ( {x1} {y1} )")
    return shapes


def rails(
    netlist: Netlist, tile: Ints, supply: SupplyNetwork, technology: Technology
) -> Iterator[str]:
    """Yield the rail of every tile: its Vdd-MUX, and the power pins of its cells.

    Parameters
    ----------
    tile : ndarray of int, shape (cells,)
    """
    names, macros = supply.names, technology.lef.macros
    power = {
        kind: [pin for pin, use in macros[netlist.library.cell_name[kind]].supplies.items()
               if use == "POWER"]
        for kind in np.unique(netlist.cell_type).tolist()
    }  # fmt: skip
    ends: list[list[str]] = [[] for _ in names.rail]
    for at, instance in zip(supply.muxes.tile.tolist(), names.instances, strict=True):
        ends[at].append(f"( {instance} VDDT )")
    for at, instance, kind in zip(
        tile.tolist(), netlist.cell_name, netlist.cell_type.tolist(), strict=True
    ):
        ends[at] += [f"( {instance} {pin} )" for pin in power[kind]]
    for net, joined in zip(names.rail, ends, strict=True):
        yield f"- {net} {' '.join(joined)} + USE POWER ;"


def _use(supply: str) -> str:
    return "GROUND" if supply == _GROUND else "POWER"
