"""`voltile thermal --energy`: an accelerator from its energy table or a run; what it refuses."""

import csv
import shutil
import sys

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.flows.cli import main
from voltile.flows.energy.job import EnergyConfig, run_energy
from voltile.flows.precision.inputs import EXAMPLES
from voltile.flows.thermal.accelerator_job import ACCELERATOR_THERMAL_OUTPUTS
from voltile.pdk import read_technology

AREA = 1.45  # mm2
# K m2/W from the middle of the silicon to the ambient, of examples/cqfp.toml.
RESISTANCE = 100e-6 / 120 + 25e-6 / 2 + 4e-3 / 4000 + 1 / 724
DESIGN = """
module counter(input clk, input rst_n, input en, input [7:0] step, output reg [7:0] count);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) count <= 0;
    else if (en) count <= count + (step ^ {count[0], count[7:1]});
endmodule
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with an energy table of two precisions."""
    folder = tmp_path_factory.mktemp("accelerator")
    run_energy(
        EnergyConfig("kws_dscnn", vdds=(0.6, 0.8, 1.0), precisions=("full", "half"),
                     policies=("same-supply", "iso-frequency")),
        folder / "energy",
    )  # fmt: skip
    shutil.copy(folder / "energy" / "energy.csv", folder / "energy.csv")
    return folder


