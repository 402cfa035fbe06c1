"""Energy of a processing element over precision and supply, from `pe_energy.csv`.

Between two supplies of the table everything is interpolated in its logarithm; there is no
extrapolation. The clock of an array is taken to be that of its element.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import CsvRow, Precision, VoltileError, read_csv_rows

Floats = NDArray[np.float64]

_PARTS = ("switching_pj", "internal_pj", "leakage_pj")
_COLUMNS = (
    "pe", "width", "acc_width", "precision", "mode", "vdd_v", "frequency_hz", "max_frequency_hz",
    "macs_per_cycle", "energy_per_mac_pj", *_PARTS, "idle_pj_per_cycle", "gated_pj_per_cycle",
    "area_um2",
)  # fmt: skip
_MODE = "highest-frequency"
# Supplies closer than this are the same [V].
_SAME = 1e-6
# What rounding in the file can do to a sum or a clock.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class PePoint:
    """An element at the supplies and precisions of an array of operating points.

    Attributes
    ----------
    mac : ndarray
        Switching and internal energy of a MAC [J].
    busy_leakage, idle_leakage : ndarray
        While it computes, and while it does not [W].
    idle : ndarray
        Energy of the clock in a cycle without work [J].
    """

    mac: Floats
    busy_leakage: Floats
    idle_leakage: Floats
    idle: Floats


@dataclass(frozen=True, eq=False)
class PeEnergy:
    """What an element takes, and how fast it is.

    Attributes
    ----------
    name : str
        Of the element.
    area : float
        Of its cells, those of its clock tree included [m2].
    precisions : tuple of Precision
        That it was measured at.
    vdds : ndarray, shape (supplies,)
        [V], ascending.
    macs_per_cycle : ndarray, shape (precisions,)
        Of dot products that follow one another.
    max_frequency : ndarray, shape (precisions, supplies)
        [Hz].
    values : ndarray, shape (4, precisions, supplies)
        The four of `PePoint`.
    """

    name: str
    area: float
    precisions: tuple[Precision, ...]
    vdds: Floats
    macs_per_cycle: Floats
    max_frequency: Floats
    values: Floats

    def of(self, precisions: Sequence[Precision]) -> "PeEnergy":
        """Return the element at some of its precisions, in their order.

        Raises
        ------
        VoltileError
            When it was not measured at one of them.
        """
        for item in precisions:
            if item not in self.precisions:
                names = ", ".join(known.name.lower() for known in self.precisions)
                raise VoltileError(
                    f"element {self.name} has no energies at {item.name.lower()} precision: it has "
                    f"those at {names}"
                )
        at = [self.precisions.index(item) for item in precisions]
        return PeEnergy(
            self.name, self.area, tuple(precisions), self.vdds, self.macs_per_cycle[at],
            self.max_frequency[at], self.values[:, at],
        )  # fmt: skip

    def reach(self, vdd: Floats) -> Floats:
        """Return the highest clock at supplies, shape (..., precisions) [Hz]."""
        return self._interpolate(self.max_frequency, vdd)

    def lowest_vdd(self, frequency: Floats) -> Floats:
        """Return the lowest supply that meets clocks, shape (..., precisions) [V].

        One of the table where it is that but for rounding.

        Raises
        ------
        VoltileError
            For a clock beyond the reach of the highest supply.
        """
        vdd = np.empty_like(frequency)
        for at, precision in enumerate(self.precisions):
            wanted, reach = frequency[..., at], self.max_frequency[at]
            if wanted.max(initial=0.0) > reach[-1] * (1 + _ROUNDING):
                raise VoltileError(
                    f"element {self.name} at {precision.name.lower()} precision reaches "
                    f"{reach[-1] / 1e6:.1f} MHz at {self.vdds[-1]:g} V, not "
                    f"{wanted.max() / 1e6:.1f} MHz"
                )
            vdd[..., at] = np.interp(np.log(wanted), np.log(reach), self.vdds)
        # Rounding of clocks in the table must not make a supply that seems to beat its own.
        nearest = self.vdds[np.abs(vdd[..., None] - self.vdds).argmin(axis=-1)]
        return np.where(np.abs(vdd - nearest) < _SAME, nearest, vdd)

    def at(self, vdd: Floats) -> PePoint:
        """Return what the element takes at supplies [V], shape (..., precisions)."""
        return PePoint(*(self._interpolate(table, vdd) for table in self.values))

    def _interpolate(self, table: Floats, vdd: Floats) -> Floats:
        low, high = self.vdds[0], self.vdds[-1]
        outside = vdd[~((vdd >= low - _SAME) & (vdd <= high + _SAME))]
        if outside.size:
            raise VoltileError(
                f"element {self.name} is characterised from {low:g} to {high:g} V, "
                f"not at {outside.flat[0]:g} V"
            )
        columns = [
            np.exp(np.interp(vdd[..., at], self.vdds, np.log(row))) for at, row in enumerate(table)
        ]
        return np.stack(columns, axis=-1)


def read_pe_energy(path: Path, name: str, width: int, acc_width: int) -> PeEnergy:
    """Read an element of a table that `voltile characterize-pe` wrote.

    Taken are its rows at the highest frequency of every supply. What an idle cycle takes above one
    without a clock is counted as energy of the clock.

    Raises
    ------
    VoltileError
        Naming the file, and the line, when columns or values are others, the element is missing,
        or a precision lacks a supply that another one has.
    """
    found: dict[tuple[str, float], CsvRow] = {}
    others: dict[str, None] = {}
    for row in read_csv_rows(path, _COLUMNS):
        texts = row.values
        if texts["mode"] != _MODE:
            continue
        others[f"{texts['pe']} {texts['width']}/{texts['acc_width']}"] = None
        if (texts["pe"], texts["width"], texts["acc_width"]) == (name, str(width), str(acc_width)):
            if texts["precision"].upper() not in Precision.__members__:
                names = ", ".join(item.name.lower() for item in Precision)
                raise row.fault("precision", f"one of {names}, not '{texts['precision']}'")
            key = texts["precision"], row.number("vdd_v", above=0)
            if found.setdefault(key, row) is not row:
                raise row.fault("vdd_v", f"another than on line {found[key].line}, {key[1]:g}")
    if not found:
        raise VoltileError(
            f"{path} has no rows of mode {_MODE} for element {name} {width}/{acc_width} (bits of "
            f"operands and accumulator): it has {', '.join(others) or 'none'}; "
            f"'voltile characterize-pe' writes them"
        )
    precisions = [item for item in Precision if item.name.lower() in {key[0] for key in found}]
    vdds = sorted({vdd for _, vdd in found})
    for precision in precisions:
        for vdd in vdds:
            if (precision.name.lower(), vdd) not in found:
                raise VoltileError(
                    f"{path}: element {name} has no row at {precision.name.lower()} precision and "
                    f"{vdd:g} V, as at another precision"
                )
    rates, reaches, values = [], [], []
    for precision in precisions:
        rows = [found[precision.name.lower(), vdd] for vdd in vdds]
        numbers = [_numbers(row) for row in rows]
        rates.append(numbers[0][0])
        reaches.append([item[1] for item in numbers])
        values.append([item[2:] for item in numbers])
        for row, (before, after) in zip(rows[1:], pairwise(reaches[-1]), strict=True):
            if after <= before:
                raise row.fault("max_frequency_hz", f"above that of a lower supply, {before:g}")
    return PeEnergy(
        name, _area(list(found.values())), tuple(precisions), np.array(vdds), np.array(rates),
        np.array(reaches), np.moveaxis(np.array(values), -1, 0),
    )  # fmt: skip


def _area(rows: Sequence[CsvRow]) -> float:
    """Area that all rows say [m2]."""
    area = rows[0].number("area_um2", above=0)
    for row in rows[1:]:
        if row.number("area_um2") != area:
            raise row.fault("area_um2", f"that of line {rows[0].line}, {area:g}")
    return area * 1e-12


def _numbers(row: CsvRow) -> tuple[float, ...]:
    """MACs per cycle, highest clock, and the four of `PePoint`."""
    rate, frequency, reach = (
        row.number(column, above=0)
        for column in ("macs_per_cycle", "frequency_hz", "max_frequency_hz")
    )
    switching, internal, leakage, idle, gated, total = (
        row.number(column, above=0) * 1e-12
        for column in (*_PARTS, "idle_pj_per_cycle", "gated_pj_per_cycle", "energy_per_mac_pj")
    )
    parts = switching + internal + leakage
    if abs(parts - total) > _ROUNDING * total:
        raise row.fault(
            "energy_per_mac_pj", f"the sum of {', '.join(_PARTS)}, {parts * 1e12:g}, not "
            f"{total * 1e12:g}"
        )  # fmt: skip
    if idle <= gated:
        raise row.fault("idle_pj_per_cycle", f"above gated_pj_per_cycle, {gated * 1e12:g}")
    return (
        rate, reach, switching + internal, leakage * rate * frequency, gated * frequency,
        idle - gated,
    )  # fmt: skip
