"""SAT proofs that the generated Verilog does what an independent formula says."""

from fractions import Fraction
from pathlib import Path

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from voltile.core import SynthesisError
from voltile.core.yosys import run_yosys
from voltile.hdl import DualMac, RoundHalfEven, ScalableMac, SpatialMac, write_verilog
from voltile.hdl.multiplier import multiply

SPEC = Path(__file__).with_name("mac_spec.v")
PACKED_SPEC = Path(__file__).with_name("packed_spec.v")
# Of the packed elements' specification and of the element.
ACCUMULATORS = "gold.acc gate.acc_clamped8"
# Reset and the latency take four of these cycles.
CYCLES = 9


def prove_equal(sources, gold, gate, folder, sat):
    """Prove that two modules never differ in an output; SynthesisError says that they do."""
    run_yosys(
        [
            *sources,
            "proc -norom",
            f"miter -equiv -flatten -make_outputs {gold} {gate} miter",
            *(f"setattr -set keep 1 w:{name}" for name in ACCUMULATORS.split()),
            "opt -full miter",
            f"sat -verify -prove trigger 0 {sat} miter",
        ],
        folder,
        "proof",
    )


def rounding_table(width, keep):
    """Return Verilog of the rounding as a table, filled by Python's exact half-even rounding."""
    step, mask, top = 1 << width - keep, (1 << width) - 1, (1 << keep - 1) - 1
    rows = [
        f"{width}'d{value & mask}: r = {keep}'d{min(round(Fraction(value, step)), top) % 2**keep};"
        for value in range(-(1 << width - 1), 1 << width - 1)
    ]
    return (
        f"module spec(input [{width - 1}:0] word, output [{keep - 1}:0] rounded);\n"
        f"reg [{keep - 1}:0] r; assign rounded = r;\n"
        f"always @* case (word)\n{chr(10).join(rows)}\nendcase\nendmodule\n"
    )


def write_rounding(folder, width, keep):
    spec, unit = folder / "spec.v", folder / "unit.v"
    spec.write_text(rounding_table(width, keep))
    write_verilog(RoundHalfEven(width, keep), "unit", unit)
    return spec, unit


@pytest.mark.parametrize(("width", "keep"), [(4, 2), (6, 3), (8, 4), (8, 7), (8, 1), (10, 5)])
def test_rounding_equals_exact_rounding(width, keep, tmp_path):
    spec, unit = write_rounding(tmp_path, width, keep)
    prove_equal([f"read_verilog {spec} {unit}"], "spec", "unit", tmp_path, "")


def test_rounding_proof_sees_one_wrong_word(tmp_path):
    spec, unit = write_rounding(tmp_path, 8, 4)
    right = "8'd127: r = 4'd7;"
    assert right in spec.read_text()
    spec.write_text(spec.read_text().replace(right, "8'd127: r = 4'd6;"))
    with pytest.raises(SynthesisError, match="proof did fail"):
        prove_equal([f"read_verilog {spec} {unit}"], "spec", "unit", tmp_path, "")


def prove_mac(folder, defines=""):
    """Prove all sequences of words and operands of some cycles after reset, at width 4."""
    unit = folder / "unit.v"
    write_verilog(ScalableMac(4, 8), "unit", unit)
    sat = f"-seq {CYCLES} -set-init-zero -set-at 1 in_rst 1"
    prove_equal(
        [f"read_verilog {defines} {SPEC}", f"read_verilog {unit}"], "mac_spec", "unit", folder, sat
    )


@pytest.mark.slow
def test_mac_equals_its_specification(tmp_path):
    prove_mac(tmp_path)


def test_mac_proof_sees_ties_rounded_up(tmp_path):
    with pytest.raises(SynthesisError, match="proof did fail"):
        prove_mac(tmp_path, "-DTIES_UP")


def prove_packed(folder, element, defines):
    """Prove all sequences of words and operands of any length after reset, at width 4.

    By induction over cycles: when accumulators and outputs agreed for as many cycles as the
    pipeline is long, they agree in the next.
    """
    unit = folder / "unit.v"
    write_verilog(element(4, 8), "unit", unit)
    sources = [f"read_verilog -formal {defines} {PACKED_SPEC}", f"read_verilog {unit}"]
    sources += ["proc -norom", "chformal -lower"]  # to $assume, which `sat` knows
    # Zero is the state after reset: the pipeline is empty.
    sat = f"-prove {ACCUMULATORS} -tempinduct -maxsteps {CYCLES} -set-init-zero -set-assumes"
    prove_equal(sources, "packed_spec", "unit", folder, sat)


@pytest.mark.parametrize(("element", "defines"), [(SpatialMac, ""), (DualMac, "-DDUAL")])
def test_packed_mac_equals_its_specification(element, defines, tmp_path):
    prove_packed(tmp_path, element, defines)


@pytest.mark.parametrize("defines", ["-DSWAPPED", "-DLATE_BIAS"])
def test_packed_proof_sees_a_wrong_element(defines, tmp_path):
    with pytest.raises(SynthesisError, match="proof did fail"):
        prove_packed(tmp_path, SpatialMac, defines)


class Multiplier(wiring.Component):
    """`multiply` by itself."""

    def __init__(self, width):
        ports = {"a": In(width), "b": In(width), "a_signed": In(1), "b_signed": In(1)}
        super().__init__(ports | {"product": Out(2 * width + 1)})

    def elaborate(self, platform):
        m = Module()
        product = multiply(m, self.a, self.b, self.a_signed, self.b_signed)
        m.d.comb += self.product.eq(product)
        return m


@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_multiplier_equals_the_product_of_the_extended_words(width, tmp_path):
    spec, unit = tmp_path / "spec.v", tmp_path / "unit.v"
    top = width - 1
    spec.write_text(
        f"module spec(input [{top}:0] a, b, input a_signed, b_signed,\n"
        f"output signed [{2 * width}:0] product);\n"
        f"wire signed [{width}:0] x = {{a_signed & a[{top}], a}}, "
        f"y = {{b_signed & b[{top}], b}};\n"
        "assign product = x * y;\nendmodule\n"
    )
    write_verilog(Multiplier(width), "unit", unit)
    prove_equal([f"read_verilog {spec} {unit}"], "spec", "unit", tmp_path, "")
