"""Recorded input activity: the program ran, and the trace holds what a reader relies on."""

import importlib
import re
import shutil
from pathlib import Path

import pytest

from voltile.core import ProgramError, SynthesisError

BENCH = Path(__file__).parents[2] / "bench"
PERIOD, RISE = 10_000, 5_000  # of the clock, in the trace's picoseconds


@pytest.fixture
def riscv_trace(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("riscv_trace")


@pytest.fixture(params=["cv32e40p", "picorv32"])
def core(request):
    pytest.importorskip(f"pythondata_cpu_{request.param}")
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    return request.param


def read_changes(path):
    """Changes (time, value) of each signal, and each signal's width."""
    names, widths, changes, time = {}, {}, {}, 0
    for line in path.read_text().splitlines():
        if declared := re.fullmatch(r"\$var \w+ (\d+) (\S+) (\w+)( \[\d+:0\])? \$end", line):
            width, code, name, _ = declared.groups()
            names[code], widths[name], changes[name] = name, int(width), []
        elif line.startswith("#"):
            time = int(line[1:])
        elif changed := re.fullmatch(r"b(\w+) (\S+)|([01xz])(\S+)", line):
            vector, vector_code, bit, bit_code = changed.groups()
            changes[names[vector_code or bit_code]].append((time, vector or bit))
    return widths, changes


def test_trace_of_a_running_program(riscv_trace, core, tmp_path):
    stores = riscv_trace.record_trace(core, 600, tmp_path / "trace.vcd")
    assert stores >= {"cv32e40p": 5, "picorv32": 1}[core]  # 110 and 470 cycles a result
    widths, changes = read_changes(tmp_path / "trace.vcd")
    item = riscv_trace.CORES[core]
    assert widths == {name: width for name, (width, _) in item.inputs.items()}

    clock, reset = changes.pop(item.clock), changes.pop(item.reset)
    rises = [time for time, value in clock if value == "1"]
    assert rises == [RISE + PERIOD * index for index in range(riscv_trace.RESET_CYCLES + 600)]
    assert reset == [(0, "0"), (rises[riscv_trace.RESET_CYCLES - 1] + 1000, "1")]
    for name, moves in changes.items():
        assert not any(set(value) & set("xz") for _, value in moves), name
        assert all((time - RISE) % PERIOD == 1000 for time, _ in moves[1:]), name
    moving = {name for name, moves in changes.items() if len(moves) > 50}
    assert moving == {
        "cv32e40p": {"instr_gnt_i", "instr_rvalid_i", "instr_rdata_i",
                     "data_gnt_i", "data_rvalid_i", "data_rdata_i"},
        "picorv32": {"mem_ready", "mem_rdata"},
    }[core]  # fmt: skip


def test_trace_is_the_same_file_each_time(riscv_trace, core, tmp_path):
    for name in "ab":
        riscv_trace.record_trace(core, 600, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_record_trace_rejects_a_run_without_a_result(riscv_trace, core, tmp_path):
    with pytest.raises(ProgramError, match=f"^{core} stored no result; more cycles\\?$"):
        riscv_trace.record_trace(core, 10, tmp_path / "trace.vcd")
    assert not (tmp_path / "trace.vcd").exists()


def test_record_trace_rejects_a_wrong_result(riscv_trace, core, tmp_path, monkeypatch):
    monkeypatch.setattr(riscv_trace, "expected_stores", lambda taps: [(0x3000, 0)])
    with pytest.raises(ProgramError, match=r"00003000 \w{8} instead of 00003000 00000000"):
        riscv_trace.record_trace(core, 600, tmp_path / "trace.vcd")


def test_assembler_encodes_as_the_manual(riscv_trace):
    # The first is NOP as the manual gives it; the others are from its formats, by hand.
    source = """
        addi x0, x0, 0
        lbu  x11, -1(x5)
    on: sw   x10, 36(x9)
        bne  x5, x7, on
        jal  x0, on
        lui  x8, 1
        mul  x13, x11, x12
    """
    assert riscv_trace.assemble(source) == [
        0x00000013, 0xFFF2C583, 0x02A4A223, 0xFE729EE3, 0xFF9FF06F, 0x00001437, 0x02C586B3,
    ]  # fmt: skip


def test_assembler_rejects_an_immediate_that_does_not_fit(riscv_trace):
    with pytest.raises(ValueError, match=r"^immediate of 'addi x1, x0, 2048' must fit 12 bits: "):
        riscv_trace.assemble("addi x1, x0, 2048")


@pytest.mark.parametrize("name", ["cv32e40p", "picorv32"])
def test_designs_name_a_missing_package(riscv_trace, name, monkeypatch):
    designs = importlib.import_module("designs")
    monkeypatch.setattr(designs, "find_spec", lambda name: None)
    package = f"pythondata-cpu-{name}"
    message = f"^package {package} is not installed; try: pip install {package}$"
    with pytest.raises(SynthesisError, match=message):
        designs.DESIGNS[name]()
