"""SAT proofs of what streams promise, over all sequences of some cycles after reset."""

from pathlib import Path

import pytest

from voltile.core import SynthesisError
from voltile.core.yosys import run_yosys
from voltile.hdl import write_verilog
from voltile.hdl.stream_ports import StreamLoader, StreamUnloader

SPEC = Path(__file__).with_name("stream_spec.v")
# Enough for a job of seven words with a stall before each, and the begin of another.
CYCLES = 20


def prove(component, top, folder, defines=""):
    unit = folder / "unit.v"
    write_verilog(component, "unit", unit)
    passes = [
        f"read_verilog {unit}",
        f"read_verilog {defines} {SPEC}",
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "opt -full",
        f"sat -verify -seq {CYCLES} -set-init-zero -set-at 1 rst 1 -prove ok 1 {top}",
    ]
    run_yosys(passes, folder, "proof")


def test_unloader_neither_loses_nor_repeats_nor_changes_a_word(tmp_path):
    prove(StreamUnloader(4, 16), "unloader_spec", tmp_path)


def test_loader_neither_loses_nor_repeats_a_word(tmp_path):
    prove(StreamLoader(4, 16), "loader_spec", tmp_path)


def test_proof_sees_a_lost_word(tmp_path):
    with pytest.raises(SynthesisError, match="proof did fail"):
        prove(StreamUnloader(4, 16), "unloader_spec", tmp_path, "-D LOSES_A_WORD")
