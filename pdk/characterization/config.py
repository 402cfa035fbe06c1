"""What is characterised under which conditions: a TOML file, every key of it checked.

Paths are below the PDK root when the file names a `pdk`, else below the file's own folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from voltile.core import TechnologyError, TomlSection, read_checked_toml
from voltile.pdk.characterization.bench import Corner
from voltile.pdk.characterization.cell_generator import CELL_LISTS
from voltile.pdk.characterization.cell_sources import (
    CellSource,
    GeneratedCells,
    Netlists,
    Subjects,
    matching,
)
from voltile.pdk.characterization.layout import Layout
from voltile.pdk.characterization.models import DeviceModel
from voltile.pdk.characterization.plan import Settings
from voltile.pdk.lef import Layer
from voltile.pdk.pdk_root import find_pdk

_CONFIGS = Path(__file__).parent / "configs"
# Supplies closer than this have one name [V].
_VDD_STEP = 1e-3
# Largest loads per unit of drive strength [fF].
_LOADS = (1e-3, 1e6)


@dataclass(frozen=True)
class Roles:
    """Cells that a flow asks for by what they do; keys as in a manifest."""

    buffer: str
    buffer_input: str
    buffer_output: str
    tie_high: tuple[str, ...]
    tie_low: tuple[str, ...]
    dont_use: tuple[str, ...]


@dataclass(frozen=True)
class HeaderDesign:
    """How the headers of a Vdd-MUX are drawn; see `voltile.pdk.header.Header`.

    Attributes
    ----------
    device : str
        P-type device of the netlists.
    gate_pitch : float
        0: one site.
    """

    device: str
    finger_width: float
    gate_pitch: float
    well_gap: int
    flip_flop: str


@dataclass(frozen=True)
class Config:
    """What to characterise.

    Attributes
    ----------
    vdds : tuple of float
        Supplies [V], ascending.
    lengths : mapping of bias to float
        Gate length of the transistors drawn at `drawn_length` [m]; the first is the unbiased one.
    planned_at : (float, float)
        Supply [V] and gate length [m] at which the states of a cell are told apart.
    leakage_corners : tuple of Corner
        The first is the one whose leakage stands in the Liberty files.
    cells : tuple of str
        Names, or globs; `only` narrows them down.
    models : str
        Where the transistor models and netlists come from; stands in every file that is made.
    licence : str
        Whose the measurements are and how they may be used; stands in every library. Empty: it
        is not said.
    tile_gap : int
        In sites.
    synthesis_period : float
        Clock period that synthesis aims for unless told otherwise [s].
    wire_resistance, wire_capacitance : float
        [ohm/m], [F/m].
    anchors : mapping of float to Path
        Foundry libraries whose delay is the absolute one, by supply [V]; empty: none.
    header : HeaderDesign, optional
        None: headers are not measured.
    power_layers : mapping of name to Layer
        Upper metals of the power grid; empty: not known.
    sram_nm : int
        Process of the memories that the manifest names [nm]; 0: it names none.
    sram_note : str
        What a user must know of them.
    """

    file: Path
    name: str
    description: str
    models: str
    licence: str
    nominal_vdd: float
    vdds: tuple[float, ...]
    lengths: Mapping[str, float]
    drawn_length: float
    planned_at: tuple[float, float]
    layout: Layout
    timing_corner: Corner
    leakage_corners: tuple[Corner, ...]
    settings: Settings
    source: CellSource
    cells: tuple[str, ...]
    only: tuple[str, ...]
    site: str
    tile_gap: int
    synthesis_period: float
    wire_resistance: float
    wire_capacitance: float
    roles: Roles
    anchors: Mapping[float, Path]
    header: HeaderDesign | None = None
    power_layers: Mapping[str, Layer] = field(default_factory=dict)
    sram_nm: int = 0
    sram_note: str = ""

    @property
    def model_files(self) -> tuple[Path, ...]:
        """Files of transistor models, sorted."""
        corners = (self.timing_corner, *self.leakage_corners)
        return tuple(sorted({item.file for corner in corners for item in corner.devices.values()}))

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read, but for the models of transistors."""
        return (*self.source.files, *self.anchors.values())

    def selected(
        self, cells: Iterable[str] = (), vdds: Iterable[float] = (), biases: Iterable[str] = ()
    ) -> "Config":
        """Return a part of the work; what is empty stays whole. Parts fit together later.

        Raises
        ------
        TechnologyError
            When a supply or bias is not among those of the file.
        """
        chosen = tuple(sorted({self._known(vdd) for vdd in vdds})) or self.vdds
        wanted = set(biases) or set(self.lengths)
        if unknown := sorted(wanted - set(self.lengths)):
            raise TechnologyError(
                f"{self.file} has no bias '{unknown[0]}': it has {', '.join(self.lengths)}"
            )
        return replace(
            self,
            vdds=chosen,
            nominal_vdd=self.nominal_vdd if self.nominal_vdd in chosen else chosen[-1],
            lengths={bias: length for bias, length in self.lengths.items() if bias in wanted},
            only=tuple(cells),
        )

    def _known(self, vdd: float) -> float:
        for known in self.vdds:
            if abs(known - vdd) < 1e-6:
                return known
        listed = ", ".join(f"{known:g}" for known in self.vdds)
        raise TechnologyError(f"{self.file} has no supply of {vdd:g} V: it has {listed}")

    def subjects(self) -> Subjects:
        """Read the cells."""
        found = self.source.read(self.cells, self.site)
        if not self.only:
            return found
        names = matching((*found.cells, *found.left_out), self.only, self.file)
        return Subjects(
            {name: found.cells[name] for name in names if name in found.cells},
            {name: found.left_out[name] for name in names if name in found.left_out},
            found.site,
        )


