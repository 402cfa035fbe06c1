"""Synthesis with toy cells: what it builds, and the one error for each bad input."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voltile.core import NetlistError, SynthesisError, TechnologyError
from voltile.floorplan import (
    Constraints,
    Sources,
    Timer,
    Wires,
    build_timing_graph,
    synthesize,
    trace_clocks,
)

NS = 1e-9


@pytest.fixture
def build(toy_technology, tmp_path):
    """Synthesise one source text."""

    def build(text, name="top.v", period=NS, folder="synth", **options):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return synthesize(
            Sources([path], **options), toy_technology, period, tmp_path / folder
        )

    return build


def kinds(netlist):
    return Counter(netlist.library.cell_name[int(kind)] for kind in netlist.cell_type)


def min_period(technology, netlist):
    timer = Timer(build_timing_graph(netlist, Constraints()), [technology.library(1.0)])
    return timer.analyze(np.zeros(netlist.cells, int), Wires.none(netlist)).min_period


MULTIPLIER = """
module top(input clk, input [7:0] a, b, output reg [15:0] y);
  reg [7:0] x, w;
  always @(posedge clk) begin x <= a; w <= b; y <= x * w; end
endmodule
"""


def test_period_changes_area_and_delay(build, toy_technology):
    fast = build(MULTIPLIER, period=0.2 * NS)
    slow = build(MULTIPLIER, period=5 * NS)
    assert slow.cell_area.sum() < 0.97 * fast.cell_area.sum()
    assert min_period(toy_technology, fast) < 0.9 * min_period(toy_technology, slow)


def test_same_input_gives_the_same_netlist(build, toy_technology):
    first, second = (build(MULTIPLIER, folder=name) for name in ("one", "two"))
    for name in ("cell_name", "net_name", "port_name", "name"):
        assert getattr(first, name) == getattr(second, name)
    assert np.array_equal(first.cell_type, second.cell_type)
    assert np.array_equal(first.pin_net, second.pin_net)


ENABLED = """
module top(input clk, en, input [{last}:0] d, output reg [{last}:0] q);
  always @(posedge clk) if (en) q <= d;
endmodule
"""


@pytest.mark.parametrize(("bits", "gates"), [(2, 0), (3, 1), (40, 1)])
def test_enables_of_three_bits_or_more_become_a_clock_gate(build, bits, gates):
    netlist = build(ENABLED.format(last=bits - 1))
    found = kinds(netlist)
    assert found["toy_icg_1"] == gates
    assert found["toy_dff_1"] == bits
    if gates:
        assert set(found) == {"toy_icg_1", "toy_dff_1"}
        assert trace_clocks(netlist).is_clock.sum() == 2


@pytest.mark.parametrize("gate", ["clk & latched", "latched & clk"])
@pytest.mark.parametrize("enable", ["en", "en | test"])
def test_latch_and_and_gate_become_a_clock_gate(build, gate, enable):
    netlist = build(f"""
      module top(input clk, en, test, input [3:0] d, output reg [3:0] q);
        reg latched;
        always @* if (!clk) latched = {enable};
        wire gated = {gate};
        always @(posedge gated) q <= d + 1;
      endmodule""")
    found = kinds(netlist)
    assert found["toy_icg_1"] == 1 and not found["toy_latch_1"]
    assert found["toy_dff_1"] == 4
    build_timing_graph(netlist, Constraints())


def test_other_latches_stay_latches(build):
    netlist = build("""
      module top(input clk, input [3:0] d, output reg [3:0] q);
        always @* if (!clk) q = d;
      endmodule""")
    assert kinds(netlist)["toy_latch_1"] == 4


def test_registers_of_every_kind_are_mapped(build):
    netlist = build("""
      module top(input clk, rst_n, d, output reg [3:0] q);
        always @(posedge clk) q[0] <= d;
        always @(negedge clk) q[1] <= d;
        always @(posedge clk or negedge rst_n) if (!rst_n) q[2] <= 0; else q[2] <= d;
        always @(posedge clk or negedge rst_n) if (!rst_n) q[3] <= 1; else q[3] <= d;
      endmodule""")
    assert kinds(netlist) == {f"toy_{kind}_1": 1 for kind in ("dff", "dffn", "dffr", "dffs")}


def test_no_signal_net_has_more_than_24_sinks(build):
    """A reset and a select of 200 registers, a constant, and one input to 100 gates."""
    netlist = build("""
      module top(input clk, rst_n, sel, input [99:0] a, output reg [199:0] q, output [99:0] y);
        always @(posedge clk or negedge rst_n)
          if (!rst_n) q <= 0; else q <= sel ? {q[198:0], q[199]} : q ^ {2{a}};
        assign y = a & {100{sel}};
      endmodule""")
    clocks = trace_clocks(netlist)
    assert netlist.fanout[~clocks.is_clock].max() <= 24
    assert netlist.fanout[clocks.is_clock].max() >= 200
    assert kinds(netlist)["toy_buf_4"] >= 200 // 24


def test_constant_outputs_have_tie_cells(build):
    netlist = build("module top(input a, output y, z, n); assign y = 1, z = 0, n = ~a; endmodule")
    assert kinds(netlist)["toy_tie_1"] in (1, 2)
    assert netlist.port_name == ("a", "y", "z", "n")


def test_cells_that_are_not_to_be_used_are_not(build):
    netlist = build("module top(input a, b, output s, c); assign {c, s} = a + b; endmodule")
    assert not kinds(netlist)["toy_ha_1"]  # by the manifest


# Ways to give sources.


def test_system_verilog_is_read_by_slang(build, tmp_path):
    netlist = build("""
      package words; typedef logic [3:0] nibble; endpackage
      module top import words::*; (input nibble a, input logic b, output nibble y);
        always_comb unique case (b) 1'b0: y = a + 1; default: y = ~a; endcase
      endmodule""", "top.sv", top="top")  # fmt: skip
    assert netlist.port_name[:5] == ("a[0]", "a[1]", "a[2]", "a[3]", "b")
    assert "read_slang" in (tmp_path / "synth" / "synth.ys").read_text()


def test_rtlil_is_read(toy_technology, tmp_path):
    text = """
