"""The picture of a sweep: energy against latency, and the designs that no other one beats."""

from collections.abc import Sequence
from itertools import cycle
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voltile.flows.energy.plots import energy_unit
from voltile.flows.figures import new_figure, save_figure

if TYPE_CHECKING:
    from voltile.flows.sweep.job import SweepResult

# Colour-blind safe (Okabe and Ito).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999", "#F0E442")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_PANELS_BESIDE = 3
_MOST_IN_LEGEND = 10
_LINES = ("-", "--", "-.", ":")
# Areas of marks [pt2]: of the smallest and of the largest chip.
_SMALL, _LARGE = 12.0, 130.0
# Opacity of what other designs beat.
_FADED = 0.35
_DIMENSIONS = ("array", "dataflow", "element", "memories", "precision", "cycles", "policy", "Vdd")


def plot_pareto(result: "SweepResult", path: Path) -> None:
    """Draw energy against latency, a panel per network, a front per width of operands.

    Areas of marks grow with that of chips.

    Colours tell apart the first option with several values, marks the next one.
    """
    networks = list(dict.fromkeys(network for network, _ in result.fronts))
    widths = dict.fromkeys(bits for _, bits in result.fronts)
    lines: dict[str, Any] = dict(zip(widths, cycle(_LINES), strict=False))
    beside = min(ceil(sqrt(len(networks))), _PANELS_BESIDE)
    below = -(-len(networks) // beside)
    figure, axes = new_figure(2.6 + 4.2 * beside, 1.3 + 3.5 * below, beside, below)
    dimensions = _dimensions(result)
    several = [name for name, (values, _) in dimensions.items() if len(values) > 1]
    by_colour = several[0] if several else _DIMENSIONS[0]
    by_marker = next((name for name in several[1:] if len(dimensions[name][0]) <= len(_MARKERS)),
                     "")  # fmt: skip
    colours = _colours(len(dimensions[by_colour][0]))
    columns = result.table.columns
    sizes = _sizes(columns["area_um2"])
    for axis, name in zip(axes.flat, networks, strict=False):
        mine = np.flatnonzero(columns["network"] == name)
        fronts = {item[1]: front for item, front in result.fronts.items() if item[0] == name}
        front = np.concatenate(list(fronts.values()))
        unit, factor = energy_unit(float(np.median(columns["total_pj"][mine])) * 1e-12)
        x, y = columns["latency_s"] * 1e3, columns["total_pj"] * 1e-12 * factor
        for bits, rows in fronts.items():
            axis.step(x[rows], y[rows], where="post", color="black", linewidth=1, zorder=3,
                      linestyle=lines[bits])  # fmt: skip
        for chosen, style in (
            (np.setdiff1d(mine, front), {"alpha": _FADED, "linewidths": 0}),
            (front, {"edgecolors": "black", "linewidths": 0.7, "zorder": 4}),
        ):
            chosen = chosen[np.argsort(-sizes[chosen], kind="stable")]  # small ones on top
            marks = dimensions[by_marker][1][chosen] if by_marker else np.zeros(len(chosen), int)
            for mark in np.unique(marks):
                at = chosen[marks == mark]
                axis.scatter(
                    x[at], y[at], s=sizes[at], marker=_MARKERS[mark],
                    c=colours[dimensions[by_colour][1][at]], **style,
                )  # fmt: skip
        _scale(axis, "x", x[mine])
        _scale(axis, "y", y[mine])
        axis.set_title(name, fontsize=10, loc="left")
        axis.set_ylabel(f"energy [{unit}]")
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    for axis in list(axes.flat)[len(networks) :]:
        axis.set_axis_off()
    others = [name for name in several if name not in (by_colour, by_marker)]
    more = f"; points differ in {', '.join(others)}, too" if others else ""
    config = result.config
    batch = f", batch of {config.batch}" if config.batch > 1 else ""
    figure.supxlabel(f"latency [ms]\n{config.tech}, {config.dram}{batch}{more}", fontsize=9)
    handles = _legend(dimensions, by_colour, by_marker, colours, columns["area_um2"], lines)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8)
    save_figure(figure, path)


