"""Measures one cell at one supply and one gate length: everything that a library says of it."""

from collections.abc import Mapping, Sequence
from itertools import product

from voltile.pdk.characterization.bench import Bench, Corner
from voltile.pdk.characterization.checks import measure_checks
from voltile.pdk.characterization.combinational import measure_combinational, plan_cell
from voltile.pdk.characterization.measurement import CellMeasurement
from voltile.pdk.characterization.plan import Plan, Settings
from voltile.pdk.characterization.sequential import measure_sequential
from voltile.pdk.characterization.storage import Storage

__all__ = ["measure_cell", "plan_cell"]


def measure_cell(
    bench: Bench,
    bias: str,
    plan: Plan,
    settings: Settings,
    largest_load: float,
    leakage_corners: Sequence[Corner],
) -> CellMeasurement:
    """Measure a cell.

    Parameters
    ----------
    bench : Bench
        At the timing corner.
    bias : str
        Name of its gate length.
    plan : Plan
        Made once per cell by `plan_cell`, so that all supplies and gate lengths have the same arcs;
        without meaning for sequential cells.
    largest_load : float
        What the last of the loads stands for [F].

    Raises
    ------
    VoltileError
        When the cell does not work, or a simulation does not converge.
    """
    cell = bench.cell
    storage = Storage(bench) if cell.storage else None
    if storage:
        arcs, pins, wait = measure_sequential(storage, settings, largest_load)
        checks, pins = measure_checks(storage, settings, largest_load, pins, wait)
    elif cell.inputs:
        arcs, pins = measure_combinational(bench, plan, settings, largest_load)
        checks = ()
    else:
        arcs, pins, checks = (), (), ()
    leakage, low_leakage = {}, {}
    for corner in leakage_corners:
        leakage[corner.name], low_leakage[corner.name] = _leakage(
            bench.at(corner), storage, settings
        )
    return CellMeasurement(
        cell.name, bias, bench.vdd, cell.inputs, settings.slews, settings.check_slews,
        tuple(part * largest_load for part in settings.loads), settings.ratios,
        arcs, checks, pins, leakage, low_leakage,
    )  # fmt: skip


def _leakage(
    bench: Bench, storage: Storage | None, settings: Settings
) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Leakage of every state, and with some of the high inputs at each of the lower supplies."""
    inputs = bench.cell.inputs
    states: list[tuple[tuple[int, ...], str, Mapping[str, float] | None]]
    if storage:
        states = [
            (state.inputs, str(state.stored), storage.nodes[state]) for state in storage.states
        ]
    else:
        states = [(values, "", None) for values in product((0, 1), repeat=len(inputs))]
    full: dict[str, float] = {}
    low: dict[str, list[float]] = {}
    for values, stored, nodes in states:
        names, levels = [], []
        for pattern in product(*(("1", "L") if value else ("0",) for value in values)):
            for ratio in settings.ratios if "L" in pattern else (1.0,):
                names.append("".join(pattern) + stored)
                levels.append(_levels(inputs, pattern, ratio))
        for name, power in zip(names, bench.leakage(levels, nodes), strict=True):
            if "L" in name:
                low.setdefault(name, []).append(power)
            else:
                full[name] = power
    return full, {name: tuple(powers) for name, powers in low.items()}


def _levels(inputs: Sequence[str], pattern: Sequence[str], ratio: float) -> Mapping[str, float]:
    level = {"0": 0.0, "1": 1.0, "L": ratio}
    return {pin: level[symbol] for pin, symbol in zip(inputs, pattern, strict=True)}
