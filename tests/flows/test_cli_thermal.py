"""`voltile thermal`: tables and pictures of a CPU of one's own, and what it refuses."""

import csv
import json
import sys
import tomllib

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.flows.cli import main
from voltile.flows.thermal.commands import _counts
from voltile.flows.thermal.job import THERMAL_OUTPUTS
from voltile.power.thermal import read_cpu_profile, steady_with_leakage

# 10 K/W in 2 s, no leakage to speak of. 9 W reach 115 C at 2 GHz; at 1.5 GHz 3.797 W reach 63 C.
CPU = """
cores = 4
vf = "levels.csv"
ambient_c = 25
[stages.die]
resistance_k_per_w = 10
capacitance_j_per_k = 0.2
[leakage]
temperatures_c = [0, 150]
powers_w = [1e-9, 2e-9]
[throttling]
low_mhz = 1000
limit_c = 70
hysteresis_k = 2
period_ms = 20
[workloads.net]
latency_ms = 30
power_w = 9
[workloads.small]
latency_ms = 10
power_w = 1
"""
LEVELS = "frequency_mhz,vdd_v\n1000,0.8\n1500,0.9\n2000,1.2\n"


@pytest.fixture
def cpu(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "levels.csv").write_text(LEVELS)
    path = tmp_path / "cpu.toml"
    path.write_text(CPU)
    return path


