"""Figures that are the same bytes whenever they are drawn, and the colours of the two supplies."""

from pathlib import Path
from typing import Any

from voltile.core import write_atomically

# Colour-blind safe (Okabe and Ito).
LOW, HIGH = "#56B4E9", "#D55E00"
_DPI = 150


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1, **options: Any
) -> tuple[Any, Any]:
    """Return a figure of a size in inches, and its axes, shape (rows, columns)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the format of the file's suffix, and close it."""
    import matplotlib.pyplot as plt

    with write_atomically(path) as temporary:
        # Without a date and a version the same run gives the same bytes.
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)
