"""Energy of layers: its parts by hand, over precisions and operating points."""

from dataclasses import replace

import numpy as np
import pytest
from energy_cases import CONTROL, FULL, HALF, MEMORIES, two_layers
from pe_tables import write_pe_table

from voltile.core import Precision, VoltileError
from voltile.sim import (
    ENERGY_PARTS,
    Policy,
    layer_energies,
    operating_points,
    read_pe_energy,
    weight_reconfiguration,
)


@pytest.fixture
def pe(tmp_path):
    return read_pe_energy(write_pe_table(tmp_path / "pe.csv"), "spatial", 8, 32)


def energies(costs, pe, policies=tuple(Policy), vdds=(1.0,)):
    points = operating_points(pe, costs.precisions, policies, vdds)
    return layer_energies(costs, pe, points, MEMORIES, CONTROL)


def test_parts_by_hand(pe):
    found = energies(two_layers(), pe, [Policy.SAME_SUPPLY])
    # 1.0 V, 1 GHz. Full precision: a MAC takes 2 pJ, an idle cycle of one of 8 elements 0.4 pJ.
    busy, every = 288, 8 * 50
    assert found.parts["pe_dynamic"][0, 0, 0] == pytest.approx(
        busy * 2e-12 + (every - busy) * 0.4e-12
    )
    assert found.parts["pe_leakage"][0, 0, 0] == pytest.approx(
        (busy * 1e-4 + (every - busy) * 0.9e-4) * 1e-9
    )
    assert found.parts["sram"][0, 0, 0] == pytest.approx(
        (40 * 2 + 18 * 3 + 44 * 5 + 8 * 7 + (4 + 18) * 11 + 20 * 13) * 1e-12 + 6e-5 * 50e-9
    )
    assert found.parts["dram"][0, 0, 0] == pytest.approx((68 + 72) * 8 * 8e-12)
    assert found.parts["control"][0, 0, 0] == pytest.approx((50 + 80) * 10e-12 + 1e-3 * 50e-9)
    # Half: four MACs a cycle, 72 element cycles of 120 are busy.
    assert found.parts["pe_dynamic"][0, 1, 0] == pytest.approx(288 * 0.5e-12 + 48 * 0.4e-12)
    # Pooling: the array stands by, its clock on.
    assert found.parts["pe_dynamic"][0, 0, 1] == pytest.approx(8 * 9 * 0.4e-12)
    assert found.total == pytest.approx(sum(found.parts[name] for name in ENERGY_PARTS))
    assert found.time[0, 0] == pytest.approx([50e-9, 9e-9])


def test_lower_supply_and_clock(pe):
    found = energies(two_layers(), pe, [Policy.ISO_THROUGHPUT])
    # Half precision at 250 MHz and 0.6 V: switching and clock by 0.36, leakage by 0.6 and for four
    # times as long, memories as they were.
    assert found.parts["pe_dynamic"][0, 1, 0] == pytest.approx(
        0.36 * (288 * 0.5e-12 + 48 * 0.4e-12)
    )
    assert found.parts["pe_leakage"][0, 1, 0] == pytest.approx(
        4 * 0.6 * (72 * 1e-4 + 48 * 0.9e-4) * 1e-9
    )
    nominal = energies(two_layers(), pe, [Policy.SAME_SUPPLY])
    for name, watts in (("sram", 6e-5), ("control", 1e-3)):
        more = found.parts[name] - nominal.parts[name]
        assert more[0, 1] == pytest.approx(watts * 3 * np.array([15e-9, 9e-9]))
    assert found.parts["dram"][0].tolist() == nominal.parts["dram"][0].tolist()


def test_stalls_take_time_clock_and_leakage(pe):
    # 1 GB/s is a byte a cycle at 1 GHz, four at 250 MHz: one part is loaded, computed, unloaded.
    costs = two_layers(bandwidth=1e9)
    found = energies(costs, pe, [Policy.SAME_SUPPLY, Policy.ISO_THROUGHPUT])
    assert found.stalls.tolist() == [[[140, 80], [70, 40]], [[140, 80], [18, 10]]]
    free = energies(two_layers(), pe, [Policy.SAME_SUPPLY, Policy.ISO_THROUGHPUT])
    more = {name: found.parts[name] - free.parts[name] for name in ENERGY_PARTS}
    assert more["pe_dynamic"][0, 0] == pytest.approx(8 * np.array([140, 80]) * 0.4e-12)
    assert more["pe_leakage"][0, 0] == pytest.approx(8 * np.array([140e-9, 80e-9]) * 0.9e-4)
    assert more["sram"][0, 0] == pytest.approx(6e-5 * np.array([140e-9, 80e-9]))
    assert more["control"][0, 0] == pytest.approx(
        np.array([140, 80]) * 10e-12 + 1e-3 * np.array([140e-9, 80e-9])
    )
    assert more["dram"].tolist() == np.zeros((2, 2, 2)).tolist()


def test_one_call_is_many_calls(pe):
    costs = two_layers(bandwidth=1e9)
    together = energies(costs, pe, tuple(Policy), (1.0, 0.9, 0.7))
    for at, (policy, vdd) in enumerate((p, v) for p in Policy for v in (1.0, 0.9, 0.7)):
        alone = energies(costs, pe, [policy], [vdd])
        for name in ENERGY_PARTS:
            assert together.parts[name][at] == pytest.approx(alone.parts[name][0], rel=1e-12)


def test_table_has_a_row_per_point_precision_and_layer(pe):
    found = energies(two_layers(), pe, tuple(Policy), (1.0, 0.8))
    columns = found.table("toy").columns
    assert len(found.table("toy")) == 3 * 2 * 2 * 2
    at = [
        (policy, vdd, precision, layer)
        for policy in ("same-supply", "iso-frequency", "iso-throughput")
        for vdd in (1.0, 0.8)
        for precision in ("full", "half")
        for layer in ("conv", "pool")
    ]
    keys = ("policy", "reference_vdd_v", "precision", "layer")
    assert list(zip(*(columns[key].tolist() for key in keys), strict=True)) == at
    row = at.index(("iso-throughput", 1.0, "half", "conv"))
    expected = {
        "network": "net", "batch": 1, "op": "conv", "vdd_v": 0.6, "cycles": 15, "stall_cycles": 0,
        "macs": 288, "utilisation": 0.6, "dram_bytes": 70, "act_sram_accesses": 19,
        "weight_sram_accesses": 15, "out_sram_accesses": 21,
    }  # fmt: skip
    assert {name: columns[name][row] for name in expected} == expected
    assert columns["frequency_hz"][row] == pytest.approx(250e6)
    assert columns["total_pj"][row] == pytest.approx(found.total[4, 1, 0] * 1e12)


def test_rejects_an_element_that_is_slower_than_the_cycles(pe):
    slow = replace(pe, macs_per_cycle=pe.macs_per_cycle / 2)
    with pytest.raises(VoltileError, match=r"does fewer MACs per cycle \(0.5, 2\) than that of"):
        energies(two_layers(), slow)
    with pytest.raises(VoltileError, match="no energies at full precision"):
        energies(two_layers(), pe.of([HALF, Precision.MIXED]))


def test_weight_reconfiguration_by_hand():
    costs = two_layers()
    found = weight_reconfiguration(costs.workload, costs.config, MEMORIES)
    # 32 weights: 32 bytes from the DRAM, 16 into words of 4 x 16 bits.
    assert (found.weights, found.dram_bytes, found.sram_writes) == (32, 32, 2)
    assert found.energy == pytest.approx(32 * 8 * 8e-12 + 2 * 7e-12)
    assert costs.precisions == (FULL, HALF)
