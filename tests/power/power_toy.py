"""A small cell library of our own, with Verilog models, and netlists made from lists of cells.

All tables are planes: the energy of an event is `base + per_slew * slew + per_load * load` [pJ, ns,
pF], so that every look-up can be computed by hand. Energies and leakage grow with `scale`.
"""

import numpy as np

from voltile.floorplan.netlist import OPEN, Netlist, check_netlist
from voltile.pdk import read_cell_library

_FLOP = 'ff ("IQ","IQN") {{ clocked_on : "{}"; next_state : "{}"; {} }}'
_LATCH = 'latch ("IQ","IQN") {{ enable : "{}"; data_in : "D"; {} }}'
_GATE = 'clock_gating_integrated_cell : "latch_{}edge";'
# name: (inputs with capacitance [fF], {output: function}, sequential group)
CELLS = {
    "TINV": ({"A": 1.0}, {"Y": "!A"}, ""),
    "TBUF": ({"A": 1.0}, {"Y": "A"}, ""),
    "TND2": ({"A": 1.0, "B": 2.0}, {"Y": "(A B)'"}, ""),
    "TNR3": ({"A": 1.0, "B": 1.0, "C": 1.0}, {"Y": "!(A+B+C)"}, ""),
    "TXO2": ({"A": 2.0, "B": 2.0}, {"Y": "A^B"}, ""),
    "TAO21": ({"A": 1.0, "B": 1.0, "C": 1.0}, {"Y": "(A&B)|C"}, ""),
    "TMX2": ({"A": 1.0, "B": 1.0, "S": 2.0}, {"Y": "(A !S)+(B S)"}, ""),
    "TFA": ({"A": 3.0, "B": 3.0, "C": 3.0}, {"S": "A^B^C", "CO": "(A&B)|(A&C)|(B&C)"}, ""),
    "TTIE": ({}, {"H": "1", "L": "0"}, ""),
    "TDF": ({"D": 1.0, "CK": 1.5}, {"Q": "IQ", "QN": "IQN"}, _FLOP.format("CK", "D", "")),
    "TDFN": ({"D": 1.0, "CKN": 1.5}, {"Q": "IQ"}, _FLOP.format("!CKN", "D", "")),
    "TDFE": ({"D": 1.0, "E": 1.0, "CK": 1.5}, {"Q": "IQ"},
             _FLOP.format("CK", "(D&E)|(IQ&!E)", "")),
    "TDFSR": ({"D": 1.0, "CK": 1.5, "RN": 1.0, "SN": 1.0}, {"Q": "IQ", "QN": "IQN"},
              _FLOP.format("CK", "D", 'clear : "!RN"; preset : "!SN";')),
    "TLH": ({"D": 1.0, "G": 1.0}, {"Q": "IQ"}, _LATCH.format("G", "")),
    "TLL": ({"D": 1.0, "GN": 1.0}, {"Q": "IQ", "QN": "IQN"}, _LATCH.format("!GN", "")),
    "TLR": ({"D": 1.0, "G": 1.0, "RN": 1.0}, {"Q": "IQ"}, _LATCH.format("G", 'clear : "!RN";')),
    "TCG": ({"CK": 1.0, "E": 1.0}, {"GK": ""}, _GATE.format("pos")),
    "TCGN": ({"CK": 1.0, "E": 1.0}, {"GK": ""}, _GATE.format("neg")),
}  # fmt: skip
CLOCK_PINS = ("CK", "CKN", "G", "GN")

# The step of a net from unknown to its first value counts as an edge in Verilog, but is none.
MODELS = """
module TINV(input A, output Y); assign Y = ~A; endmodule
module TBUF(input A, output Y); assign Y = A; endmodule
module TND2(input A, B, output Y); assign Y = ~(A & B); endmodule
module TNR3(input A, B, C, output Y); assign Y = ~(A | B | C); endmodule
module TXO2(input A, B, output Y); assign Y = A ^ B; endmodule
module TAO21(input A, B, C, output Y); assign Y = (A & B) | C; endmodule
module TMX2(input A, B, S, output Y); assign Y = S ? B : A; endmodule
module TFA(input A, B, C, output S, CO); assign {CO, S} = A + B + C; endmodule
module TTIE(output H, L); assign H = 1; assign L = 0; endmodule
module TDF(input D, CK, output Q, QN);
  reg s = 0; always @(posedge CK) if ($time) s <= D; assign Q = s; assign QN = ~s; endmodule
module TDFN(input D, CKN, output Q);
  reg s = 0; always @(negedge CKN) if ($time) s <= D; assign Q = s; endmodule
module TDFE(input D, E, CK, output Q);
  reg s = 0; always @(posedge CK) if (E && $time) s <= D; assign Q = s; endmodule
module TDFSR(input D, CK, RN, SN, output Q, QN);
  reg s = 0; always @(posedge CK) if (RN && SN && $time) s <= D;
  always @(RN, SN, s) if (!RN) s = 0; else if (!SN) s = 1;
  assign Q = s; assign QN = ~s; endmodule
module TLH(input D, G, output Q);
  reg s = 0; always @* if (G) s <= D; assign Q = s; endmodule
module TLL(input D, GN, output Q, QN);
  reg s = 0; always @* if (!GN) s <= D; assign Q = s; assign QN = ~s; endmodule
module TLR(input D, G, RN, output Q);
  reg s = 0; always @* if (!RN) s <= 0; else if (G) s <= D; assign Q = s; endmodule
module TCG(input CK, E, output GK);
  reg s = 0; always @* if (!CK) s <= E; assign GK = CK & s; endmodule
module TCGN(input CK, E, output GK);
  reg s = 0; always @* if (CK) s <= E; assign GK = CK | ~s; endmodule
"""

