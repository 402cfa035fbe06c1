"""Tables of a run's page: savings and what they are made of, Table 4.1, poly-bias."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from voltile.flows.fine_vh.result import RunResult
    from voltile.power import OperatingCurve

# Schemes against which savings are split into switching and leakage.
SPLIT = ("ideal", "hopping")
# Rows of dissertation Table 4.1, and more: name, format, key of a layout's metrics and factor; and
# the dissertation's figures, of a RI5CY core in 28 nm FDSOI, by N (the overhead from its 4.1.4).
_ROWS: tuple[tuple[str, str, str, float, dict[int, float]], ...] = (
    ("core area [µm²]", ",.0f", "core_area_um2", 1, {1: 36229, 3: 37105, 5: 37626, 7: 38386}),
    ("overhead [%]", ".2f", "overhead", 100, {1: 0, 3: 2.42, 5: 3.86, 7: 5.95}),
    ("rows", ".0f", "rows", 1, {1: 158, 3: 160, 5: 161, 7: 163}),
    ("cell area [µm²]", ",.0f", "cell_area_um2", 1, {1: 25550, 3: 25397, 5: 25302, 7: 25698}),
    ("Vdd-MUX area [µm²]", ",.0f", "mux_area_um2", 1, {}),
    ("largest drop of a Vdd-MUX [%]", ".2f", "largest_drop", 100, {}),
    ("scan chain [mm]", ".2f", "scan_chain_m", 1e3, {}),
    ("delay [ns]", ".2f", "min_period_s", 1e9, {1: 3.00, 3: 2.95, 5: 2.99, 7: 3.00}),
    ("interface cells [%]", ".2f", "interface_cells", 100, {1: 0, 3: 38.44, 5: 56.89, 7: 62.65}),
    ("wire length [m]", ".3f", "wire_length_m", 1, {}),
    ("clock buffers", ",.0f", "clock_buffers", 1, {}),
    ("area of clock buffers [µm²]", ",.0f", "clock_buffer_area_um2", 1, {}),
    ("clock wires [m]", ".4f", "clock_wire_length_m", 1, {}),
)
_DISSERTATION_MESHES = (3, 5, 7)


def _fine_vh(result: "RunResult", n: int, width: float) -> list["OperatingCurve"]:
    """Every variant of a mesh and interval width, the same order for all."""
    return [
        curve for curve in result.curves
        if curve.scheme == "fine-vh" and curve.n == n and abs(curve.interval - width) < 1e-9
    ]  # fmt: skip


def saving_steps(result: "RunResult") -> list[dict[str, Any]]:
    """Return what poly-bias and the search of tiles add, by mesh and interval width."""
    rows = []
    for (n, _), asked in result.fine_vh.items():
        variants = _fine_vh(result, n, asked.interval)
        kind = (result.bias, "algorithm-5")
        published = next(curve for curve in variants if (curve.bias, curve.selection) == kind)
        rows.append({
            "n": n,
            "width": asked.interval,
            "savings": [curve.saving_against(result.curves[0]) for curve in variants],
            "areas": [float(curve.area_at_low.mean()) for curve in (published, asked)],
        })  # fmt: skip
    return rows


def split_savings(result: "RunResult") -> list[dict[str, Any]]:
    """Return the savings of FINE-VH by what they are made of, against each scheme of `SPLIT`."""
    rows = []
    for (n, _), asked in result.fine_vh.items():
        others = [
            next(curve for curve in result.curves if curve.scheme == scheme
                 and (scheme == "ideal" or abs(curve.interval - asked.interval) < 1e-9))
            for scheme in SPLIT
        ]  # fmt: skip
        parts = [saving_parts(asked, other) for other in others]
        rows.append({"n": n, "width": asked.interval, "parts": parts})
    return rows


def saving_parts(curve: "OperatingCurve", other: "OperatingCurve") -> tuple[float, float]:
    """Return what of the mean saving is dynamic power, and what leakage; they add up to it."""
    leakage = float(np.mean((other.leakage - curve.leakage) / other.power))
    return curve.saving_against(other) - leakage, leakage


def beside_dissertation(layouts: list[dict[str, Any]]) -> bool:
    """Whether a mesh is one of those of the dissertation."""
    return any(layout["tiles"] in _DISSERTATION_MESHES for layout in layouts)


def table_4_1(layouts: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return Table 4.1 and more: names, and for each layout our figure and the dissertation's."""
    uncut = layouts[0]["core_area_um2"]
    layouts = [item | {"overhead": item["core_area_um2"] / uncut - 1} for item in layouts]
    is_beside = beside_dissertation(layouts)
    table = []
    for name, style, key, factor, published in _ROWS:
        pairs = []
        for layout in layouts:
            theirs = published.get(layout["tiles"]) if is_beside else None
            text = "" if theirs is None else format(theirs, style)
            pairs.append((format(layout[key] * factor, style), text))
        table.append((name, pairs))
    return table


def bias_distribution(result: "RunResult") -> list[tuple[str, int, NDArray[np.float64]]]:
    """Return the share of each bias over interface cells, and over all where all may have one.

    With names and numbers of cells.
    """
    rows = []
    uncut = result.layouts[1]
    if result.bias != "none":
        meshes = [(n, result.layouts[n]) for n in result.config.tiles]
        assigned = {n: layout.bias_of(result.bias) for n, layout in meshes}
        rows += [(f"{n} × {n} tiles", assigned[n][layout.interface]) for n, layout in meshes]
        if result.bias == "all":
            rows += [(f"{n} × {n} tiles, all cells", assigned[n]) for n, _ in meshes]
    if "all" in uncut.bias:
        rows.append(("uncut, all cells", uncut.bias_of("all")))
    biases = len(result.technology.biases)
    return [
        (name, len(bias), np.bincount(bias, minlength=biases) / len(bias))
        for name, bias in rows if len(bias)
    ]  # fmt: skip
