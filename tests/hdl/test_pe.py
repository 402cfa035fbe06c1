"""What an array relies on: registers of the first stage feed the neighbour one cycle later."""

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from voltile.core import Precision
from voltile.core.yosys import run_yosys
from voltile.hdl import (
    DotProduct,
    DualMac,
    ScalableMac,
    SpatialMac,
    element_stimulus,
    schedule_on,
    write_verilog,
)
from voltile.sim import dot_product, pack, packed_dot_product, write_back

ELEMENTS = {"scalable": ScalableMac, "spatial": SpatialMac, "dual": DualMac}
LENGTH = 13


class Row(wiring.Component):
    """Two elements; activations, biases and control words go from the first to the second."""

    def __init__(self, element):
        self.pair = element(8, 24), element(8, 24)
        ports = self.pair[0].signature.members
        shared = {name: ports[name] for name in ("act", "bias", "ctl")}
        each = {f"{name}_{i}": ports[name] for i in range(2) for name in ("weight", "out")}
        super().__init__({**shared, **each})

    def elaborate(self, platform):
        m = Module()
        first, second = self.pair
        m.submodules.first, m.submodules.second = first, second
        wiring.connect(m, wiring.flipped(self.ctl), first.ctl)
        m.d.comb += [
            first.act.eq(self.act), second.act.eq(first.act_reg),
            first.bias.eq(self.bias), second.bias.eq(first.bias_reg),
            first.weight.eq(self.weight_0), second.weight.eq(self.weight_1),
            self.out_0.eq(first.out), self.out_1.eq(second.out),
            *(getattr(second.ctl, name).eq(first.word[name]) for name, _ in first.word.shape()),
        ]  # fmt: skip
        return m


def operand_bits(name, precision):
    """Return the bits of an activation and of a weight; ScalableMac rounds weights itself."""
    whole = name == "scalable" or precision is Precision.FULL
    return 4 if precision is Precision.HALF else 8, 8 if whole else 4


def golden(name, act, weight, precision, bias):
    if name == "scalable":
        total = dot_product(act, weight, precision, bias, 8, 24)
    else:
        products = ELEMENTS[name].modes[precision].weights
        total = packed_dot_product(act, weight, precision, products, bias, 8, 24)
    return int(write_back(total, 8, 8)[0]) % 256


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_neighbour_works_on_the_registers_one_cycle_later(name):
    rng = np.random.default_rng(2)
    row = Row(ELEMENTS[name])
    element = row.pair[0]
    jobs = [DotProduct(LENGTH, precision, bias=True, position=8) for precision in element.modes]
    plan = schedule_on(element, jobs)
    acts, weights, bias = [], [], rng.integers(-(2**15), 2**15, len(jobs))
    expected = []
    for job, offset in zip(jobs, bias, strict=True):
        mode = element.modes[job.precision]
        bits = operand_bits(name, job.precision)
        act, mine, other = (rng.integers(-(1 << size - 1), 1 << size - 1, LENGTH)
                            for size in (bits[0], bits[1], bits[1]))  # fmt: skip
        acts.append(pack(act, bits[0], mode.acts, element.act_width))
        weights.append([pack(values, bits[1], mode.weights, element.weight_width)
                        for values in (mine, other)])  # fmt: skip
        expected.append([golden(name, act, values, job.precision, offset)
                         for values in (mine, other)])  # fmt: skip
    weights = [np.concatenate(words) for words in zip(*weights, strict=True)]
    ports = element_stimulus(element, plan, np.concatenate(acts), np.stack(weights), bias)
    found = []

    async def bench(context):
        for cycle in range(plan.cycles + 1):
            now, before = min(cycle, plan.cycles - 1), max(cycle - 1, 0)
            for port in ("act", "bias"):
                context.set(getattr(row, port), int(ports[port][now]))
            for field in plan.control:
                context.set(getattr(row.ctl, field.removeprefix("ctl__")), int(ports[field][now]))
            context.set(row.weight_0, int(ports["weight"][0, now]))
            context.set(row.weight_1, int(ports["weight"][1, before]))
            found.append((context.get(row.out_0), context.get(row.out_1)))
            await context.tick()

    simulator = Simulator(row)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for cycle, pair in zip(plan.result_cycle, expected, strict=True):
        assert [found[cycle][0], found[cycle + 1][1]] == pair


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_row_is_written_as_verilog(name, tmp_path):
    write_verilog(Row(ELEMENTS[name]), "row", tmp_path / "row.v")
    passes = [f"read_verilog {tmp_path / 'row.v'}", "hierarchy -check -top row", "proc",
              "check -assert"]  # fmt: skip
    assert "Warning" not in run_yosys(passes, tmp_path, "read")
