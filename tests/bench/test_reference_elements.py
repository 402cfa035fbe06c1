"""The elements that `bench/processing_elements.py` compares with, and its glitches."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import Precision, StageMeter
from voltile.floorplan import Timer
from voltile.flows.elements.job import PeConfig, mac_model, place_element
from voltile.flows.elements.operands import Operands
from voltile.flows.elements.stimuli import PeStimuli
from voltile.flows.stages import Stages
from voltile.hdl import DotProduct, schedule_on
from voltile.pdk import read_technology
from voltile.power import compile_netlist
from voltile.power.simulation import observe

BENCH = Path(__file__).parents[2] / "bench"
FULL, HALF = Precision.FULL, Precision.HALF
pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """Gives an element and its layout in the toy technology."""
    folder = tmp_path_factory.mktemp("reference")
    stages = Stages(folder, StageMeter(), lambda line: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.syspath_prepend(BENCH)
        elements = importlib.import_module("reference_elements")
        technology = read_technology(str(write_toy_technology(folder)))

        def find(name, *parameters):
            element = getattr(elements, name)(4, 14, *parameters)
            label = f"{name}{len(parameters)}"
            return element, place_element(element, label, technology, PeConfig(), stages), stages

        yield find


@pytest.mark.parametrize(
    ("name", "parameters", "precision", "alignment"),
    [("FixedMac", (), FULL, 0), ("HalfMac", (), HALF, 4), ("HalfMac", (False,), HALF, 0)],
)
def test_reference_elements_compute_dot_products(placed, name, parameters, precision, alignment):
    element, layout, _ = placed(name, *parameters)
    graph = layout.layout.graph
    netlist = graph.netlist
    rng = np.random.default_rng(7)
    act, weight = rng.integers(-8, 8, (2, 1024, 5))
    stimuli = PeStimuli(element, netlist, graph.clocks, Operands(act, weight, "", ""), precision)
    ports = dict(zip(netlist.port_name, netlist.port_net, strict=True))
    nets = np.array([ports[f"out[{bit}]"] for bit in range(4)])
    seen = observe(compile_netlist(netlist, graph.clocks), stimuli.busy(), nets)
    found = (seen * (1 << np.arange(4))).sum(axis=2)
    found -= (found >= 8) << 4
    sums = (act * weight).sum(axis=1)
    position = int(abs(sums).max()).bit_length() + 1 - 4
    if precision is HALF:  # floor(act / 4), and weight / 4 to the nearest, ties to even
        sums = (act // 4 * np.clip(np.rint(weight / 4), -2, 1).astype(int)).sum(axis=1)
    expected = np.clip((sums << alignment) >> position, -8, 7)
    ready = 2 + schedule_on(element, [DotProduct(5, precision)] * 5).result_cycle
    inside = ready < len(found)
    lanes = expected.reshape(256, 4)
    assert inside.sum() >= 3
    assert (found[ready[inside]] == lanes[:, [3, 0, 1, 2, 3]].T[inside]).all()
    assert len(set(expected.tolist())) > 1


def test_glitches_come_on_top_of_settled_toggles(placed, tmp_path):
    """Registers, which see no glitch, toggle as in the simulation without delays."""
    if shutil.which("iverilog") is None:
        pytest.skip("needs iverilog")
    glitches = importlib.import_module("glitches")
    element, layout, stages = placed("FixedMac")
    design = layout.layout
    graph, netlist = design.graph, design.graph.netlist
    rng = np.random.default_rng(7)
    # One stream, so that both simulations count the same cycles.
    operands = Operands(*rng.integers(-8, 8, (2, 1, 60)), "", "glitches")
    model = mac_model("glitches", layout, element, operands, stages)
    settled = model.modes[FULL].busy
    stimulus = PeStimuli(element, netlist, graph.clocks, operands, FULL).busy()
    assert stimulus.lanes == 1
    library = model.technology.library(1.0)
    every = np.zeros(netlist.cells, dtype=np.int64)
    timing = Timer(graph, [library]).analyze(every, design.wires)

    def with_glitches(period):
        return glitches.glitch_activity(graph, timing, settled, stimulus, tmp_path, period)

    found = with_glitches(2 * timing.min_period)
    sequential = np.append(np.isin(netlist.cell_type, list(netlist.library.sequential)), False)
    driver = np.where(netlist.net_driver >= 0, netlist.pin_cell[netlist.net_driver], -1)
    cycles = settled.cycles
    stored = sequential[driver] & ~graph.clocks.is_clock
    # Delays move an edge beyond the last cycle, or into the first.
    assert found.toggle_rate[stored] == pytest.approx(settled.toggle_rate[stored], abs=1.1 / cycles)
    assert stored.sum() > 40 and settled.toggle_rate[stored].sum() > 5
    logic = ~sequential[driver] & (driver >= 0)
    extra = (found.toggle_rate - settled.toggle_rate)[logic]
    assert extra.min() >= -1.1 / cycles
    # Beyond a settled change, a net only goes forth and back.
    assert glitches.glitch_share(netlist, settled, found) > 0.05
    assert (found.toggle_rate[graph.clocks.is_clock] ==
            settled.toggle_rate[graph.clocks.is_clock]).all()  # fmt: skip


@pytest.mark.parametrize("name", ["processing_elements", "zero_skipping", "network_energy"])
def test_help_says_what_is_measured(name):
    done = subprocess.run(
        [sys.executable, BENCH / f"{name}.py", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "energy per mac" in done.stdout.replace("\n", " ").lower()


def test_operands_that_cannot_be_read_are_one_line():
    done = subprocess.run(
        [sys.executable, BENCH / "processing_elements.py", "--operands", "nosuch.npz"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "operands nosuch.npz: there is no such file\n"
