"""Timing of cells whose drivers sit at a lower supply, against the scalar reference timer."""

from dataclasses import replace
from types import SimpleNamespace

import measured_cells as made
import numpy as np
import pytest
from reference_timer import ReferenceTimer
from toy_netlists import make_netlist, random_supply, random_wires

from voltile.core import TechnologyError
from voltile.floorplan import Constraints, Timer, Wires, build_timing_graph, select_vdd
from voltile.pdk import read_technology

GATES = (made.INV, made.BUF, made.NAND2, made.NOR2, made.XOR2, made.HALF_ADDER)
FLOPS = (made.DFF, made.DFFR)
VDDS = (0.8, 0.9, 1.0)
# The tables keep 13 bits.
BITS = 2**-12


@pytest.fixture(scope="module")
def technology(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        technology = read_technology(str(made.write_technology(folder, (0.6, 0.8, 1.0))))
        for bias in technology.biases:
            for vdd in technology.vdds:
                technology.library(vdd, bias)
    return technology


def netlist_of(technology, seed, gates=50, flops=10):
    """Gates and registers at random, every net driven."""
    rng = np.random.default_rng(seed)
    nets = ["rst", *(f"a{bit}" for bit in range(4)), *(f"q{bit}" for bit in range(flops))]
    inputs = ["clk", *nets[:5]]
    cells = {}
    for number in range(gates):
        cell = GATES[rng.integers(len(GATES))]
        pins = {pin: str(rng.choice(nets)) for pin in cell.inputs}
        pins |= {pin: f"n{number}{pin}" for pin in cell.functions}
        nets += [pins[pin] for pin in cell.functions]
        cells[f"u{number}"] = (cell.name, pins)
    for bit in range(flops):
        cell = FLOPS[rng.integers(2)]
        pins = {"CK": "clk", "D": str(rng.choice(nets)), "Q": f"q{bit}"}
        if cell is made.DFFR:
            pins["RN"] = str(rng.choice(nets))
        cells[f"r{bit}"] = (cell.name, pins)
    return make_netlist(technology.library(1.0), cells, inputs, nets[-4:])


def library_order(technology, vdds):
    """Every supply in every bias."""
    return [technology.library(vdd, bias) for vdd in vdds for bias in technology.biases]


def low_factors(technology):
    """The formulas behind the tables, between the supplies as the tables have it: linearly."""

    def addition(key, bias, vdd, ratio):
        ends = [made.check_addition(key, bias, at, ratio) for at in technology.vdds]
        return np.interp(vdd, technology.vdds, ends)

    return SimpleNamespace(
        delay_factor=made.delay_factor, slew_factor=made.slew_factor, check_addition=addition
    )


@pytest.mark.parametrize("seed", range(4))
def test_timer_agrees_with_the_reference(technology, seed):
    netlist = netlist_of(technology, seed)
    libraries = library_order(technology, VDDS)
    chosen, wires = random_supply(netlist, seed, len(libraries)), random_wires(netlist, seed)
    graph = build_timing_graph(netlist, Constraints())
    timing = Timer(graph, libraries, technology.mixed_supply).analyze(chosen, wires)
    reference = ReferenceTimer(
        netlist, libraries, chosen, wires, Constraints(), low=low_factors(technology)
    )
    nets, edges = range(netlist.nets), (0, 1)
    for ours, theirs in (
        (timing.slew, [reference.slew(net, edge) for net in nets for edge in edges]),
        (timing.arrival[0], [reference.arrival(net, edge, 0) for net in nets for edge in edges]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=BITS, atol=1e-17)
    period, _ = reference.critical_path()
    assert timing.min_period == pytest.approx(period, rel=BITS)
    unaware = Timer(graph, libraries).analyze(chosen, wires)
    assert unaware.min_period < (1 - 10 * BITS) * period


def test_only_a_lower_driver_slows_a_cell_down(technology):
    cells = {"first": ("INV_X1", {"A": "a", "Y": "n"}), "second": ("INV_X1", {"A": "n", "Y": "y"})}
    netlist = make_netlist(technology.library(1.0), cells, ["a"], ["y"])
    graph = build_timing_graph(netlist, Constraints())
    libraries = [technology.library(vdd) for vdd in (0.8, 1.0)]
    timer, unaware = Timer(graph, libraries, technology.mixed_supply), Timer(graph, libraries)
    for chosen, slower in (((0, 0), False), ((1, 1), False), ((1, 0), False), ((0, 1), True)):
        ours, plain = (
            item.analyze(np.array(chosen), Wires.none(netlist)).min_period
            for item in (timer, unaware)
        )
        assert (ours > plain) if slower else (ours == plain)


def test_an_output_that_does_not_switch_is_never_met(technology):
    never = replace(technology.mixed_supply, delay=np.where(
        np.array(technology.mixed_supply.ratios)[:, None] < 0.9, np.inf,
        technology.mixed_supply.delay,
    ).astype(np.float32))  # fmt: skip
    netlist = netlist_of(technology, 1)
    graph = build_timing_graph(netlist, Constraints())
    timer = Timer(graph, [technology.library(vdd) for vdd in (0.8, 1.0)], never)
    grid = SimpleNamespace(tiles=6)
    placement = SimpleNamespace(grid=grid, tile=np.arange(netlist.cells) % 6)
    plan = select_vdd(timer, placement, Wires.none(netlist))
    assert plan.period.max() > 0.5
    assert plan.period[0] < 1e-8 and plan.period[-1] < 1e-8
    assert sorted(plan.order) == list(range(6))


def test_a_pair_of_supplies_that_the_table_does_not_cover_is_refused(technology):
    graph = build_timing_graph(netlist_of(technology, 1), Constraints())
    libraries = [technology.library(vdd) for vdd in (0.6, 1.0)]
    with pytest.raises(TechnologyError, match=r"^a driver at 0\.6 V is at 0\.600 of the 1 V"):
        Timer(graph, libraries, technology.mixed_supply)


def test_delays_are_stretched_cell_by_cell(technology):
    cells = {"first": ("INV_X1", {"A": "a", "Y": "n"}), "second": ("INV_X1", {"A": "n", "Y": "y"})}
    netlist = make_netlist(technology.library(1.0), cells, ["a"], ["y"])
    timer = Timer(build_timing_graph(netlist, Constraints()), [technology.library(1.0)])
    every = np.zeros(2, dtype=np.int64)
    plain = timer.analyze(every, Wires.none(netlist))
    slow = timer.analyze(every, Wires.none(netlist), np.array([1.0, 1.5]))
    records, delays = plain.critical_path()
    last = delays[plain.graph.cell[records] == 1].sum()
    assert slow.min_period == pytest.approx(plain.min_period + 0.5 * last, rel=1e-12)
