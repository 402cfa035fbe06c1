"""Transistor cards: trimmed from a PDK's files without changing what ngspice computes."""

import importlib
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from voltile.core import TechnologyError
from voltile.pdk import find_pdk
from voltile.pdk.characterization.bench import Bench, Corner
from voltile.pdk.characterization.cell import Cell
from voltile.pdk.characterization.layout import Diffusion, Layout
from voltile.pdk.characterization.models import (
    DeviceModel,
    biased_length,
    device_card,
    evaluate,
    model_cards,
    node_name,
)
from voltile.pdk.characterization.transistors import CellNetlist, Transistor

BENCH = Path(__file__).parents[2] / "bench"
UM = 1e-6
BODY = "level = 54.0 u0 = 0.03\n* Capacitance\n+ cgso = 1e-10 jss = 1e-4 cjs = 1e-3"
TOXE = "4e-09+fet__toxe_slope_spectre*(4e-09*1.0*(fet__toxe_slope/sqrt(l*w*mult)))"
# A foundry's layout: bins from wide to narrow, parameters over mismatch, comments inside cards.
BINNED = f"""* Some foundry
.param fet__toxe_slope_spectre = 0.0
.param fet__vth0_slope_spectre = 0.5
.subckt  fet d g s b
+
.param  l = 1 w = 1 mult = 1
mfet d g s b fet__model l = {{l}} w = {{w}}
.model fet__model.0 nmos
* Limits
+ lmin = 1.5e-07 lmax = 1.8e-07 wmin = 6.5e-07 wmax = 1.0e-6
+ toxe = {{{TOXE}}}
+ vth0 = {{0.5+fet__vth0_slope_spectre*(0.02/sqrt(4.0))}} lvth0 = -1.5e-9
+ {BODY}
.model fet__model.1 nmos
+ lmin = 1.5e-07 lmax = 1.8e-07 wmin = 5.0e-07 wmax = 6.5e-7
+ toxe = 4e-09 vth0 = 0.6 {BODY}
.model fet__model.2 nmos
+ lmin = 1.5e-07 lmax = 1.8e-07 wmin = 3.6e-07 wmax = 5.0e-7
+ toxe = 4e-09 vth0 = 0.7 {BODY}
.ends fet
* Well proximity"""
PLAIN = f"* Predictive\n\n.model  NFET  nmos  level = 54\n\n+toxe = 1e-9   vth0 = 0.3\n+{BODY}"


@pytest.fixture
def models(monkeypatch):
    """The comparison with the PDK's files."""
    if shutil.which("ngspice") is None:
        pytest.skip("needs ngspice")
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("transistor_models")


@pytest.fixture
def freepdk45():
    try:
        find_pdk("freepdk45")
    except TechnologyError:
        pytest.skip("needs PDK freepdk45")


def device(folder, text, name="fet", polarity="n"):
    file = folder / "models.spice"
    file.write_text(text)
    return DeviceModel(polarity, file, name)


def cards(model, *sizes):
    """Parameters of each card by its name."""
    text = model_cards({"n": model}, {"n": [(width * UM, length * UM) for width, length in sizes]})
    found = {}
    for card in re.sub(r"\n\+", "", text).strip().splitlines():
        _, name, kind, *parameters = card.split()
        assert kind == "nmos"
        found[name] = dict(item.split("=") for item in parameters)
    return found


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("4.148e-09+a*(4.148e-09*1.0*(unknown/sqrt(l*w*mult)))", 4.148e-9),
        (" -1.043+b*(6.0/sqrt(4*2.25)) ", -0.043),
        ("-(2-3-4)/B", 10.0),
        ("1-2*3", -5.0),
    ],
)
def test_arithmetic(expression, result):
    assert evaluate(expression, {"a": 0.0, "b": 0.5}) == pytest.approx(result, rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("b*(slope/2)", "'slope' in 'b*(slope/2)' has no value"),
        ("1/(b-0.5)", "'1/(b-0.5)' has no finite value"),
        ("sqrt(-b)", "'sqrt(-b)' has no finite value"),
        ("1e308*10", "'1e308*10' has no finite value"),
    ],
)
def test_arithmetic_rejects_what_has_no_value(expression, reason):
    with pytest.raises(ValueError, match=re.escape(reason) + "$"):
        evaluate(expression, {"b": 0.5})


@pytest.mark.parametrize(
    "expression",
    ["", "2**9", "1u", "True", "'a'", "b.real", "[1][0]", "max(b,1)", "b if b else 1", "sqrt(1,2)",
     "__import__('os').getcwd()", "(lambda: 1)()", "(" * 999, "-" * 9999 + "1"],
)  # fmt: skip
def test_arithmetic_rejects_anything_else(expression):
    with pytest.raises(ValueError, match=re.escape(f"'{expression}' is not arithmetic") + "$"):
        evaluate(expression, {"b": 0.5})


