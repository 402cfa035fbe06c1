"""Files of scalable effort: settings per level and target, also for run time, and a picture."""

import json
from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from voltile.core import write_atomically
from voltile.flows.output_files import write_csv
from voltile.flows.precision.search_outputs import precision_text, setting_flags

if TYPE_CHECKING:
    from voltile.flows.precision.multilevel_job import MultilevelResult

MULTILEVEL_OUTPUTS = ("multilevel.csv", "settings.json", "multilevel.png", "run.json")
MULTILEVEL_COLUMNS = (
    "level", "classes", "target", "accuracy_calibration", "accuracy_test", "difference", "met",
    "effort", "effort_unit", "saving",
)  # fmt: skip


def write_multilevel(result: "MultilevelResult", out: Path) -> None:
    """Write everything but `run.json`."""
    from voltile.flows.precision.multilevel_plots import plot_multilevel

    modes = tuple(result.inputs.network.element.products)
    shares = tuple(f"macs_{item.name.lower()}" for item in modes)
    write_csv(
        out / "multilevel.csv", (*MULTILEVEL_COLUMNS, *shares, "precisions"), _csv_rows(result)
    )
    settings = [
        {
            "level": row.level,
            "target": row.target,
            "layers": setting_flags(result.inputs.network, row.setting),
        }
        for row in result.rows
    ]
    groups = {
        str(cut.level): dict(enumerate(cut.classes[item] for item in cut.group))
        for cut in result.cuts
    }
    with write_atomically(out / "settings.json") as temporary:
        content = {"network": result.inputs.model.stem, "classes": groups, "settings": settings}
        temporary.write_text(json.dumps(content, indent=1) + "\n")
    plot_multilevel(result, out / "multilevel.png")


def _csv_rows(result: "MultilevelResult") -> Iterator[tuple[object, ...]]:
    modes = tuple(result.inputs.network.element.products)
    factor = 1e12 if result.effort_unit == "pJ" else 1.0
    for row in result.rows:
        test = "" if isnan(row.test_accuracy) else f"{row.test_accuracy:.6g}"
        yield (
            row.level, row.classes, f"{row.target:.6g}", f"{row.calibration_accuracy:.6g}", test,
            f"{row.difference:.6g}", str(row.met).lower(), f"{row.effort * factor:.9g}",
            result.effort_unit, f"{row.saving:.6g}", *(f"{item:.6g}" for item in row.mac_shares),
            precision_text(modes, row.setting),
        )  # fmt: skip
