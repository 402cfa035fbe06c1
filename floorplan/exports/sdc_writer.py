"""Writes timing constraints as SDC, in ns and pF.

What headers drop of a supply makes the cells of their tile slower. That is a derate of cell delays,
one factor for all cells of a tile; checks and wires have none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voltile.core import write_atomically
from voltile.floorplan.constraints import Constraints
from voltile.floorplan.timing_graph import TimingGraph

_TIME, _LOAD = 1e-9, 1e-12


def explicit_constraints(graph: TimingGraph, period: float) -> Constraints:
    """Return what a design is timed under with nothing left to defaults.

    Clock ports are those that the netlist shows, and every other port has an external delay: to a
    timing tool, a port without one is not timed at all.
    """
    netlist, constraints = graph.netlist, graph.constraints
    is_root = graph.clocks.net_root[netlist.port_net] == netlist.port_net
    clocks = _names(netlist.port_name, is_root & netlist.port_is_input)
    inputs = _names(netlist.port_name, ~is_root & netlist.port_is_input)
    outputs = _names(netlist.port_name, ~netlist.port_is_input)
    return replace(
        constraints,
        clocks=clocks,
        period=period,
        input_delay={name: constraints.input_delay.get(name, 0.0) for name in inputs},
        output_delay={name: constraints.output_delay.get(name, 0.0) for name in outputs},
    )


def _names(names: Iterable[str], kept: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, keep in zip(names, kept.tolist(), strict=True) if keep)


def write_sdc(
    constraints: Constraints, path: Path, derates: Iterable[tuple[float, Sequence[str]]] = ()
) -> None:
    """Write constraints as `explicit_constraints` gives them.

    Parameters
    ----------
    derates : iterable of (float, sequence of str)
        Factor on the delays of cells, beside that of the constraints, and their instances.
    """
    lines = list(_lines(constraints))
    for factor, cells in derates:
        if factor != 1 and cells:  # takes the place of the derate of all cells
            listed = f"[get_cells {{{' '.join(cells)}}}]"
            product = factor * constraints.cell_derate
            lines.append(f"set_timing_derate -late -cell_delay {product:.12g} {listed}")
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _lines(constraints: Constraints) -> Iterator[str]:
    period = constraints.period / _TIME
    clocks = f" {_ports(constraints.clocks)}" if constraints.clocks else ""
    yield (
        f"create_clock -name clock -period {period:.12g} "
        f"-waveform {{0 {period * constraints.fall:.12g}}}{clocks}"
    )
    for command, values, unit in (
        ("set_input_delay {} -clock clock", constraints.input_delay, _TIME),
        ("set_output_delay {} -clock clock", constraints.output_delay, _TIME),
        ("set_load -pin_load {}", constraints.load, _LOAD),
        ("set_case_analysis {}", constraints.case, 1),
    ):
        for value, ports in _by_value(values):
            yield f"{command.format(f'{value / unit:.12g}')} {_ports(ports)}"
    for side, names in (("from", constraints.false_from), ("to", constraints.false_to)):
        if names:
            yield f"set_false_path -{side} {_ports(sorted(names))}"
    for kind, factor in (("cell", constraints.cell_derate), ("net", constraints.net_derate)):
        if factor != 1:
            yield f"set_timing_derate -late -{kind}_delay {factor:.12g}"


def _by_value(values: Mapping[str, float]) -> Iterator[tuple[float, list[str]]]:
    """Ports of one value together: a design has few values and many ports."""
    groups: dict[float, list[str]] = {}
    for port, value in values.items():
        groups.setdefault(value, []).append(port)
    yield from groups.items()


def _ports(names: Iterable[str]) -> str:
    return f"[get_ports {{{' '.join(names)}}}]"