def test_only_bins_in_reach_remain_with_numbers_for_expressions(tmp_path):
    model = device(tmp_path, BINNED)
    assert list(cards(model, (0.7, 0.15))) == ["n.0"]
    assert list(cards(model, (0.42, 0.17), (0.64, 0.16))) == ["n.1", "n.2"]
    (wide,) = cards(model, (0.7, 0.15)).values()
    assert float(wide["toxe"]) == 4e-9
    assert float(wide["vth0"]) == pytest.approx(0.5 + 0.5 * 0.02 / 2)
    assert (wide["lvth0"], wide["cjs"]) == ("-1.5e-9", "1e-3")
    assert "Capacitance" not in wide


def test_size_between_two_bins_keeps_both_in_the_order_of_the_file(tmp_path):
    model = device(tmp_path, BINNED)
    for width in (0.65, 0.6495, 0.6505):
        assert list(cards(model, (width, 0.15))) == ["n.0", "n.1"]
    assert list(cards(model, (0.655, 0.15))) == ["n.0"]


def test_plain_model_is_taken_as_it_is(tmp_path):
    found = cards(device(tmp_path, PLAIN, "NFET"), (0.09, 0.05), (5, 1))
    assert found == {"n": {"level": "54.0", "toxe": "1e-9", "vth0": "0.3", "u0": "0.03",
                           "cgso": "1e-10", "jss": "1e-4", "cjs": "1e-3"}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        (BINNED, "pfet", "no model 'pfet'"),
        (BINNED[: BINNED.index(".model fet__model.2")], "fet",
         "the file ends inside subcircuit 'fet'"),
        (BINNED.replace("mfet d", "rd d x 10\nmfet x"), "fet",
         "subcircuit 'fet' is not one transistor"),
        (BINNED.replace("_spectre = 0.0", "_spectre = 1.0"), "fet",
         f"'fet__toxe_slope' in '{TOXE}' has no value"),
        (BINNED.replace("lmax = 1.8e-07", ""), "fet",
         "model 'fet__model.0' lacks lmax: is the file cut?"),
        (PLAIN[: PLAIN.index("= 1e-4")], "NFET",
         "model 'NFET' has 'jss' among its parameters: is the file cut?"),
        (PLAIN[: PLAIN.index("* Cap")], "NFET",
         "model 'NFET' lacks cgso, jss, cjs: is the file cut?"),
        (PLAIN.replace("nmos", "pmos"), "NFET", "model 'NFET' is 'pmos', not 'nmos'"),
        (PLAIN.replace("= 0.3", "= x0.3"), "NFET",
         "model 'NFET': vth0: 'x0.3' is not a number"),
        (PLAIN.replace("54", "72"), "NFET", "model 'NFET' is of level 72.0, not BSIM4 (54)"),
        ("Dear reader,\nthis is a letter.\n", "NFET", "no model 'NFET'"),
        ("", "NFET", "no model 'NFET'"),
    ],
)  # fmt: skip
def test_damaged_file_is_rejected(tmp_path, text, name, reason):
    model = device(tmp_path, text, name)
    with pytest.raises(TechnologyError, match=re.escape(f"{model.file}: {reason}") + "$"):
        cards(model, (0.7, 0.15))


def test_size_in_no_bin_is_rejected(tmp_path):
    model = device(tmp_path, BINNED)
    for width, length in ((0.35, 0.15), (1.1, 0.15), (0.7, 0.14), (0.7, 0.19)):
        reason = f"no bin of 'fet' holds W = {width} um, L = {length} um"
        with pytest.raises(TechnologyError, match=re.escape(reason) + "$"):
            cards(model, (0.7, 0.15), (width, length))


def test_missing_file_or_model_is_rejected(tmp_path):
    with pytest.raises(TechnologyError, match="cannot read .*none: No such file.*PDK_ROOT.*ciel"):
        cards(DeviceModel("n", tmp_path / "none", "fet"), (0.7, 0.15))
    with pytest.raises(TechnologyError, match="no transistor model is given for 'x' of the"):
        model_cards({}, {"x": {(UM, UM)}})


def test_cell_of_a_device_without_a_model_is_rejected():
    transistor = Transistor("M0", "Y", "A", "VSS", "VSS", "strange", UM, UM)
    netlist = CellNetlist("x", ("A", "Y", "VDD", "VSS"), (transistor,))
    cell = Cell(netlist, ("A",), {"Y": "!A"}, None, "VDD", "VSS", "VDD", "VSS")
    bench = Bench(cell, Corner("slow", 125.0, {}), 1.0, UM, UM, Layout(UM, UM))
    with pytest.raises(TechnologyError) as fault:
        bench.circuit  # noqa: B018
    assert str(fault.value) == "no transistor model is given for 'strange' of the netlists"


