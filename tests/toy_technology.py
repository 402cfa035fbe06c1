"""A technology of our own for tests: Liberty, LEF and manifest, written by formula.

No process is behind it. Delay follows an alpha-power law over Vdd, so that the supply matters;
tables bend, so that interpolation matters; axes, edges, pins and cells all differ, so that mixing
them up shows. Two supplies of the ladder have slew axes of their own.
"""

from dataclasses import dataclass, field
from pathlib import Path

VDDS = (0.6, 0.7, 0.8, 0.9, 1.0)
NOMINAL = 1.0
SITE = (0.2, 1.4)
_THRESHOLD = 0.35
_ALPHA = 1.4

_SLEWS = {"short": (2.0, 20.0, 120.0), "long": (1.0, 8.0, 30.0, 90.0, 250.0)}
_LOADS = {"short": (0.4, 4.0, 30.0), "long": (0.3, 2.0, 9.0, 40.0)}


@dataclass(frozen=True)
class Cell:
    """What the writer needs of a cell.

    Attributes
    ----------
    inputs : dict of pin to capacitance [fF]
    outputs : dict of pin to function
    drive : float
        Divides the output resistance.
    arcs : tuple of (related pin, output, sense, `when`, factor)
        Delay arcs; those of registers have an edge, "rising_edge" or "falling_edge", for a sense.
    group : str
        `ff` or `latch` group, or the clock-gating attribute.
    checks : tuple of (pin, related pin, type)
    axes, slew_axes : (str, str)
        Names of the axes of the delay tables, and of the output slew's where they differ.
    """

    width: int
    inputs: dict[str, float]
    outputs: dict[str, str]
    drive: float = 1.0
    arcs: tuple[tuple[str, str, str, str, float], ...] = ()
    group: str = ""
    clock: str = ""
    checks: tuple[tuple[str, str, str], ...] = ()
    axes: tuple[str, str] = ("short", "long")
    slew_axes: tuple[str, str] | None = None
    states: dict[str, float] = field(default_factory=dict)


def _gate(width, inputs, function, senses, drive=1.0, axes=("short", "long"), states=None):
    """A cell with output Y and one arc from each input, later inputs being slower."""
    arcs = tuple(
        (pin, "Y", sense, "", 1.0 + 0.1 * at)
        for at, (pin, sense) in enumerate(zip(inputs, senses, strict=True))
    )
    return Cell(width, inputs, {"Y": function}, drive, arcs, axes=axes, states=states or {})


def _flop(edge, extra_inputs=None, control="", checks=(), axes=("short", "long")):
    clock = "CK" if edge == "rising" else "CKN"
    clocked_on = clock if edge == "rising" else f"!{clock}"
    arc = f"{edge}_edge"
    return Cell(
        14, {"D": 0.9, clock: 0.7, **(extra_inputs or {})}, {"Q": "IQ", "QN": "IQN"}, 1.0,
        ((clock, "Q", arc, "", 1.9), (clock, "QN", arc, "", 2.3)),
        f'ff ("IQ","IQN") {{ clocked_on : "{clocked_on}"; next_state : "D"; {control} }}',
        clock,
        (("D", clock, f"setup_{edge}"), ("D", clock, f"hold_{edge}"), *checks), axes,
    )  # fmt: skip


