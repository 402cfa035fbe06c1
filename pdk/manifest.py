"""Technologies from manifests: TOML files that name their libraries, layout, wires and cells."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

from voltile.core import TechnologyError
from voltile.pdk.header import Header, read_header
from voltile.pdk.leakage_temperature import LeakageTemperature, read_leakage_temperature
from voltile.pdk.lef import read_lef
from voltile.pdk.pdk_root import find_pdk
from voltile.pdk.technology import DEFAULT_PERIOD, SAME_VDD, Sram, Technology

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
    period = float(manifest.get("synthesis_period_ns", DEFAULT_PERIOD * 1e9))
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
        if not (known[0] < min(vdds) + SAME_VDD and known[-1] > max(vdds) - SAME_VDD):
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
