"""A technology: its cell libraries over Vdd and bias, footprints, wires and site, from a manifest.

A bias is one of several versions of every cell with the same footprint and another threshold: a
gate length (poly-bias), or a Vth flavour.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from voltile.core import TechnologyError, file_hash
from voltile.pdk.cells import read_cell_library
from voltile.pdk.header import Header, read_header
from voltile.pdk.leakage_temperature import LeakageTemperature, read_leakage_temperature
from voltile.pdk.lef import Lef, read_lef
from voltile.pdk.library import CellLibrary, interpolate_library, select_cells
from voltile.pdk.library_cache import cached_library, plain_liberty
from voltile.pdk.mixed_supply import MixedSupply

_TECHNOLOGIES = Path(__file__).parent / "technologies"
_ONE_BIAS = "pb0"
# Keys of a manifest: of itself, and of its tables. Those of the others are names of biases.
_KEYS = {
    "": ("name", "description", "pdk", "nominal_vdd_v", "synthesis_period_ns", "biases", "library",
         "corner", "layout", "wire", "cells", "mixed_supply", "header", "slow_down", "rename",
         "sram", "leakage_temperature"),
    "library": ("vdd_v", "bias", "file"),
    "corner": ("timing", "leakage"),
    "layout": ("lef", "tech_lef", "site", "tile_gap_sites"),
    "wire": ("resistance_ohm_per_um", "capacitance_ff_per_um"),
    "cells": ("buffer", "buffer_input", "buffer_output", "tie_high", "tie_low", "dont_use"),
    "mixed_supply": ("file",),
    "header": ("file", "finger_um", "gate_pitch_um", "well_gap_sites", "flip_flop"),
    "sram": ("file", "tech_nm", "note"),
    "leakage_temperature": ("file",),
}  # fmt: skip
# Where a manifest names no other.
_SRAM_FILE = _TECHNOLOGIES / "cacti7_sram.csv"
# How to get a PDK.
_SOURCES = {
    "sky130A": "Install it with: pip install ciel && ciel ls-remote --pdk-family sky130 && "
               "ciel enable --pdk-family sky130 VERSION",
    "freepdk45": "Copy the folders in technology/freepdk45/models/tran_models of VLSIDA/OpenRAM "
                 "(GitHub) to FOLDER/freepdk45/libs.tech/ngspice and set PDK_ROOT=FOLDER",
}  # fmt: skip
# Clock period that synthesis aims for where a manifest names none [ns].
_PERIOD = 5.0
# Supplies closer than this are the same supply [V].
_SAME_VDD = 1e-6


@dataclass(frozen=True)
class Sram:
    """Which memories stand for those of a technology.

    Attributes
    ----------
    file : Path
        Table of memories, for `voltile.power.read_sram_table`.
    tech_nm : int
        Process of the table that is taken [nm].
    note : str
        What a user must know of that choice; empty: nothing.
    """

    file: Path
    tech_nm: int
    note: str = ""


@dataclass
class Technology:
    """Everything the flow knows of a process.

    Attributes
    ----------
    libraries : mapping of bias to mapping of float to Path
        Liberty file of each bias, the unbiased first, at each characterised supply [V].
    wire_resistance, wire_capacitance : float
        Per metre of signal wire [ohm/m], [F/m].
    site_width, site_height : float
        Placement site [m].
    tile_gap : int
        Void between tiles beside each other, in sites.
    site_name : str
        Of the placement site in the LEF files.
    lef_files : tuple of Path
        In the order of reading, the technology part first.
    files : mapping of name to Path
        What it is read from, by the name that the manifest gives.
    mixed_supply_file : Path, optional
        Table for cells whose drivers sit at a lower supply; the leakage of the libraries is then
        replaced by that of the table's `leakage_corner`.
    synthesis_period : float
        Clock period that synthesis aims for unless told otherwise [s].
    slow_down : mapping of bias to float
        Mean delay over that of the first bias, less 1 (dissertation Fig. 4.7); empty: not known.
    header : Header, optional
        P-type headers of a Vdd-MUX.
    renamed : mapping of bias to (str, str)
        What to replace in its cell names, and by what, to get those of the first bias.
    cells : frozenset of str, optional
        Cells that its libraries hold; None: all.
    sram : Sram, optional
        Memories.
    leakage_temperatures : mapping of bias to LeakageTemperature
        How leakage grows with temperature; empty: not known.
    """

    name: str
    description: str
    nominal_vdd: float
    timing_corner: str
    leakage_corner: str
    libraries: Mapping[str, Mapping[float, Path]]
    lef: Lef
    lef_files: tuple[Path, ...]
    site_name: str
    site_width: float
    site_height: float
    tile_gap: int
    wire_resistance: float
    wire_capacitance: float
    buffer_cell: str
    buffer_input: str
    buffer_output: str
    tie_high: tuple[str, str]
    tie_low: tuple[str, str]
    dont_use: tuple[str, ...]
    files: Mapping[str, Path] = field(default_factory=dict)
    mixed_supply_file: Path | None = None
    synthesis_period: float = _PERIOD * 1e-9
    header: Header | None = None
    slow_down: Mapping[str, float] = field(default_factory=dict)
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cells: frozenset[str] | None = None
    sram: Sram | None = None
    leakage_temperatures: Mapping[str, LeakageTemperature] = field(default_factory=dict)
    _loaded: dict[tuple[str, float], CellLibrary] = field(default_factory=dict, repr=False)

    def with_cells(self, cells: Iterable[str]) -> "Technology":
        """Return the technology with libraries of only these cells."""
        return replace(self, cells=frozenset(cells), _loaded={})

    def slow_down_at(self, bias: str, vdd: float) -> float:
        """Mean added delay of a bias at a characterised supply, a part of the unbiased delay.

        From the middle of every delay table.
        """
        first, own = (self.library(vdd, item) for item in (self.biases[0], bias))
        used = first.arc_table[..., 0][first.arc_table[..., 1] >= 0]
        size = first.tables.size[used] // 2
        base, biased = (item.tables.values[used, size[:, 0], size[:, 1]] for item in (first, own))
        return float(np.mean(biased / base) - 1)

    @cached_property
    def slow_downs(self) -> dict[str, float]:
        """Mean added delay of every bias (alpha_sd of Eq. 4.2); where unknown, that at nominal."""
        return {
            bias: self.slow_down[bias] if bias in self.slow_down
            else self.slow_down_at(bias, self.nominal_vdd)
            for bias in self.biases
        }  # fmt: skip

    @property
    def biases(self) -> tuple[str, ...]:
        """Names of the biases, the unbiased first."""
        return tuple(self.libraries)

    @cached_property
    def vdds(self) -> tuple[float, ...]:
        """Characterised supplies [V], ascending; the same for every bias."""
        return tuple(sorted(self.libraries[self.biases[0]]))

    @cached_property
    def mixed_supply(self) -> MixedSupply | None:
        """Table for cells whose drivers sit at a lower supply; None where there is none."""
        return MixedSupply.load(self.mixed_supply_file) if self.mixed_supply_file else None

    @property
    def lacks(self) -> tuple[str, ...]:
        """What FINE-VH with poly-bias needs and this technology has not, a sentence each."""
        sentences = []
        if len(self.biases) == 1:
            sentences.append(
                f"technology {self.name} has one gate length: poly-bias has nothing to assign"
            )
        if self.mixed_supply_file is None:
            sentences.append(
                f"technology {self.name} has no mixed-supply table: drivers count as being at the "
                f"supply of the cell that they drive"
            )
        if self.header is None:
            sentences.append(
                f"technology {self.name} has no headers measured: there is no Vdd-MUX to size"
            )
        return tuple(sentences)

    def leakage_temperature(self, bias: str | None = None) -> LeakageTemperature:
        """Return how the leakage of a bias, by default the first, grows with temperature.

        Raises
        ------
        TechnologyError
            When the manifest does not tell, or the bias does not exist.
        """
        bias = self._known_bias(bias)
        if not self.leakage_temperatures:
            raise TechnologyError(
                f"technology {self.name} has no leakage over temperature: its manifest has no "
                f"[leakage_temperature]"
            )
        return self.leakage_temperatures[bias]

    def library(self, vdd: float, bias: str | None = None) -> CellLibrary:
        """Return the cell library at a supply; between characterised supplies, interpolated.

        Parameters
        ----------
        bias : str, optional
            By default the first.

        Raises
        ------
        TechnologyError
            When `vdd` [V] lies outside the characterised range (there is no extrapolation), the
            bias does not exist, or its cells are not those of the first bias.
        """
        bias = self._known_bias(bias)
        for (name, at), library in self._loaded.items():
            if name == bias and abs(at - vdd) < _SAME_VDD:
                return library
        exact = self._characterised(vdd)
        if exact is not None:
            library = self._read(exact, bias)
        elif self.vdds[0] < vdd < self.vdds[-1]:
            above = next(item for item in self.vdds if item > vdd)
            below = self.vdds[self.vdds.index(above) - 1]
            library = interpolate_library(self.library(below, bias), self.library(above, bias), vdd)
        else:
            raise TechnologyError(
                f"technology {self.name} is characterised from {self.vdds[0]:.2f} to "
                f"{self.vdds[-1]:.2f} V, not at {vdd:g} V"
            )
        return self._loaded.setdefault((bias, exact or vdd), library)

    def liberty(self, vdd: float, bias: str | None = None) -> Path:
        """Return the Liberty file of a characterised supply [V] as plain text.

        Raises
        ------
        TechnologyError
            When the supply is not characterised, or the bias does not exist.
        """
        exact = self._characterised(vdd)
        if exact is None:
            raise TechnologyError(f"technology {self.name} has no Liberty file at {vdd:g} V")
        return plain_liberty(self.libraries[self._known_bias(bias)][exact])

    def _known_bias(self, bias: str | None) -> str:
        if bias is None:
            return self.biases[0]
        if bias not in self.libraries:
            raise TechnologyError(
                f"technology {self.name} has no bias '{bias}': it has {', '.join(self.biases)}"
            )
        return bias

    def _characterised(self, vdd: float) -> float | None:
        return next((item for item in self.vdds if abs(item - vdd) < _SAME_VDD), None)

    def _read(self, vdd: float, bias: str) -> CellLibrary:
        path = self.libraries[bias][vdd]
        sources = [file_hash(path)]
        if self.mixed_supply_file is not None:
            sources += [self._mixed_supply_hash, self.leakage_corner, bias]

        def parse() -> CellLibrary:
            library = read_cell_library(path)
            if self.mixed_supply is None:
                return library
            return self.mixed_supply.replace_leakage(library, self.leakage_corner, bias)

        library = replace(cached_library(sources, parse), bias=bias)
        if abs(library.vdd - vdd) > 1e-3:
            raise TechnologyError(
                f"{path} is characterised at {library.vdd:.3f} V, "
                f"not at the {vdd:.3f} V that the manifest says"
            )
        if bias != self.biases[0]:
            return self._fitted(library, vdd, bias)
        if self.cells is None:
            self._check_roles(library)
            return library
        return select_cells(library, self.cells)

    @cached_property
    def _mixed_supply_hash(self) -> str:
        return file_hash(self.mixed_supply_file) if self.mixed_supply_file else ""

    def _fitted(self, library: CellLibrary, vdd: float, bias: str) -> CellLibrary:
        """Cut a bias to the cells of the first; the same arrays then serve both."""
        old, new = self.renamed.get(bias, ("", ""))
        if old:
            names = tuple(name.replace(old, new) for name in library.cell_name)
            library = replace(library, cell_name=names)
        first = self.library(vdd)
        missing = [name for name in first.cell_name if name not in library.cell_index]
        if missing:
            raise TechnologyError(
                f"technology {self.name}: bias {bias} has no cell '{missing[0]}' at {vdd:.2f} V"
            )
        library = select_cells(library, first.cell_name)
        first.check_same_structure(library)
        return library

    def _check_roles(self, library: CellLibrary) -> None:
        buffer = self.buffer_cell
        roles = ((buffer, self.buffer_input), (buffer, self.buffer_output), self.tie_high,
                 self.tie_low)  # fmt: skip
        for cell, pin in roles:
            if (library.cell_index.get(cell, -1), pin) not in library.pin_index:
                raise TechnologyError(
                    f"technology {self.name}: its library has no cell '{cell}' with pin '{pin}'"
                )
        if self.header is not None and self.header.flip_flop not in library.cell_index:
            raise TechnologyError(
                f"technology {self.name}: its library has no cell '{self.header.flip_flop}', the "
                f"flip-flop of its Vdd-MUX"
            )


def find_pdk(name: str) -> Path:
    """Return the PDK root: `$PDK_ROOT`, else the usual places, that holds the folder `name`.

    Raises
    ------
    TechnologyError
        Saying how to install the PDK.
    """
    named = os.environ.get("PDK_ROOT")
    usual = ("~/.ciel", "~/.volare", "/usr/local/share/pdk", "/usr/share/pdk")
    places = [Path(named)] if named else [Path(place).expanduser() for place in usual]
    for place in places:
        if (place / name).is_dir():
            return place.resolve()
    looked = f"PDK_ROOT={named}" if named else "PDK_ROOT (unset) and " + ", ".join(usual)
    raise TechnologyError(
        f"PDK '{name}' not found in {looked}. {_SOURCES.get(name, 'Install it')}; or point "
        f"PDK_ROOT at the folder that holds {name}/"
    )


def builtin_technologies() -> tuple[str, ...]:
    """Names of the technologies that come with Voltile."""
    return tuple(sorted(path.parent.name for path in _TECHNOLOGIES.glob("*/manifest.toml")))


def read_technology(name_or_path: str) -> Technology:
    """Return the technology of a built-in name or of a manifest file.

    Paths in a manifest are relative to the PDK root when it names a `pdk`, else to the manifest;
    those of headers, memories and leakage over temperature always to the manifest.

    Raises
    ------
    TechnologyError
        When there is no such manifest, a key is missing, or a file it names is not there.
    """
    path = _TECHNOLOGIES / name_or_path / "manifest.toml"
    if name_or_path not in builtin_technologies():
        path = Path(name_or_path)
        if not path.is_file():
            names = ", ".join(builtin_technologies())
            raise TechnologyError(
                f"no technology '{name_or_path}': built in are {names}; or give a manifest file"
            )
    try:
        manifest = tomllib.loads(path.read_text())
        return _from_manifest(manifest, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TechnologyError(f"manifest {path}: {error}") from None
    except KeyError as error:
        raise TechnologyError(f"manifest {path}: key {error} is missing") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise TechnologyError(f"manifest {path}: {error}") from None


def _from_manifest(manifest: dict[str, Any], path: Path) -> Technology:
    base = find_pdk(manifest["pdk"]) if "pdk" in manifest else path.parent
    files = {path.name: path}

    def existing(name: str, folder: Path = base) -> Path:
        if not (folder / name).is_file():
            raise TechnologyError(f"technology {manifest['name']}: file {folder / name} is missing")
        files[name] = folder / name
        return folder / name

    layout, wire, cells = manifest["layout"], manifest["wire"], manifest["cells"]
    biases = tuple(manifest.get("biases", (_ONE_BIAS,)))
    nominal = float(manifest["nominal_vdd_v"])
    libraries = _libraries(manifest["library"], biases, nominal, existing)
    named = _texts("tech_lef", layout["tech_lef"]) + _texts("lef", layout["lef"])
    lef_files = tuple(existing(name) for name in named)
    lef = read_lef(lef_files)
    if layout["site"] not in lef.sites:
        raise ValueError(f"no LEF file defines site '{layout['site']}'")
    site = lef.sites[layout["site"]]
    mixed_supply, header = manifest.get("mixed_supply"), manifest.get("header")
    for key in ("slow_down", "rename"):
        for bias in manifest.get(key, {}):
            if bias not in biases:
                raise ValueError(f"{key} names bias '{bias}', which is none of the biases")
    gap = _whole(layout, "tile_gap_sites")
    corner = manifest["corner"]
    period = float(manifest.get("synthesis_period_ns", _PERIOD))
    if not 0 < period < inf:
        raise ValueError(f"synthesis_period_ns must be positive, not {period:g}")
    _check_keys(manifest)
    # Measured here and not by the foundry: beside the manifest.
    headers = _header(header, existing(header["file"], path.parent), site[0]) if header else None
    # Liberty files of one corner: leakage is of the same, unless a table of others is there.
    leakage = corner["leakage"] if mixed_supply else corner.get("leakage", corner["timing"])
    if headers is not None and leakage not in headers.off:
        raise ValueError(
            f"the headers have no leakage of corner '{leakage}': they have "
            + ", ".join(headers.off)
        )
    leaking = manifest.get("leakage_temperature")
    return Technology(
        name=manifest["name"],
        description=manifest["description"],
        nominal_vdd=nominal,
        timing_corner=corner["timing"],
        leakage_corner=leakage,
        libraries=libraries,
        lef=lef,
        lef_files=lef_files,
        site_name=layout["site"],
        site_width=site[0],
        site_height=site[1],
        tile_gap=gap,
        wire_resistance=_not_negative(wire, "resistance_ohm_per_um") * 1e6,
        wire_capacitance=_not_negative(wire, "capacitance_ff_per_um") * 1e-9,
        buffer_cell=cells["buffer"],
        buffer_input=cells["buffer_input"],
        buffer_output=cells["buffer_output"],
        tie_high=tuple(cells["tie_high"]),
        tie_low=tuple(cells["tie_low"]),
        dont_use=_texts("dont_use", cells.get("dont_use", [])),
        files=files,
        mixed_supply_file=existing(mixed_supply["file"]) if mixed_supply else None,
        synthesis_period=period * 1e-9,
        header=headers,
        slow_down={bias: float(part) for bias, part in manifest.get("slow_down", {}).items()},
        renamed={bias: (old, new) for bias, (old, new) in manifest.get("rename", {}).items()},
        sram=_sram(manifest["sram"], path.parent) if "sram" in manifest else None,
        leakage_temperatures=_leakage_temperatures(
            existing(leaking["file"], path.parent), biases, libraries[biases[0]]
        )
        if leaking is not None
        else {},
    )


def _check_keys(manifest: Mapping[str, Any]) -> None:
    for table, known in _KEYS.items():
        items = manifest.get(table, []) if table else manifest
        for item in items if isinstance(items, list) else [items]:
            for key in item:
                if key not in known:
                    where = f" in {table}" if table else ""
                    raise ValueError(f"unknown key '{key}'{where}: known are {', '.join(known)}")


def _header(table: Mapping[str, Any], path: Path, site_width: float) -> Header:
    return read_header(
        path,
        finger_width=_positive(table, "finger_um") * 1e-6,
        gate_pitch=_positive(table, "gate_pitch_um") * 1e-6
        if "gate_pitch_um" in table
        else site_width,
        well_gap=_whole(table, "well_gap_sites"),
        flip_flop=str(table["flip_flop"]),
    )


def _sram(table: Mapping[str, Any], folder: Path) -> Sram:
    file = folder / table["file"] if "file" in table else _SRAM_FILE
    if not file.is_file():
        raise ValueError(f"file {file} of sram is missing")
    return Sram(file, _whole(table, "tech_nm"), str(table.get("note", "")))


def _leakage_temperatures(
    path: Path, biases: Iterable[str], vdds: Iterable[float]
) -> dict[str, LeakageTemperature]:
    """Tables of all biases; they cover the supplies of the libraries."""
    tables = {bias: read_leakage_temperature(path, bias) for bias in biases}
    for bias, table in tables.items():
        known = table.vdds
        if not (known[0] < min(vdds) + _SAME_VDD and known[-1] > max(vdds) - _SAME_VDD):
            raise ValueError(
                f"leakage over temperature of bias '{bias}' must be from {min(vdds):g} to "
                f"{max(vdds):g} V as the libraries are, not from {known[0]:g} to {known[-1]:g} V"
            )
    return tables


def _whole(table: Mapping[str, Any], key: str) -> int:
    value = table[key]
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} must be a whole number, 0 or more, not {value}")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} must be a list of texts, not {value!r}")
    return tuple(value)


def _not_negative(table: Mapping[str, Any], key: str) -> float:
    value = float(table[key])
    if not 0 <= value < inf:
        raise ValueError(f"{key} must be 0 or more, not {value:g}")
    return value


def _positive(table: Mapping[str, Any], key: str) -> float:
    value = float(table[key])
    if not 0 < value < inf:
        raise ValueError(f"{key} must be positive, not {value:g}")
    return value


def _libraries(
    items: Iterable[Mapping[str, Any]],
    biases: tuple[str, ...],
    nominal: float,
    existing: Callable[[str], Path],
) -> dict[str, dict[float, Path]]:
    """Liberty files by bias and supply; every bias has the supplies of the first."""
    libraries: dict[str, dict[float, Path]] = {bias: {} for bias in biases}
    for item in items:
        bias, vdd = item.get("bias", biases[0]), float(item["vdd_v"])
        of = f" of bias {bias}" if len(biases) > 1 else ""
        if bias not in libraries:
            raise ValueError(f"the library at {vdd:.2f} V is of bias '{bias}', none of the biases")
        if vdd in libraries[bias]:
            raise ValueError(f"two libraries{of} at {vdd:.2f} V")
        libraries[bias][vdd] = existing(item["file"])
    if nominal not in libraries[biases[0]]:
        raise ValueError(f"no library at the nominal {nominal:.2f} V")
    for bias, vdd in product(biases, sorted(set().union(*libraries.values()))):
        if vdd not in libraries[bias]:
            raise ValueError(f"bias {bias} has no library at {vdd:.2f} V, as others have")
    return libraries