def test_transistor_becomes_a_card():
    """Areas and perimeters by hand: an end of 0.26 um, and half of 0.28 um between two gates."""
    end, shared = Diffusion(0.26e-6, 1.0), Diffusion(0.14e-6, 0.0)
    drawn = Transistor("X0", "VGND", "A", "a_27_47#", "VNB", "fet", 0.65e-6, 0.15e-6)
    assert device_card(drawn, shared, end) == (
        "MX0 VGND A a_27_47_23_ VNB fet L=1.5e-07 W=6.5e-07 "
        "ad=9.1e-14 pd=9.3e-07 as=1.69e-13 ps=1.82e-06"
    )


def test_different_nets_stay_different():
    nets = ["a_27_47#", "a_27_47_", "a_27_47", "a/b", "a.b", "a[0]"]
    names = [node_name(net) for net in nets]
    assert len(set(names)) == len(nets)
    assert all(re.fullmatch(r"\w+", name) for name in names)


def test_only_shortest_gates_are_biased():
    def length(drawn):
        item = Transistor("X0", "d", "g", "s", "b", "fet", 1e-6, drawn)
        return biased_length(item, minimum=0.15e-6, length=0.16e-6)

    assert length(150000 * 1e-6 * 1e-6) == 0.16e-6
    assert length(0.18e-6) == 0.18e-6


def test_sky130_size_on_a_border_keeps_both_bins(sky130hd):
    """Numbers of the bins read in the foundry's file: 89 is 0.65 .. 0.74 um, 98 0.64 .. 0.65."""
    name = "sky130_fd_pr__nfet_01v8"
    folder = find_pdk("sky130A") / "sky130A/libs.ref/sky130_fd_pr/spice"
    model = DeviceModel("n", folder / f"{name}__ss.pm3.spice", name)
    found = cards(model, (0.65, 0.15), (0.7, 0.17))
    assert list(found) == ["n.89", "n.98"]
    assert float(found["n.89"]["vth0"]) == 0.8324779087


@pytest.mark.parametrize("corner", ["ss", "ff", "tt"])
@pytest.mark.parametrize("name", ["sky130_fd_pr__nfet_01v8", "sky130_fd_pr__pfet_01v8_hvt"])
def test_sky130_cards_behave_like_the_foundrys(sky130hd, models, tmp_path, name, corner):
    """Among the sizes are gates of 0.18 um: there p bins meet that differ by 10 % in current."""
    case = models.sky130_case(name, corner)
    assert {0.15e-6, 0.155e-6, 0.16e-6, 0.17e-6, 0.18e-6} < {length for _, length in case.sizes}
    own = models.measure_own(case, models.own_cards(case), tmp_path)
    vendor = models.measure_vendor(case, tmp_path)
    assert np.all(np.abs(vendor[:, 0]) > 1e5 * np.abs(vendor[:, 1]))
    np.testing.assert_allclose(own, vendor, rtol=1e-6)


@pytest.mark.parametrize("corner", ["ss", "ff", "nom"])
def test_freepdk45_cards_behave_like_the_files(freepdk45, models, tmp_path, corner):
    for name in ("NMOS_VTL", "PMOS_VTG", "PMOS_VTH"):
        case = models.freepdk45_case(name, corner)
        own = models.measure_own(case, models.own_cards(case), tmp_path)
        vendor = models.measure_vendor(case, tmp_path)
        assert np.all(np.abs(vendor[:, 0]) > 1e2 * np.abs(vendor[:, 1]))
        np.testing.assert_allclose(own, vendor, rtol=1e-6)


def test_comparison_notices_one_damaged_parameter(sky130hd, models, tmp_path):
    """A threshold that is off by 1 % in one bin shows at the sizes in that bin, and only there."""
    case = models.sky130_case("sky130_fd_pr__nfet_01v8", "tt")
    text = models.own_cards(case)
    damaged, count = re.subn(
        r"(?s)(model fet\.161 .*?\bvth0=)(\S+)",
        lambda match: f"{match[1]}{float(match[2]) * 1.01!r}", text, count=1,
    )  # fmt: skip
    assert count == 1
    own, other = (models.measure_own(case, cards, tmp_path) for cards in (text, damaged))
    off = np.abs(other / own - 1)
    # Bin 161: 0.42 <= W < 0.52 um, 0.15 <= L < 0.18 um.
    hit = np.array([math.isclose(width, 0.42e-6) and length < 0.18e-6
                    for width, length in case.sizes])  # fmt: skip
    assert hit.sum() == 4
    assert np.all(off[hit, :2] > 1e-3)
    assert np.all(off[~hit] < 1e-9)
