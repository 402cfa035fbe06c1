"""A technology: its cell libraries over Vdd and bias, footprints, wires and site.

A bias is one of several versions of every cell with the same footprint and another threshold: a
gate length (poly-bias), or a Vth flavour.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from voltile.core import TechnologyError, file_hash
from voltile.pdk.cells import read_cell_library
from voltile.pdk.header import Header
from voltile.pdk.leakage_temperature import LeakageTemperature
from voltile.pdk.lef import Lef
from voltile.pdk.library import CellLibrary, interpolate_library, select_cells
from voltile.pdk.library_cache import cached_library, plain_liberty
from voltile.pdk.mixed_supply import MixedSupply

DEFAULT_PERIOD = 5e-9
"""Clock period that synthesis aims for where a manifest names none [s]."""
SAME_VDD = 1e-6
"""Supplies closer than this are the same supply [V]."""


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
    synthesis_period: float = DEFAULT_PERIOD
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
            if name == bias and abs(at - vdd) < SAME_VDD:
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
        return next((item for item in self.vdds if abs(item - vdd) < SAME_VDD), None)

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