def _dimensions(result: "SweepResult") -> dict[str, tuple[list[str], NDArray[np.int64]]]:
    """Values of every option in their order, arrays by size, and the number of each row's."""
    columns = result.table.columns
    keys: dict[str, Sequence[str]] = {
        "array": ("rows", "cols"), "dataflow": ("dataflow",), "element": ("pe",),
        "memories": ("act_kib", "weight_kib", "out_kib"), "precision": ("precision",),
        "cycles": ("mode",), "policy": ("policy",), "Vdd": ("reference_vdd_v",),
    }  # fmt: skip
    joins = {"array": " x ", "memories": " / "}
    found = {}
    for name in _DIMENSIONS:
        rows = list(zip(*(columns[key].tolist() for key in keys[name]), strict=True))
        values = list(dict.fromkeys(rows))
        if name == "array":
            values.sort(key=lambda shape: (shape[0] * shape[1], shape))
        number = {value: at for at, value in enumerate(values)}
        texts = [joins.get(name, "").join(f"{item}" for item in value) for value in values]
        found[name] = texts, np.array([number[row] for row in rows])
    return found


def _colours(count: int) -> NDArray[np.float64]:
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if count <= len(_COLOURS):
        return np.array([to_rgb(colour) for colour in _COLOURS[:count]])
    return np.asarray(colormaps["viridis"](np.linspace(0, 0.95, count)))[:, :3]


def _sizes(area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of marks, linear in that of the chip, `_LARGE` for the largest."""
    sizes: NDArray[np.float64] = np.maximum(_LARGE * area / area.max(), _SMALL)
    return sizes


def _scale(axis: Any, which: str, values: NDArray[np.float64]) -> None:
    """Scale an axis by logarithms, with ticks that are numbers as they are read."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis, f"set_{which}scale")("log")
    decades = np.log10(values.max() / values.min())
    fine, medium, coarse = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 5), (1,)
    subs: Sequence[float] = fine if decades < 0.6 else medium if decades < 2.5 else coarse
    ticks = getattr(axis, f"{which}axis")
    ticks.set_major_locator(LogLocator(subs=subs))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ticks.set_minor_formatter(NullFormatter())


def _legend(
    dimensions: dict[str, tuple[list[str], NDArray[np.int64]]],
    by_colour: str,
    by_marker: str,
    colours: NDArray[np.float64],
    area: NDArray[np.float64],
    lines: dict[str, Any],
) -> list[Any]:
    """Lines of the legend: fronts, shades, colours, marks, areas that occur."""
    from matplotlib.lines import Line2D

    def mark(label: str, marker: str = "o", colour: Any = "#555555", size: float = 40.0) -> Any:
        return Line2D([], [], linestyle="", marker=marker, color=colour, label=label,
                      markersize=size**0.5, markeredgewidth=0)  # fmt: skip

    def heading(label: str) -> Any:
        return Line2D([], [], linestyle="", label=label)

    handles: list[Any] = [heading("front, operands")]
    handles += [
        Line2D([], [], color="black", linewidth=1, linestyle=style,
               label="{} bit {}".format(*group.partition(" ")[::2]).strip())
        for group, style in lines.items()
    ]  # fmt: skip
    outlined = mark("on a front")
    outlined.set(markeredgecolor="black", markeredgewidth=0.7)
    faded = mark("beaten, darker\nwhere several lie")
    faded.set_alpha(_FADED)
    handles += [outlined, faded]
    texts = dimensions[by_colour][0]
    shown = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _MOST_IN_LEGEND)).round())
    handles.append(heading(by_colour + (", some" if len(shown) < len(texts) else "")))
    handles += [mark(texts[at], colour=colours[at]) for at in shown.astype(int)]
    if by_marker:
        handles.append(heading(by_marker))
        handles += [mark(text, _MARKERS[at]) for at, text in enumerate(dimensions[by_marker][0])]
    handles.append(heading("area, mm²"))
    known = np.unique(area)
    middle = known[np.abs(np.log(known**2 / (known[0] * known[-1]))).argmin()]
    marks = np.unique([known[0], middle, known[-1]])
    handles += [
        mark(f"{item * 1e-6:.3g}", size=size)
        for item, size in zip(marks, np.maximum(_LARGE * marks / area.max(), _SMALL), strict=True)
    ]
    return handles
