"""The same netlist, loads and supplies in OpenSTA: an outside check of our timing.

OpenSTA has no supply per instance. One copy of the Liberty file per supply, its cells renamed with
a suffix, stands in for it: each instance is written with the suffix of its supply. Wires become
annotated loads and, where they have resistance, annotated interconnect delays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import LibertyError, ProgramError, run_program
from voltile.floorplan.constants import constant_nets
from voltile.floorplan.netlist import OPEN, Netlist, write_verilog
from voltile.floorplan.timing import Wires
from voltile.floorplan.timing_graph import TimingGraph

Ints = NDArray[np.int64]

_CELL = re.compile(r'^\s*cell\s*\(\s*"?([^")\s]+)"?\s*\)', re.MULTILINE)
_RESULT = re.compile(r"^(worst slack|update time) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class OpenStaResult:
    """Worst setup slack [s], and the wall time of one full timing update [s]."""

    worst_slack: float
    update_s: float


def opensta_worst_slack(
    graph: TimingGraph,
    liberty: Sequence[Path],
    supply: Ints,
    wires: Wires,
    wire_delay: NDArray[np.float64],
    period: float,
    folder: Path,
    updates: int = 1,
) -> OpenStaResult:
    """Time a netlist in OpenSTA.

    Parameters
    ----------
    liberty : sequence of Path
        One Liberty file per supply; `supply[c]` picks that of instance c.
    wire_delay : ndarray, shape (nodes,)
        Delay of each wire [s], as `Timer.loads` gives it.
    folder : Path
        Receives netlist, libraries, script and log.
    updates : int
        Full timing updates to take the mean time of.

    Raises
    ------
    ProgramError
        When OpenSTA is missing or fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    netlist, constraints = _plain_names(graph.netlist), graph.constraints
    port = dict(zip(graph.netlist.port_name, netlist.port_name, strict=True))
    used = {graph.netlist.library.cell_name[int(kind)] for kind in np.unique(netlist.cell_type)}
    for number, path in enumerate(liberty):
        _write_library(path, used, f"__v{number}", folder / f"v{number}.lib")
    names = netlist.library.cell_name
    write_verilog(
        netlist,
        folder / "netlist.v",
        lambda cell: f"{names[int(netlist.cell_type[cell])]}__v{int(supply[cell])}",
    )
    clock_nets = np.flatnonzero(graph.clocks.net_root == np.arange(netlist.nets))
    clock_ports = [
        name
        for name, net, is_input in zip(
            netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
        )
        if is_input and net in clock_nets
    ]
    nanoseconds = period * 1e9
    lines = [f"read_liberty {folder / f'v{number}.lib'}" for number in range(len(liberty))]
    lines += [f"read_verilog {folder / 'netlist.v'}", f"link_design {netlist.name}"]
    lines += [
        # Before any number: bare numbers are in the first library's units.
        "set_cmd_units -time ns -capacitance pF",
        (
            f"create_clock -name clock -period {nanoseconds:.9f} "
            f"-waveform {{0 {nanoseconds * constraints.fall:.9f}}} "
            f"[get_ports {{{' '.join(clock_ports)}}}]"
        ),
        "set_disable_inferred_clock_gating [get_cells *]",
    ]
    for name, new in port.items():
        at = netlist.port_name.index(new)
        if new in clock_ports:
            continue
        if netlist.port_is_input[at]:
            delay = constraints.input_delay.get(name, 0.0) * 1e9
            lines.append(f"set_input_delay {delay:.9f} -clock clock [get_ports {new}]")
        else:
            delay = constraints.output_delay.get(name, 0.0) * 1e9
            lines.append(f"set_output_delay {delay:.9f} -clock clock [get_ports {new}]")
        if name in constraints.load:
            lines.append(f"set_load {constraints.load[name] * 1e12:.9f} [get_ports {new}]")
        if name in constraints.case:
            lines.append(f"set_case_analysis {constraints.case[name]} [get_ports {new}]")
        if name in constraints.false_from:
            lines.append(f"set_false_path -from [get_ports {new}]")
        if name in constraints.false_to:
            lines.append(f"set_false_path -to [get_ports {new}]")
    if constraints.case_through_registers:
        lines += _held_registers(graph, netlist)
    if constraints.cell_derate != 1:  # wire delays are read with theirs
        lines.append(f"set_timing_derate -late -cell_delay {constraints.cell_derate:.12g}")
        # The clock is ideal; OpenSTA would credit paths with the derates of its gates.
        lines.append("set sta_crpr_enabled 0")
    joined = np.zeros(netlist.nets, dtype=bool)
    joined[netlist.pin_net[netlist.pin_net != OPEN]] = True
    lines += [
        f"set_load -wire_load {wires.capacitance[net] * 1e12:.9f} "
        f"[get_nets {_net_name(netlist, int(net))}]"
        for net in np.flatnonzero(joined & (wires.capacitance > 0))
    ]
    if np.any(wires.resistance > 0):
        _write_sdf(netlist, wire_delay, folder / "wires.sdf")
        lines.append(f"read_sdf {folder / 'wires.sdf'}")
    lines += [
        "report_worst_slack -digits 7",
        "set start [clock microseconds]",
        f"for {{set i 0}} {{$i < {updates}}} {{incr i}} {{",
        "  find_timing -full_update",
        "  worst_slack -max",
        "}",
        f'puts "update time [expr ([clock microseconds] - $start) / {updates}]"',
    ]
    (folder / "time.tcl").write_text("\n".join(lines) + "\n")
    log = run_program(["sta", "-no_splash", "-exit", folder / "time.tcl"], folder / "time.log")
    found = dict(_RESULT.findall(log))
    if len(found) < 2:
        raise ProgramError(f"OpenSTA reported no slack (log: {folder / 'time.log'})")
    return OpenStaResult(float(found["worst slack"]) * 1e-9, float(found["update time"]) * 1e-6)


