"""Footprints that are written are those that are read."""

import measured_cells as made
import pytest
from measured_cells import CELLS, SITE

from voltile.pdk import read_lef
from voltile.pdk.characterization.lef_writer import Footprint, lef_text, tech_lef_text


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
