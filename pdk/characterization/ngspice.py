"""Runs ngspice on one cell: many transients or operating points in one process.

Every input pin is driven by a voltage source `v_PIN`, the rails by sources of their own; every
output carries a capacitor `c_PIN`. What changes from one run to the next is altered inside the
process, since loading models costs more than a short transient.

Charges are integrated inside the simulation, by a capacitor per source: summed up from samples of
the current they would be wrong, because the samples do not say by which rule each step was taken.
"""

import functools
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import ProgramError
from voltile.core.programs import find_program, run_logged

Floats = NDArray[np.float64]

# The oldest version whose results were compared with the models' own.
MINIMUM_VERSION = 39
# Tolerances: transient delays within 0.15 % of those at reltol = 1e-5.
TRANSIENT_OPTIONS = "gmin=1e-15 abstol=1e-13 reltol=3e-4 trtol=1 chgtol=1e-17"
# For yes or no, not for a figure: delays within about 1 %.
CHECK_OPTIONS = "gmin=1e-15 abstol=1e-13 reltol=1e-3 trtol=3 chgtol=1e-17"
# Where those do not converge.
ROBUST_OPTIONS = "gmin=1e-13 abstol=1e-12 reltol=1e-3 trtol=1 chgtol=1e-16 method=gear itl4=100"
# Leakage of picoamperes: the default gmin alone would exceed it.
OPERATING_OPTIONS = "gmin=1e-18 abstol=1e-18 reltol=1e-4 itl1=500"


# Between points of a wave, where nothing else converges [s].
_LEAST_STEP = 0.5e-12
# Capacitance that integrates a current [F], and a resistance for its operating point [ohm].
_INTEGRATOR, _DRAIN = 1e-13, 1e9


class NoConvergence(ProgramError):
    """A simulation stopped before its end."""


@dataclass(frozen=True)
class Circuit:
    """One cell between its sources.

    Attributes
    ----------
    models, devices : str
        `.model` cards, and `M` cards.
    inputs, outputs : tuple of str
    temperature : float
        In degrees Celsius.
    rails : mapping of source name to (node, voltage)
        Supplies and grounds.
    """

    models: str
    devices: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    temperature: float
    rails: Mapping[str, tuple[str, float]]

    def text(self, options: str, sources: str, nodeset: Mapping[str, float]) -> list[str]:
        """Return the cards of the circuit but for the end."""
        lines = ["* one cell", f".temp {self.temperature:g}", f".option {options}", self.models]
        lines += [f"v_{name} {node} 0 {volts!r}" for name, (node, volts) in self.rails.items()]
        lines += [f"v_{pin} {pin} 0 {sources}" for pin in self.inputs]
        for name in (*self.inputs, *self.rails):
            lines += [f"f_{name} q_{name} 0 v_{name} 1", f"c_q_{name} q_{name} 0 {_INTEGRATOR}",
                      f"r_q_{name} q_{name} 0 {_DRAIN}"]  # fmt: skip
        lines += [f"c_{pin} {pin} 0 1e-15" for pin in self.outputs]
        lines += [f".nodeset v({node})={volts:.6g}" for node, volts in nodeset.items()]
        return [*lines, self.devices]


@dataclass(frozen=True)
class Transient:
    """One run.

    Attributes
    ----------
    waves : mapping of input to points
        Piecewise linear (time [s], voltage [V]) of every input; the first point is at time 0.
    loads : mapping of output to capacitance [F]
    stop : float
        End [s].
    """

    waves: Mapping[str, Sequence[tuple[float, float]]]
    loads: Mapping[str, float]
    stop: float


