"""Operating modes read back from the folder of a finished run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import CsvRow, VoltileError, read_csv_rows
from voltile.flows.fine_vh.outputs import MODE_COLUMNS, TILE_COLUMNS
from voltile.power import OperatingModes
from voltile.power.operating_modes import SCHEMES

Floats = NDArray[np.float64]

MODE_FILES = ("modes.csv", "tiles.csv")
_MOST_DIGITS = 9


def read_modes(folder: Path) -> tuple[OperatingModes, ...]:
    """Read what every scheme can run at from `modes.csv` and `tiles.csv` of a run folder.

    Raises
    ------
    VoltileError
        When a file is missing, has other columns, or a value that cannot be; naming the place.
    """
    missing = [name for name in MODE_FILES if not (folder / name).is_file()]
    if missing:
        raise VoltileError(
            f"run folder {folder} has no {missing[0]}: 'voltile run --out {folder}' makes it"
        )
    charged = _read_tiles(folder / "tiles.csv")
    groups: dict[tuple[str, int, float], list[CsvRow]] = {}
    for row in read_csv_rows(folder / "modes.csv", MODE_COLUMNS):
        scheme, n = row.values["scheme"], row.integer("tiles", 1)
        if scheme not in SCHEMES:
            raise row.fault("scheme", f"one of {', '.join(SCHEMES)}, not '{scheme}'")
        if n not in charged:
            raise row.fault("tiles", f"that of a mesh in tiles.csv, not {n}")
        groups.setdefault((scheme, n, row.number("dvdd_v", least=0, most=100)), []).append(row)
    if not any(scheme == "ideal" for scheme, _, _ in groups):
        raise VoltileError(f"{folder / 'modes.csv'} has no modes of ideal-DVFS")
    return tuple(_modes_of(*key, charged[key[1]], rows) for key, rows in groups.items())


def _read_tiles(path: Path) -> dict[int, Floats]:
    """Rail and header gate of each tile of each mesh [F], shape (2, tiles)."""
    found: dict[int, list[tuple[float, ...]]] = {}
    for row in read_csv_rows(path, TILE_COLUMNS):
        tiles = found.setdefault(row.integer("tiles", 1), [])
        if row.integer("tile", 0) != len(tiles):
            raise row.fault("tile", f"{len(tiles)}, which is the next, not {row.values['tile']}")
        tiles.append(tuple(row.number(name, least=0, most=1) for name in TILE_COLUMNS[3:]))
    for n, tiles in found.items():
        if len(tiles) != n * n:
            raise VoltileError(f"{path}: tiles {n} needs {n * n} rows, not {len(tiles)}")
    return {n: np.array(tiles).T for n, tiles in found.items()}


def _modes_of(
    scheme: str, n: int, interval: float, charged: Floats, rows: Sequence[CsvRow]
) -> OperatingModes:
    raised = np.zeros((len(rows), n * n), dtype=bool)
    numbers = []
    for at, row in enumerate(rows):
        low, high = (row.number(name, most=100, above=0) for name in ("vdd_low_v", "vdd_high_v"))
        if low > high or (low == high) != (scheme == "ideal"):
            relation = "equal to" if scheme == "ideal" else "above"
            raise row.fault("vdd_high_v", f"{relation} vdd_low_v, {low:g}, not {high:g}")
        numbers.append(
            (low, high, row.number("frequency_hz", least=1, most=1e12),
             row.number("energy_j", most=1, above=0), row.number("leakage_w", least=0, most=1e6))
        )  # fmt: skip
        raised[at, _tiles(row, n)] = True
    rails, gates = charged
    modes = OperatingModes(scheme, n, interval, rails, gates, raised, *np.array(numbers).T)
    if scheme == "ideal":
        _check_ladder(rows)
    if scheme == "dithering":
        _check_ends(modes, rows)
    return modes


def _tiles(row: CsvRow, n: int) -> list[int]:
    """Numbers of the tiles that are raised."""
    words = row.values["raised"].split()
    for word in words:
        digits = word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS
        if not (digits and int(word) < n * n):
            raise row.fault("raised", f"numbers of tiles, 0 to {n * n - 1}, not '{word}'")
    return [int(word) for word in words]


def _check_ladder(rows: Sequence[CsvRow]) -> None:
    """Check that frequency grows with Vdd, so that it can be interpolated."""
    for before, after in zip(rows[:-1], rows[1:], strict=True):
        for column in ("vdd_high_v", "frequency_hz"):
            after.number(column, above=before.number(column))


def _check_ends(modes: OperatingModes, rows: Sequence[CsvRow]) -> None:
    """Check that each pair has the two modes between which time is shared."""
    pairs = list(zip(modes.vdd_low.tolist(), modes.vdd_high.tolist(), strict=True))
    for at, row in enumerate(rows):
        first = at - at % 2
        if pairs.count(pairs[at]) != 2 or pairs[first] != pairs[at]:
            raise row.fault("vdd_low_v", "in two rows that follow each other, of one pair")
        if modes.raised[at].all() != (at % 2 == 1) or modes.raised[at].any() != (at % 2 == 1):
            raise row.fault("raised", "empty in the first row of a pair, every tile in the second")
        if at % 2:
            row.number("frequency_hz", above=float(modes.frequency[first]))
