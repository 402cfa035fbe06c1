"""What `voltile energy` prints."""

from rich import box
from rich.table import Table

from voltile.flows.energy.job import EnergyResult
from voltile.flows.energy.plots import energy_unit
from voltile.sim import ENERGY_PARTS

_HEADINGS = ("PE", "leak", "SRAM", "DRAM", "control")


def energy_table(result: EnergyResult) -> Table:
    """Return time and energy of the network at every operating point and precision as a table."""
    energies = result.energies
    points, costs = energies.points, energies.costs
    total, time = energies.total.sum(axis=2), energies.time.sum(axis=2)
    unit, factor = energy_unit(total.max())
    caption = "Ratios are to the first precision with the same policy and supply. "
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left",
                  caption=caption + "; ".join(result.costs.notes) + ".")  # fmt: skip
    for name in ("policy", "precision"):
        table.add_column(name, no_wrap=True)
    for name in ("V", "MHz", "Mcycles", "stalls", "ms", "ratio", unit, "ratio", *_HEADINGS):
        table.add_column(name, justify="right", no_wrap=True)
    for at, policy in enumerate(points.policies):
        for number, precision in enumerate(costs.precisions):
            cycles, stalls = costs.cycles[number].sum(), energies.stalls[at, number].sum()
            here = total[at, number]
            table.add_row(
                policy.value if number == 0 else "", precision.name.lower(),
                f"{points.vdd[at, number]:.3f}", f"{points.frequency[at, number] / 1e6:.0f}",
                f"{cycles / 1e6:.4g}", f"{stalls / (cycles + stalls):.0%}",
                f"{time[at, number] * 1e3:.4g}", f"{time[at, number] / time[at, 0]:.2f}",
                f"{here * factor:.4g}", f"{here / total[at, 0]:.2f}",
                *(f"{energies.parts[part][at, number].sum() / here:.0%}" for part in ENERGY_PARTS),
            )  # fmt: skip
    return table
