"""Stimuli of a systolic array: its netlist computes what the golden model says of the streams."""

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import Precision
from voltile.floorplan import Constraints, Sources, build_timing_graph, synthesize
from voltile.flows.elements.operands import Operands
from voltile.flows.elements.stimuli import ArrayStimuli
from voltile.hdl import DotProduct, ScalableMac, SpatialMac, SystolicArray, schedule_on, to_rtlil
from voltile.pdk import read_technology
from voltile.power import compile_netlist, simulate
from voltile.power.simulation import observe
from voltile.sim import dot_product, packed_dot_product, round_half_even, write_back

MIXED, HALF = Precision.MIXED, Precision.HALF
WIDTH, ACC_WIDTH, LENGTH = 4, 12, 9


@pytest.fixture(scope="module")
def technology(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy_array")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield read_technology(write_toy_technology(folder))


@pytest.fixture(scope="module", params=[(ScalableMac, MIXED, 2, 3), (SpatialMac, HALF, 2, 1)])
def made(request, technology, tmp_path_factory):
    """An array, its timing graph, and stimuli of 768 dot products at one precision."""
    kind, precision, rows, cols = request.param
    array = SystolicArray(rows, cols, kind(WIDTH, ACC_WIDTH))
    folder = tmp_path_factory.mktemp("array")
    netlist = synthesize(Sources(rtlil=to_rtlil(array, "array")), technology, 1e-8, folder)
    graph = build_timing_graph(netlist, Constraints())
    rng = np.random.default_rng(3)
    act, weight = rng.integers(-8, 8, (2, 768, LENGTH))
    operands = Operands(act, weight, "made", "made")
    stimuli = ArrayStimuli(array, netlist, graph.clocks, operands, precision)
    return array, graph, stimuli, operands, precision


def golden(element, act, weight, precision, position):
    """Output words of dot products."""
    if precision is HALF:
        act = act >> WIDTH // 2
    if isinstance(element, ScalableMac):
        sums = dot_product(act, weight, precision, None, WIDTH, ACC_WIDTH)
    else:
        products = element.modes[precision].weights
        weight = round_half_even(weight, WIDTH)
        sums = packed_dot_product(act, weight, precision, products, None, WIDTH, ACC_WIDTH)
    return write_back(sums, position, WIDTH)[0]


def test_every_element_multiplies_a_row_by_a_column(made):
    array, graph, stimuli, operands, precision = made
    stimulus, netlist = stimuli.busy(), graph.netlist
    # Streams of three vectors; those before them let the wavefront reach the last element.
    assert stimulus.lanes == 256
    rows, cols = array.rows, array.cols
    cycles = array.pe.dot_product_cycles(LENGTH, precision)
    lead = 1 + -(-(rows + cols) // cycles)
    assert (stimulus.cycles, stimulus.warmup) == (2 + (lead + 3) * cycles, 2 + lead * cycles)
    assert stimuli.macs_per_cycle == rows * cols * LENGTH / cycles
    sums = (operands.act * operands.weight).sum(axis=1)
    position = max(0, int(abs(sums).max()).bit_length() + 1 - WIDTH)
    nets = dict(zip(netlist.port_name, netlist.port_net, strict=True))
    ready = schedule_on(array.pe, [DotProduct(LENGTH, precision)] * (lead + 3)).result_cycle
    order = np.arange(768).reshape(256, 3)
    checked = 0
    for j in range(cols):
        wanted = np.array([nets[f"out__{j}[{bit}]"] for bit in range(WIDTH)])
        seen = observe(compile_netlist(netlist, graph.clocks), stimulus, wanted)
        found = (seen * (1 << np.arange(WIDTH))).sum(axis=2)
        found -= (found >= 1 << WIDTH - 1) << WIDTH
        for i in range(rows):
            for number, cycle in enumerate(ready + 2 + i + j + 1):
                if cycle >= stimulus.cycles:
                    continue
                vector = order[:, (number - lead) % 3]
                act = operands.act[np.roll(vector, -i)]
                weight = operands.weight[np.roll(vector, -j)]
                expected = golden(array.pe, act, weight, precision, position)
                assert (found[cycle] == expected).all(), (i, j, number)
                checked += 1
    assert checked >= 2 * rows * cols


def test_idle_array_is_still(made):
    """Only the clock moves in idle words: those of the last element included."""
    _, graph, stimuli, _, _ = made
    activity = simulate(compile_netlist(graph.netlist, graph.clocks), stimuli.idle())
    moving = activity.toggle_rate[graph.clocks.net_phase < 0]
    assert activity.cycles == 8 and not moving.any()
    busy = simulate(compile_netlist(graph.netlist, graph.clocks), stimuli.busy())
    assert busy.toggle_rate[graph.clocks.net_phase < 0].any()
