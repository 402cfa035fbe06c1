"""SDC that is written says, read again, what it was written from."""

import pytest
from test_opensta import SURROUNDINGS
from toy_netlists import make_netlist, random_netlist

from voltile.floorplan import Constraints, build_timing_graph, read_sdc
from voltile.floorplan.exports import explicit_constraints, write_sdc


def read_back(graph, path):
    netlist = graph.netlist
    ports = list(zip(netlist.port_name, netlist.port_is_input, strict=True))
    return read_sdc(path, [p for p, i in ports if i], [p for p, i in ports if not i])


def check(graph, period, folder):
    expected = explicit_constraints(graph, period)
    write_sdc(expected, folder / "top.sdc")
    result = read_back(graph, folder / "top.sdc")
    assert (result.clocks, result.case) == (expected.clocks, expected.case)
    assert (result.false_from, result.false_to) == (expected.false_from, expected.false_to)
    assert (result.period, result.fall) == pytest.approx(
        (expected.period, expected.fall), rel=1e-11
    )
    for name in ("input_delay", "output_delay", "load", "cell_derate", "net_derate"):
        assert getattr(result, name) == pytest.approx(getattr(expected, name), rel=1e-11, abs=0)
    return expected


@pytest.mark.parametrize("constraints", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_constraints_come_back(toy_technology, tmp_path, constraints):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 20), constraints)
    explicit = check(graph, 1 / 3 * 1e-9, tmp_path)
    # What is asked stays; what was not said is 0.
    assert explicit.clocks == ("clk",) and explicit.fall == constraints.fall
    for name in ("input_delay", "output_delay"):
        said = getattr(constraints, name)
        assert {p: d for p, d in getattr(explicit, name).items() if d or p in said} == said
    assert (explicit.load, explicit.case) == (constraints.load, constraints.case)
    assert "clk" not in explicit.input_delay and "rst" in explicit.input_delay


def test_design_without_a_clock_gets_one_without_a_port(toy_technology, tmp_path):
    cells = {"u": ("toy_buf_1", {"A": "a[0]", "Y": "y"})}
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a[0]"], ["y"])
    check(build_timing_graph(netlist, Constraints()), 2e-9, tmp_path)
    text = (tmp_path / "top.sdc").read_text()
    assert text.startswith("create_clock -name clock -period 2 -waveform {0 1}\n")


def test_ports_of_one_value_share_a_statement(toy_technology, tmp_path):
    inputs = [f"a[{bit}]" for bit in range(20)]
    cells = {f"u{bit}": ("toy_inv_1", {"A": name, "Y": f"y[{bit}]"})
             for bit, name in enumerate(inputs)}  # fmt: skip
    outputs = [f"y[{bit}]" for bit in range(20)]
    netlist = make_netlist(toy_technology.library(1.0), cells, inputs, outputs)
    check(build_timing_graph(netlist, Constraints(load=dict.fromkeys(outputs, 1e-15))), 1e-9,
          tmp_path)  # fmt: skip
    assert len((tmp_path / "top.sdc").read_text().splitlines()) == 4
