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
        assumptions=assumptions(result),
        version=voltile.__version__,
    )
    with write_atomically(out / "report.html") as temporary:
        temporary.write_text(page)


def assumptions(result: "RunResult") -> list[str]:
    """What the numbers rest on, and what they leave out, a sentence each."""
    technology = result.technology
    return [
        f"Delay at corner {technology.timing_corner}, leakage at corner "
        f"{technology.leakage_corner}; supplies between the characterised ones are interpolated.",
        f"Activity: {result.activity.source}. Simulated without glitches.",
        "The clock network is ideal: its pins and wires are charged, its buffers are not there.",
        "Wires are lumped: half-perimeter length times the technology's resistance and "
        "capacitance per metre.",
        "Cells driven from a tile at a lower supply are timed and leak as if driven at their own: "
        "this technology has no mixed-supply tables, so the leakage between tiles (dissertation "
        "Eq. 4.3) and the slower edges there are missing from the FINE-VH figures.",
        "Gates are sized before placement, against a wire load model, and not again after it; no "
        "poly-bias, no Vdd-MUX cells and no cost of changing an operating point.",
        "Ideal-DVFS, Vdd-hopping and Vdd-dithering are of the layout that is not cut into tiles.",
    ]
