"""Voltage-frequency levels of a processor."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import VoltileError, read_csv_rows

Floats = NDArray[np.float64]

COLUMNS = ("frequency_mhz", "vdd_v")
# What a processor may have, so that other units are found out.
_RANGES = {"frequency_mhz": (10.0, 10_000.0, "MHz"), "vdd_v": (0.1, 10.0, "V")}
# A frequency so close to that of a level is meant for it.
_SAME = 1e-5


@dataclass(frozen=True, eq=False)
class VfTable:
    """Levels, slowest first.

    Attributes
    ----------
    frequency, vdd : ndarray, shape (levels,)
        Ascending [Hz], never descending [V].
    """

    name: str
    frequency: Floats
    vdd: Floats

    def __post_init__(self) -> None:
        if not (len(self.vdd) and (np.diff(self.frequency, prepend=0) > 0).all()):
            listed = ", ".join(f"{item / 1e6:g}" for item in self.frequency)
            raise VoltileError(f"{self.name} must have ascending frequencies, not {listed} MHz")
        if not (np.diff(self.vdd, prepend=0) >= 0).all():
            listed = ", ".join(f"{item:g}" for item in self.vdd)
            raise VoltileError(f"{self.name} must have supplies that never descend, not {listed} V")

    def level(self, frequency: float) -> int:
        """Return the level of a frequency [Hz].

        Raises
        ------
        VoltileError
            When there is none.
        """
        at = int(np.abs(self.frequency - frequency).argmin())
        if not abs(self.frequency[at] - frequency) <= _SAME * self.frequency[at]:
            listed = ", ".join(f"{item / 1e6:g}" for item in self.frequency)
            raise VoltileError(f"{self.name} has no level of {frequency / 1e6:g} MHz: {listed}")
        return at

    @property
    def highest(self) -> int:
        """Level of the highest frequency."""
        return len(self.frequency) - 1


def read_vf_table(path: Path) -> VfTable:
    """Read a CSV file of frequency_mhz and vdd_v.

    Raises
    ------
    VoltileError
        When the file cannot be read or is empty, a value is out of range, as in another unit, a
        frequency is not above that of the row before, or a voltage is below it.
    """
    frequency, vdd = [0.0], [0.0]
    for row in read_csv_rows(path, COLUMNS):
        for column, (least, most, unit) in _RANGES.items():
            if not least <= (value := row.number(column)) <= most:
                raise row.fault(column, f"from {least:g} to {most:g} {unit}, not {value:g}")
        frequency.append(row.number(COLUMNS[0], above=frequency[-1]))
        vdd.append(row.number(COLUMNS[1], least=vdd[-1]))
    if len(vdd) == 1:
        raise VoltileError(f"{path} must hold a level or more, not none")
    return VfTable(str(path), np.array(frequency[1:]) * 1e6, np.array(vdd[1:]))
