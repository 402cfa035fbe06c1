"""Supplies of a run: intervals of the range, and the uncut design at one supply after another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voltile.core import TechnologyError
from voltile.floorplan.vdd_selection import ROUNDING
from voltile.flows.fine_vh.layouts import Layout
from voltile.flows.stages import Stages, stage_key
from voltile.pdk import Technology
from voltile.power import Activity, SupplyPoints, evaluate_supplies, ideal_dvfs

Floats = NDArray[np.float64]

# Largest step between the supplies at which ideal-DVFS is evaluated [V].
_FINE_STEP = 0.02


def supply_levels(technology: Technology, count: int) -> list[float]:
    """Return the ends of `count` equal intervals of the supply range [V]."""
    levels = np.linspace(technology.vdds[0], technology.vdds[-1], count + 1)
    return [round(float(level), 6) for level in levels]


def supply_pairs(technology: Technology, intervals: Sequence[int]) -> list[tuple[float, float]]:
    """Return (VddL, VddH) of every interval of every split [V]."""
    splits = [supply_levels(technology, count) for count in intervals]
    return [pair for levels in splits for pair in zip(levels[:-1], levels[1:], strict=True)]


def check_supplies(technology: Technology, intervals: Sequence[int]) -> None:
    """Check that supplies can be compared, and every interval be timed.

    Raises
    ------
    TechnologyError
        For a single supply, or an interval wider than the mixed-supply table.
    """
    if len(technology.vdds) < 2:
        raise TechnologyError(
            f"technology {technology.name} has one supply, {technology.vdds[0]:.2f} V: to compare "
            f"supplies takes libraries of two or more"
        )
    least = technology.mixed_supply.ratios[0] if technology.mixed_supply else 0.0
    for count in intervals:
        low, high = supply_levels(technology, count)[:2]
        if low / high < least - 1e-6:
            raise TechnologyError(
                f"too few intervals, {count}: VddL {low:.2f} V is {low / high:.2f} of VddH "
                f"{high:.2f} V, and technology {technology.name} knows cells with drivers at "
                f"{least:g} of their supply and more; use narrower intervals"
            )


def supply_points(
    stages: Stages,
    layout: Layout,
    activity: Activity,
    intervals: Sequence[int],
    name: str,
    key: str,
) -> SupplyPoints:
    """Return an uncut layout at one supply after another, kept as a stage.

    Parameters
    ----------
    intervals : sequence of int
        Into how many the range is split; their ends are among the supplies.
    name : str
        Of the stage; begins with the poly-bias.
    """
    vdds, bias = _fine_supplies(layout.technology, intervals), name.partition("-")[0]

    def evaluate() -> dict[str, Floats]:
        points = evaluate_supplies(
            layout.graph, layout.wires, layout.tree, activity,
            (layout.libraries([vdd], bias) for vdd in vdds), layout.bias_of(bias),
        )  # fmt: skip
        return {name: getattr(points, name) for name in ("vdd", "frequency", "energy", "leakage")}

    stage = "supplies" if bias == "none" else f"supplies-{name}"
    return SupplyPoints(**stages.run(stage, stage_key(run=key, vdds=vdds, name=name), evaluate))


def _fine_supplies(technology: Technology, intervals: Sequence[int]) -> list[float]:
    """Supplies at which the uncut design is evaluated: fine steps, and every interval's ends."""
    span = technology.vdds[-1] - technology.vdds[0]
    fine = supply_levels(technology, max(2, int(np.ceil(span / _FINE_STEP - 1e-9))))
    ends = [level for count in intervals for level in supply_levels(technology, count)]
    return sorted({*fine, *ends})


def better_points(frequency: Floats, points: Sequence[SupplyPoints]) -> SupplyPoints:
    """Return, of those that reach all frequencies, that of least mean power under ideal-DVFS."""
    highest = frequency.max() * (1 - ROUNDING)
    within = [item for item in points if highest <= item.frequency.max()]
    return min(within, key=lambda item: float(ideal_dvfs(item, frequency).power.mean()))
