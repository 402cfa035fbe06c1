"""Synthesised designs in sky130 cells: the simulator against Icarus, and the power of a MAC."""

import re
from pathlib import Path

import numpy as np
import pytest
from clock_trees import bare_tree
from power_icarus import require_icarus
from test_simulation import agree_with_icarus

from voltile.core import TechnologyError
from voltile.core.yosys import run_yosys
from voltile.floorplan.constraints import Constraints
from voltile.floorplan.synth import Sources, synthesize
from voltile.floorplan.timing import Timer, Wires
from voltile.floorplan.timing_graph import build_timing_graph
from voltile.pdk import find_pdk, read_technology
from voltile.power.netlist_compiler import compile_netlist
from voltile.power.power import PowerModel
from voltile.power.simulation import observe, simulate
from voltile.power.stimulus import random_stimulus, scheduled_stimulus

PERIOD = 5e-9
CLOCK_GATES = "".join(
    f"""
module sky130_fd_sc_hd__dlclkp_{size}(input CLK, GATE, output GCLK);
  reg s = 0; always @* if (!CLK) s <= GATE; assign GCLK = CLK & s; endmodule
"""
    for size in (1, 2, 4)
)


@pytest.fixture(scope="module")
def technology():
    try:
        find_pdk("sky130A")
    except TechnologyError:
        pytest.skip("needs PDK sky130A")
    return read_technology("sky130hd")


@pytest.fixture(scope="module")
def models(technology, tmp_path_factory):
    """Verilog of all cells, from the functions in their Liberty file."""
    require_icarus()
    folder = tmp_path_factory.mktemp("cells")
    liberty = technology.liberty(technology.nominal_vdd)
    read = f"read_liberty -ignore_miss_func -ignore_miss_dir {liberty}"
    run_yosys([read, f"write_verilog {folder / 'cells.v'}"], folder, "cells")
    text = (folder / "cells.v").read_text()
    text = re.sub(r"module sky130_fd_sc_hd__dlclkp_\d.*?endmodule", "", text, flags=re.DOTALL)
    # Registers start at 0, as ours do.
    return re.sub(r"^  reg (\S+);", r"  reg \1 = 0;", text, flags=re.MULTILINE) + CLOCK_GATES


def build(technology, top, folder):
    source = Path(__file__).with_name("blocks.v")
    return synthesize(Sources(files=[source], top=top), technology, PERIOD, folder)


@pytest.mark.parametrize("top", ["counter", "edges", "latched", "lfsr", "mac"])
def test_synthesised_design_agrees_with_icarus(technology, models, top, tmp_path):
    netlist = build(technology, top, tmp_path)
    clocks = build_timing_graph(netlist, Constraints()).clocks
    resets = {"rst": 1} if top == "lfsr" else None
    stimulus = random_stimulus(netlist, clocks, 120, 2, resets=resets, warmup=2)
    agree_with_icarus(netlist, models, stimulus, tmp_path)


def test_mac_multiplies(technology, tmp_path):
    netlist = build(technology, "mac", tmp_path)
    clocks = build_timing_graph(netlist, Constraints()).clocks
    a, b = np.random.default_rng(0).integers(-128, 128, (2, 30, 200))
    ones = np.ones(30, dtype=int)
    stimulus = scheduled_stimulus(
        netlist, clocks, {"a": a, "b": b}, "operands",
        held={"valid": 1, "clear": 0, "rst_n": 1},
    )  # fmt: skip
    bits = observe(compile_netlist(netlist, clocks), stimulus)
    names = [n for n, i in zip(netlist.port_name, netlist.port_is_input, strict=True) if not i]
    weights = [1 << int(name[4:-1]) if name != "sum[19]" else -(1 << 19) for name in names]
    # Two registers stand between the operands and the sum.
    expected = np.cumsum(a * b, axis=0)
    assert len(ones) == len(bits) and np.array_equal((bits @ weights)[2:], expected[:-2])


def test_power_of_a_mac_grows_with_supply_and_activity(technology, tmp_path):
    netlist = build(technology, "mac", tmp_path)
    graph = build_timing_graph(netlist, Constraints())
    libraries = [technology.library(vdd) for vdd in (1.44, 1.76)]
    timer = Timer(graph, libraries)
    program = compile_netlist(netlist, graph.clocks)

    def report(supply, **options):
        stimulus = random_stimulus(netlist, graph.clocks, 200, 64, **options)
        model = PowerModel(netlist, bare_tree(netlist), simulate(program, stimulus), libraries)
        level = np.full(netlist.cells, supply)
        return model.evaluate(level, timer.analyze(level, Wires.none(netlist)))

    low, high = report(0).totals(100e6), report(1).totals(100e6)
    idle = report(1, held={"valid": 0, "clear": 0}).totals(100e6)
    # Charging goes with Vdd^2; the capacitances of the two libraries differ by 8 %.
    assert high.switching / low.switching == pytest.approx((1.76 / 1.44) ** 2, rel=0.12)
    assert high.internal > low.internal and high.leakage > low.leakage
    # The gates of the operands' clock are shut: what is left is the clock itself, and input pins.
    assert idle.total < 0.5 * high.total
