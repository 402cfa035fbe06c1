"""Footprints that are written are those that are read."""

import measured_cells as made
import pytest
from measured_cells import CELLS, SITE

from voltile.pdk import Layer, read_lef
from voltile.pdk.lef_writer import Footprint, lef_text, tech_lef_text


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "a.tlef").write_text(tech_lef_text(SITE))
    (tmp_path / "a.lef").write_text(lef_text(SITE, map(made.footprint, CELLS)))
    lef = read_lef([tmp_path / "a.tlef", tmp_path / "a.lef"])
    assert lef.sites == {"site45": pytest.approx((0.19e-6, 1.4e-6))}
    assert list(lef.macros) == [cell.name for cell in CELLS]
    for cell in CELLS:
        macro = lef.macros[cell.name]
        assert (macro.width, macro.height) == pytest.approx((made.width_of(cell), 1.4e-6))
        signals = [*cell.inputs, *cell.functions]
        assert list(macro.pin_offset) == [*signals, "VSS", "VDD"]
        across = [macro.pin_offset[pin][0] for pin in signals]
        assert across == sorted(across) and len(set(across)) == len(across)
        for pin in signals:
            x, y = macro.pin_offset[pin]
            assert 0.05e-6 < x < macro.width - 0.05e-6 and y == pytest.approx(0.7e-6)
        assert macro.pin_offset["VSS"][1] < 0.1e-6 < 1.3e-6 < macro.pin_offset["VDD"][1]


def test_straps_cross_the_cell_between_its_rails(tmp_path):
    straps = {"VBN": "GROUND", "VL": "POWER", "VH": "POWER", "VBP": "POWER"}
    item = Footprint("MUX", 1.9e-6, {"S": "INPUT", "SN": "INPUT"}, straps)
    (tmp_path / "a.tlef").write_text(tech_lef_text(SITE))
    (tmp_path / "a.lef").write_text(lef_text(SITE, [item], "VT", "VSS"))
    lef = read_lef([tmp_path / "a.tlef", tmp_path / "a.lef"])
    up = {pin: y / 1.4e-6 for pin, (_, y) in lef.macros["MUX"].pin_offset.items()}
    order = ["VSS", "VBN", "VL", "S", "VH", "VBP", "VT"]
    assert sorted(up, key=lambda pin: (up[pin], pin)) == [*order[:4], "SN", *order[4:]]
    # A sixth of the height apart, on the grid of 1 nm.
    sixths = pytest.approx([at / 6 for at in range(1, 6)], abs=1e-9 / 1.4e-6)
    assert [up[pin] for pin in order[1:-1]] == sixths
    assert lef.macros["MUX"].rail_layer == "metal1"


def test_power_layers_are_read_back(tmp_path):
    layers = {
        "metal9": Layer("HORIZONTAL", 0.8e-6, 1.5e-6, 0.03, 1e4),
        "metal10": Layer("VERTICAL", 0.4e-6, 0.5e-6, 0.05, 0.0),
    }
    (tmp_path / "a.tlef").write_text(tech_lef_text(SITE, layers))
    found = read_lef([tmp_path / "a.tlef"]).layers
    assert list(found) == ["metal1", "metal9", "metal10"]
    for name, layer in layers.items():
        assert vars(found[name]) == pytest.approx(vars(layer))


def test_text_of_one_macro():
    text = lef_text(SITE, [Footprint("INV_X1", 0.38e-6, {"A": "INPUT", "Y": "OUTPUT"})],
                    "VPWR", "VGND")  # fmt: skip
    lines = [line.strip() for line in text.splitlines()]
    for line in ("MACRO INV_X1", "SIZE 0.380 BY 1.400 ;", "SITE site45 ;", "PIN VPWR",
                 "DIRECTION INPUT ;", "USE GROUND ;", "END INV_X1"):  # fmt: skip
        assert lines.count(line) == 1
    assert lines[-1] == "END LIBRARY"
    # Pins a third and two thirds along, squares of half a site, on the grid of 1 nm.
    assert "RECT 0.079 0.652 0.175 0.748 ;" in lines and "RECT 0.205 0.652 0.301 0.748 ;" in lines
