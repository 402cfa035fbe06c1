"""What a user asks of the main job."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from voltile.core import VoltileError
from voltile.hdl import MOST_ELEMENTS

# Every interval costs as many timing updates as a mesh has tiles, every point a power analysis.
_MOST_INTERVALS, _MOST_POINTS = 64, 1000
_ANY = 2**63 - 1
_MODULE = re.compile(r"([A-Za-z_][\w$]*)?")
# Yosys ends a command at a semicolon.
_DEFINE = re.compile(r"[A-Za-z_]\w*(=[^\s;]*)?")


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
        N of each N x N mesh; none: those of 3, 5 and 7 that fit the design.
    period : float, optional
        Clock period that gates are mapped and sized for [s]; by default that of the technology.
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
    poly_bias : str
        Which cells may have longer gates: "none", "interface" (those driven from another tile), or
        "all".
    drop : float
        Part of the supply that the headers of a Vdd-MUX may drop at the tile's peak current.
    gather : bool
        Whether critical cells are drawn to each other in placement.
    cycles, lanes : int
        Length and number of the random streams that are simulated.
    """

    files: tuple[Path, ...] = ()
    top: str = ""
    includes: tuple[Path, ...] = ()
    defines: tuple[str, ...] = ()
    grid: tuple[int, int] = (4, 4)
    tech: str = "freepdk45"
    sdc: Path | None = None
    tiles: tuple[int, ...] = ()
    period: float | None = None
    utilisation: float = 0.7
    intervals: tuple[int, ...] = (2, 4)
    points: int = 17
    frequencies: tuple[float, ...] = ()
    activity: str = "auto"
    cycles: int = 256
    lanes: int = 64
    poly_bias: str = "interface"
    drop: float = 0.02
    gather: bool = False
    seed: int = 1
    workers: int | None = None

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise VoltileError("; ".join(faults))

    @property
    def layout_options(self) -> dict[str, Any]:
        """What meshes depend on, beside their netlist and the supplies."""
        names = ("utilisation", "seed", "drop", "gather")
        return {name: getattr(self, name) for name in names}

    def _faults(self) -> Iterator[str]:
        """What cannot be run, a clause each."""
        ranges: tuple[tuple[str, Sequence[int], int, int], ...] = (
            ("tiles", self.tiles, 1, _ANY),
            ("rows and columns of the grid", self.grid, 1, _ANY),
            ("intervals", self.intervals, 1, _MOST_INTERVALS),
            ("points", (self.points,), 2, _MOST_POINTS),
            ("cycles", (self.cycles,), 32, _ANY),
            ("lanes", (self.lanes,), 1, _ANY),
            ("seed", (self.seed,), 0, 2**31 - 1),
            ("workers", () if self.workers is None else (self.workers,), 1, _ANY),
        )
        for name, values, least, most in ranges:
            for value in values:
                if not least <= value <= most:
                    limits = f"{least} or more" if most == _ANY else f"{least} to {most}"
                    yield f"{name} must be {limits}, not {value}"
        if self.grid[0] * self.grid[1] > MOST_ELEMENTS:
            yield (
                f"the grid must have at most {MOST_ELEMENTS} MACs, not {self.grid[0]} x "
                f"{self.grid[1]}"
            )
        if not self.intervals:
            yield "intervals must be given"
        if self.period is not None and not 0 < self.period < inf:
            yield f"clock period must be positive and finite, not {self.period * 1e9:g} ns"
        if not 0 < self.utilisation <= 1:
            yield f"utilisation must be above 0 and at most 1, not {self.utilisation:g}"
        if self.poly_bias not in ("none", "interface", "all"):
            yield f"poly-bias must be none, interface or all, not {self.poly_bias}"
        if not 0 < self.drop <= 0.2:
            yield f"drop must be above 0 and at most 0.2, not {self.drop:g}"
        for frequency in self.frequencies:
            if not 0 < frequency < inf:
                yield f"frequencies must be positive and finite, not {frequency * 1e-6:g} MHz"
        if not _MODULE.fullmatch(self.top):
            yield f"top must be the name of a module, not {self.top}"
        for folder in self.includes:
            if not folder.is_dir():
                yield f"include folder {folder} does not exist"
        for define in self.defines:
            if not _DEFINE.fullmatch(define):
                yield f"a macro must be NAME or NAME=VALUE, without spaces, not {define}"
        if self.activity not in ("auto", "random") and not Path(self.activity).is_file():
            yield (
                f"activity must be auto, random, or a VCD or CSV file that exists, "
                f"not {self.activity}"
            )
        if self.sdc is not None and not self.sdc.is_file():
            yield f"SDC file {self.sdc} does not exist"


def read_config(path: Path) -> RunConfig:
    """Read what a finished run was asked, from its `run.json`.

    Raises
    ------
    VoltileError
        When there is no such file, or it is not one that a run of this version writes.
    """
    try:
        command = json.loads(path.read_text())["command"]
        items: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in command.items()
        }
        for name in ("files", "includes"):
            items[name] = tuple(Path(item) for item in items[name])
        items["sdc"] = Path(items["sdc"]) if items["sdc"] else None
        return RunConfig(**items)
    except OSError:
        raise VoltileError(
            f"{path.parent} holds no finished run; first: voltile run ... --out {path.parent}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise VoltileError(f"{path} is not the record of a run of this version: {error}") from None
