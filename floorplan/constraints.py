"""Timing constraints, and the subset of SDC from which they are read.

Read: create_clock, set_input_delay, set_output_delay, set_load, set_case_analysis, set_false_path,
with [get_ports ...], [get_clocks ...], [all_inputs], [all_outputs]. Nothing is executed: an SDC
file is Tcl, and Tcl of any other kind is refused with its line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
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


_WORD = re.compile(r'"[^"]*"|\{[^{}]*\}|\[|\]|;|[^\s\[\]{};"]+')
# Options of the commands read here, and whether each takes a value.
_OPTIONS = {
    "-name": True, "-period": True, "-waveform": True, "-clock": True, "-max": False,
    "-min": False, "-from": True, "-to": True, "-pin_load": False, "-add_delay": False,
    "-rise": False, "-fall": False, "-setup": False,
}  # fmt: skip


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
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise VoltileError(f"SDC file {path} cannot be read: {error}") from None
    reader = _Reader(list(inputs), list(outputs), time_unit, capacitance_unit)
    number = 0
    pending = ""
    for line in text.splitlines():
        number += 1
        pending += line.rstrip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        statement, pending = pending.strip(), ""
        if statement and not statement.startswith("#"):
            try:
                reader.statement(statement)
            except (ValueError, IndexError) as error:
                raise VoltileError(f"{path}:{number}: {error} in '{statement}'") from None
    return reader.constraints()


class _Reader:
    """Collects what the statements of one file say."""

    def __init__(
        self, inputs: list[str], outputs: list[str], time_unit: float, capacitance_unit: float
    ) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.time, self.capacitance = time_unit, capacitance_unit
        self.clocks: list[str] = []
        self.periods: set[float] = set()
        self.falls: set[float] = set()
        self.input_delay: dict[str, float] = {}
        self.output_delay: dict[str, float] = {}
        self.load: dict[str, float] = {}
        self.case: dict[str, int] = {}
        self.false_from: set[str] = set()
        self.false_to: set[str] = set()

    def statement(self, text: str) -> None:
        words = _WORD.findall(text)
        command, options, arguments = _split(words, self)
        if command == "create_clock":
            period = float(options["-period"][0]) * self.time
            if not period > 0:
                raise ValueError(f"period must be positive, not {period:g} s")
            self.clocks += arguments[-1]
            self.periods.add(period)
            edges = options.get("-waveform", ["0", str(0.5 * period / self.time)])
            low, high = (float(edge) * self.time / period for edge in " ".join(edges).split())
            if low != 0 or not 0 < high < 1:
                raise ValueError("the waveform must rise at 0 and fall within the period")
            self.falls.add(high)
        elif command in ("set_input_delay", "set_output_delay"):
            if "-min" in options and "-max" not in options:
                return  # hold is not analysed
            delays = self.input_delay if command == "set_input_delay" else self.output_delay
            for port in arguments[1]:
                delays[port] = max(delays.get(port, -1.0), float(arguments[0][0]) * self.time)
        elif command == "set_load":
            for port in arguments[1]:
                self.load[port] = float(arguments[0][0]) * self.capacitance
        elif command == "set_case_analysis":
            value = arguments[0][0]
            if value not in ("0", "1", "zero", "one"):
                raise ValueError(f"case must be 0 or 1, not {value}")
            self.case.update(dict.fromkeys(arguments[1], int(value in ("1", "one"))))
        elif command == "set_false_path":
            if ("-from" in options) == ("-to" in options):
                raise ValueError("give either -from or -to, with ports")
            self.false_from |= set(options.get("-from", ()))
            self.false_to |= set(options.get("-to", ()))
        else:
            raise ValueError(f"command '{command}' is not among the SDC commands that are read")

    def ports(self, patterns: Iterable[str]) -> list[str]:
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
        return list(dict.fromkeys(found))

    def collection(self, words: list[str]) -> list[str]:
        """Value of a bracketed command."""
        names = [name for word in words[1:] for name in word.strip('{}"').split()]
        if words[0] == "get_ports":
            return self.ports(names)
        if words[0] == "get_clocks":
            return names
        if words[0] == "all_inputs":
            return self.inputs
        if words[0] == "all_outputs":
            return self.outputs
        raise ValueError(f"command '{words[0]}' is not among the SDC commands that are read")

    def constraints(self) -> Constraints:
        if len(self.periods) > 1 or len(self.falls) > 1:
            raise VoltileError("clocks with different periods or waveforms are not supported")
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
        )


def _split(words: list[str], reader: _Reader) -> tuple[str, dict[str, list[str]], list[list[str]]]:
    """Split a statement into its command, its options, and its other arguments."""
    command, options, arguments = words[0], {}, []
    at = 1

    def take() -> list[str]:
        nonlocal at
        if words[at] == "[":
            end = words.index("]", at)
            # a bus index such as [3] belongs to the port name before it
            inner = words[at + 1 : end]
            bracket = [word for word in inner if word != "["]
            at = end + 1
            if at < len(words) and words[at] == "]":
                bracket[-2:] = [f"{bracket[-2]}[{bracket[-1]}]"]
                at += 1
            return reader.collection(bracket)
        word = words[at]
        at += 1
        return word[1:-1].split() if word[0] in '{"' else [word]

    while at < len(words):
        word = words[at]
        if word == ";":
            at += 1
        elif word in _OPTIONS:
            at += 1
            options[word] = take() if _OPTIONS[word] else []
        elif re.fullmatch(r"-[a-z_]+", word):
            raise ValueError(f"option {word} is not among those that are read")
        else:
            arguments.append(take())
    if command in ("create_clock", "set_false_path"):
        return command, options, arguments
    if len(arguments) != 2:
        raise ValueError("expected a value and ports")
    if not isinstance(arguments[1], list) or not arguments[1]:
        raise ValueError("expected ports")
    return command, options, [arguments[0], arguments[1]]
