"""What the scripts of a run's page draw from: JSON, with arrays as base64 of their bytes.

Figures of cells are rounded to 8 bits, which is finer than a screen shows; positions are exact.
"""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.floorplan import Timer, cell_slack

if TYPE_CHECKING:
    from voltile.flows.fine_vh.layouts import Layout
    from voltile.flows.fine_vh.result import RunResult
    from voltile.flows.fine_vh.tile_power import TilePower
    from voltile.power import OperatingCurve

# Slack of 0 to the largest; the last value is that of cells through which no timed path leads.
_SLACK_STEPS, _NO_PATH = 254, 255
# Set in the byte of a cell's bias when the cell is driven from another tile.
_INTERFACE = 128
_TONES = 33
# Significant digits of what charts show.
_DIGITS = 6


def page_data(result: "RunResult") -> dict[str, Any]:
    """Return everything that the scripts need of a run."""
    technology = result.technology
    macros = technology.lef.macros
    names = result.netlist.library.cell_name
    return {
        "design": result.netlist.name,
        "tones": _tones("viridis_r", 0, 1, _TONES),
        "vdd": [technology.vdds[0], technology.vdds[-1]],
        "nominal": technology.nominal_vdd,
        "bias": result.bias,
        "biases": [
            {"name": bias, "tone": tone}
            for bias, tone in zip(
                technology.biases,
                ["#d55e00", *_tones("Blues", 0.45, 1, len(technology.biases) - 1)],
                strict=True,
            )
        ],
        "frequency": result.frequency.tolist(),
        "widths": {
            count: (technology.vdds[-1] - technology.vdds[0]) / count
            for count in result.config.intervals
        },
        "types": [[name, round(macros[name].width / technology.site_width)] for name in names],
        "layouts": {n: _layout(result.layouts[n], result.bias) for n in result.config.tiles},
        "plans": {
            f"{n}/{count}": _plan(result.tile_power[n, count], curve)
            for (n, count), curve in result.fine_vh.items()
        },
        "curves": [_curve(curve) | {"variant": result.variant(curve)} for curve in result.curves],
    }


def _layout(layout: "Layout", bias: str) -> dict[str, Any]:
    """Cells of a layout in the order of tile, row and site; its mesh and its Vdd-MUX."""
    placement, netlist, muxes = layout.placement, layout.graph.netlist, layout.muxes
    grid = placement.grid
    order = np.lexsort((placement.site, placement.row, placement.tile))
    slack = _slack(layout, bias)
    finite = np.isfinite(slack)
    largest = float(slack[finite].max(initial=0.0)) or 1e-12
    steps = np.rint(np.where(finite, slack, 0.0).clip(0) / largest * _SLACK_STEPS)
    page: dict[str, Any] = {
        "tileSites": grid.tile_width,
        "tileRows": grid.tile_rows,
        "coreSites": grid.core_sites,
        "coreRows": grid.core_rows,
        "siteWidth": grid.site_width * 1e6,
        "siteHeight": grid.site_height * 1e6,
        "origin": _packed(grid.tile_origin),
        "cellsOfTile": _packed(np.bincount(placement.tile, minlength=grid.tiles)),
        "slackOfStep": largest / _SLACK_STEPS,
        "type": _packed(netlist.cell_type[order]),
        "site": _packed(placement.site[order]),
        "row": _packed(placement.row[order]),
        "slack": _packed(np.where(finite, steps, _NO_PATH)[order]),
        "bias": _packed((layout.bias_of(bias) + _INTERFACE * layout.interface)[order]),
        "mux": None,
    }
    if muxes is not None:
        page["mux"] = {
            "site": _packed(muxes.site), "row": _packed(muxes.row),
            "sites": _packed(muxes.sites[muxes.kind]),
        }  # fmt: skip
    return page


def _slack(layout: "Layout", bias: str) -> NDArray[np.float64]:
    """Slack of every cell at the nominal supply and the shortest period there [s]."""
    libraries = layout.libraries([layout.technology.nominal_vdd], bias)
    timing = Timer(layout.graph, libraries.libraries).analyze(layout.bias_of(bias), layout.wires)
    return cell_slack(timing, timing.min_period)


def _plan(power: "TilePower", curve: "OperatingCurve") -> dict[str, Any]:
    """Supplies over frequency; tiles at VddH, their energy and leakage in each state."""
    return {
        "low": _rounded(curve.vdd_low),
        "high": _rounded(curve.vdd_high),
        "state": power.state.tolist(),
        "isHigh": _packed(power.is_high),
        "energy": _packed(power.energy.astype("<f4")),
        "leakage": _packed(power.leakage.astype("<f4")),
        "trunkEnergy": _rounded(power.trunk_energy),
        "trunkLeakage": _rounded(power.trunk_leakage),
    }


def _curve(curve: "OperatingCurve") -> dict[str, Any]:
    return {
        "scheme": curve.scheme,
        "n": curve.n,
        "width": curve.interval,
        "bias": curve.bias,
        "selection": curve.selection,
        "power": _rounded(curve.power),
        "leakage": _rounded(curve.leakage),
        "areaAtLow": _rounded(curve.area_at_low),
    }


def _packed(values: NDArray[Any]) -> dict[str, str]:
    """Bytes of an array, integers in as few as hold the largest: `u1`, `u2`, `u4` or `f4`."""
    if values.dtype != np.dtype("<f4"):
        largest = int(values.max(initial=0))
        values = values.astype(np.min_scalar_type(largest).newbyteorder("<"))
    kind = f"{values.dtype.kind}{values.dtype.itemsize}"
    return {"type": kind, "data": base64.b64encode(values.tobytes()).decode()}


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _tones(name: str, first: float, last: float, count: int) -> list[str]:
    """Colours of a matplotlib map, as #rrggbb."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps[name](at)) for at in np.linspace(first, last, count)]
