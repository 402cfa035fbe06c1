"""Netlists of toy cells: from a list of cells, and at random."""

import numpy as np

from voltile.floorplan import Netlist, Wires
from voltile.floorplan.netlist import OPEN, check_netlist

GATES = {
    "toy_inv_1": 1, "toy_inv_4": 1, "toy_buf_1": 1, "toy_buf_4": 1, "toy_nand2_1": 2,
    "toy_nand3_1": 3, "toy_nor2_1": 2, "toy_and2_1": 2, "toy_or2_1": 2, "toy_xor2_1": 2,
    "toy_mux2_1": 3, "toy_aoi21_1": 3, "toy_ha_1": 2,
}  # fmt: skip


def make_netlist(library, cells, inputs, outputs=(), name="toy"):
    """A netlist.

    Parameters
    ----------
    cells : mapping of instance to (cell, {pin: net})
    inputs : sequence of str
        Input ports; their nets have the same names.
    outputs : sequence of str, or mapping of port to net
    """
    outputs = outputs if isinstance(outputs, dict) else {port: port for port in outputs}
    nets = [*inputs, *outputs.values(), *(net for _, pins in cells.values()
                                          for net in pins.values())]  # fmt: skip
    index = {net: number for number, net in enumerate(dict.fromkeys(nets))}
    kinds = [library.cell_index[kind] for kind, _ in cells.values()]
    pin_net = [
        index[pins[library.pin_name[pin]]] if library.pin_name[pin] in pins else OPEN
        for kind, (_, pins) in zip(kinds, cells.values(), strict=True)
        for pin in library.pins_of(kind)
    ]
    netlist = Netlist(
        name=name,
        library=library,
        cell_name=tuple(cells),
        cell_type=np.array(kinds, dtype=np.int64),
        net_name=tuple(index),
        pin_net=np.array(pin_net, dtype=np.int64),
        port_name=(*inputs, *outputs),
        port_net=np.array([index[net] for net in (*inputs, *outputs.values())], dtype=np.int64),
        port_is_input=np.array([True] * len(inputs) + [False] * len(outputs)),
    )
    check_netlist(netlist)
    return netlist


def random_netlist(library, seed, gates=40, flops=8):
    """A random acyclic netlist between registers of all kinds, with a clock tree and a reset."""
    rng = np.random.default_rng(seed)
    cells = {
        "tree_a": ("toy_buf_4", {"A": "clk", "Y": "clk_a"}),
        "tree_b": ("toy_inv_4", {"A": "clk_a", "Y": "clk_b"}),
        "gate": ("toy_icg_1", {"CK": "clk_a", "E": "a0", "GCK": "clk_g"}),
    }
    clocks = ["clk", "clk_a", "clk_b", "clk_g"]
    inputs = ["clk", "rst", *(f"a{bit}" for bit in range(4))]
    nets = [*inputs[2:], *(f"q{bit}" for bit in range(flops)), *(f"z{bit}" for bit in range(2))]
    for number in range(gates):
        kind = str(rng.choice(list(GATES)))
        cell = library.cell_index[kind]
        pins = {pin: str(rng.choice(nets)) for pin in library.inputs_of(cell)}
        outputs = [
            library.pin_name[pin] for pin in library.pins_of(cell) if library.pin_direction[pin]
        ]
        pins |= {pin: f"n{number}{pin}" for pin in outputs}
        nets += [pins[pin] for pin in outputs]
        cells[f"u{number}"] = (kind, pins)
    for bit in range(flops):
        kind = str(rng.choice(["toy_dff_1", "toy_dffn_1", "toy_dffr_1", "toy_dffs_1"]))
        pins = {"D": str(rng.choice(nets)), "Q": f"q{bit}"}
        pins["CKN" if kind == "toy_dffn_1" else "CK"] = str(rng.choice(clocks))
        if kind in ("toy_dffr_1", "toy_dffs_1"):
            pins["RN" if kind == "toy_dffr_1" else "SN"] = str(rng.choice(["rst", *nets]))
        if bit < 2:
            pins["QN"] = f"z{bit}"
        cells[f"r{bit}"] = (kind, pins)
    # Flops 0 and 1 have to drive z0 and z1; a net may end in two ports, or be one of them.
    ends = rng.choice(nets, 5, replace=False).tolist()
    outputs = {f"y{at}": str(net) for at, net in enumerate([*ends, ends[0], "a1"])}
    return make_netlist(library, cells, inputs, outputs)


def random_wires(netlist, seed):
    """Wires of up to 4 fF and 2 kohm, some nets having none."""
    rng = np.random.default_rng([seed, 1])
    length = rng.uniform(0, 1, netlist.nets) * (rng.random(netlist.nets) < 0.8)
    return Wires(4e-15 * length, 2e3 * length)


def random_supply(netlist, seed, supplies):
    """A supply per instance."""
    return np.random.default_rng([seed, 2]).integers(0, supplies, netlist.cells)
