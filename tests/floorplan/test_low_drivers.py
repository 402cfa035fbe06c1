"""Timing of cells whose drivers sit at a lower supply, against the scalar reference timer."""

from dataclasses import replace
from types import SimpleNamespace

import measured_cells as made
import numpy as np
import pytest
from made_netlists import netlist_of
from reference_timer import ReferenceTimer
from toy_netlists import make_netlist, random_supply, random_wires

from voltile.core import TechnologyError
from voltile.floorplan import (
    Constraints,
    TileTimer,
    Timer,
    Wires,
    build_timing_graph,
    select_vdd,
    unmeasured_cells,
)

VDDS = (0.8, 0.9, 1.0)
# The tables keep 13 bits.
BITS = 2**-12


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
def test_timer_agrees_with_the_reference(made_technology, seed):
    netlist = netlist_of(made_technology.library(1.0), seed)
    libraries = library_order(made_technology, VDDS)
    chosen, wires = random_supply(netlist, seed, len(libraries)), random_wires(netlist, seed)
    graph = build_timing_graph(netlist, Constraints())
    timing = Timer(graph, libraries, made_technology.mixed_supply).analyze(chosen, wires)
    reference = ReferenceTimer(
        netlist, libraries, chosen, wires, Constraints(), low=low_factors(made_technology)
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


def test_only_a_lower_driver_slows_a_cell_down(made_technology):
    cells = {"first": ("INV_X1", {"A": "a", "Y": "n"}), "second": ("INV_X1", {"A": "n", "Y": "y"})}
    netlist = make_netlist(made_technology.library(1.0), cells, ["a"], ["y"])
    graph = build_timing_graph(netlist, Constraints())
    libraries = [made_technology.library(vdd) for vdd in (0.8, 1.0)]
    timer, unaware = Timer(graph, libraries, made_technology.mixed_supply), Timer(graph, libraries)
    for chosen, slower in (((0, 0), False), ((1, 1), False), ((1, 0), False), ((0, 1), True)):
        ours, plain = (
            item.analyze(np.array(chosen), Wires.none(netlist)).min_period
            for item in (timer, unaware)
        )
        assert (ours > plain) if slower else (ours == plain)


def test_an_output_that_does_not_switch_is_never_met(made_technology):
    never = replace(made_technology.mixed_supply, delay=np.where(
        np.array(made_technology.mixed_supply.ratios)[:, None] < 0.9, np.inf,
        made_technology.mixed_supply.delay,
    ).astype(np.float32))  # fmt: skip
    netlist = netlist_of(made_technology.library(1.0), 1)
    graph = build_timing_graph(netlist, Constraints())
    timer = Timer(graph, [made_technology.library(vdd) for vdd in (0.8, 1.0)], never)
    grid = SimpleNamespace(tiles=6)
    placement = SimpleNamespace(grid=grid, tile=np.arange(netlist.cells) % 6)
    plan = select_vdd(TileTimer.plain(timer, placement, Wires.none(netlist)))
    assert plan.period.max() > 0.5
    assert plan.period[0] < 1e-8 and plan.period[-1] < 1e-8
    assert sorted(plan.order) == list(range(6))


def cut(table, lacks_arc, lacks_check):
    """A table without some arcs and checks."""
    arcs = [at for at, row in enumerate(table.arcs) if not lacks_arc(row)]
    checks = [at for at, row in enumerate(table.checks) if not lacks_check(row)]
    return replace(
        table, arcs=tuple(table.arcs[at] for at in arcs), delay=table.delay[..., arcs],
        slew=table.slew[..., arcs], checks=tuple(table.checks[at] for at in checks),
        addition=table.addition[..., checks],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lacks_arc", "lacks_check", "cells"),
    [
        (lambda row: row[:2] == ("NAND2_X1", "A"), lambda row: False, {"NAND2_X1"}),
        (lambda row: row.cell == "INV_X1", lambda row: False, {"INV_X1"}),
        (lambda row: False, lambda row: row[:2] == ("DFF_X1", "D") and row.edge == "fall",
         {"DFF_X1"}),
        (lambda row: False, lambda row: row.cell == "DFFR_X1", {"DFFR_X1"}),
    ],
)  # fmt: skip
def test_what_the_table_lacks_counts_as_the_worst_that_it_has(
    made_technology, lacks_arc, lacks_check, cells
):
    whole = made_technology.mixed_supply
    table = cut(whole, lacks_arc, lacks_check)
    graph = build_timing_graph(netlist_of(made_technology.library(1.0), 1), Constraints())
    libraries = [made_technology.library(vdd) for vdd in (0.8, 1.0)]
    ours, theirs = (Timer(graph, libraries, item).low_drivers for item in (table, whole))
    assert unmeasured_cells(graph, table) == cells and unmeasured_cells(graph, whole) == set()
    factors, addition = table.delay_factor("pb0", 0.8, 1.0), table.check_addition("pb0", 0.8, 1.0)

    def worst(values, rows, cell):
        mine = [value for value, row in zip(values, rows, strict=True) if row.cell == cell]
        return max(mine or values)

    library, arcs, checks = graph.netlist.library, graph.arcs, graph.checks.of_library
    seen = 0
    for at, arc in enumerate(arcs.index):
        cell, pin = library.cell_name[library.arc_cell[arc]], library.arc_from[arc]
        if any(lacks_arc(row) and row[:2] == (cell, library.pin_name[pin]) for row in whole.arcs):
            seen += 1
            assert ours.arc[1, 0, at].tolist() == [worst(item, table.arcs, cell)
                                                   for item in factors]  # fmt: skip
        else:
            assert (ours.arc[1, 0, at] == theirs.arc[1, 0, at]).all()
    for at, (arc, edge) in enumerate(zip(checks.index, checks.edge, strict=True)):
        cell, pin = library.cell_name[library.arc_cell[arc]], library.pin_name[library.arc_to[arc]]
        name = ("rise", "fall")[edge]
        if any(lacks_check(row) and (row.cell, row.pin, row.edge) == (cell, pin, name)
               for row in whole.checks):
            seen += 1
            assert ours.setup[1, 0, at] == worst(addition, table.checks, cell) > 0
    assert seen


def test_a_pair_of_supplies_that_the_table_does_not_cover_is_refused(made_technology):
    graph = build_timing_graph(netlist_of(made_technology.library(1.0), 1), Constraints())
    libraries = [made_technology.library(vdd) for vdd in (0.6, 1.0)]
    with pytest.raises(TechnologyError, match=r"^a driver at 0\.6 V is at 0\.600 of the 1 V"):
        Timer(graph, libraries, made_technology.mixed_supply)


def test_delays_are_stretched_cell_by_cell(made_technology):
    cells = {"first": ("INV_X1", {"A": "a", "Y": "n"}), "second": ("INV_X1", {"A": "n", "Y": "y"})}
    netlist = make_netlist(made_technology.library(1.0), cells, ["a"], ["y"])
    timer = Timer(build_timing_graph(netlist, Constraints()), [made_technology.library(1.0)])
    every = np.zeros(2, dtype=np.int64)
    plain = timer.analyze(every, Wires.none(netlist))
    slow = timer.analyze(every, Wires.none(netlist), np.array([1.0, 1.5]))
    records, delays = plain.critical_path()
    last = delays[plain.graph.cell[records] == 1].sum()
    assert slow.min_period == pytest.approx(plain.min_period + 0.5 * last, rel=1e-12)
