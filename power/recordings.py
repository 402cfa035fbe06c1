"""Inputs recorded by a simulator (VCD) or written as a table (CSV)."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from vcd.reader import Token, TokenKind, VarDecl, VCDParseError, tokenize

from voltile.core import VoltileError
from voltile.floorplan.clocks import ClockNetwork
from voltile.floorplan.netlist import Netlist, split_bit
from voltile.power.stimulus import (
    Stimulus,
    check_values,
    data_inputs,
    held_levels,
    held_note,
    packed_stimulus,
    port_columns,
)

Bits = NDArray[np.uint8]

_CHANGES = (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR)


def recorded_stimulus(
    path: Path,
    netlist: Netlist,
    clocks: ClockNetwork,
    *,
    clock: str = "",
    scope: str = "",
    held: Mapping[str, int] | None = None,
    lanes: int = 1,
    warmup: int = 1,
) -> Stimulus:
    """Return inputs read from a VCD or CSV file.

    A VCD gives the values just before each rising edge of the clock; what is unknown there counts
    as 0. A CSV has a column per port or port bit and a row per cycle, of decimal, 0x or 0b numbers.

    Parameters
    ----------
    clock : str
        Clock port to sample a VCD by; by default the only clock port of the netlist.
    scope : str
        Scope of a VCD, such as "bench.dut"; by default the innermost one that has all ports.
    held : mapping of port to int
        Ports at a constant value, which the file need not have.
    lanes : int
        Parts that the recording is cut into, each a stream of its own. All but the first begin
        without the past of the design: only for designs that forget it within `warmup` cycles.
    warmup : int
        Cycles that are not counted. Every part but the first begins so many cycles early; before
        the first its first row is repeated.

    Raises
    ------
    VoltileError
        When the file is missing, empty, cut off, malformed, lacks a port, or has values that do not
        fit one; naming the line where there is one.
    """
    if not path.is_file():
        raise VoltileError(f"stimulus file {path} does not exist")
    readers = {".vcd": _read_vcd, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise VoltileError(f"stimulus file {path} must end in .vcd or .csv")
    if path.stat().st_size == 0:
        raise VoltileError(f"stimulus file {path} is empty")
    ports = data_inputs(netlist, clocks)
    fixed = held_levels(netlist, ports, held or {})
    target = _Target(path, netlist, ports, frozenset(fixed), _clock_name(netlist, clocks, clock))
    rows, note = readers[path.suffix.lower()](target, scope)
    for place, level in fixed.items():
        rows[:, place // 8] &= ~np.uint8(0x80 >> place % 8)
        rows[:, place // 8] |= np.uint8(level * (0x80 >> place % 8))
    cycles, first = len(rows), np.zeros(1, dtype=np.int64)
    if lanes > 1:
        part = -(-cycles // lanes)
        first = np.arange(lanes) * (cycles - part) // (lanes - 1)
        rows = np.concatenate([np.repeat(rows[:1], warmup, axis=0), rows])
        cycles = part + warmup
    description = (
        f"recording {path.name}, {len(rows) - (lanes > 1) * warmup} cycles{note}"
        f"{held_note(ports, fixed)}"
    )
    return packed_stimulus(rows, first, 1, cycles, ports, path.stem, description, warmup)


@dataclass(frozen=True)
class _Target:
    """What a file must give: `ports`, but for the places in `fixed`."""

    path: Path
    netlist: Netlist
    ports: tuple[str, ...]
    fixed: frozenset[int]
    clock: str

    def check_complete(self, given: set[int], where: str) -> None:
        """Check that all ports have a value."""
        missing = [
            port
            for place, port in enumerate(self.ports)
            if place not in given and place not in self.fixed
        ]
        if missing:
            raise VoltileError(
                f"{where} has no values for input port '{missing[0]}' of {self.netlist.name}"
            )


def _clock_name(netlist: Netlist, clocks: ClockNetwork, clock: str) -> str:
    roots = set(clocks.net_root.tolist())
    names = [
        name
        for name, net, is_input in zip(
            netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
        )
        if is_input and int(net) in roots
    ]
    if clock and clock not in names:
        raise VoltileError(f"{netlist.name} has no clock port '{clock}'")
    return clock or (names[0] if len(names) == 1 else "")


# CSV


def _read_csv(target: _Target, scope: str) -> tuple[Bits, str]:
    """Rows of input bits, eight to a byte, and a note for the description."""
    path, ports = target.path, target.ports
    if scope:
        raise VoltileError(f"stimulus file {path} is a table, which has no scope '{scope}'")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [(number, row) for number, row in enumerate(csv.reader(stream), 1) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise VoltileError(f"{path} is not a CSV file: {error}") from None
    if len(lines) < 2:
        raise VoltileError(f"{path} has no values: it needs a line of port names and one per cycle")
    names = [name.strip() for name in lines[0][1]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise VoltileError(f"{path}:{lines[0][0]}: column '{twice}' stands there twice")
    columns = [{} if n == target.clock else port_columns(target.netlist, ports, n) for n in names]
    target.check_complete({place for column in columns for place in column.values()}, str(path))
    bits = np.zeros((len(lines) - 1, len(ports)), dtype=np.uint8)
    for cycle, (line, row) in enumerate(lines[1:]):
        if len(row) != len(names):
            raise VoltileError(f"{path}:{line}: {len(row)} values for {len(names)} columns")
        for name, column, text in zip(names, columns, row, strict=True):
            if not column:
                continue
            try:
                value = int(text.strip(), 0)
            except ValueError:
                raise VoltileError(
                    f"{path}:{line}: '{text}' in column '{name}' is not a decimal, 0x or 0b number"
                ) from None
            check_values(name, np.array([value], dtype=object), max(column) + 1, f"{path}:{line}: ")
            for bit, place in column.items():
                bits[cycle, place] = (value >> bit) & 1
    return np.packbits(bits, axis=1), ""


# VCD


def _read_vcd(target: _Target, scope: str) -> tuple[Bits, str]:
    """Rows of input bits, eight to a byte, and a note for the description."""
    path = target.path
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        if stream.read(1) not in b" \t\r\n":
            raise VoltileError(f"{path} is cut off: its last line has no end")
        stream.seek(0)
        try:
            tokens = _tokens(stream)
            declared = _declarations(tokens)
            if not declared:
                raise VoltileError(f"{path} declares no signals")
            clock, signals = _choose_scope(target, declared, scope)
            rows, unknown = _sample(tokens, clock, signals, len(target.ports))
        except VCDParseError as error:
            raise VoltileError(f"{path}:{error}") from None
    if not rows:
        raise VoltileError(f"{path} has no rising edge of clock '{target.clock}'")
    note = f", {unknown} unknown bits taken as 0" if unknown else ""
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), -1).copy(), note


def _tokens(stream: BinaryIO) -> Iterator[Token]:
    """Tokens of a file; the reader ends with an IndexError where some tokens are cut off."""
    try:
        yield from tokenize(stream)  # type: ignore[arg-type]
    except (IndexError, UnicodeDecodeError) as error:
        raise VoltileError(f"{getattr(stream, 'name', 'VCD')} is cut off: {error}") from None


def _declarations(tokens: Iterator[Token]) -> dict[str, list[VarDecl]]:
    """Variables of each scope, up to the end of the definitions."""
    scopes: dict[str, list[VarDecl]] = {}
    path: list[str] = []
    for token in tokens:
        if token.kind is TokenKind.SCOPE:
            path.append(token.scope.ident)
        elif token.kind is TokenKind.UPSCOPE:
            path.pop()
        elif token.kind is TokenKind.VAR:
            scopes.setdefault(".".join(path), []).append(token.var)
        elif token.kind is TokenKind.ENDDEFINITIONS:
            break
    return scopes


def _choose_scope(
    target: _Target, declared: Mapping[str, Sequence[VarDecl]], scope: str
) -> tuple[str, dict[str, dict[int, int]]]:
    """Identifier of the clock, and of each signal the places of its bits."""
    if not target.clock:
        raise VoltileError(
            f"{target.netlist.name} has no single clock port: name the one to sample "
            f"{target.path} by"
        )
    if scope and scope not in declared:
        raise VoltileError(f"{target.path} has no scope '{scope}': it has {', '.join(declared)}")
    found = {name: _match(target, declared[name]) for name in ([scope] if scope else declared)}
    # The innermost scope with the most ports: the design rather than the bench around it.
    best = max(
        found,
        key=lambda name: (
            sum(len(places) for places in found[name][1].values()),
            len(found[name][2]),
            bool(found[name][0]),
            name.count("."),
        ),
    )
    clock, signals, faults = found[best]
    if faults:
        raise VoltileError(faults[0])
    where = f"scope '{best}' of {target.path}"
    target.check_complete({p for places in signals.values() for p in places.values()}, where)
    if not clock:
        raise VoltileError(f"{where} has no clock '{target.clock}'")
    return clock, signals


def _match(
    target: _Target, variables: Sequence[VarDecl]
) -> tuple[str, dict[str, dict[int, int]], list[str]]:
    """Identifier of the clock in a scope; of each signal: bit of its value -> place; and faults."""
    place_of = {port: place for place, port in enumerate(target.ports)}
    width: dict[str, int] = {}
    for port in target.ports:
        word, bit = split_bit(port)
        width[word] = max(width.get(word, 0), bit + 1)
    clock, signals, faults = "", dict[str, dict[int, int]](), list[str]()
    for variable in variables:
        name, index = variable.reference.removeprefix("\\"), variable.bit_index
        if name == target.clock or variable.ref_str == target.clock:
            clock = variable.id_code
        if variable.size == 1 and index is None and name in place_of:
            signals.setdefault(variable.id_code, {})[0] = place_of[name]
            continue
        if name not in width:
            continue
        if isinstance(index, int):
            bits = [index]
        else:
            high, low = index or (variable.size - 1, 0)
            bits = list(range(low, high + 1)) if high >= low else list(range(low, high - 1, -1))
            if len(bits) != width[name]:
                faults.append(
                    f"signal '{variable.ref_str}' of {target.path} has {len(bits)} bits, port "
                    f"'{name}' of {target.netlist.name} {width[name]}"
                )
                continue
        places = {
            at: place_of[f"{name}[{bit}]"]
            for at, bit in enumerate(bits)
            if f"{name}[{bit}]" in place_of
        }
        signals.setdefault(variable.id_code, {}).update(places)
    return clock, signals, faults


def _sample(
    tokens: Iterator[Token], clock: str, signals: Mapping[str, Mapping[int, int]], width: int
) -> tuple[list[bytes], int]:
    """Rows of bits, eight to a byte, before each rising edge; and how many bits were unknown."""
    rows: list[bytes] = []
    row = np.zeros(width, dtype=np.uint8)
    undefined = np.zeros(width, dtype=bool)
    undefined[[place for places in signals.values() for place in places.values()]] = True
    unknown = 0
    level = "x"
    # Changes of one moment happen together: a row is what was there before all of them.
    pending: dict[str, int | str] = {}

    def apply() -> None:
        nonlocal level, unknown
        following = str(pending.get(clock, level))
        if level == "0" and following == "1":
            rows.append(np.packbits(row).tobytes())
            unknown += int(undefined.sum())
        level = following
        for code, value in pending.items():
            for bit, place in signals.get(code, {}).items():
                digit = _digit(value, bit)
                row[place] = digit == "1"
                undefined[place] = digit not in "01"
        pending.clear()

    for token in tokens:
        if token.kind in _CHANGES:
            change = (
                token.scalar_change
                if token.kind is TokenKind.CHANGE_SCALAR
                else token.vector_change
            )
            if change.id_code in signals or change.id_code == clock:
                value = change.value
                pending[change.id_code] = value if isinstance(value, int) else value.lower()
        elif token.kind is TokenKind.CHANGE_TIME:
            apply()
    apply()
    return rows, unknown


def _digit(value: int | str, bit: int) -> str:
    """Digit of a value; a string that is short goes on with its first digit, if that is unknown."""
    if isinstance(value, int):
        return str((value >> bit) & 1)
    if bit < len(value):
        return value[len(value) - 1 - bit]
    return value[0] if value[0] in "xz" else "0"
