"""What `voltile search` and `voltile multilevel` show on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from voltile.flows.energy.plots import energy_unit
from voltile.flows.precision.search_outputs import precision_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from voltile.flows.precision.search_job import SearchJobResult


@contextmanager
def evaluations_bar() -> "Iterator[Callable[[str, int, int | None], None]]":
    """Yield a function that shows how many evaluations a stage has done, on a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
    ) as bars:  # fmt: skip
        task = bars.add_task("", total=None)

        def show(stage: str, done: int, total: int | None) -> None:
            bars.update(task, description=stage, completed=done, total=total)

        yield show


def points_table(result: "SearchJobResult") -> Table:
    """Return the operating points as a table."""
    points, latency, names = result.points, result.latency, result.inputs.network.names
    precisions = tuple(result.inputs.network.element.products)
    letters = ", ".join(f"{item.name[0]} {item.name.lower()}" for item in precisions)
    unit, factor = energy_unit(points.energy.max())
    table = Table(
        box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left",
        caption=f"Precisions ({letters}) in the order of {', '.join(names)}. {unit} and µs: "
        f"of an inference. Loss: of top-1 "
        f"accuracy against full precision, {result.inputs.accuracy_set}. Switch: reconfiguration "
        "of weights from full precision, once per switch.",
    )  # fmt: skip
    table.add_column("point", justify="right")
    table.add_column("precisions", overflow="fold")
    for name in (unit, "saving", "µs", "KL", "calibration", "test", "loss", f"switch, {unit}"):
        table.add_column(name, justify="right", no_wrap=True)
    for number in range(len(points)):
        table.add_row(
            str(number), precision_text(precisions, points.settings[number]),
            f"{points.energy[number] * factor:.4g}", f"{result.saving[number]:.1%}",
            f"{latency[number] * 1e6:.4g}", f"{points.divergence[number]:.4f}",
            share(result.calibration_top_1[number]),
            share(result.test_top_1[number]), share(result.top_1[0] - result.top_1[number]),
            number_text(result.reconfiguration[0, number] * factor),
        )  # fmt: skip
    return table


def share(value: float) -> str:
    """Return a part in percent, or a dash where it is not known."""
    return "-" if isnan(value) else f"{value:.1%}"


def number_text(value: float) -> str:
    """Return a number, or a dash where it is not known."""
    return "-" if isnan(value) else f"{value:.3g}"
