"""The processor of dissertation 4.2: Cortex-A15 cores of an Exynos 5422 on an Odroid-XU4 board.

What is known of it: two of its voltages, and after what time a cold chip reaches T_max under four
networks (Table 4.3), to which the power of each network is fitted. That leaves open how resistance
and capacitance are shared between die and package, and what the chip leaks: `ThermalAssumptions`
holds what is assumed of these, with a range for each. Watts are in proportion to an assumed total
resistance of 10 K/W; temperatures and latencies do not depend on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from voltile.core import VoltileError
from voltile.pdk import read_technology
from voltile.power.thermal.cpu import Cpu, Inference
from voltile.power.thermal.cpu_files import CpuProfile
from voltile.power.thermal.headroom import power_from_headroom
from voltile.power.thermal.leakage_feedback import Leakage
from voltile.power.thermal.network import lumped_network
from voltile.power.thermal.vf_characterization import Throttling
from voltile.power.thermal.vf_table import VfTable

# Dissertation 4.2.3. Limit and VF_low are its, too; of the kernel that it ran (Linux 3.10,
# drivers/thermal/exynos_thermal.c) hysteresis is `threshold_falling` of the Exynos 5422 and the
# period PASSIVE_INTERVAL.
_STEP, _SLOWEST, _FASTEST = 100e6, 200e6, 2000e6
_KNOWN_FREQUENCY, _KNOWN_VDD = (900e6, 2000e6), (0.8875, 1.3625)
_CORES = 4
EXYNOS5422_THROTTLING = Throttling(low=900e6, limit=90.0, hysteresis=2.0, period=0.1)

# Table 4.2: nominal latency; Table 4.3: time below T_max at VF_max. [s]
EXYNOS5422_HEADROOM: Mapping[str, tuple[float, float]] = {
    "mobilenet_v1": (31.99e-3, 1.26),
    "mobilenet_v2": (30.24e-3, 1.27),
    "inception_v1": (87.84e-3, 2.21),
    "inception_v4": (658.06e-3, 2.93),
}

_RESISTANCE = 10.0


@dataclass(frozen=True)
class ThermalAssumptions:
    """What the dissertation does not tell of the chip.

    Attributes
    ----------
    ambient : float
        [degrees Celsius].
    idle : float
        Die before the first inference; 31 and 47 in two runs of sbc-bench
        (results/reviews/Hardkernel-ODROID-XU4.md) [degrees Celsius].
    die_share : float
        Of the total resistance, that from die to package.
    die_time, package_time : float
        Resistance times capacitance of each stage [s].
    leakage_share : float
        Of the power that holds the chip at T_max, at the highest supply.
    """

    ambient: float = 25.0
    idle: float = 39.0
    die_share: float = 0.7
    die_time: float = 1.0
    package_time: float = 60.0
    leakage_share: float = 0.2


# Lowest and highest that is plausible of each.
ASSUMPTION_RANGES: Mapping[str, tuple[float, float]] = {
    "ambient": (20.0, 30.0),
    "idle": (31.0, 47.0),
    "die_share": (0.5, 0.9),
    "die_time": (0.5, 2.0),
    "package_time": (20.0, 180.0),
    "leakage_share": (0.1, 0.3),
}


def exynos5422_vf_table() -> VfTable:
    """Return 200 MHz to 2 GHz: 0.8875 V at 900 MHz, 1.3625 V at 2 GHz, a line between, none below.

    The dissertation gives these two voltages; levels below 900 MHz are taken to be at that of 900.
    """
    frequency = np.arange(_SLOWEST, _FASTEST + _STEP / 2, _STEP)
    vdd = np.interp(frequency, _KNOWN_FREQUENCY, _KNOWN_VDD)
    return VfTable("exynos5422 (voltages interpolated)", frequency, vdd)


def exynos5422(assumed: ThermalAssumptions) -> Cpu:
    """Return the processor; its leakage grows with temperature as that of FreePDK45 cells does."""
    shares = (assumed.die_share, 1 - assumed.die_share)
    resistances = tuple(share * _RESISTANCE for share in shares)
    times = (assumed.die_time, assumed.package_time)
    capacitances = tuple(t / r for t, r in zip(times, resistances, strict=True))
    network = lumped_network(resistances, capacitances, assumed.ambient)
    table = read_technology("freepdk45").leakage_temperature()
    factors = table.factors(float(table.vdds[-1]))
    limit = EXYNOS5422_THROTTLING.limit
    at_limit = np.exp(np.interp(limit, table.temperatures, np.log(factors)))
    leakage = assumed.leakage_share * (limit - assumed.ambient) / _RESISTANCE
    return Cpu(
        exynos5422_vf_table(),
        _CORES,
        network,
        (assumed.idle - assumed.ambient) / _RESISTANCE,
        Leakage(table.temperatures, leakage * (factors / at_limit)[:, None]),
    )


def exynos5422_inference(cpu: Cpu, name: str) -> Inference:
    """Return a network of Table 4.2 with the power that Table 4.3 tells of on a chip.

    Raises
    ------
    VoltileError
        When there is no such network, or no such power.
    """
    if name not in EXYNOS5422_HEADROOM:
        raise VoltileError(f"no workload '{name}': built in are {', '.join(EXYNOS5422_HEADROOM)}")
    latency, safe = EXYNOS5422_HEADROOM[name]
    limit = EXYNOS5422_THROTTLING.limit
    return power_from_headroom(cpu, Inference(name, latency, 0.0), safe, limit)


def exynos5422_profile(assumed: ThermalAssumptions) -> CpuProfile:
    """Return the processor with all networks of Table 4.2."""
    cpu = exynos5422(assumed)
    inferences = {name: exynos5422_inference(cpu, name) for name in EXYNOS5422_HEADROOM}
    note = (
        "power of the networks fitted to Table 4.3; ambient, idle temperature, resistances, "
        "capacitances and leakage are assumed, voltages but two interpolated"
    )
    return CpuProfile(cpu, inferences, EXYNOS5422_THROTTLING, note)
