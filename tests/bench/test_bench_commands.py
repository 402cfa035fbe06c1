"""The commands behind the benchmarks: what they say to arguments that they do not take."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
COMMANDS = (
    "clock_tree", "main_job", "technology_timing", "timing_update", "vdd_selection", "wire_load",
)  # fmt: skip


def call(name, *arguments):
    return subprocess.run(
        [sys.executable, BENCH / f"{name}.py", *arguments], capture_output=True, text=True
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_is_measured_and_of_what(name):
    done = call(name, "--help")
    assert done.returncode == 0
    assert "cv32e40p" in done.stdout and "picorv32" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_design_is_named_beside_the_known_ones(name):
    done = call(name, "nosuch")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert "nosuch" in last and "picorv32" in last and "Traceback" not in done.stderr


def test_fault_in_the_input_is_one_line():
    done = call("vdd_selection", "picorv32", "--tiles", "0")
    assert (done.returncode, done.stderr) == (2, "tiles must be 1 or more, not 0\n")


def test_emulation_needs_a_finished_run(tmp_path):
    assert "narrow" in call("dvfs_emulation", "--help").stdout
    done = call("dvfs_emulation", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"run folder {tmp_path} has no modes.csv: 'voltile run --out {tmp_path}' makes it\n"
    )


def test_unknown_element_is_named_beside_the_known_ones():
    assert "spatial" in call("element_delays", "--help").stdout
    done = call("element_delays", "nosuch")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("unknown element nosuch; there are scalable, spatial, dual")


@pytest.mark.parametrize("count", ["-1", "0"])
def test_accelerator_needs_an_input(count):
    done = call("accelerator", "--inputs", count)
    assert (done.returncode, done.stderr) == (2, f"--inputs must be 1 or more, not {count}\n")


def test_zero_skipping_draws_only_what_it_is_told_to():
    assert "--picture" in call("zero_skipping", "--help").stdout
    done = call("zero_skipping", "--picture", "nowhere/zeros.png")
    assert done.returncode == 2
    assert done.stderr == "nowhere/zeros.png cannot be written: there is no such folder\n"
