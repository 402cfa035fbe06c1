"""Writes the supplies of a mesh as UPF (IEEE 1801-2013).

Every tile is a power domain of its own cells, behind one power switch with two inputs, VDDH and
VDDL: the Vdd-MUX (dissertation Fig. 4.4). Where the netlist has them, switches name their instances
and selects, and supplies are called as the ports and nets of the netlist. Every operating point is
a row of the power state table. Domains hold leaf cells, since the cut into tiles does not follow
the hierarchy; and no level is shifted between them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.core import write_atomically
from voltile.floorplan.exports.def_supplies import SupplyNetwork
from voltile.floorplan.exports.listings import tile_members
from voltile.floorplan.exports.operating_points import OperatingPoints
from voltile.floorplan.mux_cells import SUPPLIES
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.placement import Placement

# Without a power grid, those that domains and switches need.
_FEWEST = ("VDDL", "VDDH", "VSS")


@dataclass(frozen=True)
class _Names:
    """Names of supplies: by what they are, and of each tile its rail, select and Vdd-MUX."""

    supplies: dict[str, str]
    rail: tuple[str, ...]
    select: tuple[str, ...]
    instances: tuple[tuple[str, ...], ...]


def write_upf(
    netlist: Netlist,
    placement: Placement,
    points: OperatingPoints,
    path: Path,
    supply: SupplyNetwork | None = None,
) -> None:
    """Write one power domain, switch and state per tile; names must be plain.

    Parameters
    ----------
    supply : SupplyNetwork, optional
        By default the netlist has no Vdd-MUX; UPF ports stand for their selects.
    """
    names = _names_of(supply) if supply else _made_up(placement.grid.tiles)
    lines = ["upf_version 2.1", f"set_design_top {netlist.name}", *_supplies(names)]
    if supply is None:
        for net in names.select:
            lines.append(f"create_logic_port {net} -direction in")
            lines.append(f"create_logic_net {net}")
            lines.append(f"connect_logic_net {net} -ports {{{net}}}")
    for tile, cells in enumerate(tile_members(netlist, placement)):
        lines += _tile(tile, cells, names)
    lines += _states(points, names)
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _names_of(supply: SupplyNetwork) -> _Names:
    names = supply.names
    instances: list[list[str]] = [[] for _ in names.rail]
    for tile, instance in zip(supply.muxes.tile.tolist(), names.instances, strict=True):
        instances[tile].append(instance)
    supplies = dict(zip(SUPPLIES, names.supplies, strict=True))
    return _Names(supplies, names.rail, names.select, tuple(map(tuple, instances)))


def _made_up(tiles: int) -> _Names:
    rail, select = (
        [form.format(at) for at in range(tiles)] for form in ("VDD_TILE_{}", "tile_{}_high")
    )
    return _Names({name: name for name in _FEWEST}, tuple(rail), tuple(select), ((),) * tiles)


def _supplies(names: _Names) -> Iterator[str]:
    for net in names.supplies.values():
        yield f"create_supply_port {net} -direction in"
        yield f"create_supply_net {net}"
        yield f"connect_supply_net {net} -ports {{{net}}}"
    yield f"create_supply_set SS_TOP {_functions(names, names.supplies['VDDH'])}"
    yield "create_power_domain PD_TOP -elements {.} -supply {primary SS_TOP}"


def _functions(names: _Names, power: str) -> str:
    return f"-function {{power {power}}} -function {{ground {names.supplies['VSS']}}}"


def _tile(tile: int, cells: Iterable[str], names: _Names) -> Iterator[str]:
    name, rail = f"TILE_{tile}", names.rail[tile]
    high, low = names.supplies["VDDH"], names.supplies["VDDL"]
    yield ""
    yield f"create_supply_net {rail}"
    yield f"create_supply_set SS_{name} {_functions(names, rail)}"
    yield f"create_power_domain PD_{name} -supply {{primary SS_{name}}} -elements {{"
    yield from (f"  {cell}" for cell in cells)
    yield "}"
    instances = names.instances[tile]
    yield (
        f"create_power_switch SW_{name} -domain PD_{name} -output_supply_port {{out {rail}}} "
        f"-input_supply_port {{high {high}}} -input_supply_port {{low {low}}} "
        f"-control_port {{select {names.select[tile]}}} -on_state {{at_high high {{select}}}} "
        f"-on_state {{at_low low {{!select}}}}"
        + (f" -instances {{{' '.join(instances)}}}" if instances else "")
    )
    yield f"set_level_shifter LS_{name} -domain PD_{name} -applies_to both -no_shift"


def _states(points: OperatingPoints, names: _Names) -> Iterator[str]:
    high, low, ground = (names.supplies[name] for name in ("VDDH", "VDDL", "VSS"))
    yield ""
    for net, values in ((high, points.vdd_high), (low, points.vdd_low)):
        yield f"add_port_state {net} {_port_states(values)}"
    yield f"add_port_state {ground} -state {{ground 0.0}}"
    tile_vdd = np.where(points.tile_is_high, points.vdd_high[:, None], points.vdd_low[:, None])
    for tile in range(len(names.rail)):
        yield f"add_port_state SW_TILE_{tile}/out {_port_states(tile_vdd[:, tile])}"
    yield f"create_pst FINE_VH -supplies {{{' '.join((high, low, ground, *names.rail))}}}"
    for frequency, above, below, vdds in zip(
        points.frequency, points.vdd_high, points.vdd_low, tile_vdd, strict=True
    ):
        states = [_state(above), _state(below), "ground", *map(_state, vdds)]
        yield f"add_pst_state f_{frequency:.0f}Hz -pst FINE_VH -state {{{' '.join(states)}}}"


def _port_states(values: Iterable[float]) -> str:
    return " ".join(f"-state {{{_state(vdd)} {vdd:.4g}}}" for vdd in sorted(set(values)))


def _state(vdd: float) -> str:
    """Name of the state in which a supply carries a voltage, such as `at_1v760`."""
    return f"at_{vdd:.3f}".replace(".", "v")
