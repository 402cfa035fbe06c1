"""What a netlist consumes: switching activity, power per instance, and DVFS schemes.

Public names
------------
Stimulus, random_stimulus, scheduled_stimulus, recorded_stimulus : where the inputs come from.
data_inputs : the ports that a stimulus drives.
compile_netlist, simulate : bit-parallel simulation of a netlist.
Activity, activity_to_arrays, activity_from_arrays : static probability and toggle rate of each net.
CurrentWaveform, current_waveform : what cells draw within a clock period.
ClockStages : supplies, loads and transition times along a clock tree.
PowerModel, PowerReport, PowerTotals : switching, internal and leakage power of each instance.
SupplyPoints, evaluate_supplies : an uncut design at one supply after another.
IntervalResult, evaluate_interval : FINE-VH on one mesh between one pair of supplies.
TileStates : assignments of tiles to two supplies, timed and measured.
OperatingCurve, ideal_dvfs, vdd_hopping, vdd_dithering, fine_vh : power over frequency.
OperatingModes, ideal_modes, level_modes, fine_vh_modes : what a scheme can run at.
rail_capacitance : what hangs on the virtual rail of each tile.
MacModel, MacMode, MacPoint, MacEnergy : energy per MAC of a processing element over precision and
    supply, at CONSTANT_FREQUENCY, CONSTANT_THROUGHPUT and HIGHEST_FREQUENCY.
mux_leakage, header_gates : what the Vdd-MUX of each tile take.
unmeasured_states : cells of whose leakage with drivers at a lower supply too little is known.
Trace, read_trace, write_trace, bursts, ramps : demanded frequency over time.
Converter, SwitchingCosts : what it costs to go from one mode to another.
Emulation, emulate : a core under one scheme, over a trace.
SramTable, read_sram_table, MemoryEnergy : memories by size and port width.
DRAM_ENERGY : energy per bit of a DRAM, by its type.
"""

from voltile.power.activity import Activity, activity_from_arrays, activity_to_arrays
from voltile.power.clock_stages import ClockStages
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
from voltile.power.emulation import Emulation, emulate
from voltile.power.leakage import unmeasured_states
from voltile.power.mac_energy import (
    CONSTANT_FREQUENCY,
    CONSTANT_THROUGHPUT,
    HIGHEST_FREQUENCY,
    MacEnergy,
    MacMode,
    MacModel,
    MacPoint,
)
from voltile.power.memory_energy import DRAM_ENERGY, MemoryEnergy, SramTable, read_sram_table
from voltile.power.mux_power import header_gates, mux_leakage
from voltile.power.netlist_compiler import compile_netlist
from voltile.power.operating_modes import (
    OperatingModes,
    fine_vh_modes,
    ideal_modes,
    level_modes,
    rail_capacitance,
)
from voltile.power.peak_current import CurrentWaveform, current_waveform
from voltile.power.power import PowerModel, PowerReport, PowerTotals
from voltile.power.recordings import recorded_stimulus
from voltile.power.simulation import simulate
from voltile.power.stimulus import Stimulus, data_inputs, random_stimulus, scheduled_stimulus
from voltile.power.switching_costs import Converter, SwitchingCosts
from voltile.power.vdd_search import TileStates
from voltile.power.workload_trace import Trace, bursts, ramps, read_trace, write_trace

__all__ = [
    "CONSTANT_FREQUENCY",
    "CONSTANT_THROUGHPUT",
    "DRAM_ENERGY",
    "HIGHEST_FREQUENCY",
    "Activity",
    "ClockStages",
    "Converter",
    "CurrentWaveform",
    "Emulation",
    "IntervalResult",
    "MacEnergy",
    "MacMode",
    "MacModel",
    "MacPoint",
    "MemoryEnergy",
    "OperatingCurve",
    "OperatingModes",
    "PowerModel",
    "PowerReport",
    "PowerTotals",
    "SramTable",
    "Stimulus",
    "SupplyPoints",
    "SwitchingCosts",
    "TileStates",
    "Trace",
    "activity_from_arrays",
    "activity_to_arrays",
    "bursts",
    "compile_netlist",
    "current_waveform",
    "data_inputs",
    "emulate",
    "evaluate_interval",
    "evaluate_supplies",
    "fine_vh",
    "fine_vh_modes",
    "header_gates",
    "ideal_dvfs",
    "ideal_modes",
    "level_modes",
    "mux_leakage",
    "rail_capacitance",
    "ramps",
    "random_stimulus",
    "read_sram_table",
    "read_trace",
    "recorded_stimulus",
    "scheduled_stimulus",
    "simulate",
    "unmeasured_states",
    "vdd_dithering",
    "vdd_hopping",
    "write_trace",
]