module \\inverter
  wire input 1 \\a
  wire output 2 \\y
  cell $not \\u
    parameter \\A_SIGNED 0
    parameter \\A_WIDTH 1
    parameter \\Y_WIDTH 1
    connect \\A \\a
    connect \\Y \\y
  end
end
"""
    netlist = synthesize(Sources(rtlil=text), toy_technology, NS, tmp_path)
    assert netlist.name == "inverter" and netlist.port_name == ("a", "y")
    assert sum(kinds(netlist).values()) == 1


def test_top_is_found_and_hierarchy_is_flattened(build):
    netlist = build("""
      module leaf(input a, output y); assign y = ~a; endmodule
      module whole(input a, b, output y, z); leaf u0(a, y), u1(b, z); endmodule""")
    assert netlist.name == "whole" and sum(kinds(netlist).values()) == 2


def test_named_top_is_taken(build):
    text = """
      module leaf(input a, b, output y); assign y = a & b; endmodule
      module whole(input a, output y); leaf u(a, a, y); endmodule"""
    assert build(text, top="leaf").name == "leaf"


@pytest.mark.parametrize("name", ["top.v", "top.sv"])
def test_two_tops_are_named_and_none_is_chosen(build, name):
    text = """
      module leaf(input a, output y); assign y = ~a; endmodule
      module one(input a, output y); leaf l(a, y); endmodule
      module two(input a, output y); leaf l(a, y); endmodule"""
    with pytest.raises(SynthesisError) as fault:
        build(text, name)
    assert str(fault.value) == "several modules could be the top, name one: one, two (--top)"
    assert build(text, name, top="two").name == "two"


@pytest.mark.parametrize("name", ["top.v", "top.sv"])
def test_defines_and_includes_are_passed_on(build, tmp_path, name):
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "gate.vh").write_text("`define GATE ^\n")
    text = """`include "gate.vh"
      module top(input a, b, output y);
      `ifdef INVERT
        assign y = ~(a `GATE b);
      `elsif SYNTHESIS
        assign y = a `GATE b;
      `endif
      endmodule"""
    options = {"includes": [tmp_path / "headers"]}
    assert kinds(build(text, name, **options)) == {"toy_xor2_1": 1}
    options["defines"] = ["INVERT=1"]
    assert kinds(build(text, name, **options)) == {"toy_xor2_1": 1, "toy_inv_1": 1}


@pytest.mark.parametrize("suffix", [".v", ".sv"])
def test_paths_with_spaces(build, suffix):
    text = "module top(input a, output y); assign y = ~a; endmodule"
    assert build(text, f"my sources/the top{suffix}", folder="the run of today").cells == 1


def test_relative_folders(toy_technology, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("top.v").write_text("module top(input a, output y); assign y = ~a; endmodule")
    sources = Sources([Path("top.v")])
    assert synthesize(sources, toy_technology, NS, Path("some/run")).cells == 1
    assert Path("some/run/synth.log").is_file()
    assert sorted(path.name for path in Path("some/run").iterdir()) == [
        "synth.log", "synth.ys", "top.log", "top.ys",
    ]  # fmt: skip


# Bad input.

GOOD = "module top(input a, output y); assign y = ~a; endmodule"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GOOD, {"top": "nosuch"}, r"Yosys: Module `nosuch' not found! \(log: .*synth.log\)"),
        (GOOD, {"top": "nosuch", "name": "top.sv"},
         r"Yosys: 'nosuch' is not a valid top-level module \(log: .*synth.log\)"),
        ("module top(input a, output y); assign y = ; endmodule", {},
         r"Yosys: /.*top.v:1: ERROR: syntax error, unexpected ';' \(log: .*(synth|top).log\)"),
        ("module top(input a,\n output y); assign y = b; endmodule", {"name": "top.sv"},
         r"Yosys: .*/top.sv:2: ERROR: use of undeclared identifier 'b' \(log: .*(synth|top).log\)"),
        ("module top(input a, output y); gone u(a, y); endmodule", {},
         r"Yosys: Module `\\gone' referenced in module `\\top' .* is not part of the design. .*"),
        ("", {}, "there is nothing to synthesise: the sources hold no module"),
        ("// nothing", {}, "there is nothing to synthesise: the sources hold no module"),
        ("module top(input a); endmodule", {}, "module 'top' is empty: there is no logic in it"),
        ("module top(input a, output y); assign y = a; endmodule", {},
         "module 'top' is empty: there is no logic in it"),
        (GOOD, {"period": 0.0}, "clock period must be positive, not 0 s"),
        (GOOD, {"period": -1e-9}, "clock period must be positive, not -1e-09 s"),
        (GOOD, {"period": float("nan")}, "clock period must be positive, not nan s"),
        (GOOD, {"includes": [Path("/a b")]},
         "Yosys takes no include folder with a space: /a b"),
    ],
)  # fmt: skip
def test_synthesize_rejects(build, text, options, message):
    with pytest.raises(SynthesisError) as fault:
        build(text, **options)
    assert re.fullmatch(message, str(fault.value)), str(fault.value)


def test_synthesize_rejects_files_that_are_not_there(toy_technology, tmp_path):
    for sources, message in (
        (Sources([tmp_path / "none.v"]), f"source file {tmp_path / 'none.v'} does not exist"),
        (Sources([tmp_path]), f"source file {tmp_path} does not exist"),
        (Sources(), "there is nothing to synthesise: no source file given"),
    ):
        with pytest.raises(SynthesisError) as fault:
            synthesize(sources, toy_technology, NS, tmp_path / "run")
        assert str(fault.value) == message


LOADED = """
module top(input clk, l, d, x, output reg q);
  always @(posedge clk or posedge l) if (l) q <= x; else q <= d;
endmodule
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LOADED,
         r"1 cells are not mapped to library toy_1v00; the first is '.*' of type '\$_ALDFF_PP_'"),
        ("module top(input a, e, inout y); assign y = e ? a : 1'bz; endmodule",
         "top: port 'y' is an inout, which is not supported"),
        ("module top(input a, b, output y); assign y = ~a; assign y = ~b; endmodule",
         r"net 'top\..*' has several drivers: port Y\[0\] of cell .*top.v:1.*"),
    ],
)  # fmt: skip
def test_synthesize_rejects_what_cannot_be_mapped(build, text, message):
    with pytest.raises(NetlistError) as fault:
        build(text)
    assert re.fullmatch(message, str(fault.value)), str(fault.value)


