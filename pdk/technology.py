"""A technology: its cell libraries over Vdd, footprints, wires and site, from a TOML manifest."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from voltile.core import TechnologyError, file_hash, write_atomically
from voltile.pdk.cells import read_cell_library
from voltile.pdk.lef import Lef, read_lef
from voltile.pdk.library import (
    CellLibrary,
    interpolate_library,
    library_from_arrays,
    library_to_arrays,
    select_cells,
)

_MANIFESTS = Path(__file__).parent / "manifests"
# Raised when the arrays of a cached library change meaning.
_CACHE_VERSION = 1
# Supplies closer than this are the same supply [V].
_SAME_VDD = 1e-6


@dataclass
class Technology:
    """Everything the flow knows of a process.

    Attributes
    ----------
    vdds : tuple of float
        Characterised supplies [V], ascending.
    liberty : mapping of float to Path
        Liberty file of each of them.
    wire_resistance, wire_capacitance : float
        Per metre of signal wire [ohm/m], [F/m].
    site_width, site_height : float
        Placement site [m].
    tile_gap : int
        Void between tiles beside each other, in sites.
    files : tuple of Path
        What it was read from: manifest, LEF and Liberty files.
    cells : frozenset of str, optional
        Cells that its libraries hold; None: all.
    """

    name: str
    description: str
    nominal_vdd: float
    timing_corner: str
    leakage_corner: str
    liberty: Mapping[float, Path]
    lef: Lef
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
    files: tuple[Path, ...] = ()
    cells: frozenset[str] | None = None
    _loaded: dict[float, CellLibrary] = field(default_factory=dict, repr=False)

    def with_cells(self, cells: Iterable[str]) -> "Technology":
        """Return the technology with libraries of only these cells."""
        return replace(self, cells=frozenset(cells), _loaded={})

    @cached_property
    def vdds(self) -> tuple[float, ...]:
        """Characterised supplies [V], ascending."""
        return tuple(sorted(self.liberty))

    def library(self, vdd: float) -> CellLibrary:
        """Return the cell library at a supply; between characterised supplies, interpolated.

        Raises
        ------
        TechnologyError
            When `vdd` [V] lies outside the characterised range: there is no extrapolation.
        """
        known = next((item for item in self._loaded if abs(item - vdd) < _SAME_VDD), None)
        if known is not None:
            return self._loaded[known]
        exact = next((item for item in self.vdds if abs(item - vdd) < _SAME_VDD), None)
        if exact is not None:
            library = _read_cached(self.liberty[exact])
            if abs(library.vdd - exact) > 1e-3:
                raise TechnologyError(
                    f"{self.liberty[exact]} is characterised at {library.vdd:.3f} V, "
                    f"not at the {exact:.3f} V that the manifest says"
                )
            if self.cells is None:
                self._check_roles(library)
            else:
                library = select_cells(library, self.cells)
        elif self.vdds[0] < vdd < self.vdds[-1]:
            above = next(item for item in self.vdds if item > vdd)
            below = self.vdds[self.vdds.index(above) - 1]
            library = interpolate_library(self.library(below), self.library(above), vdd)
        else:
            raise TechnologyError(
                f"technology {self.name} is characterised from {self.vdds[0]:.2f} to "
                f"{self.vdds[-1]:.2f} V, not at {vdd:g} V"
            )
        return self._loaded.setdefault(exact or vdd, library)

    def _check_roles(self, library: CellLibrary) -> None:
        buffer = self.buffer_cell
        roles = ((buffer, self.buffer_input), (buffer, self.buffer_output), self.tie_high,
                 self.tie_low)  # fmt: skip
        for cell, pin in roles:
            if (library.cell_index.get(cell, -1), pin) not in library.pin_index:
                raise TechnologyError(
                    f"technology {self.name}: its library has no cell '{cell}' with pin '{pin}'"
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
        f"PDK '{name}' not found in {looked}. Install it with: pip install ciel && "
        f"ciel ls-remote --pdk-family sky130 && ciel enable --pdk-family sky130 VERSION; "
        f"or point PDK_ROOT at the folder that holds {name}/"
    )


def builtin_technologies() -> tuple[str, ...]:
    """Names of the manifests that come with Voltile."""
    return tuple(sorted(path.stem for path in _MANIFESTS.glob("*.toml")))


def read_technology(name_or_path: str) -> Technology:
    """Return the technology of a built-in name or of a manifest file.

    Paths in a manifest are relative to the PDK root when it names a `pdk`, else to the manifest.

    Raises
    ------
    TechnologyError
        When there is no such manifest, a key is missing, or a file it names is not there.
    """
    path = _MANIFESTS / f"{name_or_path}.toml"
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

    def existing(name: str) -> Path:
        if not (base / name).is_file():
            raise TechnologyError(f"technology {manifest['name']}: file {base / name} is missing")
        return base / name

    layout, wire, cells = manifest["layout"], manifest["wire"], manifest["cells"]
    liberty: dict[float, Path] = {}
    for item in manifest["library"]:
        if float(item["vdd_v"]) in liberty:
            raise TechnologyError(f"manifest {path}: two libraries at {item['vdd_v']:.2f} V")
        liberty[float(item["vdd_v"])] = existing(item["file"])
    lef_files = [existing(name) for name in layout["tech_lef"] + layout["lef"]]
    lef = read_lef(lef_files)
    if layout["site"] not in lef.sites:
        raise TechnologyError(f"manifest {path}: no LEF file defines site '{layout['site']}'")
    site = lef.sites[layout["site"]]
    nominal = float(manifest["nominal_vdd_v"])
    if nominal not in liberty:
        raise TechnologyError(f"manifest {path}: no library at the nominal {nominal:.2f} V")
    return Technology(
        name=manifest["name"],
        description=manifest["description"],
        nominal_vdd=nominal,
        timing_corner=manifest["corner"]["timing"],
        leakage_corner=manifest["corner"]["leakage"],
        liberty=liberty,
        lef=lef,
        site_width=site[0],
        site_height=site[1],
        tile_gap=int(layout["tile_gap_sites"]),
        wire_resistance=float(wire["resistance_ohm_per_um"]) * 1e6,
        wire_capacitance=float(wire["capacitance_ff_per_um"]) * 1e-9,
        buffer_cell=cells["buffer"],
        buffer_input=cells["buffer_input"],
        buffer_output=cells["buffer_output"],
        tie_high=tuple(cells["tie_high"]),
        tie_low=tuple(cells["tie_low"]),
        dont_use=tuple(cells.get("dont_use", ())),
        files=(path, *lef_files, *liberty.values()),
    )


def _read_cached(path: Path) -> CellLibrary:
    """Read a Liberty file by way of the user's cache folder, keyed by the file's content."""
    folder = Path(platformdirs.user_cache_dir("voltile")) / "libraries"
    cached = folder / f"{file_hash(path)}-{_CACHE_VERSION}.npz"
    if cached.is_file():
        try:
            with np.load(cached, allow_pickle=False) as arrays:
                return library_from_arrays(dict(arrays))
        except Exception:  # a damaged file fails in many ways; it is read anew and written over
            pass
    library = read_cell_library(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(cached) as temporary:
            content: dict[str, Any] = library_to_arrays(library)
            np.savez(temporary, **content)
    except OSError:
        pass  # a cache that cannot be written costs half a second a library, not the run
    return library
