"""Faults of the options that `voltile energy` and `voltile sweep` share, a clause each."""

from collections.abc import Iterable, Iterator

from voltile.power import DRAM_ENERGY
from voltile.sim import ELEMENTS, CycleMode, Dataflow, Policy

# Slower, and cycles of waiting would not fit 64 bits [byte/s].
_LEAST_BANDWIDTH = 1e3


def unknown_names(what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Yield a clause for each name that is not known."""
    allowed = list(known)
    for name in names:
        if name not in allowed:
            yield f"{what} must be {', '.join(allowed)}, not {name}"


def option_faults(
    dataflows: Iterable[str],
    modes: Iterable[str],
    pes: Iterable[str],
    policies: Iterable[str],
    dram: str,
    bandwidth: float,
) -> Iterator[str]:
    """Yield a clause for each name that is not known, and for a DRAM too slow to count with.

    Parameters
    ----------
    bandwidth : float
        Of the DRAM [byte/s].
    """
    yield from unknown_names("dataflow", dataflows, [item.value for item in Dataflow])
    yield from unknown_names("mode", modes, [item.value for item in CycleMode])
    yield from unknown_names("pe", pes, ELEMENTS)
    yield from unknown_names("policy", policies, [item.value for item in Policy])
    yield from unknown_names("dram", [dram], DRAM_ENERGY)
    if not bandwidth >= _LEAST_BANDWIDTH:
        yield (
            f"bandwidth of the DRAM must be {_LEAST_BANDWIDTH * 1e-9:g} GB/s or more, not "
            f"{bandwidth * 1e-9:g}"
        )
