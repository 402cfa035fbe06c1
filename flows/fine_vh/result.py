"""What a run found: layouts and curves, the savings, warnings and metrics that follow from them."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.core import RunRecord, StageMeter
from voltile.floorplan import Netlist, Timer, TimingGraph, unmeasured_cells
from voltile.flows.fine_vh.biases import assigned_bias
from voltile.flows.fine_vh.config import RunConfig
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.fine_vh.tile_power import TilePower
from voltile.pdk import Technology
from voltile.power import Activity, OperatingCurve, OperatingModes, unmeasured_states

Floats = NDArray[np.float64]

_BIASES = {"none": "no poly-bias", "interface": "poly-bias", "all": "poly-bias on all cells"}
# A mesh that is slower than the uncut layout by more than this is worth a warning.
_SLOWER = 0.03


@dataclass(frozen=True)
class RunResult:
    """What a run found; what the report shows.

    Attributes
    ----------
    layouts : mapping of N to Layout
        The uncut layout (1) included.
    period : float
        Clock period that synthesis aimed for [s].
    curves : tuple of OperatingCurve
    fine_vh : mapping of (N, interval count) to OperatingCurve
        Those of FINE-VH with the poly-bias that was asked for, of the least power found.
    tile_vdd : mapping of (N, interval count) to ndarray, shape (frequencies, tiles)
        Supply of every tile [V] in those.
    tile_power : mapping of (N, interval count) to TilePower
        What the tiles take in those.
    modes : tuple of OperatingModes
        What every scheme can run at.
    """

    config: RunConfig
    technology: Technology
    graph: TimingGraph
    activity: Activity
    frequency: Floats
    layouts: dict[int, Layout]
    period: float
    curves: tuple[OperatingCurve, ...]
    fine_vh: dict[tuple[int, int], OperatingCurve]
    tile_vdd: dict[tuple[int, int], Floats]
    tile_power: dict[tuple[int, int], TilePower]
    modes: tuple[OperatingModes, ...]
    meter: StageMeter
    record: RunRecord = field(repr=False)

    @property
    def min_period(self) -> dict[int, float]:
        """Shortest clock period of each layout at the nominal supply [s]."""
        return {n: layout.min_period for n, layout in self.layouts.items()}

    @property
    def bias(self) -> str:
        """Which cells may have longer gates: "none", "interface" or "all"."""
        return assigned_bias(self.config, self.technology)

    @property
    def shown_curves(self) -> list[OperatingCurve]:
        """One curve of every scheme, FINE-VH as asked for; and ideal-DVFS with poly-bias."""
        asked = (self.bias, "search")
        return [item for item in self.curves
                if item.scheme != "fine-vh" or (item.bias, item.selection) == asked]  # fmt: skip

    def variant(self, curve: OperatingCurve) -> str:
        """Return what tells a FINE-VH curve from the others of its mesh and interval width."""
        chosen = "search" if curve.selection == "search" else "Algorithm 5"
        if self.bias == "none":
            return chosen
        return f"{_BIASES[curve.bias]}, {chosen}"

    @property
    def telling_point(self) -> tuple[int, int, int]:
        """N, interval count and number of the frequency that tell most.

        The finest mesh and narrowest interval.
        """
        n, count = max(self.config.tiles), max(self.config.intervals)
        return n, count, self.telling_frequency(n, count)

    def telling_frequency(self, n: int, count: int) -> int:
        """Return the number of the frequency at which the most even areas are at both supplies."""
        return int(np.argmin(np.abs(self.fine_vh[n, count].area_at_low - 0.5)))

    @property
    def netlist(self) -> Netlist:
        """The mapped netlist."""
        return self.graph.netlist

    @cached_property
    def savings(self) -> list[dict[str, Any]]:
        """Mean saving of each FINE-VH curve against the other schemes, per interval width.

        "ideal_all" is ideal-DVFS of the uncut design with poly-bias on all of its cells.
        """
        rows = []
        for curve in self.curves:
            if curve.scheme == "fine-vh":
                row = {"tiles": curve.n, "dvdd_v": round(curve.interval, 6), "bias": curve.bias,
                       "selection": curve.selection}  # fmt: skip
                for other in self.curves:
                    same = other.scheme == "ideal" or abs(other.interval - curve.interval) < 1e-9
                    if other.scheme != "fine-vh" and same:
                        name = other.scheme + ("_all" if other.bias == "all" else "")
                        row[name] = curve.saving_against(other)
                row["leakage"] = float(np.mean(curve.leakage / curve.power))
                row["area_at_low"] = float(curve.area_at_low.mean())
                rows.append(row)
        return rows

    @cached_property
    def worst_slack(self) -> float:
        """Worst setup slack of the uncut layout at the nominal supply and the period asked for [s].

        Not the difference of two periods: a path between opposite clock edges has half of it.
        """
        library = self.technology.library(self.technology.nominal_vdd)
        everywhere = np.zeros(self.netlist.cells, dtype=np.int64)
        timing = Timer(self.graph, [library]).analyze(everywhere, self.layouts[1].wires)
        return timing.worst_slack(self.period)

    @property
    def warnings(self) -> list[str]:
        """What the user should know before reading the figures, a sentence each."""
        sentences = []
        if self.worst_slack < 0:
            sentences.append(
                f"the clock period of {self.period * 1e9:.2f} ns is missed by "
                f"{-self.worst_slack * 1e9:.2f} ns at {self.technology.nominal_vdd:.2f} V in the "
                f"uncut layout; the curves are of the frequencies that the layouts reach"
            )
        wanted = max(self.period, self.min_period[1])
        sentences += [
            f"{n} x {n} tiles are {period / wanted - 1:.0%} slower than the uncut layout, which "
            f"costs FINE-VH power and all schemes frequencies; another --seed may place them better"
            for n, period in self.min_period.items()
            if period > wanted * (1 + _SLOWER)
        ]
        overloaded = {n: int((layout.relative_load > 1).sum())
                      for n, layout in sorted(self.layouts.items())}  # fmt: skip
        if any(overloaded.values()):
            counts = (f"{count} in {f'{n} x {n} tiles' if n > 1 else 'the uncut layout'}"
                      for n, count in overloaded.items() if count)  # fmt: skip
            worst = max(self.layouts.values(), key=lambda layout: layout.relative_load.max())
            net = int(worst.relative_load.argmax())
            sentences.append(
                f"nets load their drivers with more than the library allows, since no drive "
                f"carries them or cells moved after sizing: {', '.join(counts)}; the worst is "
                f"{worst.graph.netlist.net_name[net]} with {worst.relative_load[net]:.2f} times as "
                f"much"
            )
        table = self.technology.mixed_supply
        if table is not None:
            cells = unmeasured_cells(self.graph, table) | unmeasured_states(self.netlist, table)
            if cells:
                sentences.append(
                    f"the mixed-supply table of technology {self.technology.name} lacks arcs, "
                    f"setups or states of {', '.join(sorted(cells))}: with drivers at VddL they "
                    f"count as the worst that it has of the cell, else of all"
                )
        return sentences

    @property
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`."""
        technology = self.technology
        return {
            "design": self.netlist.name,
            "technology": technology.name,
            "corner_timing": technology.timing_corner,
            "corner_leakage": technology.leakage_corner,
            "cells": self.netlist.cells,
            "area_um2": float(self.netlist.cell_area.sum()) * 1e12,
            "period_s": self.period,
            "wns_s": self.worst_slack,
            "tiles": list(self.config.tiles),
            "activity": self.activity.source,
            "frequency_min_hz": float(self.frequency.min()),
            "frequency_max_hz": float(self.frequency.max()),
            "layouts": [_layout_metrics(layout) for _, layout in sorted(self.layouts.items())],
            "savings": self.savings,
            "stages": {name: asdict(cost) for name, cost in self.meter.costs.items()},
        }


