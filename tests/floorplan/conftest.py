"""Designs that several tests of this room use."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from voltile.floorplan import Constraints, Sources, build_timing_graph, synthesize
from voltile.pdk import Header, Layer, Lef

BLOCKS = Path(__file__).parents[1] / "power" / "blocks.v"


@pytest.fixture(scope="session")
def mux_technology(toy_technology):
    """The toy technology with headers and upper metals: a finger of 0.5 um takes one site."""
    vdds, ratios = (0.6, 0.8, 1.0), (0.6, 0.8, 1.0)
    vdd, ratio = np.meshgrid(vdds, ratios, indexing="ij")
    header = Header(
        finger_width=0.5e-6, gate_pitch=0.2e-6, well_gap=2, flip_flop="toy_dff_1", vdds=vdds,
        ratios=ratios, resistance=1e-3 / (vdd * ratio**3), gate=1e-9 * np.array(vdds),
        off={"typical": 1e-3 * vdd * (1 - ratio)},
    )  # fmt: skip
    lef = toy_technology.lef
    macros = {name: replace(macro, rail_layer="met1") for name, macro in lef.macros.items()}
    layers = lef.layers | {
        "met4": Layer("VERTICAL", 0.3e-6, 0.4e-6, 0.05, 5e3),
        "met5": Layer("HORIZONTAL", 0.4e-6, 0.5e-6, 0.03, 0.0),
    }
    return replace(toy_technology, header=header, lef=Lef(macros, lef.sites, layers))


@pytest.fixture(scope="session")
def toy_mac(toy_technology, tmp_path_factory):
    """Timing graph of a multiply-accumulate unit in toy cells, about 900."""
    folder = tmp_path_factory.mktemp("toy_mac")
    netlist = synthesize(Sources([BLOCKS], top="mac"), toy_technology, 0.6e-9, folder)
    return build_timing_graph(netlist, Constraints())
