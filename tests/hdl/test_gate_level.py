"""Netlists of library cells do what the generated Verilog does: proofs, and the same benches."""

import re

import pytest
from gate_level import write_gate_level
from verilog_build import Bench, require_simulator

from voltile.core import SynthesisError
from voltile.core.yosys import run_yosys
from voltile.hdl import PROCESSING_ELEMENTS, ScalableMac, SystolicArray
from voltile.pdk import read_technology

# Reset, and enough words that a dot product is captured.
CYCLES = 8
# A register behind a clock gate is one with an enable. Whether the gates' latches do that, the
# bench of the array shows, whose models have them.
ENABLED = """
module enabled(input CK, input EN, input D, output reg Q);
  always @(posedge CK) if (EN) Q <= D;
endmodule
"""


@pytest.fixture(scope="module")
def technology():
    return read_technology("freepdk45")


def without_gates(text: str) -> str:
    """Return a netlist whose registers have enables in place of gated clocks."""
    pin = r"\.{}\((\\?\S+ ?)\)"
    gates = {}
    for gate in re.finditer(r"  icg_x\d+ .*?\);\n", text):
        clock, enable, gated = (re.search(pin.format(name), gate[0])[1]
                                for name in ("CK", "EN", "GCK"))  # fmt: skip
        gates[gated] = clock, enable

    def enabled(register: re.Match) -> str:
        gated = re.search(pin.format("CK"), register[0])[1]
        if gated not in gates:
            return register[0]
        clock, enable = gates[gated]
        moved = register[0].replace(f".CK({gated})", f".CK({clock}), .EN({enable})")
        return re.sub(r"dff_x\d+", "enabled", moved, count=1)

    text = re.sub(r"  dff_x\d+ .*?\);\n", enabled, text)
    return re.sub(r"  icg_x\d+ .*?\);\n", "", text) + ENABLED


def prove(netlist, models, source, folder):
    """Prove that netlist and source have the same outputs, for all inputs over some cycles."""
    (folder / "enabled.v").write_text(without_gates(netlist.read_text()))

    def flat(files, name):
        return [*(f"read_verilog {file}" for file in files), "hierarchy -top pe", "proc -norom",
                "flatten", "opt_clean", f"rename pe {name}", f"design -stash {name}"]  # fmt: skip

    passes = [
        *flat([source], "gold"),
        *flat([folder / "enabled.v", models], "gate"),
        "design -copy-from gold gold",
        "design -copy-from gate gate",
        "miter -equiv -flatten -make_outputs gold gate miter",
        "opt -full miter",
        f"sat -verify -prove trigger 0 -seq {CYCLES} -set-init-zero -set-at 1 in_rst 1 miter",
    ]
    run_yosys(passes, folder, "proof")


@pytest.mark.parametrize("pe", PROCESSING_ELEMENTS)
def test_netlist_equals_its_source(pe, technology, tmp_path):
    netlist, models = write_gate_level(PROCESSING_ELEMENTS[pe](4, 8), "pe", technology, tmp_path)
    prove(netlist, models, tmp_path / "pe.v", tmp_path)


def test_proof_sees_one_changed_gate(technology, tmp_path):
    netlist, models = write_gate_level(ScalableMac(4, 8), "pe", technology, tmp_path)
    text = netlist.read_text()
    assert "xor2_x0p5 " in text
    netlist.write_text(text.replace("xor2_x0p5 ", "xnor2_x0p5 ", 1))
    with pytest.raises(SynthesisError, match="proof did fail"):
        prove(netlist, models, tmp_path / "pe.v", tmp_path)


@pytest.mark.parametrize("pe", PROCESSING_ELEMENTS)
def test_netlist_of_an_array_passes_its_bench(pe, technology, tmp_path):
    require_simulator()
    component = SystolicArray(2, 2, PROCESSING_ELEMENTS[pe]())
    sources = write_gate_level(component, "array", technology, tmp_path)
    environment = {"ARRAY_ROWS": "2", "ARRAY_COLS": "2", "ARRAY_PE": pe}
    bench = Bench(sources, "array", "array_bench", tmp_path, environment)
    bench.run("results_leave_in_the_wavefront")
