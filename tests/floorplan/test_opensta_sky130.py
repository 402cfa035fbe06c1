"""Worst slack against OpenSTA on placed designs in SKY130 cells, within a picosecond.

Two supplies, and a plan in which every other tile is raised.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    build_timing_graph,
    opensta_worst_slack,
    place,
    synthesize,
)
from voltile.hdl import Grid, ScalableMac, to_rtlil

PERIOD = 6e-9
BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"


def picorv32():
    spec = importlib.util.find_spec("pythondata_cpu_picorv32")
    if spec is None or spec.origin is None:
        pytest.skip("needs pythondata-cpu-picorv32")
    return Sources([Path(spec.origin).parent / "verilog" / "picorv32.v"], top="picorv32")


DESIGNS = {
    "mac": lambda: Sources(rtlil=to_rtlil(ScalableMac(), "mac"), top="mac"),
    "grid": lambda: Sources(rtlil=to_rtlil(Grid(2, 2), "grid"), top="grid"),
    "two edges": lambda: Sources([BLOCKS], top="edges"),
    "picorv32": picorv32,
}


@pytest.fixture(
    scope="module",
    params=["mac", "grid", "two edges", pytest.param("picorv32", marks=pytest.mark.slow)],
)
def placed(request, opensta, sky130hd, tmp_path_factory):
    """(netlist, clocks, placement) of a design."""
    folder = tmp_path_factory.mktemp("design")
    netlist = synthesize(DESIGNS[request.param](), sky130hd, PERIOD, folder)
    graph = build_timing_graph(netlist, Constraints())
    # The tiles of a tiny design need room.
    fill = 0.7 if netlist.cells > 100 else 0.35
    return netlist, graph.clocks, place(netlist, graph.clocks, sky130hd, 2, fill)


def compare(technology, placed, constraints, vdds, folder):
    """Worst slacks here and in OpenSTA [s]."""
    netlist, _, placement = placed
    graph = build_timing_graph(netlist, constraints)
    wires = placement.wires(technology)
    supply = placement.tile % len(vdds)
    timer = Timer(graph, [technology.library(vdd) for vdd in vdds])
    timing = timer.analyze(supply, wires)
    result = opensta_worst_slack(
        graph, [technology.liberty(vdd) for vdd in vdds], supply, wires, timing.wire_delay, PERIOD,
        folder,
    )  # fmt: skip
    assert np.isfinite(result.worst_slack)
    return timing.worst_slack(PERIOD), result.worst_slack


@pytest.mark.parametrize("vdds", [(1.44,), (1.76,), (1.44, 1.76)], ids=["low", "high", "mixed"])
def test_worst_slack(sky130hd, placed, vdds, tmp_path):
    mine, theirs = compare(sky130hd, placed, Constraints(), vdds, tmp_path)
    assert mine == pytest.approx(theirs, abs=1e-12, rel=0)


def test_worst_slack_with_an_input_held_and_external_delays(sky130hd, placed, tmp_path):
    netlist, clocks, _ = placed
    free = [name for name, net, is_input in
            zip(netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True)
            if is_input and not clocks.is_clock[net]]  # fmt: skip
    outputs = [name for name, is_input in
               zip(netlist.port_name, netlist.port_is_input, strict=True) if not is_input]
    constraints = Constraints(
        case=dict.fromkeys(free[::2], 0) | dict.fromkeys(free[::5], 1),
        input_delay=dict.fromkeys(free, 1.5e-9),
        output_delay=dict.fromkeys(outputs, 2.1e-9),
        load=dict.fromkeys(outputs[::3], 30e-15),
    )
    mine, theirs = compare(sky130hd, placed, constraints, (1.44, 1.76), tmp_path)
    assert mine == pytest.approx(theirs, abs=1e-12, rel=0)
