"""The energy look-up table: layers over precisions and operating points (dissertation 3.3.3).

A row is a layer of a network at a precision and an operating point; `COLUMNS` are in the order of
the file, their units in their names (docs/energy_tables.md). Every layer has a row at every
precision and operating point of its network, and all rows are of one array. `SCHEMA` is raised when
a column changes its name or meaning, and is written with every table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, VoltileError
from voltile.sim.array_config import ArrayConfig, CycleMode, Dataflow
from voltile.sim.elements import ELEMENTS
from voltile.sim.operating_points import Policy
from voltile.sim.table_files import (
    ColumnTable,
    RowFault,
    TableSchema,
    read_columns,
    row_place,
)
from voltile.sim.workload import Op

SCHEMA = 2
"""Version of the table."""

HARDWARE_COLUMNS = ("rows", "cols", "dataflow", "pe", "width", "mode", "tech")
"""Columns that say what computes, the same in every row."""
_TEXTS: dict[str, tuple[str, ...]] = {
    "network": (), "dataflow": tuple(item.value for item in Dataflow), "pe": tuple(ELEMENTS),
    "mode": tuple(item.value for item in CycleMode), "tech": (), "layer": (),
    "op": tuple(item.value for item in Op),
    "precision": tuple(item.name.lower() for item in Precision),
    "policy": tuple(item.value for item in Policy),
}  # fmt: skip
_WHOLE = (
    "batch", "rows", "cols", "width", "cycles", "stall_cycles", "macs", "dram_bytes",
    "act_sram_accesses", "weight_sram_accesses", "out_sram_accesses",
)  # fmt: skip
_PARTS = ("pe_dynamic_pj", "pe_leakage_pj", "sram_pj", "dram_pj", "control_pj")
COLUMNS = (
    "network", "batch", *HARDWARE_COLUMNS, "layer", "op", "precision", "policy", "reference_vdd_v",
    "vdd_v", "frequency_hz", "cycles", "stall_cycles", "macs", "utilisation", "dram_bytes",
    "act_sram_accesses", "weight_sram_accesses", "out_sram_accesses", *_PARTS, "total_pj",
)  # fmt: skip
"""Columns of a row, without the schema's."""
_TYPES: dict[str, type] = {
    name: str if name in _TEXTS else int if name in _WHOLE else float for name in COLUMNS
}
_SCHEMA = TableSchema("an energy table", "voltile energy", SCHEMA, _TYPES)
# What rounding can do to a sum.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class EnergyTable(ColumnTable):
    """The costs of layers, by the columns of `COLUMNS`.

    Raises
    ------
    VoltileError
        When columns are missing or others, a value is not allowed, rows are of several arrays, the
        parts of the energy do not add up, or a layer lacks a precision or an operating point that
        its network has.
    """

    schema = _SCHEMA

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_values(self.columns)
        _check_hardware(self.columns)
        _check_rows(self.columns)

    @property
    def hardware(self) -> dict[str, Any]:
        """What computes, by the names of `HARDWARE_COLUMNS`."""
        return {name: self.columns[name][0].item() for name in HARDWARE_COLUMNS}

    @classmethod
    def join(cls, tables: Sequence["EnergyTable"]) -> "EnergyTable":
        """Return the rows of several tables, one after the other."""
        return cls(
            {name: np.concatenate([item.columns[name] for item in tables]) for name in COLUMNS}
        )

    @classmethod
    def read(cls, path: Path) -> "EnergyTable":
        """Read a CSV, JSON or Parquet file, by its suffix.

        Raises
        ------
        VoltileError
            Naming the file and the line (rows from 1 but in CSV), when it is of another version,
            is damaged, or is no such table.
        """
        columns = read_columns(path, _SCHEMA)
        try:
            return cls(columns)
        except RowFault as error:
            place = row_place(path, _SCHEMA, error.row)
            raise VoltileError(f"{place}: {error.fault}") from None
        except VoltileError as error:
            raise VoltileError(f"{path}: {error}") from None


def hardware_values(array: ArrayConfig, tech: str) -> dict[str, Any]:
    """Return an array in a technology by the names of `HARDWARE_COLUMNS`."""
    element = array.element
    values = (array.rows, array.cols, array.dataflow.value, element.name, element.width,
              array.mode.value, tech)  # fmt: skip
    return dict(zip(HARDWARE_COLUMNS, values, strict=True))


def _check_values(columns: Mapping[str, NDArray[Any]]) -> None:
    if not len(columns["layer"]):
        raise VoltileError("an energy table has at least one row")
    for name, values in columns.items():
        if name in _TEXTS:
            allowed = _TEXTS[name]
            unknown = set(values.tolist()) - set(allowed) if allowed else ()
            if unknown:
                raise VoltileError(
                    f"{name} must be one of {', '.join(allowed)}, not {min(unknown)}"
                )
            continue
        least, needed = values.min(), int(name == "batch")
        if not (isfinite(least) and isfinite(values.max()) and least >= needed):
            at = int(np.argmax(~(np.isfinite(values) & (values >= needed))))
            raise RowFault(at, f"{name} must be {needed} or more and finite, not {values[at]}")
    parts = np.sum([columns[name] for name in _PARTS], axis=0)
    total = columns["total_pj"]
    wrong = np.abs(parts - total) > _ROUNDING * total
    if wrong.any():
        at = int(np.argmax(wrong))
        raise RowFault(
            at, f"total_pj must be the sum of {', '.join(_PARTS)}, {parts[at]:g}, not {total[at]:g}"
        )


def _check_hardware(columns: Mapping[str, NDArray[Any]]) -> None:
    for name in HARDWARE_COLUMNS:
        values = columns[name]
        other = values != values[0]
        if other.any():
            at = int(np.argmax(other))
            raise RowFault(
                at, f"{name} must be that of the first row, {values[0]}, not {values[at]}: a table "
                "is of one array"
            )  # fmt: skip


def _check_rows(columns: Mapping[str, NDArray[Any]]) -> None:
    """Every layer of a network at every precision and operating point of it, once."""
    network, layer, precision, policy, vdd = (
        np.unique(columns[name], return_inverse=True)
        for name in ("network", "layer", "precision", "policy", "reference_vdd_v")
    )
    point = policy[1] * len(vdd[0]) + vdd[1]
    for number, name in enumerate(network[0]):
        mine = network[1] == number
        keys = [np.unique(item[mine], return_inverse=True)
                for item in (layer[1], precision[1], point)]  # fmt: skip
        shape = [len(item[0]) for item in keys]
        places = np.ravel_multi_index([item[1] for item in keys], shape)
        counts = np.bincount(places, minlength=int(np.prod(shape)))
        if (counts == 1).all():
            continue
        wrong = int(np.argmax(counts != 1))
        at = [item[0][i] for item, i in zip(keys, np.unravel_index(wrong, shape), strict=True)]
        rows = f"{counts[wrong]} rows" if counts[wrong] else "no row"
        raise VoltileError(
            f"network {name} has {rows} for layer '{layer[0][at[0]]}' at {precision[0][at[1]]} "
            f"precision, {policy[0][at[2] // len(vdd[0])]} at {vdd[0][at[2] % len(vdd[0])]:g} V"
        )
