"""Cells and what a simulation could have measured of them, by formula: no process is behind them.

Every figure differs from every other, so that mixing them up shows.
"""

import gzip
import lzma
import math

from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.liberty_writer import Conditions, MeasuredCell, liberty_text
from voltile.pdk.characterization.measurement import (
    ArcKind,
    ArcMeasurement,
    CellMeasurement,
    CheckKind,
    CheckMeasurement,
    Edge,
    PinMeasurement,
)
from voltile.pdk.characterization.mixed_supply_table import mixed_supply_table
from voltile.pdk.characterization.transistors import CellNetlist
from voltile.pdk.lef_writer import Footprint, Site, lef_text, tech_lef_text
from voltile.pdk.library import Sequential, SequentialKind

SLEWS = (10e-12, 40e-12, 160e-12)
CHECK_SLEWS = (10e-12, 100e-12)
LOADS = (0.5e-15, 4e-15, 32e-15)
RATIOS = (0.75, 0.85, 0.95)
BIASES = ("pb0", "pb1", "pb2")
CORNERS = ("ss_125C", "ff_100C")
SITE = Site("site45", 0.19e-6, 1.4e-6)

RISE, FALL = Edge.RISE, Edge.FALL


def _cell(name, inputs, functions, storage=None):
    pins = (*inputs, *functions, "VDD", "VSS")
    return Cell(CellNetlist(name, pins, ()), inputs, functions, storage, "VDD", "VSS", "VDD", "VSS")


def _flop(name, inputs, outputs, **controls):
    storage = Sequential(SequentialKind.FLIP_FLOP, "CK", "D", **controls)
    return _cell(name, inputs, outputs, storage)


def _gate(name, inputs, function, data, **others):
    storage = Sequential(SequentialKind.CLOCK_GATE, "CK", data, output="GCK", **others)
    return _cell(name, inputs, {"GCK": function}, storage)


INV = _cell("INV_X1", ("A",), {"Y": "!A"})
BUF = _cell("BUF_X4", ("A",), {"Y": "A"})
NAND2 = _cell("NAND2_X1", ("A", "B"), {"Y": "!(A&B)"})
NOR2 = _cell("NOR2_X1", ("A", "B"), {"Y": "!(A|B)"})
XOR2 = _cell("XOR2_X1", ("A", "B"), {"Y": "A^B"})
HALF_ADDER = _cell("HA_X1", ("A", "B"), {"S": "A^B", "CO": "A&B"})
TIE = _cell("TIE_X1", (), {"H": "1", "L": "0"})
DFF = _flop("DFF_X1", ("CK", "D"), {"Q": "Q_INT", "QN": "QN_INT"}, state="Q_INT",
            state_inverted="QN_INT")  # fmt: skip
DFFR = _flop("DFFR_X1", ("CK", "D", "RN"), {"Q": "IQ"}, clear="!RN")
LATCH = _cell("LATCH_X1", ("D", "G"), {"Q": "IQ"}, Sequential(SequentialKind.LATCH, "G", "D"))
GATE = _gate("ICG_X1", ("CK", "E"), "CK & IQ", "E")
TESTED_GATE = _gate("ICGT_X1", ("CK", "E", "TE"), "CK & IQ", "TE | E")
FALLING_GATE = _gate("ICGN_X1", ("CK", "E"), "CK | !HELD", "E", state="HELD", active_high=False)

