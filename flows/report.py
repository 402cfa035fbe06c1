"""The page that a run leaves: its pictures and tables, in one self-contained HTML file."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import voltile
from voltile.core import write_atomically

if TYPE_CHECKING:
    from voltile.flows.run_job import RunResult
    from voltile.power import OperatingCurve

_LAYOUT = (
    "The placed layout of the finest mesh, by tile and by supply. Tiles are numbered by row from "
    "the lower left, as in plan.csv; their colours only tell neighbours apart."
)
_PICTURES = (
    ("curves.png", "Power over frequency, normalised to ideal-DVFS at the lowest frequency."),
    ("layout.png", _LAYOUT),
    ("area_at_low.png", "Share of the cell area that stays at VddL."),
    ("plan.png", "Supply of every tile over frequency, narrowest intervals."),
)
_SCHEMES = {"ideal": "ideal-DVFS", "hopping": "Vdd-hopping", "dithering": "Vdd-dithering"}
# Frequencies for which the page shows power.
_SHOWN = 5


def write_report(result: "RunResult", out: Path) -> None:
    """Write `report.html` from the pictures in `out` and the metrics of the run."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("voltile.flows"), autoescape=True, undefined=StrictUndefined
    )
    pictures = [
        (base64.b64encode((out / name).read_bytes()).decode(), text) for name, text in _PICTURES
    ]
    page = environment.get_template("report.html").render(
        result=result,
        metrics=result.metrics,
        technology=result.technology,
        library=result.technology.library(result.technology.nominal_vdd),
        pictures=pictures,
        shown=_shown(result),
        power=[
            (*_label(curve), curve.power[_shown(result)] * 1e3) for curve in result.shown_curves
        ],
        version=voltile.__version__,
    )
    with write_atomically(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _shown(result: "RunResult") -> NDArray[np.int64]:
    """A few of the frequencies, by index."""
    return np.unique(np.linspace(0, len(result.frequency) - 1, _SHOWN).astype(np.int64))


def _label(curve: "OperatingCurve") -> tuple[str, str]:
    """Scheme, and width of its Vdd interval."""
    name = _SCHEMES.get(curve.scheme, f"FINE-VH {curve.n} × {curve.n}")
    return name, f"{curve.interval * 1e3:.0f} mV" if curve.interval else ""
