"""Shows on the terminal how far a characterisation is: a line per finished cell, and a bar."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from voltile.pdk.characterization.job import Progress


class CharacterizeDisplay:
    """A progress bar on standard error, where that is a terminal; lines everywhere."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._stage = ""
        self._task = self._bars.add_task("cells", total=None, note="")

    def __enter__(self) -> "CharacterizeDisplay":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Take the progress of the job."""
        line = ""
        if progress.fault:
            line = f"{progress.cell}: FAILED: {progress.fault}"
        elif progress.stage == "measurements" and progress.cell_done == progress.cell_total > 0:
            line = f"{progress.cell} ({progress.done} of {progress.total}, {_note(progress)})"
        elif progress.stage != self._stage:
            kept = f" {progress.done} of {progress.total} are kept" if progress.done else ""
            line = f"{progress.stage} ...{kept}"
        self._stage = progress.stage
        if line:
            self._bars.console.print(line, markup=False, soft_wrap=True)
        if not progress.fault:
            description = f"{progress.stage} {progress.cell}".strip()
            self._bars.update(
                self._task, description=description, completed=progress.done,
                total=progress.total or None, note=_note(progress),
            )  # fmt: skip


def _note(progress: Progress) -> str:
    parts = [f"{progress.rate:.0f} point-edges/s"] if progress.rate else []
    if progress.cell:
        minutes, seconds = divmod(round(progress.left), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f"{hours}:{minutes:02d}:{seconds:02d} left")
    return ", ".join(parts)