def builtin_configs() -> tuple[str, ...]:
    """Names of the configurations that come with Voltile."""
    return tuple(sorted(path.stem for path in _CONFIGS.glob("*.toml")))


def read_config(name_or_path: str) -> Config:
    """Return the configuration of a built-in name or of a file.

    Raises
    ------
    TechnologyError
        Naming the key at fault, what it may be, and what it is.
    """
    path = _CONFIGS / f"{name_or_path}.toml"
    if name_or_path not in builtin_configs():
        path = Path(name_or_path)
    try:
        with read_checked_toml(path) as top:
            return _config(top, path)
    except OSError as error:
        raise TechnologyError(
            f"cannot read configuration {path}: {error.strerror}; "
            f"built in are {', '.join(builtin_configs())}"
        ) from None


def _config(top: TomlSection, path: Path) -> Config:
    pdk = top.text("pdk", default="")
    base = find_pdk(pdk) if pdk else path.parent
    vdds = top.numbers("vdds_v", 0.1, 10, 1)
    if any(after - before < _VDD_STEP for before, after in pairwise(vdds)):
        listed = ", ".join(f"{vdd:g}" for vdd in vdds)
        raise TechnologyError(
            f"{path}: vdds_v must be at least 1 mV from each other, not [{listed}]"
        )
    with top.section("gate") as gate:
        drawn = gate.number("drawn_nm", 1, 1e4, 1e-9)
        with gate.section("lengths_nm") as biases:
            lengths = {bias: biases.number(bias, 1, 1e4, 1e-9) for bias in biases.names}
    corners = _corners(top, base)
    with top.section("cells") as cells:
        names, source = cells.texts("names", 1), _source(cells, base)
    with top.section("site") as site:
        site_name, tile_gap = site.name("name"), site.whole("tile_gap_sites", 0, 1000)
    with top.section("wire") as wire:
        resistance = wire.number("resistance_ohm_per_um", 0, 1e6, 1e6)
        capacitance = wire.number("capacitance_ff_per_um", 0, 1e3, 1e-9)
    sram_nm, sram_note = _sram(top)
    return Config(
        file=path,
        name=top.name("name"),
        description=top.text("description"),
        models=top.text("models"),
        licence=top.text("licence", default=""),
        nominal_vdd=top.choice("nominal_vdd_v", vdds),
        vdds=vdds,
        lengths=lengths,
        drawn_length=drawn,
        planned_at=(vdds[-1], next(iter(lengths.values()))),
        layout=_layout(top),
        timing_corner=corners[top.choice("timing_corner", corners)],
        leakage_corners=tuple(corners[name] for name in top.choices("leakage_corners", corners)),
        settings=_settings(top),
        source=source,
        cells=names,
        only=(),
        site=site_name,
        tile_gap=tile_gap,
        synthesis_period=top.number("synthesis_period_ns", 1e-3, 1e6, 1e-9, default=5.0),
        wire_resistance=resistance,
        wire_capacitance=capacitance,
        roles=_roles(top),
        anchors=_anchors(top, base),
        header=_header(top, corners),
        power_layers=_power_layers(top),
        sram_nm=sram_nm,
        sram_note=sram_note,
    )


def _sram(top: TomlSection) -> tuple[int, str]:
    if "sram" not in top:
        return 0, ""
    with top.section("sram") as sram:
        return sram.whole("tech_nm", 1, 1000), sram.text("note", default="")


