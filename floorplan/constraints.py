"""Timing constraints, and the subset of SDC from which they are read.

Read: create_clock, set_input_delay, set_output_delay, set_load, set_case_analysis, set_false_path,
with [get_ports ...], [get_clocks ...], [all_inputs], [all_outputs]; set_timing_derate of all cells,
all nets or both. Nothing is executed: an SDC file is Tcl, and Tcl of any other kind is refused with
its line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import inf, isfinite
from pathlib import Path

from voltile.core import VoltileError


@dataclass(frozen=True)
class Constraints:
    """What the surroundings ask of a design. Delays in seconds, loads in farads, by port bit.

    All clocks share one period, which analyses vary; `fall` is the falling edge as a fraction.
    Inputs and outputs that are not named have an external delay of 0 s and a load of 0 F.

    Attributes
    ----------
    clocks : tuple of str
        Clock ports; empty: those that the netlist shows.
    period : float
        Period that the file gives [s]; 0 where it gives none.
    case : mapping of port to 0 or 1
        Ports held constant.
    false_from, false_to : frozenset of str
        Ports whose paths are not timed.
    case_through_registers : bool
        Whether registers pass on what they hold: `case` is a mode that has been there for some
        cycles, and paths that it switches off behind registers are not timed either. SDC has no
        word for it.
    cell_derate, net_derate : float
        Factor on the delays of all cells, checks not included, and of all wires.
    """

    clocks: tuple[str, ...] = ()
    period: float = 0.0
    fall: float = 0.5
    input_delay: Mapping[str, float] = field(default_factory=dict)
    output_delay: Mapping[str, float] = field(default_factory=dict)
    load: Mapping[str, float] = field(default_factory=dict)
    case: Mapping[str, int] = field(default_factory=dict)
    false_from: frozenset[str] = frozenset()
    false_to: frozenset[str] = frozenset()
    case_through_registers: bool = False
    cell_derate: float = 1.0
    net_derate: float = 1.0


# A bit of a bus may stand without braces, as in [get_ports act[3]].
_WORD = re.compile(r'\s*("[^"]*"|\{[^{}]*\}|[][;]|[^][\s{};"]+(?:\[[\d*?]+\])?)')
_COMMANDS = (
    "create_clock", "set_input_delay", "set_output_delay", "set_load", "set_case_analysis",
    "set_false_path", "set_timing_derate",
)  # fmt: skip
# Options of the commands read here, and whether each takes a value.
_OPTIONS = {
    "-name": True, "-period": True, "-waveform": True, "-clock": True, "-max": False,
    "-min": False, "-from": True, "-to": True, "-pin_load": False, "-add_delay": False,
    "-rise": False, "-fall": False, "-setup": False,
}  # fmt: skip
_DERATE_OPTIONS = {"-early": False, "-late": False, "-cell_delay": False, "-net_delay": False}
_UNMATCHED = "brackets, braces or quotes that do not match"


def read_sdc(
    path: Path, inputs: Iterable[str], outputs: Iterable[str], *,
    time_unit: float = 1e-9, capacitance_unit: float = 1e-12,
) -> Constraints:  # fmt: skip
    """Read an SDC file for a design with these port bits.

    Parameters
    ----------
    time_unit, capacitance_unit : float
        What a bare number means [s], [F]; SDC leaves it to the library.

    Raises
    ------
    VoltileError
        For a command outside the subset, a port that does not exist, or clocks that disagree; with
        the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise VoltileError(f"SDC file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise VoltileError(f"SDC file {path} cannot be read: {error}") from None
    reader = _Reader(list(inputs), list(outputs), time_unit, capacitance_unit)
    for number, line in _lines(text):
        try:
            for words in _statements(line):
                reader.statement(words)
        except ValueError as error:
            raise VoltileError(f"{path}:{number}: {error} in '{line}'") from None
    try:
        return reader.constraints()
    except ValueError as error:
        raise VoltileError(f"{path}: {error}") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations, and the number of the last line of each."""
    pending = ""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        pending += line.rstrip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            if number < len(lines):
                continue
        yield number, pending.strip()
        pending = ""


def _statements(line: str) -> Iterator[list[str]]:
    """Words of each statement of a line; a comment may follow the last."""
    words: list[str] = []
    position = 0
    while position < len(line):
        if not words and line[position:].lstrip().startswith("#"):
            break
        match = _WORD.match(line, position)
        if match is None:
            if line[position:].strip():
                raise ValueError(_UNMATCHED)
            break
        position = match.end()
        if match.group(1) != ";":
            words.append(match.group(1))
        elif words:
            yield words
            words = []
    if words:
        yield words


class _Reader:
    """Collects what the statements of one file say."""

    def __init__(
        self, inputs: list[str], outputs: list[str], time_unit: float, capacitance_unit: float
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.time, self.capacitance = time_unit, capacitance_unit
        self.clocks: list[str] = []
        self.clock_names: set[str] = set()
        self.periods: set[float] = set()
        self.falls: set[float] = set()
        self.input_delay: dict[str, float] = {}
        self.output_delay: dict[str, float] = {}
        self.load: dict[str, float] = {}
        self.case: dict[str, int] = {}
        self.false_from: set[str] = set()
        self.false_to: set[str] = set()
        self.derates = {"-cell_delay": 1.0, "-net_delay": 1.0}

    def statement(self, words: list[str]) -> None:
        command, options, arguments = self.split(words)
        if command == "create_clock":
            self.create_clock(options, arguments)
            return
        if command == "set_false_path":
            if ("-from" in options) == ("-to" in options) or arguments:
                raise ValueError("give either -from or -to, with ports")
            self.false_from |= set(self.ports(options.get("-from", ()), self.inputs))
            self.false_to |= set(self.ports(options.get("-to", ()), self.outputs))
            return
        if command == "set_timing_derate":
            self.derate(options, arguments)
            return
        if len(arguments) != 2 or len(arguments[0]) != 1:
            raise ValueError("expected a value and ports")
        if "-min" in options and "-max" not in options:
            return  # hold is not analysed
        (value,), names = arguments
        if command == "set_input_delay":
            self.delay(self.input_delay, self.ports(names, self.inputs), value, options)
        elif command == "set_output_delay":
            self.delay(self.output_delay, self.ports(names, self.outputs), value, options)
        elif command == "set_load":
            farad = float(value) * self.capacitance
            if not 0 <= farad < inf:
                raise ValueError(f"load must be 0 or more, not {value}")
            self.load.update(dict.fromkeys(self.ports(names), farad))
        else:
            if value not in ("0", "1", "zero", "one"):
                raise ValueError(f"case must be 0 or 1, not {value}")
            level = int(value in ("1", "one"))
            self.case.update(dict.fromkeys(self.ports(names, self.inputs), level))

    def create_clock(self, options: dict[str, list[str]], arguments: list[list[str]]) -> None:
        if len(arguments) > 1 or (not arguments and "-name" not in options):
            raise ValueError("expected a clock port, or the -name of a clock that has none")
        if "-period" not in options:
            raise ValueError("expected -period")
        period = float(" ".join(options["-period"])) * self.time
        if not 0 < period < inf:
            raise ValueError(f"period must be positive and finite, not {period * 1e9:g} ns")
        edges = [0.0, 0.5]
        if "-waveform" in options:
            edges = [float(edge) * self.time / period for edge in options["-waveform"]]
        if len(edges) != 2 or edges[0] != 0 or not 0 < edges[1] < 1:
            raise ValueError("the waveform must rise at 0 and fall within the period")
        ports = self.ports(arguments[0], self.inputs) if arguments else []
        self.clocks += ports
        self.clock_names |= set(options.get("-name", ports))
        self.periods.add(period)
        self.falls.add(edges[1])

    def delay(
        self,
        delays: dict[str, float],
        ports: list[str],
        value: str,
        options: Mapping[str, list[str]],
    ) -> None:
        """Set a delay, or the later of two that hold side by side."""
        for clock in options.get("-clock", ()):
            if clock not in self.clock_names:
                raise ValueError(f"no clock '{clock}'")
        seconds = float(value) * self.time
        if not isfinite(seconds):
            raise ValueError(f"delay must be finite, not {value}")
        beside = not options.keys().isdisjoint(("-add_delay", "-rise", "-fall"))
        for port in ports:
            delays[port] = max(delays.get(port, seconds), seconds) if beside else seconds

    def derate(self, options: Mapping[str, list[str]], arguments: list[list[str]]) -> None:
        if len(arguments) != 1 or len(arguments[0]) != 1:
            raise ValueError("expected a factor alone: derates of single objects are not read")
        factor = float(arguments[0][0])
        if not 0 < factor < inf:
            raise ValueError(f"a derate must be positive and finite, not {arguments[0][0]}")
        if "-early" in options and "-late" not in options:
            return  # hold is not analysed
        named = self.derates.keys() & options.keys()
        self.derates.update(dict.fromkeys(named or self.derates, factor))

    def ports(self, patterns: Iterable[str], kind: list[str] | None = None) -> list[str]:
        """Port bits that match; a bus name stands for all its bits."""
        found = []
        for pattern in patterns:
            hits = [
                port
                for port in self.inputs + self.outputs
                if port == pattern
                or fnmatchcase(port, pattern.replace("[", "[[]"))
                or fnmatchcase(port.partition("[")[0], pattern)
            ]
            if not hits:
                raise ValueError(f"no port '{pattern}'")
            found += hits
        for port in found:
            if kind is not None and port not in kind:
                what = "an input" if kind is self.inputs else "an output"
                raise ValueError(f"port '{port}' is not {what}")
        return list(dict.fromkeys(found))

    def split(self, words: list[str]) -> tuple[str, dict[str, list[str]], list[list[str]]]:
        """Split a statement into its command, its options, and its other arguments."""
        command, *rest = words
        if command not in _COMMANDS:
            raise ValueError(f"command '{command}' is not among the SDC commands that are read")
        known = _DERATE_OPTIONS if command == "set_timing_derate" else _OPTIONS
        options: dict[str, list[str]] = {}
        arguments: list[list[str]] = []
        while rest:
            word = rest[0]
            if word in known:
                rest = rest[1:]
                if known[word] and not rest:
                    raise ValueError(f"{word} needs a value")
                options[word], rest = self.take(rest, word) if known[word] else ([], rest)
            elif re.fullmatch(r"-[a-z_]+", word):
                raise ValueError(f"option {word} is not among those that are read")
            else:
                argument, rest = self.take(rest)
                arguments.append(argument)
        return command, options, arguments

    def take(self, words: list[str], option: str = "") -> tuple[list[str], list[str]]:
        """Value of the first word or bracketed command, and the words after it."""
        word = words[0]
        if word == "[":
            if "]" not in words:
                raise ValueError(_UNMATCHED)
            end = words.index("]")
            if "[" in words[1:end]:
                raise ValueError("brackets inside brackets are not read")
            return self.collection(words[1:end], option), words[end + 1 :]
        if word == "]":
            raise ValueError(_UNMATCHED)
        return (word[1:-1].split() if word[0] in '{"' else [word]), words[1:]

    def collection(self, words: list[str], option: str) -> list[str]:
        """Value of a bracketed command."""
        names = [name for word in words[1:] for name in word.strip('{}"').split()]
        command = words[0] if words else ""
        if command == "get_ports":
            return self.ports(names)
        if command == "all_inputs":
            return self.inputs
        if command == "all_outputs":
            return self.outputs
        if command == "get_clocks":
            if option != "-clock":
                raise ValueError("get_clocks is read after -clock only")
            return names
        raise ValueError(f"command '{command}' is not among the SDC commands that are read")

    def constraints(self) -> Constraints:
        if len(self.periods) > 1 or len(self.falls) > 1:
            raise ValueError("clocks with different periods or waveforms are not supported")
        clocks = tuple(dict.fromkeys(self.clocks))
        return Constraints(
            clocks=clocks,
            period=next(iter(self.periods), 0.0),
            fall=next(iter(self.falls), 0.5),
            input_delay={k: v for k, v in self.input_delay.items() if k not in clocks},
            output_delay=self.output_delay,
            load=self.load,
            case=self.case,
            false_from=frozenset(self.false_from),
            false_to=frozenset(self.false_to),
            cell_derate=self.derates["-cell_delay"],
            net_derate=self.derates["-net_delay"],
        )
