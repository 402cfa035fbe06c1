"""The page that a run leaves: its pictures and tables, in one self-contained HTML file."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import voltile
from voltile.core import write_atomically

if TYPE_CHECKING:
    from voltile.flows.run_job import RunResult

_PICTURES = (
    ("curves.png", "Power over frequency, normalised to ideal-DVFS at the lowest frequency."),
    ("layout.png", "The placed layout of the finest mesh, by tile and by supply."),
    ("area_at_low.png", "Share of the cell area that stays at VddL."),
    ("plan.png", "Supply of every tile over frequency, narrowest intervals."),
)


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
        pictures=pictures,
        version=voltile.__version__,
    )
    with write_atomically(out / "report.html") as temporary:
        temporary.write_text(page)
