"""What a netlist consumes: switching activity, power per instance, and DVFS schemes.

Public names
------------
Stimulus, random_stimulus, scheduled_stimulus, recorded_stimulus : where the inputs come from.
data_inputs : the ports that a stimulus drives.
compile_netlist, simulate : bit-parallel simulation of a netlist.
Activity, activity_to_arrays, activity_from_arrays : static probability and toggle rate of each net.
PowerModel, PowerReport, PowerTotals : switching, internal and leakage power of each instance.
SupplyPoints, evaluate_supplies : an uncut design at one supply after another.
IntervalResult, evaluate_interval : FINE-VH on one mesh between one pair of supplies.
OperatingCurve, ideal_dvfs, vdd_hopping, vdd_dithering, fine_vh : power over frequency.
"""

from voltile.power.activity import Activity, activity_from_arrays, activity_to_arrays
from voltile.power.dvfs import (
    IntervalResult,
    OperatingCurve,
    SupplyPoints,
    evaluate_interval,
    evaluate_supplies,
    fine_vh,
    ideal_dvfs,
    vdd_dithering,
    vdd_hopping,
)
from voltile.power.power import PowerModel, PowerReport, PowerTotals
from voltile.power.program import compile_netlist
from voltile.power.recordings import recorded_stimulus
from voltile.power.simulation import simulate
from voltile.power.stimulus import Stimulus, data_inputs, random_stimulus, scheduled_stimulus

__all__ = [
    "Activity",
    "IntervalResult",
    "OperatingCurve",
    "PowerModel",
    "PowerReport",
    "PowerTotals",
    "Stimulus",
    "SupplyPoints",
    "activity_from_arrays",
    "activity_to_arrays",
    "compile_netlist",
    "data_inputs",
    "evaluate_interval",
    "evaluate_supplies",
    "fine_vh",
    "ideal_dvfs",
    "random_stimulus",
    "recorded_stimulus",
    "scheduled_stimulus",
    "simulate",
    "vdd_dithering",
    "vdd_hopping",
]
