"""Writes footprints as LEF: one site, and one macro per cell with a small shape for every pin."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_HEADER = """VERSION 5.8 ;
BUSBITCHARS "[]" ;
DIVIDERCHAR "/" ;
"""
_TECHNOLOGY = """UNITS
  DATABASE MICRONS 1000 ;
END UNITS
MANUFACTURINGGRID 0.001 ;
LAYER {layer}
  TYPE ROUTING ;
  DIRECTION HORIZONTAL ;
  PITCH {pitch} ;
  WIDTH {width} ;
END {layer}
SITE {site}
  CLASS CORE ;
  SYMMETRY Y ;
  SIZE {site_width} BY {site_height} ;
END {site}
"""
# Of the pin shapes, which stand for the place of the pin and are no layout.
_LAYER = "metal1"


@dataclass(frozen=True)
class Site:
    """Placement site: name, width and height [m]."""

    name: str
    width: float
    height: float


@dataclass(frozen=True)
class Footprint:
    """A cell one row high.

    Attributes
    ----------
    width : float
        [m], a multiple of the site's.
    pins : mapping of name to direction
        `INPUT` or `OUTPUT`, in the order in which they stand from left to right.
    """

    name: str
    width: float
    pins: Mapping[str, str]


def tech_lef_text(site: Site) -> str:
    """Return the technology part: units, the layer of the pins, and the site."""
    half = _microns(site.width / 2)
    return _HEADER + _TECHNOLOGY.format(
        layer=_LAYER,
        pitch=_microns(site.width),
        width=half,
        site=site.name,
        site_width=_microns(site.width),
        site_height=_microns(site.height),
    ) + "END LIBRARY\n"  # fmt: skip


def lef_text(
    site: Site, footprints: Iterable[Footprint], power: str = "VDD", ground: str = "VSS"
) -> str:
    """Return the macros; signal pins stand evenly spaced at half height, rails at the edges."""
    lines = [line for item in footprints for line in _macro(site, item, power, ground)]
    return _HEADER + "".join(f"{line}\n" for line in lines) + "END LIBRARY\n"


def _macro(site: Site, item: Footprint, power: str, ground: str) -> Iterator[str]:
    yield f"MACRO {item.name}"
    yield "  CLASS CORE ;"
    yield f"  FOREIGN {item.name} ;"
    yield "  ORIGIN 0 0 ;"
    yield f"  SIZE {_microns(item.width)} BY {_microns(site.height)} ;"
    yield "  SYMMETRY X Y ;"
    yield f"  SITE {site.name} ;"
    half = round(site.width / 4, 9)
    for at, (pin, direction) in enumerate(item.pins.items(), 1):
        x, y = item.width * at / (len(item.pins) + 1), site.height / 2
        yield from _pin(pin, f"{direction} ;", "SIGNAL", x - half, y - half, x + half, y + half)
    rail = site.width / 2
    yield from _pin(ground, "INOUT ;", "GROUND", 0.0, 0.0, item.width, rail)
    top = site.height
    yield from _pin(power, "INOUT ;", "POWER", 0.0, top - rail, item.width, top)
    yield f"END {item.name}"


def _pin(
    name: str, direction: str, use: str, x0: float, y0: float, x1: float, y1: float
) -> Iterator[str]:
    yield f"  PIN {name}"
    yield f"    DIRECTION {direction}"
    yield f"    USE {use} ;"
    yield "    PORT"
    yield f"      LAYER {_LAYER} ;"
    yield f"        RECT {' '.join(_microns(value) for value in (x0, y0, x1, y1))} ;"
    yield "    END"
    yield f"  END {name}"


def _microns(metres: float) -> str:
    """Micrometres on the grid of 1 nm."""
    return f"{metres * 1e6:.3f}"
