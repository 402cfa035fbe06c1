"""VF tables, thermal governors, runs of inferences, and the level that is best in the long run."""

from dataclasses import replace

import numpy as np
import pytest

from voltile.core import VoltileError
from voltile.power.thermal import (
    EXYNOS5422_HEADROOM,
    Cpu,
    Inference,
    Leakage,
    Setting,
    ThermalAssumptions,
    Throttling,
    VfTable,
    best_levels,
    core_shutdown,
    cpu_profile_content,
    exynos5422,
    exynos5422_inference,
    exynos5422_profile,
    exynos5422_vf_table,
    level_statistics,
    lumped_network,
    power_from_headroom,
    proactive,
    reactive,
    read_vf_table,
    run_inferences,
)

TABLE = VfTable("three", np.array([1e9, 1.5e9, 2e9]), np.array([0.8, 1.0, 1.2]))


def cpu(leak=0.0, background=0.5):
    """10 K/W in 2 s behind an ambient of 25 C; idle at 30 C."""
    leakage = Leakage(np.array([0.0, 150.0]), np.array([[leak], [leak]]))
    return Cpu(TABLE, 4, lumped_network((10.0,), (0.2,), 25.0), background, leakage)


def hold(setting):
    return lambda temperature, present: setting


def test_latency_and_power_follow_frequency_voltage_and_cores():
    one, inference = cpu(), Inference("net", 0.1, 8.0)
    slow, fewer = one.setting(1e9), one.setting(2e9, 3)
    assert one.latency(inference, one.fastest) == pytest.approx(0.1)
    assert one.latency(inference, slow) == pytest.approx(0.2)
    assert one.latency(inference, fewer) == pytest.approx(0.4 / 3)
    assert one.power(inference, one.fastest) == pytest.approx(8.5)
    assert one.power(inference, slow) == pytest.approx(0.5 + 8 * 0.5 * (0.8 / 1.2) ** 2)
    assert one.power(inference, fewer) == pytest.approx(6.5)


def test_a_held_level_heats_as_one_rc_stage():
    run = run_inferences(cpu(leak=1.0), Inference("net", 0.03, 4.0), hold(Setting(2, 4)), 0.1,
                         duration=3.0)  # fmt: skip
    # From 30 C by 10 K/W x (4 W + 1 W of leakage), with 2 s.
    assert run.temperature == pytest.approx(30 + 50 * (1 - np.exp(-run.time / 2)))
    assert len(run.latency) == 99  # the hundredth ends at 3.0 s or a rounding later
    assert run.latency == pytest.approx(np.full(99, 0.03))


def test_an_inference_goes_on_at_the_speed_of_every_setting_that_it_meets():
    # 0.25 s at full speed: 0.2 s of two periods, then at half speed 0.05 s takes 0.1 s more.
    seen = []

    def policy(temperature, present):
        seen.append(present)
        return Setting(2, 4) if len(seen) <= 2 else Setting(0, 4)

    run = run_inferences(cpu(), Inference("net", 0.25, 1.0), policy, 0.1, count=2)
    assert run.end == pytest.approx([0.3, 0.8])
    assert run.latency == pytest.approx([0.3, 0.5])
    assert seen[:4] == [Setting(2, 4), Setting(2, 4), Setting(2, 4), Setting(0, 4)]
    assert run.slowed_share(0.8) == pytest.approx(0.75)


def test_reactive_throttles_above_its_limit_and_returns_below_its_hysteresis():
    one = cpu()
    policy = reactive(one, 1e9, 80.0, 5.0)
    fast, slow = one.fastest, one.setting(1e9)
    table = [(79.9, fast, fast), (80.0, fast, fast), (80.1, fast, slow), (79.0, slow, slow),
             (75.0, slow, slow), (74.9, slow, fast), (90.0, slow, slow)]  # fmt: skip
    assert [policy(temperature, present) for temperature, present, _ in table] == [
        expected for _, _, expected in table
    ]