_ASYNC = (("RN", "CK", "recovery_rising"), ("RN", "CK", "removal_rising"))
CELLS = {
    "toy_inv_1": _gate(2, {"A": 0.8}, "!A", ["n"], states={"A": 1.0, "!A": 2.0}),
    "toy_inv_4": _gate(5, {"A": 2.9}, "(A')", ["n"], 4.0, ("long", "short")),
    "toy_buf_1": _gate(3, {"A": 0.7}, "A", ["p"]),
    "toy_buf_4": _gate(7, {"A": 1.1}, "A", ["p"], 4.0, ("long", "long")),
    "toy_nand2_1": _gate(3, {"A": 0.9, "B": 1.0}, "!(A&B)", ["n", "n"],
                         states={"A&B": 3.0, "!A&B": 1.0, "A&!B": 1.2, "!A&!B": 0.3}),
    "toy_nand3_1": _gate(4, {"A": 1.0, "B": 1.1, "C": 1.2}, "(A B C)'", ["n"] * 3, 0.9,
                         ("long", "long")),
    "toy_nor2_1": _gate(3, {"A": 1.0, "B": 1.2}, "!(A|B)", ["n", "n"], 0.8, ("short", "short"),
                        {"!A !B": 2.5}),
    "toy_and2_1": _gate(4, {"A": 0.7, "B": 0.8}, "A*B", ["p", "p"]),
    # The tables of its output slew have other axes than those of its delay.
    "toy_or2_1": Cell(4, {"A": 0.7, "B": 0.8}, {"Y": "A+B"}, 1.0, (
        ("A", "Y", "p", "", 1.0), ("B", "Y", "p", "", 1.1)), axes=("long", "short"),
        slew_axes=("short", "long")),
    "toy_xor2_1": _gate(6, {"A": 1.5, "B": 1.6}, "A^B", ["x", "x"]),
    "toy_mux2_1": _gate(6, {"A": 0.8, "B": 0.9, "S": 1.3}, "(A !S)+(B S)", ["p", "p", "x"], 1.0,
                        ("long", "long")),
    # Arcs that hold only in a state of the other inputs, as foundry libraries have them.
    "toy_aoi21_1": Cell(4, {"A": 0.9, "B": 1.0, "C": 1.1}, {"Y": "!((A&B)|C)"}, 0.9, (
        ("A", "Y", "n", "", 1.0), ("B", "Y", "n", "", 1.1), ("C", "Y", "n", "!A&!B", 0.8),
        ("C", "Y", "n", "A&!B", 0.9), ("C", "Y", "n", "!A&B", 1.2))),
    "toy_ha_1": Cell(9, {"A": 1.4, "B": 1.5}, {"S": "A^B", "CO": "A&B"}, 1.1, (
        ("A", "S", "x", "", 1.6), ("B", "S", "x", "", 1.7), ("A", "CO", "p", "", 1.2),
        ("B", "CO", "p", "", 1.25)), axes=("long", "long")),
    "toy_tie_1": Cell(2, {}, {"H": "1", "L": "0"}),
    "toy_dff_1": _flop("rising"),
    "toy_dffn_1": _flop("falling"),
    "toy_dffr_1": _flop("rising", {"RN": 1.0}, 'clear : "!RN";', _ASYNC, ("long", "short")),
    "toy_dffs_1": _flop("rising", {"SN": 1.0}, 'preset : "!SN";', tuple(
        ("SN", clock, kind) for _, clock, kind in _ASYNC)),
    "toy_latch_1": Cell(10, {"D": 0.9, "G": 0.8}, {"Q": "IQ"}, 1.0, (
        ("D", "Q", "p", "", 1.5), ("G", "Q", "rising_edge", "", 1.7)),
        'latch ("IQ","IQN") { enable : "G"; data_in : "D"; }', "G",
        (("D", "G", "setup_falling"), ("D", "G", "hold_falling"))),
    "toy_icg_1": Cell(12, {"CK": 1.2, "E": 0.9}, {"GCK": ""}, 2.0, (("CK", "GCK", "p", "", 1.4),),
        'clock_gating_integrated_cell : "latch_posedge"; '
        'statetable ("CK E", "M") { table : "L H : - : H, L L : - : L, H - : - : N"; }', "CK",
        (("E", "CK", "setup_rising"), ("E", "CK", "hold_rising"))),
}  # fmt: skip

_HEADER = """/* Made by a formula for tests. */
library ("toy_{tag}") {{
  technology (cmos); delay_model : table_lookup;
  time_unit : "1ps"; voltage_unit : "1V"; current_unit : "1uA"; pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW"; capacitive_load_unit (1, ff);
  nom_process : 1; nom_temperature : 25; nom_voltage : {vdd};
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;
  slew_derate_from_library : 1; default_max_transition : 900;
  operating_conditions ("typical") {{ process : 1; temperature : 25; voltage : {vdd}; }}
  default_operating_conditions : "typical";
"""
_TEMPLATE = """  {kind} ("{name}") {{
    variable_1 : {first}; variable_2 : {second};
    index_1 ("{one}"); \\
    index_2 ("{two}");
  }}
"""


def delay_scale(vdd):
    """Delay at a supply against that at the nominal one (alpha-power law)."""
    def law(supply):
        return supply / (supply - _THRESHOLD) ** _ALPHA
    return law(vdd) / law(NOMINAL)


def liberty_text(vdd):
    """Liberty text of all cells at a supply."""
    parts = [_HEADER.format(tag=f"{vdd:.2f}".replace(".", "v"), vdd=vdd)]
    parts += _templates(vdd)
    parts += [_cell_text(name, cell, vdd) for name, cell in CELLS.items()]
    return "".join(parts) + "}\n"


def _slews(axis, vdd):
    # The slews that matter at a low supply are longer ones.
    stretch = 1.25 if vdd in (0.6, 0.9) else 1.0
    return [stretch * slew for slew in _SLEWS[axis]]


def _list(values):
    return ", ".join(f"{value:.7g}" for value in values)


