"""Results of Vdd intervals by hand."""

import numpy as np

from voltile.power.dvfs import IntervalResult


def steps_of(plan, steps, energy, leakage, area_at_low):
    """The result of some steps of a plan."""
    is_high = [np.isin(np.arange(len(plan.order)), plan.order[:step]) for step in steps]
    return IntervalResult(
        plan, np.array(steps), np.array(is_high), plan.period[list(steps)], np.array(energy),
        np.array(leakage), np.array(area_at_low),
    )  # fmt: skip
