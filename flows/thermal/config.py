"""What `voltile thermal` characterises: a CPU, its levels, its workloads, its governor."""

from dataclasses import dataclass, replace
from pathlib import Path

from voltile.core import VoltileError
from voltile.flows.thermal.governor import OPTIONS, check_duration, check_governor
from voltile.power.thermal import (
    Cpu,
    CpuProfile,
    ThermalAssumptions,
    exynos5422_profile,
    read_cpu_profile,
    read_vf_table,
)

BUILT_IN_CPU = "exynos5422"
# What `Throttling` holds, in the file of a CPU.
_KEYS = {
    "low": "low_mhz", "limit": "limit_c", "hysteresis": "hysteresis_k", "period": "period_ms"
}  # fmt: skip
# Frequencies so close are the same.
_SAME = 1e-6


@dataclass(frozen=True)
class ThermalConfig:
    """What is characterised.

    Attributes
    ----------
    cpu : str
        Built-in, or a TOML file (`voltile.power.thermal.cpu_files`).
    workloads : tuple of str
        Of the CPU's; empty: all.
    vf : Path or None
        Another VF table for it.
    counts : tuple of int
        Numbers of inferences, ascending.
    duration : float
        Of the traces [s].
    low, limit, hysteresis, period : float or None
        As in `Throttling`; None: the CPU's.
    cores : int or None
        Of core shutdown; None: one fewer than the CPU has.
    """

    cpu: str = BUILT_IN_CPU
    workloads: tuple[str, ...] = ()
    vf: Path | None = None
    counts: tuple[int, ...] = tuple(range(50, 1001, 50))
    duration: float = 100.0
    low: float | None = None
    limit: float | None = None
    hysteresis: float | None = None
    period: float | None = None
    cores: int | None = None


def read_profile(config: ThermalConfig) -> CpuProfile:
    """Return the CPU with the table, the throttling and the workloads that are asked for.

    Raises
    ------
    VoltileError
    """
    if config.cpu == BUILT_IN_CPU:
        profile = exynos5422_profile(ThermalAssumptions())
    elif Path(config.cpu).is_file():
        profile = read_cpu_profile(Path(config.cpu))
    else:
        raise VoltileError(
            f"no CPU '{config.cpu}': built in is {BUILT_IN_CPU}; or give a TOML file"
        )
    for name in config.workloads:
        if name not in profile.inferences:
            raise VoltileError(
                f"no workload '{name}': {config.cpu} has {', '.join(profile.inferences)}"
            )
    names = config.workloads or tuple(profile.inferences)
    given = {name: getattr(config, name) for name in OPTIONS if getattr(config, name) is not None}
    return replace(
        profile,
        cpu=_with_levels(profile.cpu, config.vf) if config.vf else profile.cpu,
        inferences={name: profile.inferences[name] for name in names},
        throttling=replace(profile.throttling, **given),
    )


def check_profile(profile: CpuProfile, config: ThermalConfig) -> None:
    """Check that the governor can throttle, cores can be shut down, and runs end before long.

    Raises
    ------
    VoltileError
    """
    names = {
        name: f"{config.cpu}: throttling.{key}" if getattr(config, name) is None else OPTIONS[name]
        for name, key in _KEYS.items()
    }
    cpu, by = profile.cpu, profile.throttling
    check_governor(cpu, by, cpu.leakage.limit, names)
    most = cpu.cores - 1
    if config.cores is not None and not 1 <= config.cores <= most:
        raise VoltileError(
            f"--cores must be 1 or more, and fewer than the {cpu.cores} of {config.cpu}, not "
            f"{config.cores}"
        )
    nominal = max(item.latency for item in profile.inferences.values())
    check_duration(config.duration, by.period, 1, config.counts[-1] * nominal)


def _with_levels(cpu: Cpu, vf: Path) -> Cpu:
    """Take the levels of a file; at the highest stays what is known of the workloads."""
    table = read_vf_table(vf)
    own, new = cpu.table.frequency[-1], table.frequency[-1]
    if abs(new / own - 1) > _SAME:
        raise VoltileError(
            f"the highest level of {vf} must be {own / 1e6:g} MHz, at which latency and power of "
            f"the workloads are known, not {new / 1e6:g} MHz"
        )
    return replace(cpu, table=table)