@pytest.fixture
def thermal(made, monkeypatch, capsys):
    """Runs `voltile thermal`; gives exit code, and all that it printed in one line."""

    def call(*arguments):
        monkeypatch.chdir(made)
        monkeypatch.setattr(sys, "argv", ["voltile", "thermal", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return end.value.code, " ".join((captured.out + captured.err).split())

    return call


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_levels_rest_at_what_the_table_and_the_package_give(thermal, made):
    code, text = thermal("--energy", "energy.csv", "--area", AREA, "--policy", "same-supply",
                         "--period", 1000, "--workers", 1, "--out", "out")  # fmt: skip
    assert code in (0, None), text
    out = made / "out"
    # All power is spread evenly: no maps.
    maps = {"maps.csv", "maps.png"}
    assert {path.name for path in out.iterdir()} == set(ACCELERATOR_THERMAL_OUTPUTS) - maps
    leaks = read_technology("freepdk45").leakage_temperature()
    found = {(row["workload"], float(row["vdd_v"])): row for row in rows(out / "sustained.csv")}
    assert len(found) == 6
    for (workload, vdd), row in found.items():
        network, precision = workload.split()
        table = [item for item in rows(made / "energy.csv")
                 if (item["network"], item["precision"], item["policy"]) ==
                 (network, precision, "same-supply") and float(item["vdd_v"]) == vdd]  # fmt: skip

        def total(*names):
            return sum(float(item[name]) for item in table for name in names)  # noqa: B023

        time = total("cycles", "stall_cycles") / float(table[0]["frequency_hz"])
        power = total("pe_dynamic_pj", "sram_pj", "control_pj") * 1e-12 / time
        steady = float(row["steady_c"])
        leakage = total("pe_leakage_pj") * 1e-12 / time
        leakage *= np.exp(np.interp(steady, leaks.temperatures, np.log(leaks.factors(vdd))))
        rise = (power + leakage) * RESISTANCE / (AREA * 1e-6)
        assert float(row["latency_ms"]) == pytest.approx(time * 1e3, rel=1e-4)
        assert steady == pytest.approx(45 + rise, abs=0.02)
        if steady < 83:
            assert float(row["throttled_share"]) == 0
            assert float(row["rate_per_s"]) == pytest.approx(1 / time, rel=1e-4)
        if steady > 86:
            assert 0 < float(row["throttled_share"]) < 1
            assert float(row["rate_per_s"]) < 1 / time
    for row in rows(out / "governors.csv"):
        mine = [float(item["rate_per_s"]) for (name, _), item in found.items()
                if name == row["workload"]]  # fmt: skip
        assert float(row["reactive_per_s"]) == mine[-1]
        assert float(row["proactive_per_s"]) == max(mine)
        assert float(row["gain"]) == pytest.approx(max(mine) / mine[-1] - 1, abs=1e-5)
    assert "kws_dscnn full" in text and "power spread evenly" in text


def test_plan_of_a_run_gives_power_by_tile_under_every_scheme(thermal, made, monkeypatch):
    (made / "counter.v").write_text(DESIGN)
    (made / "tech").mkdir()
    write_toy_technology(made / "tech")
    monkeypatch.chdir(made)
    monkeypatch.setenv("XDG_CACHE_HOME", str(made / "cache"))
    run = ("run", "counter.v", "--tech", "tech/toy.toml", "--tiles", 2, "--points", 3, "--period",
           1, "--intervals", 1, "--workers", 1, "--out", "done")  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["voltile", *map(str, run)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    code, text = thermal("--energy", "energy.csv", "--area", 10, "--precision", "half",
                         "--plan", "done", "--duration", 5, "--period", 1000, "--package",
                         "cqfp", "--workers", 1, "--out", "planned")  # fmt: skip
    assert code in (0, None), text
    assert {path.name for path in (made / "planned").iterdir()} == set(ACCELERATOR_THERMAL_OUTPUTS)
    curves = {"ideal-DVFS": "ideal", "Vdd-hopping": "hopping", "FINE-VH 2 x 2": "fine-vh"}
    found = rows(made / "planned" / "sustained.csv")
    assert [row["scheme"] for row in found] == [name for name in curves for _ in range(3)]
    # Beside the array there is the same in all schemes; the array takes what the run's curves say.
    beside = {}

    def clock(item):
        return float(item["frequency_hz"]) / 1e6

    for row in found:
        (curve,) = {
            float(item["power_w"]) - float(item["leakage_w"])
            for item in rows(made / "done" / "curves.csv")
            if item["scheme"] == curves[row["scheme"]] and item["selection"] in ("", "search")
            and clock(item) == pytest.approx(float(row["frequency_mhz"]), 1e-5)
        }  # fmt: skip
        rest = float(row["power_mw"]) - curve * 1e3
        assert rest == pytest.approx(beside.setdefault(row["frequency_mhz"], rest), rel=1e-4)
        assert rest > 0
    shown = rows(made / "planned" / "maps.csv")
    assert len(shown) == 3 * 16 * 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "power needs an area: --area must be positive, not none"),
        (("--area", "-1"), "power needs an area: --area must be positive, not -1 mm2"),
        (("--area", "1", "--limit", "40"), "a limit must be above the 45.0 C of the idle chip"),
        (("--area", "1", "--network", "vgg"),
         "network must be one of energy.csv: kws_dscnn; not vgg"),
        (("--area", "1", "--precision", "mixed"),
         "precision must be one of energy.csv: full, half; not mixed"),
        (("--area", "1", "--policy", "iso-throughput"),
         "policy must be one of energy.csv: iso-frequency, same-supply; not iso-throughput"),
        (("--area", "1", "--low", "123"), "has no level of 123 MHz"),
        (("--area", "1", "--energy", "toy.csv"), "no technology 'toy'"),
        (("--area", "1", "--plan", "nowhere"), "nowhere holds no finished run"),
        (("--area", "0.02"), "the chip reaches"),
        (("--area", "1", "--package", "bad.toml"),
         "bad.toml: convection.last_w_per_m2k must be a number from 0.001 to 1e+09, not -5"),
        (("--area", "1", "--package", "none.toml"), "none.toml cannot be read: No such file"),
        (("--area", "1", "--vf", "levels.csv"),
         "--vf is of a CPU, not of an accelerator: leave out --energy"),
        (("--area", "1", "--energy", "mixed.csv"),
         "mixed.csv: kws_dscnn full, iso-frequency must have ascending frequencies"),
        (("--area", "1", "--energy", "one.csv"), "one.csv must have two supplies or more"),
    ],
)  # fmt: skip
def test_thermal_rejects_what_an_accelerator_cannot_use(thermal, made, arguments, message):
    (made / "bad.toml").write_text(
        (EXAMPLES / "cqfp.toml").read_text().replace("last_w_per_m2k = 724", "last_w_per_m2k = -5")
    )
    header, *lines = (made / "energy.csv").read_text().splitlines()
    at = header.split(",").index("reference_vdd_v")
    swap = {"0.6": "1.0", "1.0": "0.6"}
    parts = [line.split(",") for line in lines]
    for name, chosen in (
        ("mixed.csv", [[*part[:at], swap.get(part[at], part[at]), *part[at + 1 :]]
                       for part in parts]),
        ("toy.csv", [["toy" if item == "freepdk45" else item for item in part] for part in parts]),
        ("one.csv", [part for part in parts if part[at] == "0.8"]),
    ):  # fmt: skip
        (made / name).write_text("\n".join([header, *(",".join(part) for part in chosen)]) + "\n")
    code, text = thermal("--energy", "energy.csv", "--workers", 1, "--out", "refused", *arguments)
    assert code == 2
    assert message in text
    assert not (made / "refused").exists()


def test_options_of_an_accelerator_need_its_energy(thermal):
    code, text = thermal("--area", 1)
    assert code == 2
    assert "--area is of an accelerator: give its --energy, too" in text


def test_help_shows_an_example_of_both(thermal):
    code, text = thermal("--help")
    assert code == 0
    assert "voltile thermal --energy" in text and "voltile thermal --workload" in text
