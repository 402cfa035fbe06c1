"""What jobs write: tables, and no file over what they read."""

import csv
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from voltile.core import VoltileError, write_atomically


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, whole or not at all."""
    with write_atomically(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def remove_outputs(out: Path, names: Iterable[str]) -> None:
    """Remove files of an earlier job from a folder; they must not pass for those of the new one."""
    for name in names:
        (out / name).unlink(missing_ok=True)


@contextmanager
def all_outputs(out: Path, names: Collection[str]) -> Iterator[None]:
    """Make room for files of a job in a folder; what an interrupted block has written goes, too."""
    out.mkdir(parents=True, exist_ok=True)
    remove_outputs(out, names)
    try:
        yield
    except BaseException:
        remove_outputs(out, names)
        raise


def refuse_overwriting(inputs: Iterable[Path], out: Path, outputs: Iterable[str]) -> None:
    """Check that an output folder can be written to, and holds no input that a job would write.

    Raises
    ------
    VoltileError
        Naming the folder, or the input.
    """
    for place in (out, *out.parents):
        if place.exists() and not place.is_dir():
            where = "is" if place == out else f"is below {place}, which is"
            raise VoltileError(f"output folder {out} {where} a file")
    nearest = next(place for place in (out, *out.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise VoltileError(f"output folder {out} cannot be written: {error.strerror}") from None
    written = {(out / name).resolve() for name in outputs}
    for path in inputs:
        if path.resolve() in written:
            raise VoltileError(f"output folder {out} would overwrite the input {path}")
