"""Timing at one precision: case analysis on the control word of a processing element."""

import numpy as np
import pytest

from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    opensta_worst_slack,
    synthesize,
)
from voltile.hdl import DualMac, to_rtlil
from voltile.pdk import read_technology

# Tight and easy for freepdk45 [s].
PERIODS = (1e-9, 3e-9)


@pytest.fixture(scope="module", params=PERIODS)
def dual(request, tmp_path_factory):
    """Technology and netlist of DualMac."""
    technology = read_technology("freepdk45")
    sources = Sources(rtlil=to_rtlil(DualMac(), "dual"), top="dual")
    netlist = synthesize(sources, technology, request.param, tmp_path_factory.mktemp("dual"))
    return technology, netlist


def analyze(technology, netlist, half):
    """Time one precision, held at the ports and so in the pipeline of control words."""
    case = {"ctl__half": half, "rst": 0}
    graph = build_timing_graph(netlist, Constraints(case=case, case_through_registers=True))
    timer = Timer(graph, [technology.library(technology.nominal_vdd)])
    return graph, timer.analyze(np.zeros(netlist.cells, dtype=np.int64), Wires.none(netlist))


def test_two_8_bit_macs_have_a_shorter_critical_path_than_one_of_16_bits(dual):
    full, half = (analyze(*dual, half)[1].min_period for half in (0, 1))
    # What low precision passes by is one of some thirty-five gates.
    assert half < 0.98 * full


def test_opensta_times_the_precisions_alike(dual, opensta, tmp_path):
    technology, netlist = dual
    for half in (0, 1):
        graph, timing = analyze(technology, netlist, half)
        result = opensta_worst_slack(
            graph, [technology.liberty(technology.nominal_vdd)],
            np.zeros(netlist.cells, dtype=np.int64), Wires.none(netlist), timing.wire_delay, 2e-9,
            tmp_path / str(half),
        )  # fmt: skip
        assert timing.worst_slack(2e-9) == pytest.approx(result.worst_slack, abs=1e-12, rel=0)
