"""The benchmark of systolic arrays: which cells it counts as the drain of the results."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.floorplan import Sources, synthesize
from voltile.hdl import DualMac, ScalableMac, SystolicArray, to_rtlil
from voltile.pdk import read_technology

BENCH = Path(__file__).parents[2] / "bench"
WIDTH, ROWS, COLS = 4, 2, 3


@pytest.mark.parametrize("kind", [ScalableMac, DualMac])
def test_drain_is_what_lies_behind_the_elements(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(BENCH)
    drain_of = importlib.import_module("array_energy").drain_of
    technology = read_technology(write_toy_technology(tmp_path))
    element = kind(WIDTH, 12)
    text = to_rtlil(SystolicArray(ROWS, COLS, element), "array")
    netlist = synthesize(Sources(rtlil=text), technology, 1e-8, tmp_path / "synthesis")
    drain = drain_of(netlist)
    keeps = np.isin(netlist.cell_type, list(netlist.library.sequential))
    # A column: word, range checks, valid; captures behind the control word, and of the next rows.
    registers = COLS * (WIDTH + 2 + 1 + (element.latency - 1) + (ROWS - 1))
    gates = COLS  # the columns load their words when there is one
    assert (keeps & drain).sum() == registers + gates
    assert (drain & ~keeps).sum() >= COLS * (WIDTH + 2)  # a selection of each bit
