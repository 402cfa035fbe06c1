"""Energies of an element from a file, and operating points by policy."""

import numpy as np
import pytest
from pe_tables import HEADER, PE_ROWS, row, write_pe_table

from voltile.core import Precision, VoltileError
from voltile.sim import Policy, operating_points, read_pe_energy

FULL, MIXED, HALF = Precision.FULL, Precision.MIXED, Precision.HALF


@pytest.fixture
def pe(tmp_path):
    return read_pe_energy(write_pe_table(tmp_path / "pe.csv"), "spatial", 8, 32)


def test_reads_energy_power_and_reach(pe):
    assert pe.precisions == (FULL, MIXED, HALF)
    assert pe.vdds.tolist() == [0.6, 0.8, 1.0]
    assert pe.area == pytest.approx(2000e-12)
    assert pe.macs_per_cycle.tolist() == [1, 2, 4]
    point = pe.at(np.full((1, 3), 1.0))
    # The formula of the rows: 2 pJ V2 over MACs per cycle of switching and internal energy, 100 uW
    # V of leakage, 0.4 pJ V2 of clock in an idle cycle.
    assert point.mac[0] == pytest.approx([2e-12, 1e-12, 0.5e-12])
    assert point.busy_leakage[0] == pytest.approx([1e-4] * 3)
    assert point.idle_leakage[0] == pytest.approx([0.9e-4] * 3)
    assert point.idle[0] == pytest.approx([0.4e-12] * 3)
    assert pe.max_frequency[0] == pytest.approx([3.6e8, 6.4e8, 1e9])


def test_between_supplies_logarithms_are_interpolated(pe):
    middle = pe.reach(np.full((1, 3), 0.7))[0]
    assert middle[0] == pytest.approx((3.6e8 * 6.4e8) ** 0.5)
    assert pe.at(np.full((1, 3), 0.9)).mac[0, 0] == pytest.approx(2e-12 * 0.8)
    # The lowest supply for a clock is the inverse.
    assert pe.lowest_vdd(middle[None])[0] == pytest.approx([0.7] * 3)
    assert pe.lowest_vdd(np.full((1, 3), 1e6))[0].tolist() == [0.6] * 3


def test_a_clock_rounded_in_the_table_takes_the_supply_of_the_table(tmp_path):
    """1e-7 of a clock is rounding; 1e-4 of it is 39 uV, a lower supply."""
    for reach, snapped in ((1e9 * (1 + 1e-7), True), (1e9 * (1 + 1e-4), False)):
        rows = [row("full", 1, vdd) for vdd in (0.8, 1.0)]
        rows += [row("half", 4, 0.8, reach=6e8), row("half", 4, 1.0, reach=reach)]
        path = tmp_path / "pe.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n")
        pe = read_pe_energy(path, "spatial", 8, 32)
        points = operating_points(pe, [HALF], [Policy.ISO_FREQUENCY], [1.0])
        assert (points.vdd[0, 0] == 1.0) == snapped
        assert points.vdd[0, 0] == pytest.approx(1.0, abs=1e-4)


def test_there_is_no_extrapolation(pe):
    with pytest.raises(VoltileError, match="characterised from 0.6 to 1 V, not at 0.59 V"):
        pe.at(np.full((1, 3), 0.59))
    with pytest.raises(VoltileError, match="at full precision reaches 1000.0 MHz at 1 V, not 1001"):
        pe.lowest_vdd(np.full((1, 3), 1.001e9))


def test_operating_points_of_every_policy(pe):
    points = operating_points(pe, [FULL, HALF], list(Policy), [1.0, 0.8])
    assert points.policies == tuple(item for item in Policy for _ in range(2))
    assert points.reference_vdd.tolist() == [1.0, 0.8] * 3
    vdd, frequency = points.vdd.reshape(3, 2, 2), points.frequency.reshape(3, 2, 2)
    assert frequency[0] == pytest.approx(np.array([[1e9, 1e9], [6.4e8, 6.4e8]]))
    assert vdd[0].tolist() == [[1.0, 1.0], [0.8, 0.8]]
    # Half precision reaches a tenth more, so that the same clock takes a lower supply: between 0.8
    # and 1.0 V the logarithm of the clock is a line.
    assert frequency[1] == pytest.approx(frequency[0])
    slope = np.log(1e9 / 6.4e8) / 0.2
    assert vdd[1, 0] == pytest.approx([1.0, 1.0 - np.log(1.1) / slope])
    # Four times the MACs per cycle: a fourth of the clock, 250 MHz, is met at 0.6 V.
    assert frequency[2] == pytest.approx(frequency[0] / [1, 4])
    assert vdd[2] == pytest.approx(np.array([[1.0, 0.6], [0.8, 0.6]]))
    # Points do not depend on what else is asked for.
    alone = operating_points(pe, [HALF], [Policy.ISO_THROUGHPUT], [1.0])
    assert alone.frequency[0, 0] == frequency[2, 0, 1]


def test_a_precision_that_was_not_measured(pe):
    with pytest.raises(VoltileError, match="no energies at mixed precision: it has those at full"):
        pe.of([FULL, HALF]).of([MIXED])


def drop(text, *words):
    return "\n".join(line for line in text.splitlines() if not all(w in line for w in words)) + "\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: drop(text, "mixed", ",0.8,"),
         "element spatial has no row at mixed precision and 0.8 V, as at another precision"),
        (lambda text: drop(text, "spatial"),
         "has no rows of mode highest-frequency for element spatial 8/32 (bits of operands and a"),
        (lambda text: text.replace("spatial,8,32", "spatial,8,20"), "it has spatial 8/20"),
        (lambda text: text.replace("highest-frequency", "constant-frequency"), "it has none"),
        (lambda text: text.replace("_pj", "_fj"), "the header must be pe,width,"),
        (lambda text: text.replace("idle_pj_per_cycle,", ""), "the header must be pe,width,"),
        (lambda text: text + PE_ROWS[0] + "\n", ":11: vdd_v must be another than on line 2, 0.6"),
        (lambda text: text.replace(",full,", ",fill,"), "precision must be one of full, mixed"),
        (lambda text: text.replace(row("full", 1, 1.0), row("full", 1, 1.0, reach=6e8)),
         ":4: max_frequency_hz must be above that of a lower supply, 6.4e+08"),
        (lambda text: text.replace(row("full", 1, 1.0), row("full", 1, 1.0, total=2.2)),
         ":4: energy_per_mac_pj must be the sum of switching_pj, internal_pj, leakage_pj, 2.1"),
        (lambda text: text.replace(row("full", 1, 1.0), row("full", 1, 1.0, gated=0.5)),
         ":4: idle_pj_per_cycle must be above gated_pj_per_cycle, 0.5"),
        (lambda text: text.replace(row("full", 1, 1.0), row("full", "nan", 1.0)),
         ":4: macs_per_cycle must be finite, not nan"),
        (lambda text: text.replace(PE_ROWS[1], PE_ROWS[1].replace(",2000", ",2001")),
         ":3: area_um2 must be that of line 2, 2000"),
        (lambda text: "", "is empty"),
    ],
)  # fmt: skip
def test_rejects_damaged_tables(tmp_path, change, message):
    path = tmp_path / "pe.csv"
    path.write_text(change("\n".join([HEADER, *PE_ROWS]) + "\n"))
    with pytest.raises(VoltileError) as error:
        read_pe_energy(path, "spatial", 8, 32)
    assert str(path) in str(error.value) and message in str(error.value)
