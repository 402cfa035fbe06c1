"""Netlists of components, and what their cells do, as Verilog from the Liberty file."""

import re
from pathlib import Path

from voltile.core.yosys import run_yosys
from voltile.floorplan import Sources, synthesize
from voltile.floorplan.netlist import write_verilog as write_netlist
from voltile.hdl import write_verilog
from voltile.pdk import Technology

# Yosys' reader of Liberty files leaves clock gates out, whose state is in a table.
CLOCK_GATE = """
module {name}(input CK, input EN, output GCK);
  reg open;
  always @* if (!CK) open = EN;
  assign GCK = CK & open;
endmodule
"""


def write_gate_level(component, name: str, technology: Technology, folder: Path) -> list[Path]:
    """Synthesise a component; return its netlist and the functional models of its cells."""
    source, netlist, models = folder / f"{name}.v", folder / "netlist.v", folder / "models.v"
    write_verilog(component, name, source)
    mapped = synthesize(Sources([source], top=name), technology, 2e-9, folder / "synth")
    write_netlist(mapped, netlist)
    liberty = technology.liberty(technology.nominal_vdd)
    read = f"read_liberty -ignore_miss_func {liberty}"
    run_yosys([read, f"write_verilog -noattr {models}"], folder, "models")
    # Registers come up at random, as on silicon: unknowns would pass where no value does. Not at
    # once, since the clock rises from the unknown at the start, before the ports have values.
    random = r"\1`ifndef YOSYS\n  initial #1 \2 = $random;\n`endif\n"
    text = re.sub(r"^( *reg (\w+);\n)", random, models.read_text(), flags=re.MULTILINE)
    models.write_text(text)
    text = liberty.read_text()
    gates = re.findall(r'cell \("?(\w+)"?\)(?:(?!cell \().)*?clock_gating_integrated_cell : '
                       r'"latch_posedge"', text, flags=re.DOTALL)  # fmt: skip
    with models.open("a") as file:
        file.writelines(CLOCK_GATE.format(name=gate) for gate in gates)
    return [netlist, models]