# Inputs moving outputs: (related, input edge, output, output edge, when, kind), in pairs of edges.
_STEADY, _TURNED = ((RISE, RISE), (FALL, FALL)), ((RISE, FALL), (FALL, RISE))
_AT_RISE = ((RISE, RISE), (RISE, FALL))
_GATE, _CLOCK = ArcKind.COMBINATIONAL, ArcKind.RISING_EDGE
ARCS = {
    INV.name: [("A", "Y", "", _GATE, _TURNED)],
    BUF.name: [("A", "Y", "", _GATE, _STEADY)],
    NAND2.name: [(pin, "Y", "", _GATE, _TURNED) for pin in "AB"],
    NOR2.name: [(pin, "Y", "", _GATE, _TURNED) for pin in "AB"],
    XOR2.name: [(pin, "Y", not_ + other, _GATE, edges) for pin, other in ("AB", "BA")
           for not_, edges in (("!", _STEADY), ("", _TURNED))],
    HALF_ADDER.name: [*((pin, "S", not_ + other, _GATE, edges) for pin, other in ("AB", "BA")
                   for not_, edges in (("!", _STEADY), ("", _TURNED))),
                 *((pin, "CO", "", _GATE, _STEADY) for pin in "AB")],
    TIE.name: [],
    DFF.name: [("CK", "Q", "", _CLOCK, _AT_RISE), ("CK", "QN", "", _CLOCK, _AT_RISE)],
    DFFR.name: [("CK", "Q", "", _CLOCK, _AT_RISE), ("RN", "Q", "", ArcKind.CLEAR, ((FALL, FALL),))],
    LATCH.name: [("D", "Q", "", _GATE, _STEADY), ("G", "Q", "", _CLOCK, _AT_RISE)],
    GATE.name: [("CK", "GCK", "", _GATE, _STEADY)],
    TESTED_GATE.name: [("CK", "GCK", "", _GATE, _STEADY)],
    FALLING_GATE.name: [("CK", "GCK", "", _GATE, _STEADY)],
}  # fmt: skip
_BOTH = (RISE, FALL)
_SETUP, _HOLD = CheckKind.SETUP_RISING, CheckKind.HOLD_RISING
CHECKS = {
    DFF.name: [("D", "CK", _SETUP, _BOTH), ("D", "CK", _HOLD, _BOTH)],
    DFFR.name: [("D", "CK", _SETUP, _BOTH), ("D", "CK", _HOLD, _BOTH),
                ("RN", "CK", CheckKind.RECOVERY_RISING, (RISE,)),
                ("RN", "CK", CheckKind.REMOVAL_RISING, (RISE,))],
    LATCH.name: [("D", "G", CheckKind.SETUP_FALLING, _BOTH),
                 ("D", "G", CheckKind.HOLD_FALLING, _BOTH)],
    GATE.name: [("E", "CK", _SETUP, _BOTH), ("E", "CK", _HOLD, _BOTH)],
    TESTED_GATE.name: [(pin, "CK", kind, _BOTH) for pin in ("E", "TE") for kind in (_SETUP, _HOLD)],
    FALLING_GATE.name: [("E", "CK", CheckKind.SETUP_FALLING, _BOTH),
                        ("E", "CK", CheckKind.HOLD_FALLING, _BOTH)],
}  # fmt: skip
GATES = (GATE, TESTED_GATE, FALLING_GATE)
CELLS = (INV, BUF, NAND2, NOR2, XOR2, HALF_ADDER, TIE, DFF, DFFR, LATCH, *GATES)


def width_of(cell):
    """Width [m]: a whole number of sites."""
    return (2 + len(cell.name)) * SITE.width


def area_of(cell):
    """Area [m2]."""
    return width_of(cell) * SITE.height


def _seed(*words):
    """A number from 1 to 2, different for different words."""
    code = sum(at * ord(letter) for at, letter in enumerate("/".join(map(str, words)), 7))
    return 1 + code % 997 / 997


def speed(vdd, bias):
    """Delay over that at 1 V of the first bias."""
    law = {v: v / (v - 0.35) ** 1.4 for v in (vdd, 1.0)}
    return law[vdd] / law[1.0] * (1 + 0.06 * BIASES.index(bias))


def delay(key, vdd, bias, slew, load):
    """Delay [s] of an arc; `key` is whatever names it."""
    drive = _seed("r", *key)
    return speed(vdd, bias) * (5e-12 * drive + 900 * drive * load + 0.2 * math.sqrt(slew * 1e-11))


def transition(key, vdd, bias, slew, load):
    """Output slew of an arc [s]."""
    return speed(vdd, bias) * (3e-12 + 1500 * _seed("t", *key) * load) + 0.1 * slew


def energy(key, vdd, slew, load):
    """Energy of an arc's edge, without that of the load [J]."""
    return vdd**2 * (8e-16 * _seed("e", *key) + 2e-6 * slew + 0.01 * load)


def pin_energy(key, vdd, slew):
    """Energy of an input's edge that moves no output [J]."""
    return vdd**2 * (2e-16 * _seed("p", *key) + 1e-6 * slew)


def capacitance(cell, pin, edge):
    """Capacitance of an input [F]."""
    return 0.6e-15 * _seed("c", cell.name, pin, edge)


