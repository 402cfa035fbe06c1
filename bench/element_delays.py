"""Area and critical delay of the processing elements, per precision.

    python bench/element_delays.py [ELEMENT ...] [--tech NAME|MANIFEST] [--period NS ...]

Elements are scalable, spatial and dual. Each is mapped for each clock period; no placement, no
wires. Delays are the shortest clock periods at the nominal supply, with the control word of each
precision held (case analysis through registers): what is switched off at a precision is not timed.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prepared import faults_through, parser_of

from voltile.core import Precision
from voltile.floorplan import (
    Constraints,
    Netlist,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    synthesize,
)
from voltile.hdl import DualMac, ProcessingElement, ScalableMac, SpatialMac, to_rtlil
from voltile.pdk import Technology, read_technology

ELEMENTS = {
    "scalable": lambda: ScalableMac(8, 32),
    "spatial": lambda: SpatialMac(8, 32),
    "dual": lambda: DualMac(16, 44),
}
# What the fields of the control word hold at each precision; ScalableMac changes the others.
HELD: dict[str, dict[Precision, dict[str, int]]] = {
    "scalable": {
        Precision.FULL: {},
        Precision.MIXED: {"weight_part[0]": 0, "weight_part[1]": 0},
        Precision.HALF: {"weight_part[0]": 0, "weight_part[1]": 0, "act_signed": 1},
    },
    "spatial": {
        Precision.FULL: {"half": 0, "mixed": 0},
        Precision.MIXED: {"half": 0, "mixed": 1},
        Precision.HALF: {"half": 1, "mixed": 0},
    },
    "dual": {Precision.FULL: {"half": 0}, Precision.HALF: {"half": 1}},
}


def main(names: list[str], tech: str, periods: list[float]) -> None:
    """Print the table."""
    technology = read_technology(tech)
    goals = [period * 1e-9 for period in periods] or [technology.synthesis_period]
    heads = ("element", "mapped for [ns]", "cells", "area [um2]", "registers [um2]",
             *(f"{mode.name.lower()} [ns]" for mode in Precision))  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    for name in names:
        for goal in goals:
            element = ELEMENTS[name]()
            with TemporaryDirectory() as folder:
                sources = Sources(rtlil=to_rtlil(element, name), top=name)
                netlist = synthesize(sources, technology, goal, Path(folder))
            area, registers = areas(netlist)
            delays = [delay(technology, netlist, element, name, mode) for mode in Precision]
            print(f"| {name} {element.width}, {element.acc_width}-bit accumulator | "
                  f"{goal * 1e9:g} | {netlist.cells} | {area:.0f} | {registers:.0f} | "
                  f"{' | '.join(delays)} |", flush=True)  # fmt: skip


def areas(netlist: Netlist) -> tuple[float, float]:
    """Return the area of all cells and that of registers and clock gates [um2]."""
    library = netlist.library
    area = library.cell_area[netlist.cell_type] * 1e12
    return area.sum(), area[np.isin(netlist.cell_type, list(library.sequential))].sum()


def delay(
    technology: Technology, netlist: Netlist, element: ProcessingElement, name: str, mode: Precision
) -> str:
    """Return the shortest clock period at a precision [ns]; "-" where there is none."""
    if mode not in element.modes:
        return "-"
    case = {f"ctl__{field}": level for field, level in HELD[name][mode].items()} | {"rst": 0}
    graph = build_timing_graph(netlist, Constraints(case=case, case_through_registers=True))
    timer = Timer(graph, [technology.library(technology.nominal_vdd)])
    timing = timer.analyze(np.zeros(netlist.cells, dtype=np.int64), Wires.none(netlist))
    return f"{timing.min_period * 1e9:.3f}"


if __name__ == "__main__":
    parser: argparse.ArgumentParser = parser_of(__doc__)
    parser.add_argument("elements", nargs="*", metavar="ELEMENT", help=f"of {', '.join(ELEMENTS)}")
    parser.add_argument("--tech", default="freepdk45")
    parser.add_argument("--period", type=float, nargs="*", default=[], metavar="NS")
    with faults_through(parser):
        arguments = parser.parse_args()
        unknown = [name for name in arguments.elements if name not in ELEMENTS]
        if unknown:
            parser.error(f"unknown element {unknown[0]}; there are {', '.join(ELEMENTS)}")
        main(arguments.elements or list(ELEMENTS), arguments.tech, arguments.period)
