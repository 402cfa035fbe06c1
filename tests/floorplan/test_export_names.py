"""Plain names: what changes, what stays, and that nothing is mixed up."""

import re

import pytest
from toy_netlists import make_netlist, random_netlist

from voltile.floorplan import Constraints, build_timing_graph
from voltile.floorplan.exports import with_plain_names

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PORT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[\d+\])?")


def plain(library, cells, inputs, outputs, constraints=None, name="toy"):
    netlist = make_netlist(library, cells, inputs, outputs, name)
    return with_plain_names(build_timing_graph(netlist, constraints or Constraints()))


def buffers(*pairs):
    return {name: ("toy_buf_1", {"A": into, "Y": out}) for name, into, out in pairs}


def test_names_become_identifiers_that_differ(toy_technology):
    cells = buffers(
        (r"$abc$8636\mac.acc[3]", "a[0]", "x[0]"), ("abc_8636_mac_acc_3", "x[0]", "x_0"),
        ("7", "x_0", "$"), ("/", "$", "y"),
    )  # fmt: skip
    graph = plain(toy_technology.library(1.0), cells, ["a[0]"], ["y"], name="top.v2")
    netlist = graph.netlist
    assert netlist.name == "top_v2"
    assert netlist.cell_name[0] == "abc_8636_mac_acc_3"
    names = [*netlist.cell_name, *netlist.net_name]
    assert len(set(names)) == len(names)
    # The nets of ports have their names.
    assert netlist.net_name[0] == "a[0]" and netlist.net_name[1] == "y"
    assert all(PLAIN.fullmatch(name) for name in (*netlist.cell_name, *netlist.net_name[2:]))


def test_plain_names_stay(toy_technology):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 3), Constraints())
    same = with_plain_names(graph).netlist
    assert same.cell_name == graph.netlist.cell_name
    assert same.port_name == graph.netlist.port_name


def test_ports_keep_their_index_and_constraints_follow_them(toy_technology):
    ports = ["clk", "a.b[0]", "a.b[1]", "a_b"]
    cells = buffers(("u", "a.b[1]", "y:1"))
    cells["r"] = ("toy_dff_1", {"D": "a.b[0]", "CK": "clk", "Q": "q"})
    given = Constraints(
        clocks=("clk",), input_delay={"a.b[1]": 1e-9, "a_b": 2e-9}, output_delay={"y:1": 3e-9},
        load={"y:1": 1e-15}, case={"a_b": 1}, false_from=frozenset({"a.b[0]"}),
        false_to=frozenset({"q"}),
    )  # fmt: skip
    graph = plain(toy_technology.library(1.0), cells, ports, ["y:1", "q"], given)
    names = graph.netlist.port_name
    assert all(PORT.fullmatch(name) for name in names)
    assert len(set(names)) == len(names)
    new = dict(zip([*ports, "y:1", "q"], names, strict=True))
    assert new["a.b[0]"] == "a_b[0]" and new["a.b[1]"] == "a_b[1]" and new["a_b"] != "a_b"
    got = graph.constraints
    assert got.clocks == ("clk",)
    assert got.input_delay == {new["a.b[1]"]: 1e-9, new["a_b"]: 2e-9}
    assert (got.output_delay, got.load) == ({new["y:1"]: 3e-9}, {new["y:1"]: 1e-15})
    assert (got.case, got.false_from, got.false_to) == ({new["a_b"]: 1}, {"a_b[0]"}, {"q"})


def test_a_net_of_several_ports_has_the_name_of_its_input(toy_technology):
    graph = plain(
        toy_technology.library(1.0), buffers(("u", "a", "n")), ["a"],
        {"through": "a", "y": "n", "z": "n"},
    )  # fmt: skip
    assert graph.netlist.net_name == ("a", "y")


@pytest.mark.parametrize("seed", range(3))
def test_structure_is_untouched(toy_technology, seed):
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), seed), Constraints())
    same = with_plain_names(graph)
    assert same.source is graph.source and same.netlist.pin_net is graph.netlist.pin_net
