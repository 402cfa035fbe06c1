"""The table that `voltile multilevel` prints."""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from voltile.flows.energy.plots import energy_unit
from voltile.flows.precision.search_display import share
from voltile.flows.precision.search_outputs import precision_text

if TYPE_CHECKING:
    from voltile.flows.precision.multilevel_job import MultilevelResult


def multilevel_rows(result: "MultilevelResult") -> Table:
    """Return a row per level and target, as Table 3.13."""
    modes = tuple(result.inputs.network.element.products)
    unit, factor = "operations", 1.0
    if result.effort_unit == "pJ":
        unit, factor = energy_unit(result.full_effort)
    names = ", ".join(result.inputs.network.names)
    table = Table(
        box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left",
        caption=f"Full precision: {result.full_effort * factor:.4g} {unit} on "
        f"{result.inputs.network.element.name} elements, without layers that take no precision. "
        f"Difference: to the target, {result.inputs.accuracy_set}. Precisions (letters F full, "
        f"M mixed, H half) in the order of {names}.",
    )  # fmt: skip
    columns = ("level", "classes", "target", "calibration", "test", "difference", unit, "saving",
               *(f"MACs {item.name.lower()}" for item in modes[1:]))  # fmt: skip
    for name in columns:
        table.add_column(name, justify="right")
    table.add_column("precisions", overflow="fold")
    for row in result.rows:
        table.add_row(
            str(row.level), str(row.classes), share(row.target), share(row.calibration_accuracy),
            share(row.test_accuracy), f"{row.difference:+.1%}", f"{row.effort * factor:.4g}",
            share(row.saving), *(share(item) for item in row.mac_shares[1:]),
            precision_text(modes, row.setting) + ("" if row.met else " (target not met)"),
        )  # fmt: skip
    return table