def _rows(values):
    return ", \\\n        ".join(f'"{_list(row)}"' for row in values)


def _templates(vdd):
    for kind, prefix in (("lu_table_template", "delay"), ("power_lut_template", "power")):
        for slew in _SLEWS:
            for load in _LOADS:
                yield _TEMPLATE.format(
                    kind=kind, name=f"{prefix}_{slew}_{load}", first="input_net_transition"
                    if prefix == "delay" else "input_transition_time",
                    second="total_output_net_capacitance", one=_list(_slews(slew, vdd)),
                    two=_list(_LOADS[load]),
                )  # fmt: skip
    yield _TEMPLATE.format(
        kind="lu_table_template", name="check", first="related_pin_transition",
        second="constrained_pin_transition", one="1, 40, 200", two="2, 60",
    )  # fmt: skip
    # The other order of the same two variables.
    yield _TEMPLATE.format(
        kind="lu_table_template", name="check_swapped", first="constrained_pin_transition",
        second="related_pin_transition", one="2, 60", two="1, 40, 200",
    )  # fmt: skip


def _delay(base, resistance, slew, load):
    return base + resistance * load + 0.18 * slew + 0.35 * (slew * load) ** 0.5


def _transition(base, resistance, slew, load):
    return 0.6 * base + 1.7 * resistance * load + 0.07 * slew + 0.1 * (slew * load) ** 0.5


def _arc_text(cell, vdd, related, sense, when, factor):
    scale = delay_scale(vdd)
    kind = {"p": "positive_unate", "n": "negative_unate", "x": "non_unate"}.get(sense)
    head = f'related_pin : "{related}"; '
    head += f"timing_sense : {kind}; " if kind else f"timing_type : {sense}; "
    if when:
        head += f'when : "{when}"; sdf_cond : "{when.replace("&", " && ")}"; '
    text = [f"      timing () {{ {head}\n"]
    for name, formula, edge in (
        ("cell_rise", _delay, 1.15), ("cell_fall", _delay, 0.9),
        ("rise_transition", _transition, 1.2), ("fall_transition", _transition, 0.85),
    ):  # fmt: skip
        axes = cell.slew_axes if formula is _transition and cell.slew_axes else cell.axes
        slews, loads = _slews(axes[0], vdd), _LOADS[axes[1]]
        values = [
            [scale * formula(6.0 * factor * edge, 1.6 * edge / cell.drive, slew, load)
             for load in loads]
            for slew in slews
        ]  # fmt: skip
        template = f"delay_{axes[0]}_{axes[1]}"
        text.append(f"        {name} ({template}) {{ values ({_rows(values)}); }}\n")
    return "".join(text) + "      }\n"


def _check_text(vdd, related, kind):
    setup = kind.startswith(("setup", "recovery"))
    sign = 1.0 if setup else -0.7
    rise = [
        [sign * delay_scale(vdd) * (9.0 + 0.2 * data - 0.1 * clock) for data in (2, 60)]
        for clock in (1, 40, 200)
    ]
    fall = [[1.3 * value for value in row] for row in rise]
    edges = [("rise", rise), ("fall", fall)]
    if kind.startswith(("recovery", "removal")):
        edges = edges[:1]
    text = f'      timing () {{ related_pin : "{related}"; timing_type : {kind};\n'
    for edge, values in edges:
        name = "check"
        if kind.startswith("setup") and edge == "fall":
            name, values = "check_swapped", list(zip(*values, strict=True))
        text += f"        {edge}_constraint ({name}) {{ values ({_rows(values)}); }}\n"
    return text + "      }\n"


def _power_text(cell, vdd, related, factor):
    slews, loads = _slews(cell.axes[0], vdd), _LOADS[cell.axes[1]]
    template = f"power_{cell.axes[0]}_{cell.axes[1]}"
    text = f'      internal_power () {{ related_pin : "{related}";\n'
    for name, edge in (("rise_power", 1.1), ("fall_power", 0.6)):
        values = [
            [vdd**2 * factor * edge * (0.4 + 0.002 * slew + 0.01 * load) for load in loads]
            for slew in slews
        ]
        text += f"        {name} ({template}) {{ values ({_rows(values)}); }}\n"
    return text + "      }\n"


