"""Pictures of a run: layout, operating curves, savings, Vdd map, area at VddL."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.flows.figures import HIGH as _HIGH
from voltile.flows.figures import LOW as _LOW
from voltile.flows.figures import new_figure as _figure
from voltile.flows.figures import save_figure as _save

if TYPE_CHECKING:
    from voltile.floorplan import Netlist, Placement, TileGrid
    from voltile.flows.fine_vh.result import RunResult
    from voltile.pdk import Technology
    from voltile.power import OperatingCurve

# Colour-blind safe (Okabe and Ito), as those of `figures`.
_SCHEMES = {
    ("ideal", "none"): ("black", "--", "x", "ideal-DVFS"),
    ("ideal", "all"): ("#767676", ":", "+", "ideal-DVFS, poly-bias on all cells"),
    ("hopping", "none"): ("#E69F00", "-", "^", "Vdd-hopping"),
    ("dithering", "none"): ("#009E73", "-.", "s", "Vdd-dithering"),
}
_MESHES = (
    "#CC79A7", "#0072B2", "#D55E00", "#56B4E9", "#F0E442", "#332288", "#882255", "#999933",
    "#999999", "#8C564B",
)  # fmt: skip
_MARKERS = "oDv*P"
# Colours and lines of a mesh without and with poly-bias, by Algorithm 5 and by search.
_VARIANTS = (("#56B4E9", ":"), ("#0072B2", "--"), ("black", "-"), ("#332288", "-."))


def _corners(
    placement: "Placement", netlist: "Netlist", technology: "Technology"
) -> NDArray[np.float64]:
    """Corners of every cell [µm], shape (cells, 4, 2)."""
    grid = placement.grid
    width_of = np.array([technology.lef.macros[name].width for name in netlist.library.cell_name])
    x0 = placement.site * grid.site_width * 1e6
    y0 = placement.row * grid.site_height * 1e6
    x1 = x0 + width_of[netlist.cell_type] * 1e6
    y1 = y0 + grid.site_height * 1e6
    return np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1).reshape(-1, 4, 2)


def plot_layout(result: "RunResult", path: Path) -> None:
    """Draw the finest mesh: cells coloured by tile, and by supply at one frequency."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch, Rectangle

    n, count, shown = result.telling_point
    layout = result.layouts[n]
    placement = layout.placement
    grid = placement.grid
    curve = result.fine_vh[n, count]
    vdd = result.tile_vdd[n, count][shown]
    corners = _corners(placement, layout.graph.netlist, result.technology)
    figure, axes = _figure(12, 7, 2)
    # Neighbouring tiles get different colours: four of them, as on a map.
    column, row = np.arange(grid.tiles) % n, np.arange(grid.tiles) // n
    tones = np.array(["#4477AA", "#CCBB44", "#228833", "#AA3377"])[(column % 2) + 2 * (row % 2)]
    is_high = vdd > curve.vdd_low[shown] + 1e-9
    supply = np.where(is_high, _HIGH, _LOW)
    title = (
        f"Supply at {result.frequency[shown] / 1e6:.0f} MHz, "
        f"{curve.area_at_low[shown]:.0%} of the cell area at VddL"
    )
    for axis, colours, text in (
        (axes[0, 0], tones, f"{result.netlist.name}: {n} x {n} tiles, {len(corners)} cells"),
        (axes[0, 1], supply, title),
    ):
        for site, line in grid.tile_origin:
            axis.add_patch(
                Rectangle(
                    (site * grid.site_width * 1e6, line * grid.site_height * 1e6),
                    grid.tile_width * grid.site_width * 1e6,
                    grid.tile_rows * grid.site_height * 1e6,
                    facecolor="#F4F4F4", edgecolor="#999999", linewidth=0.4,
                )
            )  # fmt: skip
        axis.add_collection(
            PolyCollection(list(corners), facecolors=colours[placement.tile], edgecolors="none")
        )
        axis.set_aspect("equal")
        axis.set_xlim(0, grid.core_sites * grid.site_width * 1e6)
        axis.set_ylim(0, grid.core_rows * grid.site_height * 1e6)
        axis.set_xlabel("x [µm]")
        axis.set_ylabel("y [µm]")
        axis.set_title(text, fontsize=11)
    _number_tiles(axes[0, 0], grid)
    low, high = curve.vdd_low[shown], curve.vdd_high[shown]
    figure.legend(
        handles=[
            Patch(color=_HIGH, label=f"VddH {high:.2f} V"),
            Patch(color=_LOW, label=f"VddL {low:.2f} V"),
        ],
        loc="outside lower right",
        ncols=2,
        frameon=False,
    )
    _save(figure, path)


