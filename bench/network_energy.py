"""Energy per MAC of the processing elements under the operands of every layer of a network.

    python bench/network_energy.py kws_dscnn.onnx --inputs kws01_dev.npz [--tech freepdk45]

Words of 8 bits, accumulators of 32 bits, nominal supply, the clock that all precisions of an
element meet there. Prints a row per layer and the mean over all MACs of the network: how many of
the activations are zero, and the energy of every element at full / mixed / half precision. Glitches
are not counted.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from prepared import FOLDER, faults_through, parser_of

from voltile.core import Precision, StageMeter
from voltile.flows.elements.job import PeConfig, mac_model, place_element
from voltile.flows.elements.operands import layer_macs, layer_operands, quantised_network
from voltile.flows.stages import Stages
from voltile.hdl import PROCESSING_ELEMENTS
from voltile.pdk import read_technology

VECTORS = 1024


def main(given: argparse.Namespace) -> None:
    """Print the table."""
    network, values = quantised_network(Path(given.model), Path(given.inputs), 8)
    technology, config = read_technology(given.tech), PeConfig(tech=given.tech)
    folder = FOLDER / f"network-energy-{technology.name}"
    stages = Stages(folder, StageMeter(), lambda line: print(line, file=sys.stderr))
    elements = {name: config.element(name) for name in config.pes}
    placed = {
        name: place_element(element, name, technology, config, stages)
        for name, element in elements.items()
    }
    names = " | ".join(PROCESSING_ELEMENTS[name].__name__ for name in elements)
    print(f"| pJ per MAC, full / mixed / half | MACs | zeros | {names} |")
    print("| --- " * (3 + len(elements)) + "|")
    macs = layer_macs(network, values[0])
    zeros, energies = [], []
    for layer, count in zip(network.layers, macs, strict=True):
        label = layer.source.name
        operands = layer_operands(network, values, label, VECTORS, config.seed)
        row = {}
        for name, element in elements.items():
            model = mac_model(f"{name}-{label}", placed[name], element, operands, stages)
            for precision in element.modes:
                (point,) = model.points(precision, [technology.nominal_vdd])
                item = model.at("", point, precision, model.clock)
                row[name, precision] = item.energy * 1e12
        zeros.append(operands.zero_acts)
        energies.append(row)
        print(_row(label, count, operands.zero_acts, row), flush=True)
    shares = np.array(macs) / sum(macs)
    mean = {key: float(shares @ [row[key] for row in energies]) for key in energies[0]}
    print(_row("mean over MACs", sum(macs), float(shares @ zeros), mean))


def _row(label: str, macs: int, zeros: float, row: dict[tuple[str, Precision], float]) -> str:
    columns = [
        " / ".join(f"{row[name, mode]:.2f}" if (name, mode) in row else "-" for mode in Precision)
        for name in PROCESSING_ELEMENTS
    ]
    return f"| {label} | {macs} | {zeros:.0%} | {' | '.join(columns)} |"


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("model", help="ONNX file")
    parser.add_argument("--inputs", required=True, help="npz file of its inputs")
    parser.add_argument("--tech", default="freepdk45", help="technology (default: Voltile's)")
    with faults_through(parser):
        main(parser.parse_args())
