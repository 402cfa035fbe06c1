"""Energy and leakage of every tile of a mesh over frequency: what maps of a layout show."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan.clock_tree import TRUNK
from voltile.flows.fine_vh.layouts import Layout
from voltile.power import Activity, OperatingCurve, PowerModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TilePower:
    """A mesh over the frequencies of an operating curve.

    Attributes
    ----------
    state : ndarray of int, shape (frequencies,)
        Which state the mesh is in at each frequency.
    is_high : ndarray of bool, shape (states, tiles)
        Which tiles run at VddH.
    energy, leakage : ndarray, shape (states, tiles)
        Dynamic energy of what each tile feeds per clock cycle [J], and its leakage with that of its
        Vdd-MUX [W].
    trunk_energy, trunk_leakage : ndarray, shape (states,)
        Of the trunk of the clock tree, which no tile feeds.
    """

    state: NDArray[np.int64]
    is_high: NDArray[np.bool_]
    energy: Floats
    leakage: Floats
    trunk_energy: Floats
    trunk_leakage: Floats

    def power(self, frequency: Floats) -> Floats:
        """Power of every tile [W] at the frequencies of the curve, shape (frequencies, tiles)."""
        return frequency[:, None] * self.energy[self.state] + self.leakage[self.state]


def measure_tiles(
    pool: Executor,
    layouts: Mapping[int, Layout],
    activity: Activity,
    levels: Mapping[int, Sequence[float]],
    curves: Mapping[tuple[int, int], OperatingCurve],
    tile_vdd: Mapping[tuple[int, int], Floats],
) -> dict[tuple[int, int], TilePower]:
    """Return the power of the tiles of every mesh and split, in parallel.

    Parameters
    ----------
    levels : mapping of interval count to sequence of float
        Ends of its intervals [V].
    curves, tile_vdd : mapping by (N, interval count)
        FINE-VH, and the supply of every tile [V], shape (frequencies, tiles).
    """
    jobs = {
        (n, count): pool.submit(
            _measure, layouts[n], activity, np.array(levels[count]), curve, tile_vdd[n, count]
        )
        for (n, count), curve in curves.items()
    }
    return {key: job.result() for key, job in jobs.items()}


def _measure(
    layout: Layout, activity: Activity, levels: Floats, curve: OperatingCurve, tile_vdd: Floats
) -> TilePower:
    is_high = tile_vdd > curve.vdd_low[:, None] + 1e-9
    # Number of the interval, as the ends that libraries report may differ in their last digits.
    interval = np.abs(levels[:-1] - curve.vdd_low[:, None]).argmin(axis=1)
    found, state = np.unique(np.column_stack([interval, is_high]), axis=0, return_inverse=True)
    is_trunk = np.append(np.zeros(layout.graph.netlist.cells, bool), layout.tree.tile == TRUNK)
    rows = []
    for at in np.unique(interval):
        pair = layout.libraries(levels[at : at + 2].tolist(), curve.bias)
        design = layout.tile_timer(pair, curve.bias)
        model = PowerModel(layout.graph.netlist, layout.tree, activity, pair.libraries,
                           pair.mixed_supply, pair.leakage_corner)  # fmt: skip
        for raised in found[found[:, 0] == at, 1:].astype(bool):
            report = model.evaluate(design.library_of(raised), design.analyze(raised))
            kinds = (report.dynamic_energy, report.leakage)
            energy, leakage = (report.of_tiles(each, layout.placement) for each in kinds)
            rows.append((energy, leakage + layout.mux_leakage(*pair.vdds),
                         *(each[is_trunk].sum() for each in kinds)))  # fmt: skip
    return TilePower(state.reshape(-1), found[:, 1:].astype(bool),
                     *map(np.array, zip(*rows, strict=True)))  # fmt: skip


# The arrays below are what a run folder keeps.


def tiles_to_arrays(tiles: Mapping[tuple[int, int], TilePower]) -> dict[str, NDArray[Any]]:
    """Return the power of tiles as plain arrays, for `numpy.savez`."""
    return {
        f"{n}/{count}/{item.name}": getattr(power, item.name)
        for (n, count), power in tiles.items()
        for item in fields(TilePower)
    }


def tiles_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[tuple[int, int], TilePower]:
    """Return the power of tiles that `tiles_to_arrays` took apart."""
    names = sorted({key.rpartition("/")[0] for key in arrays})
    return {
        (int(name.split("/")[0]), int(name.split("/")[1])): TilePower(
            **{item.name: arrays[f"{name}/{item.name}"] for item in fields(TilePower)}
        )
        for name in names
    }
