"""Energy tables of the networks of the dissertation: beside its tables, by precision, in time.

    python bench/energy_tables.py [--tech freepdk45]

An 8 x 8 output-stationary array of `DualMac` (16 bits, or two of 8), three SRAMs of 128 KiB,
LPDDR4, as Table 3.4; cycles as SCALE-Sim's. Prints, as Markdown:

- layers, weights and cycles of Table 3.3, energy of weight reconfiguration of Table 3.7, and the
  operations of Tables 3.9 and 3.10, with what we find and the ratio;
- energy at 8 bits against 16 bits, the bound of what a precision search can save;
- time and memory of five networks at three precisions and nine supplies.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
from prepared import faults_through, parser_of

from voltile.flows.energy.accelerator_costs import Costs, accelerator_costs
from voltile.flows.energy.job import EnergyConfig, EnergyResult, compute_energy
from voltile.pdk import read_technology
from voltile.sim import (
    ENERGY_PARTS,
    ArrayConfig,
    LayerEnergies,
    Policy,
    Workload,
    layer_costs,
    layer_energies,
    network,
    operating_points,
)

# Table 3.3: layers, parameters and cycles in millions; Table 3.7: energy cost.
DISSERTATION = {
    "resnet18": (21, 11.68, 29.35, 0.096),
    "resnet34": (37, 21.78, 57.28, 0.092),
    "resnet50": (54, 25.50, 74.40, 0.080),
    "squeezenet1.1": (32, 1.23, 6.45, 0.044),
    "mobilenet_v2": (54, 3.47, 12.13, 0.063),
}
# Millions of 4 x 4 operations at full precision: Tables 3.13 to 3.15.
OPERATIONS = {"alexnet": 2858, "squeezenet1.1": 1402, "mobilenet_v2": 1269}
RUNS = 20


def main(given: argparse.Namespace) -> None:
    """Print the tables."""
    results = {
        name: compute_energy(EnergyConfig(name, pe="dual", tech=given.tech))
        for name in DISSERTATION
    }
    beside_table_3_3(results)
    beside_table_3_7(results)
    operations()
    at_half_precision(results)
    speed(given.tech)


def beside_table_3_3(results: dict[str, EnergyResult]) -> None:
    """Layers with weights, weights, and cycles at full precision."""
    print("| Table 3.3 | layers | published | weights, M | published | cycles, M | published "
          "| ratio | utilisation | of it published |")  # fmt: skip
    print("| --- " * 10 + "|")
    for name, (layers, parameters, cycles, _) in DISSERTATION.items():
        costs = results[name].energies.costs
        on_array = np.array([layer.op.on_array for layer in costs.workload.layers])
        weights = costs.workload.size("weights")
        mine, macs = int(costs.cycles[0][on_array].sum()), int(costs.macs.sum())
        print(
            f"| {name} | {(weights > 0).sum()} | {layers} | {weights.sum() / 1e6:.2f} "
            f"| {parameters:.2f} | {mine / 1e6:.2f} | {cycles:.2f} | {mine / cycles / 1e6:.2f} "
            f"| {macs / mine / 64:.1%} | {macs / (cycles * 1e6) / 64:.1%} |"
        )


def beside_table_3_7(results: dict[str, EnergyResult]) -> None:
    """Energy of weight reconfiguration over that of an inference."""
    print("\n| Table 3.7 | reconfiguration, mJ | of it DRAM | inference at 16 bits, mJ "
          "| share | published | ratio | pJ per bit of the DRAM for it |")  # fmt: skip
    print("| --- " * 8 + "|")
    for name, (*_, published) in DISSERTATION.items():
        item, inference = results[name].reconfiguration, results[name].inference
        share = item.energy / inference
        # DRAM energy per bit, all else equal, with which the share were the published one.
        dram = results[name].energies.parts["dram"][0, 0].sum()
        per_bit = results[name].costs.memories.dram
        factor = (published * (inference - dram) - item.sram) / (item.dram - published * dram)
        print(
            f"| {name} | {item.energy * 1e3:.3f} | {item.dram / item.energy:.0%} "
            f"| {inference * 1e3:.2f} | {share:.1%} | {published:.1%} | {share / published:.2f} "
            f"| {factor * per_bit * 1e12:.1f} |"
        )


def operations() -> None:
    """Operations of 4 x 4 bits: four of a product, two of a bias (Table 3.9)."""
    print("\n| Table 3.10 | MACs with biases, M | operations, M | published | ratio |")
    print("| --- " * 5 + "|")
    for name, published in OPERATIONS.items():
        layers = network(name).layers
        macs = sum(layer.macs for layer in layers)
        biases = sum(
            layer.out_channels * layer.out_height * layer.out_width
            for layer in layers
            if layer.bias
        )
        found = (4 * macs + 2 * biases) / 1e6
        print(
            f"| {name} | {(macs + biases) / 1e6:.0f} | {found:.0f} | {published} "
            f"| {found / published:.4f} |"
        )


def at_half_precision(results: dict[str, EnergyResult]) -> None:
    """Energy with all layers at 8 bits over that at 16 bits."""
    names = " | ".join(f"8 bits, {policy.value}" for policy in Policy)
    parts = " / ".join(ENERGY_PARTS)
    print(f"\n| network | 16 bits, mJ | {parts} | {names} | {parts}, iso-frequency |")
    print("| --- " * 7 + "|")
    for name, result in results.items():
        energies = result.energies
        total = energies.total.sum(axis=2)
        ratios = " | ".join(f"{item[1] / item[0]:.3f}" for item in total)
        print(
            f"| {name} | {total[0, 0] * 1e3:.2f} | {_split(energies, 0, 0)} | {ratios} "
            f"| {_split(energies, 1, 1)} |"
        )


def _split(energies: LayerEnergies, point: int, precision: int) -> str:
    parts = [energies.parts[name][point, precision].sum() for name in ENERGY_PARTS]
    return " / ".join(f"{part / sum(parts):.0%}" for part in parts)


def speed(tech: str) -> None:
    """Time and memory of all networks at three precisions and nine supplies."""
    technology = read_technology(tech)
    config = EnergyConfig("", pe="spatial", tech=tech)
    hardware = config.hardware
    costs = accelerator_costs(hardware, technology, config.dram)
    workloads = [network(name) for name in DISSERTATION]

    def energies() -> list[LayerEnergies]:
        return [_energies(workload, hardware, costs, technology.vdds) for workload in workloads]

    rows = sum(item.total.size for item in energies())
    print(f"\n| five networks, three precisions, {len(technology.vdds)} supplies: {rows} rows "
          f"| best of {RUNS}, ms | most memory, MB |")  # fmt: skip
    print("| --- | --- | --- |")
    for what, call in (
        ("networks by name", lambda: [network(name) for name in DISSERTATION]),
        ("cycles, traffic and energy", energies),
        ("and as tables", lambda: [item.table(tech) for item in energies()]),
    ):
        print(f"| {what} | {_least(call) * 1e3:.1f} | {_peak(call) / 1e6:.1f} |")


def _energies(
    workload: Workload, hardware: ArrayConfig, costs: Costs, vdds: Sequence[float]
) -> LayerEnergies:
    # Afresh, so that nothing that a workload keeps is read again.
    workload = Workload(workload.name, workload.layers)
    precisions = tuple(hardware.element.products)
    points = operating_points(costs.pe, precisions, [Policy.ISO_THROUGHPUT], vdds)
    found = layer_costs(workload, hardware, precisions)
    return layer_energies(found, costs.pe, points, costs.memories, costs.control)


def _least(call: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--tech", default=EnergyConfig.tech, help="technology")
    with faults_through(parser):
        main(parser.parse_args())
