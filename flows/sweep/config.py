"""What `voltile sweep` computes: the combinations of lists of options."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import inf
from pathlib import Path

from voltile.core import Precision, VoltileError
from voltile.flows.energy.option_faults import option_faults, unknown_names
from voltile.sim import ELEMENTS, ArrayConfig, CycleMode, Dataflow


@dataclass(frozen=True)
class Design:
    """An array with its memories, and the network that it computes.

    Attributes
    ----------
    array : tuple of int
        Rows and columns.
    memories : tuple of int
        Bytes of the memories of activations, weights and results, both banks together.
    """

    network: str
    pe: str
    mode: str
    dataflow: str
    array: tuple[int, int]
    memories: tuple[int, int, int]

    def hardware(self, dram_bandwidth: float) -> ArrayConfig:
        """Return the array as the cost models have it; DRAM in byte/s.

        Raises
        ------
        VoltileError
            When there is no such array.
        """
        return ArrayConfig(
            *self.array, ELEMENTS[self.pe], Dataflow(self.dataflow), CycleMode(self.mode),
            *self.memories, dram_bandwidth,
        )  # fmt: skip


@dataclass(frozen=True)
class SweepConfig:
    """What to compute: every combination.

    Attributes
    ----------
    networks : tuple of str
        Built-in names, ONNX files or SCALE-Sim topologies.
    arrays, memories
        As in `Design`.
    precisions : tuple of str
        None: all that an element has.
    vdds : tuple of float
        Supplies of full precision [V]; none: the nominal one.
    policies : tuple of str
        How the other precisions use their speed; none: all of `sim.Policy`.
    pe_energy : Path, optional
        Table of `voltile characterize-pe`; by default the one of the technology.
    dram_bandwidth : float
        [byte/s].

    Raises
    ------
    VoltileError
        Naming all faults.
    """

    networks: tuple[str, ...]
    arrays: tuple[tuple[int, int], ...] = ((8, 8),)
    dataflows: tuple[str, ...] = (Dataflow.OUTPUT_STATIONARY.value,)
    pes: tuple[str, ...] = ("scalable",)
    modes: tuple[str, ...] = (CycleMode.SCALE_SIM.value,)
    memories: tuple[tuple[int, int, int], ...] = ((128 << 10, 128 << 10, 128 << 10),)
    tech: str = "freepdk45"
    pe_energy: Path | None = None
    dram: str = "lpddr4"
    dram_bandwidth: float = inf
    precisions: tuple[str, ...] = ()
    vdds: tuple[float, ...] = ()
    policies: tuple[str, ...] = ()
    batch: int = 1

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise VoltileError("; ".join(faults))

    def _faults(self) -> Iterator[str]:
        """What cannot be computed in any combination, a clause each."""
        for rows, cols in self.arrays:
            if min(rows, cols) < 1:
                yield f"an array has at least one row and column, not {rows} x {cols}"
        for size in sorted({size for item in self.memories for size in item if size < 1}):
            yield f"memories must have 1 KiB or more, not {size >> 10}"
        yield from option_faults(
            self.dataflows, self.modes, self.pes, self.policies, self.dram, self.dram_bandwidth
        )
        known = [item.name.lower() for item in Precision]
        yield from unknown_names("precision", self.precisions, known)

    @property
    def designs(self) -> tuple[Design, ...]:
        """Every network on every array."""
        return tuple(
            Design(*item)
            for item in product(
                self.networks, self.pes, self.modes, self.dataflows, self.arrays, self.memories
            )
        )

    def precisions_of(self, pe: str) -> tuple[Precision, ...]:
        """Return the precisions to compute with an element, whether it has them or not."""
        if not self.precisions:
            return tuple(ELEMENTS[pe].products)
        return tuple(item for item in Precision if item.name.lower() in self.precisions)
