"""Writes the wires of a placed design as SPEF (IEEE 1481).

The wire of a net is lumped: capacitance C_w and resistance R, and every sink sees the Elmore delay
R (C_w / 2 + C_load). The network that has just that delay at every sink is one section: half of C_w
at the driver, R from there to a star, the other half of C_w at the star, and the sinks with their
pins joined to it without resistance.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from voltile.core import write_atomically
from voltile.floorplan.exports.listings import net_ends, pin_texts
from voltile.floorplan.netlist import Netlist
from voltile.floorplan.timing import Wires

_UNIT = 1e-12
_HEADER = """*SPEF "IEEE 1481-1998"
*DESIGN "{name}"
*DATE ""
*VENDOR "Voltile"
*PROGRAM "Voltile"
*VERSION ""
*DESIGN_FLOW "PIN_CAP NONE" "NETLIST_TYPE_VERILOG"
*DIVIDER /
*DELIMITER :
*BUS_DELIMITER [ ]
*T_UNIT 1 NS
*C_UNIT 1 PF
*R_UNIT 1 OHM
*L_UNIT 1 HENRY

"""
_NET = """*D_NET {net} {total:.9g}
*CONN
{ends}
*CAP
1 {driver} {half:.9g}
2 {net}:1 {far:.9g}
*RES
1 {driver} {net}:1 {resistance:.9g}
{star}
*END

"""


def write_spef(
    netlist: Netlist, wires: Wires, path: Path, port_load: Mapping[str, float] | None = None
) -> None:
    """Write every wire that has a driver, a sink and capacitance; names must be plain.

    Parameters
    ----------
    port_load : mapping of str to float, optional
        Loads of ports [F], to be part of their wires; no other net is written then.
    """
    ends = net_ends(netlist)
    ports = list(netlist.port_name)
    nodes = [*ports, *pin_texts(netlist, "{}:{}")]
    described = [
        f"*P {port} {'I' if is_input else 'O'}"
        for port, is_input in zip(ports, netlist.port_is_input.tolist(), strict=True)
    ]
    described += [
        f"*I {node} {'O' if is_output else 'I'}"
        for node, is_output in zip(nodes[len(ports) :], netlist.pin_is_output.tolist(), strict=True)
    ]
    load, written = np.zeros(netlist.nets), wires.capacitance > 0
    if port_load is not None:
        farads = [port_load.get(port, 0.0) for port in ports]
        load += np.bincount(netlist.port_net, farads, minlength=netlist.nets)
        written = load > 0
    written &= ends.is_driven & (np.diff(ends.first) > 1)
    parts = [_HEADER.format(name=netlist.name)]
    for net, keep, half, extra, resistance, own, lines in zip(
        netlist.net_name, written.tolist(), (wires.capacitance / _UNIT / 2).tolist(),
        (load / _UNIT).tolist(), wires.resistance.tolist(), ends.by_net(nodes),
        ends.by_net(described), strict=True,
    ):  # fmt: skip
        if keep:
            star = [f"{at} {net}:1 {node} 0" for at, node in enumerate(own[1:], 2)]
            parts.append(
                _NET.format(
                    net=net, total=2 * half + extra, half=half, far=half + extra,
                    resistance=resistance, driver=own[0], ends="\n".join(lines),
                    star="\n".join(star),
                )
            )  # fmt: skip
    with write_atomically(path) as temporary:
        temporary.write_text("".join(parts))
