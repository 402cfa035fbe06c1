"""Area, delay and energy per MAC of the processing elements, beside each other and units of others.

    python bench/processing_elements.py [--operands FILE.npz]

Prints four tables. With the foundry's cells at tt_025C 1.80 V (needs the PDK), mapped and sized for
10 ns, under random operands, with accumulators of 32 and of 20 bits: every element as a whole, and
its inner part, without the registers of operands, bias and control word; beside it MAC units of
others as they were measured before, in another flow, to be compared with the last column. The
shortest delay of each precision, by case analysis, when all is mapped and sized for speed.
`ScalableMac` against a PE for 4 x 4 bits only, and fixed PEs (dissertation 3.4.3). Energy at low
precision, with and without a lower supply, on freepdk45. Takes five to ten minutes on two cores;
what has been placed is kept in `runs/bench` and read again.

Energy is given with glitches (bench/glitches.py, needs iverilog), where it is not said otherwise,
with wires and clock tree; of the inner part without the clock tree.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from foundry import foundry_technology
from glitches import glitch_activity
from numpy.typing import NDArray
from prepared import FOLDER, faults_through, parser_of
from reference_elements import FixedMac, HalfMac

from voltile.core import Precision, StageMeter, TechnologyError
from voltile.floorplan import Netlist, Timer, Wires
from voltile.flows.elements.job import PeConfig, PlacedElement, mac_model, place_element
from voltile.flows.elements.operands import Operands, random_operands, read_operands
from voltile.flows.elements.stimuli import PeStimuli
from voltile.flows.stages import Stages
from voltile.hdl import DualMac, ProcessingElement, ScalableMac, SpatialMac
from voltile.pdk import Technology, read_technology
from voltile.power import MacModel, PowerModel, PowerReport

FULL, MIXED, HALF = Precision.FULL, Precision.MIXED, Precision.HALF
ORDER = (FULL, MIXED, HALF)
# Of the registers at the ports, and the control word.
OUTER = ("act_reg", "weight_reg", "bias_reg", "word")
# MAC units of others, each synthesised alone from its authors' sources with sky130 tt_025C_1v80 for
# 10 ns: logic only, no operand registers, no wires, random operands, glitches counted. Area per
# (MAC/cycle) [um2] and energy per MAC [pJ] at 8x8, 8x4 and 4x4 bits. Camus: the collection of Camus
# et al., "Review and benchmarking of precision-scalable multiply-accumulate unit architectures",
# IEEE JETCAS 9 (2019); PSMA: that of Ibrahim et al., "Taxonomy and benchmarking of
# precision-scalable MAC arrays", IEEE TCAS-I 69 (2022); those without a name were written for the
# comparison.
OTHERS = (
    ("plain 8x8, 32-bit accumulator", "4302 / 4302 / 4302", "9.9 / 9.9 / 9.5"),
    ("plain 4x4, 32-bit accumulator", "- / - / 2286", "- / - / 5.0"),
    ("temporal 5x5, 32-bit saturating shifting accumulator", "15200 / 7600 / 3800",
     "24.7 / 13.9 / 8.1"),
    ("the same, 20-bit accumulator", "10020 / 5010 / 2505", "17.3 / 10.1 / 5.3"),
    ("spatial, four 5x5, 32-bit accumulator", "6218 / 3109 / 1555", "12.1 / 6.9 / 3.7"),
    ("Camus: conventional 8x8, 20-bit accumulator", "3366 / 3366 / 3366", "6.7 / - / -"),
    ("Camus: 2D spatial as in BitFusion, 20-bit accumulator", "6103 / 3052 / 1526",
     "12.5 / 6.7 / 3.2"),
    ("Camus: subword-parallel, 20-bit accumulator", "3841 / 3841 / 1921", "7.5 / - / 2.8"),
    ("PSMA: L2 unit FU_1111, 20-bit accumulator", "7780 / 3890 / 1945", "15.0 / 7.2 / 3.5"),
    ("BitSys, 32-bit accumulator, with skew loaders", "26339 / - / 13170", "47.9 / - / 22.8"),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One element, placed; arrays over the instances of its netlist with clock tree.

    Attributes
    ----------
    inner : ndarray of bool
        Instances that are no registers of operands, bias and control word, and no clock tree.
    reports, bare : mapping of Precision to PowerReport
        At the highest supply, with glitches; and the same if no wire had any length.
    """

    placed: PlacedElement
    model: MacModel
    inner: NDArray[np.bool_]
    area: NDArray[np.float64]
    reports: Mapping[Precision, PowerReport]
    bare: Mapping[Precision, PowerReport]

    def energy(self, precision: Precision, frequency: float, part: str = "") -> float:
        """Energy per MAC at a clock [Hz] of all, "inner" or "bare", inner without wires [J]."""
        report = (self.bare if part == "bare" else self.reports)[precision]
        chosen = self.inner if part else np.ones_like(self.inner)
        dynamic = (report.switching_energy + report.internal_energy)[chosen].sum()
        cycle = float(dynamic + report.leakage[chosen].sum() / frequency)
        return cycle / self.model.modes[precision].macs_per_cycle

    @property
    def logic_area(self) -> float:
        """Area of the inner part without its registers and clock gates [m2]."""
        netlist = self.placed.layout.graph.netlist
        logic = ~np.isin(netlist.cell_type, list(netlist.library.sequential))
        return float(netlist.cell_area[logic].sum())

    def delay(self, precision: Precision) -> float:
        """Shortest clock period at the highest supply, by case analysis [s]."""
        return 1 / self.model.max_frequency(precision, self.model.technology.vdds[-1])


