"""What a run reads: technology, sources, constraints, recording; with hashes of all files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from voltile.core import VoltileError, file_hash
from voltile.floorplan import Constraints, Netlist, Sources, read_sdc, source_files
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.supplies import check_supplies
from voltile.flows.netlists import port_names, unconstrained
from voltile.flows.stages import stage_key
from voltile.hdl import Grid, to_rtlil
from voltile.pdk import Technology, read_technology


@dataclass(frozen=True)
class RunInputs:
    """What a run reads: technology, sources with their key, and the hash of every file.

    `beside` are the constraints and the recording of a run that has them.
    """

    technology: Technology
    sources: Sources
    source_key: str
    hashes: dict[str, str]
    beside: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        """All files."""
        return [*map(Path, self.hashes), *self.technology.files.values(), *self.beside]


def read_inputs(config: RunConfig) -> RunInputs:
    """Read the technology, and find all files.

    Raises
    ------
    VoltileError
        One of its children, for what cannot be used.
    """
    technology = read_technology(config.tech)
    check_supplies(technology, config.intervals)
    sources, key, hashes = read_sources(config)
    beside = tuple(path for path in (config.sdc, recording(config)) if path)
    return RunInputs(technology, sources, key, hashes, beside)


def recording(config: RunConfig) -> Path | None:
    """Return the file of recorded activity; None where it is none."""
    return None if config.activity in ("auto", "random") else Path(config.activity)


def read_sources(config: RunConfig) -> tuple[Sources, str, dict[str, str]]:
    """Return what to synthesise, its key, and the hashes of its files."""
    if not config.files:
        rows, cols = config.grid
        text = to_rtlil(Grid(rows, cols), f"grid_{rows}x{cols}")
        return Sources(rtlil=text), hashlib.sha256(text.encode()).hexdigest(), {}
    missing = [path for path in config.files if not path.is_file()]
    if missing:
        raise VoltileError(f"source file {missing[0]} does not exist")
    read = source_files(config.files, config.includes, config.defines)
    hashes = {str(path): file_hash(path) for path in read}
    sources = Sources(
        files=config.files,
        top=config.top,
        includes=config.includes,
        defines=("SYNTHESIS", *config.defines),
    )
    key = stage_key(files=config.files, hashes=hashes, top=config.top, includes=config.includes,
                    defines=config.defines)  # fmt: skip
    return sources, key, hashes


def constraints_of(config: RunConfig, netlist: Netlist, technology: Technology) -> Constraints:
    """Return those of the SDC file; else no delays outside, and one buffer input on each output."""
    if config.sdc is not None:
        return read_sdc(config.sdc, port_names(netlist, True), port_names(netlist, False))
    return unconstrained(netlist, technology)
