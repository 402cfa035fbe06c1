"""`voltile thermal --energy`: an accelerator from its energy table or a run; what it refuses."""

import csv
import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from toy_technology import write_toy_technology

from voltile.core import VoltileError
from voltile.flows.cli import main
from voltile.flows.energy.job import EnergyConfig, run_energy
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.job import run
from voltile.flows.precision.inputs import EXAMPLES
from voltile.flows.thermal.accelerator_config import AcceleratorConfig
from voltile.flows.thermal.accelerator_job import ACCELERATOR_THERMAL_OUTPUTS
from voltile.flows.thermal.plan_levels import plan_workloads
from voltile.flows.thermal.table_levels import read_levels
from voltile.pdk import read_technology
from voltile.power.thermal import read_package

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
# The libraries are at 25 C.
LEAKAGE = "bias,vdd_v,temperature_c,leakage_factor,lowest_of_cells,highest_of_cells\n" + "".join(
    f"pb0,{vdd},{temperature},{factor},,\n"
    for vdd in (0.6, 1.0) for temperature, factor in ((0, 0.5), (25, 1), (150, 9))
)  # fmt: skip


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
    assert "kws_dscnn full" in text and "power spread evenly" in text and "cold" not in text


@pytest.fixture(scope="module")
def planned(made):
    """A run of a small circuit, without its report, and an energy table that claims to be of it."""
    (made / "counter.v").write_text(DESIGN)
    folder = made / "tech"
    folder.mkdir()
    manifest = write_toy_technology(folder)
    text = manifest.read_text() + '\n[leakage_temperature]\nfile = "leakage.csv"\n'
    manifest.write_text(text.replace('name = "toy"', 'name = "mine"'))
    (folder / "leakage.csv").write_text(LEAKAGE)
    config = RunConfig(
        (made / "counter.v",), tech=str(manifest), tiles=(2,), intervals=(1,), points=3,
        period=1e-9, workers=1,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(made / "cache"))
        result = run(config, made / "done", lambda line: None)
    result.record.write(made / "done" / "run.json")
    # An energy table of one's own technology would take its elements; only the name matters here.
    table = (made / "energy.csv").read_text().replace("freepdk45", "mine")
    (made / "mine.csv").write_text(table)
    return result


def test_a_time_in_which_the_chip_stays_cold_is_told(thermal):
    # On cqfp nothing of some watts gains 40 K in ten seconds; at rest 1.45 mm2 are beyond 85 C.
    code, text = thermal("--energy", "energy.csv", "--area", AREA, "--precision", "full",
                         "--duration", 10, "--workers", 1, "--out", "cold")  # fmt: skip
    assert code in (0, None)
    assert "kws_dscnn full, one supply is still cold after --duration 10: at 852 MHz it" in text


def test_plan_of_a_run_gives_power_by_tile_under_every_scheme(thermal, made, planned):
    code, text = thermal("--energy", "mine.csv", "--area", 10, "--precision", "half",
                         "--plan", "done", "--duration", 5, "--period", 1000, "--package",
                         "cqfp", "--tech", "tech/toy.toml", "--workers", 1,
                         "--out", "planned")  # fmt: skip
    assert code in (0, None), text
    assert "under the run's stimulus, busy in every cycle, whatever the precision" in text
    record = json.loads((made / "planned" / "thermal.json").read_text())
    assert "tech/toy.toml" in record["inputs"]
    assert {path.name for path in (made / "planned").iterdir()} == set(ACCELERATOR_THERMAL_OUTPUTS)
    curves = {"ideal-DVFS": "ideal", "Vdd-hopping": "hopping", "FINE-VH 2 x 2": "fine-vh"}
    found = rows(made / "planned" / "sustained.csv")
    assert [row["scheme"] for row in found] == [name for name in curves for _ in range(3)]
    # Beside the array there is the same in all schemes; the array takes what the run's curves say.
    beside = {}

    for row in found:
        (item,) = [item for item in planned.curves if item.scheme == curves[row["scheme"]]
                   and item.selection in ("", "search")]  # fmt: skip
        at = np.abs(item.frequency / 1e6 - float(row["frequency_mhz"])).argmin()
        curve = item.power[at] - item.leakage[at]
        rest = float(row["power_mw"]) - curve * 1e3
        assert rest == pytest.approx(beside.setdefault(row["frequency_mhz"], rest), rel=1e-4)
        assert rest > 0
    shown = rows(made / "planned" / "maps.csv")
    assert len(shown) == 3 * 16 * 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "done is of technology mine, and energy.csv of freepdk45: 'voltile energy ... --tech"),
        (("--energy", "mine.csv"),
         "mine.csv is of technology mine, which is not built in: --tech must be its manifest file"),
        (("--energy", "mine.csv", "--tech", "freepdk45"),
         "--tech must be mine, of which mine.csv is, not freepdk45"),
        (("--tech", "none.toml"), "no technology 'none.toml': built in are"),
        (("--tech", "plain.toml"), "technology freepdk45 has no leakage over temperature: its"),
    ],
)  # fmt: skip
def test_thermal_rejects_technologies_that_are_not_one(thermal, made, planned, arguments, message):
    manifest = (made / "tech" / "toy.toml").read_text().split("[leakage_temperature]")[0]
    (made / "tech" / "plain.toml").write_text(manifest.replace('"mine"', '"freepdk45"'))
    arguments = [item.replace("plain", "tech/plain") for item in arguments]
    code, text = thermal("--energy", "energy.csv", "--area", 1, "--plan", "done", "--workers", 1,
                         "--out", "refused", *arguments)  # fmt: skip
    assert code == 2
    assert message in text and "runs" not in text
    assert not (made / "refused").exists()


