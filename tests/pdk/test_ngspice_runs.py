"""The simulator behind the benches, against circuits with known answers; needs ngspice only."""

import shutil
from math import exp

import numpy as np
import pytest

from voltile.core import ProgramError
from voltile.pdk.characterization import ngspice
from voltile.pdk.characterization.ngspice import (
    Circuit,
    NoConvergence,
    Transient,
    read_raw,
    run_operating_points,
    run_transients,
)

pytestmark = pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice")

RC = Circuit("", "r1 A Y 1k", ("A",), ("Y",), 25.0, {"power": ("VDD", 1.0)})


def step(load, stop=20e-12, start=1e-12, ramp=1e-15):
    return Transient({"A": [(0, 0), (start, 0), (start + ramp, 1.0)]}, {"Y": load}, stop)


def test_resistor_and_capacitor_follow_the_exponential():
    slow, fast = run_transients(RC, [step(2e-15), step(1e-15)])
    for wave, tau in ((slow, 2e-12), (fast, 1e-12)):
        for at in (0.5, 1, 2):
            volts = np.interp(1e-12 + at * tau, wave.time, wave.voltage("Y"))
            assert volts == pytest.approx(1 - exp(-at), abs=3e-3)


def test_charge_is_integrated_in_the_simulation():
    """All charge of the capacitor comes through the source: C V, whatever the steps."""
    (wave,) = run_transients(RC, [step(3e-15, stop=60e-12)])
    assert wave.charge("A")[-1] == pytest.approx(3e-15, rel=1e-3)


def test_charge_counts_beyond_the_current_at_rest():
    """A resistor to ground takes the same current all the time, and so no charge."""
    leaky = Circuit("", "r1 A Y 1k\nr2 VDD 0 1meg", ("A",), ("Y",), 25.0, {"power": ("VDD", 1.0)})
    (wave,) = run_transients(leaky, [step(1e-15)])
    assert np.abs(wave.charge("power")).max() < 1e-18


def test_operating_points_of_a_divider():
    divider = Circuit("", "r1 A Y 1k\nr2 Y 0 3k", ("A",), ("Y",), 25.0, {})
    one, two = run_operating_points(divider, [{"A": 1.0}, {"A": 2.0}])
    assert one.voltage("Y")[0] == pytest.approx(0.75, rel=1e-6)
    assert two.current("A")[0] == pytest.approx(2.0 / 4e3, rel=1e-6)


def test_nodeset_chooses_the_state_of_a_loop():
    """Two inverting amplifiers in a ring have two states."""
    ring = Circuit(
        "", "b1 Y 0 V=0.5*(1-tanh(20*(V(x)-0.5)))\nb2 x 0 V=0.5*(1-tanh(20*(V(Y)-0.5)))\nr1 A 0 1k",
        ("A",), ("Y",), 25.0, {},
    )  # fmt: skip
    for volts in (0.0, 1.0):
        nodes = {"y": volts, "x": 1 - volts}
        (point,) = run_operating_points(ring, [{"A": 0.0}], nodes)
        assert point.voltage("Y")[0] == pytest.approx(volts, abs=1e-3)


def test_circuit_that_cannot_be_simulated():
    broken = Circuit("", "m1 Y A 0 0 nomodel w=1u l=1u", ("A",), ("Y",), 25.0, {})
    with pytest.raises(NoConvergence, match="nomodel|valid modelname"):
        run_transients(broken, [step(1e-15)])


def test_run_that_stops_early_is_not_taken_for_a_result(monkeypatch):
    real = ngspice._run

    def half(*args, **kwargs):
        return [
            ngspice.Waveforms({key: part[: len(part) // 2] for key, part in wave.vectors.items()})
            for wave in real(*args, **kwargs)
        ]

    monkeypatch.setattr(ngspice, "_run", half)
    with pytest.raises(NoConvergence, match="gave up on it three times"):
        run_transients(RC, [step(1e-15)])


def test_run_that_fails_for_sudden_edges_is_made_less_sudden(monkeypatch):
    real, seen = ngspice._run_transients, []

    def fails_for_steps(circuit, runs, *others):
        gaps = [np.diff([time for time, _ in run.waves["A"]]).min() for run in runs]
        seen.append(min(gaps))
        return [
            item if gap > 1e-13
            else ngspice.Waveforms({key: part[:2] for key, part in item.vectors.items()})
            for item, gap in zip(real(circuit, runs, *others), gaps, strict=True)
        ]  # fmt: skip

    monkeypatch.setattr(ngspice, "_run_transients", fails_for_steps)
    wave = ((0.0, 0.0), (1e-9, 0.0), (1e-9 + 1e-15, 1.0), (2e-9, 1.0))
    run = ngspice.Transient({"A": wave}, {"Y": 1e-15}, 2e-9)
    (found,) = run_transients(RC, [run])
    assert found.time[-1] == pytest.approx(2e-9)
    assert seen[:2] == pytest.approx([1e-15] * 2, rel=1e-3) and seen[2] == pytest.approx(0.5e-12)


@pytest.mark.parametrize("text", ["ngspice-12 : old", "no version at all"])
def test_too_old_ngspice_is_refused(tmp_path, monkeypatch, text):
    fake = tmp_path / "ngspice"
    fake.write_text(f"#!/bin/sh\necho '{text}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    ngspice.check_version.cache_clear()
    try:
        with pytest.raises(ProgramError, match="ngspice-39 or newer is needed"):
            run_transients(RC, [step(1e-15)])
    finally:
        ngspice.check_version.cache_clear()


def fake_run(tmp_path, monkeypatch, script):
    """Put a program first on PATH that says it is ngspice, and then does what the script says."""
    fake = tmp_path / "ngspice"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo ngspice-39 && exit\n{script}\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -9 $$", "ngspice was killed by signal 9: is there enough memory?"),
        ("exit 3", "ngspice ended with 3, no result, and no word why"),
        ("for i in 1 2; do echo 'Error: timestep too small'; done; exit 1",
         "ngspice: Error: timestep too small"),
    ],
)  # fmt: skip
def test_run_that_ends_badly_says_why(tmp_path, monkeypatch, script, message):
    fake_run(tmp_path, monkeypatch, script)
    with pytest.raises(ProgramError) as fault:
        run_transients(RC, [step(1e-15)])
    assert str(fault.value) == message


def test_run_that_hangs_is_given_up(tmp_path, monkeypatch):
    fake_run(tmp_path, monkeypatch, "exec sleep 60")
    with pytest.raises(NoConvergence, match="^ngspice did not end within 1 s$"):
        ngspice._run(["* nothing"], ["op"], timeout=1)


def test_damaged_result_file():
    header = b"Title: x\nNo. Variables: 1\nNo. Points: 4\nVariables:\n\t0\ttime\ttime\nBinary:\n"
    assert len(read_raw(header + bytes(32))[0].time) == 4
    with pytest.raises(ProgramError, match="ends too early"):
        read_raw(header + bytes(31))
    with pytest.raises(ProgramError, match="is damaged"):
        read_raw(b"nonsense")


def test_delay_of_a_ramp_through_a_resistor_is_tau():
    """Long after its start a ramp leaves an RC by exactly tau behind."""
    tau = 1e-12
    wave = run_transients(RC, [step(1e-15, stop=60e-12, start=1e-15, ramp=40e-12)])[0]
    volts = np.interp(20e-12 + 1e-15 + tau, wave.time, wave.voltage("Y"))
    assert volts == pytest.approx(0.5, abs=2e-3)
