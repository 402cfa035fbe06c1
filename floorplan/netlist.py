"""A mapped netlist as index arrays, and its readers and writers."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import NetlistError, write_atomically
from voltile.pdk import CellLibrary, Direction

Ints = NDArray[np.int64]

# Net of a pin that is left open.
OPEN = -1


@dataclass(frozen=True)
class Netlist:
    """Instances of library cells, joined by nets; flat.

    Pins of instance c are first_pin[c] : first_pin[c + 1], in the order of the library's pins of
    its cell; so pin k of it is library pin cell_first_pin[cell_type[c]] + k.

    Attributes
    ----------
    cell_name, net_name, port_name : tuple of str
        `port_name` is one name per bit, such as "act[3]".
    cell_type : ndarray of int, shape (cells,)
        Index into `library.cell_name`.
    pin_net : ndarray of int, shape (pins,)
        Net of each pin; `OPEN` where it is not connected.
    port_net, port_is_input : ndarray, shape (ports,)
    library : CellLibrary
        For names and structure only; the numbers belong to one supply.
    """

    name: str
    library: CellLibrary
    cell_name: tuple[str, ...]
    cell_type: Ints
    net_name: tuple[str, ...]
    pin_net: Ints
    port_name: tuple[str, ...]
    port_net: Ints
    port_is_input: NDArray[np.bool_]

    @property
    def cells(self) -> int:
        """Number of instances."""
        return len(self.cell_type)

    @property
    def nets(self) -> int:
        """Number of nets."""
        return len(self.net_name)

    @cached_property
    def first_pin(self) -> Ints:
        """First pin of each instance, shape (cells + 1,)."""
        counts = np.diff(self.library.cell_first_pin)[self.cell_type]
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def pin_cell(self) -> Ints:
        """Instance of each pin."""
        return np.repeat(np.arange(self.cells), np.diff(self.first_pin))

    @cached_property
    def pin_library(self) -> Ints:
        """Library-wide index of each pin."""
        start = self.library.cell_first_pin[self.cell_type]
        counts = np.diff(self.first_pin)
        return np.arange(len(self.pin_net)) + np.repeat(start - self.first_pin[:-1], counts)

    @cached_property
    def pin_is_output(self) -> NDArray[np.bool_]:
        """Whether each pin drives its net."""
        return np.equal(self.library.pin_direction[self.pin_library], Direction.OUTPUT)

    @property
    def input_port_net(self) -> dict[str, int]:
        """Net of each input port, by its name."""
        ports = zip(self.port_name, self.port_net.tolist(), self.port_is_input, strict=True)
        return {name: net for name, net, is_input in ports if is_input}

    @cached_property
    def net_driver(self) -> Ints:
        """Output pin that drives each net, -1 where a port does, or nothing."""
        driver = np.full(self.nets, -1)
        outputs = np.flatnonzero(self.pin_is_output & (self.pin_net != OPEN))
        driver[self.pin_net[outputs]] = outputs
        return driver

    @cached_property
    def sink_pins(self) -> Ints:
        """Connected input pins, sorted by net."""
        sinks = np.flatnonzero(~self.pin_is_output & (self.pin_net != OPEN))
        return sinks[np.argsort(self.pin_net[sinks], kind="stable")]

    @cached_property
    def net_first_sink(self) -> Ints:
        """Sinks of net n are sink_pins[net_first_sink[n] : net_first_sink[n + 1]]."""
        counts = np.bincount(self.pin_net[self.sink_pins], minlength=self.nets)
        return np.concatenate([[0], np.cumsum(counts)])

    def known_name(self, cell: int) -> str:
        """Name of an instance; where a tool made that up, of a net that it drives, if that has one.

        Names that a tool makes up have a $ in them.
        """
        pins = slice(int(self.first_pin[cell]), int(self.first_pin[cell + 1]))
        driven = self.pin_net[pins][self.pin_is_output[pins] & (self.pin_net[pins] != OPEN)]
        names = [self.cell_name[cell], *(self.net_name[net] for net in driven.tolist())]
        known: list[str] = [name for name in names if "$" not in name]
        return [*known, self.cell_name[cell]][0]

    def describe_loop(self, cells: Sequence[int]) -> str:
        """Return the message about a combinational loop: its cells, by `known_name`."""
        names = [self.known_name(cell) for cell in cells]
        names = [name for name in names if "$" not in name] or names
        listed = " <- ".join(f"'{name}'" for name in names[:6])
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return f"{self.name} has a combinational loop: {listed}{more}"

    @property
    def fanout(self) -> Ints:
        """Number of cell pins that each net drives."""
        return np.diff(self.net_first_sink)

    @property
    def cell_area(self) -> NDArray[np.float64]:
        """Area of each instance [m2]."""
        return self.library.cell_area[self.cell_type]


def read_yosys_json(path: Path, top: str, library: CellLibrary) -> Netlist:
    """Read the netlist that Yosys wrote with `write_json`.

    Raises
    ------
    NetlistError
        When a cell is not in the library, a constant has no tie cell, a port is an inout, or nets
        fail `check_netlist`.
    """
    module = json.loads(path.read_text())["modules"][top]
    names: dict[int, str] = {}
    for name, item in module["netnames"].items():
        for bit, net in enumerate(item["bits"]):
            if isinstance(net, int):
                label = name if len(item["bits"]) == 1 else f"{name}[{bit + item.get('offset', 0)}]"
                if net not in names or (item.get("hide_name", 0) == 0 and "$" in names[net]):
                    names[net] = label
    index = {net: position for position, net in enumerate(names)}
    cells = module["cells"]
    types = library.cell_index
    unmapped = [(name, item["type"]) for name, item in cells.items() if item["type"] not in types]
    if unmapped:
        name, kind = unmapped[0]
        raise NetlistError(
            f"{len(unmapped)} cells are not mapped to library {library.name}; "
            f"the first is '{name}' of type '{kind}'"
        )
    cell_type = np.array([types[item["type"]] for item in cells.values()], dtype=np.int64)
    pin_net: list[int] = []
    for kind, (name, item) in zip(cell_type, cells.items(), strict=True):
        joined = item["connections"]
        for pin in library.pins_of(int(kind)):
            bits = joined.get(library.pin_name[pin])
            if bits and not isinstance(bits[0], int):
                raise NetlistError(
                    f"pin {library.pin_name[pin]} of '{name}' is tied to constant '{bits[0]}' "
                    f"without a tie cell"
                )
            pin_net.append(index[bits[0]] if bits else OPEN)
    port_name, port_net, port_is_input = [], [], []
    for name, item in module["ports"].items():
        if item["direction"] == "inout":
            raise NetlistError(f"{top}: port '{name}' is an inout, which is not supported")
        for bit, net in enumerate(item["bits"]):
            wide = len(item["bits"]) > 1
            label = f"{name}[{bit + item.get('offset', 0)}]" if wide else name
            if not isinstance(net, int):
                raise NetlistError(
                    f"{top}: output port '{label}' is constant '{net}' without a tie cell"
                )
            port_name.append(label)
            port_net.append(index[net])
            port_is_input.append(item["direction"] == "input")
    for name, times in Counter(port_name).items():
        if times > 1:
            raise NetlistError(f"{top}: two ports are called '{name}'")
    netlist = Netlist(
        name=top,
        library=library,
        cell_name=tuple(cells),
        cell_type=cell_type,
        net_name=_distinct(names.values()),
        pin_net=np.array(pin_net, dtype=np.int64),
        port_name=tuple(port_name),
        port_net=np.array(port_net, dtype=np.int64),
        port_is_input=np.array(port_is_input, dtype=bool),
    )
    check_netlist(netlist)
    return netlist


def _distinct(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels with a sign added where one comes again: bit x[3] of a bus and a scalar "x[3]"."""
    seen: dict[str, None] = {}
    for label in labels:
        while label in seen:
            label += "$"
        seen[label] = None
    return tuple(seen)


