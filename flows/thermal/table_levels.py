"""Levels that a governor may choose from, out of the energy table of a network."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import Precision, VoltileError
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.power.thermal import VfTable
from voltile.sim import EnergyTable, Policy

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TableLevels:
    """What a table holds of a network at a precision, an inference each; arrays over its levels.

    Attributes
    ----------
    tech : str
        Technology, of the manifest's name.
    shape : tuple of int
        Rows and columns of the array.
    table : VfTable
    cycles : ndarray
        Stalls included.
    dynamic, rest : ndarray
        Of the elements, and of memories on the chip and control, theirs with leakage [J].
    leakage : ndarray
        Of the elements, at the corner of the libraries [W].
    """

    name: str
    tech: str
    shape: tuple[int, int]
    table: VfTable
    cycles: Floats
    dynamic: Floats
    leakage: Floats
    rest: Floats


def read_levels(config: AcceleratorConfig) -> Iterator[TableLevels]:
    """Yield the levels of every precision that is asked for.

    Raises
    ------
    VoltileError
        When the table has no such network, precision or policy, or fewer than two supplies.
    """
    table = EnergyTable.read(config.energy)
    columns = table.columns
    networks = sorted(set(columns["network"].tolist()))
    network = _chosen("network", config.network, networks, config.energy)
    mine = columns["network"] == network
    policies = sorted(set(columns["policy"][mine].tolist()))
    usual = Policy.ISO_FREQUENCY.value if len(policies) > 1 else policies[0]
    policy = _chosen("policy", config.policy or usual, policies, config.energy)
    mine &= columns["policy"] == policy
    known = set(columns["precision"][mine].tolist())
    ordered = [item.name.lower() for item in Precision if item.name.lower() in known]
    for precision in config.precisions or ordered:
        _chosen("precision", precision, ordered, config.energy)
        rows = mine & (columns["precision"] == precision)
        supply, at = np.unique(columns["reference_vdd_v"][rows], return_inverse=True)
        if len(supply) < 2:
            raise VoltileError(
                f"{config.energy} must have two supplies or more for a governor to choose from, "
                f"not {supply[0]:g} V alone: 'voltile energy ... --vdd 0.6 --vdd 0.8 --vdd 1.0'"
            )
        first = np.unique(at, return_index=True)[1]
        batch = float(columns["batch"][rows][0])

        def total(*names: str) -> Floats:
            parts = [np.bincount(at, columns[name][rows]) for name in names]  # noqa: B023
            return np.asarray(np.sum(parts, axis=0) / batch, float)  # noqa: B023

        frequency, vdd = (columns[name][rows][first] for name in ("frequency_hz", "vdd_v"))
        cycles = total("cycles", "stall_cycles")
        name = f"{network} {precision}"
        yield TableLevels(
            name, table.hardware["tech"], (table.hardware["rows"], table.hardware["cols"]),
            VfTable(f"{config.energy}: {name}, {policy}", frequency, vdd), cycles,
            total("pe_dynamic_pj") * 1e-12,
            total("pe_leakage_pj") * 1e-12 * frequency / cycles,
            total("sram_pj", "control_pj") * 1e-12,
        )  # fmt: skip


def _chosen(what: str, asked: str | None, known: list[str], path: Path) -> str:
    name = known[0] if asked is None and len(known) == 1 else asked
    if name not in known:
        given = "none is given" if name is None else f"not {name}"
        raise VoltileError(f"--{what} must be one of {path}: {', '.join(known)}; {given}")
    return name
