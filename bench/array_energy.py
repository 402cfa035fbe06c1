"""Area, critical delay and energy per MAC of systolic arrays, beside their elements alone.

    python bench/array_energy.py [--size 8] [--pe NAME ...] [--operands FILE.npz] [--period NS]
                                 [--tech NAME|MANIFEST]

Arrays of N x N elements with words of 8 bits and accumulators of 32, without memories and without
the registers that skew operands at the edges: synthesised, placed and sized as a whole for a clock
period. Delays are the shortest clock periods at the nominal supply, with the control word of each
precision held. Energy is at the nominal supply and one clock, which every precision of array and
element meets, under operands of a file (`voltile operands`) or random ones; with wires and clock
tree, glitches not counted.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prepared import FOLDER, faults_through, parser_of

from voltile.core import Precision, StageMeter, VoltileError
from voltile.floorplan import Netlist, Timer
from voltile.flows.elements.job import (
    PeConfig,
    PlacedElement,
    mac_model,
    operands_of,
    place_element,
)
from voltile.flows.stages import Stages
from voltile.hdl import PROCESSING_ELEMENTS, SystolicArray
from voltile.pdk import SequentialKind, read_technology
from voltile.power import MacModel, PowerModel

Floats = NDArray[np.float64]

# Registers of an array that are in none of its elements: captures, and the drain of results.
DRAIN = ("captures_", "captured_", "out__", "saturated__", "valid__")
PARTS = ("registers and clock gates", "logic", "drain", "clock tree")


@dataclass(frozen=True)
class Measured:
    """An element or an array of some elements, placed, under operands."""

    label: str
    elements: int
    placed: PlacedElement
    model: MacModel

    def of_parts(self, values: Floats) -> Floats:
        """Return the sum of values of cells and clock buffers over each of `PARTS`."""
        netlist = self.placed.layout.graph.netlist
        keeps = np.isin(netlist.cell_type, list(netlist.library.sequential))
        part = np.where(keeps, 0, 1)
        if self.elements > 1:
            part[drain_of(netlist)] = 2
        part = np.append(part, np.full(len(values) - netlist.cells, 3))
        return np.bincount(part, values, minlength=len(PARTS))

    @property
    def areas(self) -> Floats:
        """Area of each of `PARTS` [m2]."""
        layout = self.placed.layout
        return self.of_parts(layout.tree.insert(layout.graph.netlist).cell_area)

    @property
    def delays(self) -> dict[Precision, float]:
        """Shortest clock period of each precision at the nominal supply [s]."""
        nominal = self.model.technology.nominal_vdd
        return {mode: 1 / self.model.max_frequency(mode, nominal) for mode in self.model.modes}

    def energies(self, clock: float) -> dict[Precision, Floats]:
        """Energy per MAC of each of `PARTS` at each precision, nominal supply and a clock [J]."""
        layout = self.placed.layout
        netlist, technology = layout.graph.netlist, self.model.technology
        libraries = [technology.library(technology.nominal_vdd)]
        every = np.zeros(netlist.cells, dtype=np.int64)
        timing = Timer(layout.graph, libraries).analyze(every, layout.wires)
        found = {}
        for precision, mode in self.model.modes.items():
            power = PowerModel(netlist, layout.tree, mode.busy, libraries)
            report = power.evaluate(every, timing)
            energy = report.dynamic_energy + report.leakage / clock
            found[precision] = self.of_parts(energy / mode.macs_per_cycle)
        return found


def drain_of(netlist: Netlist) -> NDArray[np.bool_]:
    """Return which cells are of `DRAIN`: its registers, and logic that feeds nothing else."""
    keeps = np.isin(netlist.cell_type, list(netlist.library.sequential))
    driver = np.where(netlist.net_driver >= 0, netlist.pin_cell[netlist.net_driver], -1)
    drain = np.zeros(netlist.cells, dtype=bool)
    for net in np.flatnonzero(driver >= 0):
        if keeps[driver[net]] and netlist.net_name[net].startswith(DRAIN):
            drain[driver[net]] = True
    sink_net, sink_cell = netlist.pin_net[netlist.sink_pins], netlist.pin_cell[netlist.sink_pins]
    free = ~keeps | _clock_gates(netlist)
    while True:
        outside = np.zeros(netlist.nets, dtype=bool)
        outside[sink_net[~drain[sink_cell]]] = True
        feeds = np.zeros(netlist.cells, dtype=bool)
        feeds[driver[(driver >= 0) & outside]] = True
        grown = drain | (free & ~feeds)
        if (grown == drain).all():
            return drain
        drain = grown


def _clock_gates(netlist: Netlist) -> NDArray[np.bool_]:
    sequential = netlist.library.sequential
    gates = [cell for cell, item in sequential.items() if item.kind == SequentialKind.CLOCK_GATE]
    return np.isin(netlist.cell_type, gates)


def main(given: argparse.Namespace) -> None:
    """Print the table."""
    period = None if given.period is None else given.period * 1e-9
    operands = Path(given.operands) if given.operands else None
    config = PeConfig(tuple(given.pe), tech=given.tech, period=period, operands=operands)
    if given.size < 2:
        raise VoltileError(f"size must be at least 2, not {given.size}")
    bench = Bench(config)
    print(f"{bench.operands.source}; {bench.operands.zero_acts:.0%} of the activations are zero; "
          f"parts are {', '.join(PARTS)}\n")  # fmt: skip
    heads = ("", "cells", "area [µm²]", "parts", "over elements alone", "full / mixed / half [ns]",
             "over one", "pJ per MAC", "over one", "parts at full precision [pJ]")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|", flush=True)
    for name in config.pes:
        one, array = bench.measure(name, 1), bench.measure(name, given.size)
        clock = min(one.model.clock, array.model.clock)
        for item in (one, array):
            print(f"| {' | '.join(_columns(item, one, clock))} |", flush=True)


class Bench:
    """Elements and arrays that are placed once, kept in `runs/bench`."""

    def __init__(self, config: PeConfig) -> None:
        self.config = config
        self.technology, self.operands = read_technology(config.tech), operands_of(config)
        asked = "" if config.period is None else f"-{config.period * 1e9:g}ns"
        folder = FOLDER / f"array-energy-{self.technology.name}{asked}"
        self.stages = Stages(folder, StageMeter(), lambda line: print(line, file=sys.stderr))

    def measure(self, name: str, size: int) -> Measured:
        """Place and measure an element (1), or an array with so many rows and columns."""
        element = self.config.element(name)
        unit = SystolicArray(size, size, element) if size > 1 else element
        stage = f"{name}-{size}x{size}"
        placed = place_element(unit, stage, self.technology, self.config, self.stages)
        model = mac_model(stage, placed, unit, self.operands, self.stages)
        label = type(element).__name__ if size == 1 else f"{size} x {size}"
        return Measured(label, size**2, placed, model)


def _columns(item: Measured, one: Measured, clock: float) -> Iterator[str]:
    """Columns of the table; an array beside one of its elements."""
    areas, energies, alone = item.areas, item.energies(clock), one.energies(clock)
    yield item.label
    yield str(item.placed.layout.graph.netlist.cells)
    yield f"{areas.sum() * 1e12:.0f}"
    yield " / ".join(f"{area * 1e12:.0f}" for area in areas)
    yield f"{areas.sum() / (item.elements * one.areas.sum()):.2f}"
    yield _each(item.delays, "{:.3f}", 1e9)
    yield _each({mode: delay / one.delays[mode] for mode, delay in item.delays.items()}, "{:.2f}")
    totals = {mode: energy.sum() for mode, energy in energies.items()}
    yield _each(totals, "{:.2f}", 1e12)
    yield _each({mode: total / alone[mode].sum() for mode, total in totals.items()}, "{:.2f}")
    yield " / ".join(f"{energy * 1e12:.2f}" for energy in energies[Precision.FULL])


def _each(values: Mapping[Precision, float], form: str, scale: float = 1) -> str:
    """A value for full, mixed and half precision."""
    texts = (form.format(scale * values[mode]) if mode in values else "-" for mode in Precision)
    return " / ".join(texts)


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=8, help="rows and columns (default: 8)")
    parser.add_argument("--pe", nargs="+", default=list(PROCESSING_ELEMENTS), metavar="NAME",
                        help=f"of {', '.join(PROCESSING_ELEMENTS)}")  # fmt: skip
    parser.add_argument("--operands", default=os.environ.get("OPERANDS", ""),
                        help="operands of 8 bits (voltile operands); else random")  # fmt: skip
    parser.add_argument("--period", type=float, metavar="NS",
                        help="clock period to size for (default: the technology's)")  # fmt: skip
    parser.add_argument("--tech", default="freepdk45", help="technology (default: Voltile's)")
    with faults_through(parser):
        main(parser.parse_args())