def check_netlist(netlist: Netlist) -> None:
    """Check that every net with a sink has exactly one driver.

    Raises
    ------
    NetlistError
        Naming the first net that has none, or several.
    """
    outputs = netlist.pin_net[netlist.pin_is_output & (netlist.pin_net != OPEN)]
    drivers = np.bincount(outputs, minlength=netlist.nets)
    drivers += np.bincount(netlist.port_net[netlist.port_is_input], minlength=netlist.nets)
    used = netlist.fanout + np.bincount(
        netlist.port_net[~netlist.port_is_input], minlength=netlist.nets
    )
    for fault, nets in (
        ("has several drivers", np.flatnonzero(drivers > 1)),
        ("is used but not driven", np.flatnonzero((drivers == 0) & (used > 0))),
    ):
        if len(nets):
            raise NetlistError(f"{netlist.name}: net '{netlist.net_name[int(nets[0])]}' {fault}")


_PLAIN_NAME = re.compile(r"[A-Za-z_][\w$]*\Z")
# IEEE 1364-2005, annex B.
_KEYWORDS = frozenset(
    """always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config
    deassign default defparam design disable edge else end endcase endconfig endfunction
    endgenerate endmodule endprimitive endspecify endtable endtask event for force forever fork
    function generate genvar highz0 highz1 if ifnone incdir include initial inout input instance
    integer join large liblist library localparam macromodule medium module nand negedge nmos
    nor noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1
    pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg release
    repeat rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify
    specparam strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1
    triand trior trireg unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor
    xor""".split()
)
_NO_PORTS: Mapping[str, str] = MappingProxyType({})


