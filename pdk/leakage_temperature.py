"""How the leakage of a technology grows with temperature: a measured table, interpolated.

Between temperatures and supplies the logarithm is interpolated, as leakage is close to exponential
in both; outside of the table there is no extrapolation.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError, read_csv_rows

Floats = NDArray[np.float64]

COLUMNS = (
    "bias", "vdd_v", "temperature_c", "leakage_factor", "lowest_of_cells", "highest_of_cells",
)  # fmt: skip
_SAME = 1e-6


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


def leakage_temperature_file(technology: str) -> Path:
    """Return where the table of a built-in technology stands."""
    return Path(__file__).parent / "technologies" / technology / "leakage_temperature.csv"


def read_leakage_temperature(path: Path, bias: str) -> LeakageTemperature:
    """Read the table of a bias; `leakage_temperature_file` says where those of technologies are.

    Raises
    ------
    VoltileError
        When the file cannot be read, or holds no full table of the bias, over two or more
        temperatures.
    """
    found: dict[tuple[float, float], float] = {}
    for row in read_csv_rows(path, COLUMNS):
        if row.values["bias"] == bias:
            at = (row.number("vdd_v", above=0), row.number("temperature_c"))
            found[at] = row.number("leakage_factor", above=0)
    vdds, temperatures = (np.unique([at[axis] for at in found]) for axis in (0, 1))
    if len(temperatures) < 2 or len(found) != len(vdds) * len(temperatures):
        raise TechnologyError(
            f"{path} must hold two temperatures or more of bias '{bias}', the same at every "
            f"supply, not {len(found)} rows of {len(vdds)} supplies and {len(temperatures)} "
            f"temperatures"
        )
    table = np.log([[found[vdd, at] for at in temperatures] for vdd in vdds])
    return LeakageTemperature(bias, vdds, temperatures, table)
