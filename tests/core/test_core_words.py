"""Precisions, errors that carry data, external programs, the pool, and run records."""

import json
import pickle
import subprocess
import sys
import time

import psutil
import pytest

from voltile.core import (
    LibertyError,
    PlacementInfeasible,
    Precision,
    ProgramError,
    RunRecord,
    StageMeter,
    SynthesisError,
    TimingInfeasible,
    VoltileError,
    run_program,
)
from voltile.core.yosys import run_yosys


def test_precisions_have_the_passes_of_table_3_9():
    assert {item.name: item.passes for item in Precision} == {"FULL": 4, "MIXED": 2, "HALF": 1}


def test_errors_carry_data():
    fault = LibertyError("cut off?", "a.lib", 7)
    assert str(fault) == "a.lib:7: cut off?" and (fault.path, fault.line) == ("a.lib", 7)
    assert str(LibertyError("cut off?", "a.lib")) == "a.lib: cut off?"
    assert str(LibertyError("cut off?")) == "cut off?"
    assert PlacementInfeasible("too many", 9).tiles == 9
    slow = TimingInfeasible("too fast", 2e9, 1e9)
    assert (slow.frequency, slow.reach) == (2e9, 1e9)
    assert all(isinstance(item, VoltileError) for item in (fault, slow))
    for item in (fault, PlacementInfeasible("too many", 9), slow, VoltileError("x")):
        again = pickle.loads(pickle.dumps(item))
        assert (type(again), str(again), vars(again)) == (type(item), str(item), vars(item))


def test_program_runs_and_leaves_a_log(tmp_path):
    log = tmp_path / "log"
    text = run_program([sys.executable, "-c", "print(6 * 7)"], log, tmp_path)
    assert text == log.read_text() == "42\n"


def test_program_that_is_missing_names_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError) as fault:
        run_program(["sta"], tmp_path / "log")
    assert str(fault.value) == "program 'sta' is not installed; try: apt-get install opensta"
    assert not (tmp_path / "log").exists()


def test_program_that_fails_says_why(tmp_path):
    code = "import sys; [print(i) for i in range(5)]; sys.exit(3)"
    with pytest.raises(ProgramError) as fault:
        run_program([sys.executable, "-c", code], tmp_path / "log")
    assert str(fault.value) == (
        f"'{sys.executable}' ended with 3: 2 | 3 | 4 (log: {tmp_path / 'log'})"
    )
    assert (tmp_path / "log").read_text() == "0\n1\n2\n3\n4\n"


def test_program_that_hangs_is_ended_and_its_log_kept(tmp_path):
    code = "import time; print('begun', flush=True); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(ProgramError) as fault:
        run_program([sys.executable, "-c", code], tmp_path / "log", timeout=2)
    assert time.monotonic() - start < 30
    assert str(fault.value) == (
        f"'{sys.executable}' did not end within 2 s (log: {tmp_path / 'log'})"
    )
    assert (tmp_path / "log").read_text() == "begun\n"


def test_program_that_is_ended_takes_along_what_it_started(tmp_path):
    with pytest.raises(ProgramError, match="did not end within 1 s"):
        run_program(["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path / "log", timeout=1)
    child = int((tmp_path / "log").read_text())
    time.sleep(0.5)
    assert not [
        item for item in psutil.process_iter()
        if item.pid == child and item.status() != psutil.STATUS_ZOMBIE
    ]  # fmt: skip


def test_stage_meter_sees_time_and_peak_memory():
    # In a process of its own: what other tests left running may end within a stage.
    program = """
import json, time
import numpy as np
from voltile.core import StageMeter
meter = StageMeter()
with meter.stage("small"):
    pass
with meter.stage("large"):
    block = np.ones(30_000_000)  # 240 MB for a while
    time.sleep(0.3)
    del block
print(json.dumps([[cost.wall_s, cost.peak_bytes, cost.reused] for cost in meter.costs.values()]))
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    (small_s, small_bytes, _), (large_s, large_bytes, reused) = json.loads(output.stdout)
    assert 0.3 <= large_s < 5 and small_s < large_s
    assert large_bytes - small_bytes > 200e6
    assert not reused


def test_stage_meter_keeps_a_stage_that_failed_and_notes_a_reused_one():
    meter = StageMeter()
    with pytest.raises(ValueError, match="^broken$"), meter.stage("place"):
        raise ValueError("broken")
    meter.reuse("synthesis", 0.25)
    assert list(meter.costs) == ["place", "synthesis"]
    assert meter.costs["synthesis"].reused and meter.costs["synthesis"].wall_s == 0.25


def test_run_record_is_json(tmp_path):
    meter = StageMeter()
    with meter.stage("timing"):
        pass
    record = RunRecord({"tiles": [3]}, {"a.v": "00"}, {"voltile": "1"}, 5, meter.costs)
    record.write(tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["seed"] == 5 and content["command"] == {"tiles": [3]}
    assert set(content["stages"]["timing"]) == {"wall_s", "peak_bytes", "reused"}
    assert content["python"] == ".".join(map(str, sys.version_info[:3]))


def test_yosys_error_is_an_exception_with_the_first_fault(tmp_path):
    with pytest.raises(SynthesisError) as fault:
        run_yosys(["log fine so far", "hierarchy -top x", "no_such_pass"], tmp_path, "read")
    assert str(fault.value) == f"Yosys: Module `x' not found! (log: {tmp_path / 'read.log'})"


def test_yosys_keeps_script_and_log(tmp_path):
    text = run_yosys(["log first words", "", "log last words"], tmp_path, "talk")
    assert text == (tmp_path / "talk.log").read_text()
    assert text.index("first words") < text.index("last words")
    assert (tmp_path / "talk.ys").read_text() == "log first words\n\nlog last words\n"


def test_yosys_starts_afresh_each_time(tmp_path):
    """Names that Yosys makes up count on within one process."""
    (tmp_path / "m.v").write_text("module m(input a, b, output c); assign c = a > b; endmodule")
    script = [f"read_verilog {tmp_path / 'm.v'}", "synth", "dump"]
    assert run_yosys(script, tmp_path, "one") == run_yosys(script, tmp_path, "two")
