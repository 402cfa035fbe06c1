"""How the leakage of a technology grows with temperature: a measured table, interpolated.

Between temperatures and supplies the logarithm is interpolated, as leakage is close to exponential
in both; outside of the table there is no extrapolation.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError, read_csv_rows

Floats = NDArray[np.float64]

COLUMNS = (
    "bias", "vdd_v", "temperature_c", "leakage_factor", "lowest_of_cells", "highest_of_cells",
)  # fmt: skip
_SAME = 1e-6
# Temperatures in question; one in kelvin is mostly beyond [degrees Celsius].
_COLDEST, _HOTTEST = -100.0, 300.0


@dataclass(frozen=True, eq=False)
class LeakageTemperature:
    """Leakage over that of the libraries, for one bias.

    Attributes
    ----------
    vdds, temperatures : ndarray
        Ascending [V], [degrees Celsius].
    logarithm : ndarray, shape (vdds, temperatures)
        Of the factor.
    """

    bias: str
    vdds: Floats
    temperatures: Floats
    logarithm: Floats

    def factors(self, vdd: float) -> Floats:
        """Return the factor at every temperature of the table, shape (temperatures,).

        Raises
        ------
        TechnologyError
            For a supply [V] outside of the table.
        """
        low, high = float(self.vdds[0]), float(self.vdds[-1])
        if not low - _SAME < vdd < high + _SAME:
            raise TechnologyError(
                f"leakage over temperature is known from {low:g} to {high:g} V, not at {vdd:g} V"
            )
        columns = [np.interp(vdd, self.vdds, column) for column in self.logarithm.T]
        factors: Floats = np.exp(np.array(columns))
        return factors


def read_leakage_temperature(path: Path, bias: str) -> LeakageTemperature:
    """Read the table of a bias; rows of a supply are in the order of temperature.

    The last two columns, for the reader of the file, may be empty.

    Raises
    ------
    VoltileError
        When the file cannot be read, or holds no full table of the bias, over two or more
        temperatures; when temperatures do not ascend, leakage falls with temperature or is not
        around that of the libraries.
    """
    found: dict[float, dict[float, float]] = {}
    for row in read_csv_rows(path, COLUMNS):
        if row.values["bias"] != bias:
            continue
        of_supply = found.setdefault(row.number("vdd_v", above=0), {})
        last, before = next(reversed(of_supply.items()), (-inf, 0.0))
        at = row.number("temperature_c", least=_COLDEST, most=_HOTTEST, above=last)
        of_supply[at] = row.number("leakage_factor", least=before, above=0)
    vdds = sorted(found)
    temperatures = [*found[vdds[0]]] if vdds else []
    if len(temperatures) < 2 or any([*found[vdd]] != temperatures for vdd in vdds):
        raise TechnologyError(
            f"{path} must hold two temperatures or more of bias '{bias}', the same at every "
            f"supply, not {', '.join(str(len(found[vdd])) for vdd in vdds) or 'none'}"
        )
    table = np.array([[*found[vdd].values()] for vdd in vdds])
    for vdd, (low, *_, high) in zip(vdds, table, strict=True):
        if not low <= 1 <= high:
            raise TechnologyError(
                f"{path}: leakage_factor of bias '{bias}' at {vdd:g} V is over that of the "
                f"libraries and must be 1 at their temperature, not {low:g} to {high:g}"
            )
    return LeakageTemperature(bias, np.array(vdds), np.array(temperatures), np.log(table))
