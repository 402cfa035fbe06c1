"""P-type headers of a Vdd-MUX: resistance, gate and leakage per width, as SPICE measured them.

A Vdd-MUX ties the rail of a tile to VddL or to VddH through one of two p-type transistors. The
n-well of both is at VddH, and so is the gate of the one that is off; the gate of the other is at 0.

Off, both are alike. With the tile at VddH the header to VddL has its source at the tile and its
drain at VddL; with the tile at VddL the other one has its source at VddH and its drain at the tile.
Gate, source and well are at VddH and the drain at VddL, so one leakage serves both. On, they
differ: the source of the one to VddL is below its well, which raises its resistance.

So the tables are over VddH and VddL/VddH. In between, resistance is interpolated in its logarithm,
all else linearly; outside there is no extrapolation.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError

Floats = NDArray[np.float64]
Table = Sequence[Sequence[float]]

_VDD, _RATIO = "vdd_high_v", "ratio"
_RESISTANCE, _GATE = "on_resistance_ohm_um", "gate_capacitance_ff_per_um"
_OFF = "off_current_na_per_um_"
# Supplies [V] and ratios closer than this are the same.
_SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Header:
    """What a header of a technology costs per width, and how it is drawn.

    Attributes
    ----------
    finger_width : float
        Width of the transistor under one gate line: what fits the p side of a row [m].
    gate_pitch : float
        From one gate line to the next [m].
    well_gap : int
        Sites between the n-well of a header, at VddH, and that of the cells beside it.
    flip_flop : str
        Cell of the library whose width and leakage stand for the select flip-flop of a Vdd-MUX.
    vdds, ratios : tuple of float
        VddH [V], and VddL/VddH, both ascending; the last ratio is 1.
    resistance : ndarray, shape (vdds, ratios)
        Of a header that is on with its source at VddL, times width [ohm m].
    gate : ndarray, shape (vdds,)
        Mean capacitance of the gate between 0 and VddH, per width [F/m].
    off : mapping of corner to ndarray, shape (vdds, ratios)
        Current from VddH to VddL through a header that is off, per width [A/m].
    """

    finger_width: float
    gate_pitch: float
    well_gap: int
    flip_flop: str
    vdds: tuple[float, ...]
    ratios: tuple[float, ...]
    resistance: Floats
    gate: Floats
    off: Mapping[str, Floats]

    def on_resistance(self, vdd: float, vdd_high: float) -> float:
        """Return resistance times width of the header to `vdd` [ohm m].

        Parameters
        ----------
        vdd, vdd_high : float
            Supply that the header passes on, and that of its well: VddL or VddH, and VddH [V].

        Raises
        ------
        TechnologyError
            When the supplies are not within what was measured.
        """
        return float(np.exp(self._interpolate(np.log(self.resistance), vdd, vdd_high)))

    def off_current(self, vdd_low: float, vdd_high: float, corner: str) -> float:
        """Return the current from VddH to VddL per width [A/m].

        Raises
        ------
        TechnologyError
            As `on_resistance`; and when the corner was not measured.
        """
        if corner not in self.off:
            raise TechnologyError(
                f"leakage corner '{corner}' is not in the table of headers: it has "
                + ", ".join(self.off)
            )
        return self._interpolate(self.off[corner], vdd_low, vdd_high)

    def gate_capacitance(self, vdd_high: float) -> float:
        """Return the capacitance of the gate per width [F/m]; a full swing costs C VddH^2."""
        return self._interpolate(self.gate[:, None].repeat(len(self.ratios), 1), vdd_high, vdd_high)

    def _interpolate(self, table: Floats, vdd_low: float, vdd_high: float) -> float:
        ratio, (lowest, highest) = vdd_low / vdd_high, (self.vdds[0], self.vdds[-1])
        if not lowest - _SAME <= vdd_high <= highest + _SAME:
            raise TechnologyError(
                f"headers are measured at VddH from {lowest:g} to {highest:g} V, "
                f"not at {vdd_high:g} V"
            )
        if not self.ratios[0] - _SAME <= ratio <= 1 + _SAME:
            raise TechnologyError(
                f"headers are measured at VddL/VddH from {self.ratios[0]:.3f} to 1, "
                f"not at {ratio:.3f}"
            )
        rows = [np.interp(ratio, self.ratios, row) for row in table]
        return float(np.interp(vdd_high, self.vdds, rows))


def header_csv(
    vdds: Sequence[float],
    ratios: Sequence[float],
    resistance: Table,
    gate: Sequence[float],
    off: Mapping[str, Table],
) -> str:
    """Return measurements as CSV text; see `Header` for shapes and units."""
    rows = [[_VDD, _RATIO, _RESISTANCE, _GATE, *(_OFF + corner for corner in off)]]
    for at, vdd in enumerate(vdds):
        for column, ratio in enumerate(ratios):
            values = [resistance[at][column] * 1e6, gate[at] * 1e9]
            values += [table[at][column] * 1e3 for table in off.values()]
            rows.append([f"{vdd:g}", f"{ratio:.6g}", *(f"{value:.6g}" for value in values)])
    return "".join(",".join(row) + "\n" for row in rows)


def read_header(
    path: Path, finger_width: float, gate_pitch: float, well_gap: int, flip_flop: str
) -> Header:
    """Return the headers of a CSV file, as `header_csv` makes it.

    Raises
    ------
    TechnologyError
        Naming the file, and the line, when it cannot be read, a column is missing, a value is not
        a number of its range, or the rows are not all pairs of a supply and a ratio.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TechnologyError(f"headers {path} cannot be read: {error}") from None
    names = rows[0] if rows else []
    fixed = [_VDD, _RATIO, _RESISTANCE, _GATE]
    corners = [name.removeprefix(_OFF) for name in names[len(fixed) :]]
    if names != fixed + [_OFF + corner for corner in corners] or not corners:
        raise TechnologyError(
            f"headers {path}: the columns must be {', '.join(fixed)}, and {_OFF}CORNER for each "
            f"corner"
        )
    values = np.array([_numbers(path, line, row, names) for line, row in enumerate(rows[1:], 2)])
    values = values.reshape(-1, len(names))
    vdds, ratios = np.unique(values[:, 0]), np.unique(values[:, 1])
    pairs = np.stack(np.meshgrid(vdds, ratios, indexing="ij"), axis=-1).reshape(-1, 2)
    if not len(vdds) or not np.array_equal(values[:, :2], pairs) or ratios[-1] != 1:
        raise TechnologyError(
            f"headers {path}: the rows must be all pairs of a {_VDD} and a {_RATIO}, ascending, "
            f"the last ratio being 1"
        )
    table = values.reshape(len(vdds), len(ratios), -1)
    return Header(
        finger_width, gate_pitch, well_gap, flip_flop,
        tuple(vdds.tolist()), tuple(ratios.tolist()), table[:, :, 2] * 1e-6, table[:, 0, 3] * 1e-9,
        {corner: table[:, :, 4 + at] * 1e-3 for at, corner in enumerate(corners)},
    )  # fmt: skip


def _numbers(path: Path, line: int, row: Sequence[str], names: Sequence[str]) -> list[float]:
    if len(row) != len(names):
        raise TechnologyError(f"headers {path}:{line}: {len(row)} values, not {len(names)}")
    values = []
    for name, text in zip(names, row, strict=True):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        least = 0 if name.startswith(_OFF) else 1e-12
        if not (isfinite(value) and value >= least and (name != _RATIO or value <= 1)):
            allowed = "0 or more" if least == 0 else "positive"
            allowed += " and at most 1" if name == _RATIO else ""
            raise TechnologyError(f"headers {path}:{line}: {name} must be {allowed}, not '{text}'")
        values.append(value)
    return values