@dataclass(frozen=True)
class Waveforms:
    """Result of one run: samples of every saved vector over time [s], named as ngspice does."""

    vectors: Mapping[str, Floats] = field(repr=False)

    @property
    def time(self) -> Floats:
        """Times of the samples [s]."""
        return self.vectors["time"]

    def voltage(self, node: str) -> Floats:
        """Voltage of a node [V]."""
        return self.vectors[f"v({node.lower()})"]

    def current(self, source: str) -> Floats:
        """Current that a source delivers into the circuit [A]."""
        delivered: Floats = -self.vectors[f"i(v_{source.lower()})"]
        return delivered

    def charge(self, source: str) -> Floats:
        """Charge that a source has delivered beyond its current at time 0 [C]."""
        volts = self.vectors[f"v(q_{source.lower()})"]
        delivered: Floats = _INTEGRATOR * (volts - volts[0])
        return delivered


def run_transients(
    circuit: Circuit,
    runs: Sequence[Transient],
    nodeset: Mapping[str, float] | None = None,
    save_all: bool = False,
    options: str = TRANSIENT_OPTIONS,
) -> list[Waveforms]:
    """Run transients one after the other, each from its own operating point.

    Parameters
    ----------
    nodeset : mapping of node to voltage, optional
        Where the operating point is looked for: chooses the state of a storage loop.
    save_all : bool
        Keep every node, not only pins and charges.
    options : str
        Tolerances, first tried.

    Raises
    ------
    NoConvergence
        When a run stops early under both sets of tolerances, and with less sudden edges.
    """
    found = _run_transients(circuit, runs, nodeset or {}, save_all, options)
    for change in (lambda run: run, _less_sudden):
        failed = [at for at, item in enumerate(found) if not _is_whole(item, runs[at])]
        if failed:
            again = [change(runs[at]) for at in failed]
            repeated = _run_transients(circuit, again, nodeset or {}, save_all, ROBUST_OPTIONS)
            for at, item in zip(failed, repeated, strict=True):
                found[at] = item
    if not all(_is_whole(item, run) for item, run in zip(found, runs, strict=True)):
        raise NoConvergence("a transient does not converge: ngspice gave up on it three times")
    return found


def _less_sudden(run: Transient) -> Transient:
    """The same with at least half a picosecond between the points of a wave.

    Where an edge begins before the last one has ended, the search for a pulse width asks for steps
    of a femtosecond.
    """
    waves = {}
    for pin, points in run.waves.items():
        moved = [points[0]]
        for time, volts in points[1:]:
            moved.append((max(time, moved[-1][0] + _LEAST_STEP), volts))
        waves[pin] = moved
    return replace(run, waves=waves)


def _is_whole(found: Waveforms, run: Transient) -> bool:
    return len(found.time) > 1 and found.time[-1] >= 0.999 * run.stop


def _run_transients(
    circuit: Circuit,
    runs: Sequence[Transient],
    nodeset: Mapping[str, float],
    save_all: bool,
    options: str,
) -> list[Waveforms]:
    saved = [*circuit.inputs, *circuit.outputs]
    saved += [f"q_{name}" for name in (*circuit.inputs, *circuit.rails)]
    control = [
        "set num_threads=1",
        "set appendwrite",
        f"save {'all' if save_all else ' '.join(saved)}",
    ]
    for run in runs:
        for pin in circuit.inputs:
            points = " ".join(f"{time:.8g} {volts:.6g}" for time, volts in run.waves[pin])
            control.append(f"alter @v_{pin}[pwl] = [ {points} ]")
        control += [f"alter c_{pin} = {run.loads[pin]:.6g}" for pin in circuit.outputs]
        # The largest step is set to the whole run: tolerances choose it.
        control += [f"tran {run.stop / 1000:.6g} {run.stop:.8g} 0 {run.stop:.8g}",
                    "write out.raw", "destroy all"]  # fmt: skip
    # A ramp gives the source the form that `alter` fills in.
    cards = circuit.text(options, "pwl(0 0 1 0)", nodeset)
    found = _run(cards, control, timeout=60 + 20 * len(runs))
    if len(found) != len(runs):
        raise NoConvergence(f"ngspice gave {len(found)} results for {len(runs)} transients")
    return found


