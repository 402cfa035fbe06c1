"""Cells as transistors: reads `.subckt` netlists of static CMOS cells.

Understood are MOS devices, as `M` cards or as `X` instances of a named model. Widths and lengths
are in metres; netlists for `.option scale` give the factor.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voltile.core import TechnologyError

_SUFFIX = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
           "f": 1e-15, "a": 1e-18}  # fmt: skip
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(meg|[tgkmunpfa])?", re.IGNORECASE)


@dataclass(frozen=True)
class Transistor:
    """One MOS device; width and length in metres, `model` as the netlist calls it."""

    name: str
    drain: str
    gate: str
    source: str
    bulk: str
    model: str
    width: float
    length: float


@dataclass(frozen=True)
class CellNetlist:
    """One cell: its pins in the order of the subcircuit, and its transistors."""

    name: str
    pins: tuple[str, ...]
    transistors: tuple[Transistor, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every net, pins first, then inner nets by name."""
        used = {net for item in self.transistors for net in (item.drain, item.gate, item.source)}
        return (*self.pins, *sorted(used - set(self.pins)))


def read_netlists(path: Path, scale: float = 1.0) -> Mapping[str, CellNetlist | TechnologyError]:
    """Return the cells of a SPICE file by name.

    Parameters
    ----------
    scale : float
        Factor of the `.option scale` that the netlist expects for device sizes.

    Returns
    -------
    mapping
        A cell that holds anything but MOS devices maps to the error that says so, so that one such
        cell does not cost the others.

    Raises
    ------
    TechnologyError
        When the file is missing, or a subcircuit has no end.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise TechnologyError(f"cannot read netlists {path}: {error.strerror}") from None
    cells: dict[str, CellNetlist | TechnologyError] = {}
    header: list[str] | None = None
    devices: list[Transistor] = []
    problem: TechnologyError | None = None
    for line in re.sub(r"\n\+", " ", text).splitlines():
        words = line.split()
        if not words or words[0].startswith("*"):
            continue
        card = words[0].lower()
        if card == ".subckt" and len(words) > 1:
            if header is not None:
                raise TechnologyError(f"{path}: subcircuit '{header[0]}' has no .ends")
            header, devices, problem = words[1:], [], None
        elif card == ".ends" and header is not None:
            name = header[0]
            cells[name] = problem or CellNetlist(name, tuple(header[1:]), tuple(devices))
            header = None
        elif header is not None and not card.startswith("."):
            try:
                devices.append(_device(words, scale))
            except ValueError as error:
                problem = problem or TechnologyError(f"{path}: cell '{header[0]}': {error}")
    if header is not None:
        raise TechnologyError(f"{path} ends inside subcircuit '{header[0]}'")
    return cells


def _device(words: list[str], scale: float) -> Transistor:
    sizes = dict(word.lower().split("=", 1) for word in words[1:] if "=" in word)
    nets = [word for word in words[1:] if "=" not in word]
    if words[0][0].lower() not in "mx" or len(nets) != 5 or not {"w", "l"} <= sizes.keys():
        raise ValueError(f"'{words[0]}' is not a MOS device")
    multiple = spice_number(sizes.get("m", "1")) * spice_number(sizes.get("mult", "1"))
    width, length = spice_number(sizes["w"]) * multiple * scale, spice_number(sizes["l"]) * scale
    if width <= 0 or length <= 0:
        raise ValueError(f"'{words[0]}' has no size: w = {sizes['w']}, l = {sizes['l']}")
    drain, gate, source, bulk, model = nets
    return Transistor(words[0], drain, gate, source, bulk, model, width, length)


def spice_number(text: str) -> float:
    """Return a SPICE number: `650000u` is 0.65, letters behind the scale factor are ignored.

    Raises
    ------
    ValueError
        When the text does not begin with a number.
    """
    match = _NUMBER.match(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a number")
    return float(match[1]) * _SUFFIX.get((match[2] or "").lower(), 1.0)
