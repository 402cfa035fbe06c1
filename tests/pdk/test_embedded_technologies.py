"""The technologies that come with the package: complete, without a PDK, and physical."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import voltile.pdk
from voltile.pdk import SequentialKind, read_technology

FOLDER = Path(voltile.pdk.__file__).parent / "technologies"
# Name: supplies, least cells, most megabytes.
EMBEDDED = {
    "freepdk45": (np.linspace(0.6, 1.0, 9), 45, 10),
    "sky130-spice": (np.linspace(1.08, 1.8, 9), 60, 15),
}


@pytest.fixture(scope="module", params=EMBEDDED)
def technology(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PDK_ROOT", "/nowhere")
        yield read_technology(request.param)


def test_ladder_cells_and_size(technology):
    vdds, cells, megabytes = EMBEDDED[technology.name]
    assert technology.vdds == pytest.approx(vdds)
    assert technology.biases == ("pb0", "pb1", "pb2", "pb3")
    library = technology.library(technology.nominal_vdd)
    assert len(library.cell_name) >= cells
    assert not technology.lacks
    size = sum(path.stat().st_size for path in (FOLDER / technology.name).rglob("*"))
    assert size < megabytes * 1e6
    kinds = {item.kind for item in library.sequential.values()}
    assert {SequentialKind.FLIP_FLOP, SequentialKind.LATCH, SequentialKind.CLOCK_GATE} <= kinds
    assert set(library.cell_name) <= set(technology.lef.macros)


def middle_delays(library):
    """Delay of every arc in the middle of its table [s]."""
    tables = np.unique(library.arc_table.reshape(-1, 4)[:, :2])
    tables = tables[tables >= 0]
    middle = library.tables.size[tables] // 2
    rows = np.arange(len(tables))
    slew = library.tables.slew_axis[tables][rows, middle[:, 0]]
    load = library.tables.load_axis[tables][rows, middle[:, 1]]
    return library.tables.resample(tables, slew[:, None], load[:, None]).reshape(-1)


@pytest.mark.parametrize("vdd_index", [0, 4, 8])
def test_longer_gates_are_slower_and_leak_less(technology, vdd_index):
    vdd = technology.vdds[vdd_index]
    delay, leakage = [], []
    for bias in technology.biases:
        library = technology.library(vdd, bias)
        delay.append(np.median(middle_delays(library)))
        leakage.append(library.cell_leakage.sum())
    assert (np.diff(delay) > 0).all() and (np.diff(leakage) < 0).all()
    assert 0.05 < delay[-1] / delay[0] - 1 < 0.5


def test_lower_supplies_are_slower_and_leak_less(technology):
    libraries = [technology.library(vdd) for vdd in technology.vdds]
    delays = [np.median(middle_delays(library)) for library in libraries]
    assert (np.diff(delays) < 0).all()
    assert (np.diff([library.cell_leakage.sum() for library in libraries]) > 0).all()


def test_drivers_from_three_quarters_of_the_supply_on_are_known(technology):
    mixed = technology.mixed_supply
    assert min(mixed.ratios) <= 0.75 and max(mixed.ratios) == 1.0
    assert technology.leakage_corner in mixed.leakage


@pytest.mark.skipif(shutil.which("sta") is None, reason="needs sta (OpenSTA)")
@pytest.mark.parametrize(("bias", "vdd_index"), [("pb0", 8), ("pb3", 0)])
def test_opensta_reads_the_libraries_without_a_word(technology, bias, vdd_index, tmp_path):
    source = technology.liberty(technology.vdds[vdd_index], bias)
    (tmp_path / "read.tcl").write_text(f"read_liberty {source}\nputs done\n")
    done = subprocess.run(["sta", "-exit", "-no_splash", tmp_path / "read.tcl"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "done" and not done.stderr