def run_operating_points(
    circuit: Circuit,
    inputs: Sequence[Mapping[str, float]],
    nodeset: Mapping[str, float] | None = None,
) -> list[Waveforms]:
    """Find the operating point for each set of input voltages [V]; one sample per vector."""
    control = ["set num_threads=1", "set appendwrite"]
    for voltages in inputs:
        control += [f"alter v_{pin} = {voltages[pin]:.8g}" for pin in circuit.inputs]
        control += ["op", "write out.raw", "destroy all"]
    cards = circuit.text(OPERATING_OPTIONS, "0", nodeset or {})
    found = _run(cards, control, timeout=60 + 2 * len(inputs))
    if len(found) != len(inputs):
        raise NoConvergence(f"ngspice found {len(found)} of {len(inputs)} operating points")
    return found


def _run(cards: Sequence[str], control: Sequence[str], timeout: float) -> list[Waveforms]:
    check_version()
    with tempfile.TemporaryDirectory(prefix="voltile-") as name:
        folder = Path(name)
        deck = folder / "deck.sp"
        deck.write_text("\n".join([*cards, ".control", *control, "quit", ".endc", ".end", ""]))
        log, raw = folder / "log", folder / "out.raw"
        try:
            code = run_logged([find_program("ngspice"), "-b", deck.name], log, folder, timeout)
        except subprocess.TimeoutExpired:
            raise NoConvergence(f"ngspice did not end within {timeout:.0f} s") from None
        if code < 0:
            raise ProgramError(f"ngspice was killed by signal {-code}: is there enough memory?")
        if code or not raw.exists():
            said = _complaint(log.read_text(errors="replace"))
            raise NoConvergence(said or f"ngspice ended with {code}, no result, and no word why")
        return read_raw(raw.read_bytes())


def _complaint(log: str) -> str:
    """What ngspice said went wrong; empty: nothing."""
    lines = [line.strip() for line in log.splitlines()]
    said = [line for line in lines if re.search(r"error|could not|singular", line, re.IGNORECASE)]
    return f"ngspice: {' | '.join(list(dict.fromkeys(said))[:3])}" if said else ""


def read_raw(data: bytes) -> list[Waveforms]:
    """Read the plots of a binary raw file.

    Raises
    ------
    ProgramError
        When the file is damaged.
    """
    plots, at = [], 0
    while at < len(data):
        end = data.find(b"Binary:\n", at)
        header = data[at:end].decode(errors="replace")
        size = re.search(r"No\. Variables: (\d+)\s+No\. Points: (\d+)", header)
        if end < 0 or size is None:
            raise ProgramError("the result file of ngspice is damaged")
        columns, rows = int(size[1]), int(size[2])
        start = end + len(b"Binary:\n")
        at = start + 8 * rows * columns
        if at > len(data):
            raise ProgramError(
                f"the result file of ngspice ends too early: is {tempfile.gettempdir()} full?"
            )
        names = re.findall(r"^\s+\d+\s+(\S+)\s", header.split("Variables:\n", 1)[1], re.MULTILINE)
        block = np.frombuffer(data, "<f8", rows * columns, start).reshape(rows, columns)
        plots.append(Waveforms(dict(zip(map(_vector_name, names), block.T, strict=True))))
    return plots


def _vector_name(name: str) -> str:
    """One name per vector, whatever the kind of analysis: `v(a)`, `i(v_a)`."""
    name = name.lower()
    if name.endswith("#branch"):
        return f"i({name.removesuffix('#branch')})"
    return name if "(" in name or name == "time" else f"v({name})"


@functools.cache
def check_version() -> int:
    """Return the version of ngspice.

    Raises
    ------
    ProgramError
        When it is missing or too old.
    """
    path = find_program("ngspice")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"ngspice-(\d+)", text)
    if match is None or int(match[1]) < MINIMUM_VERSION:
        seen = match[0] if match else "an unknown version"
        raise ProgramError(f"{path} is {seen}; ngspice-{MINIMUM_VERSION} or newer is needed")
    return int(match[1])
