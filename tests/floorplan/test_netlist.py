"""Netlists from Yosys, Verilog that Yosys reads back as the same, and netlists with faults."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from toy_netlists import make_netlist, random_netlist

from voltile.core import NetlistError, SynthesisError
from voltile.core.yosys import run_yosys
from voltile.floorplan import (
    Netlist,
    Sources,
    netlist_from_arrays,
    netlist_to_arrays,
    synthesize,
    write_verilog,
)
from voltile.floorplan.netlist import OPEN, check_netlist, read_yosys_json


@pytest.fixture(scope="module")
def library(toy_technology):
    return toy_technology.library(1.0)


def connectivity(netlist):
    """What joins what: (instance, cell, pin) or port of everything on each net, names aside."""
    joined = {}
    for pin, net in enumerate(netlist.pin_net):
        if net != OPEN:
            cell = int(netlist.pin_cell[pin])
            kind = netlist.library.cell_name[int(netlist.cell_type[cell])]
            name = netlist.library.pin_name[int(netlist.pin_library[pin])]
            joined.setdefault(int(net), set()).add((netlist.cell_name[cell], kind, name))
    for name, net, is_input in zip(
        netlist.port_name, netlist.port_net, netlist.port_is_input, strict=True
    ):
        joined.setdefault(int(net), set()).add((name, bool(is_input)))
    return sorted(map(sorted, joined.values()), key=str)


def read_back(netlist, folder, liberty):
    """The netlist by way of Verilog and Yosys."""
    path = folder / "written.v"
    write_verilog(netlist, path)
    passes = [f"read_liberty -lib {liberty}", f"read_verilog {path}", "hierarchy -check -auto-top",
              "proc", f"write_json {folder / 'written.json'}"]  # fmt: skip
    log = run_yosys(passes, folder, "back")
    assert "Warning" not in log
    return read_yosys_json(folder / "written.json", netlist.name, netlist.library)


@pytest.mark.parametrize("seed", range(3))
def test_written_verilog_reads_back_as_the_same(library, toy_technology, tmp_path, seed):
    netlist = random_netlist(library, seed)
    back = read_back(netlist, tmp_path, toy_technology.liberty(1.0))
    assert back.port_name == netlist.port_name
    assert connectivity(back) == connectivity(netlist)


NAMES = {
    "u.core[3].x": ("toy_inv_1", {"A": "in.put", "Y": "bus[0]"}),
    "$abc$12": ("toy_inv_1", {"A": "word[1]", "Y": "bus[1]"}),
    "begin": ("toy_nand2_1", {"A": "bus[0]", "B": "bus[1]", "Y": "wire"}),
    "a+b": ("toy_nand2_1", {"A": "wire", "B": "reg", "Y": "end"}),
    "1st": ("toy_inv_1", {"A": "word[0]", "Y": "endmodule"}),
    "last": ("toy_nand2_1", {"A": "end", "B": "endmodule", "Y": "out[2]"}),
    "plain": ("toy_inv_1", {"A": "alone[4]", "Y": "out[0]"}),
    "bits": ("toy_inv_1", {"A": "word[0]", "Y": "out[1]"}),
}


def test_names_with_brackets_dots_and_keywords_survive(library, toy_technology, tmp_path):
    inputs = ["word[0]", "word[1]", "in.put", "reg", "alone[4]"]
    outputs = {"out[0]": "out[0]", "out[1]": "out[1]", "out[2]": "out[2]", "output": "end"}
    netlist = make_netlist(library, NAMES, inputs, outputs, name="module")
    back = read_back(netlist, tmp_path, toy_technology.liberty(1.0))
    bare = tuple(name.removeprefix("\\") for name in back.cell_name)
    assert sorted(bare) == sorted(netlist.cell_name)
    back = replace(back, cell_name=bare)
    # Of a port "alone[4]" with no other bits, bits 0 to 3 are written too, and used by none.
    assert set(back.port_name) == {*netlist.port_name, *(f"alone[{bit}]" for bit in range(4))}
    unused = [kind for kind in connectivity(back) if len(kind) == 1 and "alone[" in kind[0][0]]
    assert [x for x in connectivity(back) if x not in unused] == connectivity(netlist)


def test_ports_that_share_a_net_are_assigned(library, toy_technology, tmp_path):
    cells = {"u": ("toy_inv_1", {"A": "a", "Y": "n"})}
    outputs = {"y": "n", "z": "n", "through": "a"}
    netlist = make_netlist(library, cells, ["a"], outputs)
    back = read_back(netlist, tmp_path, toy_technology.liberty(1.0))
    assert connectivity(back) == connectivity(netlist)
    text = (tmp_path / "written.v").read_text()
    assert "assign z = y;" in text and "assign through = a;" in text


def test_write_verilog_takes_other_cell_names(library, tmp_path):
    netlist = make_netlist(library, {"u": ("toy_inv_1", {"A": "a", "Y": "y"})}, ["a"], ["y"])
    write_verilog(netlist, tmp_path / "n.v", lambda cell: f"other_{cell}")
    assert (tmp_path / "n.v").read_text() == (
        "module toy (a, y);\n  input a;\n  output y;\n  other_0 u (.A(a), .Y(y));\nendmodule\n"
    )


SOURCE = """
module top(input clk, rst_n, input [7:0] a, b, input [1:0] op, output reg [7:0] y, output carry);
  wire [8:0] sum = a + (op[0] ? ~b : b) + op[0];
  assign carry = sum[8];
  always @(posedge clk or negedge rst_n)
    if (!rst_n) y <= 8'h5a; else if (op[1]) y <= a & b; else y <= sum[7:0] ^ {y[0], y[7:1]};
