"""Random netlists of the cells by formula."""

import measured_cells as made
import numpy as np
from toy_netlists import make_netlist

GATES = (made.INV, made.BUF, made.NAND2, made.NOR2, made.XOR2, made.HALF_ADDER)
FLOPS = (made.DFF, made.DFFR)


def netlist_of(library, seed, gates=50, flops=10):
    """Gates and registers at random, every net driven."""
    rng = np.random.default_rng(seed)
    nets = ["rst", *(f"a{bit}" for bit in range(4)), *(f"q{bit}" for bit in range(flops))]
    inputs = ["clk", *nets[:5]]
    cells = {}
    for number in range(gates):
        cell = GATES[rng.integers(len(GATES))]
        pins = {pin: str(rng.choice(nets)) for pin in cell.inputs}
        pins |= {pin: f"n{number}{pin}" for pin in cell.functions}
        nets += [pins[pin] for pin in cell.functions]
        cells[f"u{number}"] = (cell.name, pins)
    for bit in range(flops):
        cell = FLOPS[rng.integers(2)]
        pins = {"CK": "clk", "D": str(rng.choice(nets)), "Q": f"q{bit}"}
        if cell is made.DFFR:
            pins["RN"] = str(rng.choice(nets))
        cells[f"r{bit}"] = (cell.name, pins)
    return make_netlist(library, cells, inputs, nets[-4:])