def test_plan_of_another_array_is_refused(made, planned):
    # As if the run were of the built-in grid, one of 4 x 4; the table is of 8 x 8.
    grid = replace(planned, config=replace(planned.config, files=(), grid=(4, 4)))
    config = AcceleratorConfig(made / "mine.csv", EXAMPLES / "cqfp.toml", area=1e-6,
                               plan=made / "done")  # fmt: skip
    levels, package = next(read_levels(config)), read_package(config.package)
    leaks = planned.technology.leakage_temperature()
    with pytest.raises(VoltileError, match=r"done is of an array of 4x4, and .*mine.csv of one of "
                       r"8x8: 'voltile energy ... --array 4x4'$"):  # fmt: skip
        next(plan_workloads(config, levels, grid, package, config.side, leaks))
    # A side of 0.1 um holds no array.
    with pytest.raises(VoltileError, match=r"^the area must hold the array of .*done, whose core is"
                       r" .* mm: --area must be at least .* mm2, not 1e-08 mm2$"):  # fmt: skip
        next(plan_workloads(config, levels, planned, package, 1e-7, leaks))
    stalled = replace(levels, cycles=levels.cycles * [1, 1, 2])
    with pytest.raises(VoltileError, match="cycles of kws_dscnn full must not depend on the clock"):
        next(plan_workloads(config, stalled, planned, package, config.side, leaks))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "power needs an area: --area must be above 0, up to 100000 mm2, not none"),
        (("--area", "-1"), "power needs an area: --area must be above 0, up to 100000 mm2, not -1"),
        (("--area", "nan"), "--area must be above 0, up to 100000 mm2, not nan mm2"),
        (("--area", "1e9"), "--area must be above 0, up to 100000 mm2, not 1e+09 mm2"),
        (("--area", "1", "--limit", "40"), "--limit must be above the 45.0 C of the idle chip"),
        (("--area", "1", "--hysteresis", "40"), "less than the 40.0 K between 85 C and the 45.0 C"),
        (("--area", "1", "--duration", "0.1"), "--duration must be 0.2 s or more, and finite, not"),
        (("--area", "1", "--network", "vgg"),
         "--network must be one of energy.csv: kws_dscnn; not vgg"),
        (("--area", "1", "--precision", "mixed"),
         "--precision must be one of energy.csv: full, half; not mixed"),
        (("--area", "1", "--policy", "iso-throughput"),
         "--policy must be one of energy.csv: iso-frequency, same-supply; not iso-throughput"),
        (("--area", "1", "--low", "123"),
         "--low: energy.csv: kws_dscnn full, iso-frequency has no level of 123 MHz: 430"),
        (("--area", "1", "--energy", "toy.csv"),
         "toy.csv is of technology toy, which is not built in"),
        (("--area", "1", "--plan", "nowhere"), "nowhere holds no finished run"),
        (("--area", "0.02"), "error: kws_dscnn full even at VF_low, 430"),
        (("--area", "0.7"), "C, above the limit of 85 C: nothing is sustained; take a larger"),
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
