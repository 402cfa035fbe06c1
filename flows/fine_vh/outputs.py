"""Writes what a run leaves: netlist, tables, pictures, metrics, report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voltile.core import write_atomically
from voltile.floorplan import write_verilog
from voltile.flows.output_files import write_csv

if TYPE_CHECKING:
    from voltile.flows.fine_vh.result import RunResult

# Files of a run folder beside its stages.
OUTPUTS = (
    "netlist.v", "curves.csv", "plan.csv", "modes.csv", "tiles.csv", "layout.png", "curves.png",
    "savings.png", "plan.png", "area_at_low.png", "metrics.json", "run.json", "report.html",
)  # fmt: skip
CURVE_COLUMNS = (
    "scheme", "tiles", "dvdd_v", "frequency_hz", "power_w", "vdd_low_v", "vdd_high_v",
    "area_at_low", "leakage_w", "bias", "selection",
)  # fmt: skip
PLAN_COLUMNS = ("tiles", "dvdd_v", "frequency_hz", "tile", "vdd_v")
MODE_COLUMNS = (
    "scheme", "tiles", "dvdd_v", "vdd_low_v", "vdd_high_v", "frequency_hz", "energy_j", "leakage_w",
    "raised",
)  # fmt: skip
TILE_COLUMNS = ("tiles", "tile", "cell_area_m2", "rail_capacitance_f", "header_gate_f")


def write_outputs(result: "RunResult", out: Path) -> Path:
    """Write all files of a run folder; return the path of the report."""
    from voltile.flows.fine_vh.plots import (
        plot_area_at_low,
        plot_curves,
        plot_layout,
        plot_plan,
        plot_savings,
    )
    from voltile.flows.fine_vh.report import write_report

    write_verilog(result.netlist, out / "netlist.v")
    write_curves(result, out / "curves.csv")
    write_plan(result, out / "plan.csv")
    write_modes(result, out / "modes.csv")
    write_tiles(result, out / "tiles.csv")
    plot_layout(result, out / "layout.png")
    plot_curves(result, out / "curves.png")
    plot_savings(result, out / "savings.png")
    plot_plan(result, out / "plan.png")
    plot_area_at_low(result, out / "area_at_low.png")
    with write_atomically(out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(result.metrics, indent=2) + "\n")
    result.record.write(out / "run.json")
    write_report(result, out)
    return out / "report.html"


def write_curves(result: "RunResult", path: Path) -> None:
    """Write `curves.csv`: one row per scheme, mesh, interval width and frequency."""
    rows = (
        (
            curve.scheme, curve.n, f"{curve.interval:.4f}", f"{frequency:.6e}", f"{power:.6e}",
            f"{low:.4f}", f"{high:.4f}", f"{share:.6f}", f"{leakage:.6e}", curve.bias,
            curve.selection,
        )
        for curve in result.curves
        for frequency, power, low, high, share, leakage in zip(
            curve.frequency, curve.power, curve.vdd_low, curve.vdd_high, curve.area_at_low,
            curve.leakage, strict=True,
        )
    )  # fmt: skip
    write_csv(path, CURVE_COLUMNS, rows)


def write_plan(result: "RunResult", path: Path) -> None:
    """Write `plan.csv`: the supply of every tile at every frequency."""
    vdds = result.technology.vdds
    rows = (
        (n, f"{(vdds[-1] - vdds[0]) / count:.4f}", f"{frequency:.6e}", tile, f"{vdd:.4f}")
        for (n, count), table in result.tile_vdd.items()
        for frequency, supplies in zip(result.frequency, table, strict=True)
        for tile, vdd in enumerate(supplies)
    )
    write_csv(path, PLAN_COLUMNS, rows)


def write_modes(result: "RunResult", path: Path) -> None:
    """Write `modes.csv`: what every scheme can run at, with the tiles that are raised to VddH."""
    rows = (
        (
            modes.scheme, modes.n, f"{modes.interval:.6g}", f"{low:.6g}", f"{high:.6g}",
            f"{frequency:.9e}", f"{energy:.9e}", f"{leakage:.9e}",
            " ".join(map(str, np.flatnonzero(raised))),
        )
        for modes in result.modes
        for low, high, frequency, energy, leakage, raised in zip(
            modes.vdd_low, modes.vdd_high, modes.frequency, modes.energy, modes.leakage,
            modes.raised, strict=True,
        )
    )  # fmt: skip
    write_csv(path, MODE_COLUMNS, rows)


def write_tiles(result: "RunResult", path: Path) -> None:
    """Write `tiles.csv`: cells of every tile of each layout, and what changes of its Vdd charge."""
    charged = {modes.n: (modes.rail_capacitance, modes.header_gate) for modes in result.modes}
    rows = (
        (n, tile, *(f"{value:.6e}" for value in values))
        for n, layout in sorted(result.layouts.items())
        for tile, values in enumerate(zip(layout.tile_area, *charged[n], strict=True))
    )
    write_csv(path, TILE_COLUMNS, rows)