def _corners(top: TomlSection, base: Path) -> dict[str, Corner]:
    """Every corner; `{process}` in the file and name of a model stands for the corner's process."""
    with top.section("devices") as devices:
        models = {}
        for name in devices.names:
            with devices.section(name) as device:
                models[name] = (
                    device.choice("polarity", ("n", "p")), device.text("file"), device.text("model")
                )  # fmt: skip
    corners = {}
    with top.section("corners") as section:
        for name in section.names:
            with section.section(name) as corner:
                process = corner.name("process")
                temperature = corner.number("temperature_c", -100, 300)
            used = {
                device: DeviceModel(
                    polarity,
                    base / file.replace("{process}", process),
                    model.replace("{process}", process),
                )
                for device, (polarity, file, model) in models.items()
            }
            corners[name] = Corner(name, temperature, used)
    return corners


def _layout(top: TomlSection) -> Layout:
    with top.section("layout") as layout:
        return Layout(
            end_diffusion=layout.number("end_diffusion_um", 0, 100, 1e-6),
            shared_diffusion=layout.number("shared_diffusion_um", 0, 100, 1e-6),
            terminal_wire=layout.number("terminal_wire_ff", 0, 1e3, 1e-15),
            gate_wire=layout.number("gate_wire_ff_per_um", 0, 1e3, 1e-9),
            gate_span=layout.number("gate_span_um", 0, 1e3, 1e-6),
        )


def _settings(top: TomlSection) -> Settings:
    with top.section("tables") as tables:
        return Settings(
            slews=tables.numbers("slews_ns", 1e-4, 1e3, 2, 1e-9),
            check_slews=tables.numbers("check_slews_ns", 1e-4, 1e3, 1, 1e-9),
            loads=tables.numbers("loads", 1e-4, 1, 2),
            ratios=tables.numbers("ratios", 0.1, 0.99, 1),
            same_delay=tables.number("same_delay", 0, 1),
        )


def _source(cells: TomlSection, base: Path) -> CellSource:
    if "generator" in cells:
        lists = {path.stem: path for path in CELL_LISTS.glob("*.toml")}
        path = lists[cells.choice("generator", sorted(lists))]
        return GeneratedCells(path, cells.number("max_load_ff_per_drive", *_LOADS, 1e-15))
    liberty = cells.text("liberty", default="")
    return Netlists(
        file=base / cells.text("netlists"),
        scale=cells.number("scale", 1e-12, 1, default=1),
        power=cells.text("power"),
        ground=cells.text("ground"),
        well_power=cells.text("well_power"),
        well_ground=cells.text("well_ground"),
        liberty=base / liberty if liberty else None,
        lef=tuple(base / name for name in cells.texts("lef", 1)),
        load_per_drive=cells.number("max_load_ff_per_drive", *_LOADS, 1e-15, default=0),
    )


def _roles(top: TomlSection) -> Roles:
    with top.section("roles") as roles:
        return Roles(
            roles.text("buffer"), roles.text("buffer_input"), roles.text("buffer_output"),
            roles.texts("tie_high", 2, 2), roles.texts("tie_low", 2, 2), roles.texts("dont_use", 0),
        )  # fmt: skip


def _anchors(top: TomlSection, base: Path) -> dict[float, Path]:
    if "anchor" not in top:
        return {}
    with top.section("anchor") as anchor:
        vdds = anchor.numbers("vdds_v", 0.1, 10, 1)
        files = anchor.texts("liberty", len(vdds), len(vdds))
    return {vdd: base / file for vdd, file in zip(vdds, files, strict=True)}


def _header(top: TomlSection, corners: Mapping[str, Corner]) -> HeaderDesign | None:
    if "header" not in top:
        return None
    devices = next(iter(corners.values())).devices
    with top.section("header") as header:
        return HeaderDesign(
            device=header.choice("device", [n for n, d in devices.items() if d.polarity == "p"]),
            finger_width=header.number("finger_um", 1e-3, 100, 1e-6),
            gate_pitch=header.number("gate_pitch_um", 0, 100, 1e-6, default=0),
            well_gap=header.whole("well_gap_sites", 0, 1000),
            flip_flop=header.text("flip_flop"),
        )


def _power_layers(top: TomlSection) -> dict[str, Layer]:
    if "power_layers" not in top:
        return {}
    layers = {}
    with top.section("power_layers") as section:
        for name in section.names:
            with section.section(name) as layer:
                layers[name] = Layer(
                    direction=layer.choice("direction", ("HORIZONTAL", "VERTICAL")),
                    width=layer.number("width_um", 1e-3, 100, 1e-6),
                    spacing=layer.number("spacing_um", 1e-3, 100, 1e-6),
                    sheet_resistance=layer.number("sheet_resistance_ohm", 1e-6, 1e3),
                    current_density=layer.number("max_current_ma_per_um", 0, 1e3, 1e3, default=0),
                )
    return layers
