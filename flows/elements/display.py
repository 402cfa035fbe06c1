"""The table that `voltile characterize-pe` prints."""

from rich import box
from rich.table import Table

from voltile.flows.elements.job import PeStudy
from voltile.power import CONSTANT_FREQUENCY, CONSTANT_THROUGHPUT


def energies_table(study: PeStudy) -> Table:
    """Return the energy per MAC [pJ] of every element and precision in both modes as a table."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left", caption=(
        "highest: the highest clock at the nominal supply, by case analysis; at one clock: at the "
        "nominal supply and the clock that all precisions of an element meet; at one throughput: "
        "as many MACs per second as full precision then does, at the lowest supply for it; "
        "leakage: its part of pJ/MAC. Glitches are not counted, nor memories and control."
    ))  # fmt: skip
    for name in ("\nelement", "\nprecision"):
        table.add_column(name, no_wrap=True)
    for name in (
        "area\nµm²", "MACs/\ncycle", "highest\nMHz", "at one clock:\nMHz", "\npJ/MAC", "\nleakage",
        "at one throughput:\nMHz", "\nV", "\npJ/MAC", "\nleakage",
    ):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for result in study.results:
        for precision in dict.fromkeys(item.precision for item in result.energies):
            mine = [item for item in result.energies if item.precision is precision]
            first = max((item for item in mine if item.mode == CONSTANT_FREQUENCY),
                        key=lambda item: item.vdd)  # fmt: skip
            second = next(item for item in mine if item.mode == CONSTANT_THROUGHPUT)
            table.add_row(
                result.name, precision.name.lower(), f"{result.area * 1e12:.0f}",
                f"{first.macs_per_cycle:.3g}", f"{first.max_frequency / 1e6:.0f}",
                f"{first.frequency / 1e6:.0f}", f"{first.energy * 1e12:.3f}",
                f"{first.leakage / first.energy:.0%}", f"{second.frequency / 1e6:.0f}",
                f"{second.vdd:.3f}", f"{second.energy * 1e12:.3f}",
                f"{second.leakage / second.energy:.0%}",
            )  # fmt: skip
    return table
