"""A processor, its package, what it computes and how it throttles, from a TOML file.

cores = 4
vf = "levels.csv"               # frequency_mhz,vdd_v; beside this file
ambient_c = 25
background_w = 1.5
[stages.die]                    # from the die to the ambient; the resistance is to the next
resistance_k_per_w = 7
capacitance_j_per_k = 0.15
[stages.package]
resistance_k_per_w = 3
capacitance_j_per_k = 20
[leakage]                       # at the highest level with all cores on; powers of 0: none
temperatures_c = [0, 50, 100, 150]
powers_w = [0.2, 0.5, 1.1, 2.0]
[throttling]
low_mhz = 900
limit_c = 90
hysteresis_k = 2
period_ms = 100
[workloads.mobilenet]           # at the highest level on all cores
latency_ms = 32
power_w = 5
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voltile.core import TechnologyError, TomlSection, read_checked_toml
from voltile.power.thermal.cpu import Cpu, Inference
from voltile.power.thermal.leakage_feedback import Leakage
from voltile.power.thermal.network import ThermalNetwork, lumped_network
from voltile.power.thermal.vf_characterization import Throttling
from voltile.power.thermal.vf_table import read_vf_table

_LEAST, _MOST = 1e-9, 1e9


@dataclass(frozen=True, eq=False)
class CpuProfile:
    """All that a thermal characterisation needs to know.

    Attributes
    ----------
    inferences : mapping of name to Inference
    note : str
        What a user must know of where it comes from; empty: nothing.
    files : tuple of Path
        What it is read from.
    """

    cpu: Cpu
    inferences: Mapping[str, Inference]
    throttling: Throttling
    note: str = ""
    files: tuple[Path, ...] = ()


def read_cpu_profile(path: Path) -> CpuProfile:
    """Read a profile.

    Raises
    ------
    VoltileError
        When a file cannot be read, or a value is missing or out of range.
    """
    try:
        with read_checked_toml(path) as top:
            return _profile(top, path)
    except OSError as error:
        raise TechnologyError(f"{path} cannot be read: {error.strerror}") from None


def cpu_profile_content(profile: CpuProfile) -> dict[str, Any]:
    """Return what the file of a profile holds, with its levels in the place of their file's name.

    The network must be one of `lumped_network`.
    """
    cpu, by = profile.cpu, profile.throttling
    network = cpu.network
    conductances = [*-network.conductance.diagonal(1), network.to_ambient[-1]]
    return {
        "cores": cpu.cores,
        "vf": {
            "frequency_mhz": (cpu.table.frequency / 1e6).tolist(),
            "vdd_v": cpu.table.vdd.tolist(),
        },
        "ambient_c": network.ambient,
        "background_w": cpu.background,
        "stages": [
            {
                "resistance_k_per_w": float(1 / conductance),
                "capacitance_j_per_k": float(capacitance),
            }
            for conductance, capacitance in zip(conductances, network.capacitance, strict=True)
        ],
        "leakage": {
            "temperatures_c": cpu.leakage.temperatures.tolist(),
            "powers_w": cpu.leakage.power[:, 0].tolist(),
        },
        "throttling": {
            "low_mhz": by.low / 1e6,
            "limit_c": by.limit,
            "hysteresis_k": by.hysteresis,
            "period_ms": by.period * 1e3,
        },
        "workloads": {
            name: {"latency_ms": item.latency * 1e3, "power_w": item.power}
            for name, item in profile.inferences.items()
        },
    }


def _profile(top: TomlSection, path: Path) -> CpuProfile:
    levels = path.parent / top.text("vf")
    table = read_vf_table(levels)
    with top.section("leakage") as section:
        temperatures = np.array(section.numbers("temperatures_c", -100, 300, 2))
        powers = np.array(section.numbers("powers_w", 0, _MOST, 2, same=True))
    if len(powers) != len(temperatures):
        raise TechnologyError(
            f"{path}: leakage.powers_w must be as many as temperatures_c, {len(temperatures)}, not "
            f"{len(powers)}"
        )
    if powers[0] == 0 < powers[-1]:
        raise TechnologyError(
            f"{path}: leakage.powers_w must be above 0, as it grows exponentially, or 0 "
            f"throughout, not {powers.tolist()}"
        )
    cpu = Cpu(
        table,
        top.whole("cores", 1, 1024),
        _network(top, top.number("ambient_c", -100, 200)),
        top.number("background_w", 0, _MOST, default=0.0),
        Leakage(temperatures, powers[:, None]),
    )
    with top.section("throttling") as section:
        throttling = Throttling(
            section.number("low_mhz", _LEAST, _MOST, 1e6),
            section.number("limit_c", -100, 300),
            section.number("hysteresis_k", 0, 100),
            section.number("period_ms", 1e-3, 1e6, 1e-3),
        )
    inferences = {}
    with top.section("workloads") as workloads:
        for name in workloads.names:
            with workloads.section(name) as section:
                latency = section.number("latency_ms", 1e-3, _MOST, 1e-3)
                inferences[name] = Inference(name, latency, section.number("power_w", 0, _MOST))
    return CpuProfile(cpu, inferences, throttling, files=(path, levels))


def _network(top: TomlSection, ambient: float) -> ThermalNetwork:
    resistances, capacitances = [], []
    with top.section("stages") as stages:
        for name in stages.names:
            with stages.section(name) as stage:
                resistances.append(stage.number("resistance_k_per_w", _LEAST, _MOST))
                capacitances.append(stage.number("capacitance_j_per_k", _LEAST, _MOST))
    return lumped_network(tuple(resistances), tuple(capacitances), ambient)