def check(key, vdd, bias, clock_slew, data_slew):
    """Setup, hold, recovery or removal [s]."""
    setup = "setup" in key[2] or "recovery" in key[2]
    return (1 if setup else -0.8) * speed(vdd, bias) * (
        12e-12 * _seed("k", *key) + 0.3 * data_slew - 0.1 * clock_slew
    )  # fmt: skip


def leakage(cell, state, corner, vdd, bias):
    """Leakage [W] of a state, by which of its inputs are high."""
    power = 4e-9 * _seed("l", cell.name, state.replace("L", "1"), corner)
    return power * 10 ** (vdd - 1) * 0.7 ** BIASES.index(bias)


def leakage_factor(state, corner, bias, ratio):
    """Leakage with inputs driven from a lower supply over that without: exact in ln over ratio."""
    steep = (14 if corner == "ss_125C" else 19) - BIASES.index(bias)
    return math.exp(state.count("L") * steep * (1 - ratio))


def delay_factor(key, ratio):
    """Delay with the input driven from a lower supply over that without: linear in ratio."""
    return 1 + _seed("f", *key) * (1 - ratio)


def slew_factor(key, ratio):
    """The same of the output slew."""
    return 1 + 0.5 * _seed("g", *key) * (1 - ratio)


def check_addition(key, bias, vdd, ratio):
    """What a low data driver adds to a check [s]: linear in ratio."""
    return speed(vdd, bias) * 20e-12 * _seed("h", *key) * (1 - ratio)


def arc_keys(cell):
    """Name of each arc: cell, related, output, input edge, output edge, when."""
    return [
        (cell.name, related, output, str(start), str(end), when)
        for related, output, when, _, edges in ARCS[cell.name]
        for start, end in edges
    ]


def states(cell):
    """States of a cell's leakage, with the stored bit last; those that exclude themselves are not.
    """
    patterns = [f"{number:b}".zfill(len(cell.inputs)) for number in range(2 ** len(cell.inputs))]
    if not cell.inputs:
        return [""]
    if cell.storage is None:
        return patterns
    found = []
    for pattern in patterns:
        level = dict(zip(cell.inputs, pattern, strict=True))
        bits = "01"
        if level.get("RN") == "0":
            bits = "0"
        elif cell is LATCH and level["G"] == "1":
            bits = level["D"]
        elif cell in GATES and level["CK"] == ("1" if cell is FALLING_GATE else "0"):
            bits = max(level["E"], level.get("TE", "0"))
        found += [pattern + bit for bit in bits]
    return found


def low_states(cell):
    """The same states with one or more of the high inputs driven from a lower supply."""
    found = []
    for state in states(cell):
        high = [at for at in range(len(cell.inputs)) if state[at] == "1"]
        for chosen in range(1, 2 ** len(high)):
            letters = list(state)
            for bit, at in enumerate(high):
                if chosen >> bit & 1:
                    letters[at] = "L"
            found.append("".join(letters))
    return found


def _arc(cell, key, kind, vdd, bias):
    clocked = cell.storage is not None and key[1] in cell.storage.clock
    table = {
        "delay": lambda slew, load: delay(key, vdd, bias, slew, load),
        "slew": lambda slew, load: transition(key, vdd, bias, slew, load),
        "energy": lambda slew, load: energy(key, vdd, slew, load),
    }
    return ArcMeasurement(
        key[1], key[2], kind, Edge(key[3]), Edge(key[4]), key[5],
        **{name: tuple(tuple(formula(slew, load) for load in LOADS) for slew in SLEWS)
           for name, formula in table.items()},
        low_delay=() if clocked else tuple(delay_factor(key, ratio) for ratio in RATIOS),
        low_slew=() if clocked else tuple(slew_factor(key, ratio) for ratio in RATIOS),
    )  # fmt: skip


def _pin(cell, pin, vdd):
    tables = ((), ())
    if cell.storage is not None:
        tables = (tuple(pin_energy((cell.name, pin, edge), vdd, slew) for slew in SLEWS)
                  for edge in (RISE, FALL))  # fmt: skip
    wide = cell.storage is not None and pin in (cell.storage.clock, "RN")
    return PinMeasurement(
        pin, capacitance(cell, pin, RISE), capacitance(cell, pin, FALL), *tables,
        30e-12 * wide, 20e-12 * (wide and pin != "RN"),
    )  # fmt: skip