def _number_tiles(axis: Any, grid: "TileGrid") -> None:
    """Write its number into every tile of a drawing about 5 inches wide."""
    from matplotlib.patheffects import withStroke

    site, row = grid.site_width * 1e6, grid.site_height * 1e6
    points = 5 * 72 / (grid.core_sites * site)
    size = min(grid.tile_width * site / 2, grid.tile_rows * row) * points / 2
    for tile, (x, y) in enumerate(grid.tile_origin):
        axis.text(
            (x + grid.tile_width / 2) * site, (y + grid.tile_rows / 2) * row, str(tile),
            ha="center", va="center_baseline", fontsize=float(np.clip(size, 4, 14)),
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def _width(result: "RunResult", count: int) -> float:
    vdds = result.technology.vdds
    return (vdds[-1] - vdds[0]) / count


def _title(count: int, width: float) -> str:
    return f"{count} interval{'s' if count > 1 else ''} of {width * 1e3:.0f} mV"


def _mesh_style(result: "RunResult", n: int) -> dict[str, Any]:
    """Colour and marker of a mesh: none like another among 50."""
    turn, place = divmod(result.config.tiles.index(n), len(_MESHES))
    return {"color": _MESHES[place], "marker": _MARKERS[turn % len(_MARKERS)]}


def _of_width(result: "RunResult", width: float) -> "list[OperatingCurve]":
    return [
        item
        for item in result.shown_curves
        if item.scheme == "ideal" or np.isclose(item.interval, width)
    ]


def plot_curves(result: "RunResult", path: Path) -> None:
    """Draw power over frequency, normalised to ideal-DVFS at the lowest frequency (Fig. 4.10)."""
    counts = result.config.intervals
    figure, axes = _figure(5.6 * len(counts), 4.4, len(counts), sharey=True)
    unit = result.shown_curves[0].power[0]
    for axis, count in zip(axes[0], counts, strict=True):
        width = _width(result, count)
        for curve in _of_width(result, width):
            if curve.scheme == "fine-vh":
                style = _mesh_style(result, curve.n) | {"markersize": 3}
                label = f"FINE-VH {curve.n} x {curve.n}"
            else:
                colour, line, marker, label = _SCHEMES[curve.scheme, curve.bias]
                style = {"color": colour, "linestyle": line}
                if len(curve.frequency) == 1:  # there is no line to see
                    style |= {"marker": marker, "markersize": 9, "fillstyle": "none"}
            axis.plot(
                curve.frequency * 1e-6, curve.power / unit, label=label, linewidth=1.4, **style
            )
        axis.set_title(_title(count, width), fontsize=11)
        axis.set_xlabel("clock frequency [MHz]")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("power / ideal-DVFS at the lowest frequency")
    axes[0, 0].legend(fontsize=9)
    _save(figure, path)


def plot_savings(result: "RunResult", path: Path) -> None:
    """Draw what the finest mesh saves over frequency, with and without poly-bias (Fig. 4.11, 4.13).

    Against ideal-DVFS in every variant, and against Vdd-hopping.
    """
    counts = result.config.intervals
    n = max(result.config.tiles)
    ideal = result.curves[0]
    figure, axes = _figure(5.6 * len(counts), 4.0, len(counts), sharey=True)
    for axis, count in zip(axes[0], counts, strict=True):
        width = _width(result, count)
        mine = [
            item
            for item in result.curves
            if item.n == n and item.scheme == "fine-vh" and np.isclose(item.interval, width)
        ]
        hopping = next(item for item in _of_width(result, width) if item.scheme == "hopping")
        lines = [
            (item, ideal, f"against ideal-DVFS: {result.variant(item)}", look)
            for item, look in zip(mine, _VARIANTS, strict=False)
        ]
        asked = result.fine_vh[n, count]
        lines.append(
            (asked, hopping, f"against Vdd-hopping: {result.variant(asked)}", ("#D55E00", "-"))
        )
        for curve, other, label, (colour, line) in lines:
            axis.plot(
                curve.frequency * 1e-6, 100 * (1 - curve.power / other.power), color=colour,
                linestyle=line, marker="o", markersize=3, linewidth=1.4, label=label,
            )  # fmt: skip
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(f"{n} x {n} tiles, {_title(count, width)}", fontsize=11)
        axis.set_xlabel("clock frequency [MHz]")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("power saved [%]")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2,
                  frameon=False)  # fmt: skip
    _save(figure, path)


def plot_plan(result: "RunResult", path: Path) -> None:
    """Draw the supply of every tile at every frequency (Fig. 4.14), one panel per mesh."""
    count = max(result.config.intervals)
    tiles = result.config.tiles
    figure, axes = _figure(4.2 * len(tiles) + 0.8, 4.6, len(tiles))
    vdds = result.technology.vdds
    for axis, n in zip(axes[0], tiles, strict=True):
        vdd = result.tile_vdd[n, count]
        image = axis.imshow(
            vdd.T, aspect="auto", origin="lower", vmin=vdds[0], vmax=vdds[-1], cmap="viridis_r",
            interpolation="none", extent=(-0.5, len(vdd) - 0.5, -0.5, n * n - 0.5),
        )  # fmt: skip
        ticks = np.unique(np.linspace(0, len(vdd) - 1, 5).astype(int))
        axis.set_xticks(ticks, [f"{result.frequency[tick] / 1e6:.0f}" for tick in ticks])
        axis.set_xlabel("clock frequency [MHz]")
        axis.set_yticks(range(0, n * n, n if n > 2 else 1))  # the first tile of every row
        axis.set_title(f"{n} x {n} tiles", fontsize=11)
    axes[0, 0].set_ylabel("tile, numbered as in the layout")
    figure.colorbar(image, ax=axes[0].tolist(), label="supply [V]")
    _save(figure, path)


def plot_area_at_low(result: "RunResult", path: Path) -> None:
    """Draw the share of the cell area at VddL over frequency (Fig. 4.12)."""
    counts = result.config.intervals
    figure, axes = _figure(5.6 * len(counts), 3.6, len(counts), sharey=True)
    for axis, count in zip(axes[0], counts, strict=True):
        width = _width(result, count)
        for curve in _of_width(result, width):
            if curve.scheme == "fine-vh":
                axis.plot(
                    curve.frequency * 1e-6, 100 * curve.area_at_low, markersize=3, linewidth=1.4,
                    label=f"{curve.n} x {curve.n} tiles", **_mesh_style(result, curve.n),
                )  # fmt: skip
        axis.set_title(_title(count, width), fontsize=11)
        axis.set_xlabel("clock frequency [MHz]")
        axis.set_ylim(0, 103)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("cell area at VddL [%]")
    axes[0, 0].legend(fontsize=9)
    _save(figure, path)
