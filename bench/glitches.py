"""Switching activity with glitches: a netlist in Icarus Verilog, with the delay of every cell.

Every output has the delay of its slowest arc, by edge, as static timing finds it for the supply and
the wires; shorter pulses are swallowed (inertial delay). Clocks arrive everywhere at once, inputs
1 ps after the edge. A glitch counts as full swing.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import run_program
from voltile.floorplan import Timing, TimingGraph
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.pdk import Direction, Expression, SequentialKind, parse_expression
from voltile.power import Activity, Stimulus

_BENCH = """`timescale 1ps/1fs
module bench;
  reg {roots};
  reg [{last}:0] data, rows [0:{cycles}];
  integer cycle, file;
{body}
  initial begin
    $readmemb("{folder}/rows.txt", rows);
{clear}
    {low}
    data = rows[0]; #{half};
    for (cycle = 1; cycle < {cycles}; cycle = cycle + 1) begin
      if (cycle == {warmup}) begin
{clear}
      end
      {high}
      #1 data = rows[cycle]; #({half} - 1);
      {low}
      #{half};
    end
    file = $fopen("{folder}/toggles.txt", "w");
{show}
    $fclose(file);
    $finish;
  end
endmodule
"""
_SIGN = {"and": "&", "or": "|", "xor": "^"}


def glitch_activity(
    graph: TimingGraph, timing: Timing, settled: Activity, stimulus: Stimulus, folder: Path,
    period: float, cycles: int = 400,
) -> Activity:  # fmt: skip
    """Return the activity of the first lane of a stimulus, glitches included.

    Parameters
    ----------
    settled : Activity
        Without glitches, of the same stimulus: static probabilities and clocks are taken from it.
    folder : Path
        Receives the bench and the log.
    period : float
        Of the clock [s].
    cycles : int
        How many are counted, at most.
    """
    folder.mkdir(parents=True, exist_ok=True)
    netlist, clocks = graph.netlist, graph.clocks
    roots = sorted(set(clocks.net_root.tolist()) - {-1})
    total = min(stimulus.cycles, stimulus.warmup + cycles)
    rows = [words[:, 0] & np.uint64(1) for words in islice(stimulus.blocks(), total)]
    text = "\n".join("".join(map(str, row[::-1].tolist())) for row in rows)
    (folder / "rows.txt").write_text(text + "\n")
    nets = [f"n{net}" for net in range(netlist.nets)]
    place = {port: bit for bit, port in enumerate(stimulus.ports)}
    body = [f"  wire {name}; integer c{name};" for at, name in enumerate(nets) if at not in roots]
    body += [f"  integer cn{root};" for root in roots]
    body += [f"  always @({name}) c{name} = c{name} + 1;" for name in nets]
    body += [
        f"  assign n{net} = data[{place[port]}];"
        for port, net in netlist.input_port_net.items()
        if port in place
    ]
    body += _cells(graph, timing)
    names = [f"n{root}" for root in roots]
    (folder / "bench.v").write_text(
        _BENCH.format(
            roots=", ".join(names), last=len(place) - 1, cycles=total, body="\n".join(body),
            folder=folder, clear="\n".join(f"    c{name} = 0;" for name in nets),
            show="\n".join(f'    $fdisplay(file, "%0d", c{name});' for name in nets),
            low=" ".join(f"{name} = 0;" for name in names),
            high=" ".join(f"{name} = 1;" for name in names),
            half=f"{period * 1e12 / 2:.0f}", warmup=stimulus.warmup,
        )
    )  # fmt: skip
    run_program(
        ["iverilog", "-g2005", "-o", folder / "bench.vvp", folder / "bench.v"],
        folder / "build.log",
    )
    run_program(["vvp", "-n", folder / "bench.vvp"], folder / "run.log")
    counts = np.loadtxt(folder / "toggles.txt", dtype=np.int64)
    rate = counts / (total - stimulus.warmup)
    return replace(settled, toggle_rate=np.where(clocks.is_clock, settled.toggle_rate, rate))


def _cells(graph: TimingGraph, timing: Timing) -> Iterator[str]:
    """Verilog of every instance."""
    netlist, library = graph.netlist, graph.netlist.library
    delay = _output_delays(graph, timing)
    for cell in range(netlist.cells):
        kind = int(netlist.cell_type[cell])
        pins = {
            library.pin_name[pin]: int(netlist.pin_net[netlist.first_pin[cell] + at])
            for at, pin in enumerate(library.pins_of(kind))
        }
        values: dict[str, str] = {
            name: "1'b0" if net == OPEN else f"n{net}" for name, net in pins.items()
        }
        item = library.sequential.get(kind)
        if item is not None and item.kind == SequentialKind.CLOCK_GATE:
            enable, clock = _verilog(parse_expression(item.data), values), values[item.clock]
            yield f"  reg s{cell} = 0; always @* if (!{clock}) s{cell} = {enable};"
            yield f"  assign {values[item.output]} = {clock} & s{cell};"
            continue
        if item is not None:
            data = _verilog(parse_expression(item.data), values)
            clock = _verilog(parse_expression(item.clock), values)
            yield f"  reg s{cell} = 0; always @(posedge ({clock})) s{cell} <= {data};"
            values |= {item.state: f"s{cell}", item.state_inverted: f"(~s{cell})"}
        for pin in library.pins_of(kind):
            net = pins[library.pin_name[pin]]
            if library.pin_direction[pin] == Direction.OUTPUT and net != OPEN:
                value = _verilog(parse_expression(library.pin_function[pin]), values)
                clocked = graph.clocks.is_clock[net]
                rise, fall = (0.0, 0.0) if clocked else delay[2 * net : 2 * net + 2]
                yield f"  assign #({rise * 1e12:.3f}, {fall * 1e12:.3f}) n{net} = {value};"


def _output_delays(graph: TimingGraph, timing: Timing) -> NDArray[np.float64]:
    """Delay of the slowest arc into each node, with its wire [s]."""
    delay = np.zeros(graph.nodes)
    np.maximum.at(delay, graph.target, timing.delay)
    return delay + timing.wire_delay


def _verilog(expression: Expression, values: dict[str, str]) -> str:
    """Return an expression over pins in Verilog."""
    kind = expression[0]
    if kind == "var":
        return values[expression[1]]
    if kind == "const":
        return f"1'b{expression[1]}"
    first = _verilog(expression[1], values)
    if kind == "not":
        return f"(~{first})"
    return f"({first} {_SIGN[kind]} {_verilog(expression[2], values)})"


def glitch_share(netlist: Netlist, settled: Activity, glitching: Activity) -> float:
    """Return how many toggles there are over those of settled states, less 1."""
    driven = netlist.net_driver >= 0
    return float(glitching.toggle_rate[driven].sum() / settled.toggle_rate[driven].sum() - 1)
