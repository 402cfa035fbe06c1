"""Reads cell sizes, pin positions, sites and routing layers from LEF files; copies macros."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voltile.core import LibertyError

LEF_HEADER = """VERSION 5.8 ;
BUSBITCHARS "[]" ;
DIVIDERCHAR "/" ;
"""
_MACRO = re.compile(r"^\s*MACRO\s+(\S+)\s.*?^\s*END\s+\1\s*\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Macro:
    """Footprint of a cell.

    Attributes
    ----------
    width, height : float
        [m].
    pin_offset : dict of str to (float, float)
        Middle of the first shape of each pin, from the lower left corner [m].
    rail_layer : str
        Last routing layer among the shapes of its power pins; empty where there are none.
    supplies : dict of str to str
        `POWER` or `GROUND`, by the pins that are for supplies.
    """

    width: float
    height: float
    pin_offset: dict[str, tuple[float, float]]
    rail_layer: str = ""
    supplies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """Routing layer; 0 is what the files do not say.

    Attributes
    ----------
    direction : str
        `HORIZONTAL` or `VERTICAL`; empty: not said.
    width, spacing : float
        Least width, and the widest spacing that its tables ask for [m].
    sheet_resistance : float
        [ohm].
    current_density : float
        Largest mean current per width [A/m].
    """

    direction: str = ""
    width: float = 0.0
    spacing: float = 0.0
    sheet_resistance: float = 0.0
    current_density: float = 0.0

    @property
    def is_vertical(self) -> bool:
        """Whether wires run up and down."""
        return self.direction == "VERTICAL"


@dataclass
class Lef:
    """Macros, sites (width, height [m]) and routing layers, lowest first, of a set of LEF files.

    `grid` is the manufacturing grid [m], 0 where none is given.
    """

    macros: dict[str, Macro] = field(default_factory=dict)
    sites: dict[str, tuple[float, float]] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    grid: float = 0.0


def read_lef(paths: Iterable[Path]) -> Lef:
    """Read LEF files into one set of macros, sites and layers; technology files come first.

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
    kind = name = pin = use = rail = ""
    size = (0.0, 0.0)
    pins: dict[str, tuple[float, float]] = {}
    supplies: dict[str, str] = {}
    statements: list[list[str]] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            if not kind and words[0] in ("MACRO", "SITE", "LAYER") and len(words) == 2:
                kind, name, size, pins, pin, rail = words[0], words[1], (0.0, 0.0), {}, "", ""
                supplies, statements = {}, []
            elif not kind and words[0] == "MANUFACTURINGGRID":
                lef.grid = float(words[1]) * 1e-6
            elif kind and words[0] == "SIZE":
                size = (float(words[1]) * 1e-6, float(words[3]) * 1e-6)
            elif kind == "MACRO" and words[0] == "PIN":
                pin, use = words[1], ""
            elif pin and words[0] == "USE":
                use = words[1]
                if use in ("POWER", "GROUND"):
                    supplies[pin] = use
            elif use == "POWER" and words[0] == "LAYER" and words[1] in lef.layers:
                rail = words[1]
            elif pin and words[0] == "RECT" and pin not in pins:
                x0, y0, x1, y1 = map(float, words[1:5])
                pins[pin] = ((x0 + x1) * 0.5e-6, (y0 + y1) * 0.5e-6)
            elif words[0] == "END" and len(words) > 1:
                if words[1] == pin:
                    pin = use = ""
                elif kind and words[1] == name:
                    if kind == "SITE":
                        lef.sites[name] = size
                    elif kind == "MACRO":
                        lef.macros[name] = Macro(*size, pins, rail, supplies)
                    elif ["TYPE", "ROUTING"] in statements:
                        lef.layers[name] = _layer(statements)
                    kind = ""
            elif kind == "LAYER":
                statements.append([word for word in words if word != ";"])
        except (ValueError, IndexError):
            raise LibertyError(
                f"not a LEF statement: '{line.strip()}'", str(path), number
            ) from None
    if kind:
        raise LibertyError(f"the file ends inside {kind} '{name}': cut off?", str(path), len(lines))


def _layer(statements: Iterable[list[str]]) -> Layer:
    """Layer of its statements; a line of a spacing table is `WIDTH` and two or more numbers."""
    direction, width, spacing, resistance, density = "", 0.0, 0.0, 0.0, 0.0
    for words in statements:
        match words:
            case ["DIRECTION", text]:
                direction = text
            case ["WIDTH", text]:
                width = float(text)
            case ["SPACING", text, *_]:
                spacing = max(spacing, float(text))
            case ["WIDTH", _, *texts]:
                spacing = max(spacing, *map(float, texts))
            case ["RESISTANCE", "RPERSQ", text]:
                resistance = float(text)
            case ["DCCURRENTDENSITY", "AVERAGE", text]:
                density = float(text)
    return Layer(direction, width * 1e-6, spacing * 1e-6, resistance, density * 1e3)


def copy_macros(paths: Iterable[Path], copies: Mapping[str, Sequence[str]]) -> str:
    """Return macros of LEF files under other names, as LEF.

    Parameters
    ----------
    copies : mapping of str to sequence of str
        Names of the copies of each macro.
    """
    parts = [LEF_HEADER]
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        for macro in _MACRO.finditer(text):
            own = re.compile(rf"^(\s*(?:MACRO|FOREIGN|END)\s+){re.escape(macro[1])}(?=\s)", re.M)
            parts += [own.sub(rf"\g<1>{copy}", macro[0]) for copy in copies.get(macro[1], ())]
    return "".join(parts) + "END LIBRARY\n"