HEADER = """library (toy) {{
  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1nW";
  capacitive_load_unit (1, pf); nom_voltage : {vdd};
  power_lut_template (plane) {{ variable_1 : input_transition_time;
    variable_2 : total_output_net_capacitance; index_1 ("0, 1"); index_2 ("0, 1"); }}
  power_lut_template (line) {{ variable_1 : input_transition_time; index_1 ("0, 1"); }}
"""


def plane(base, per_slew, per_load, scale=1.0):
    """The values of a table that is a plane."""
    corners = [[base, base + per_load], [base + per_slew, base + per_slew + per_load]]
    return "values (" + ", ".join(
        '"' + ", ".join(f"{scale * value:.9g}" for value in row) + '"' for row in corners
    ) + ");"  # fmt: skip


def line(base, per_slew, scale=1.0):
    """The values of a table over slew."""
    return f'values ("{scale * base:.9g}, {scale * (base + per_slew):.9g}");'


def liberty_text(vdd=1.0, extra=None, leakage=None):
    """Liberty text of all cells.

    Parameters
    ----------
    extra : mapping of (cell, pin) to str
        Groups to put into a pin.
    leakage : mapping of cell to {condition: nW}
    """
    extra, leakage = extra or {}, leakage or {}
    text = [HEADER.format(vdd=vdd)]
    for name, (inputs, outputs, sequential) in CELLS.items():
        text.append(f"cell ({name}) {{ area : 1; cell_leakage_power : 7; {sequential}")
        for when, value in leakage.get(name, {}).items():
            condition = f'when : "{when}";' if when else ""
            text.append(f"leakage_power () {{ value : {value}; {condition} }}")
        gate = "clock_gating" in sequential
        for pin, capacitance in inputs.items():
            role = "clock : true;" if pin in CLOCK_PINS and sequential else ""
            if gate:
                role += f" clock_gate_{'clock' if pin == 'CK' else 'enable'}_pin : true;"
            text.append(
                f"pin ({pin}) {{ direction : input; capacitance : {capacitance * 1e-3}; {role} "
                f"{extra.get((name, pin), '')} }}"
            )
        for pin, function in outputs.items():
            role = "clock_gate_out_pin : true;" if gate else f'function : "{function}";'
            text.append(
                f"pin ({pin}) {{ direction : output; max_capacitance : 0.02; {role} "
                f"{extra.get((name, pin), '')} }}"
            )
        text.append("}")
    return "\n".join([*text, "}"])


def toy_library(folder, vdd=1.0, extra=None, leakage=None):
    """The library, by way of a Liberty file."""
    path = folder / f"toy_{vdd}.lib"
    path.write_text(liberty_text(vdd, extra, leakage))
    return read_cell_library(path)


def make_netlist(library, cells, inputs, outputs=()):
    """A netlist from (cell type, {pin: net name}) rows; ports have the names of their nets."""
    names = dict.fromkeys([*inputs, *outputs, *(net for _, pins in cells for net in pins.values())])
    index = {name: number for number, name in enumerate(names)}
    pin_net = [
        index[pins[library.pin_name[pin]]] if library.pin_name[pin] in pins else OPEN
        for kind, pins in cells
        for pin in library.pins_of(library.cell_index[kind])
    ]
    netlist = Netlist(
        name="toy",
        library=library,
        cell_name=tuple(f"u{number}" for number in range(len(cells))),
        cell_type=np.array([library.cell_index[kind] for kind, _ in cells], dtype=np.int64),
        net_name=tuple(names),
        pin_net=np.array(pin_net, dtype=np.int64),
        port_name=(*inputs, *outputs),
        port_net=np.array([index[name] for name in (*inputs, *outputs)], dtype=np.int64),
        port_is_input=np.array([True] * len(inputs) + [False] * len(outputs)),
    )
    check_netlist(netlist)
    return netlist
