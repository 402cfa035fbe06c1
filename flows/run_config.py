"""What a user asks of the main job."""

from dataclasses import dataclass
from pathlib import Path

from voltile.core import VoltileError


@dataclass(frozen=True)
class RunConfig:
    """What to run.

    Attributes
    ----------
    files : tuple of Path
        Verilog or SystemVerilog sources; none: the built-in grid of `grid` MACs.
    tech : str
        Built-in technology or manifest file.
    tiles : tuple of int
        N of each N x N mesh.
    period : float
        Clock period that synthesis aims for [s].
    utilisation : float
        Share of the row area that cells fill.
    intervals : tuple of int
        Into how many Vdd intervals the range is split, each one a FINE-VH variant.
    points : int
        Number of frequencies, from the reach of the lowest supply to that of the highest.
    frequencies : tuple of float
        Frequencies instead of those [Hz].
    activity : str
        "auto" (dot products for the built-in grid, else random), "random", or a VCD or CSV file.
    cycles, lanes : int
        Length and number of the random streams that are simulated.
    """

    files: tuple[Path, ...] = ()
    top: str = ""
    includes: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    grid: tuple[int, int] = (4, 4)
    tech: str = "sky130hd"
    sdc: Path | None = None
    tiles: tuple[int, ...] = (3, 5, 7)
    period: float = 5e-9
    utilisation: float = 0.7
    intervals: tuple[int, ...] = (2, 4)
    points: int = 17
    frequencies: tuple[float, ...] = ()
    activity: str = "auto"
    cycles: int = 256
    lanes: int = 64
    seed: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        checks: tuple[tuple[bool, str, object], ...] = (
            (bool(self.tiles) and min(self.tiles) >= 1, "tiles must be 1 or more", self.tiles),
            (min(self.grid) >= 1, "grid must have 1 or more rows and columns", self.grid),
            (bool(self.intervals) and min(self.intervals) >= 1, "intervals must be 1 or more",
             self.intervals),
            (self.points >= 2, "points must be 2 or more", self.points),
            (self.cycles >= 32, "cycles must be 32 or more", self.cycles),
            (self.lanes >= 1, "lanes must be 1 or more", self.lanes),
            (all(f > 0 for f in self.frequencies), "frequencies must be positive",
             self.frequencies),
        )  # fmt: skip
        recording = self.activity not in ("auto", "random") and not Path(self.activity).is_file()
        checks += (
            (not recording, "activity must be auto, random, or a VCD or CSV file that exists",
             self.activity),
            (self.sdc is None or self.sdc.is_file(), "the SDC file must exist", self.sdc),
        )  # fmt: skip
        faults = [f"{text}, not {value}" for good, text, value in checks if not good]
        if faults:
            raise VoltileError("; ".join(faults))
