"""The table that `voltile dvfs` prints."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from voltile.flows.dvfs.job import SchemeResult


def results_table(results: Sequence[SchemeResult]) -> Table:
    """Return energy [mJ], transitions and deadline misses of every scheme as a table."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left", caption=(
        "switching: with internal energy; pairs, tiles: changes of (VddL, VddH), and of the tiles "
        "at VddH; lost: time at less than the demanded clock; missed: demands that were not done "
        "in time. Not counted: what converters lose while they feed the core, the charge of the "
        "scan chain, the headers of a design that is not cut."
    ))  # fmt: skip
    table.add_column("energy, mJ", no_wrap=True)
    for name in ("total", "switching", "leakage", "converter", "Vdd-MUX", "pairs", "tiles",
                 "lost, ms", "missed"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        item = result.emulation
        energies = (
            item.energy, item.dynamic_energy, item.leakage_energy, item.converter.energy,
            item.vdd_mux.energy,
        )  # fmt: skip
        table.add_row(
            result.title, *(f"{1e3 * energy:.4f}" for energy in energies),
            str(item.converter.count), str(item.vdd_mux.count), f"{1e3 * item.time_lost:.3f}",
            f"{item.missed} of {item.demands}",
        )  # fmt: skip
    return table
