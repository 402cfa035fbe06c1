"""What the parts of an accelerator take in a technology: elements, memories, control processor."""

from dataclasses import dataclass
from pathlib import Path

from voltile.core import VoltileError, read_csv_rows
from voltile.hdl import job_fields
from voltile.pdk import Technology
from voltile.power import DRAM_ENERGY, MemoryEnergy, SramTable, read_sram_table
from voltile.sim import ArrayConfig, Control, Element, Memories, PeEnergy, read_pe_energy

# Measured energies of elements and control processor; their sources are in the files.
_MEASURED = Path(__file__).parents[1] / "measured"
# The technology whose control processor stands for that of others.
_DEFAULT = "freepdk45"
# A register write of the control processor: value, store, and the cycle in which the bus answers.
_WRITE_CYCLES = 3
# Buffers hold a bank to fill beside the one in use.
_BANKS = 2


@dataclass(frozen=True)
class Costs:
    """What the parts of an accelerator take in a technology.

    Attributes
    ----------
    notes : tuple of str
        What a reader of the result must know of them, a sentence each.
    files : tuple of Path
        Where they are from.
    """

    pe: PeEnergy
    memories: Memories
    control: Control
    notes: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class ElementCosts:
    """What an element, and what is around an array of it, take in a technology: for any array.

    Attributes
    ----------
    dram : float
        Energy of a bit [J].
    notes, files
        As in `Costs`.
    """

    pe: PeEnergy
    sram: SramTable
    dram: float
    control: Control
    notes: tuple[str, ...]
    files: tuple[Path, ...]

    def memories(self, array: ArrayConfig) -> Memories:
        """Return the memories around an array.

        Raises
        ------
        VoltileError
            When one of them is not within the table.
        """
        return Memories(
            _memory(self.sram, "act", array.act_bytes, array.act_port_bits),
            _memory(self.sram, "weight", array.weight_bytes, array.weight_port_bits),
            _memory(self.sram, "out", array.out_bytes, array.out_port_bits),
            self.dram,
        )


def element_costs(
    element: Element, technology: Technology, dram: str, pe_energy: Path | None = None
) -> ElementCosts:
    """Return what the parts of accelerators of an element take.

    Parameters
    ----------
    dram : str
        Type of the DRAM, of `power.DRAM_ENERGY`.
    pe_energy : Path, optional
        Table of `voltile characterize-pe`; by default the measured one of the technology.

    Raises
    ------
    VoltileError
        When the technology has no memories, or there are no energies for its elements or its
        control processor.
    """
    pe_file = pe_energy or _MEASURED / f"pe_energy_{technology.name}.csv"
    if pe_energy is None and not pe_file.is_file():
        raise VoltileError(
            f"there are no energies of elements in {technology.name}: measure them with 'voltile "
            f"characterize-pe --tech ...' and name the table with --pe-energy"
        )
    pe = read_pe_energy(pe_file, element.name, element.width, element.acc_width)
    if technology.sram is None:
        raise VoltileError(f"the manifest of {technology.name} names no memories ([sram] tech_nm)")
    table = read_sram_table(technology.sram.file, technology.sram.tech_nm)
    control, control_note = _control(technology.name, element.acc_width)
    instead = f" ({technology.sram.note})" if technology.sram.note else ""
    memory_note = (
        f"SRAM: {table.file.name}, {table.tech_nm} nm{instead}, at its own nominal supply and "
        f"300 K, whatever its access time"
    )
    operands = "" if pe_energy else " under operands of a keyword-spotting network"
    notes = (
        f"elements: {pe_file.name}{operands}, at the clock of a single one, without glitches",
        memory_note,
        f"DRAM: {dram}, {DRAM_ENERGY[dram] * 1e12:g} pJ per bit, nothing between accesses",
        control_note,
    )
    files = (pe_file, table.file, _MEASURED / "control.csv")
    return ElementCosts(pe, table, DRAM_ENERGY[dram], control, notes, files)


def accelerator_costs(
    array: ArrayConfig, technology: Technology, dram: str, pe_energy: Path | None = None
) -> Costs:
    """Return what the parts of an accelerator take, as `element_costs`.

    Raises
    ------
    VoltileError
        As `element_costs`, and when a memory is not within the table.
    """
    found = element_costs(array.element, technology, dram, pe_energy)
    return Costs(found.pe, found.memories(array), found.control, found.notes, found.files)


def _memory(table: SramTable, name: str, size: int, port: int) -> MemoryEnergy:
    try:
        return table.memory(size, port, _BANKS)
    except VoltileError as error:
        raise VoltileError(f"{name} memory in two banks: {error}") from None


def _control(name: str, acc_width: int) -> tuple[Control, str]:
    """The control processor in a technology, else in the default one, and what is to be said."""
    found = {
        row.values["tech"]: row
        for row in read_csv_rows(
            _MEASURED / "control.csv", ("tech", "energy_pj_per_cycle", "leakage_uw")
        )
    }
    own = name if name in found else _DEFAULT
    row, writes = found[own], len(job_fields(acc_width)) + 1
    control = Control(
        row.number("energy_pj_per_cycle") * 1e-12,
        row.number("leakage_uw") * 1e-6,
        _WRITE_CYCLES * writes,
    )
    return control, (
        f"control: CV32E40P in {own}, awake all the time, {writes} register writes a job"
    )  # fmt: skip
