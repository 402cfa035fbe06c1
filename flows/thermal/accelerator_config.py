"""What an accelerator under a thermal governor computes, and on what it stands."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from voltile.core import VoltileError
from voltile.power.thermal import Throttling, VfTable

# More than a wafer of 300 mm has [m2].
_MOST_AREA = 0.1


@dataclass(frozen=True)
class AcceleratorConfig:
    """What an accelerator computes, and on what it stands.

    Attributes
    ----------
    energy : Path
        Table of `voltile energy`, of two supplies or more.
    network : str, optional
        Of the table; by default its only one.
    precisions : tuple of str
        None: all of the table.
    policy : str, optional
        Of the table's; by default its only one, else iso-frequency.
    package : Path
        See `voltile.power.thermal.read_package`.
    area : float, optional
        Of the accelerator with its memories [m2].
    plan : Path, optional
        Folder of a finished `voltile run` of its array.
    tech : str, optional
        Its technology, built-in or a manifest file; by default that of the table.
    duration : float
        [s].
    low : float, optional
        Level to throttle to [Hz]; by default the lowest.
    limit, hysteresis, period : float
        As in `Throttling`.
    """

    energy: Path
    package: Path
    network: str | None = None
    precisions: tuple[str, ...] = ()
    policy: str | None = None
    area: float | None = None
    plan: Path | None = None
    tech: str | None = None
    duration: float = 300.0
    low: float | None = None
    limit: float = 85.0
    hysteresis: float = 2.0
    period: float = 0.1

    @property
    def note(self) -> str:
        """What a user must know of the result."""
        spread = (
            "power of the array from the placed netlist under the run's stimulus, busy in every "
            "cycle, whatever the precision; that of memories and control even"
            if self.plan
            else "power spread evenly over the area"
        )
        return (
            f"{spread}; leakage grows with temperature as in the table's technology, that of "
            f"memories and control does not; a change of the level takes no time; package: "
            f"{self.package.name}"
        )

    @property
    def side(self) -> float:
        """Of the accelerator, which is square [m].

        Raises
        ------
        VoltileError
        """
        if self.area is None or not 0 < self.area <= _MOST_AREA:
            given = "none" if self.area is None else f"{self.area * 1e6:g} mm2"
            raise VoltileError(
                f"power needs an area: --area must be above 0, up to {_MOST_AREA * 1e6:g} mm2, not "
                f"{given}"
            )
        return sqrt(self.area)

    def throttling(self, table: VfTable) -> Throttling:
        """Return how its governor throttles."""
        low = float(table.frequency[0]) if self.low is None else self.low
        return Throttling(low, self.limit, self.hysteresis, self.period)