def write_verilog(
    netlist: Netlist,
    path: Path,
    cell_of: Callable[[int], str] | None = None,
    ports: Mapping[str, str] = _NO_PORTS,
    statements: Iterable[str] = (),
) -> None:
    """Write the netlist as structural Verilog.

    Parameters
    ----------
    cell_of : callable, optional
        Gives the cell name to write for an instance index; by default its library name.
    ports : mapping of name to direction
        Further ports of one bit, after those of the netlist.
    statements : iterable of str
        Further declarations and instances.
    """
    name_of = cell_of or (lambda cell: netlist.library.cell_name[int(netlist.cell_type[cell])])
    words = _port_words(netlist) | {port: (direction, 0) for port, direction in ports.items()}
    lines = [f"module {_escape(netlist.name)} (" + ", ".join(_escape(p) for p in words) + ");"]
    for port, (direction, width) in words.items():
        size = f"[{width - 1}:0] " if width else ""
        lines.append(f"  {direction} {size}{_escape(port)};")
    nets = [_net_text(netlist, net) for net in range(netlist.nets)]
    carried = _port_of_net(netlist)
    for net, port in carried.items():
        nets[net] = port
    lines += [f"  wire {nets[net]};" for net in range(netlist.nets) if net not in carried]
    pin_names = netlist.library.pin_name
    for cell in range(netlist.cells):
        pins = range(int(netlist.first_pin[cell]), int(netlist.first_pin[cell + 1]))
        joined = ", ".join(
            f".{pin_names[int(netlist.pin_library[pin])]}({nets[int(netlist.pin_net[pin])]})"
            for pin in pins
            if netlist.pin_net[pin] != OPEN
        )
        lines.append(f"  {name_of(cell)} {_escape(netlist.cell_name[cell])} ({joined});")
    for port, net in zip(netlist.port_name, netlist.port_net, strict=True):
        if nets[int(net)] != _port_text(port):
            lines.append(f"  assign {_port_text(port)} = {nets[int(net)]};")
    lines += [f"  {statement}" for statement in statements]
    lines.append("endmodule")
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _port_words(netlist: Netlist) -> dict[str, tuple[str, int]]:
    """Direction and width (0: a single bit) of each port, in order."""
    words: dict[str, tuple[str, int]] = {}
    for name, is_input in zip(netlist.port_name, netlist.port_is_input, strict=True):
        word, bit = split_bit(name)
        width = max(words.get(word, ("", 0))[1], bit + 1) if bit >= 0 else 0
        words[word] = ("input" if is_input else "output", width)
    return words


def split_bit(name: str) -> tuple[str, int]:
    """Split "word[3]" into ("word", 3); a name without index gives -1."""
    match = re.fullmatch(r"(.*)\[(\d+)\]", name)
    return (match.group(1), int(match.group(2))) if match else (name, -1)


def _port_of_net(netlist: Netlist) -> dict[int, str]:
    """The port that names each net that has one; an input before an output."""
    order = np.argsort(~netlist.port_is_input, kind="stable")
    named: dict[int, str] = {}
    for port in order:
        named.setdefault(int(netlist.port_net[port]), _port_text(netlist.port_name[port]))
    return named


def _port_text(name: str) -> str:
    word, bit = split_bit(name)
    return f"{_escape(word)}[{bit}]" if bit >= 0 else _escape(word)


def _net_text(netlist: Netlist, net: int) -> str:
    return _escape(netlist.net_name[net])


def _escape(name: str) -> str:
    plain = _PLAIN_NAME.match(name) and name not in _KEYWORDS
    return name if plain else f"\\{name} "


# The arrays below are what a run folder keeps of a netlist.


def netlist_to_arrays(netlist: Netlist) -> dict[str, NDArray[Any]]:
    """Return the netlist as plain arrays, for `numpy.savez`."""
    names = {
        "name": netlist.name,
        "cell_name": netlist.cell_name,
        "net_name": netlist.net_name,
        "port_name": netlist.port_name,
        "types": [netlist.library.cell_name[int(kind)] for kind in np.unique(netlist.cell_type)],
    }
    kinds = np.unique(netlist.cell_type, return_inverse=True)[1]
    return {
        "names": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8),
        "cell_type": kinds,
        "pin_net": netlist.pin_net,
        "port_net": netlist.port_net,
        "port_is_input": netlist.port_is_input,
    }


def netlist_from_arrays(arrays: dict[str, NDArray[Any]], library: CellLibrary) -> Netlist:
    """Return the netlist that `netlist_to_arrays` took apart."""
    names = json.loads(arrays["names"].tobytes())
    kinds = np.array([library.cell_index[name] for name in names["types"]], dtype=np.int64)
    return Netlist(
        name=names["name"],
        library=library,
        cell_name=_tuple(names["cell_name"]),
        cell_type=kinds[arrays["cell_type"]],
        net_name=_tuple(names["net_name"]),
        pin_net=arrays["pin_net"],
        port_name=_tuple(names["port_name"]),
        port_net=arrays["port_net"],
        port_is_input=arrays["port_is_input"],
    )


def _tuple(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(items)
