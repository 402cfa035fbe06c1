"""The table of a sweep: whole networks on many arrays, over precisions and operating points.

A row is a network on an array at a precision and an operating point, its layers summed; `COLUMNS`
are in the order of the file, their units in their names (docs/energy_tables.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.sim.energy_model import ENERGY_PARTS, LayerEnergies
from voltile.sim.energy_table import HARDWARE_COLUMNS
from voltile.sim.table_files import ColumnTable, TableSchema, read_columns

_TEXTS = ("network", "dataflow", "pe", "mode", "tech", "precision", "operand_bits", "policy")
_WHOLE = (
    "batch", "rows", "cols", "width", "act_kib", "weight_kib", "out_kib", "cycles", "stall_cycles",
    "macs", "dram_bytes", "pareto",
)  # fmt: skip
COLUMNS = (
    "network", "batch", *HARDWARE_COLUMNS, "act_kib", "weight_kib", "out_kib", "precision",
    "operand_bits", "policy", "reference_vdd_v", "vdd_v", "frequency_hz", "cycles", "stall_cycles",
    "latency_s", "macs", "utilisation", "dram_bytes",
    *(f"{part}_pj" for part in ENERGY_PARTS), "total_pj", "pe_area_um2", "sram_area_um2",
    "area_um2", "pareto",
)  # fmt: skip
"""Columns of a row, without the schema's."""
_SCHEMA = TableSchema(
    "a sweep table",
    "voltile sweep",
    2,
    {name: str if name in _TEXTS else int if name in _WHOLE else float for name in COLUMNS},
)


@dataclass(frozen=True, eq=False)
class SweepTable(ColumnTable):
    """A sweep, by the columns of `COLUMNS`."""

    schema = _SCHEMA

    @classmethod
    def read(cls, path: Path) -> "SweepTable":
        """Read a CSV, JSON or Parquet file, by its suffix.

        Raises
        ------
        VoltileError
            Naming the file, when it is of another version, is damaged, or is no such table.
        """
        return cls(read_columns(path, _SCHEMA))


def sweep_columns(energies: LayerEnergies) -> dict[str, NDArray[Any]]:
    """Return the columns that a network fills on an array, shape (points x precisions,).

    Those of cycles, time, traffic and energy: sums over its layers, utilisation over their cycles.
    """
    costs, points = energies.costs, energies.points
    cycles = costs.cycles.sum(axis=1)
    whole = {
        "cycles": cycles,
        "macs": costs.macs.sum(),
        "utilisation": (costs.utilisation * costs.cycles).sum(axis=1) / cycles,
        "dram_bytes": (costs.dram_read_bytes + costs.dram_write_bytes).sum(axis=1),
    }
    stalls = energies.stalls.sum(axis=2)
    parts = {f"{part}_pj": energies.parts[part].sum(axis=2) * 1e12 for part in ENERGY_PARTS}
    columns = {
        "vdd_v": points.vdd,
        "frequency_hz": points.frequency,
        **whole,
        "stall_cycles": stalls,
        "latency_s": (cycles + stalls) / points.frequency,
        **parts,
        "total_pj": sum(parts.values()),
    }
    return {name: np.broadcast_to(item, stalls.shape).reshape(-1) for name, item in columns.items()}