def voltile(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["voltile", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_thermal_finds_the_level_that_needs_no_throttling(cpu, tmp_path, monkeypatch, capsys):
    code = voltile(monkeypatch, "thermal", "--cpu", cpu, "--inferences", "20:1020:500",
                   "--duration", "20", "--workers", "1", "--out", "out")  # fmt: skip
    assert code in (0, None), capsys.readouterr().err
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == set(THERMAL_OUTPUTS)
    opt = {(row["workload"], row["inferences"]): row for row in rows(out / "vf_opt.csv")}
    assert len(opt) == 6
    # 20 inferences end after 0.6 s, before the limit: nominal, and nothing saved.
    assert opt["net", "20"]["vf_opt_mhz"] == "2000"
    assert float(opt["net", "20"]["reactive_ms"]) == pytest.approx(30)
    assert float(opt["net", "20"]["saving"]) == 0
    # In the long run 1.5 GHz needs no throttling: 40 ms without deviation.
    assert opt["net", "1020"]["vf_opt_mhz"] == "1500"
    assert float(opt["net", "1020"]["proactive_ms"]) == pytest.approx(40)
    assert float(opt["net", "1020"]["proactive_deviation_ms"]) == pytest.approx(0, abs=1e-6)
    assert float(opt["net", "1020"]["reactive_ms"]) > 42
    # 1 W never comes near the limit.
    assert opt["small", "1020"]["vf_opt_mhz"] == "2000"
    levels = rows(out / "levels.csv")
    assert len(levels) == 2 * 3 * 3
    throttled = {row["frequency_mhz"]: float(row["throttled_share"]) for row in levels
                 if (row["workload"], row["inferences"]) == ("net", "1020")}  # fmt: skip
    assert throttled["1000"] == throttled["1500"] == 0 < 0.3 < throttled["2000"]
    # Three cores: 40 ms, and 6.75 W end at 92.5 C; throttled (1.5 W) they take 51.5 ms at 69 C.
    cores = {(row["workload"], row["inferences"]): row for row in rows(out / "core_shutdown.csv")}
    assert len(cores) == 6
    three = cores["net", "1020"]
    assert (three["cores"], three["nominal_ms"], three["proactive_ms"]) == ("3", "40", "40")
    assert float(three["held_ms"]) == pytest.approx(51.5, rel=0.03)
    assert float(three["shut_down_hottest_c"]) == pytest.approx(92.5, abs=0.01)
    trace = [row for row in rows(out / "traces.csv")
             if (row["workload"], row["governor"]) == ("net", "proactive")]  # fmt: skip
    assert len(trace) == 1000
    heat = [float(row["temperature_c"]) for row in trace]
    time = np.array([float(row["time_s"]) for row in trace])
    assert heat == pytest.approx(25 + 37.96875 * (1 - np.exp(-time / 2)), abs=1e-2)
    record = json.loads((out / "thermal.json").read_text())
    assert list(record["inputs"]) == [str(cpu), str(tmp_path / "levels.csv")]
    processor = record["command"]["processor"]
    content = {**tomllib.loads(CPU), "background_w": 0}
    (stage,), (die,) = processor.pop("stages"), content.pop("stages").values()
    assert stage == pytest.approx(die)
    content["vf"] = {"frequency_mhz": [1000, 1500, 2000], "vdd_v": [0.8, 0.9, 1.2]}
    assert processor == content
    shown = capsys.readouterr().out
    assert "shut down" in shown and "33.3%" in shown and "out/vf_opt.csv" in shown


def test_traces_are_of_the_best_level_of_the_most_inferences(cpu, tmp_path, monkeypatch, capsys):
    # For 20 inferences that is 2 GHz, and 0.5 s hold fewer still; for 1020 it is 1.5 GHz.
    voltile(monkeypatch, "thermal", "--cpu", cpu, "--workload", "net", "--inferences",
            "20:1020:1000", "--duration", "0.5", "--workers", "1", "--out", "out")  # fmt: skip
    held = {row["governor"]: row["frequency_mhz"] for row in rows(tmp_path / "out" / "traces.csv")}
    assert held == {"reactive": "2000", "proactive": "1500"}
    record = json.loads((tmp_path / "out" / "thermal.json").read_text())
    assert record["command"]["proactive_traces_mhz"] == {"net": 1500}
    shown = " ".join(capsys.readouterr().out.split())
    assert "in a run of 0.5 s, reactive, and proactive at VF_opt of the row" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workload", "vgg"), "no workload 'vgg': {cpu} has net, small"),
        (("--limit", "20"),
         ("--limit must be above the 25.0 C of the idle chip in an ambient of 25 C, up to the 150 "
          "C to which leakage is known, not 20 C")),
        (("--limit", "nan"), "to which leakage is known, not nan C"),
        (("--limit", "151"), "to which leakage is known, not 151 C"),
        (("--hysteresis", "-1"),
         ("--hysteresis must be 0 or more, and less than the 45.0 K between 70 C and the 25.0 C of "
          "the idle chip, not -1 K")),
        (("--hysteresis", "45"), "of the idle chip, not 45 K"),
        (("--low", "950"), "--low: {levels} has no level of 950 MHz: 1000, 1500, 2000"),
        (("--cpu", "low.toml"), "low.toml: throttling.low_mhz: levels.csv has no level of 900"),
        (("--cpu", "hot.toml"), "hot.toml: throttling.limit_c must be above the 25.0 C of the"),
        (("--cpu", "arm"), "no CPU 'arm': built in is exynos5422; or give a TOML file"),
        (("--inferences", "50:10:5"), "--inferences must be FIRST:LAST:STEP"),
        (("--cores", "4"), "--cores must be 1 or more, and fewer than the 4 of {cpu}, not 4"),
        (("--low", "nan"), "--low: {levels} has no level of nan MHz"),
        (("--low", "0"), "--low: {levels} has no level of 0 MHz"),
        (("--period", "-1"), "--period must be positive and finite, not -1 ms"),
        (("--period", "1e-5"), "30.6 s polled every 1e-05 ms make more than 1e+07 polls"),
        (("--out", "."), "output folder . would overwrite the input {levels}"),
        (("--duration", "nan"), "--duration must be 0.02 s or more, and finite, not nan s"),
        (("--duration", "0"), "--duration must be 0.02 s or more, and finite, not 0 s"),
        (("--duration", "-1"), "--duration must be 0.02 s or more, and finite, not -1 s"),
        (("--out", "/proc/x"), "output folder /proc/x cannot be written: No such file"),
        (("--inferences", "0"), "--inferences must be FIRST:LAST:STEP"),
        (("--inferences", "5:0"), "--inferences must be FIRST:LAST:STEP"),
        (("--inferences", "1:9999999"), "which make 1000 numbers at the most, not '1:9999999'"),
        (("--out", "levels.csv"), "output folder levels.csv is a file"),
        (("--out", "levels.csv/deep"), "levels.csv/deep is below levels.csv, which is a file"),
        (("--vf", "slow.csv"), "the highest level of slow.csv must be 2000 MHz, at which latency"),
        (("--vf", "down.csv"), "down.csv:3: vdd_v must be 0.9 or more, not 0.8"),
    ],
)  # fmt: skip
def test_thermal_rejects_what_it_cannot_use(
    cpu, tmp_path, monkeypatch, capsys, arguments, message
):  # fmt: skip
    (tmp_path / "slow.csv").write_text("frequency_mhz,vdd_v\n1000,0.9\n1500,1\n")
    for name, old, new in (("low", "low_mhz = 1000", "low_mhz = 900"),
                           ("hot", "limit_c = 70", "limit_c = 20")):  # fmt: skip
        (tmp_path / f"{name}.toml").write_text(CPU.replace(old, new))
    (tmp_path / "down.csv").write_text("frequency_mhz,vdd_v\n1000,0.9\n2000,0.8\n")
    code = voltile(monkeypatch, "thermal", "--cpu", cpu, "--workers", "1", "--inferences",
                   "20:1020:500", "--duration", "20", *arguments)
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()  # no progress before
    assert message.format(cpu=cpu, levels=tmp_path / "levels.csv") in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("powers_w = [1e-9, 2e-9]", "powers_w = [1, 2, 3]",
         "leakage.powers_w must be as many as temperatures_c, 2, not 3"),
        ("resistance_k_per_w = 10", "resistance_k_per_w = 0",
         "stages.die.resistance_k_per_w must be a number from 1e-09 to 1e+09, not 0"),
        ("cores = 4", "cores = 0", "cores must be a whole number from 1 to 1024, not 0"),
        ("powers_w = [1e-9, 2e-9]", "powers_w = [2, 1]",
         ("leakage.powers_w must be a list of 2 or more never descending numbers from 0 to 1e+09, "
          "not [2, 1]")),
        ("powers_w = [1e-9, 2e-9]", "powers_w = [0, 1]",
         ("leakage.powers_w must be above 0, as it grows exponentially, or 0 throughout, not "
          "[0.0, 1.0]")),
    ],
)  # fmt: skip
def test_cpu_profile_rejects_what_has_no_meaning(cpu, old, new, message):
    cpu.write_text(CPU.replace(old, new))
    with pytest.raises(VoltileError) as caught:
        read_cpu_profile(cpu)
    assert str(caught.value) == f"{cpu}: {message}"


