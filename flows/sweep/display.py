"""What `voltile sweep` shows: a bar while it computes, then what no other combination beats."""

from collections.abc import Mapping
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from voltile.flows.energy.plots import energy_unit
from voltile.flows.sweep.job import SweepResult

# Rows of a front that are printed, at most.
_MOST = 8


class SweepDisplay:
    """A progress bar on standard error, where that is a terminal; a line on what is kept."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bars.add_task("designs", total=None)
        self._begun = False

    def __enter__(self) -> "SweepDisplay":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._bars.stop()

    def show(self, done: int, total: int) -> None:
        """Take how many designs are done."""
        if done and not self._begun:
            self._bars.console.print(f"{done} of {total} designs are kept", soft_wrap=True)
        self._begun = True
        self._bars.update(self._task, completed=done, total=total)


def show_fronts(result: SweepResult, console: Console) -> None:
    """Print the fronts of every network, one per width of operands, in latency and energy."""
    columns = result.table.columns
    for network in dict.fromkeys(network for network, _ in result.fronts):
        mine = columns["network"] == network
        fronts = {bits: rows for (name, bits), rows in result.fronts.items() if name == network}
        counts = ", ".join(f"{len(front)} of {bits}" for bits, front in fronts.items())
        with_area = int(columns["pareto"][mine].sum())
        console.print(
            f"{network}: {mine.sum()} combinations. Pareto-optimal in latency and energy, among "
            f"those of as many bits: {counts}; in latency, energy and area: {with_area} in all",
            soft_wrap=True,
        )  # fmt: skip
        console.print(_table(result, {bits: _some(rows) for bits, rows in fronts.items()}))


def _table(result: SweepResult, fronts: Mapping[str, NDArray[np.int64]]) -> Table:
    columns = result.table.columns
    several = len(result.config.modes) > 1
    most = max(columns["total_pj"][front].max() for front in fronts.values())
    unit, factor = energy_unit(most * 1e-12)
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for name in ("bits", "array", "flow", "element", *(["cycles"] if several else []), "KiB",
                 "policy"):  # fmt: skip
        table.add_column(name, no_wrap=True)
    for name in ("V", "MHz", "ms", unit, "mm²", "used", "DRAM, MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for bits, front in fronts.items():
        for number, at in enumerate(front):
            row = {name: values[at] for name, values in columns.items()}
            table.add_row(
                bits if number == 0 else "", f"{row['rows']}x{row['cols']}", row["dataflow"],
                row["pe"], *([row["mode"]] if several else []),
                f"{row['act_kib']}/{row['weight_kib']}/{row['out_kib']}", row["policy"],
                f"{row['vdd_v']:.3f}", f"{row['frequency_hz'] / 1e6:.0f}",
                f"{row['latency_s'] * 1e3:.4g}", f"{row['total_pj'] * 1e-12 * factor:.4g}",
                f"{row['area_um2'] * 1e-6:.3g}", f"{row['utilisation']:.0%}",
                f"{row['dram_bytes'] / 1e6:.3g}",
            )  # fmt: skip
    return table


def _some(front: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ends of a front, and as many in between as are printed."""
    places = np.linspace(0, len(front) - 1, min(len(front), _MOST))
    return np.asarray(front[places.round().astype(int)])
