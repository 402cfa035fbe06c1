"""Designs that several tests of this room use."""

from pathlib import Path

import pytest

from voltile.floorplan import Constraints, Sources, build_timing_graph, synthesize

BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"


@pytest.fixture(scope="session")
def toy_mac(toy_technology, tmp_path_factory):
    """Timing graph of a multiply-accumulate unit in toy cells, about 900."""
    folder = tmp_path_factory.mktemp("toy_mac")
    netlist = synthesize(Sources([BLOCKS], top="mac"), toy_technology, 0.6e-9, folder)
    return build_timing_graph(netlist, Constraints())