def test_cpu_profile_may_have_no_leakage(cpu):
    cpu.write_text(CPU.replace("powers_w = [1e-9, 2e-9]", "powers_w = [0, 0]"))
    found = read_cpu_profile(cpu).cpu
    assert found.leakage.at(np.array([70.0])) == 0
    # 9 W through 10 K/W.
    rest = steady_with_leakage(found.network, np.array([9.0]), found.leakage)
    assert rest == pytest.approx([115.0])


def test_inferences_are_a_range_with_both_ends():
    assert _counts("50:1000:50") == tuple(range(50, 1001, 50))
    assert _counts("7") == (7,)
    assert _counts("3:5") == (3, 4, 5)


def test_ctrl_c_ends_in_one_line_and_leaves_nothing(cpu, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("voltile.flows.thermal.job.characterize_workloads", interrupted)
    assert voltile(monkeypatch, "thermal", "--cpu", cpu) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not (tmp_path / "runs").exists()


def test_thermal_runaway_names_network_and_level(cpu, tmp_path, monkeypatch, capsys):
    # 9 W and leakage of 0.2 W at 0 C that grows to 60 W at 150 C have no steady temperature.
    cpu.write_text(CPU.replace("powers_w = [1e-9, 2e-9]", "powers_w = [0.2, 60]"))
    code = voltile(monkeypatch, "thermal", "--cpu", cpu, "--limit", "140", "--workers", "1",
                   "--workload", "net", "--inferences", "500")  # fmt: skip
    assert code == 2
    assert "error: net at 1000 MHz: the chip reaches 15" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_limit_that_the_lowest_level_does_not_keep_is_told(cpu, monkeypatch, capsys):
    # 31.5 W through 10 K/W: at 1 GHz and 0.8 V half of the clock, 4/9 of Vdd²: 70 K above 25 C.
    cpu.write_text(CPU.replace("power_w = 9", "power_w = 31.5"))
    code = voltile(monkeypatch, "thermal", "--cpu", cpu, "--inferences", "20", "--duration", "2",
                   "--workers", "1", "--out", "out")  # fmt: skip
    told = capsys.readouterr().err
    assert code in (0, None), told
    assert told.endswith(
        "warning: net even at VF_low, 1000 MHz, comes to rest at 95.0 C, above the limit of 70 C\n"
    )
    assert "small even" not in told