@pytest.mark.parametrize("period", [1e-16, float("inf")])
def test_extreme_periods_are_taken(build, period):
    assert build(GOOD, period=period).cells == 1


def test_ring_oscillator_is_one_error(build):
    netlist = build("""
      module top(input en, output y);
        wire a, b; assign a = ~(en & y); assign b = ~a; assign y = ~b;
      endmodule""")
    with pytest.raises(NetlistError) as fault:
        build_timing_graph(netlist, Constraints())
    assert re.fullmatch(r"top has a combinational loop: '[aby]'( <- '[aby]')*", str(fault.value))


def test_divided_clock_is_one_error(build):
    with pytest.raises(NetlistError, match="comes from net 'half', which no clock port reaches"):
        build("""
          module top(input clk, d, output reg half, q);
            always @(posedge clk) half <= ~half;
            always @(posedge half) q <= d;
          endmodule""")


def test_synthesize_needs_a_clock_gate(toy_technology, tmp_path):
    technology = toy_technology.with_cells(["toy_inv_1", "toy_buf_4", "toy_tie_1"])
    (tmp_path / "top.v").write_text(GOOD)
    with pytest.raises(TechnologyError) as fault:
        synthesize(Sources([tmp_path / "top.v"]), technology, NS, tmp_path / "run")
    assert str(fault.value) == "technology toy has no clock-gating cell"
