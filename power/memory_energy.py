"""Energy of memories: SRAM by size and port from a table, DRAM per bit.

A table holds energy per access, leakage and area over process, size and port width. Between its
points all of them are interpolated linearly in their logarithms, over the logarithms of size and
width; outside nothing is extrapolated. A port wider than the widest of the table is that of several
memories side by side. An SRAM stays at its own nominal supply, whatever the logic runs at.

Not modelled of a DRAM: refresh and what it takes in between accesses, and whether a page is open.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_csv_rows

Floats = NDArray[np.float64]

_COLUMNS = ("tech_nm", "size_kib", "port_bits", "read_j_per_access", "write_j_per_access",
            "leakage_w", "area_m2")  # fmt: skip

DRAM_ENERGY = {"lpddr4": 8e-12, "lpddr2": 40e-12, "ddr3": 70e-12}
"""Energy of a bit to or from a DRAM [J].

LPDDR2 and DDR3: Malladi et al., "Towards Energy-Proportional Datacenter Memory
with Mobile DRAM", ISCA 2012. LPDDR4: no primary source. All three as the CACTI plug-in of Accelergy
(Wu et al., ICCAD 2019) has them (Accelergy-Project/accelergy-cacti-plug-in, cacti_wrapper.py).
"""


@dataclass(frozen=True)
class MemoryEnergy:
    """What a memory takes.

    Attributes
    ----------
    read, write : float
        Energy of an access over the whole port [J].
    leakage : float
        [W].
    area : float
        [m2].
    """

    read: float
    write: float
    leakage: float
    area: float


@dataclass(frozen=True, eq=False)
class SramTable:
    """Memories of one process.

    Attributes
    ----------
    file : Path
        Where they are from.
    tech_nm : int
        Process [nm].
    sizes, ports : ndarray, shape (sizes,), (ports,)
        Size [byte] and port width [bit], ascending.
    values : ndarray, shape (4, sizes, ports)
        Energy of a read and a write [J], leakage [W], area [m2].
    """

    file: Path
    tech_nm: int
    sizes: Floats
    ports: Floats
    values: Floats

    def memory(self, size: float, port: int, banks: int = 1) -> MemoryEnergy:
        """Return a memory of some bytes in equal banks, one of which is accessed at a time.

        Parameters
        ----------
        size : float
            Of all banks together [byte].
        port : int
            Width of the port [bit].

        Raises
        ------
        VoltileError
            When a bank, or one of the memories that it is made of, is not within the table.
        """
        beside = max(1, -(-port // int(self.ports[-1])))
        one_size, one_port = size / banks / beside, port / beside
        if not self.sizes[0] <= one_size <= self.sizes[-1]:
            parts = f", that is {one_size / 1024:g} KiB each of {banks * beside}"
            raise VoltileError(
                f"an SRAM must have {self.sizes[0] / 1024:g} to {self.sizes[-1] / 1024:g} KiB "
                f"({self.file.name}), not {size / 1024:g} KiB"
                + (parts if banks * beside > 1 else "")
            )
        if one_port < self.ports[0]:
            raise VoltileError(
                f"the port of an SRAM must have {self.ports[0]:g} bits or more "
                f"({self.file.name}), not {port}"
            )
        over_size = np.log(self.values) @ _weights(one_port, self.ports)
        read, write, leakage, area = np.exp(over_size @ _weights(one_size, self.sizes)) * beside
        return MemoryEnergy(float(read), float(write), float(leakage) * banks, float(area) * banks)


def _weights(value: float, axis: Floats) -> Floats:
    """Weights of the points of an axis for a value between them, linear in its logarithm."""
    places = np.arange(len(axis))
    at = np.interp(np.log(value), np.log(axis), places)
    return np.asarray(np.maximum(1 - np.abs(places - at), 0.0))


def read_sram_table(path: Path, tech_nm: int) -> SramTable:
    """Read the memories of one process from a CSV file.

    Raises
    ------
    VoltileError
        Naming file and line, when the columns or values are others, the process is missing, or its
        rows are not all pairs of a size and a width, once each.
    """
    rows = []
    for row in read_csv_rows(path, _COLUMNS):
        numbers = [row.number(name, above=0) for name in _COLUMNS]
        rows.append(numbers)
    table = np.array(rows).reshape(-1, len(_COLUMNS))
    mine = table[table[:, 0] == tech_nm]
    if not len(mine):
        known = ", ".join(f"{item:g}" for item in np.unique(table[:, 0])) or "none"
        raise VoltileError(f"{path} has no memories of {tech_nm} nm: it has {known}")
    mine = mine[np.lexsort((mine[:, 2], mine[:, 1]))]
    sizes, ports = np.unique(mine[:, 1]), np.unique(mine[:, 2])
    pairs = np.stack(np.meshgrid(sizes, ports, indexing="ij"), axis=-1).reshape(-1, 2)
    if not np.array_equal(mine[:, 1:3], pairs):
        raise VoltileError(
            f"{path}: the rows of {tech_nm} nm must be all pairs of a size_kib and a port_bits, "
            f"once each"
        )
    values = mine[:, 3:].T.reshape(4, len(sizes), len(ports))
    return SramTable(path, tech_nm, sizes * 1024, ports, values)
