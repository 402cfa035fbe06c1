"""What the Vdd-MUX of a mesh take: leakage, and the charge of the gates of their headers.

One header of each tile is off, with VddH at one end and VddL at the other, whichever of them the
tile is at (`voltile.pdk.header`). What it lets through leaves VddH and arrives at VddL, where as
much less is drawn: the power of the fall from VddH to VddL is lost. (Where nothing draws from VddL,
its converter takes the current back; converters count as without loss while they feed the core.)
The select flip-flop of a tile and the two drivers of its select wires leak at VddH; no path is
timed through them, so that they are of the bias that leaks least.

To change the supply of a tile is to raise one gate and lower the other. The raised one draws
C VddH^2; what the other one gives up flows to ground.

Not counted: what is shifted through the scan chain, and the wires of the selects.
"""

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan import VddMuxes
from voltile.pdk import Header, Technology

Floats = NDArray[np.float64]


def mux_leakage(muxes: VddMuxes, technology: Technology, vdd_low: float, vdd_high: float) -> Floats:
    """Return the leakage of each tile's Vdd-MUX between a pair of supplies [W], shape (tiles,).

    Raises
    ------
    TechnologyError
        When headers were not measured at these supplies or at the corner of leakage.
    """
    header = _header(technology)
    current = header.off_current(vdd_low, vdd_high, technology.leakage_corner)
    names = (header.flip_flop, technology.buffer_cell, technology.buffer_cell)
    libraries = (technology.library(vdd_high, bias) for bias in technology.biases)
    select = min(
        float(sum(library.cell_leakage[library.cell_index[name]] for name in names))
        for library in libraries
    )
    return np.asarray(muxes.header_width * current * (vdd_high - vdd_low) + select)


def header_gates(muxes: VddMuxes, technology: Technology) -> Floats:
    """Return the capacitance of one gate of each tile's headers [F], shape (tiles,).

    At the highest supply, where it is largest.
    """
    return np.asarray(
        muxes.header_width * _header(technology).gate_capacitance(technology.vdds[-1])
    )


def _header(technology: Technology) -> Header:
    if technology.header is None:
        raise TechnologyError(f"technology {technology.name} has no headers measured")
    return technology.header