class Bench:
    """Elements that are placed once for each technology and period, kept in `runs/bench`."""

    def __init__(self, technology: Technology, period: float, operands: Operands | None) -> None:
        self.technology, self.period, self.operands = technology, period, operands
        folder = FOLDER / f"elements-{technology.name}-{period * 1e9:g}ns"
        self.stages = Stages(folder, StageMeter(), lambda line: print(line, file=sys.stderr))

    def measure(self, element: ProcessingElement) -> Measured:
        """Place and measure an element."""
        name = f"{type(element).__name__}_{element.width}_{element.acc_width}"
        name += "" if getattr(element, "shifter", True) else "_plain"
        operands = self.operands
        if operands is None or element.width != 8:
            operands = random_operands(element.width, 0, 1)
        config = PeConfig(period=self.period)
        placed = place_element(element, name, self.technology, config, self.stages)
        model = mac_model(name, placed, element, operands, self.stages)
        layout = placed.layout
        netlist = layout.graph.netlist
        reports, bare = (
            {
                precision: self._report(element, placed, model, operands, precision, wires)
                for precision in model.modes
            }
            for wires in (layout.wires, Wires.none(netlist))
        )
        grown = layout.tree.insert(netlist)
        inner = np.append(_inner(netlist), np.zeros(layout.tree.buffers, dtype=bool))
        return Measured(placed, model, inner, grown.cell_area, reports, bare)

    def _report(
        self, element: ProcessingElement, placed: PlacedElement, model: MacModel,
        operands: Operands, precision: Precision, wires: Wires,
    ) -> PowerReport:  # fmt: skip
        """Power with glitches at the highest supply."""
        graph, tree = placed.layout.graph, placed.layout.tree
        libraries = [model.technology.library(model.technology.vdds[-1])]
        every = np.zeros(graph.netlist.cells, dtype=np.int64)
        timing = Timer(graph, libraries).analyze(every, wires)
        stimuli = PeStimuli(element, graph.netlist, graph.clocks, operands, precision)
        # A long clock: all comes to rest in a cycle.
        activity = glitch_activity(
            graph, timing, model.modes[precision].busy, stimuli.busy(),
            self.stages.folder / "glitches", 2 * timing.min_period,
        )  # fmt: skip
        return PowerModel(graph.netlist, tree, activity, libraries).evaluate(every, timing)


