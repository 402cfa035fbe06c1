"""Diffusions and wires of a layout, counted by hand on drawn examples."""

import pytest

from voltile.pdk.characterization.layout import Layout, diffusions, wire_capacitances
from voltile.pdk.characterization.transistors import CellNetlist, Transistor

LAYOUT = Layout(0.26e-6, 0.28e-6, terminal_wire=0.1e-15, gate_wire=0.2e-9, gate_span=2.5e-6)


def fet(kind, drain, gate, source, width):
    bulk = {"n": "VSS", "p": "VDD"}[kind]
    return Transistor(f"{drain}{gate}{source}", drain, gate, source, bulk, kind, width, 1.5e-7)


NAND = CellNetlist(
    "nand2", ("A", "B", "Y", "VDD", "VSS"),
    (fet("n", "Y", "A", "mid", 0.65e-6), fet("n", "mid", "B", "VSS", 0.65e-6),
     fet("p", "Y", "A", "VDD", 1e-6), fet("p", "VDD", "B", "Y", 1e-6)),
)  # fmt: skip


def test_two_transistors_at_a_net_share_one_diffusion():
    found = diffusions(NAND, LAYOUT)
    for key in (("mid", "n"), ("Y", "p"), ("VDD", "p")):
        assert found[key].length == pytest.approx(0.14e-6)
        assert found[key].open_side == 0
    assert found["Y", "n"].length == pytest.approx(0.26e-6)
    assert found["Y", "n"].open_side == 1


def test_of_three_transistors_two_share_and_one_stands_alone():
    fingers = tuple(fet("n", f"y{k}", "A", "VSS", 1e-6) for k in range(3))
    found = diffusions(CellNetlist("x", ("A", "VSS"), fingers), LAYOUT)["VSS", "n"]
    assert found.length == pytest.approx((0.28e-6 + 0.26e-6) / 3)
    assert found.open_side == pytest.approx(1 / 3)


def test_wires_of_gates_outputs_and_stacks():
    wires = wire_capacitances(NAND, LAYOUT, frozenset({"VDD", "VSS"}))
    # A gate line crosses 2.5 um, of which 0.65 + 1.0 um are gate.
    assert wires == {
        "A": pytest.approx(0.2e-9 * 0.85e-6),
        "B": pytest.approx(0.2e-9 * 0.85e-6),
        "Y": pytest.approx(3 * 0.1e-15),
    }  # `mid` is a stack without a contact, and rails do not count


def test_gates_longer_than_the_span_have_no_wire_to_spare():
    wide = (fet("n", "Y", "A", "VSS", 2e-6), fet("p", "Y", "A", "VDD", 3e-6))
    wires = wire_capacitances(CellNetlist("x", ("A", "Y"), wide), LAYOUT, frozenset({"VDD", "VSS"}))
    assert set(wires) == {"Y"}
