"""Writes a netlist with its Vdd-MUX and the scan chain that selects the supply of every tile.

The netlist gets ports for the supplies and for the chain. A bit that is shifted into `scan_in`
reaches the first tile of the chain at the next rising edge of `scan_clock`; loading a mesh takes
one edge per tile, in the order of `VddMuxes.bit_stream`. While bits are shifted, tiles change their
supply with them: the clock of the design stands still meanwhile.

The rail of a tile is a net of its own. Which cells hang on it is not said here, since cells in the
netlist have no supply pins: that is for the power intent (UPF) to say.
"""

from collections.abc import Collection, Iterator
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
    rail : str
        Nets `rail[tile]`: the supply of the cells of each tile.
    select, select_n, scan : str
        Nets `select[tile]` and its complement, and `scan[link]`, before each link of the chain.
    instances : tuple of str
        Of every Vdd-MUX.
    """

    supplies: tuple[str, ...]
    scan_in: str
    scan_out: str
    scan_clock: str
    rail: str
    select: str
    select_n: str
    scan: str
    instances: tuple[str, ...]


def name_muxes(netlist: Netlist, muxes: VddMuxes) -> MuxNames:
    """Return names for Vdd-MUX, their nets and ports."""
    named = (*netlist.cell_name, *netlist.net_name, *netlist.port_name)
    taken = {split_bit(name)[0] for name in named} | set(named)

    def clear(name: str) -> str:
        return _clear(name, taken)

    prefix = "vdd_mux"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    place = np.stack([muxes.tile, muxes.row], axis=1)
    is_second = np.append(False, (place[1:] == place[:-1]).all(axis=1))
    return MuxNames(
        supplies=tuple(map(clear, SUPPLIES)),
        scan_in=clear("scan_in"),
        scan_out=clear("scan_out"),
        scan_clock=clear("scan_clock"),
        rail=clear("vdd_tile"),
        select=clear("vdd_select"),
        select_n=clear("vdd_select_n"),
        scan=clear("vdd_scan"),
        instances=tuple(
            f"{prefix}_{tile}_{row}{'_right' if second else ''}"
            for (tile, row), second in zip(place.tolist(), is_second, strict=True)
        ),
    )


def _clear(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def write_mux_verilog(netlist: Netlist, muxes: VddMuxes, path: Path) -> MuxNames:
    """Write the netlist with its Vdd-MUX as structural Verilog; return the names in it."""
    names = name_muxes(netlist, muxes)
    ports = dict.fromkeys(names.supplies, "inout")
    ports |= {names.scan_in: "input", names.scan_clock: "input", names.scan_out: "output"}
    write_verilog(netlist, path, ports=ports, statements=_statements(muxes, names))
    return names


def _statements(muxes: VddMuxes, names: MuxNames) -> Iterator[str]:
    tiles = len(muxes.chain)
    for vector in (names.rail, names.select, names.select_n):
        yield f"wire [{tiles - 1}:0] {vector};"
    yield f"wire [{tiles}:0] {names.scan};"
    yield f"assign {names.scan}[0] = {names.scan_in};"
    yield f"assign {names.scan_out} = {names.scan}[{tiles}];"
    supplies = ", ".join(
        f".{pin}({port})" for pin, port in zip(SUPPLIES, names.supplies, strict=True)
    )
    link = np.argsort(muxes.chain)
    for mux, (kind, tile) in enumerate(zip(muxes.kind.tolist(), muxes.tile.tolist(), strict=True)):
        pins = (
            f".VDDT({names.rail}[{tile}]), {supplies}, .SEL({names.select}[{tile}]), "
            f".SELB({names.select_n}[{tile}])"
        )
        if muxes.flop[tile] == mux:
            before, after = (f"{names.scan}[{link[tile] + end}]" for end in (0, 1))
            pins += f", .SI({before}), .CK({names.scan_clock}), .SO({after})"
        yield f"{muxes.cells[kind]} {names.instances[mux]} ({pins});"