def _inner(netlist: Netlist) -> NDArray[np.bool_]:
    """Instances other than the outer registers and the clock gates that only these have."""
    outer = np.zeros(netlist.cells + 1, dtype=bool)
    keeps = np.append(np.isin(netlist.cell_type, list(netlist.library.sequential)), False)
    driver = np.where(netlist.net_driver >= 0, netlist.pin_cell[netlist.net_driver], -1)
    for net, cell in enumerate(driver.tolist()):
        outer[cell] |= keeps[cell] and netlist.net_name[net].partition("[")[0] in OUTER
    outer[-1] = False
    for net, cell in enumerate(driver.tolist()):
        first = netlist.net_first_sink
        sinks = netlist.pin_cell[netlist.sink_pins[first[net] : first[net + 1]]]
        outer[cell] |= bool(keeps[cell] and len(sinks) and outer[sinks].all())
    return ~outer[:-1]


def main(given: argparse.Namespace) -> None:
    """Print the tables."""
    operands = read_operands(Path(given.operands), 8) if given.operands else None
    freepdk45 = read_technology("freepdk45")
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        typical = foundry_technology(FOLDER, "tt_025C", (1.80,))
    except TechnologyError as error:
        print(f"{error}\n", file=sys.stderr)
    else:
        _print(_units(Bench(typical, 10e-9, operands), 10e-9))
        _print(_overheads(Bench(typical, 10e-9, operands), "sky130 tt 1.80 V, 10 ns", 10e-9))
        _print(_delays(Bench(typical, 0.1e-9, operands), "sky130 tt 1.80 V"))
    period = freepdk45.synthesis_period
    bench = Bench(freepdk45, period, operands)
    _print(_overheads(bench, f"freepdk45 1.00 V, {period * 1e9:g} ns", period))
    _print(_delays(Bench(freepdk45, 0.1e-9, operands), "freepdk45 1.00 V"))
    _print(_scaling(bench))


def _print(lines: Iterator[str]) -> None:
    print("\n".join(lines), end="\n\n", flush=True)


def _table(*heads: str) -> str:
    return f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|"


def _each(value: Mapping[Precision, float], form: str) -> str:
    """A value for full, mixed and half precision."""
    return " / ".join(form.format(value[mode]) if mode in value else "-" for mode in ORDER)


def _units(bench: Bench, period: float) -> Iterator[str]:
    """Elements beside the units of others."""
    yield _table(
        "unit", "area [µm²]", "inner area [µm²]", "of it logic",
        "inner area per MAC/cycle, 8x8 / 8x4 / 4x4", "pJ per MAC", "without glitches",
        "inner pJ per MAC", "without wires",
    )  # fmt: skip
    for acc_width in (32, 20):
        elements = (
            ScalableMac(8, acc_width), SpatialMac(8, acc_width), DualMac(8, acc_width),
            FixedMac(8, acc_width), FixedMac(4, acc_width),
        )  # fmt: skip
        for element in elements:
            item = bench.measure(element)
            modes, inner = item.model.modes, float(item.area[item.inner].sum()) * 1e12
            shown = modes if element.width == 8 else {HALF: modes[FULL]}
            of = {mode: mode if element.width == 8 else FULL for mode in shown}
            per_rate = {mode: inner / item_mode.macs_per_cycle for mode, item_mode in shown.items()}
            whole, inside, bare = (
                {mode: item.energy(own, 1 / period, part) * 1e12 for mode, own in of.items()}
                for part in ("", "inner", "bare")
            )
            plain = {}
            for mode, own in of.items():
                (point,) = item.model.points(own, [bench.technology.nominal_vdd])
                plain[mode] = item.model.at("", point, own, 1 / period).energy * 1e12
            name = f"{type(element).__name__} {element.width}x{element.width}"
            columns = (
                f"{name}, {acc_width}-bit accumulator", f"{item.area.sum() * 1e12:.0f}",
                f"{inner:.0f}", f"{item.logic_area * 1e12:.0f}", _each(per_rate, "{:.0f}"),
                *(_each(values, "{:.2f}") for values in (whole, plain, inside, bare)),
            )  # fmt: skip
            yield f"| {' | '.join(columns)} |"
    for name, area, energy in OTHERS:
        yield f"| {name} | | | | {area} | | | | {energy} |"


