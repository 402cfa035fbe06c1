"""Where cells come from: a generator, or netlists with the logic that a Liberty file states."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from voltile.core import TechnologyError
from voltile.pdk.cells import read_cell_library
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.cell_generator import read_cell_list
from voltile.pdk.characterization.switch_level import check_logic, derive_functions
from voltile.pdk.characterization.transistors import CellNetlist, read_netlists
from voltile.pdk.lef import Lef, read_lef
from voltile.pdk.library import ArcType, CellLibrary, Direction, Sequential, SequentialKind
from voltile.pdk.logic import parse_expression

# Names become folders and words of the simulator's command language.
_WORD = re.compile(r"\w+")
# Drive strength at the end of a name: `nand2_x0p5`, `sky130_fd_sc_hd__inv_4`.
_DRIVE = re.compile(r"_x?(\d+(?:p\d+)?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Subject:
    """A cell, the width of its footprint [m], and the largest load of its outputs [F]."""

    cell: Cell
    width: float
    largest_load: float


@dataclass(frozen=True)
class Subjects:
    """Cells by name, why others cannot be characterised, and width and height of their site [m]."""

    cells: Mapping[str, Subject]
    left_out: Mapping[str, str]
    site: tuple[float, float]


@dataclass(frozen=True)
class GeneratedCells:
    """Cells of a list for the generator; `load_per_drive` is the largest load of drive 1 [F]."""

    file: Path
    load_per_drive: float

    @property
    def files(self) -> tuple[Path, ...]:
        """What the cells are read from."""
        return (self.file,)

    def read(self, patterns: Sequence[str], site: str) -> Subjects:
        """Return the cells that match; see `Netlists.read`."""
        cell_list = read_cell_list(self.file)
        cells = {cell.name: cell for cell in cell_list.cells}

        def subject(name: str) -> Subject:
            load = self.load_per_drive * _drive(name)
            return Subject(cells[name], cell_list.width(cells[name]), load)

        chosen = matching(cells, patterns, self.file)
        return _subjects(chosen, subject, (cell_list.site_width, cell_list.row_height))


@dataclass(frozen=True)
class Netlists:
    """Cells of a SPICE file.

    Attributes
    ----------
    scale : float
        Factor of the `.option scale` that the netlists expect.
    liberty : Path, optional
        States functions, storage and the largest loads; without it functions are derived from the
        transistors, and only combinational cells can be.
    lef : tuple of Path
        Site and footprints.
    load_per_drive : float
        Largest load of drive 1 [F] where no Liberty file gives one.
    """

    file: Path
    scale: float
    power: str
    ground: str
    well_power: str
    well_ground: str
    liberty: Path | None
    lef: tuple[Path, ...]
    load_per_drive: float

    @property
    def files(self) -> tuple[Path, ...]:
        """What the cells are read from."""
        return (self.file, *self.lef, *([self.liberty] if self.liberty else []))

    def read(self, patterns: Sequence[str], site: str) -> Subjects:
        """Return the cells that match, each with its logic proven against its transistors.

        Parameters
        ----------
        patterns : sequence of str
            Names, or globs.
        site : str
            Name of the placement site.

        Raises
        ------
        TechnologyError
            When a file cannot be read, a pattern matches nothing, or there is no such site.
        """
        netlists = read_netlists(self.file, self.scale)
        library = read_cell_library(self.liberty) if self.liberty else None
        lef = read_lef(self.lef)
        if site not in lef.sites:
            raise TechnologyError(f"no LEF file defines site '{site}'")

        def subject(name: str) -> Subject:
            found = netlists[name]
            if library is not None and name in library.cell_index:
                cell = self._stated(found, name, library)
                load = _stated_load(library, library.cell_index[name])
            elif isinstance(found, TechnologyError):
                raise found
            else:
                cell, load = self._derived(found), float("inf")
            if cell.netlist.transistors:
                check_logic(cell)
            if load == float("inf"):
                load = self._load(name)
            return Subject(cell, _width(lef, name, lef.sites[site]), load)

        return _subjects(matching(netlists, patterns, self.file), subject, lef.sites[site])

    def _stated(
        self, netlist: CellNetlist | TechnologyError, name: str, library: CellLibrary
    ) -> Cell:
        """The cell as the Liberty file has it."""
        at = library.cell_index[name]
        inputs = library.inputs_of(at)
        outputs = [pin for pin in library.pins_of(at)
                   if library.pin_direction[pin] == Direction.OUTPUT]  # fmt: skip
        functions = {library.pin_name[pin]: library.pin_function[pin] for pin in outputs}
        tristate = library.arc_type[library.arc_cell == at] == ArcType.TRISTATE
        if tristate.any():
            raise TechnologyError(f"cell '{name}' is a three-state cell, which is not supported")
        storage = library.sequential.get(at)
        if storage is not None and storage.kind is SequentialKind.CLOCK_GATE:
            functions = {storage.output: storage.gated_clock}
        if not functions or not all(functions.values()):
            raise TechnologyError(f"cell '{name}' has no logic function in {self.liberty}")
        if isinstance(netlist, TechnologyError):
            if inputs or any(parse_expression(text)[0] != "const" for text in functions.values()):
                raise netlist
            # Tie cells may hold resistors. They have no arcs, so nothing of them is simulated.
            netlist = CellNetlist(name, (*functions, self.power, self.ground), ())
        for pin in (*inputs, *functions):
            if pin not in netlist.pins:
                raise TechnologyError(f"cell '{name}' has no pin '{pin}' in {self.file}")
        return self._cell(netlist, inputs, functions, storage)

    def _derived(self, netlist: CellNetlist) -> Cell:
        """The cell as its transistors have it: what only drives gates is an input."""
        rails = {self.power, self.ground, self.well_power, self.well_ground}
        gates = {item.gate for item in netlist.transistors}
        channels = {net for item in netlist.transistors for net in (item.drain, item.source)}
        pins = [pin for pin in netlist.pins if pin not in rails]
        for pin in pins:
            if (pin in gates) == (pin in channels):
                raise TechnologyError(
                    f"cell '{netlist.name}': its transistors do not tell whether pin '{pin}' is "
                    f"an input or an output; a Liberty file would"
                )
        inputs = tuple(pin for pin in pins if pin in gates)
        cell = self._cell(netlist, inputs, {}, None)
        return self._cell(netlist, inputs, derive_functions(cell), None)

    def _cell(
        self, netlist: CellNetlist, inputs: tuple[str, ...], functions: Mapping[str, str],
        storage: Sequential | None,
    ) -> Cell:  # fmt: skip
        return Cell(netlist, inputs, functions, storage, self.power, self.ground,
                    self.well_power, self.well_ground)  # fmt: skip

    def _load(self, name: str) -> float:
        if not self.load_per_drive:
            raise TechnologyError(
                f"cell '{name}' has no max_capacitance, and no max_load_ff_per_drive is given"
            )
        return self.load_per_drive * _drive(name)


CellSource = GeneratedCells | Netlists


def matching(names: Iterable[str], patterns: Sequence[str], where: object) -> list[str]:
    """Return the names that match one of the patterns, sorted.

    Raises
    ------
    TechnologyError
        When a pattern matches nothing.
    """
    known, chosen = list(names), set()
    for pattern in patterns:
        found = [name for name in known if fnmatchcase(name, pattern)]
        if not found:
            raise TechnologyError(f"no cell of {where} matches '{pattern}'")
        chosen.update(found)
    return sorted(chosen)


def _subjects(
    names: Iterable[str], make: Callable[[str], Subject], site: tuple[float, float]
) -> Subjects:
    cells: dict[str, Subject] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            subject = make(name)
            for word in (name, *subject.cell.netlist.pins):
                if not _WORD.fullmatch(word):
                    raise TechnologyError(f"'{word}' is not of letters, digits and underscores")
            cells[name] = subject
        except TechnologyError as error:
            left_out[name] = str(error)
    return Subjects(cells, left_out, site)


def _stated_load(library: CellLibrary, cell: int) -> float:
    """The smallest max_capacitance of the outputs [F]."""
    return min(
        float(library.pin_max_capacitance[pin])
        for pin in library.pins_of(cell)
        if library.pin_direction[pin] == Direction.OUTPUT
    )


def _width(lef: Lef, name: str, site: tuple[float, float]) -> float:
    macro = lef.macros.get(name)
    if macro is None:
        raise TechnologyError(f"cell '{name}' has no footprint in the LEF files")
    if abs(macro.height - site[1]) > 1e-9:
        raise TechnologyError(
            f"cell '{name}' is {macro.height * 1e6:g} um high: more than one row is not supported"
        )
    return macro.width


def _drive(name: str) -> float:
    match = _DRIVE.search(name)
    if match is None:
        raise TechnologyError(f"cell '{name}' has no drive strength at the end of its name")
    return float(match[1].replace("p", "."))
