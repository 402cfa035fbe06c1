"""Footprints from LEF text."""

import pytest
from toy_technology import CELLS, SITE, TECH_LEF, lef_text

from voltile.core import LibertyError
from voltile.pdk import Layer, Lef, Macro, copy_macros, read_lef

TEXT = """VERSION 5.8 ;  # a comment with MACRO X
SITE small
  SIZE 0.46 BY 2.72 ;
END small
MACRO inv
  SIZE 1.38 BY 2.72 ;
  SITE small ;
  PIN A
    PORT
      LAYER li1 ;
        RECT 0.10 1.00 0.30 1.50 ;
        RECT 0 0 9 9 ;
    END
  END A
  OBS
    LAYER li1 ;
      RECT 0 0 1 1 ;
  END
END inv
END LIBRARY
"""


def read(tmp_path, text):
    path = tmp_path / "made.lef"
    path.write_text(text)
    return read_lef([path])


def test_sizes_and_the_middle_of_first_shapes_are_in_metres(tmp_path):
    lef = read(tmp_path, TEXT)
    assert lef.sites == {"small": pytest.approx((0.46e-6, 2.72e-6))}
    inv = lef.macros["inv"]
    assert (inv.width, inv.height) == pytest.approx((1.38e-6, 2.72e-6))
    assert inv.pin_offset == {"A": pytest.approx((0.20e-6, 1.25e-6))}


LAYERS = """MANUFACTURINGGRID 0.005 ;
LAYER poly
  TYPE MASTERSLICE ;
END poly
LAYER m1
  TYPE ROUTING ;
  DIRECTION HORIZONTAL ;
  WIDTH 0.14 ;  # Met1 1
  SPACING 0.15 ;
  RESISTANCE RPERSQ 0.125 ;
  DCCURRENTDENSITY AVERAGE 2.8 ; # mA/um
END m1
LAYER via
  TYPE CUT ;
  WIDTH 0.2 ;
END via
LAYER m2
  TYPE ROUTING ;
  DIRECTION VERTICAL ;
  SPACINGTABLE
     PARALLELRUNLENGTH 0 2.7
     WIDTH 0 0.3 0.35
     WIDTH 3 0.4 0.9 ;
  WIDTH 0.3 ;
END m2
MACRO cell
  SIZE 1 BY 2 ;
  PIN VDD
    USE POWER ;
    PORT
      LAYER poly ;
        RECT 0 0 1 1 ;
      LAYER m1 ;
        RECT 0 0 1 1 ;
    END
  END VDD
  PIN VSS
    USE GROUND ;
    PORT
      LAYER m2 ;
        RECT 0 0 1 1 ;
    END
  END VSS
  OBS
    LAYER m2 ;
      RECT 0 0 1 1 ;
  END
END cell
END LIBRARY
"""


def test_routing_layers_and_the_one_of_the_rails(tmp_path):
    lef = read(tmp_path, LAYERS)
    assert list(lef.layers) == ["m1", "m2"]
    assert vars(lef.layers["m1"]) == pytest.approx(
        vars(Layer("HORIZONTAL", 0.14e-6, 0.15e-6, 0.125, 2800.0))
    )
    assert vars(lef.layers["m2"]) == pytest.approx(vars(Layer("VERTICAL", 0.3e-6, 0.9e-6)))
    assert lef.macros["cell"].rail_layer == "m1"


def test_layers_of_a_foundry(sky130hd):
    """Figures of the periphery rules and of the stack: top metal 1.2 um thick."""
    top = sky130hd.lef.layers["met5"]
    assert (top.direction, top.width, top.spacing) == (
        "HORIZONTAL", pytest.approx(1.6e-6), pytest.approx(1.6e-6)
    )  # fmt: skip
    assert (top.sheet_resistance, top.current_density) == (0.0285, pytest.approx(10170))
    assert list(sky130hd.lef.layers) == ["li1", "met1", "met2", "met3", "met4", "met5"]
    assert sky130hd.lef.macros[sky130hd.buffer_cell].rail_layer == "met1"


def test_manufacturing_grid_and_direction(tmp_path):
    lef = read(tmp_path, LAYERS)
    assert [layer.is_vertical for layer in lef.layers.values()] == [False, True]
    assert lef.grid == pytest.approx(5e-9)
    assert read(tmp_path, TEXT).grid == 0


def test_several_files_join(tmp_path):
    for name, text in (("a.lef", TECH_LEF), ("b.lef", lef_text()), ("c.lef", TEXT)):
        (tmp_path / name).write_text(text)
    lef = read_lef(tmp_path / name for name in ("a.lef", "b.lef", "c.lef"))
    assert set(lef.macros) == {*CELLS, "inv"} and set(lef.sites) == {"toysite", "small"}
    for name, cell in CELLS.items():
        macro = lef.macros[name]
        assert macro.width == pytest.approx(cell.width * SITE[0] * 1e-6)
        assert list(macro.pin_offset) == [*cell.inputs, *cell.outputs]
    assert read_lef([]) == Lef({}, {})
    assert isinstance(lef.macros["inv"], Macro)


@pytest.mark.parametrize("line", [2, 3, 6, 8, 11, 15, 18])
def test_read_lef_rejects_a_file_cut_off(tmp_path, line):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, "\n".join(TEXT.splitlines()[:line]))
    what = "SITE 'small'" if line < 4 else "MACRO 'inv'"
    path = tmp_path / "made.lef"
    assert str(fault.value) == f"{path}:{line}: the file ends inside {what}: cut off?"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("SIZE 1.38 BY 2.72", "SIZE wide BY 2.72", 6),
        ("SIZE 0.46 BY 2.72", "SIZE 0.46", 3),
        ("RECT 0.10 1.00 0.30 1.50", "RECT 0.10 1.00", 11),
    ],
)
def test_read_lef_rejects_a_statement_that_is_none(tmp_path, old, new, line):
    with pytest.raises(LibertyError) as fault:
        read(tmp_path, TEXT.replace(old, new))
    path = tmp_path / "made.lef"
    assert str(fault.value) == f"{path}:{line}: not a LEF statement: '{new} ;'"


def test_read_lef_rejects_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LibertyError) as fault:
        read_lef([tmp_path / "none.lef"])
    assert str(fault.value) == f"{tmp_path / 'none.lef'}: cannot be read: No such file or directory"


SUPPLIES = """MACRO inv
  FOREIGN inv 0 0 ;
  SIZE 1 BY 2 ;
  PIN inverted
    PORT
      LAYER m1 ;
        RECT 0 0 1 1 ;
    END
  END inverted
  PIN VPWR
    USE POWER ;
  END VPWR
  PIN VPB
    USE POWER ;
  END VPB
  PIN VGND
    USE GROUND ;
  END VGND
END inv
MACRO inverter
  SIZE 3 BY 2 ;
END inverter
END LIBRARY
"""


def test_pins_of_supplies_are_told_from_others(tmp_path):
    macros = read(tmp_path, SUPPLIES).macros
    assert macros["inv"].supplies == {"VPWR": "POWER", "VPB": "POWER", "VGND": "GROUND"}
    assert macros["inverter"].supplies == {}


def test_copies_of_macros_are_the_same_under_other_names(tmp_path):
    original = read(tmp_path, SUPPLIES).macros
    text = copy_macros([tmp_path / "made.lef"], {"inv": ["inv__a", "inv__b"], "other": ["x"]})
    assert text.count("FOREIGN inv__a 0 0 ;") == 1
    copies = read(tmp_path, text).macros
    assert copies == {"inv__a": original["inv"], "inv__b": original["inv"]}