endmodule
"""


@pytest.mark.parametrize("change", [("", ""), ("toy_xor2_1 ", "toy_and2_1 ")])
def test_written_netlist_is_equivalent_to_its_source(toy_technology, tmp_path, change):
    """Proved by Yosys, by induction from a reset; and refuted with one gate changed."""
    (tmp_path / "top.v").write_text(SOURCE)
    netlist = synthesize(Sources([tmp_path / "top.v"], top="top"), toy_technology, 1e-9,
                         tmp_path / "synth")  # fmt: skip
    write_verilog(netlist, tmp_path / "netlist.v")
    liberty = toy_technology.liberty(1.0)
    text = (tmp_path / "netlist.v").read_text()
    assert change[0] in text
    (tmp_path / "netlist.v").write_text(text.replace(*change, 1))
    proof = [
        f"read_verilog {tmp_path / 'top.v'}", "prep -flatten -top top", "rename top gold",
        "async2sync", "design -stash gold",
        f"read_liberty -ignore_miss_func {liberty}", f"read_verilog {tmp_path / 'netlist.v'}",
        "prep -flatten -top top", "rename top gate", "async2sync", "design -stash gate",
        "design -copy-from gold gold", "design -copy-from gate gate",
        "miter -equiv -make_assert -flatten gold gate miter", "hierarchy -top miter",
        "sat -verify -prove-asserts -tempinduct -set-at 1 in_rst_n 0 -seq 1 -maxsteps 8 miter",
    ]  # fmt: skip
    if change[0]:
        with pytest.raises(SynthesisError, match="proof did fail"):
            run_yosys(proof, tmp_path, "proof")
    else:
        run_yosys(proof, tmp_path, "proof")


def test_arrays_give_the_netlist_back(library):
    netlist = random_netlist(library, 9)
    back = netlist_from_arrays(netlist_to_arrays(netlist), library)
    for name in ("name", "cell_name", "net_name", "port_name"):
        assert getattr(back, name) == getattr(netlist, name)
    assert connectivity(back) == connectivity(netlist)


def test_indices_of_pins_and_nets(library):
    cells = {
        "u": ("toy_nand2_1", {"A": "a", "B": "b", "Y": "n"}),
        "v": ("toy_inv_1", {"A": "n", "Y": "y"}),
        "w": ("toy_nand2_1", {"A": "n", "B": "n", "Y": "z"}),
    }
    netlist = make_netlist(library, cells, ["a", "b"], ["y", "z"])
    assert netlist.first_pin.tolist() == [0, 3, 5, 8]
    assert netlist.pin_cell.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    nets = {name: number for number, name in enumerate(netlist.net_name)}
    assert netlist.fanout[nets["n"]] == 3 and netlist.fanout[nets["y"]] == 0
    assert netlist.net_driver[nets["n"]] == 2 and netlist.net_driver[nets["a"]] == -1
    first = netlist.net_first_sink
    assert netlist.sink_pins[first[nets["n"]] : first[nets["n"] + 1]].tolist() == [3, 5, 6]
    assert netlist.cell_area.sum() == pytest.approx((3 + 2 + 3) * 0.28e-12)


# Netlists with faults.

INV = {"u": ("toy_inv_1", {"A": "a", "Y": "y"})}


def test_check_netlist_rejects_several_drivers(library):
    cells = INV | {"v": ("toy_inv_4", {"A": "a", "Y": "y"})}
    with pytest.raises(NetlistError) as fault:
        make_netlist(library, cells, ["a"], ["y"])
    assert str(fault.value) == "toy: net 'y' has several drivers"
    with pytest.raises(NetlistError) as fault:
        make_netlist(library, INV, ["a", "y"], [])
    assert str(fault.value) == "toy: net 'y' has several drivers"


def test_check_netlist_rejects_a_net_without_driver(library):
    for inputs, outputs, net in (([], ["y"], "a"), (["a"], ["y", "z"], "z")):
        with pytest.raises(NetlistError) as fault:
            make_netlist(library, INV, inputs, outputs)
        assert str(fault.value) == f"toy: net '{net}' is used but not driven"


def test_check_netlist_allows_a_net_that_nothing_uses(library):
    netlist = make_netlist(library, INV, ["a"], ["y"])
    check_netlist(replace(netlist, net_name=(*netlist.net_name, "loose")))


def yosys_json(tmp_path, verilog, liberty=None):
    """`write_json` of a module `top`."""
    (tmp_path / "in.v").write_text(verilog)
    passes = [f"read_liberty -lib {liberty}"] if liberty else []
    passes += [f"read_verilog {tmp_path / 'in.v'}", "hierarchy -top top", "proc",
               f"write_json {tmp_path / 'in.json'}"]  # fmt: skip
    run_yosys(passes, tmp_path, "json")
    return tmp_path / "in.json"


@pytest.mark.parametrize(
    ("verilog", "message"),
    [
        ("module top(input a, b, output y); assign y = a & b; endmodule",
         r"1 cells are not mapped to library toy_1v00; the first is '.*' of type '\$and'"),
        ("module top(input a, output y); toy_nand2_1 u (.A(a), .B(1'b1), .Y(y)); endmodule",
         "pin B of 'u' is tied to constant '1' without a tie cell"),
        ("module top(input a, output y); toy_nand2_1 u (.A(a), .B(1'bx), .Y(y)); endmodule",
         "pin B of 'u' is tied to constant 'x' without a tie cell"),
        ("module top(input a, output y, z); toy_inv_1 u (.A(a), .Y(y)); assign z = 1; endmodule",
         "top: output port 'z' is constant '1' without a tie cell"),
        ("module top(input a, inout y); toy_inv_1 u (.A(a), .Y(y)); endmodule",
         "top: port 'y' is an inout, which is not supported"),
        ("module top(input a, output y); toy_inv_1 u (.A(a), .Y(y)), v (.A(a), .Y(y)); endmodule",
         "top: net 'y' has several drivers"),
        ("module top(output y); wire n; toy_inv_1 u (.A(n), .Y(y)); endmodule",
         "top: net 'n' is used but not driven"),
        (r"module top(input [1:0] x, input \x[1] , output y); toy_inv_1 u(.A(x), .Y(y)); endmodule",
         r"top: two ports are called 'x\[1\]'"),
    ],
)  # fmt: skip
def test_read_yosys_json_rejects(library, toy_technology, tmp_path, verilog, message):
    path = yosys_json(tmp_path, verilog, toy_technology.liberty(1.0))
    with pytest.raises(NetlistError) as fault:
        read_yosys_json(path, "top", library)
    assert re.fullmatch(message, str(fault.value)), str(fault.value)


def test_nets_of_one_label_stay_apart(library, toy_technology, tmp_path):
    r"""A bus bit `x[1]` and a scalar `\x[1] ` are two nets."""
    path = yosys_json(tmp_path, r"""
      module top(input [1:0] a, output [1:0] y);
        wire [1:0] x; wire \x[1] ;
        toy_inv_1 u0 (.A(a[0]), .Y(x[1])); toy_inv_1 u1 (.A(a[1]), .Y(\x[1] ));
        toy_inv_1 u2 (.A(x[1]), .Y(y[0])); toy_inv_1 u3 (.A(\x[1] ), .Y(y[1]));
      endmodule""", toy_technology.liberty(1.0))  # fmt: skip
    netlist = read_yosys_json(path, "top", library)
    assert len(set(netlist.net_name)) == netlist.nets
    back = read_back(netlist, tmp_path, toy_technology.liberty(1.0))
    assert connectivity(back) == connectivity(netlist)


def test_bits_of_a_bus_keep_their_index(library, toy_technology, tmp_path):
    path = yosys_json(tmp_path, """
      module top(input [5:4] a, output [3:3] y);
        wire [9:8] n;
        toy_nand2_1 u (.A(a[4]), .B(a[5]), .Y(n[9])); toy_inv_1 v (.A(n[9]), .Y(y[3]));
      endmodule""", toy_technology.liberty(1.0))  # fmt: skip
    netlist = read_yosys_json(path, "top", library)
    assert netlist.port_name == ("a[4]", "a[5]", "y")
    assert "n[9]" in netlist.net_name
    assert json.loads(path.read_text())["modules"]["top"]["ports"]["a"]["offset"] == 4


def test_open_pins_stay_open(library, toy_technology, tmp_path):
    path = yosys_json(tmp_path, """
      module top(input a, b, output s); toy_ha_1 u (.A(a), .B(b), .S(s), .CO()); endmodule""",
                      toy_technology.liberty(1.0))  # fmt: skip
    netlist = read_yosys_json(path, "top", library)
    pins = [library.pin_name[pin] for pin in netlist.pin_library[netlist.pin_net == OPEN]]
    assert pins == ["CO"]
    assert isinstance(netlist, Netlist)


def test_synthesis_of_an_inout_is_one_error(toy_technology, tmp_path):
    (tmp_path / "top.v").write_text(
        "module top(input a, e, inout y); assign y = e ? a : 1'bz; endmodule"
    )
    with pytest.raises((NetlistError, SynthesisError)) as fault:
        synthesize(Sources([tmp_path / "top.v"]), toy_technology, 1e-9, tmp_path / "synth")
    assert "\n" not in str(fault.value)


def test_fanout_of_nothing_is_zero(library):
    netlist = make_netlist(library, {}, ["a"], {"y": "a"})
    assert netlist.cells == 0 and netlist.fanout.tolist() == [0]
    assert netlist.pin_net.dtype == np.int64


def test_cells_go_by_a_name_that_the_user_knows(toy_technology):
    cells = {
        "u1": ("toy_inv_1", {"A": "a", "Y": "x"}),
        "$abc$1": ("toy_inv_1", {"A": "x", "Y": "busy"}),
        "$abc$2": ("toy_inv_1", {"A": "busy", "Y": "$new$3"}),
        "$ff$4": ("toy_dff_1", {"D": "$new$3", "CK": "clk", "Q": "$q", "QN": "state[2]"}),
    }
    netlist = make_netlist(toy_technology.library(1.0), cells, ["a", "clk"], ["state[2]"])
    assert [netlist.known_name(cell) for cell in range(4)] == ["u1", "busy", "$abc$2", "state[2]"]
    assert netlist.describe_loop([1, 2, 0]) == "toy has a combinational loop: 'busy' <- 'u1'"
    assert netlist.describe_loop([2]) == "toy has a combinational loop: '$abc$2'"
