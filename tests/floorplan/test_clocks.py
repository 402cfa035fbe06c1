"""Which nets carry a clock, and with which polarity."""

import pytest
from toy_netlists import make_netlist

from voltile.core import NetlistError
from voltile.floorplan import trace_clocks

TREE = {
    "buf": ("toy_buf_4", {"A": "clk", "Y": "c1"}),
    "inv": ("toy_inv_1", {"A": "c1", "Y": "c2"}),
    "inv2": ("toy_inv_4", {"A": "c2", "Y": "c3"}),
    "outer": ("toy_icg_1", {"CK": "c1", "E": "en", "GCK": "g1"}),
    "inner": ("toy_icg_1", {"CK": "g1", "E": "q0", "GCK": "g2"}),
    "turned": ("toy_inv_1", {"A": "g2", "Y": "g3"}),
    "r0": ("toy_dff_1", {"D": "en", "CK": "c3", "Q": "q0"}),
    "r1": ("toy_dff_1", {"D": "q0", "CK": "c2", "Q": "q1"}),
    "r2": ("toy_dffn_1", {"D": "q1", "CKN": "g2", "Q": "q2"}),
    "r3": ("toy_dff_1", {"D": "q2", "CK": "g3", "Q": "q3"}),
    "data": ("toy_inv_1", {"A": "q3", "Y": "y"}),
}


@pytest.fixture(scope="module")
def library(toy_technology):
    return toy_technology.library(1.0)


def phases(netlist, ports=()):
    clocks = trace_clocks(netlist, ports)
    roots = {netlist.net_name[root] for root in clocks.net_root if root >= 0}
    assert ((clocks.net_root >= 0) == clocks.is_clock).all()
    return {
        netlist.net_name[net]: int(phase) for net, phase in enumerate(clocks.net_phase)
        if phase >= 0
    }, roots  # fmt: skip


EXPECTED = {"clk": 0, "c1": 0, "c2": 1, "c3": 0, "g1": 0, "g2": 0, "g3": 1}


def test_clock_passes_buffers_inverters_and_nested_gates(library):
    netlist = make_netlist(library, TREE, ["clk", "en"], ["y"])
    assert phases(netlist) == (EXPECTED, {"clk"})
    assert phases(netlist, ["clk"]) == (EXPECTED, {"clk"})


def test_inverter_is_known_by_its_function_however_written(library):
    """The toy's inverters are `!A` and `(A')`; foundries write `(!A)`."""
    assert library.pin_function[library.pin_index[library.cell_index["toy_inv_1"], "Y"]] == "!A"
    assert library.pin_function[library.pin_index[library.cell_index["toy_inv_4"], "Y"]] == "(A')"
    for kind in ("toy_inv_1", "toy_inv_4"):
        cells = {
            "i": (kind, {"A": "clk", "Y": "n"}),
            "r": ("toy_dff_1", {"D": "d", "CK": "n", "Q": "q"}),
        }
        netlist = make_netlist(library, cells, ["clk", "d"], ["q"])
        assert phases(netlist) == ({"clk": 0, "n": 1}, {"clk"})


def test_sky130_inverter_turns_a_clock(sky130hd):
    library = sky130hd.library(1.76)
    cells = {
        "i": ("sky130_fd_sc_hd__inv_2", {"A": "clk", "Y": "n"}),
        "c": ("sky130_fd_sc_hd__clkbuf_4", {"A": "n", "X": "m"}),
        "r": ("sky130_fd_sc_hd__dfxtp_1", {"D": "d", "CLK": "m", "Q": "q"}),
    }
    netlist = make_netlist(library, cells, ["clk", "d"], ["q"])
    assert phases(netlist) == ({"clk": 0, "n": 1, "m": 1}, {"clk"})


def test_design_without_registers_has_no_clock(library):
    netlist = make_netlist(library, {"u": ("toy_inv_1", {"A": "a", "Y": "y"})}, ["a"], ["y"])
    assert phases(netlist) == ({}, set())
    # Unless it is named: then it is one, and what it drives too.
    assert phases(netlist, ["a"]) == ({"a": 0, "y": 1}, {"a"})


def test_two_clock_ports_are_two_roots(library):
    cells = {
        "r": ("toy_dff_1", {"D": "d", "CK": "k1", "Q": "q"}),
        "s": ("toy_dff_1", {"D": "q", "CK": "k2", "Q": "y"}),
    }
    netlist = make_netlist(library, cells, ["k1", "k2", "d"], ["y"])
    assert phases(netlist) == ({"k1": 0, "k2": 0}, {"k1", "k2"})


@pytest.mark.parametrize(
    ("cells", "net"),
    [
        ({"g": ("toy_and2_1", {"A": "clk", "B": "en", "Y": "n"})}, "n"),
        ({"g": ("toy_dff_1", {"D": "en", "CK": "clk", "Q": "n"})}, "n"),
        ({"g": ("toy_tie_1", {"H": "n"})}, "n"),
        ({"g": ("toy_mux2_1", {"A": "clk", "B": "en", "S": "en", "Y": "m"}),
          "h": ("toy_inv_1", {"A": "m", "Y": "n"})}, "n"),
    ],
    ids=["and", "divider", "constant", "multiplexer"],
)  # fmt: skip
def test_trace_clocks_rejects_a_clock_from_logic(library, cells, net):
    cells = cells | {"r": ("toy_dff_1", {"D": "en", "CK": net, "Q": "q"})}
    netlist = make_netlist(library, cells, ["clk", "en"], ["q"])
    with pytest.raises(NetlistError) as fault:
        trace_clocks(netlist)
    assert str(fault.value) == (
        f"the clock of register 'r' comes from net '{net}', which no clock port reaches through "
        f"buffers, inverters and clock gates"
    )


def test_trace_clocks_rejects_a_register_that_no_named_clock_reaches(library):
    netlist = make_netlist(library, TREE, ["clk", "en"], ["y"])
    with pytest.raises(NetlistError, match=r"^the clock of register 'outer' comes from net 'c1', "):
        trace_clocks(netlist, ["en"])


@pytest.mark.parametrize("port", ["ck", "y"])
def test_trace_clocks_rejects_a_port_that_is_no_input(library, port):
    netlist = make_netlist(library, TREE, ["clk", "en"], ["y"])
    with pytest.raises(NetlistError) as fault:
        trace_clocks(netlist, ["clk", port])
    assert str(fault.value) == f"toy has no input port '{port}' to be a clock"


def test_register_with_an_open_clock_pin_has_no_clock(library):
    netlist = make_netlist(library, {"r": ("toy_dff_1", {"D": "d", "Q": "q"})}, ["d"], ["q"])
    assert phases(netlist) == ({}, set())
