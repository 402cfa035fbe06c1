"""The keyword-spotting network on the generated Verilog: cycles, utilisation, speed of simulators.

Ten inputs through all layers under Verilator, at every precision and a mix of them, compared with
the golden model bit by bit and with the cycle model; prints a row per layer with its cycles and the
share of the array's multiplications that are the layer's own. Then one layer on each simulator.
Needs MODELS_ROOT with kws_dscnn.onnx and kws01_dev.npz.

    ./run python bench/accelerator.py --pe spatial --inputs 1
"""

import csv
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from prepared import faults_through, parser_of

from voltile.core import Precision, VoltileError
from voltile.flows.elements.operands import read_inputs
from voltile.hdl import PROCESSING_ELEMENTS, Accelerator
from voltile.sim import ELEMENTS, Element, FixedPointNetwork, read_onnx

TESTS = Path(__file__).resolve().parent.parent / "tests" / "hdl"
sys.path.insert(0, str(TESTS))

from network_case import NetworkCase, precision_settings  # noqa: E402
from verilog_build import Bench  # noqa: E402

SIZE = 8, 8


def main(element: Element, inputs: int) -> None:
    """Print both tables."""
    if inputs < 1:
        raise VoltileError(f"--inputs must be 1 or more, not {inputs}")
    network, values = keyword_spotting(element)
    settings = precision_settings(network)
    runs = [(item, setting) for item in values[:inputs] for setting in settings]
    rows = simulated(NetworkCase(network, runs, *SIZE), "verilator")
    print(f"{inputs} inputs, {len(settings)} settings each: every feature map as the golden "
          "model's, every layer in the cycles of the model\n")  # fmt: skip
    modes = list(element.products)
    heads = (f"{mode.name.lower()}: cycles | utilisation" for mode in modes)
    print(f"| layer | MACs | {' | '.join(heads)} |")
    print("| --- | --- |" + " --- | --- |" * len(modes))
    first = [row for row in rows if int(row["run"]) < len(modes)]
    names = dict.fromkeys(row["layer"] for row in first)
    for name in names:
        of_layer = {row["precision"]: row for row in first if row["layer"] == name}
        print(line(name, [of_layer[mode.name.lower()] for mode in modes], element, modes))
    totals = []
    for mode in modes:
        part = [row for row in first if row["precision"] == mode.name.lower()]
        totals.append({key: sum(int(row[key]) for row in part) for key in ("macs", "cycles")})
    print(line("all", totals, element, modes))

    print("\n| simulator of the whole accelerator | clock cycles/s, last layers |\n| --- | --- |")
    for simulator in ("icarus", "verilator"):
        run = pooled(network, values[0]), [Precision.FULL] * 2
        part = simulated(NetworkCase(tail(network), [run], *SIZE), simulator)
        speed = sum(int(row["clocks"]) for row in part) / sum(float(row["seconds"]) for row in part)
        print(f"| cocotb, {simulator} | {speed:.0f} |", flush=True)


def keyword_spotting(element: Element) -> tuple[FixedPointNetwork, np.ndarray]:
    """Return the network for an element, and the inputs in its units."""
    folder = Path(os.environ.get("MODELS_ROOT", ""))
    model, data = folder / "kws_dscnn.onnx", folder / "kws01_dev.npz"
    if not (model.is_file() and data.is_file()):
        raise VoltileError("MODELS_ROOT must hold kws_dscnn.onnx and kws01_dev.npz")
    values = read_inputs(data)
    return FixedPointNetwork.quantised(read_onnx(model), values[:20], element), values


def simulated(case: NetworkCase, simulator: str) -> list[dict[str, str]]:
    """Return a row per layer that ran."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = case.write(folder / "network.pickle")
        element = PROCESSING_ELEMENTS[case.network.element.name]()
        component = Accelerator(case.rows, case.cols, element)
        start = time.perf_counter()
        bench = Bench(component, "accelerator", "network_bench", folder,
                      {"NETWORK_FILE": str(file)}, simulator)  # fmt: skip
        print(f"{simulator}: built in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        bench.run("network")
        with file.with_suffix(".csv").open() as rows:
            return list(csv.DictReader(rows))


def tail(network: FixedPointNetwork) -> FixedPointNetwork:
    """Return the last two layers."""
    return FixedPointNetwork(network.layers[-2:], network.element)


def pooled(network: FixedPointNetwork, values: np.ndarray) -> np.ndarray:
    """Return what they take, in its units."""
    maps = network.feature_maps(values, [Precision.FULL] * len(network.layers))
    return maps[-3] * 2.0 ** -network.layers[-2].fraction_in


def line(name: str, rows: Sequence, element: Element, modes: Sequence[Precision]) -> str:
    """Return a row of the table."""
    cells = []
    for row, mode in zip(rows, modes, strict=True):
        cycles = int(row["cycles"])
        peak = SIZE[0] * SIZE[1] * element.products[mode] / element.passes(mode)
        cells.append(f"{cycles} | {int(row['macs']) / (cycles * peak):.1%}")
    return f"| {name} | {rows[0]['macs']} | {' | '.join(cells)} |"


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--pe", choices=ELEMENTS, default="scalable", help="element of the array")
    parser.add_argument("--inputs", type=int, default=10, help="inputs to run")
    given = parser.parse_args()
    with faults_through(parser):
        main(ELEMENTS[given.pe], given.inputs)