def measure(cell, vdd, bias="pb0"):
    """Everything that would be measured of a cell."""
    kinds = [kind for _, _, _, kind, edges in ARCS[cell.name] for _ in edges]
    checks = [
        CheckMeasurement(
            pin, clock, kind, edge,
            tuple(tuple(check((cell.name, pin, kind, edge), vdd, bias, first, second)
                        for second in CHECK_SLEWS) for first in CHECK_SLEWS),
            tuple(check_addition((cell.name, pin, kind, edge), bias, vdd, ratio)
                  for ratio in RATIOS) if "setup" in kind else (),
        )
        for pin, clock, kind, edges in CHECKS.get(cell.name, ()) for edge in edges
    ]  # fmt: skip
    nominal = {corner: {state: leakage(cell, state, corner, vdd, bias) for state in states(cell)}
               for corner in CORNERS}  # fmt: skip
    low = {
        corner: {
            state: tuple(leakage(cell, state, corner, vdd, bias)
                         * leakage_factor(state, corner, bias, ratio) for ratio in RATIOS)
            for state in low_states(cell)
        }
        for corner in CORNERS
    }  # fmt: skip
    arcs = [_arc(cell, key, kind, vdd, bias)
            for key, kind in zip(arc_keys(cell), kinds, strict=True)]  # fmt: skip
    return CellMeasurement(
        cell.name, bias, vdd, cell.inputs, SLEWS if cell.inputs else (), CHECK_SLEWS,
        LOADS if cell.inputs else (), RATIOS, tuple(arcs), tuple(checks),
        tuple(_pin(cell, pin, vdd) for pin in cell.inputs), nominal, low,
    )  # fmt: skip


def library_text(vdd, bias="pb0", leakage_corner="ss_125C", cells=CELLS):
    """Liberty text of cells."""
    conditions = Conditions(
        "made", bias, "ss_125C", 125.0, vdd, leakage_corner,
        "Transistor models: none {of a library (x)}.\nSimulator: a formula.",
    )  # fmt: skip
    measured = [MeasuredCell(cell, area_of(cell), measure(cell, vdd, bias)) for cell in cells]
    return liberty_text(conditions, measured)


def footprint(cell):
    """What the LEF writer needs of a cell."""
    pins = dict.fromkeys(cell.inputs, "INPUT") | dict.fromkeys(cell.functions, "OUTPUT")
    return Footprint(cell.name, width_of(cell), pins)


MANIFEST = """
name = "made"
description = "cells by formula, as if measured"
nominal_vdd_v = 1.0
biases = [{biases}]

[corner]
timing = "ss_125C"
leakage = "ff_100C"

[layout]
lef = ["made.lef"]
tech_lef = ["made.tlef"]
site = "site45"
tile_gap_sites = 4

[wire]
resistance_ohm_per_um = 3.57
capacitance_ff_per_um = 0.104

[cells]
buffer = "BUF_X4"
buffer_input = "A"
buffer_output = "Y"
tie_high = ["TIE_X1", "H"]
tie_low = ["TIE_X1", "L"]

[mixed_supply]
file = "mixed.npz"
"""
_WRITERS = {"": open, ".gz": gzip.open, ".xz": lzma.open}


def write_technology(folder, vdds=(0.8, 1.0), biases=BIASES[:2], packed=".xz", cells=CELLS):
    """Write a technology with compressed libraries and a mixed-supply table; return its manifest.

    The leakage in its Liberty files is of another corner than that of the manifest.
    """
    text = MANIFEST.format(biases=", ".join(f'"{bias}"' for bias in biases))
    for bias in biases:
        for vdd in vdds:
            name = f"{bias}_{vdd:.2f}.lib{packed}"
            with _WRITERS[packed](folder / name, "wt") as stream:
                stream.write(library_text(vdd, bias, cells=cells))
            text += f'\n[[library]]\nvdd_v = {vdd}\nbias = "{bias}"\nfile = "{name}"\n'
    (folder / "made.tlef").write_text(tech_lef_text(SITE))
    (folder / "made.lef").write_text(lef_text(SITE, map(footprint, cells)))
    mixed_supply_table(
        measure(cell, vdd, bias) for bias in biases for vdd in vdds for cell in cells
    ).save(folder / "mixed.npz")
    manifest = folder / "manifest.toml"
    manifest.write_text(text)
    return manifest
