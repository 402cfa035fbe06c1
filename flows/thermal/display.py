"""Tables that `voltile thermal` prints."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from voltile.flows.thermal.accelerator_job import AcceleratorResult
from voltile.flows.thermal.job import WorkloadResult


def results_table(results: Sequence[WorkloadResult], duration: float) -> Table:
    """Return latency, level and throttling of every workload, for the most inferences."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left", caption=(
        "over: above nominal; at: VF_opt of N; saving: of mean latency against reactive, for N and "
        "the largest of all N; throttled: share of the time at VF_low in a run of "
        f"{duration:g} s, reactive, and proactive at VF_opt of the row."
    ))  # fmt: skip
    table.add_column("mean latency, ms", no_wrap=True)
    for name in ("N", "nominal", "reactive", "over", "proactive", "over", "at GHz", "saving",
                 "largest", "throttled", "pro."):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        reactive, proactive = float(result.reactive.latency[-1]), float(result.proactive[-1])
        table.add_row(
            result.name, str(result.counts[-1]), f"{result.nominal * 1e3:.2f}",
            f"{reactive * 1e3:.2f}", f"{reactive / result.nominal - 1:z.1%}",
            f"{proactive * 1e3:.2f}", f"{proactive / result.nominal - 1:z.1%}",
            f"{result.vf_opt / 1e9:g}", f"{result.saving[-1]:z.1%}",
            f"{result.saving.max():z.1%}",
            *(f"{run.slowed_share(duration):z.1%}" for run in result.traces.values()),
        )  # fmt: skip
    return table


def cores_table(results: Sequence[WorkloadResult]) -> Table:
    """Return core shutdown beside proactive DVFS for every workload (Table 4.4)."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left", caption=(
        "Fewer cores at VF_max. held: from the start, throttled to VF_low; shut down: all cores, "
        "fewer above T_max and no throttling, with the temperature that this reaches; proactive: "
        "all cores; worst: of all N."
    ))  # fmt: skip
    table.add_column("mean latency, ms", no_wrap=True)
    for name in ("N", "cores", "nominal", "held", "throttled", "shut down", "hottest °C",
                 "proactive", "worst"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        if (fewer := result.fewer) is None:
            continue
        shut = fewer.shut_down
        table.add_row(
            result.name, str(result.counts[-1]), str(fewer.cores), f"{fewer.nominal * 1e3:.2f}",
            f"{fewer.held.latency[-1] * 1e3:.2f}", f"{fewer.held.throttled[-1]:z.1%}",
            f"{shut.latency[-1] * 1e3:.2f}" if shut else "runs away", f"{fewer.hottest:.1f}",
            f"{result.proactive[-1] * 1e3:.2f}", f"{result.proactive.max() * 1e3:.2f}",
        )  # fmt: skip
    return table


def accelerator_table(results: Sequence[AcceleratorResult], limit: float) -> Table:
    """Return what both governors sustain on every workload."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption_justify="left", caption=(
        f"inferences per second of one accelerator below {limit:g} °C, in the second half of the "
        "time; VF_max, VF_opt: MHz; steady: hottest cell at rest without throttling, °C; "
        "throttled: share of that half at VF_low, reactive."
    ))  # fmt: skip
    table.add_column("sustained", no_wrap=True)
    table.add_column("scheme", no_wrap=True)
    for name in ("VF_max", "steady", "throttled", "reactive", "VF_opt", "Vdd", "steady",
                 "proactive", "gain"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        accelerator, reactive, held = (
            result.workload.accelerator, result.reactive, result.proactive
        )  # fmt: skip
        hottest = [
            "runs away" if item.steady is None else f"{accelerator.hottest(item.steady):.1f}"
            for item in (reactive, held)
        ]
        table.add_row(
            result.workload.inference.name, result.workload.scheme,
            f"{reactive.frequency / 1e6:.0f}", hottest[0], f"{reactive.throttled:.1%}",
            f"{reactive.rate:.4g}", f"{held.frequency / 1e6:.0f}", f"{held.vdd:.3g}", hottest[1],
            f"{held.rate:.4g}", f"{result.gain:z.1%}",
        )  # fmt: skip
    return table
