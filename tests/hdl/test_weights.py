"""The generated Verilog of WeightReconfiguration against the golden function, under Icarus."""

import pytest
from verilog_build import Bench, require_simulator

from voltile.core.yosys import run_yosys
from voltile.hdl import WeightReconfiguration, write_verilog

# A payload that waits stays, for all inputs and any number of cycles.
STABLE = """
module stable(input clk, rst, input [{top}:0] full__payload, input full__valid, reduced__ready);
  wire [{top}:0] reduced__payload;
  wire reduced__valid, full__ready;
  weights unit(.clk(clk), .rst(rst), .full__payload(full__payload), .full__valid(full__valid),
    .full__ready(full__ready), .reduced__payload(reduced__payload),
    .reduced__valid(reduced__valid), .reduced__ready(reduced__ready));
  reg waits = 0;
  reg [{top}:0] before = 0;
  always @(posedge clk) begin
    waits <= !rst && reduced__valid && !reduced__ready;
    before <= reduced__payload;
  end
  always @* assert (!waits || (reduced__valid && reduced__payload == before));
endmodule
"""


@pytest.mark.parametrize("test", ["stalls_on_both_sides", "a_word_in_every_cycle"])
@pytest.mark.parametrize(
    ("width", "word_width", "rounding"),
    [(16, 16, True), (16, 16, False), (8, 16, True), (8, 8, False), (8, 32, True), (6, 12, True)],
)
def test_weights_match_the_golden_function(width, word_width, rounding, test, tmp_path):
    require_simulator()
    environment = {
        "WEIGHT_WIDTH": str(width), "WORD_WIDTH": str(word_width), "ROUNDING": str(int(rounding)),
    }  # fmt: skip
    unit = WeightReconfiguration(width, word_width, rounding)
    Bench(unit, "weights", "weight_bench", tmp_path, environment).run(test)


def test_a_word_that_waits_stays(tmp_path):
    unit, property_ = tmp_path / "weights.v", tmp_path / "stable.v"
    write_verilog(WeightReconfiguration(4, 8), "weights", unit)
    property_.write_text(STABLE.format(top=8))
    passes = [
        f"read_verilog {unit}",
        f"read_verilog -formal {property_}",
        "prep -top stable",
        "flatten",
        "chformal -lower",
        "sat -verify -prove-asserts -tempinduct -set-init-zero -maxsteps 8 stable",
    ]
    run_yosys(passes, tmp_path, "proof")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 10), "width must be even and at least 4, not 5"),
        ((8, 12), "word_width must be a multiple of 8, not 12"),
        ((8, 4), "word_width must be a multiple of 8, not 4"),
    ],
)
def test_weight_reconfiguration_rejects_bad_widths(arguments, message):
    with pytest.raises(ValueError) as raised:
        WeightReconfiguration(*arguments)
    assert str(raised.value) == message
