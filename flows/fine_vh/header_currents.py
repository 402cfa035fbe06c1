"""What the headers of a mesh carry at each pair of supplies: how wide they must be, what they drop.

A tile at VddL is clocked as fast as those at VddH allow. Its cells therefore count as drawing their
charge, that of VddL, when they would at VddH: within a shorter time than they do, gates being
slower at VddL, so that headers come out rather too wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import (
    ClockTree,
    MuxCells,
    PlacedDesign,
    Placement,
    Timer,
    TimingGraph,
    Wires,
    size_headers,
)
from voltile.pdk import Technology
from voltile.power import Activity, CurrentWaveform, PowerModel, current_waveform

Floats = NDArray[np.float64]
Pair = tuple[float, float]


def pair_currents(
    graph: TimingGraph,
    wires: Wires,
    tree: ClockTree,
    technology: Technology,
    activity: Activity,
    pairs: Sequence[Pair],
) -> dict[Pair, tuple[CurrentWaveform, CurrentWaveform]]:
    """Return what cells draw at VddL and at VddH of each pair, at the clock that VddH allows."""
    every = np.zeros(graph.netlist.cells, dtype=np.int64)
    timings, reports = {}, {}
    for vdd in sorted({vdd for pair in pairs for vdd in pair}):
        library = technology.library(vdd)
        timings[vdd] = Timer(graph, [library]).analyze(every, wires)
        model = PowerModel(graph.netlist, tree, activity, [library])
        reports[vdd] = model.evaluate(every, timings[vdd])
    return {
        (low, high): (
            current_waveform(reports[low], timings[high], low),
            current_waveform(reports[high], timings[high], high),
        )
        for low, high in pairs
    }


@dataclass(frozen=True, eq=False)
class HeaderCurrents:
    """What the headers of a mesh carry, and the cells that they come in.

    Attributes
    ----------
    waveforms : mapping of (VddL, VddH) to two CurrentWaveform
        `pair_currents`.
    allowed_drop : float
        Part of its supply that a header may drop at the peak current.
    """

    cells: MuxCells
    waveforms: Mapping[Pair, tuple[CurrentWaveform, CurrentWaveform]]
    allowed_drop: float

    def widths(self, placement: Placement) -> Floats:
        """Width that each header of a tile needs for every pair of supplies [m], shape (tiles,)."""
        header, drop = self.cells.header, self.allowed_drop
        needed = [
            size_headers(at_low, at_high, low, high, header, drop)
            for (low, high), (at_low, at_high) in self._peaks(placement).items()
        ]
        return np.asarray(np.max(needed, axis=0))

    def drops(self, design: PlacedDesign) -> dict[Pair, Floats]:
        """Part of VddL and of VddH that cells miss when they switch, shape (2, tiles)."""
        placement = design.placement
        tile, tiles = placement.tile, placement.grid.tiles
        return self._drops(design, {
            pair: [item.while_switching(tile, tiles) for item in both]
            for pair, both in self.waveforms.items()
        })  # fmt: skip

    def largest_drop(self, design: PlacedDesign) -> float:
        """Largest part of a supply that any header drops at its tile's peak current."""
        drops = self._drops(design, self._peaks(design.placement))
        return max(float(drop.max()) for drop in drops.values())

    def _drops(
        self, design: PlacedDesign, current: Mapping[Pair, Sequence[Floats]]
    ) -> dict[Pair, Floats]:
        muxes, header = design.muxes, self.cells.header
        if muxes is None:
            raise ValueError("the design has no Vdd-MUX")
        return {
            pair: np.stack([
                muxes.resistance(header, vdd, pair[1]) * amperes / vdd
                for vdd, amperes in zip(pair, both, strict=True)
            ])
            for pair, both in current.items()
        }  # fmt: skip

    def _peaks(self, placement: Placement) -> dict[Pair, list[Floats]]:
        tile, tiles = placement.tile, placement.grid.tiles
        return {
            pair: [item.peak(tile, tiles) for item in both] for pair, both in self.waveforms.items()
        }