def test_sustained_throttling_keeps_to_the_limit_and_to_the_balance_of_power():
    # 9 W at full speed would reach 120 C. Between 78 and 80 C the mean power is what holds about
    # 79 C: 0.5 W + s 9 W + (1 - s) 2 W = 5.4 W, a share s of 0.41 at full speed.
    one = cpu()
    run = run_inferences(one, Inference("net", 0.03, 9.0), reactive(one, 1e9, 80.0, 2.0), 0.01,
                         duration=200.0)  # fmt: skip
    late = run.temperature[10000:]
    assert 77.8 < late.min() < 78 and 80 < late.max() < 80.4
    assert 1 - np.mean(run.level[10000:] == 0) == pytest.approx((5.4 - 2.5) / 7, abs=0.02)


def test_proactive_holds_its_level_and_never_speeds_up_to_throttle():
    one = cpu()
    assert proactive(one, 1.5e9, 1e9, 80.0, 2.0)(50.0, one.fastest) == one.setting(1.5e9)
    below = proactive(one, 1e9, 1.5e9, 80.0, 2.0)
    assert below(85.0, one.fastest) == one.setting(1e9)


def test_core_shutdown_takes_cores_and_leaves_the_level():
    one = cpu()
    policy = core_shutdown(one, 3, 80.0, 2.0)
    assert policy(81.0, one.fastest) == Setting(2, 3)
    assert policy(70.0, Setting(2, 3)) == one.fastest


