"""Peak current of tiles against waveforms drawn by hand."""

import numpy as np
import pytest

from voltile.floorplan import Timer, Wires, build_timing_graph
from voltile.floorplan.constraints import Constraints
from voltile.power import CurrentWaveform, PowerModel, current_waveform
from voltile.power.activity import Activity

PS, FC, UA = 1e-12, 1e-15, 1e-6
PERIOD = 320 * PS  # 32 parts of 10 ps


def waveform(*cells):
    """Cells as (start [ps], end [ps], charge [fC], leakage [uA])."""
    start, end, charge, leakage = np.array(cells, dtype=float).T
    return CurrentWaveform(PERIOD, start * PS, end * PS, charge * FC, leakage * UA)


def test_one_cell_draws_its_charge_over_its_transition():
    peak = waveform((100, 140, 8, 0)).peak(np.zeros(1, int), 1)
    assert peak == pytest.approx([8 * FC / (40 * PS)])


def test_overlapping_cells_add_up_and_others_do_not():
    drawn = waveform((0, 40, 4, 0), (20, 60, 8, 0), (200, 320, 12, 0), (20, 40, 1, 5))
    tile = np.array([0, 0, 0, 1])
    # 20 to 40 ps: 0.1 + 0.2 mA; later 0.1 mA. The other tile: 0.05 mA and what leaks.
    assert drawn.peak(tile, 2) == pytest.approx([300 * UA, 50 * UA + 5 * UA])


def test_current_while_switching_is_the_mean_over_the_charge():
    # A quarter of the charge meets 0.1 mA, the rest 0.3 mA; a steady current meets itself.
    drawn = waveform((0, 40, 4, 0), (40, 80, 12, 0), (0, 320, 32, 0))
    tile = np.array([0, 0, 1])
    assert drawn.while_switching(tile, 2) == pytest.approx([250 * UA, 100 * UA])
    assert drawn.while_switching(tile, 3)[2] == 0


def test_peak_is_at_least_the_mean():
    rng = np.random.default_rng(1)
    start = rng.uniform(0, 250, 200)
    drawn = waveform(*zip(start, start + rng.uniform(10, 70, 200), rng.uniform(0, 3, 200),
                          np.zeros(200), strict=True))  # fmt: skip
    tile = rng.integers(0, 5, 200)
    mean = np.bincount(tile, drawn.charge) / PERIOD
    assert (drawn.peak(tile, 5) >= mean).all()
    assert drawn.peak(np.zeros(200, int), 1)[0] <= drawn.peak(tile, 5).sum() * (1 + 1e-12)


def test_waveform_of_a_netlist_holds_all_of_its_energy(made_technology):
    from clock_trees import bare_tree
    from made_netlists import netlist_of

    library = made_technology.library(1.0)
    netlist = netlist_of(library, 3)
    graph = build_timing_graph(netlist, Constraints())
    every = np.zeros(netlist.cells, dtype=int)
    timing = Timer(graph, [library]).analyze(every, Wires.none(netlist))
    rate = np.full(netlist.nets, 0.1)
    given = Activity(np.full(netlist.nets, 0.5), rate, 100, 1, "even")
    tree = bare_tree(netlist)
    report = PowerModel(netlist, tree, given, [library]).evaluate(every, timing)
    drawn = current_waveform(report, timing, 1.0)
    totals = report.totals(1 / timing.min_period)
    assert drawn.charge.sum() / drawn.period == pytest.approx(totals.switching + totals.internal)
    assert drawn.leakage.sum() == pytest.approx(totals.leakage)
    assert (drawn.start >= 0).all() and (drawn.end > drawn.start).all()
    assert (drawn.end <= drawn.period * (1 + 1 / 16)).all()
