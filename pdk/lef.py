"""Reads cell sizes, pin positions and sites from LEF files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from voltile.core import LibertyError


@dataclass(frozen=True)
class Macro:
    """Footprint of a cell.

    Attributes
    ----------
    width, height : float
        [m].
    pin_offset : dict of str to (float, float)
        Middle of the first shape of each pin, from the lower left corner [m].
    """

    width: float
    height: float
    pin_offset: dict[str, tuple[float, float]]


@dataclass
class Lef:
    """Macros and sites (width, height [m]) of a set of LEF files."""

    macros: dict[str, Macro] = field(default_factory=dict)
    sites: dict[str, tuple[float, float]] = field(default_factory=dict)


def read_lef(paths: Iterable[Path]) -> Lef:
    """Read LEF files into one set of macros and sites.

    Raises
    ------
    LibertyError
        When a file is missing, cut off or malformed; with the line number.
    """
    lef = Lef()
    for path in paths:
        _read_file(path, lef)
    return lef


def _read_file(path: Path, lef: Lef) -> None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise LibertyError(f"cannot be read: {error.strerror}", str(path)) from None
    kind = name = pin = ""
    size = (0.0, 0.0)
    pins: dict[str, tuple[float, float]] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            if not kind and words[0] in ("MACRO", "SITE") and len(words) == 2:
                kind, name, size, pins, pin = words[0], words[1], (0.0, 0.0), {}, ""
            elif kind and words[0] == "SIZE":
                size = (float(words[1]) * 1e-6, float(words[3]) * 1e-6)
            elif kind == "MACRO" and words[0] == "PIN":
                pin = words[1]
            elif pin and words[0] == "RECT" and pin not in pins:
                x0, y0, x1, y1 = map(float, words[1:5])
                pins[pin] = ((x0 + x1) * 0.5e-6, (y0 + y1) * 0.5e-6)
            elif words[0] == "END" and len(words) > 1:
                if words[1] == pin:
                    pin = ""
                elif kind and words[1] == name:
                    if kind == "SITE":
                        lef.sites[name] = size
                    else:
                        lef.macros[name] = Macro(*size, pins)
                    kind = ""
        except (ValueError, IndexError):
            raise LibertyError(
                f"not a LEF statement: '{line.strip()}'", str(path), number
            ) from None
    if kind:
        raise LibertyError(f"the file ends inside {kind} '{name}': cut off?", str(path), len(lines))
