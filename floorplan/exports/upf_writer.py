"""Writes the supplies of a mesh as UPF (IEEE 1801-2013).

Every tile is a power domain of its own cells, behind one power switch with two inputs, VDDH and
VDDL: the Vdd-MUX (dissertation Fig. 4.4). Every operating point is a row of the power state table.
Domains hold leaf cells, since the cut into tiles does not follow the hierarchy; and no level is
shifted between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from voltile.core import write_atomically
from voltile.floorplan.exports.listings import tile_members
from voltile.floorplan.exports.operating_points import OperatingPoints
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.placement import Placement

_SUPPLIES = ("VDDH", "VDDL", "VSS")


def write_upf(
    netlist: Netlist,
    placement: Placement,
    points: OperatingPoints,
    path: Path,
    select_net: Sequence[str] | None = None,
) -> None:
    """Write one power domain, switch and state per tile; names must be plain.

    Parameters
    ----------
    select_net : sequence of str, optional
        For each tile the net that is high when the tile is to run at VddH. Where the netlist has
        none, UPF ports stand for them.
    """
    tiles = placement.grid.tiles
    nets = select_net or [f"tile_{tile}_high" for tile in range(tiles)]
    members = tile_members(netlist, placement)
    lines = ["upf_version 2.1", f"set_design_top {netlist.name}", *_supplies()]
    for net in [] if select_net else nets:
        lines.append(f"create_logic_port {net} -direction in")
        lines.append(f"create_logic_net {net}")
        lines.append(f"connect_logic_net {net} -ports {{{net}}}")
    for tile, net in enumerate(nets):
        lines += _tile(tile, members[tile], net)
    lines += _states(points)
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _supplies() -> Iterator[str]:
    for net in _SUPPLIES:
        yield f"create_supply_port {net} -direction in"
        yield f"create_supply_net {net}"
        yield f"connect_supply_net {net} -ports {{{net}}}"
    yield "create_supply_set SS_TOP -function {power VDDH} -function {ground VSS}"
    yield "create_power_domain PD_TOP -elements {.} -supply {primary SS_TOP}"


def _tile(tile: int, cells: Iterable[str], select: str) -> Iterator[str]:
    name = f"TILE_{tile}"
    yield ""
    yield f"create_supply_net VDD_{name}"
    yield f"create_supply_set SS_{name} -function {{power VDD_{name}}} -function {{ground VSS}}"
    yield f"create_power_domain PD_{name} -supply {{primary SS_{name}}} -elements {{"
    yield from (f"  {cell}" for cell in cells)
    yield "}"
    yield (
        f"create_power_switch SW_{name} -domain PD_{name} -output_supply_port {{out VDD_{name}}} "
        f"-input_supply_port {{high VDDH}} -input_supply_port {{low VDDL}} "
        f"-control_port {{select {select}}} -on_state {{at_high high {{select}}}} "
        f"-on_state {{at_low low {{!select}}}}"
    )
    yield f"set_level_shifter LS_{name} -domain PD_{name} -applies_to both -no_shift"


def _states(points: OperatingPoints) -> Iterator[str]:
    tiles = range(points.tile_is_high.shape[1])
    yield ""
    for net, values in (("VDDH", points.vdd_high), ("VDDL", points.vdd_low)):
        yield f"add_port_state {net} {_port_states(values)}"
    yield "add_port_state VSS -state {ground 0.0}"
    tile_vdd = np.where(points.tile_is_high, points.vdd_high[:, None], points.vdd_low[:, None])
    for tile in tiles:
        yield f"add_port_state SW_TILE_{tile}/out {_port_states(tile_vdd[:, tile])}"
    nets = [*_SUPPLIES, *(f"VDD_TILE_{tile}" for tile in tiles)]
    yield f"create_pst FINE_VH -supplies {{{' '.join(nets)}}}"
    for frequency, high, low, vdds in zip(
        points.frequency, points.vdd_high, points.vdd_low, tile_vdd, strict=True
    ):
        states = [_state(high), _state(low), "ground", *map(_state, vdds)]
        yield f"add_pst_state f_{frequency:.0f}Hz -pst FINE_VH -state {{{' '.join(states)}}}"


def _port_states(values: Iterable[float]) -> str:
    return " ".join(f"-state {{{_state(vdd)} {vdd:.4g}}}" for vdd in sorted(set(values)))


def _state(vdd: float) -> str:
    """Name of the state in which a supply carries a voltage, such as `at_1v760`."""
    return f"at_{vdd:.3f}".replace(".", "v")
