"""The page that a run leaves: tables and pictures that answer, in one self-contained file."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import voltile
from voltile.core import write_atomically
from voltile.flows.fine_vh.report_data import page_data
from voltile.flows.fine_vh.report_tables import (
    SPLIT,
    beside_dissertation,
    bias_distribution,
    saving_steps,
    split_savings,
    table_4_1,
)

if TYPE_CHECKING:
    from voltile.flows.fine_vh.result import RunResult
    from voltile.power import OperatingCurve

_SCHEMES = {"ideal": "ideal-DVFS", "hopping": "Vdd-hopping", "dithering": "Vdd-dithering"}
# Frequencies for which the page shows power.
_SHOWN = 5
_SCRIPTS = ("report_layout.js", "report_charts.js", "report.js")


def write_report(result: "RunResult", out: Path) -> None:
    """Write `report.html` into the run folder `out`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("voltile.flows.fine_vh"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    templates = files("voltile.flows.fine_vh") / "templates"
    text = {name: (templates / name).read_text("utf-8") for name in ("report.css", *_SCRIPTS)}
    metrics, technology = result.metrics, result.technology
    shown = np.unique(np.linspace(0, len(result.frequency) - 1, _SHOWN).astype(np.int64))
    page = environment.get_template("report.html").render(
        result=result,
        metrics=metrics,
        technology=technology,
        library=technology.library(technology.nominal_vdd),
        version=voltile.__version__,
        style=text.pop("report.css"),
        script="\n".join(text.values()),
        data=page_data(result),
        start=dict(zip(("n", "count", "frequency"), result.telling_point, strict=True)),
        has_muxes=any(layout.muxes is not None for layout in result.layouts.values()),
        has_baseline=any(curve.scheme == "ideal" and curve.bias == "all"
                         for curve in result.curves),
        shown=shown,
        power=[(*_label(curve), curve.power[shown] * 1e3) for curve in result.shown_curves],
        savings=[row for row in metrics["savings"]
                 if (row["bias"], row["selection"]) == (result.bias, "search")],
        variants=list(dict.fromkeys(result.variant(curve) for curve in result.curves
                                    if curve.scheme == "fine-vh")),
        steps=saving_steps(result),
        splits=[_SCHEMES[scheme] for scheme in SPLIT],
        split_rows=split_savings(result),
        layouts=metrics["layouts"],
        table=table_4_1(metrics["layouts"]),
        has_theirs=beside_dissertation(metrics["layouts"]),
        distribution=bias_distribution(result),
    )  # fmt: skip
    with write_atomically(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _label(curve: "OperatingCurve") -> tuple[str, str]:
    """Scheme, and width of its Vdd interval."""
    name = _SCHEMES.get(curve.scheme, f"FINE-VH {curve.n} × {curve.n}")
    if curve.scheme == "ideal" and curve.bias == "all":
        name += ", poly-bias on all cells"
    return name, f"{curve.interval * 1e3:.0f} mV" if curve.interval else ""
