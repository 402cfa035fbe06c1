"""Temperature from power: thermal networks, and how a chip's governor keeps within a limit.

Public names
------------
Layer, Package, read_package : what a die stands on.
ThermalNetwork, lumped_network : thermal resistances and capacitances; temperatures at rest.
ThermalGrid, thermal_grid : a die on its package in cells; power of blocks, maps of temperature.
Stepper, stepper, TrBdf2 : temperatures over time.
Leakage, steady_with_leakage, advance_with_leakage : leakage that depends on temperature.
VfTable, read_vf_table : voltage-frequency levels.
Processor, Setting, Operation : what governors govern, and what it takes at a setting.
Accelerator, LevelledInference, levelled_inference : an accelerator whose levels come from tables.
SustainedLevel, sustained_level : throughput in the long run.
Cpu, Inference : a multi-core processor, and a network that it computes.
CpuProfile, read_cpu_profile, cpu_profile_content : all of that, with networks and throttling, from
    a TOML file, and what such a file would hold.
Policy, throttled, reactive, proactive, core_shutdown : thermal governors.
InferenceRun, run_inferences, MOST_POLLS : inferences one after another under a governor.
Throttling, LevelStatistics, level_statistics, run_statistics, best_levels : the level that is best
    in the long run.
FewerCores, fewer_cores : core shutdown beside DVFS.
power_from_headroom : power of a network by the time that a cold chip takes to its limit.
exynos5422, exynos5422_profile, exynos5422_vf_table, exynos5422_inference, EXYNOS5422_THROTTLING,
    EXYNOS5422_HEADROOM, ThermalAssumptions, ASSUMPTION_RANGES : the processor and the networks of
    dissertation 4.2.
"""

from voltile.power.thermal.accelerator import (
    Accelerator,
    LevelledInference,
    SustainedLevel,
    levelled_inference,
    sustained_level,
)
from voltile.power.thermal.cpu import Cpu, Inference
from voltile.power.thermal.cpu_files import CpuProfile, cpu_profile_content, read_cpu_profile
from voltile.power.thermal.exynos5422 import (
    ASSUMPTION_RANGES,
    EXYNOS5422_HEADROOM,
    EXYNOS5422_THROTTLING,
    ThermalAssumptions,
    exynos5422,
    exynos5422_inference,
    exynos5422_profile,
    exynos5422_vf_table,
)
from voltile.power.thermal.fewer_cores import FewerCores, fewer_cores
from voltile.power.thermal.grid import ThermalGrid, thermal_grid
from voltile.power.thermal.headroom import power_from_headroom
from voltile.power.thermal.inference_run import MOST_POLLS, InferenceRun, run_inferences
from voltile.power.thermal.leakage_feedback import (
    Leakage,
    advance_with_leakage,
    steady_with_leakage,
)
from voltile.power.thermal.network import ThermalNetwork, lumped_network
from voltile.power.thermal.package import Layer, Package, read_package
from voltile.power.thermal.policies import Policy, core_shutdown, proactive, reactive, throttled
from voltile.power.thermal.processor import Operation, Processor, Setting
from voltile.power.thermal.transient import Stepper, TrBdf2, stepper
from voltile.power.thermal.vf_characterization import (
    LevelStatistics,
    Throttling,
    best_levels,
    level_statistics,
    run_statistics,
)
from voltile.power.thermal.vf_table import VfTable, read_vf_table

__all__ = [
    "ASSUMPTION_RANGES",
    "Accelerator",
    "Cpu",
    "CpuProfile",
    "EXYNOS5422_HEADROOM",
    "EXYNOS5422_THROTTLING",
    "FewerCores",
    "Inference",
    "InferenceRun",
    "Layer",
    "Leakage",
    "LevelStatistics",
    "MOST_POLLS",
    "LevelledInference",
    "Operation",
    "Package",
    "Policy",
    "Processor",
    "Setting",
    "Stepper",
    "SustainedLevel",
    "ThermalAssumptions",
    "ThermalGrid",
    "ThermalNetwork",
    "Throttling",
    "TrBdf2",
    "VfTable",
    "advance_with_leakage",
    "best_levels",
    "core_shutdown",
    "cpu_profile_content",
    "exynos5422",
    "exynos5422_inference",
    "exynos5422_profile",
    "exynos5422_vf_table",
    "fewer_cores",
    "level_statistics",
    "levelled_inference",
    "lumped_network",
    "power_from_headroom",
    "proactive",
    "reactive",
    "read_cpu_profile",
    "read_package",
    "read_vf_table",
    "run_inferences",
    "run_statistics",
    "steady_with_leakage",
    "stepper",
    "sustained_level",
    "thermal_grid",
    "throttled",
]