def test_a_policy_of_ones_own_is_a_function():
    one = cpu()

    def proportional(temperature, present):
        return Setting(int(np.clip((90 - temperature) // 10, 0, 2)), 4)

    run = run_inferences(one, Inference("net", 0.03, 9.0), proportional, 0.01, duration=60.0)
    # At 1.5 GHz it would end at 77 C, where that level stays.
    assert set(run.level) == {1, 2}
    assert 70 < run.temperature.max() < 77


def test_statistics_are_those_of_the_first_inferences():
    by = Throttling(1e9, 80.0, 2.0, 0.01)
    one, inference = cpu(), Inference("net", 0.03, 9.0)
    found = level_statistics(one, inference, 2e9, [10, 400], by)
    run = run_inferences(one, inference, reactive(one, 1e9, 80.0, 2.0), 0.01, count=400)
    assert found.latency == pytest.approx([run.latency[:10].mean(), run.latency.mean()])
    assert found.deviation == pytest.approx([run.latency[:10].std(), run.latency.std()])
    assert found.latency[0] == pytest.approx(0.03) and found.throttled[0] == 0
    # Over a time t, s of it at half speed: N = t (1 - s / 2) / 30 ms.
    share = found.throttled[1]
    assert 0.1 < share < 0.6
    assert 400 * 0.03 == pytest.approx(run.end[-1] * (1 - share / 2), rel=1e-3)


def test_a_middle_level_is_best_in_the_long_run_and_the_highest_in_the_short():
    # 9 W dynamic: at 1.5 GHz 9 x 0.75 x (1/1.2)^2 = 4.69 W end at 77 C, below the limit; throttled
    # from 2 GHz the mean speed is 1 - 0.59 / 2 of it, 1.41 GHz.
    by = Throttling(1e9, 80.0, 2.0, 0.01)
    levels = [level_statistics(cpu(), Inference("net", 0.03, 9.0), f, [20, 3000], by)
              for f in TABLE.frequency]  # fmt: skip
    assert list(best_levels(levels)) == [2, 1]
    assert levels[1].throttled[1] == 0
    assert levels[1].latency == pytest.approx([0.04, 0.04])


def test_exynos_has_the_levels_and_voltages_of_the_dissertation():
    table = exynos5422_vf_table()
    assert table.frequency == pytest.approx(np.arange(2, 21) * 100e6)
    assert len(table.vdd) == 19
    assert table.vdd[table.level(900e6)] == pytest.approx(0.8875)
    assert table.vdd[table.level(2e9)] == pytest.approx(1.3625)
    assert np.all(np.diff(table.vdd) >= 0)


@pytest.mark.parametrize("name", ["mobilenet_v2", "inception_v4"])
def test_fitted_power_reaches_the_limit_at_the_time_of_table_4_3(name):
    chip = exynos5422(ThermalAssumptions())
    inference = exynos5422_inference(chip, name)
    latency, safe = EXYNOS5422_HEADROOM[name]
    assert chip.idle()[0] == pytest.approx(39.0)
    run = run_inferences(chip, inference, hold(chip.fastest), safe / 50, duration=safe * 1.5)
    assert run.temperature[50] == pytest.approx(90.0, abs=0.05)
    # N_safe of Table 4.3: inferences that end by then.
    expected = {"mobilenet_v2": 42, "inception_v4": 4}[name]
    assert np.searchsorted(run.end, safe * (1 + 1e-9)) == pytest.approx(expected, abs=1)


def test_headroom_that_no_power_gives_is_rejected():
    # Up to 275 W, fifty times what holds 80 C; and 5 W of the rest alone hold 75 C.
    with pytest.raises(VoltileError, match="^no dynamic power up to 275 W takes the chip to 80 C in"
                       " 1e-06 s as it should for net$"):  # fmt: skip
        power_from_headroom(cpu(), Inference("net", 0.1, 0.0), 1e-6, 80.0)
    with pytest.raises(VoltileError, match="takes the chip to 60 C in 100 s"):
        power_from_headroom(cpu(background=5.0), Inference("net", 0.1, 0.0), 100.0, 60.0)


def test_power_from_headroom_is_that_of_one_rc_stage():
    # From 30 C with 10 K/W and 2 s: to 80 C in 1 s takes 50 K / (10 K/W (1 - e^-0.5)).
    found = power_from_headroom(cpu(), Inference("net", 0.1, 0.0), 1.0, 80.0)
    assert found.power == pytest.approx(5 / (1 - np.exp(-0.5)), rel=1e-6)


def test_runs_end_before_long(monkeypatch):
    monkeypatch.setattr("voltile.power.thermal.inference_run.MOST_POLLS", 20)
    with pytest.raises(VoltileError, match="^a run has at most 20 polls; at 100 ms each these were "
                       "1 inferences of net$"):  # fmt: skip
        run_inferences(cpu(), Inference("net", 1.5, 1.0), hold(Setting(2, 4)), 0.1, count=9)


def test_cpu_rejects_a_network_of_more_than_one_source():
    one = cpu()
    network = replace(one.network, sources=np.array([0, 0]))
    with pytest.raises(ValueError, match="^a CPU's network must have one source, not 2$"):
        replace(one, network=network)


def test_content_of_the_exynos_is_what_is_assumed_and_fitted():
    profile = exynos5422_profile(ThermalAssumptions())
    found = cpu_profile_content(profile)
    # 10 K/W, of which 0.7 from die to package; 1 s and 60 s; 39 C at rest in 25 C.
    assert [stage["resistance_k_per_w"] for stage in found["stages"]] == pytest.approx([7, 3])
    assert [stage["capacitance_j_per_k"] for stage in found["stages"]] == pytest.approx([1 / 7, 20])
    assert (found["ambient_c"], found["background_w"]) == (25, pytest.approx(1.4))
    # A fifth of the 6.5 W that hold 90 C.
    leaks = found["leakage"]
    at_limit = np.exp(np.interp(90, leaks["temperatures_c"], np.log(leaks["powers_w"])))
    assert at_limit == pytest.approx(1.3)
    assert found["vf"]["vdd_v"][-1] == pytest.approx(1.3625)
    assert found["throttling"] == {
        "low_mhz": 900, "limit_c": 90, "hysteresis_k": 2, "period_ms": 100
    }  # fmt: skip
    assert found["workloads"]["inception_v4"]["latency_ms"] == pytest.approx(658.06)
    assert list(found["workloads"]) == list(EXYNOS5422_HEADROOM)


def test_exynos_knows_its_own_networks_only():
    with pytest.raises(VoltileError, match="^no workload 'vgg': built in are mobilenet_v1, mobil"):
        exynos5422_inference(cpu(), "vgg")


def test_vf_table_is_read_from_csv(tmp_path):
    path = tmp_path / "vf.csv"
    path.write_text("# mine\nfrequency_mhz,vdd_v\n500,0.7\n1000,0.7\n1500,0.9\n")
    table = read_vf_table(path)
    assert table.frequency == pytest.approx([5e8, 1e9, 1.5e9])
    assert table.vdd == pytest.approx([0.7, 0.7, 0.9])
    with pytest.raises(VoltileError, match="vf.csv has no level of 800 MHz: 500, 1000, 1500$"):
        table.level(8e8)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("500,0.7\n500,0.8\n", ":3: frequency_mhz must be above 500, not 500"),
        ("500,0.7\n600,0.6\n", ":3: vdd_v must be 0.7 or more, not 0.6"),
        ("500,0\n", ":2: vdd_v must be from 0.1 to 10 V, not 0"),
        ("500,-1\n", ":2: vdd_v must be from 0.1 to 10 V, not -1"),
        ("500,800\n", ":2: vdd_v must be from 0.1 to 10 V, not 800"),
        ("0.6,0.8\n", ":2: frequency_mhz must be from 10 to 10000 MHz, not 0.6"),
        ("6e8,0.8\n", ":2: frequency_mhz must be from 10 to 10000 MHz, not 6e+08"),
        ("", " must hold a level or more, not none"),
    ],
)
def test_vf_table_rejects_what_is_not_monotonic(tmp_path, rows, message):
    path = tmp_path / "vf.csv"
    path.write_text("frequency_mhz,vdd_v\n" + rows)
    with pytest.raises(VoltileError) as caught:
        read_vf_table(path)
    assert str(caught.value) == f"{path}{message}"


def test_governors_reject_a_limit_that_is_no_limit():
    one = cpu()
    for limit, hysteresis in ((25.0, 0.0), (30.0, 1.0), (80.0, -1.0), (float("nan"), 1.0)):
        with pytest.raises(VoltileError, match="^a limit must be above the 30.0 C of the idle chip "
                           "in an ambient of 25 C, and its hysteresis 0 or more"):  # fmt: skip
            reactive(one, 1e9, limit, hysteresis)
    with pytest.raises(VoltileError, match="^cores must be 1 to 4, not 5$"):
        core_shutdown(one, 5, 80.0, 2.0)
    net = Inference("net", 0.1, 1.0)
    for options, message in (
        ({}, "a run must end after some inferences or some time, not inf and inf s"),
        ({"duration": float("nan")}, "a run must end after .* time, not inf and nan s"),
        ({"duration": 1.0, "period": 0.0}, "a polling period must be positive and finite, not 0"),
        ({"count": 2.5}, "a number of inferences must be whole, not 2.5"),
    ):
        with pytest.raises(VoltileError, match=f"^{message}"):
            run_inferences(one, net, hold(one.fastest), **{"period": 0.1, **options})
    with pytest.raises(VoltileError, match="^a level must be 0 to 2, not -1$"):
        run_inferences(one, net, hold(Setting(-1, 4)), 0.1, count=2)
    with pytest.raises(ValueError, match="^a latency must be positive and finite, not 0 s$"):
        run_inferences(one, Inference("net", 0.0, 1.0), hold(one.fastest), 0.1, duration=1.0)
    with pytest.raises(VoltileError, match=r"^numbers of inferences must be 1 or more, not \[0\]$"):
        level_statistics(one, Inference("n", 0.1, 1.0), 2e9, [0], Throttling(1e9, 80, 2, 0.1))
