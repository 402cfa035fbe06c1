"""Cycle model: equality with SCALE-Sim's closed form, and time.

    python bench/cycle_model.py                      # ResNet18, every layer, dataflow and array
    python bench/cycle_model.py --scale-sim PYTHON   # measures tests/sim/scale_sim_3.csv again

The closed form is written here once more, with loops over folds, for one layer at a time. PYTHON is
an interpreter that has SCALE-Sim 3.0.0 (`pip install scalesim==3.0.0 "numpy<2" pandas tqdm`);
the program takes a minute for the six small layers, and an hour for ResNet18.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from voltile.core import Precision
from voltile.sim import (
    ArrayConfig,
    CycleMode,
    Dataflow,
    LayerShape,
    Op,
    Workload,
    layer_costs,
    network,
    read_topology,
)

ARRAYS = (8, 8), (16, 16), (32, 32), (12, 14)
SMALL_ARRAYS = (4, 4), (8, 8), (4, 8), (8, 3), (16, 16), (1, 6), (5, 1)
# Input height and width, kernel height and width, channels, filters, stride.
SMALL_LAYERS = (
    (8, 8, 3, 3, 4, 8, 1), (11, 9, 3, 2, 5, 13, 2), (7, 7, 1, 1, 17, 9, 1), (5, 5, 5, 5, 3, 10, 1),
    (14, 14, 3, 3, 1, 1, 1), (9, 12, 4, 3, 2, 21, 3),
)  # fmt: skip
HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter,"

CONFIG = """[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
IfmapSramSzkB = 64
FilterSramSzkB = 64
OfmapSramSzkB = 64
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""

DRIVER = """
from scalesim.scale_sim import scalesim
run = scalesim(verbose=False, save_disk_space=True, config="scale.cfg", topology="topology.csv",
               layout="layout.csv")
run.run_scale("out")
for layer in run.runner.single_layer_sim_object_list:
    print("MEASURED", int(layer.total_cycles), layer.ifmap_sram_reads, layer.filter_sram_reads,
          layer.ofmap_sram_writes)
"""


def expected(pixels: int, filters: int, vector: int, rows: int, cols: int, flow: Dataflow) -> int:
    """Return SCALE-Sim's cycles of a layer, fold by fold."""
    down, across, streams = {
        Dataflow.OUTPUT_STATIONARY: (pixels, filters, vector),
        Dataflow.WEIGHT_STATIONARY: (vector, filters, pixels),
        Dataflow.INPUT_STATIONARY: (vector, pixels, filters),
    }[flow]
    # What stays is shifted in by the rows first; what streams is skewed by rows and columns.
    load = 0 if flow is Dataflow.OUTPUT_STATIONARY else rows
    folds = (load + streams + (rows - 1) + (cols - 1)
             for _ in product(range(0, down, rows), range(0, across, cols)))  # fmt: skip
    return sum(folds) - 1


def topology(workload: Workload) -> str:
    """Return the layers that run on the array as a topology file, padding within feature maps."""
    lines = [f"{HEADER} Stride height, Stride width,"]
    for layer in workload.layers:
        if layer.op in (Op.CONV, Op.GEMM):
            sizes = (
                (out - 1) * stride + kernel
                for out, stride, kernel in zip(
                    (layer.out_height, layer.out_width), layer.stride, layer.kernel, strict=True
                )
            )
            values = (*sizes, *layer.kernel, layer.in_channels, layer.out_channels, *layer.stride)
            lines.append(f"{layer.name}, {', '.join(map(str, values))},")
    return "\n".join(lines) + "\n"


def compare(folder: Path) -> None:
    """Print, for each array and dataflow, in how many layers the cycles are equal."""
    file = folder / "resnet18.csv"
    file.write_text(topology(network("resnet18")))
    workload = read_topology(file)
    print("| array | dataflow | layers | equal | cycles |\n| --- | --- | --- | --- | --- |")
    for (rows, cols), flow in product(ARRAYS, Dataflow):
        # One product a cycle, as the program knows it.
        config = ArrayConfig(rows, cols, dataflow=flow)
        found = layer_costs(workload, config, [Precision.HALF]).cycles[0]
        equal = sum(
            int(cycles) == expected(
                layer.out_height * layer.out_width, layer.out_channels, layer.vector, rows, cols,
                flow,
            )
            for cycles, layer in zip(found, workload.layers, strict=True)
        )  # fmt: skip
        print(f"| {rows} x {cols} | {flow.value} | {len(found)} | {equal} | {found.sum()} |")


def time_it() -> None:
    """Print the time of 250 layers at three precisions."""
    layers: tuple[LayerShape, ...] = ()
    for name in ("resnet18", "resnet34", "resnet50", "mobilenet_v2", "squeezenet1.1"):
        layers += network(name).layers
    numbered = tuple(LayerShape(**{**vars(layer), "name": f"{number}"})
                     for number, layer in enumerate(layers[:250]))  # fmt: skip
    workload = Workload("many", numbered)
    start = time.perf_counter()
    workload.columns  # noqa: B018
    taken = time.perf_counter() - start
    print(f"\ncolumns of {len(numbered)} layers: {1e3 * taken:.2f} ms, once")
    for mode in CycleMode:
        config, times = ArrayConfig(mode=mode, weight_bytes=256 << 10), []
        for _ in range(50):
            start = time.perf_counter()
            layer_costs(workload, config, list(Precision))
            times.append(time.perf_counter() - start)
        print(f"costs at three precisions, mode {mode.value}: {1e3 * np.median(times):.2f} ms")


def measure(python: str, folder: Path) -> None:
    """Print what SCALE-Sim counts of the small layers."""
    rows = [f"{number}, {', '.join(map(str, sizes))}," for number, sizes in enumerate(SMALL_LAYERS)]
    (folder / "topology.csv").write_text("\n".join([f"{HEADER} Strides,", *rows]) + "\n")
    # It reads a layout even where it uses none.
    layout = [f"{number},{'1,' * 12}" for number in range(len(SMALL_LAYERS))]
    (folder / "layout.csv").write_text("\n".join(["Layer name,", *layout]) + "\n")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        "dataflow rows cols in_height in_width kernel_height kernel_width channels filters stride "
        "cycles act_reads weight_reads out_writes".split()
    )
    for flow, (height, width) in product(Dataflow, SMALL_ARRAYS):
        text = CONFIG.format(rows=height, cols=width, dataflow=flow.value)
        (folder / "scale.cfg").write_text(text)
        done = subprocess.run(
            [python, "-c", DRIVER], cwd=folder, capture_output=True, text=True, check=True
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED")]
        for sizes, line in zip(SMALL_LAYERS, lines, strict=True):
            out.writerow([flow.value, height, width, *sizes, *line.split()[1:]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale-sim", metavar="PYTHON", help="interpreter with SCALE-Sim")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.scale_sim:
            measure(given.scale_sim, Path(name))
        else:
            compare(Path(name))
            time_it()
