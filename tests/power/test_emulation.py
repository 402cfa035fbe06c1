"""A core under each scheme over a workload, against numbers worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interval_results import steps_of

from voltile.core import TimingInfeasible, VoltileError
from voltile.floorplan import VddPlan
from voltile.floorplan.clock_tree import TRUNK
from voltile.power import (
    Activity,
    Converter,
    OperatingModes,
    SupplyPoints,
    SwitchingCosts,
    Trace,
    emulate,
    fine_vh,
    fine_vh_modes,
    ideal_dvfs,
    ideal_modes,
    level_modes,
    rail_capacitance,
    vdd_dithering,
    vdd_hopping,
)

MHZ, PJ, UW, PF, US, MS = 1e6, 1e-12, 1e-6, 1e-12, 1e-6, 1e-3
POINTS = SupplyPoints(
    vdd=np.array([0.6, 0.7, 0.8, 0.9, 1.0]),
    frequency=np.array([50, 80, 120, 160, 200]) * MHZ,
    energy=np.array([3.6, 4.9, 6.4, 8.1, 10.0]) * PJ,
    leakage=np.array([10.0, 13, 20, 30, 50]) * UW,
)
WHOLE = np.array([40 * PF])
IDEAL = ideal_modes(POINTS, WHOLE)
WIDE, NARROW = (0.6, 0.8, 1.0), (0.6, 0.7, 0.8, 0.9, 1.0)
HOPPING, DITHERING = (level_modes(name, POINTS, WIDE, WHOLE) for name in ("hopping", "dithering"))
RAILS = np.array([1, 2, 3, 4]) * PF
GATES = np.array([0.1, 0.2, 0.3, 0.4]) * PF


def interval(low, high):
    """Two by two tiles, of which the first carries the critical path and most of the energy."""
    ends = [float(np.interp(vdd, POINTS.vdd, POINTS.frequency)) for vdd in (low, high)]
    reach = np.interp([0, 0.5, 0.9, 0.95, 1], [0, 1], ends)
    plan = VddPlan(low, high, np.array([2, 0, 3, 1]), 1 / reach)
    steps = (0, 1, 2, 4)
    weight = np.interp(steps, [0, 1, 2, 4], [0, 0.4, 0.7, 1])
    energy, leakage = (
        np.interp(weight, [0, 1], [np.interp(vdd, POINTS.vdd, values) for vdd in (low, high)])
        for values in (POINTS.energy, POINTS.leakage)
    )
    return steps_of(plan, steps, energy, leakage, 1 - weight)


def fine(levels):
    return [interval(low, high) for low, high in zip(levels[:-1], levels[1:], strict=True)]


FINE_WIDE, FINE_NARROW = (
    fine_vh_modes(2, fine(levels), RAILS, GATES) for levels in (WIDE, NARROW)
)
ALL = (IDEAL, HOPPING, DITHERING, FINE_WIDE, FINE_NARROW)
FREE = SwitchingCosts(Converter(capacitance=0), mux_time=0)


def trace_of(*demands):
    """A trace of (duration [s], demand [Hz])."""
    durations, frequency = zip(*demands, strict=True)
    time = np.concatenate([[0.0], np.cumsum(durations)])
    return Trace("trace.csv", time, np.array(frequency, dtype=float), np.arange(len(demands)) + 2)


def test_converter_is_that_of_the_paper():
    """Burd and Brodersen 2000: 100 uF, 1 A, 90 %, 1.2 V to 3.8 V: 520 us, 130 uJ."""
    converter = Converter(capacitance=100e-6, max_current=1.0, efficiency=0.9)
    assert converter.time(1.2, 3.8) == pytest.approx(520e-6)
    assert converter.energy(1.2, 3.8) == pytest.approx(130e-6)
    assert converter.energy(3.8, 1.2) == converter.energy(1.2, 3.8)


@pytest.mark.parametrize("demand", [0, 20, 50, 65, 80, 119, 120, 155, 200])
def test_without_costs_the_power_is_that_of_the_operating_curves(demand):
    frequency = np.array([demand * MHZ])
    curves = [ideal_dvfs(POINTS, frequency), vdd_hopping(POINTS, WIDE, frequency),
              vdd_dithering(POINTS, WIDE, frequency)]  # fmt: skip
    if demand > 0:
        every = range(5)
        exact = [
            steps_of(item.plan, every, np.interp(every, item.steps, item.energy),
                     np.interp(every, item.steps, item.leakage), np.ones(5))
            for item in fine(WIDE)
        ]  # fmt: skip
        curves.append(fine_vh(2, exact, frequency)[0])
        modes = (IDEAL, HOPPING, DITHERING, fine_vh_modes(2, exact, RAILS, GATES))
    else:
        modes = (IDEAL, HOPPING, DITHERING)
    for item, curve in zip(modes, curves, strict=True):
        result = emulate(item, trace_of((3.0, demand * MHZ)), FREE)
        spent = result.dynamic_energy + result.leakage_energy
        assert spent == pytest.approx(3 * curve.power[0])
        assert (result.converter.count, result.missed, result.overrun) == (0, 0, 0)


@pytest.fixture
def by_hand():
    """Up over a pair, and down to nothing: 3 uF at up to 0.6 A, half efficient; 1 us to switch."""
    modes = OperatingModes(
        "fine-vh", 2, 0.2, RAILS, GATES,
        np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]], dtype=bool),
        np.array([1.0, 1.0, 1.2, 1.2]), np.array([1.2, 1.2, 1.4, 1.4]),
        np.array([100, 120, 150, 200]) * MHZ, np.array([10, 12, 14, 18]) * PJ,
        np.array([1.0, 2, 3, 5]) * UW,
    )  # fmt: skip
    costs = SwitchingCosts(Converter(3 * US, 0.6, 0.5), mux_time=1 * US)
    trace = trace_of((1 * MS, 110 * MHZ), (1 * MS, 180 * MHZ), (1 * MS, 0.0))
    return emulate(modes, trace, costs)


def test_transitions_cost_what_charge_and_converter_say(by_hand):
    # Both rails by 0.2 V, up and down: 2 * 3 uF / 0.6 A * 0.2 V = 2 us each.
    assert by_hand.converter.count == 2
    assert by_hand.converter.time == pytest.approx(4 * US)
    one_way = 0.5 * 3e-6 * (1.2**2 - 1.0**2 + 1.4**2 - 1.2**2)
    assert by_hand.converter.energy == pytest.approx(2 * one_way)
    # Tile 0 is lowered and tiles 1 and 2 raised, then all lowered.
    assert (by_hand.vdd_mux.count, by_hand.tiles_raised) == (2, 2)
    assert by_hand.vdd_mux.time == pytest.approx(2 * US)
    # Headers are turned off in tiles 0, 1 and 2, then in 1 and 2.
    gates = (0.1 + 0.2 + 0.3 + 0.2 + 0.3) * PF * 1.4**2
    assert by_hand.vdd_mux.energy == pytest.approx((2 + 3) * PF * 1.4 * (1.4 - 1.2) + gates)


def test_core_keeps_its_clock_until_the_supply_is_there_and_then_catches_up(by_hand):
    line = by_hand.timeline
    # 3 us at the reach of the old mode, 120 MHz: (180 - 120) * 3 = 180 cycles behind,
    # caught up with at 200 MHz, 20 MHz above the demand, in 9 us.
    assert line.clock * 1e-6 == pytest.approx([110, 120, 200, 180, 0, 0])
    assert line.duration * 1e6 == pytest.approx([1000, 3, 9, 988, 3, 997])
    assert line.converting.tolist() == [0, 1, 0, 0, 1, 0]
    assert by_hand.time_lost == pytest.approx(3 * US)
    assert (by_hand.missed, by_hand.late_cycles, by_hand.demands) == (0, 0, 2)
    assert by_hand.cycles == pytest.approx(110e3 + 180e3)


def test_power_in_a_transition_is_the_mean_of_both_modes(by_hand):
    dynamic = 1000 * 110 * 12 + 3 * 120 * (12 + 18) / 2 + 9 * 200 * 18 + 988 * 180 * 18
    assert by_hand.dynamic_energy == pytest.approx(dynamic * PJ)
    leakage = 1000 * 2 + 3 * (2 + 5) / 2 + (9 + 988) * 5 + 3 * (5 + 1) / 2 + 997 * 1
    assert by_hand.leakage_energy == pytest.approx(leakage * UW * US)
    total = by_hand.dynamic_energy + by_hand.leakage_energy + by_hand.converter.energy
    assert by_hand.energy == pytest.approx(total + by_hand.vdd_mux.energy)


def test_time_is_counted_at_each_pair(by_hand):
    times = by_hand.time_at_pairs()
    assert times == {(1.0, 1.2): pytest.approx(1997 * US), (1.2, 1.4): pytest.approx(997 * US)}


def test_ideal_dvfs_pays_for_every_change_of_its_one_supply():
    converter = Converter(capacitance=1e-6, efficiency=0.8)
    trace = trace_of((1.0, 50 * MHZ), (1.0, 80 * MHZ), (1.0, 80 * MHZ), (1.0, 200 * MHZ),
                     (1.0, 120 * MHZ), (1.0, 10 * MHZ))  # fmt: skip
    result = emulate(IDEAL, trace, SwitchingCosts(converter))
    assert result.converter.count == 4
    vdds = (0.6, 0.7, 1.0, 0.8, 0.6)
    lost = sum(abs(b**2 - a**2) for a, b in zip(vdds[:-1], vdds[1:], strict=True))
    # A little more than that: it goes above 0.7 V, to make up for the time of the transition.
    assert result.converter.energy == pytest.approx(0.2 * 1e-6 * lost, rel=1e-4)
    assert result.vdd_mux.count == 0


def test_hopping_between_the_two_supplies_that_are_there_needs_no_converter():
    trace = trace_of((1.0, 110 * MHZ), (1.0, 190 * MHZ), (1.0, 110 * MHZ), (1.0, 150 * MHZ))
    result = emulate(HOPPING, trace, SwitchingCosts(mux_time=0))
    # 0.8 V is VddH of the lower pair, and VddL of the higher one, which it does not leave.
    assert result.converter.count == 1
    assert result.vdd_mux.count == 2
    # From 0.8 V in the lower pair to 1.0 V nothing goes from VddL to VddH; later once.
    assert result.vdd_mux.energy == pytest.approx(40 * PF * 1.0 * (1.0 - 0.8))


@pytest.mark.parametrize(("period", "raises"), [(100 * US, 10), (300 * US, 4), (5 * MS, 1)])
def test_dithering_counts_a_raise_and_a_lowering_in_every_period(period, raises):
    costs = SwitchingCosts(mux_time=0, dithering_period=period)
    result = emulate(DITHERING, trace_of((1 * MS, 160 * MHZ)), costs)
    assert (result.vdd_mux.count, result.tiles_raised) == (2 * raises, raises)
    assert result.vdd_mux.energy == pytest.approx(raises * 40 * PF * 1.0 * 0.2)


def test_dithering_makes_up_for_the_time_of_raising():
    """In every 100 us: 5 us at 1.0 V and still 120 MHz, 50 us at 200 MHz, the rest at 0.8 V."""
    costs = SwitchingCosts(mux_time=5 * US, dithering_period=100 * US)
    result = emulate(DITHERING, trace_of((1 * MS, 160 * MHZ)), costs)
    dynamic = (0.45 * 120 * 6.4 + 0.05 * 120 * 10 + 0.5 * 200 * 10) * MHZ * PJ
    assert result.dynamic_energy == pytest.approx(dynamic * 1 * MS)
    assert result.leakage_energy == pytest.approx((0.45 * 20 + 0.55 * 50) * UW * 1 * MS)
    # Where raising takes longer than what is left, it stays at VddH.
    slow = SwitchingCosts(mux_time=60 * US, dithering_period=100 * US)
    stays = emulate(DITHERING, trace_of((1 * MS, 160 * MHZ)), slow)
    assert stays.vdd_mux.count == 0
    assert stays.dynamic_energy == pytest.approx(160 * MHZ * 10 * PJ * 1 * MS)


def test_work_that_is_late_is_a_missed_deadline_and_is_done_later():
    # 40 us from 0.6 V to 1.0 V: at 50 MHz, 150 cycles of every 200 are not done.
    costs = SwitchingCosts(Converter(capacitance=20e-6, max_current=0.4), mux_time=0)
    assert costs.converter.time(0.6, 1.0) == pytest.approx(40 * US)
    trace = trace_of((1 * MS, 0.0), (30 * US, 200 * MHZ), (1 * MS, 0.0))
    result = emulate(IDEAL, trace, costs)
    assert (result.demands, result.missed) == (1, 1)
    assert result.late_cycles == pytest.approx(150 * 30)
    # The transition ends 10 us into the idle time, at 50 MHz; then that down begins.
    assert result.converter.count == 2
    assert float(result.timeline.clock @ result.timeline.duration) == pytest.approx(200 * 30)
    assert result.overrun == 0


def test_work_left_at_the_end_is_done_after_it():
    costs = SwitchingCosts(Converter(capacitance=20e-6, max_current=0.4), mux_time=0)
    result = emulate(IDEAL, trace_of((1 * MS, 0.0), (30 * US, 200 * MHZ)), costs)
    # 4500 cycles: 10 us at 50 MHz to the end of the transition, then at 200 MHz.
    assert result.overrun == pytest.approx(10 * US + (4500 - 500) / (200 * MHZ))
    assert result.duration == pytest.approx(1030 * US + result.overrun)


def test_time_of_the_mux_is_a_bit_per_tile_at_the_slowest_clock():
    assert SwitchingCosts().switching_time(FINE_WIDE) == pytest.approx(4 / (50 * MHZ))
    assert SwitchingCosts().switching_time(HOPPING) == pytest.approx(1 / (50 * MHZ))
    assert SwitchingCosts(mux_time=7e-9).switching_time(HOPPING) == 7e-9


def test_wide_intervals_pay_when_demands_change_often_and_narrow_ones_when_they_last():
    """Dissertation 4.1.4: fewer external transitions against a better choice of supplies."""
    rng = np.random.default_rng(3)
    frequency, length = rng.uniform(50, 200, 200) * MHZ, rng.exponential(1.0, 200)
    energy = {}
    for mean in (100 * US, 100 * MS):
        trace = trace_of(*zip(mean * length, frequency, strict=True))
        for name, modes in (("wide", FINE_WIDE), ("narrow", FINE_NARROW)):
            result = emulate(modes, trace, SwitchingCosts())
            energy[name, mean] = result.energy
            energy[name, mean, "count"] = result.converter.count
    for mean in (100 * US, 100 * MS):
        assert energy["wide", mean, "count"] < energy["narrow", mean, "count"]
    assert energy["wide", 100 * US] < energy["narrow", 100 * US]
    assert energy["narrow", 100 * MS] < energy["wide", 100 * MS]


demands = st.tuples(
    st.floats(1e-6, 5e-3), st.one_of(st.just(0.0), st.floats(1 * MHZ, 200 * MHZ))
)
costs_of = st.builds(
    SwitchingCosts,
    st.builds(Converter, st.floats(0, 1e-4), st.floats(0.05, 1.0), st.floats(0.5, 1.0)),
    st.one_of(st.none(), st.floats(0, 1e-4)),
    st.floats(1e-6, 1e-3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(demands, min_size=1, max_size=12), costs_of, st.sampled_from(ALL))
def test_whatever_the_workload(steps, costs, modes):
    trace = trace_of(*steps)
    result = emulate(modes, trace, costs)
    line = result.timeline
    # All work is done, in time without a gap, at clocks that the modes run at.
    done = float(line.clock @ line.duration)
    assert done == pytest.approx(result.cycles, rel=1e-6, abs=1e-3)
    assert line.start[0] == 0 and (line.duration > 0).all()
    assert line.start[1:] == pytest.approx(line.start[:-1] + line.duration[:-1])
    assert result.duration == pytest.approx(trace.duration + result.overrun)
    assert (line.clock <= modes.reach).all()
    # A clock is never above what its pair of supplies gives.
    for high in np.unique(modes.vdd_high):
        here = line.vdd_high == high
        mine = modes.frequency[modes.vdd_high == high].max()
        assert (line.clock[here] <= mine * (1 + 1e-6)).all()
    # Time is at a pair, or between two.
    between = float(line.duration[line.converting == 1].sum())
    assert sum(result.time_at_pairs().values()) + between == pytest.approx(result.duration)
    # Deadlines.
    assert 0 <= result.missed <= result.demands
    assert 0 <= result.late_cycles <= result.cycles * (1 + 1e-9)
    assert (result.late_cycles > 0) == (result.missed > 0)
    # Without costs every demand is met.
    free = emulate(modes, trace, FREE)
    assert (free.missed, free.time_lost, free.overrun) == (0, 0, 0)
    assert free.converter.energy == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1e-3, 5e-3), st.floats(0, 180 * MHZ)), min_size=1, max_size=12),
    st.sampled_from(ALL),
)
def test_no_deadline_is_missed_where_transitions_are_short_and_reach_is_left(steps, modes):
    """At most 27 us from 0.6 V to 1.0 V, of 1 ms: 3 % more clock make up for all of it."""
    assert Converter().time(0.6, 1.0) == pytest.approx(26.7 * US, rel=0.01)
    result = emulate(modes, trace_of(*steps), SwitchingCosts())
    assert (result.missed, result.late_cycles, result.overrun) == (0, 0, 0)


def test_ideal_dvfs_with_a_free_converter_is_the_best_that_an_uncut_design_can_do():
    rng = np.random.default_rng(1)
    trace = trace_of(*zip(rng.exponential(MS, 50), rng.uniform(0, 200, 50) * MHZ, strict=True))
    best = emulate(IDEAL, trace, FREE).energy
    for modes in (HOPPING, DITHERING):
        assert emulate(modes, trace, FREE).energy > best


def test_demand_beyond_reach_is_refused_with_its_row():
    trace = trace_of((1.0, 100 * MHZ), (1.0, 250 * MHZ))
    for modes, name in ((IDEAL, "ideal-DVFS"), (FINE_WIDE, "FINE-VH 2 x 2, 200 mV")):
        with pytest.raises(TimingInfeasible) as fault:
            emulate(modes, trace, SwitchingCosts())
        assert str(fault.value) == (
            f"trace.csv:3: frequency_hz is 2.5e+08, beyond the reach of {name}: at most 2e+08"
        )
        assert (fault.value.frequency, fault.value.reach) == (250 * MHZ, pytest.approx(200 * MHZ))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Converter(capacitance=-1e-6),
         "converter capacitance must be 0 or more and finite, not -1 µF"),
        (lambda: Converter(max_current=0),
         "converter current must be positive and finite, not 0 A"),
        (lambda: Converter(efficiency=1.5),
         "converter efficiency must be above 0 and at most 1, not 1.5"),
        (lambda: Converter(efficiency=float("nan")),
         "converter efficiency must be above 0 and at most 1, not nan"),
        (lambda: SwitchingCosts(mux_time=-1e-9),
         "Vdd-MUX time must be 0 or more and finite, not -1 ns"),
        (lambda: SwitchingCosts(dithering_period=0),
         "dithering period must be positive and finite, not 0 µs"),
    ],
)  # fmt: skip
def test_costs_reject_what_cannot_be(make, message):
    with pytest.raises(VoltileError) as fault:
        make()
    assert str(fault.value) == message


def test_high_nets_hang_on_the_rail_of_their_driver():
    # Nets 0 and 1 are driven from tile 0, net 2 from tile 2, net 3 by a port.
    pins = np.array([0, 0, 1, 1, 2])
    netlist = SimpleNamespace(net_driver=np.array([0, 2, 4, -1]), pin_cell=pins)
    placement = SimpleNamespace(tile=np.array([0, 0, 2]), grid=SimpleNamespace(tiles=4))
    netlist.nets = 4
    activity = Activity(np.array([0.5, 1.0, 0.25, 1.0]), np.zeros(4), 1, 1, "test")
    # Two buffers hand on the clock of net 2: a leaf in tile 1, and one of the trunk.
    clock_net = np.array([2, 2])
    tree = SimpleNamespace(
        tile=np.array([1, TRUNK]), buffers=2,
        over_nets=lambda values: np.append(values, values[clock_net]),
    )  # fmt: skip
    load = np.array([9, 11, 3, 3, 7, 9, 50, 50, 15, 17, 70, 70]) * 1e-15  # rising and falling
    rails = rail_capacitance(netlist, tree, placement, activity, load)
    assert rails == pytest.approx(np.array([0.5 * 10 + 3, 0.25 * 16, 0.25 * 8, 0]) * 1e-15)
