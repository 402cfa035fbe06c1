"""Layouts of a run: meshes that come out slow, and keys of stages."""

import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from toy_netlists import random_netlist

from voltile.floorplan import Constraints, PlacedDesign, build_timing_graph, place
from voltile.flows import RunConfig
from voltile.flows.fine_vh import placements


@pytest.mark.parametrize(
    ("stretched", "placed"),
    [((1, 9, 9), 1), ((50, 1, 9), 2), ((50, 50, 20), 3), ((20, 50, 50), 3)],
)
def test_slow_meshes_are_placed_again_and_the_fastest_is_kept(
    toy_technology, monkeypatch, stretched, placed
):
    """Wires so many times as long with one seed after another."""
    graph = build_timing_graph(random_netlist(toy_technology.library(1.0), 2, 40), Constraints())
    placement = place(graph.netlist, graph.clocks, toy_technology, 2, 0.7)
    made = []

    def place_and_size(*arguments):
        factor = stretched[len(made)]
        made.append((arguments[4], factor))
        longer = replace(placement, net_length=placement.net_length * factor)
        return PlacedDesign(graph, longer)

    monkeypatch.setattr(placements, "place_and_size", place_and_size)
    period = PlacedDesign(graph, placement).min_period(toy_technology)
    uncut = SimpleNamespace(graph=graph, technology=toy_technology)
    arrays = placements._Task(uncut, RunConfig(seed=5), period, None).place(2)
    assert [seed for seed, _ in made] == [5, 6, 7][:placed]
    least = min(factor for _, factor in made)
    assert arrays["net_length"].sum() == pytest.approx(placement.net_length.sum() * least)


def test_keys_do_not_follow_the_order_of_sets():
    """It differs from process to process."""
    show = (
        "from voltile.flows.stages import stage_key\n"
        "print(stage_key(false_from=frozenset(f'port{bit}' for bit in range(20))))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", show], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(keys) == 1
