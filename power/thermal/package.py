"""What a die stands on: layers from the transistors to the cooler, and what carries heat away.

All layers have the footprint of the die. Of a spreader or a cooler that is wider, the package gives
what it does for this footprint: the coefficient of convection is that of the die's own area.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from voltile.core import TechnologyError, read_checked_toml

# Ambient that a package may be in [degrees Celsius].
_COLDEST, _HOTTEST = -100.0, 200.0


@dataclass(frozen=True)
class Layer:
    """A layer of one material.

    Attributes
    ----------
    thickness : float
        [m].
    conductivity : float
        [W/(m K)].
    heat_capacity : float
        Of a volume [J/(m3 K)].
    """

    name: str
    thickness: float
    conductivity: float
    heat_capacity: float

    def __post_init__(self) -> None:
        for what in ("thickness", "conductivity", "heat_capacity"):
            value = getattr(self, what)
            if not 0 < value < inf:
                raise ValueError(
                    f"{what} of layer {self.name} must be positive and finite, not {value:g}"
                )


@dataclass(frozen=True)
class Package:
    """Layers, and convection on both ends.

    Attributes
    ----------
    layers : tuple of Layer
        All power is spent in the first.
    convection_last, convection_first : float
        From the far side of the last and of the first layer to the ambient [W/(m2 K)].
    ambient : float
        [degrees Celsius].
    """

    layers: tuple[Layer, ...]
    convection_last: float
    convection_first: float
    ambient: float

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a package must have a layer or more, not none")
        if not (0 < self.convection_last < inf and 0 <= self.convection_first < inf):
            raise ValueError(
                f"convection must be positive behind the last layer, 0 or more before the first, "
                f"and finite, not {self.convection_last:g} and {self.convection_first:g} W/(m2 K)"
            )


def read_package(path: Path) -> Package:
    """Read a package from a TOML file.

    Tables `layers.NAME`, from the transistors outwards, hold `thickness_um`,
    `conductivity_w_per_mk` and `heat_capacity_j_per_m3k`; `convection` holds `last_w_per_m2k` and
    `first_w_per_m2k` (0 where it is missing); `ambient_c` is the ambient temperature.

    Raises
    ------
    VoltileError
        When the file cannot be read, or a value is missing or out of range.
    """
    try:
        with read_checked_toml(path) as top:
            ambient = top.number("ambient_c", _COLDEST, _HOTTEST)
            with top.section("convection") as convection:
                last = convection.number("last_w_per_m2k", 1e-3, 1e9)
                first = convection.number("first_w_per_m2k", 0, 1e9, default=0.0)
            found = []
            with top.section("layers") as layers:
                for name in layers.names:
                    with layers.section(name) as layer:
                        found.append(
                            Layer(
                                name,
                                layer.number("thickness_um", 1e-3, 1e6, 1e-6),
                                layer.number("conductivity_w_per_mk", 1e-3, 1e5),
                                layer.number("heat_capacity_j_per_m3k", 1.0, 1e8),
                            )
                        )
    except OSError as error:
        raise TechnologyError(f"{path} cannot be read: {error.strerror}") from None
    return Package(tuple(found), last, first, ambient)
