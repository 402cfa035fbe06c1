"""Input faults. The message names the object, what is wrong with it and, where known, the fix.

The command line prints the message and exits with code 2; anything else is a defect of Voltile.
"""

import copyreg
from typing import Any


class VoltileError(Exception):
    """Parent of every fault that the user can mend."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The way back from a worker: whatever the parameters of the class, `args` is the message.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class TechnologyError(VoltileError):
    """A technology, manifest, PDK or voltage that is missing or does not fit."""


class LibertyError(VoltileError):
    """A Liberty or LEF file that cannot be read.

    Attributes
    ----------
    path : str
        File at fault.
    line : int
        Line number, from 1; 0 where the whole file is meant.
    """

    def __init__(self, message: str, path: str = "", line: int = 0) -> None:
        where = f"{path}:{line}: " if line else f"{path}: " if path else ""
        super().__init__(where + message)
        self.path = path
        self.line = line


class SynthesisError(VoltileError):
    """Sources that the synthesis tool refuses."""


class NetlistError(VoltileError):
    """A netlist with an unmapped cell, a net without one driver, or a combinational loop."""


class PlacementInfeasible(VoltileError):
    """A tile count or utilisation that cannot be legalised.

    Attributes
    ----------
    tiles : int
        N of the N x N mesh.
    """

    def __init__(self, message: str, tiles: int) -> None:
        super().__init__(message)
        self.tiles = tiles


class TimingInfeasible(VoltileError):
    """A clock frequency that no supply assignment reaches.

    Attributes
    ----------
    frequency : float
        Frequency asked for [Hz].
    reach : float
        Highest frequency that the design reaches [Hz].
    """

    def __init__(self, message: str, frequency: float, reach: float) -> None:
        super().__init__(message)
        self.frequency = frequency
        self.reach = reach


class ThermalRunaway(VoltileError):
    """Leakage that heats a chip faster than its package cools it: no temperature is steady.

    Attributes
    ----------
    temperature : float
        Reached or passed, and rising still [degrees Celsius].
    """

    def __init__(self, message: str, temperature: float) -> None:
        super().__init__(message)
        self.temperature = temperature


class LayerError(VoltileError):
    """A layer of a network that the hardware, or the model of it, cannot compute."""


class ProgramError(VoltileError):
    """An external program that is missing, too old, or that failed."""
