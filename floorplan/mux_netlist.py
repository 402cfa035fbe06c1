"""Writes a netlist with its Vdd-MUX and the scan chain that selects the supply of every tile.

The netlist gets ports for the supplies and for the chain. A bit that is shifted into `scan_in`
reaches the first tile of the chain at the next rising edge of `scan_clock`; loading a mesh takes
one edge per tile, in the order of `VddMuxes.bit_stream`. While bits are shifted, tiles change their
supply with them: the clock of the design stands still meanwhile.

The rail of a tile is a net of its own. Which cells hang on it is not said here, since cells in the
netlist have no supply pins: that is for the power intent (UPF) to say.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voltile.floorplan.mux_cells import SUPPLIES
from voltile.floorplan.netlist import Netlist, split_bit, write_verilog
from voltile.floorplan.vdd_mux import VddMuxes


@dataclass(frozen=True)
class MuxNames:
    """What Vdd-MUX add to a netlist, under names that the netlist does not use.

    Attributes
    ----------
    supplies : tuple of str
        Ports for VddL, VddH, ground, n-bias and p-bias.
    scan_in, scan_out, scan_clock : str
        Ports of the chain.
    rail, select, select_n : tuple of str, one per tile
        Nets: the supply of the cells of a tile; high when that is VddH; and its complement.
    scan : tuple of str
        Nets before each link of the chain, and after the last: the ports at its ends included.
    instances : tuple of str
        Of every Vdd-MUX.
    """

    supplies: tuple[str, ...]
    scan_in: str
    scan_out: str
    scan_clock: str
    rail: tuple[str, ...]
    select: tuple[str, ...]
    select_n: tuple[str, ...]
    scan: tuple[str, ...]
    instances: tuple[str, ...]


def name_muxes(netlist: Netlist, muxes: VddMuxes) -> MuxNames:
    """Return names for Vdd-MUX, their nets and ports."""
    named = (*netlist.cell_name, *netlist.net_name, *netlist.port_name)
    taken = {split_bit(name)[0] for name in named} | set(named)
    tiles = len(muxes.chain)
    scan_in, scan_out, scan_clock, *supplies = (
        _clear(name, taken) for name in ("scan_in", "scan_out", "scan_clock", *SUPPLIES)
    )
    rail, select, select_n, scan, mux = (
        _clear_stem(name, taken)
        for name in ("vdd_tile_", "vdd_select_", "vdd_select_n_", "vdd_scan_", "vdd_mux_")
    )
    place = np.stack([muxes.tile, muxes.row], axis=1)
    is_second = np.append(False, (place[1:] == place[:-1]).all(axis=1))
    return MuxNames(
        supplies=tuple(supplies),
        scan_in=scan_in,
        scan_out=scan_out,
        scan_clock=scan_clock,
        rail=tuple(f"{rail}{tile}" for tile in range(tiles)),
        select=tuple(f"{select}{tile}" for tile in range(tiles)),
        select_n=tuple(f"{select_n}{tile}" for tile in range(tiles)),
        scan=(scan_in, *(f"{scan}{link}" for link in range(1, tiles)), scan_out),
        instances=tuple(
            f"{mux}{tile}_{row}{'_right' if second else ''}"
            for (tile, row), second in zip(place.tolist(), is_second, strict=True)
        ),
    )


def _clear(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _clear_stem(stem: str, taken: Collection[str]) -> str:
    """A beginning of names with which none that is taken begins."""
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    return stem


def write_mux_verilog(
    netlist: Netlist, muxes: VddMuxes, path: Path, cell_of: Callable[[int], str] | None = None
) -> MuxNames:
    """Write the netlist with its Vdd-MUX as structural Verilog; return the names in it.

    Parameters
    ----------
    cell_of : callable, optional
        As in `write_verilog`.
    """
    names = name_muxes(netlist, muxes)
    ports = dict.fromkeys(names.supplies, "inout")
    ports |= {names.scan_in: "input", names.scan_clock: "input", names.scan_out: "output"}
    write_verilog(netlist, path, cell_of, ports, _statements(muxes, names))
    return names


def _statements(muxes: VddMuxes, names: MuxNames) -> Iterator[str]:
    for net in (*names.rail, *names.select, *names.select_n, *names.scan[1:-1]):
        yield f"wire {net};"
    supplies = dict(zip(SUPPLIES, names.supplies, strict=True))
    for mux, (kind, tile) in enumerate(zip(muxes.kind.tolist(), muxes.tile.tolist(), strict=True)):
        pins = {"VDDT": names.rail[tile]} | supplies | signal_pins(muxes, names, mux)
        joined = ", ".join(f".{pin}({net})" for pin, net in pins.items())
        yield f"{muxes.cells[kind]} {names.instances[mux]} ({joined});"


def signal_pins(muxes: VddMuxes, names: MuxNames, mux: int) -> dict[str, str]:
    """Return the net at each pin of a Vdd-MUX that is none of its supplies."""
    tile = int(muxes.tile[mux])
    pins = {"SEL": names.select[tile], "SELB": names.select_n[tile]}
    if muxes.flop[tile] == mux:
        link = int(np.flatnonzero(muxes.chain == tile)[0])
        pins |= {"SI": names.scan[link], "CK": names.scan_clock, "SO": names.scan[link + 1]}
    return pins
