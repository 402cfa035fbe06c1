"""Values over time that hold until the next, read from CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core.csv_rows import read_csv_rows
from voltile.core.errors import VoltileError

# Thirty years [s].
_LONGEST = 1e9


@dataclass(frozen=True)
class Steps:
    """A value over time.

    Attributes
    ----------
    time : ndarray, shape (steps + 1,)
        Start of each step, and the end of the last [s].
    value : ndarray, shape (steps,)
        0 or more, in the unit of the file.
    line : ndarray of int, shape (steps,)
        Line of the file.
    """

    time: NDArray[np.float64]
    value: NDArray[np.float64]
    line: NDArray[np.int64]


def read_steps(path: Path, columns: Sequence[str]) -> Steps:
    """Read a CSV file of two columns, time and value.

    A row holds from its time to that of the next row. The last row ends the trace: its value is 0
    or empty.

    Raises
    ------
    VoltileError
        When the file cannot be read, is empty, has other columns, a time that is negative or does
        not grow, a negative value, a value that is no finite number, fewer than two rows, or a
        value in its last row.
    """
    at, of = columns
    rows = list(read_csv_rows(path, columns))
    if len(rows) < 2:
        raise VoltileError(
            f"{path} must have two rows or more, the last of which ends it, not {len(rows)}"
        )
    time, value = [], []
    for row in rows:
        time.append(row.number(at, least=0, most=_LONGEST))
        if len(time) > 1 and time[-1] <= time[-2]:
            raise row.fault(at, f"above {time[-2]:g} of the row before, not {time[-1]:g}")
        ends = row is rows[-1]
        empty = ends and not row.values[of]
        value.append(0.0 if empty else row.number(of, least=0))
        if ends and value[-1] > 0:
            raise row.fault(
                of, f"0 or empty in the last row, which ends the trace, not {value[-1]:g}"
            )
    lines = np.array([row.line for row in rows[:-1]], dtype=np.int64)
    return Steps(np.array(time), np.array(value[:-1]), lines)
