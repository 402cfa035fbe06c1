"""Tables read from CSV files that anyone may have written: every fault names file, line, column."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

from voltile.core.errors import VoltileError

# Of a whole number, so that it fits 64 bits.
_MOST_DIGITS = 18


@dataclass(frozen=True)
class CsvRow:
    """A row of a CSV file: its values by column, and where it stands."""

    path: Path
    line: int
    values: dict[str, str]

    def number(
        self, column: str, least: float = -inf, most: float = inf, above: float = -inf
    ) -> float:
        """Return a finite number, from `least` to `most`, and greater than `above`.

        Raises
        ------
        VoltileError
        """
        text = self.values[column]
        try:
            value = float(text)
        except ValueError:
            raise self.fault(column, f"a number, not '{text}'") from None
        if not isfinite(value):
            raise self.fault(column, f"finite, not {text}")
        if value < least:
            raise self.fault(column, f"{least:g} or more, not {value:g}")
        if value > most:
            raise self.fault(column, f"{most:g} or less, not {value:g}")
        if value <= above:
            raise self.fault(column, f"above {above:g}, not {value:g}")
        return value

    def integer(self, column: str, least: int) -> int:
        """Return a whole number of `least` or more."""
        text = self.values[column]
        digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        if not (digits and int(text) >= least):
            raise self.fault(column, f"a whole number of {least} or more, not '{text}'")
        return int(text)

    def fault(self, column: str, needed: str) -> VoltileError:
        """Return the error that a value is not as needed."""
        return VoltileError(f"{self.path}:{self.line}: {column} must be {needed}")


def read_csv_rows(path: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Yield the rows of a CSV file with exactly these columns.

    Empty lines are passed over, and lines before the header that begin with ``#``.

    Raises
    ------
    VoltileError
        When the file cannot be read, is empty or no CSV, or has another header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next((row for row in reader if not (row and row[0].startswith("#"))), None)
            if header is None:
                raise VoltileError(f"{path} is empty")
            if [name.strip() for name in header] != list(columns):
                raise VoltileError(
                    f"{path}:1: the header must be {','.join(columns)}, not {','.join(header)[:80]}"
                )
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(columns):
                    raise VoltileError(
                        f"{path}:{reader.line_num}: {len(fields)} columns, where the header has "
                        f"{len(columns)}"
                    )
                values = (field.strip() for field in fields)
                yield CsvRow(path, reader.line_num, dict(zip(columns, values, strict=True)))
    except OSError as error:
        raise VoltileError(f"{path} cannot be read: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise VoltileError(f"{path} is no CSV file: {error}") from None
