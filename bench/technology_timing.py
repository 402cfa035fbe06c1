"""The same netlists timed with `sky130-spice` and with the foundry's library, at ss_100C.

    python bench/technology_timing.py [DESIGN ...]

Maps each design with the foundry's cells that both know, and prints the shortest period and the
worst slack at 10 ns with either library at 1.40 and 1.60 V. Those of `sky130-spice` lie between its
supplies and are interpolated.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from designs import DESIGNS
from foundry import foundry_technology, min_period
from prepared import faults_through, parser_of

from voltile.floorplan import Sources, synthesize
from voltile.floorplan.netlist import OPEN, Netlist
from voltile.hdl import Grid, ScalableMac, to_rtlil
from voltile.pdk import CellLibrary, read_technology

BUILT_IN = {"mac": lambda: ScalableMac(8, 32), "grid-4x4": lambda: Grid(4, 4)}
NAMES = (*BUILT_IN, *DESIGNS)
PERIOD = 10e-9


def main(names: list[str]) -> None:
    """Print the table."""
    ours = read_technology("sky130-spice")
    known = ours.library(ours.nominal_vdd).cell_index
    heads = ("design", "cells", "Vdd [V]", "foundry [ns]", "ours [ns]", "ratio",
             "slack at 10 ns, foundry [ns]", "ours [ns]")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|")
    with TemporaryDirectory() as name:
        folder = Path(name)
        theirs = foundry_technology(folder)
        others = [cell for cell in theirs.library(1.60).cell_name if cell not in known]
        for design in names:
            sources = sources_of(design)
            netlist = synthesize(
                sources, replace(theirs, dont_use=(*theirs.dont_use, *others)), PERIOD, folder
            )
            for vdd in theirs.vdds:
                periods = []
                for technology in (theirs, ours):
                    library = technology.library(vdd)
                    same = with_cells_of(netlist, library)
                    periods.append(min_period(same, technology, library))
                slacks = [f"{(PERIOD - period) * 1e9:.2f}" for period in periods]
                print(f"| {design} | {netlist.cells} | {vdd:.2f} | {periods[0] * 1e9:.3f} | "
                      f"{periods[1] * 1e9:.3f} | {periods[1] / periods[0]:.3f} | {slacks[0]} | "
                      f"{slacks[1]} |", flush=True)  # fmt: skip


def with_cells_of(netlist: Netlist, library: CellLibrary) -> Netlist:
    """Return the netlist with the cells of the same names of another library.

    Its pins may stand in another order.
    """
    own = netlist.library
    kind = np.array([library.cell_index.get(name, -1) for name in own.cell_name])
    place = np.array([
        library.pin_index[kind[cell], name] - library.cell_first_pin[kind[cell]]
        if kind[cell] >= 0 and (kind[cell], name) in library.pin_index else -1
        for name, cell in zip(own.pin_name, own.pin_cell.tolist(), strict=True)
    ])  # fmt: skip
    cell_type = kind[netlist.cell_type]
    first = np.cumsum(np.diff(library.cell_first_pin)[cell_type])
    first = np.concatenate([[0], first])
    pin_net = np.full(first[-1], OPEN)
    known = place[netlist.pin_library] >= 0  # internal pins of theirs are not
    at = (first[netlist.pin_cell] + place[netlist.pin_library])[known]
    pin_net[at] = netlist.pin_net[known]
    return replace(netlist, library=library, cell_type=cell_type, pin_net=pin_net)


def sources_of(design: str) -> Sources:
    """What to map."""
    if design in BUILT_IN:
        return Sources(rtlil=to_rtlil(BUILT_IN[design](), "top"))
    core = DESIGNS[design]()
    return replace(core, defines=("SYNTHESIS", *core.defines))


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("designs", nargs="*", metavar="DESIGN", help=", ".join(NAMES))
    given = parser.parse_args().designs or list(NAMES)
    for name in given:
        if name not in NAMES:
            parser.error(f"no design '{name}': choose from {', '.join(NAMES)}")
    with faults_through(parser):
        main(given)