def _delays(bench: Bench, name: str) -> Iterator[str]:
    """Critical delay of every precision, of elements made for speed."""
    yield _table(f"for speed, {name}", "area [µm²]", "delay [ns], full / mixed / half",
                 "half against full")  # fmt: skip
    for element in (ScalableMac(8, 32), SpatialMac(8, 32), DualMac(8, 32), DualMac(16, 44),
                    FixedMac(8, 32), FixedMac(16, 44)):  # fmt: skip
        item = bench.measure(element)
        delays = {mode: item.delay(mode) * 1e9 for mode in element.modes}
        gain = f"{delays[HALF] / delays[FULL] - 1:+.1%}" if HALF in delays else ""
        yield (f"| {type(element).__name__} {element.width}x{element.width}, {element.acc_width} "
               f"bits | {item.area.sum() * 1e12:.0f} | {_each(delays, '{:.3f}')} | "
               f"{gain} |")  # fmt: skip


def _overheads(bench: Bench, name: str, period: float) -> Iterator[str]:
    """`ScalableMac` against elements of one precision, at one clock."""
    yield _table(f"{name}, 32-bit accumulator", "area [µm²]", "power [µW]",
                 "ScalableMac at that precision [µW]", "its area", "its power", "its MACs/cycle",
                 "published area, power")  # fmt: skip
    scalable = bench.measure(ScalableMac(8, 32))
    area = float(scalable.area.sum())
    rows = (
        ("4x4 only, no sign extension, no rounding", HalfMac(8, 32), HALF, HALF, "+4.5%, +2.5%"),
        ("the same without shifter", HalfMac(8, 32, shifter=False), HALF, HALF, ""),
        ("plain 8x8", FixedMac(8, 32), FULL, FULL, ""),
        ("plain 16x16, 44-bit accumulator", FixedMac(16, 44), FULL, FULL, ""),
    )
    for label, element, own, mode, published in rows:
        item = bench.measure(element)
        watts = [
            one.energy(at, 1 / period) * one.model.modes[at].macs_per_cycle / period * 1e6
            for one, at in ((item, own), (scalable, mode))
        ]
        rate = scalable.model.modes[mode].macs_per_cycle / item.model.modes[own].macs_per_cycle
        yield (
            f"| {label} | {item.area.sum() * 1e12:.0f} | {watts[0]:.1f} | {watts[1]:.1f} | "
            f"{area / item.area.sum() - 1:+.1%} | {watts[1] / watts[0] - 1:+.1%} | {rate:g} | "
            f"{published} |"
        )


def _scaling(bench: Bench) -> Iterator[str]:
    """Energy at low precision over that at full, with and without a lower supply; no glitches."""
    yield _table("energy per MAC over that at full precision, without glitches", "full [pJ]",
                 "at the same clock", "at the same throughput", "supply [V]")  # fmt: skip
    for element in (ScalableMac(8, 32), SpatialMac(8, 32), DualMac(8, 32), DualMac(16, 44)):
        model = bench.measure(element).model
        full = model.constant_frequency(FULL)[-1].energy
        for mode in [mode for mode in ORDER[1:] if mode in element.modes]:
            same = model.constant_frequency(mode)[-1].energy
            lower = model.constant_throughput(mode)
            bits = f"{element.act_bits(mode)}x{element.width // 2}"
            yield (f"| {type(element).__name__} {element.width}x{element.width} at {bits} | "
                   f"{full * 1e12:.2f} | {same / full:.2f} | {lower.energy / full:.2f} | "
                   f"{lower.vdd:.3f} |")  # fmt: skip


if __name__ == "__main__":
    parser = parser_of(__doc__)
    parser.add_argument("--operands", default=os.environ.get("OPERANDS", ""),
                        help="operands of 8 bits (voltile operands); else random")  # fmt: skip
    with faults_through(parser):
        main(parser.parse_args())