def _cell_text(name, cell, vdd):
    leak = 0.5 * cell.width * 10 ** (1.2 * (vdd - NOMINAL))
    text = [
        f'  cell ("{name}") {{ area : {cell.width * SITE[0] * SITE[1]:.6g};\n',
        f"    cell_leakage_power : {leak:.6g};\n    {cell.group}\n",
    ]
    for when, factor in cell.states.items():
        text.append(f'    leakage_power () {{ when : "{when}"; value : {factor * leak:.6g}; }}\n')
    gate = "clock_gating" in cell.group
    for pin, cap in cell.inputs.items():
        role = "clock : true; " if pin == cell.clock else ""
        if gate:
            role += f"clock_gate_{'clock' if pin == cell.clock else 'enable'}_pin : true; "
        text.append(
            f'    pin ("{pin}") {{ direction : input; capacitance : {cap:.6g}; '
            f"rise_capacitance : {1.04 * cap:.6g}; fall_capacitance : {0.93 * cap:.6g}; {role}\n"
        )
        text += [_check_text(vdd, rel, kind) for at, rel, kind in cell.checks if at == pin]
        text.append("    }\n")
    for pin, function in cell.outputs.items():
        role = "clock_gate_out_pin : true;" if gate else f'function : "{function}";'
        if gate:
            role += ' state_function : "CK * M";'
        text.append(
            f'    pin ("{pin}") {{ direction : output; max_capacitance : {45 * cell.drive:.6g}; '
            f"{role}\n"
        )
        for related, output, sense, when, factor in cell.arcs:
            if output == pin:
                text.append(_arc_text(cell, vdd, related, sense, when, factor))
                text.append(_power_text(cell, vdd, related, factor))
        text.append("    }\n")
    if gate:
        text.append('    pin ("M") { direction : internal; internal_node : "M"; }\n')
    return "".join(text) + "  }\n"


def lef_text():
    """Footprints of all cells; pins stand in a diagonal, each with two shapes."""
    text = ['VERSION 5.7 ;\nBUSBITCHARS "[]" ;\nDIVIDERCHAR "/" ;\n']
    for name, cell in CELLS.items():
        text.append(
            f"MACRO {name}\n  CLASS CORE ;\n  FOREIGN {name} ;\n  ORIGIN 0 0 ;\n"
            f"  SIZE {cell.width * SITE[0]:.3f} BY {SITE[1]:.3f} ;\n  SYMMETRY X Y ;\n"
            f"  SITE toysite ;\n"
        )
        pins = [*((pin, "INPUT") for pin in cell.inputs), *((p, "OUTPUT") for p in cell.outputs)]
        for at, (pin, direction) in enumerate(pins):
            x = 0.05 + 0.08 * at
            y = 0.2 + 0.15 * at
            text.append(
                f"  PIN {pin}\n    DIRECTION {direction} ;\n    PORT\n      LAYER met1 ;\n"
                f"        RECT {x:.3f} {y:.3f} {x + 0.06:.3f} {y + 0.1:.3f} ;\n"
                f"        RECT 0 0 0.01 0.01 ;\n    END\n  END {pin}\n"
            )
        text.append("  OBS\n    LAYER met1 ;\n      RECT 0 0 0.1 0.1 ;\n  END\n")
        text.append(f"END {name}\n")
    return "".join(text) + "END LIBRARY\n"


TECH_LEF = f"""VERSION 5.7 ;
UNITS
  DATABASE MICRONS 1000 ;
END UNITS
SITE toysite
  SYMMETRY Y ;
  CLASS CORE ;
  SIZE {SITE[0]} BY {SITE[1]} ;
END toysite
LAYER met1
  TYPE ROUTING ;
  WIDTH 0.06 ;
END met1
END LIBRARY
"""

MANIFEST = """
name = "toy"
description = "cells by formula, for tests"
nominal_vdd_v = {nominal}

[corner]
timing = "typical"
leakage = "typical"

[layout]
lef = ["toy.lef"]
tech_lef = ["toy.tlef"]
site = "toysite"
tile_gap_sites = 4

[wire]
resistance_ohm_per_um = 4.0
capacitance_ff_per_um = 0.15

[cells]
buffer = "toy_buf_4"
buffer_input = "A"
buffer_output = "Y"
tie_high = ["toy_tie_1", "H"]
tie_low = ["toy_tie_1", "L"]
dont_use = ["*_ha_*"]
"""


def write_toy_technology(folder: Path) -> Path:
    """Write all files of the technology; return its manifest."""
    text = MANIFEST.format(nominal=NOMINAL)
    for vdd in VDDS:
        name = f"toy_{vdd:.2f}.lib"
        (folder / name).write_text(liberty_text(vdd))
        text += f'\n[[library]]\nvdd_v = {vdd}\nfile = "{name}"\n'
    (folder / "toy.lef").write_text(lef_text())
    (folder / "toy.tlef").write_text(TECH_LEF)
    manifest = folder / "toy.toml"
    manifest.write_text(text)
    return manifest
