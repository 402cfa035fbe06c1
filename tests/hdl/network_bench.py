"""cocotb test of a network on the generated Verilog of an Accelerator; run by test_network.py.

Reads the network, inputs and precisions from the file that NETWORK_FILE names (`network_case`), and
compares every feature map with the golden model's; each layer takes what the layer before it gave.
Leaves a row per layer in a CSV file beside it.
"""

import csv
import os
import time
from pathlib import Path

import cocotb
import numpy as np
from accelerator_ports import PERIOD_NS, Host
from cocotb.utils import get_sim_time
from layer_jobs import expected_cycles
from network_case import read_case

from voltile.core import Precision
from voltile.hdl import (
    PROCESSING_ELEMENTS,
    Accelerator,
    Layer,
    LayerJob,
    Register,
    SpaceToDepth,
    WeightForm,
    split_layer,
)
from voltile.sim import FixedPointNetwork


@cocotb.test()
async def network(dut):
    """Every layer of every input: results and cycles."""
    file = Path(os.environ["NETWORK_FILE"])
    case = read_case(file)
    size = case.rows, case.cols
    accelerator = Accelerator(*size, PROCESSING_ELEMENTS[case.network.element.name]())
    host = Host(dut)
    await host.reset()
    with file.with_suffix(".csv").open("w", newline="") as output:
        rows = csv.writer(output)
        rows.writerow(["run", "layer", "precision", "macs", "jobs", "cycles", "clocks", "seconds"])
        for number, (values, precisions) in enumerate(case.runs):
            async for row in compare(host, accelerator, case.network, values, precisions):
                rows.writerow([number, *row])


async def compare(
    host: Host,
    accelerator: Accelerator,
    network: FixedPointNetwork,
    values: np.ndarray,
    precisions: list[Precision],
):
    """Run one input through all layers; yield what each took."""
    element, size = network.element, (accelerator.rows, accelerator.cols)
    expected = network.feature_maps(values, precisions)
    act = expected[0]
    for number, (part, precision) in enumerate(zip(network.layers, precisions, strict=True)):
        source = part.source
        outputs, *kernel, inputs = part.weight.shape
        layer = Layer(
            inputs * source.groups, outputs, act.shape[0], act.shape[1], tuple(kernel),
            source.stride, source.padding, source.groups, precision, part.bias is not None,
            source.relu, network.position(number, precisions), network.narrow(number, precisions),
        )  # fmt: skip
        weight = part.weight  # the same words at every precision
        if source.groups == 1 and source.stride != (1, 1):
            blocks = SpaceToDepth(layer)
            layer, act, weight = blocks.layer, blocks.act(act), blocks.weight(weight)
        parts, cycles = split_layer(layer, accelerator), 0
        following = np.zeros((layer.out_height, layer.out_width, layer.out_channels), np.int64)
        start, began = time.perf_counter(), get_sim_time("ns")
        for item in parts:
            job = LayerJob(item.layer, accelerator, WeightForm.ROUNDED)
            bias = None if part.bias is None else part.bias[item.outputs]
            operands = act[item.in_rows, :, item.inputs], weight[item.outputs], bias
            [found] = await host.compute((job, *operands))
            following[item.out_rows, :, item.outputs] = found
            taken = await host.read(Register.CYCLES)
            assert taken == expected_cycles(item.layer, *size, element), source.name
            cycles += taken
        act = following
        np.testing.assert_array_equal(act, expected[number + 1], source.name)
        macs = part.weight[0].size * act.size
        seconds, clocks = time.perf_counter() - start, (get_sim_time("ns") - began) // PERIOD_NS
        name = precision.name.lower()
        yield source.name, name, macs, len(parts), cycles, int(clocks), f"{seconds:.3f}"
