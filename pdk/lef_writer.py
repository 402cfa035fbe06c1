"""Writes footprints as LEF: one site, and one macro per cell with a shape for every pin.

Pin shapes stand for the place of the pin; they are no layout.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from voltile.pdk.lef import LEF_HEADER, Layer

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
{power_layers}SITE {site}
  CLASS CORE ;
  SYMMETRY Y ;
  SIZE {site_width} BY {site_height} ;
END {site}
"""
_POWER_LAYER = """LAYER {name}
  TYPE ROUTING ;
  DIRECTION {direction} ;
  PITCH {pitch} ;
  WIDTH {width} ;
  SPACING {spacing} ;
  RESISTANCE RPERSQ {resistance:g} ;
{density}END {name}
"""
# Of the pins.
_LAYER = "metal1"
_NONE: Mapping[str, Layer] = MappingProxyType({})


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
    straps : mapping of name to use
        `POWER` or `GROUND`: an even number of further supplies that cross the cell between its
        rails, in their order from the bottom.
    """

    name: str
    width: float
    pins: Mapping[str, str]
    straps: Mapping[str, str] = field(default_factory=dict)


def tech_lef_text(site: Site, power_layers: Mapping[str, Layer] = _NONE) -> str:
    """Return the technology part: units, the layer of the pins, those of power, and the site."""
    half = _microns(site.width / 2)
    return LEF_HEADER + _TECHNOLOGY.format(
        layer=_LAYER,
        pitch=_microns(site.width),
        width=half,
        power_layers="".join(_power_layer(*item) for item in power_layers.items()),
        site=site.name,
        site_width=_microns(site.width),
        site_height=_microns(site.height),
    ) + "END LIBRARY\n"  # fmt: skip


def _power_layer(name: str, layer: Layer) -> str:
    density = layer.current_density * 1e-3
    return _POWER_LAYER.format(
        name=name,
        direction=layer.direction,
        pitch=_microns(layer.width + layer.spacing),
        width=_microns(layer.width),
        spacing=_microns(layer.spacing),
        resistance=layer.sheet_resistance,
        density=f"  DCCURRENTDENSITY AVERAGE {density:g} ;\n" if density else "",
    )


def lef_text(
    site: Site, footprints: Iterable[Footprint], power: str = "VDD", ground: str = "VSS",
    layer: str = _LAYER,
) -> str:  # fmt: skip
    """Return the macros; signal pins stand evenly spaced at half height, rails at the edges."""
    lines = [line for item in footprints for line in _macro(site, item, power, ground, layer)]
    return LEF_HEADER + "".join(f"{line}\n" for line in lines) + "END LIBRARY\n"


def _macro(
    site: Site, item: Footprint, power: str, ground: str, layer: str
) -> Iterator[str]:  # fmt: skip
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
        yield from _pin(pin, direction, "SIGNAL", layer, (x - half, y - half, x + half, y + half))
    rail, top = site.width / 2, site.height
    middle = len(item.straps) // 2
    for at, (pin, use) in enumerate(item.straps.items()):
        y = top * (at + 1 + (at >= middle)) / (len(item.straps) + 2)
        yield from _pin(pin, "INOUT", use, layer, (0.0, y - half, item.width, y + half))
    yield from _pin(ground, "INOUT", "GROUND", layer, (0.0, 0.0, item.width, rail))
    yield from _pin(power, "INOUT", "POWER", layer, (0.0, top - rail, item.width, top))
    yield f"END {item.name}"


def _pin(
    name: str, direction: str, use: str, layer: str, corners: tuple[float, ...]
) -> Iterator[str]:  # fmt: skip
    yield f"  PIN {name}"
    yield f"    DIRECTION {direction} ;"
    yield f"    USE {use} ;"
    yield "    PORT"
    yield f"      LAYER {layer} ;"
    yield f"        RECT {' '.join(map(_microns, corners))} ;"
    yield "    END"
    yield f"  END {name}"


def _microns(metres: float) -> str:
    """Micrometres on the grid of 1 nm."""
    return f"{metres * 1e6:.3f}"
