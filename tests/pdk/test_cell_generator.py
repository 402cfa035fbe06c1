"""Generated cells against arithmetic, flip-flops in plain Python, and counts by hand."""

import random
import re
from collections import defaultdict
from itertools import product

import pytest

from voltile.core import TechnologyError
from voltile.pdk.characterization.cell_generator import CELL_LISTS, read_cell_list
from voltile.pdk.characterization.switch_level import (
    check_logic,
    derive_functions,
    output_sequence,
    output_values,
)
from voltile.pdk.library import SequentialKind

FREEPDK45 = CELL_LISTS / "freepdk45.toml"
# A clock gate of the negative-edge kind, drawn as `icg` with the clock's phases exchanged.
FALLING_GATE = """
[[cell]]
name = "icgn"
drives = [1]
inputs = ["EN", "CK"]
stages = [
    "cn = !CK", "cp = !cn",
    "e = !EN", "m = e while cp, cn", "mn = !m", "m = !mn while cn, cp",
    "x = !mn", "g = !(CK | x)", "GCK = !g",
]
functions = { GCK = "CK | !IQ" }
storage = { kind = "clock_gate", clock = "CK", data = "EN", active_high = false, output = "GCK" }
"""
# Outputs in order, by the names of the gates, from Python's arithmetic.
TRUTH = {
    "inv": lambda a: [1 - a],
    "buf": lambda a: [a],
    "nand": lambda *x: [1 - min(x)],
    "nor": lambda *x: [1 - max(x)],
    "and": lambda *x: [min(x)],
    "or": lambda *x: [max(x)],
    "aoi21": lambda a, b, c: [1 - max(a * b, c)],
    "aoi22": lambda a, b, c, d: [1 - max(a * b, c * d)],
    "aoi211": lambda a, b, c, d: [1 - max(a * b, c, d)],
    "oai21": lambda a, b, c: [1 - max(a, b) * c],
    "oai22": lambda a, b, c, d: [1 - max(a, b) * max(c, d)],
    "oai211": lambda a, b, c, d: [1 - max(a, b) * c * d],
    "xor": lambda a, b: [(a + b) % 2],
    "xnor": lambda a, b: [(a + b + 1) % 2],
    "mux": lambda a, b, s: [(a, b)[s]],
    "maj": lambda *x: [sum(x) // 2],
    "ha": lambda a, b: [(a + b) // 2, (a + b) % 2],
    "fa": lambda a, b, c: [(a + b + c) // 2, (a + b + c) % 2],
    "tie0": lambda: [0],
    "tie1": lambda: [1],
}


@pytest.fixture(scope="module")
def library():
    return read_cell_list(FREEPDK45)


@pytest.fixture(scope="module")
def cells(library):
    return {cell.name: cell for cell in library.cells}


def kind(name):
    return name.rpartition("_x")[0]


def test_library_is_large_enough_and_proven(library, cells):
    assert len(cells) == len(library.cells) >= 45
    for cell in library.cells:
        check_logic(cell)


def test_combinational_cells_compute_what_their_names_say(cells):
    seen = set()
    for name, cell in cells.items():
        if cell.storage is not None:
            continue
        seen.add(kind(name))
        truth = TRUTH.get(kind(name)) or TRUTH[re.sub(r"\d", "", kind(name))]
        values = output_values(cell)
        assert tuple(values) == tuple(cell.functions)
        for bits in product((0, 1), repeat=len(cell.inputs)):
            pattern = sum(bit << at for at, bit in enumerate(bits))
            assert [int(letters[pattern]) for letters in values.values()] == truth(*bits), name
    assert {"inv", "nand4", "nor4", "aoi211", "xor2", "mux2", "fa", "ha", "tie0"} <= seen


def test_derived_functions_are_the_stated_ones_of_simple_gates(cells):
    assert derive_functions(cells["nand3_x1"]) == {"Y": "!(A&B&C)"}
    assert derive_functions(cells["buf_x4"]) == {"Y": "A"}
    assert derive_functions(cells["tie1_x1"]) == {"Y": "1"}


def stored_bits(vectors, name):
    """The bit that a flip-flop, latch or clock gate holds after each vector; None: never set."""
    bit, last, bits = None, None, []
    for now in vectors:
        rising = last is not None and not last["CK"] and now["CK"] if "CK" in now else False
        if name == "icg":
            if not now["CK"]:
                bit = now["EN"]
        elif name == "latch" or name == "latchn":
            if now["G"] if name == "latch" else not now["GN"]:
                bit = now["D"]
        elif rising and now.get("EN", 1):
            bit = now["D"]
        if not now.get("RN", 1):
            bit = 0
        if not now.get("SN", 1):
            bit = 1
        bits.append(bit)
        last = now
    return bits


@pytest.mark.parametrize("name", ["dff", "dffr", "dffs", "dffe", "latch", "latchn", "icg"])
def test_sequential_cells_follow_plain_python(cells, name):
    """Random changes of one input at a time, the clock as often as all others together."""
    rng = random.Random(name)
    for cell in (cell for cell in cells.values() if kind(cell.name) == name):
        clock = next(pin for pin in cell.inputs if pin in ("CK", "G", "GN"))
        vector = {pin: rng.randint(0, 1) for pin in cell.inputs}
        vectors = [dict(vector)]
        for _ in range(300):
            vector[rng.choice([*cell.inputs, *[clock] * (len(cell.inputs) - 1)])] ^= 1
            vectors.append(dict(vector))
        bits = stored_bits(vectors, name)
        (output,) = cell.functions
        steps = [step[output] for step in output_sequence(cell, vectors)]
        known = 0
        for step, bit, inputs in zip(steps, bits, vectors, strict=True):
            if bit is not None:
                known += 1
                assert step == str(bit & inputs["CK"] if name == "icg" else bit)
        assert known > 250


def test_enable_of_a_clock_gate_never_moves_its_output_while_the_clock_is_high(cells):
    text = "00 10 11 10 00 01 11 10 11 10 00 10"
    vectors = [{"CK": int(clock), "EN": int(enable)} for clock, enable in text.split()]
    for name in ("icg_x1", "icg_x4"):
        steps = [step["GCK"] for step in output_sequence(cells[name], vectors)]
        assert "".join(steps) == "000000111100"


def test_enable_of_a_falling_clock_gate_never_moves_its_output_while_the_clock_is_low(tmp_path):
    path = changed(tmp_path, "[[cell]]", FALLING_GATE + "[[cell]]", 1)
    gate = read_cell_list(path).cells[0]
    text = "10 00 01 11 01 00 10 00"
    vectors = [{"CK": int(clock), "EN": int(enable)} for clock, enable in text.split()]
    steps = [step["GCK"] for step in output_sequence(gate, vectors)]
    assert "".join(steps) == "11110011"


@pytest.mark.parametrize(
    ("old", "new"),
    [("active_high = false, ", ""), ("CK | !IQ", "CK | IQ"), ("CK | !IQ", "CK & IQ")],
)
def test_clock_gate_of_the_other_edge_is_caught(tmp_path, old, new):
    wrong = FALLING_GATE.replace(old, new)
    assert wrong != FALLING_GATE
    with pytest.raises(TechnologyError, match="^cell 'icgn_x1': output GCK is "):
        read_cell_list(changed(tmp_path, "[[cell]]", wrong + "[[cell]]", 1))


def test_kinds_of_storage(cells):
    kinds = defaultdict(set)
    for cell in cells.values():
        if cell.storage is not None:
            kinds[cell.storage.kind].add(kind(cell.name))
    assert kinds == {
        SequentialKind.FLIP_FLOP: {"dff", "dffr", "dffs", "dffe"},
        SequentialKind.LATCH: {"latch", "latchn"},
        SequentialKind.CLOCK_GATE: {"icg"},
    }


def widths(cell):
    """Total width of the n and the p transistors per gate, over that of the inverter."""
    total = defaultdict(float)
    for item in cell.netlist.transistors:
        unit = {"NMOS_VTL": 0.415e-6, "PMOS_VTL": 0.63e-6}[item.model]
        assert item.width <= unit * (1 + 1e-9)  # no finger is taller than the inverter
        assert item.length == pytest.approx(50e-9)
        total[item.model[0], item.gate] += item.width / unit
    return total


def test_transistors_are_as_wide_as_their_series_chain_is_long(cells):
    assert widths(cells["nand3_x1"]) == pytest.approx(
        {("N", pin): 3 for pin in "ABC"} | {("P", pin): 1 for pin in "ABC"}
    )
    assert widths(cells["aoi21_x1"]) == pytest.approx(
        {("N", "A1"): 2, ("N", "A2"): 2, ("N", "B1"): 1}
        | {("P", "A1"): 2, ("P", "A2"): 2, ("P", "B1"): 2}
    )
    assert widths(cells["oai211_x0p5"]) == pytest.approx(
        {("N", pin): 1.5 for pin in ("A1", "A2", "B1", "C1")}
        | {("P", "A1"): 1, ("P", "A2"): 1, ("P", "B1"): 0.5, ("P", "C1"): 0.5}
    )
    # The mirror adder's carry: A and B twice in chains of two, and CI once, with half the drive.
    carry = widths(cells["maj3_x1"])
    assert (carry["N", "A"], carry["P", "A"]) == pytest.approx((2, 2))
    assert (carry["N", "C"], carry["P", "C"], carry["N", "n"]) == pytest.approx((1, 1, 1))


def test_footprints_are_gate_columns_and_ends(library, cells):
    assert (library.site_width, library.row_height) == pytest.approx((0.19e-6, 1.4e-6))
    sites = {
        "inv_x1": 1 + 1,
        "inv_x4": 4 + 1,
        "nand2_x0p5": 2 + 1,
        "nand2_x1": 4 + 1,  # n transistors of two units: two fingers each
        "aoi21_x1": 6 + 1,
        "buf_x4": 1 + 4 + 1,
        "mux2_x1": 6 + 1,
        "latch_x1": 8 + 1 + 1,  # one transmission gate
        "dff_x1": 12 + 1 + 2,
        "icg_x1": 10 + 1 + 1,
    }
    for name, count in sites.items():
        assert library.width(cells[name]) == pytest.approx(count * 0.19e-6), name


def changed(tmp_path, old, new, count=-1):
    text = FREEPDK45.read_text()
    assert old in text
    path = tmp_path / "cells.toml"
    path.write_text(text.replace(old, new, count))
    return path


REJECTED = {
    "stage '.*' is not understood": ('"Y = !A"', '"Y := !A"'),
    "'n = !\\(A \\^ B\\)' is not an inverted expression": ('"n = !(A & B)"', '"n = !(A ^ B)"'),
    "'Y = A' is not an inverted expression": ('"Y = !A"', '"Y = A"'),
    "two nets are called 'y'": ('"n = !A", "Y = !n"', '"y = !A", "Y = !y"'),
    "cell 'inv': 'stages'": ('stages = ["Y = !A"]', ""),
    "cell 'tie1': 'ram' is not a valid": ('stages = ["Y = !0"]',
                                          'stages = ["Y = !0"]\nstorage = { kind = "ram" }'),
    "unexpected keyword argument 'thickness'": ("[process]", "[process]\nthickness = 1"),
    "Expected '='": ("[process]", "[process]\nx"),
}  # fmt: skip


@pytest.mark.parametrize("message", REJECTED)
def test_read_cell_list_rejects(tmp_path, message):
    path = changed(tmp_path, *REJECTED[message])
    with pytest.raises(TechnologyError, match=f"^cell list {path}: .*{message}"):
        read_cell_list(path)


WRONG = {
    "cell 'xor2_x0p5': output Y is 1 at A=1 B=1, where 'A ^ B' is 0":
        ('"n = !(A | B)", "Y = !((A & B) | n)"', '"n = !(A & B)", "Y = !((A | B) & n)"'),
    "cell 'aoi22_x0p5': output Y is X at A1=0 A2=0 B1=1 B2=1":
        ('"Y = !((A1 & A2) | (B1 & B2))"', '"Y = !((A1 & A2) | (B1 & B2)) mirrored"'),
    "cell 'dff_x1': output Q is":
        ('clock = "CK", data = "D" }', 'clock = "!CK", data = "D" }'),
    "cell 'dff_x1': nothing drives m":
        ('"dn = !D", "m = dn while cn, cp"', '"dn = !D", "m = dn while cp, cn"'),
    "cell 'dff_x1': nothing drives t":
        ('"t = !tn while cn, cp"', '"t = !tn while cp, cn"'),
    "cell 'dffr_x1': output Q is":
        ('"m = !(mn & RN) while cp, cn"', '"m = !mn while cp, cn"'),
    "cell 'icg_x1': output GCK is":
        ('"g = !(CK & mn)"', '"g = !(CK & EN)"'),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_a_netlist_that_does_something_else_is_caught(tmp_path, message):
    path = changed(tmp_path, *WRONG[message])
    with pytest.raises(TechnologyError, match=re.escape(message)):
        read_cell_list(path)


def test_read_cell_list_rejects_a_missing_file(tmp_path):
    with pytest.raises(TechnologyError) as fault:
        read_cell_list(tmp_path / "none.toml")
    assert str(fault.value) == (
        f"cannot read cell list {tmp_path / 'none.toml'}: No such file or directory"
    )