def _held_registers(graph: TimingGraph, named: Netlist) -> list[str]:
    """Set the outputs of registers that hold a constant; OpenSTA takes none through a register."""
    netlist, constraints = graph.netlist, graph.constraints
    constants = constant_nets(netlist, constraints.case, through_registers=True)
    registers = np.isin(netlist.cell_type, list(netlist.library.sequential))
    pins = np.flatnonzero(
        netlist.pin_is_output & registers[netlist.pin_cell] & (netlist.pin_net != OPEN)
    )
    return [
        f"set_case_analysis {constants[net]} "
        f"[get_pins {named.cell_name[netlist.pin_cell[pin]]}/"
        f"{netlist.library.pin_name[netlist.pin_library[pin]]}]"
        for pin, net in zip(pins, netlist.pin_net[pins], strict=True)
        if constants[net] >= 0
    ]


def _plain_names(netlist: Netlist) -> Netlist:
    """The netlist with names that need no escape in Verilog or Tcl."""
    return replace(
        netlist,
        name="design",
        cell_name=tuple(f"c{cell}" for cell in range(netlist.cells)),
        net_name=tuple(f"n{net}" for net in range(netlist.nets)),
        port_name=tuple(f"p{port}" for port in range(len(netlist.port_name))),
    )


def _net_name(netlist: Netlist, net: int) -> str:
    """What `write_verilog` calls a net: the port that it belongs to, inputs first, or itself."""
    ports = np.flatnonzero(netlist.port_net == net)
    if not len(ports):
        return netlist.net_name[net]
    inputs = ports[netlist.port_is_input[ports]]
    return netlist.port_name[int(inputs[0] if len(inputs) else ports[0])]


def _write_library(path: Path, used: set[str], suffix: str, target: Path) -> None:
    """Copy the used cells of a Liberty file under names with a suffix."""
    text = path.read_text()
    # Debian's OpenSTA would add the default wire load to every net.
    text = re.sub(r"^\s*default_wire_load\s*:.*$", "", text, flags=re.MULTILINE)
    starts = [(match.start(), match.end(), match.group(1)) for match in _CELL.finditer(text)]
    if not starts:
        raise LibertyError("holds no cells", str(path))
    header = re.sub(
        r'^(\s*library\s*\(\s*"?)([^")]+)', rf"\g<1>\g<2>{suffix}", text[: starts[0][0]],
        count=1, flags=re.MULTILINE,
    )  # fmt: skip
    parts = [header]
    bounds = [start for start, _, _ in starts[1:]] + [text.rstrip().rindex("}")]
    for (_, after_name, name), stop in zip(starts, bounds, strict=True):
        if name in used:
            parts.append(f'\n    cell ("{name}{suffix}")' + text[after_name:stop])
    target.write_text("".join(parts) + "}\n")


def _write_sdf(netlist: Netlist, wire_delay: NDArray[np.float64], path: Path) -> None:
    """Write the wire delays of nets that cells drive as interconnect delays."""
    pin_name = netlist.library.pin_name
    lines = []
    for pin in netlist.sink_pins:
        net = int(netlist.pin_net[pin])
        driver = int(netlist.net_driver[net])
        if driver == OPEN:
            ports = np.flatnonzero((netlist.port_net == net) & netlist.port_is_input)
            source = netlist.port_name[int(ports[0])]
        else:
            source = _pin_text(netlist, driver, pin_name)
        rise, fall = wire_delay[2 * net] * 1e9, wire_delay[2 * net + 1] * 1e9
        lines.append(
            f"(INTERCONNECT {source} {_pin_text(netlist, int(pin), pin_name)} "
            f"({rise:.9f}) ({fall:.9f}))"
        )
    outputs = np.flatnonzero(~netlist.port_is_input)
    for port in outputs:
        net = int(netlist.port_net[port])
        driver = int(netlist.net_driver[net])
        if driver != OPEN:
            rise, fall = wire_delay[2 * net] * 1e9, wire_delay[2 * net + 1] * 1e9
            lines.append(
                f"(INTERCONNECT {_pin_text(netlist, driver, pin_name)} {netlist.port_name[port]} "
                f"({rise:.9f}) ({fall:.9f}))"
            )
    body = "\n".join(lines)
    path.write_text(
        '(DELAYFILE (SDFVERSION "3.0") (DESIGN "design") (DIVIDER /) (TIMESCALE 1ns)\n'
        f'(CELL (CELLTYPE "design") (INSTANCE) (DELAY (ABSOLUTE\n{body}\n))))\n'
    )


def _pin_text(netlist: Netlist, pin: int, names: tuple[str, ...]) -> str:
    cell = netlist.cell_name[int(netlist.pin_cell[pin])]
    return f"{cell}/{names[int(netlist.pin_library[pin])]}"