def _layout_metrics(layout: Layout) -> dict[str, Any]:
    """A row of Table 4.1, and what else tells layouts apart."""
    area, cells = layout.area, layout.graph.netlist.cells
    return {
        "tiles": layout.n,
        "core_area_um2": area.core * 1e12,
        "rows": area.rows,
        "cell_area_um2": area.cells * 1e12,
        "mux_area_um2": area.muxes * 1e12,
        "clock_buffers": layout.tree.buffers,
        "clock_buffer_area_um2": float(layout.tree.area.sum()) * 1e12,
        "clock_wire_length_m": float(layout.tree.wire_length.sum()),
        "wire_length_m": float(layout.placement.net_length.sum()),
        "min_period_s": layout.min_period,
        "interface_cells": float(layout.interface.mean()),
        "largest_drop": layout.largest_drop,
        "overloaded_nets": int((layout.relative_load > 1).sum()),
        "poly_bias": {
            name: np.bincount(plan.bias, minlength=len(layout.technology.biases)).tolist()
            for name, plan in layout.bias.items()
        },
        "poly_bias_stages": {
            name: [asdict(stage) for stage in plan.stages] for name, plan in layout.bias.items()
        },
        "scan_chain_m": layout.muxes.chain_length if layout.muxes else 0.0,
        "cells": cells,
    }
